import AloraSystem
import AloraJSON
import AloraTestSupport
import Foundation
import Testing

private func parse(_ text: String) throws -> JSON {
  let bytes = [UInt8](text.utf8)
  return try JSONDocument(parsing: bytes.span.bytes).root
}

private func code(_ body: () throws -> Void) -> (JSONError.Code, String?)? {
  do { try body() } catch let error as JSONError { return (error.code, error.place) } catch { return nil }
  return nil
}

@Suite struct JSONTests {
  @Test func valuesKeepTheirKindsAndPlaces() throws {
    let json = try parse(#"{"a": [1, -2.5, "é\u0000x", true, null], "b": {"c": 18446744073709551615}}"#)
    let list = try json["a"].elements()
    #expect(try list[0].integer() == 1)
    #expect(try list[1].number() == -2.5)
    #expect(try list[2].utf8() == [0xC3, 0xA9, 0, 0x78])
    #expect(try list[3].boolean())
    #expect(list[4].isNull)
    #expect(list[2].jsonPath == "$.a[2]")
    let large = try json["b"]["c"]
    #expect(code { _ = try large.integer() }?.0 == .outOfRange)
    #expect(code { _ = try large.integer() }?.1 == "$.b.c")
    #expect(try json.members().map(\.name) == ["a", "b"])
    #expect(try json[optional: "zzz"] == nil)
    #expect(code { _ = try json["zzz"] }?.0 == .missing)
  }

  @Test(arguments: [
    "", " ", "{", "[1,]", "{\"a\":1,}", "{'a':1}", "[1] x", "nul", "[NaN]", "[Infinity]", "[-Infinity]", "[01]", "[1.]",
    "\"\u{1}\"", "[\"\\ud800\"]", "// c\n1", "[1 2]", "{\"a\\u0000b\": 1}", String(repeating: "[", count: 100_000),
    "[\"\\udc00\"]", "{'a':1}", "[1e999999]x", "+1", "[.5]",
  ]) func malformedTextIsRefused(_ text: String) {
    #expect(code { _ = try parse(text) }?.0 == .malformed)
  }

  @Test func invalidUTF8IsRefused() {
    let bytes: [UInt8] = [0x22, 0xFF, 0x22]
    #expect(throws: JSONError.self) { try JSONDocument(parsing: bytes.span.bytes) }
  }

  @Test func duplicateNamesAreRefusedByName() {
    let found = code { _ = try parse(#"{"x": {"r": 1, "a:b": "{:}", "r": 2}}"#) }
    #expect(found?.0 == .duplicateKey)
    #expect(found?.1 == "line 1, column 30 (byte 29)")
    #expect(throws: Never.self) { try parse(#"[{"r": 1}, {"r": ":\":"}]"#) }
  }

  @Test func numbersOutOfRangeAreTold() throws {
    #expect(code { _ = try parse("[1e400]").elements()[0].number() }?.0 == .outOfRange)
    #expect(code { _ = try parse("1.5").integer() }?.0 == .outOfRange)
    #expect(code { _ = try parse("\"1\"").integer() }?.0 == .wrongType)
    #expect(try parse("9223372036854775807").integer() == .max)
    #expect(try parse("-9223372036854775808").integer() == .min)
    #expect(code { _ = try parse("16").integer(in: 0...15) }?.0 == .outOfRange)
    let huge = #expect(throws: JSONError.self) { try parse("1000000000000000000000000").integer() }
    #expect(huge?.problem == "1000000000000000000000000 is too large")
    #expect(try parse("1000000000000000000000000").number() == 1e24)
    #expect(try parse("-9223372036854775809").number() == -0x1p63)
    #expect(code { _ = try parse("-9223372036854775809").integer() }?.0 == .outOfRange)
    #expect(try parse("[1000000000000000019884624838656]").serialized == "[1000000000000000019884624838656]")
  }

  @Test func surrogatePairsAreOneCharacter() throws {
    #expect(try parse(#""\ud83d\ude00\u00e9""#).string() == "\u{1F600}\u{E9}")
  }

  /// json-c itself reads some of them as U+FFFD.
  @Test func everyEscapedPairIsItsCharacter() throws {
    for high in 0xD800...0xDBFF as ClosedRange<UInt32> {
      let lows = stride(from: 0xDC00, through: 0xDFFF, by: 1).map { $0 as UInt32 }
      let text = lows.map { "\\u\(String(high, radix: 16))\\u\(String($0, radix: 16))" }.joined()
      let characters = lows.compactMap { Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + ($0 - 0xDC00)) }
      let found = try parse("[\"\(text)\"]").elements()[0].string()
      #expect(found.unicodeScalars.elementsEqual(characters), "\(String(high, radix: 16))")
    }
  }

  @Test func serializedTextParsesToTheSame() throws {
    let text = #"{"a":[1,2.5,"x/é"],"b":null}"#
    #expect(try parse(text).serialized == text)
  }

  @Test func writtenValuesReadBack() throws {
    let value: JSONValue = [
      "text": "a\"b\\\n\u{1F600}\u{2028}", "numbers": [1, .number(0.1), .number(1e300), .number(.nan), .number(2)],
      "empty": [:], "none": .null, "yes": true,
    ]
    #expect(
      value.serialized(isPretty: false)
        == #"{"text":"a\"b\\\n\#u{1F600}\#u{2028}","numbers":[1,0.1,1e+300,null,2.0],"empty":{},"none":null,"yes":true}"#
    )
    #expect(
      (["a": [1, [:], []], "b": []] as JSONValue).serialized() == """
        {
          "a": [
            1,
            {},
            []
          ],
          "b": []
        }
        """)
    let read = try parse(value.serialized())
    #expect(try read["text"].string() == "a\"b\\\n\u{1F600}\u{2028}")
    #expect(try read["numbers"].elements()[1].number() == 0.1)
    #expect(JSONValue.members(["a": 1, "b": nil]) == ["a": 1])
  }
}

