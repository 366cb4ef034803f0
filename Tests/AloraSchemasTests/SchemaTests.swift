import AloraJSON
import AloraTestSupport
import Testing

@testable import AloraSchemas

@Suite struct SchemaTests {
  private func compiled(_ schema: String) throws -> CompiledSchema { try CompiledSchema(parseJSON(schema)) }

  /// Whether a text is a value; nil if it isn't even the beginning of one.
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
    (#"{"type":"number","multipleOf":0.12345}"#, "#/multipleOf"),
    (#"{"type":"string","format":"idn-email"}"#, "#/format"),
    (#"{"type":"string","pattern":"(?=a)"}"#, "#/pattern"), (#"{"type":"string","pattern":"(a)\\1"}"#, "#/pattern"),
    (#"{"type":"string","pattern":"\\bx"}"#, "#/pattern"), (#"{"type":"string","pattern":"a^b"}"#, "#/pattern"),
    (#"{"$ref":"https://example.com/x"}"#, "#/$ref"), (##"{"$ref":"#name"}"##, "#/$ref"),
    (##"{"items":{"$id":"a","$ref":"#/$defs/b"},"$defs":{"b":{}}}"##, "#/items/$ref"),
    (#"{"type":"object","minProperties":2}"#, "#/minProperties"),

    (#"{"oneOf":[{"type":"integer"},{"type":"number"}]}"#, "#/oneOf"), (#"{"a~/b":1}"#, "#/a~0~1b"),
  ]) func keywordsThatMasksCannotHonourAreNamed(_ schema: String, _ place: String) throws {
    let error = try #require(caught(SchemaError.self) { _ = try compiled(schema) })
    #expect(error.code == .unsupported)
    #expect(error.place == place)
    #expect(error.keyword != nil && error.remedy != nil)
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
    #"{"pattern":"^(a|b)*a(a|b){30}$"}"#, #"{"type":"object","maxProperties":100000}"#, #"{"pattern":"x{100000}"}"#,
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
    // Two members whose names the schema doesn't give may have the same one.
    (#"{"type":"object","properties":{"a":{}},"minProperties":2,"maxProperties":2}"#, #"{"a":1,"b":2}"#, true),
    (#"{"type":"object","properties":{"a":{}},"minProperties":2,"maxProperties":2}"#, #"{"a":1}"#, nil),
    (#"{"type":"object","properties":{"a":{}},"minProperties":2,"maxProperties":2}"#, #"{"a":1,"b":2,"#, nil),
    (#"{"type":"object","properties":{"a":{}},"minProperties":2,"maxProperties":3}"#, #"{"a":1,"b":2,"b":3}"#, true),
    (#"{"type":"object","properties":{"a":{}},"minProperties":2,"maxProperties":3}"#, #"{"b":2,"#, nil),
    (#"{"type":"object","minProperties":1}"#, "{}", nil), (#"{"type":"object","minProperties":1}"#, #"{"b":2}"#, true),
    // Names are bytes: two that Swift takes for equal are two.
    ("{\"properties\":{\"\u{e9}\":{\"const\":1},\"e\u{301}\":{\"const\":2}}}", "{\"\u{e9}\":1,\"e\u{301}\":2}", true),
    (#"{"type":"number","multipleOf":0.25,"minimum":0}"#, "1.75", true),
    (#"{"type":"number","multipleOf":0.25,"minimum":0}"#, "1.750", true),
    (#"{"type":"number","multipleOf":0.25,"minimum":0}"#, "1.8", nil),
    (#"{"type":"number","multipleOf":0.01}"#, "-3.14", true), (#"{"type":"number","multipleOf":0.01}"#, "3.141", nil),
    (#"{"type":"number","multipleOf":1.5}"#, "4.5", true), (#"{"type":"number","multipleOf":1.5}"#, "4", false),
    (
      ##"{"$id":"https://example.com/a","$ref":"https://example.com/a#/$defs/b","$defs":{"b":{"const":1}}}"##, "1", true
    ),
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

  /// All numerals of up to five characters, against the arithmetic of decimals.
  @Test(arguments: [
    ("1.25", false, "1.3", false, "number"), ("-2.5", true, "3.75", false, "number"), ("0", true, "1", true, "number"),
    ("-11.07", false, "4", true, "number"), ("95", false, "1234", false, "integer"),
    ("-37", true, "-5", false, "integer"),
    ("-0.5", false, "0.05", true, "number"), ("9.99", false, "10.01", false, "number"),
    ("0", false, "0", false, "number"),
  ]) func everyShortNumeralIsJudgedAsDecimalsAre(
    _ low: String, _ isLowOpen: Bool, _ high: String, _ isHighOpen: Bool, _ type: String
  ) throws {
    for multiple in [nil, "0.25", "3", "0.1", "1.5"] {
      var schema = #"{"type":"\#(type)","\#(isLowOpen ? "exclusiveMinimum" : "minimum")":\#(low)"#
      schema += #","\#(isHighOpen ? "exclusiveMaximum" : "maximum")":\#(high)"#
      schema += multiple.map { #","multipleOf":\#($0)}"# } ?? "}"
      guard let compiled = try? compiled(schema) else { continue }
      let vocabulary = try SchemaVocabulary((0..<256).map { [UInt8($0)] }, endTokens: [])
      let masks = SchemaMasks(compiled, vocabulary)
      let (least, most) = (try #require(SchemaDecimal(low)), try #require(SchemaDecimal(high)))
      let divisor = multiple.flatMap(SchemaDecimal.init)
      var count = 0
      var work = [(text: "", place: try masks.start())]
      while let (text, place) = work.popLast() {
        for character in "-.0123456789" {
          let longer = text + String(character)
          let next = try masks.place(afterBytes: Array(longer.utf8.suffix(1)), from: place)
          let isFound = next?.isComplete ?? false
          var isExpected = false
          if let value = Self.decimal(longer) {
            isExpected = isLowOpen ? least < value : !(value < least)
            isExpected = isExpected && (isHighOpen ? value < most : !(most < value))
            isExpected = isExpected && (type == "number" || !longer.contains("."))
            if let divisor { isExpected = isExpected && Self.divides(divisor, value, longer) }
          }
          #expect(isFound == isExpected, "\(schema) \(longer)")
          count += isFound ? 1 : 0
          if let next, longer.utf8.count < 5 { work.append((longer, next)) }
        }
      }
      #expect(count > 0, "\(schema)")
    }
  }

  /// A JSON number without exponent, and without -0.
  private static func decimal(_ text: String) -> SchemaDecimal? {
    guard let value = SchemaDecimal(text), let digit = text.last, digit != ".", digit != "-" else { return nil }
    let digits = text.drop { $0 == "-" }
    guard text.utf8.count - digits.utf8.count <= 1, !digits.contains("-"), digits.first != "." else { return nil }
    guard digits.filter({ $0 == "." }).count <= 1,
      digits.first != "0" || digits.count == 1 || digits.dropFirst().first == "."
    else { return nil }
    return text.first == "-" && value.isZero ? nil : value
  }

  /// Multiples of whole numbers are written without a point.
  private static func divides(_ divisor: SchemaDecimal, _ value: SchemaDecimal, _ text: String) -> Bool {
    func hundredths(_ decimal: SchemaDecimal) -> Int? {
      guard decimal.fraction.count <= 2 else { return nil }
      let digits = decimal.whole + decimal.fraction + [UInt8](repeating: 0, count: 2 - decimal.fraction.count)
      return digits.reduce(0) { $0 * 10 + Int($1) }
    }
    guard let part = hundredths(divisor), let whole = hundredths(value), !divisor.isWhole || !text.contains(".") else {
      return false
    }
    return whole % part == 0
  }

  @Test func longListsOfTextsAreFollowed() throws {
    let names = (0..<6_000).map { "\"name\($0)\"" } + [#""a\"b""#, #""a\n""#, "\"\""]
    let schema = #"{"enum":["# + names.joined(separator: ",") + "]}"
    #expect(try verdict(schema, "\"name5999\"") == true)
    #expect(try verdict(schema, "\"name6000") == nil)
    #expect(try verdict(schema, #""a\"b""#) == true && verdict(schema, #""a\u000a""#) == true)
    #expect(try verdict(schema, "\"\"") == true && verdict(schema, "\"\"b") == nil)
  }

  @Test func aBeginningWithTooManyAlternativesIsRefusedWithTheSchema() throws {
    let alternatives = (0..<5_000).map { "{\"const\":[\($0)]}" }.joined(separator: ",")
    #expect(caught(SchemaError.self) { _ = try compiled("{\"anyOf\":[\(alternatives)]}") }?.code == .tooComplex)
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
    let counted = SchemaMasks(try compiled(#"{"type":"string","minLength":20000}"#), vocabulary)
    var long = try #require(try counted.place(afterBytes: "\"".utf8, from: counted.start()))
    for _ in 0..<20_000 { long = try #require(try counted.place(afterBytes: "x".utf8, from: long)) }
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
