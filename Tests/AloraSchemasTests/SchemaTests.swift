import AloraJSON
import AloraTestSupport
import Foundation
import Testing

@testable import AloraSchemas

/// Texts and tokens as llguidance allows them: testdata/schemas/make_cases.py.
@Suite struct SchemaDifferentialTests {
  /// Single bytes are a vocabulary, too.
  private static func bytes() throws -> SchemaVocabulary {
    try SchemaVocabulary((0..<256).map { [UInt8($0)] } + [[]], endTokens: [256])
  }

  /// What llguidance allows or refuses for reasons of its own; docs/schemas.md explains each.
  private static func isKnown(_ schema: JSON, _ text: String) -> Bool {
    // It has -0 among bounded numbers, and exponents; no delete character in strings; leap seconds.
    let schema = schema.serialized
    return text.contains("-0") || text.contains("\u{7F}") || schema.contains("multipleOf") || text.contains(":60")
  }

  @Test func textsAreThoseOfLLGuidance() throws {
    let data = try JSONDocument(path: testData("schemas/cases.json")).root
    let vocabulary = try Self.bytes()
    var (count, differences) = (0, 0)
    for entry in try data["cases"].elements() {
      let schema = try entry["schema"]
      let masks: SchemaMasks
      do { masks = SchemaMasks(try CompiledSchema(schema), vocabulary) } catch {
        Issue.record("\(schema.serialized): \(error)")
        continue
      }
      for item in try entry["texts"].elements() {
        let parts = try item.elements()
        let text = try parts[0].string()
        let (isPrefix, isComplete) = (try parts[1].boolean(), try parts[2].boolean())
        let place = try masks.place(afterBytes: text.utf8, from: masks.start())
        count += 1
        guard (place != nil) != isPrefix || (place?.isComplete ?? false) != isComplete else { continue }
        if Self.isKnown(schema, text) { continue }
        differences += 1
        Issue.record(
          "\(schema.serialized): \(text.debugDescription): \(place != nil) \(place?.isComplete ?? false), not \(isPrefix) \(isComplete)"
        )
      }
    }
    #expect(count > 1000)
    #expect(differences == 0)
  }

  /// Every mask of llguidance's, token by token, where `make schemas` has written them.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["ALORA_SCHEMA_CASES"] != nil))
  func masksAreThoseOfLLGuidance() throws {
    let directory = try #require(ProcessInfo.processInfo.environment["ALORA_SCHEMA_CASES"])
    let data = try JSONDocument(path: directory + "/cases.json", limit: 1 << 30).root
    let stream = try Data(contentsOf: URL(fileURLWithPath: directory + "/masks.bin"), options: .alwaysMapped)
    let pieces = try data["vocabulary"].elements().map { try Self.bytes(hexadecimal: $0.string()) }
    let end = try data["end"].integer()
    let vocabulary = try SchemaVocabulary(pieces, endTokens: [end])
    let size = (pieces.count + 31) / 32 * 4
    var offset = 0
    var (compared, equal, schemas) = (0, 0, 0)
    var (seconds, slowest) = (0.0, 0.0)
    var reported = 0
    for entry in try data["cases"].elements() {
      let schema = try entry["schema"]
      guard let walks = try entry[optional: "walks"] else { continue }
      let counts = try entry["masks"].integers(in: 0...1000)
      guard let compiled = try? CompiledSchema(schema) else {
        print("refused: \(schema.serialized)")
        offset += counts.reduce(0, +) * size
        continue
      }
      schemas += 1
      let masks = SchemaMasks(compiled, vocabulary)
      for (walk, maskCount) in zip(try walks.elements(), counts) {
        let tokens = try walk.integers(in: 0...1_000_000)
        var place: SchemaMasks.Place? = try masks.start()
        for step in 0..<maskCount {
          let theirs = stream[offset + step * size..<offset + (step + 1) * size]
          guard let here = place else { break }
          let start = ContinuousClock.now
          let mask = try masks.mask(at: here)
          let taken = Double((ContinuousClock.now - start).components.attoseconds) * 1e-18
          seconds += taken
          slowest = max(slowest, taken)
          compared += 1
          var different: [(Int, Bool)] = []
          for token in pieces.indices {
            let allowed = theirs[theirs.startIndex + token >> 3] >> UInt8(token & 7) & 1 == 1
            if allowed != mask.contains(token) { different.append((token, allowed)) }
          }
          if different.isEmpty {
            equal += 1
          } else if reported < 60 {
            reported += 1
            let before = tokens[..<step].flatMap { pieces[$0] }
            let some = different.prefix(6).map {
              "\($1 ? "+" : "-")\(String(decoding: pieces[$0], as: UTF8.self).debugDescription)"
            }
            print(
              "differs: \(schema.serialized.prefix(300)) after \(String(decoding: before, as: UTF8.self).debugDescription): \(different.count): \(some.joined(separator: " "))"
            )
          }
          if step < tokens.count { place = try masks.place(after: tokens[step], from: here) }
        }
        offset += maskCount * size
      }
    }
    print(
      "\(schemas) schemas, \(compared) masks, \(equal) equal; mean \(seconds / Double(compared) * 1e3) ms, slowest \(slowest * 1e3) ms"
    )
  }