@Suite struct JSONPlaceTests {
  private func refusal(_ bytes: [UInt8]) -> JSONError? {
    do throws(JSONError) { _ = try JSONDocument(parsing: bytes.span.bytes) } catch { return error }
    return nil
  }

  /// Lines and columns count from 1, columns in characters; bytes from 0, in the file.
  @Test func errorsNameLineAndColumn() {
    let text = "{\n  \"é\": 1,\n  \"漢字😀\": 'x'\n}"
    #expect(refusal(Array(text.utf8))?.place == "line 3, column 10 (byte 29)")
    #expect(refusal([0xEF, 0xBB, 0xBF] + Array(text.utf8))?.place == "line 3, column 10 (byte 32)")
    for isBigEndian in [false, true] {
      #expect(refusal(utf16(text, isBigEndian: isBigEndian))?.place == "line 3, column 10 (byte 46)")
    }
    #expect(refusal(Array("[1,\r\n2,\r\n]".utf8))?.place == "line 3, column 1 (byte 9)")
    #expect(refusal([])?.problem == "not valid JSON: the text is empty")
  }

  /// Each is what people write by hand, or what another language's printer writes.
  @Test(arguments: [
    ("{\"r\": 8, \"bias\": \"none\",}", "a comma can't come before '}' (after 'bias')"),
    ("[1, 2,]", "a comma can't come before ']'"), ("{'a': 1}", "strings need double quotes, not single ones"),
    ("{\"a\": True}", "True is not JSON; write true (after 'a')"), ("None", "None is not JSON; write null"),
    ("{“a”: 1}", "expected a name in double quotes or '}', found '“' (U+201C)"),
    ("[1] // x", "JSON has no comments"), ("// x", "JSON has no comments"),
    ("[1,\u{A0}2]", "expected a value, found the character U+00A0"),
    ("{\"a\" 1}", "expected ':' after the name, found '1' (after 'a')"),
    ("{\"a\": 1", "the text ends too early: expected ',' or '}' (after 'a')"),
    ("007", "a number can't start with a zero before another digit"), ("+1", "a number can't start with '+'"),
    ("1.", "a digit must follow the point"), ("{\"a\": 1}{", "'{' follows the end of the value (after 'a')"),
  ]) func problemsAreNamed(_ text: String, _ problem: String) {
    #expect(refusal(Array(text.utf8))?.problem == "not valid JSON: \(problem)")
  }
}

@Suite struct JSONEncodingTests {
  static let text = "{\"é\": [\"漢字\", \"😀\", 1]}"

