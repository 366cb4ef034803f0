import AloraModels
import AloraJSON
import AloraTestSupport
import AloraTokenization
import Foundation
import Testing

/// A case of testdata/tokenizers: a small vocabulary in a family's configuration, and what the original makes of
/// thousands of texts.
struct TokenizerCase: CustomTestStringConvertible, Sendable {
  let name: String

  static let all: [TokenizerCase] = {
    let directory = (try? testData("tokenizers/cases")) ?? ""
    return (try? FileManager.default.contentsOfDirectory(atPath: directory))?.sorted().map(TokenizerCase.init) ?? []
  }()

  var testDescription: String { name }

  func tokenizer() throws -> Tokenizer {
    if let model = try expected()[optional: "model"]?.string() {
      return try Tokenizer(path: testData("tokenizers/\(model)"))
    }
    let directory = try testData("tokenizers/cases/\(name)")
    let vocabulary = directory + "/vocabulary.gguf"
    return try Tokenizer(path: FileManager.default.fileExists(atPath: vocabulary) ? vocabulary : directory)
  }
  func expected() throws -> JSON { try JSONDocument(path: testData("tokenizers/cases/\(name)/expected.json")).root }
}

@Suite struct ReferenceTests {
  @Test func thereAreCases() { #expect(TokenizerCase.all.count >= 25) }

  /// Tokens with and without special ones, and the text that they decode to, as tokenizers or llama.cpp has them.
  @Test(arguments: TokenizerCase.all) func tokensEqualTheOriginals(_ item: TokenizerCase) throws {
    let (tokenizer, expected) = (try item.tokenizer(), try item.expected())
    let blockCount = try expected["block"].integer()
    let decodes = try expected["decodes"].boolean()
    var texts = try GeneratedTexts(
      seed: UInt64(expected["seed"].integer()), inserted: expected["inserted"].elements().map { try $0.string() })
    var wrong: [Int] = []
    for (block, digest) in try expected["digests"].elements().enumerated() {
      var lines = ""
      for _ in 0..<blockCount {
        let text = texts.next()
        let (full, bare) = (try tokenizer.encode(text), try tokenizer.encode(text, addsSpecialTokens: false))
        for tokens in [full, bare] {
          lines += tokens.map(String.init).joined(separator: " ") + "\n"
        }
        guard decodes else { continue }
        lines += try tokenizer.decode(bare) + "\n"
        lines += try tokenizer.decode(full, skipsSpecialTokens: true) + "\n"
      }
      if try sha256(lines.utf8).prefix(16) != digest.string() { wrong.append(block) }
    }
    #expect(wrong.isEmpty, "\(item.name): blocks of \(blockCount) texts that differ")
  }

  /// The same for a few texts that are spelled out.
  @Test(arguments: TokenizerCase.all) func spelledTextsHaveTheirTokens(_ item: TokenizerCase) throws {
    let tokenizer = try item.tokenizer()
    for line in try item.expected()["spelled"].elements() {
      let text = try line["text"].string()
      let full = try line["with_special"].elements().map { try $0.integer() }
      let bare = try line["without_special"].elements().map { try $0.integer() }
      #expect(try tokenizer.encode(text) == full, "\(text.debugDescription)")
      #expect(try tokenizer.encode(text, addsSpecialTokens: false) == bare, "\(text.debugDescription)")
    }
  }
}
