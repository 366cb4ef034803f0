import AloraRegex
import AloraTestSupport
import Foundation
import Testing

@testable import AloraTokenization

/// `testdata/tokenizers/classes.txt` has what each class matches in Oniguruma 6.9.10, which Hugging Face's tokenizers carry.
@Suite struct CharacterClassTests {
  private static let everything: [UInt8] = (0...0x10FFFF as ClosedRange<UInt32>).flatMap { value in
    Unicode.Scalar(value).map { Array(UTF8.encode($0) ?? .init()) } ?? []
  }

  /// The runs of characters that match, first and last one.
  private static func runs(_ pattern: String) throws -> [ClosedRange<UInt32>] {
    let regex = try CompiledRegex("(?:\(PatternTranslation.translated(pattern)))+", syntax: .oniguruma)
    var matches: [Range<Int>] = []
    try regex.appendMatches(in: everything, range: 0..<everything.count, to: &matches)
    let runs = matches.map { range in
      var last = range.upperBound - 1
      while everything[last] & 0xC0 == 0x80 { last -= 1 }
      return UTF8Text.scalar(in: everything, at: range.lowerBound).0...UTF8Text.scalar(in: everything, at: last).0
    }
    // The text has no surrogates; the digests' runs end before them.
    return runs.flatMap {
      $0.lowerBound < 0xD800 && $0.upperBound > 0xDFFF ? [$0.lowerBound...0xD7FF, 0xE000...$0.upperBound] : [$0]
    }
  }

  /// All that are not in the runs.
  private static func complement(_ runs: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
    var result: [ClosedRange<UInt32>] = []
    var next: UInt32 = 0
    for run in (runs + [0xD800...0xDFFF]).sorted(by: { $0.lowerBound < $1.lowerBound }) + [0x110000...0x110000] {
      if run.lowerBound > next { result.append(next...(run.lowerBound - 1)) }
      next = run.upperBound + 1
    }
    return result
  }

  private static func digest(_ runs: [ClosedRange<UInt32>]) -> String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for number in runs.flatMap({ [$0.lowerBound, $0.upperBound] }) {
      for shift in [0, 8, 16, 24] { hash = (hash ^ UInt64(number >> shift & 0xFF)) &* 0x100_0000_01B3 }
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  private static func classes() throws -> [(pattern: String, digest: String)] {
    let lines = try String(contentsOfFile: testData("tokenizers/classes.txt"), encoding: .utf8).split(separator: "\n")
    return lines.map { line in
      let words = line.split(separator: " ").map(String.init)
      return (words[0], words[1])
    }
  }

  @Test func everyClassMatchesAsInTheReference() throws {
    let classes = try Self.classes()
    try #require(classes.count > 100)
    for (pattern, digest) in classes { #expect(try Self.digest(Self.runs(pattern)) == digest, "\(pattern)") }
  }

  /// Whether a class stands alone, in brackets, with others, or negated, it has the same characters.
  @Test(arguments: [
    "l", "Lu", "n", "M", "P", "S", "So", "Han", "C", "Cn", "Kawi", "posix_punct", "Term", "Greek", "Alpha",
  ])
  func negationsAndBracketsAgree(_ name: String) throws {
    let runs = try Self.runs("\\p{\(name)}")
    #expect(try Self.runs("[\\p{\(name)}]") == runs)
    #expect(try Self.runs("[^\\P{\(name)}]") == runs)
    #expect(try Self.runs("[^\\p{^\(name)}]") == runs)
    #expect(try Self.runs("(?!\\P{\(name)})[\\s\\S]") == runs)
    for negated in ["\\P{\(name)}", "[\\P{\(name)}]", "[^\\p{\(name)}]", "\\p{^\(name)}", "(?!\\p{\(name)})[\\s\\S]"] {
      #expect(try Self.runs(negated) == Self.complement(runs), "\(negated)")
    }
    let withHyphen = Self.complement(try Self.runs("[^\\p{\(name)}\\-]"))
    #expect(try Self.runs("[\\p{\(name)}-]") == withHyphen)
    #expect(try Self.runs("[-\\p{\(name)}]") == withHyphen)
  }

  @Test(arguments: ["alpha", "digit", "punct", "word", "space", "upper"])
  func negatedPOSIXBracketsAgree(_ name: String) throws {
    let runs = try Self.runs("[[:\(name):]]")
    #expect(try Self.runs("[[:^\(name):]]") == Self.complement(runs))
    #expect(try Self.runs("[^[:\(name):]]") == Self.complement(runs))
  }

  /// U+10D50 is a letter since Unicode 16.
  @Test func boundariesOfWordsKnowNewLetters() throws {
    func ends(_ pattern: String, _ text: String) throws -> [Int] {
      let regex = try CompiledRegex(PatternTranslation.translated(pattern), syntax: .oniguruma)
      var matches: [Range<Int>] = []
      let bytes = Array(text.utf8)
      try regex.appendMatches(in: bytes, range: 0..<bytes.count, to: &matches)
      return matches.map(\.lowerBound)
    }
    #expect(try ends("\\b", "a\u{10D50}b c") == [0, 6, 7, 8])
    #expect(try ends("\\B", "a\u{10D50}b c") == [1, 5])
    #expect(try ends("[\\b]", "a\u{8}b") == [1])
    #expect(try ends("\\b", "") == [])
  }

  /// A bracket with a mark after it is one `Character`, and still a bracket.
  @Test func combiningMarksAfterBracketsAreSeen() throws {
    #expect(try Self.runs("[\u{301}\\w]").contains { $0.contains(0x10D50) && $0.contains(0x10D65) })
    #expect(try Self.runs("[^\u{301}\\w]").contains { $0.contains(0x10D50) } == false)
  }
}
