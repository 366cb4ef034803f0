import AloraJSON
import AloraTestSupport
import Foundation
import Testing

@testable import AloraSchemas

/// Texts and tokens as llguidance allows them: scripts/differential/schema_cases.py.
@Suite struct SchemaDifferentialTests {
  /// Single bytes are a vocabulary, too.
  private static func bytes() throws -> SchemaVocabulary {
    try SchemaVocabulary((0..<256).map { [UInt8($0)] } + [[]], endTokens: [256])
  }

  /// What llguidance judges otherwise for reasons of its own; docs/schemas.md explains each.
  private static func isKnown(_ schema: String, _ text: String) -> Bool {
    let isBounded = schema.contains("inimum") || schema.contains("aximum")
    return text.contains("-0") && isBounded || text.contains("\u{7F}") || text.contains(":60")
      || schema.contains(#""multipleOf":0."#) || schema.contains(#""multipleOf":1.5"#)
      || schema.contains("1000.0") && text.contains("1000")
  }

  @Test func textsAreThoseOfLLGuidance() throws {
    let data = try JSONDocument(path: testData("schemas/cases.json")).root
    let vocabulary = try Self.bytes()
    var (count, known) = (0, 0)
    for entry in try data["cases"].elements() {
      let schema = try entry["schema"]
      if try entry[optional: "error"] != nil {
        // What fits no value for llguidance fits none here.
        #expect(caught(SchemaError.self) { _ = try CompiledSchema(schema) } != nil, "\(schema.serialized)")
        continue
      }
      let masks = SchemaMasks(try CompiledSchema(schema), vocabulary)
      for item in try entry["texts"].elements() {
        let parts = try item.elements()
        let text = try parts[0].string()
        let (isPrefix, isComplete) = (try parts[1].boolean(), try parts[2].boolean())
        let place = try masks.place(afterBytes: text.utf8, from: masks.start())
        count += 1
        guard (place != nil) != isPrefix || (place?.isComplete ?? false) != isComplete else { continue }
        if Self.isKnown(schema.serialized, text) {
          known += 1
          continue
        }
        Issue.record(
          "\(schema.serialized): \(text.debugDescription): \(place != nil) \(place?.isComplete ?? false), not \(isPrefix) \(isComplete)"
        )
      }
    }
    #expect(count > 1500 && known < 40, "\(known) of \(count)")
  }

  /// Every mask of llguidance's, token by token, where `make schemas` has written them.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["ALORA_SCHEMA_CASES"] != nil))
  func masksAreThoseOfLLGuidance() throws {
    let directory = try #require(ProcessInfo.processInfo.environment["ALORA_SCHEMA_CASES"])
    let record = try RecordedMasks(directory: directory)
    var kinds: [String: Int] = [:]
    var reported: [String: Int] = [:]
    var (schemas, refused, compared, equal, seconds, slowest) = (0, 0, 0, 0, 0.0, 0.0)
    for entry in record.entries {
      guard let compiled = try? CompiledSchema(entry.schema) else {
        // What llguidance takes and we refuse.
        refused += 1
        print("refused here: \(entry.schema.serialized.prefix(200))")
        continue
      }
      schemas += 1
      let masks = SchemaMasks(compiled, record.vocabulary)
      for walk in entry.walks {
        var place = try masks.start()
        for (step, theirs) in walk.masks.enumerated() {
          let start = ContinuousClock.now
          let mask = try masks.mask(at: place)
          let taken = Double((ContinuousClock.now - start).components.attoseconds) * 1e-18
          (seconds, slowest, compared) = (seconds + taken, max(slowest, taken), compared + 1)
          let before = walk.tokens[..<step].flatMap { record.pieces[$0] }
          var isEqual = true
          for token in RecordedMasks.differences(theirs, mask) {
            isEqual = false
            let isOurs = mask.contains(token)
            let kind = SchemaDifference(
              before: before, token: record.pieces[token], isOurs: isOurs, schema: entry.schema.serialized)
            kinds["\(kind)", default: 0] += 1
            guard kind == .unexplained, reported[entry.schema.serialized, default: 0] < 2 else { continue }
            reported[entry.schema.serialized, default: 0] += 1
            Issue.record(
              """
              \(entry.schema.serialized.prefix(300)) after \(String(decoding: before, as: UTF8.self).debugDescription): only \
              \(isOurs ? "here" : "there"): \(String(decoding: record.pieces[token], as: UTF8.self).debugDescription)
              """)
          }
          equal += isEqual ? 1 : 0
          guard step < walk.tokens.count else { break }
          guard let next = try masks.place(after: walk.tokens[step], from: place) else { break }
          place = next
        }
      }
    }
    #expect(schemas > 0 && kinds["unexplained"] == nil)
    print(
      """
      \(schemas) schemas, \(refused) refused here; \(compared) masks, \(equal) equal; tokens that differ, by kind: \(kinds); \
      a mask takes \(seconds / Double(max(1, compared)) * 1e3) ms on average, \(slowest * 1e3) ms at most
      """)
  }
}

/// Why a mask differs from llguidance's; docs/schemas.md explains each.
enum SchemaDifference {
  /// The delete character stands for itself in JSON's strings, and not in llguidance's.
  case delete
  /// `\/`, and other characters by their number: each side has some that the other doesn't.
  case escape
  /// llguidance has -0 between bounds.
  case negativeZero
  /// llguidance's bounded numbers and multiples lack some spellings of the same values, like zeros at the end.
  case spelledNumber
  /// llguidance has a 60th second in every minute.
  case leapSecond
  /// llguidance has 29 February in every year.
  case leapDay
  /// llguidance lacks some IPv6 addresses that end in an IPv4 address.
  case mixedAddress
  case unexplained