  private static func bytes(hexadecimal text: String) -> [UInt8] {
    let digits = Array(text.utf8).map { $0 < 0x3A ? $0 - 0x30 : $0 - 0x57 }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}

@Suite struct SchemaTests {
  private func compiled(_ schema: String) throws -> CompiledSchema { try CompiledSchema(parseJSON(schema)) }

  /// Whether a text is a value; nil where it isn't even the beginning of one.
  private func verdict(_ schema: String, _ text: String) throws -> Bool? {
    let vocabulary = try SchemaVocabulary((0..<256).map { [UInt8($0)] }, endTokens: [])
    let masks = SchemaMasks(try compiled(schema), vocabulary)
    return try masks.place(afterBytes: text.utf8, from: masks.start())?.isComplete
  }

  @Test(arguments: [
    (#"{"not":{"type":"string"}}"#, "#/not"),
    (#"{"properties":{"a":{"uniqueItems":true}}}"#, "#/properties/a/uniqueItems"),
    (#"{"if":{},"then":{}}"#, "#/if"), (#"{"items":{"contains":{}}}"#, "#/items/contains"),
    (#"{"dependentRequired":{}}"#, "#/dependentRequired"), (#"{"maxLenght":3}"#, "#/maxLenght"),
    (#"{"unevaluatedProperties":false}"#, "#/unevaluatedProperties"),
    (#"{"propertyNames":{"maxLength":2}}"#, "#/propertyNames"),
    (#"{"type":"number","multipleOf":0.01}"#, "#/multipleOf"), (#"{"type":"string","format":"idn-email"}"#, "#/format"),
    (#"{"type":"string","pattern":"(?=a)"}"#, "#/pattern"), (#"{"type":"string","pattern":"(a)\\1"}"#, "#/pattern"),
    (#"{"type":"string","pattern":"\\bx"}"#, "#/pattern"), (#"{"type":"string","pattern":"a^b"}"#, "#/pattern"),
    (#"{"$ref":"https://example.com/x"}"#, "#/$ref"), (##"{"$ref":"#name"}"##, "#/$ref"),
    (#"{"oneOf":[{"type":"integer"},{"type":"number"}]}"#, "#/oneOf"), (#"{"a~/b":1}"#, "#/a~0~1b"),
  ]) func keywordsThatMasksCannotHonourAreNamed(_ schema: String, _ place: String) throws {
    let error = try #require(caught(SchemaError.self) { _ = try compiled(schema) })
    #expect(error.code == .unsupported)
    #expect(error.place == place)
  }

  @Test(arguments: [
    (#"{"type":"strin"}"#, "#/type"), (#"{"type":7}"#, "#/type"), (#"{"enum":1}"#, "#/enum"),
    (#"{"minimum":"1"}"#, "#/minimum"),
    (#"{"minLength":-1}"#, "#/minLength"), (#"{"minLength":1.5}"#, "#/minLength"), (#"{"pattern":"(a"}"#, "#/pattern"),
    (#"{"pattern":"[b-a]"}"#, "#/pattern"), (#"{"pattern":"*"}"#, "#/pattern"), (#"{"anyOf":[]}"#, "#/anyOf"),
    (#"{"allOf":{}}"#, "#/allOf"),
    (##"{"$ref":"#/nowhere"}"##, "#/$ref"), (#"{"properties":[]}"#, "#/properties"),
    (#"{"required":"a"}"#, "#/required"), (#"{"items":5}"#, "#/items"),
    ("[]", "#"), ("5", "#"),
  ]) func malformedSchemasAreRefused(_ schema: String, _ place: String) throws {
    let error = try #require(caught(SchemaError.self) { _ = try compiled(schema) })
    #expect(error.code == .malformed)
    #expect(error.place == place)
  }

  @Test(arguments: [
    "false", #"{"type":"integer","minimum":3,"maximum":2}"#, #"{"enum":[]}"#, #"{"const":1,"type":"string"}"#,
    ##"{"$ref":"#"}"##,
    ##"{"anyOf":[{"$ref":"#"}]}"##, #"{"type":"array","items":false,"minItems":1}"#,
    #"{"properties":{"a":false},"required":["a"],"type":"object"}"#,
    ##"{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]}"##,
    #"{"type":"string","minLength":3,"maxLength":2}"#,
    #"{"type":"string","pattern":"^a$","minLength":2}"#,
    #"{"type":"integer","exclusiveMinimum":3,"exclusiveMaximum":4}"#,
    #"{"type":"integer","minimum":8,"maximum":13,"multipleOf":7}"#, #"{"allOf":[{"type":"string"},{"type":"null"}]}"#,
  ]) func schemasWithoutValuesAreRefused(_ schema: String) throws {
    #expect(caught(SchemaError.self) { _ = try compiled(schema) }?.code == .unsatisfiable)
  }

  @Test(arguments: [
    #"{"type":"array","maxItems":1000000000}"#, #"{"type":"string","maxLength":1000000000}"#,
    #"{"pattern":"(((a{999}){999}){999}){999}"}"#,
    #"{"pattern":"^(a|b)*a(a|b){30}$"}"#, #"{"type":"object","minProperties":100000}"#, #"{"pattern":"x{100000}"}"#,
    #"{"pattern":"^.{5000}$","minLength":5000}"#,
  ]) func schemasThatNeedTooMuchAreRefused(_ schema: String) throws {
    let start = ContinuousClock.now
    #expect(caught(SchemaError.self) { _ = try compiled(schema) }?.code == .tooComplex)
    #expect(ContinuousClock.now - start < .seconds(60))
  }

  @Test func alternativesThatMultiplyAreRefused() throws {
    let pair = #"{"anyOf":[{"minLength":1},{"maxLength":9}]}"#
    let schema = "{\"allOf\":[" + (0..<40).map { _ in pair }.joined(separator: ",") + "]}"
    let error = caught(SchemaError.self) { _ = try compiled(schema) }
    #expect(error?.code == .tooComplex)
  }

  @Test(arguments: [
    // A member more, a member fewer, their order, and a member that is not named.
    (#"{"type":"object","properties":{"a":{},"b":{}},"required":["b"]}"#, #"{"a":1,"b":2}"#, true),
    (#"{"type":"object","properties":{"a":{},"b":{}},"required":["b"]}"#, #"{"b": 2, "c": [1, 2]}"#, true),
    (#"{"type":"object","properties":{"a":{},"b":{}},"required":["b"]}"#, #"{"b":2,"a":1}"#, nil),
    (#"{"type":"object","properties":{"a":{},"b":{}},"required":["b"]}"#, #"{"a":1}"#, nil),
    (#"{"type":"object","properties":{"a":{"const":1}},"additionalProperties":{"const":2}}"#, #"{"ab":2}"#, true),
    (#"{"type":"object","properties":{"a":{"const":1}},"additionalProperties":{"const":2}}"#, #"{"a":2"#, nil),
    // Another spelling of a name is the same name.
    (#"{"type":"object","properties":{"a":{"const":1}},"additionalProperties":{"const":2}}"#, #"{"\u00"#, false),
    (#"{"type":"object","properties":{"a":{"const":1}},"additionalProperties":{"const":2}}"#, #"{"\u0061"#, nil),
    (
      #"{"type":"object","patternProperties":{"^x":{"type":"integer"},"y$":{"minimum":5}},"additionalProperties":false}"#,
      #"{"xy":7}"#, true
    ),
    (
      #"{"type":"object","patternProperties":{"^x":{"type":"integer"},"y$":{"minimum":5}},"additionalProperties":false}"#,
      #"{"xy":4}"#, nil
    ),
    (
      #"{"type":"object","patternProperties":{"^x":{"type":"integer"},"y$":{"minimum":5}},"additionalProperties":false}"#,
      #"{"zz":"#, nil
    ),
    (#"{"type":"object","minProperties":2,"maxProperties":2}"#, #"{"a":1,"b":2}"#, true),
    (#"{"type":"object","minProperties":2,"maxProperties":2}"#, #"{"a":1}"#, nil),
    (#"{"type":"object","minProperties":2,"maxProperties":2}"#, #"{"a":1,"b":2,"#, nil),
    // All of several.
    (
      #"{"allOf":[{"type":"object","properties":{"a":{"minimum":3}},"required":["a"]},{"additionalProperties":{"type":"integer"}}]}"#,
      #"{"a":3}"#, true
    ),
    (
      #"{"allOf":[{"type":"object","properties":{"a":{"minimum":3}},"required":["a"]},{"additionalProperties":{"type":"integer"}}]}"#,
      #"{"a":3."#, nil
    ),
    (#"{"anyOf":[{"type":"integer"},{"type":"array"}],"minimum":5}"#, "[", false),
    (#"{"anyOf":[{"type":"integer"},{"type":"array"}],"minimum":5}"#, "4", false),
    (#"{"anyOf":[{"type":"integer"},{"type":"array"}],"minimum":5}"#, "44", true),
    (#"{"type":["integer","null"],"enum":[1,null,"a"]}"#, "\"", nil),
    (#"{"type":["integer","null"],"enum":[1,null,"a"]}"#, "null", true),
    // Characters, not bytes, and pairs of surrogates are one.
    (#"{"type":"string","maxLength":2}"#, "\"é日\"", true), (#"{"type":"string","maxLength":2}"#, "\"é日x", nil),
    (#"{"type":"string","maxLength":1}"#, #""\ud83d\ude00""#, true), (#"{"type":"string"}"#, #""\ud83dx"#, nil),
    (#"{"type":"string"}"#, #""\ude00"#, nil),
    (#"{"type":"string","pattern":"^a\"b$"}"#, #""a\"b""#, true),
    (#"{"type":"string","pattern":"^\\n$"}"#, #""\n""#, true),
    (#"{"type":"string","format":"date"}"#, "\"2024-02-29\"", true),
    (#"{"type":"string","format":"date"}"#, "\"2023-02-29", nil),
    (#"{"type":"string","format":"ipv6"}"#, "\"::ffff:1.2.3.4\"", true),
    (#"{"type":"string","format":"ipv6"}"#, "\"1::2::3", nil),
    // Numbers are compared as decimals.
    (#"{"type":"number","minimum":1.25,"maximum":1.3}"#, "1.3000", true),
    (#"{"type":"number","minimum":1.25,"maximum":1.3}"#, "1.3001", nil),
    (#"{"type":"number","minimum":1.25,"maximum":1.3}"#, "1.249", nil),
    (#"{"type":"number","exclusiveMaximum":0}"#, "-0.0001", true),
    (#"{"type":"integer","minimum":1e2,"maximum":1e3}"#, "1000", true),
    (#"{"type":"integer","minimum":1e2,"maximum":1e3}"#, "1001", nil),
    (
      #"{"type":"integer","minimum":12345678901234567890,"maximum":12345678901234567899}"#, "12345678901234567895", true
    ),
    (#"{"type":"integer","multipleOf":7,"minimum":-20,"maximum":20}"#, "-14", true),
    (#"{"type":"integer","multipleOf":7,"minimum":-20,"maximum":20}"#, "15", nil),
    ("{}", #"{"a": [1, {"b": null}]}"#, true), ("{}", "[1,  2", nil), ("{}", "\n", nil), ("true", "tru", false),
    ("true", "01", nil),
  ]) func valuesAreToldFromOthers(_ schema: String, _ text: String, _ expected: Bool?) throws {
    #expect(try verdict(schema, text) == expected, "\(schema) \(text)")
  }

  @Test func endTokensAreAllowedWhereTheValueIsComplete() throws {
    let tokens = ["{", "}", "\"a\"", ":", "1", "12", "1}", ",", " ", ": 1", "", "x"].map { Array($0.utf8) }
    let vocabulary = try SchemaVocabulary(tokens, endTokens: [10])
    let masks = SchemaMasks(
      try compiled(
        #"{"type":"object","properties":{"a":{"maximum":11,"type":"integer"}},"required":["a"],"additionalProperties":false}"#
      ), vocabulary)
    func allowed(_ path: [Int]) throws -> [Int] {
      var place = try masks.start()
      for token in path { place = try #require(try masks.place(after: token, from: place)) }
      let mask = try masks.mask(at: place)
      return tokens.indices.filter { mask.contains($0) }
    }
    #expect(try allowed([]) == [0])
    #expect(try allowed([0]) == [2])
    #expect(try allowed([0, 2]) == [3, 9])
    #expect(try allowed([0, 2, 3]) == [4, 6, 8])
    #expect(try allowed([0, 2, 3, 4]) == [1, 4, 6])
    #expect(try allowed([0, 2, 3, 6]) == [10])
    #expect(try masks.place(after: 10, from: masks.start()) == nil)
  }

  /// Nested far deeper than any value, and states that are forgotten.
  @Test func memoryIsBounded() throws {
    let vocabulary = try SchemaVocabulary((0..<256).map { [UInt8($0)] }, endTokens: [])
    let masks = SchemaMasks(try compiled("{}"), vocabulary)
    var place = try masks.start()
    var depth = 0
    while let next = try masks.place(afterBytes: [UInt8(ascii: "[")], from: place) {
      place = next
      depth += 1
    }
    #expect(depth > 100 && depth < 2_000)
    let counted = SchemaMasks(try compiled(#"{"type":"string","minLength":60000}"#), vocabulary)
    var long = try #require(try counted.place(afterBytes: "\"".utf8, from: counted.start()))
    for _ in 0..<60_000 { long = try #require(try counted.place(afterBytes: "x".utf8, from: long)) }
    #expect(try counted.place(afterBytes: "\"".utf8, from: long)?.isComplete == true)
  }

  @Test func damagedSchemasAreReadOrRefused() throws {
    let schema = Array(
      ##"{"type":"object","properties":{"a":{"type":"string","pattern":"^[a-z]{2,3}$","maxLength":9},"b":{"$ref":"#/$defs/x"}},"$defs":{"x":{"anyOf":[{"type":"integer","minimum":-5,"maximum":1e2},{"enum":["a",null]}]}},"required":["a"],"additionalProperties":{"type":"array","items":{"$ref":"#"},"minItems":2}}"##
        .utf8)
    let failures = undiagnosedFailures(of: schema, changing: 0..<schema.count) { variant in
      _ = try CompiledSchema(JSONDocument(parsing: variant.span.bytes).root)
    }
    #expect(failures.isEmpty)
  }
}
