import AloraTestSupport
import Foundation
import Testing

@testable import AloraTokenization

/// What tokenizer_config.json makes of tokenizer.json, against transformers 4 and 5.
@Suite struct TransformersTests {
  struct Fixture: CustomTestStringConvertible, Sendable {
    let index: Int
    /// The case of testdata/tokenizers that tokenizer.json comes from.
    let name: String
    /// The files beside it, by name.
    let files: [String: String]
    let className: String
    let texts: [String]
    let four: [[Int]]
    let five: [[Int]]
    var testDescription: String { "\(index): \(name), \(className)" }
  }

  static let fixtures: [Fixture] = {
    guard let bytes = try? readFile(testData("tokenizers/transformers.json")),
      let root = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any],
      let cases = root["cases"] as? [[String: Any]]
    else { return [] }
    return cases.enumerated().compactMap { index, item in
      guard let name = item["case"] as? String, let files = item["files"] as? [String: Any],
        let className = item["class"] as? String, let texts = item["texts"] as? [String],
        let four = item["four"] as? [[Int]], let five = item["five"] as? [[Int]]
      else { return nil }
      let written = files.compactMapValues { file in
        (try? JSONSerialization.data(withJSONObject: file)).map { String(decoding: $0, as: UTF8.self) }
      }
      return Fixture(
        index: index, name: name, files: written, className: className, texts: texts, four: four, five: five)
    }
  }()

  @Test func thereAreFixturesInWhichTheVersionsDiffer() {
    #expect(Self.fixtures.count >= 60)
    #expect(Self.fixtures.count { $0.four != $0.five } >= 10)
    #expect(Self.fixtures.count { $0.files["tokenizer_config.json"]?.contains("added_tokens_decoder") == true } >= 10)
  }

  @Test(arguments: fixtures) func idsAreThoseOfTransformers4AndTheBuiltOnesThoseOf5(_ fixture: Fixture) throws {
    try withTemporaryDirectory { directory in
      try writeFile(
        readFile(testData("tokenizers/cases/\(fixture.name)/tokenizer.json")), to: directory + "/tokenizer.json")
      for (name, text) in fixture.files { try writeFile(Array(text.utf8), to: "\(directory)/\(name)") }
      let tokenizer = try Tokenizer(
        jsonPath: directory + "/tokenizer.json", settings: TokenizerSettings(directory: directory))
      let built = try tokenizer.built?.tokenizer() ?? tokenizer
      for (index, text) in fixture.texts.enumerated() {
        let ids = try (
          tokenizer.encode(text, addsSpecialTokens: false), built.encode(text, addsSpecialTokens: false)
        )
        #expect(ids.0 == fixture.four[index], "4: \(text)")
        #expect(ids.1 == fixture.five[index], "5: \(text)")
      }
      if let built = tokenizer.built, built.builtClass != nil { #expect(built.className == fixture.className) }
    }
  }

  @Test func withoutATokenizerConfigurationTheFileIsAllThereIs() throws {
    try withTemporaryDirectory { directory in
      let settings = try TokenizerSettings(directory: directory)
      #expect(settings == nil)
    }
  }

  @Test(arguments: [
    #"{"added_tokens_decoder": {"x": {"content": "a"}}}"#, #"{"added_tokens_decoder": {"7": 3}}"#,
    #"{"added_tokens_decoder": []}"#, #"{"extra_special_tokens": 3}"#, #"{"bos_token": 3}"#,
    #"{"additional_special_tokens": [null]}"#, #"{"tokenizer_class": 3}"#, #"{"legacy": "yes"}"#, "[]",
    #"{"added_tokens_decoder": {"-1": {"content": "a"}}}"#,
    #"{"added_tokens_decoder": {"9999999999": {"content": "a"}}}"#,
  ]) func configurationsOfTheWrongTypeAreRefused(_ text: String) throws {
    try withTemporaryDirectory { directory in
      try writeFile(Array(text.utf8), to: directory + "/tokenizer_config.json")
      #expect(throws: (any Error).self) { _ = try TokenizerSettings(directory: directory) }
    }
  }

  @Test func aTokenizerDiffersFromAnotherByItsTokensOrByWhatItMakesOfText() throws {
    let qwen = try Tokenizer(jsonPath: testData("tokenizers/cases/qwen2/tokenizer.json"))
    let more = try Tokenizer(jsonPath: testData("tokenizers/cases/qwen3/tokenizer.json"))
    let other = try Tokenizer(jsonPath: testData("tokenizers/cases/gemma2/tokenizer.json"))
    let (none, added, changed) = try (
      qwen.difference(from: qwen), more.difference(from: qwen), other.difference(from: qwen)
    )
    #expect(none.isEmpty)
    #expect(!added.isEmpty)
    #expect(changed.changedCount > 100)
    // Tokens that only the base has don't count.
    let shorter = try qwen.difference(from: more)
    #expect(shorter.additionalCount == 0)
  }
}