  init(before: [UInt8], token: [UInt8], isOurs: Bool, schema: String) {
    let backslash = UInt8(ascii: "\\")
    let backslashes = before.reversed().drop { Character(Unicode.Scalar($0)).isHexDigit || $0 == UInt8(ascii: "u") }
      .prefix { $0 == backslash }.count
    let isInEscape = !backslashes.isMultiple(of: 2) || token.contains(backslash)
    let number = before.reversed().prefix {
      $0 < 0x3A && $0 > 0x2F || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
    }
    let isBounded = schema.contains("inimum") || schema.contains("aximum") || schema.contains("multipleOf")
    if isInEscape {
      self = .escape
    } else if isOurs, token.contains(0x7F) {
      self = .delete
    } else if !isOurs, isBounded, (number.reversed() + token).starts(with: "-0".utf8) {
      self = .negativeZero
    } else if isOurs, isBounded, !number.isEmpty {
      self = .spelledNumber
    } else if !isOurs, before.last == UInt8(ascii: ":"), token.first == UInt8(ascii: "6"), schema.contains("time") {
      self = .leapSecond
    } else if !isOurs, before.suffix(5) == Array("-02-2".utf8)[...], token.first == UInt8(ascii: "9") {
      self = .leapDay
    } else if isOurs, schema.contains("ipv6"), before.contains(UInt8(ascii: ":")), token.contains(UInt8(ascii: ".")) {
      self = .mixedAddress
    } else {
      self = .unexplained
    }
  }
}

/// What scripts/differential/schema_cases.py has written.
struct RecordedMasks {
  struct Entry {
    let schema: JSON
    var walks: [(tokens: [Int], masks: [Data])] = []
  }

  let vocabulary: SchemaVocabulary
  let pieces: [[UInt8]]
  private(set) var entries: [Entry] = []

  init(directory: String) throws {
    let data = try JSONDocument(path: directory + "/cases.json", limit: 1 << 30).root
    let stream = try Data(contentsOf: URL(fileURLWithPath: directory + "/masks.bin"), options: .alwaysMapped)
    pieces = try data["vocabulary"].elements().map { try Self.bytes(hexadecimal: $0.string()) }
    vocabulary = try SchemaVocabulary(pieces, endTokens: [data["end"].integer()])
    let size = try data["mask_bytes"].integer()
    var offset = 0
    for element in try data["cases"].elements() {
      guard let walks = try element[optional: "walks"] else { continue }
      var entry = Entry(schema: try element["schema"])
      for (walk, count) in zip(try walks.elements(), try element["masks"].integers(in: 0...1000)) {
        let masks = (0..<count).map { stream[(offset + $0 * size)..<(offset + ($0 + 1) * size)] }
        entry.walks.append((try walk.integers(in: 0...1_000_000), masks))
        offset += count * size
      }
      entries.append(entry)
    }
  }

  /// The tokens that one of two masks has.
  static func differences(_ theirs: Data, _ ours: TokenMask) -> [Int] {
    var result: [Int] = []
    for (index, word) in ours.words.enumerated() {
      var other: UInt64 = 0
      for (place, byte) in theirs.dropFirst(8 * index).prefix(8).enumerated() {
        other |= UInt64(byte) << UInt64(8 * place)
      }
      var difference = word ^ other
      while difference != 0 {
        result.append(64 * index + difference.trailingZeroBitCount)
        difference &= difference - 1
      }
    }
    return result
  }

  private static func bytes(hexadecimal text: String) -> [UInt8] {
    let digits = Array(text.utf8).map { $0 < 0x3A ? $0 - 0x30 : $0 - 0x57 }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}