  @Test(arguments: [
    Array(text.utf8), [0xEF, 0xBB, 0xBF] + Array(text.utf8), utf16(text, isBigEndian: false),
    utf16(text, isBigEndian: true),
  ]) func byteOrderMarksAreAccepted(_ bytes: [UInt8]) throws {
    let list = try JSONDocument(parsing: bytes.span.bytes).root["é"].elements()
    #expect(try list.prefix(2).map { try $0.string() } == ["漢字", "😀"])
  }

  @Test func otherEncodingsAreNamed() {
    for (count, name) in [(4, "UTF-32"), (2, "UTF-16 without a byte order mark")] {
      let bytes = "[1]".utf8.flatMap { [$0] + [UInt8](repeating: 0, count: count - 1) }
      for bytes in [bytes, bytes.reversed()] {
        #expect { try JSONDocument(parsing: bytes.span.bytes) } throws: {
          ($0 as? JSONError)?.problem == "the text is \(name); save it as UTF-8"
        }
      }
    }
  }

  @Test func linesMayHaveMarksAndCRLF() throws {
    let text = "{\"a\": \"é\"}\r\n\r\n{\"a\": \"😀\"}\r\n"
    for bytes in [[0xEF, 0xBB, 0xBF] + Array(text.utf8), utf16(text, isBigEndian: false)] {
      try withTemporaryDirectory { directory in
        try Data(bytes).write(to: URL(fileURLWithPath: directory + "/lines.jsonl"))
        let found = try JSONLines.map(path: directory + "/lines.jsonl") { json throws(JSONError) in
          try json["a"].string()
        }
        #expect(found == ["é", "😀"])
      }
    }
  }

  @Test func errorsInLinesNameTheLineOfTheFile() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/lines.jsonl"
      try Data("{\"a\": 1}\n\n{\"a\": é}\n{\"a\": \"x\"}\n".utf8).write(to: URL(fileURLWithPath: path))
      let broken = #expect(throws: JSONError.self) {
        try JSONLines.map(path: path) { json throws(JSONError) in json.kind }
      }
      #expect(broken?.place == "line 3, column 7 (byte 16)")
      try Data("{\"a\": 1}\n\n{\"a\": \"x\"}\n".utf8).write(to: URL(fileURLWithPath: path))
      let wrong = #expect(throws: JSONError.self) {
        try JSONLines.map(path: path) { json throws(JSONError) in try json["a"].integer() }
      }
      #expect(wrong?.place == "line 3, $.a")
    }
  }
}

/// UTF-16 with a byte order mark.
private func utf16(_ text: String, isBigEndian: Bool) -> [UInt8] {
  ([0xFEFF as UInt16] + Array(text.utf16)).flatMap { unit in
    isBigEndian ? [UInt8(unit >> 8), UInt8(unit & 0xFF)] : [UInt8(unit & 0xFF), UInt8(unit >> 8)]
  }
}

/// What the fuzzer found.
@Suite struct JSONRegressionTests {
  /// json-c ends at a zero byte, and what followed was read past its end where it closed with a backslash in a string.
  @Test(arguments: [
    "7\0 \"a\": \"\\", "7\0", "{}\0x", "[1\0]", "{\"a\": 1}\u{1}", "\"a\\", "\"", "[\"\\\\\\",
  ])
  func whatFollowsAZeroByteIsNotIgnored(_ text: String) {
    let bytes = Array(text.utf8)
    #expect { try JSONDocument(parsing: bytes.span.bytes) } throws: { ($0 as? JSONError)?.code == .malformed }
  }

  /// Two bytes of text become hundreds of memory: 90 MB took 3 GB.
  @Test(arguments: [("[],", 2_400_000), ("{},", 600_000), ("{\"a\":0},", 530_000)])
  func textsOfCountlessValuesAreRefused(_ value: String, _ count: Int) {
    func code(_ count: Int) -> JSONError.Code? {
      let text = "[" + String(repeating: value, count: count) + "0]"
      let bytes = Array(text.utf8)
      do { _ = try JSONDocument(parsing: bytes.span.bytes) } catch { return error.code }
      return nil
    }
    #expect(code(count) == .tooLarge)
    #expect(code(1000) == nil)
  }
}
