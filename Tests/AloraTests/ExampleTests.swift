import Alora
import AloraTestSupport
import Foundation
import Testing

/// The library as its users see it.
@Suite struct ExampleTests {
  private func lines(_ path: String) throws -> [String] {
    String(decoding: try readFile(testData(path)), as: UTF8.self).split(separator: "\n").map(String.init)
  }

  /// The code in doc comments is indented by five spaces.
  @Test func everyExampleOfTheDocumentationIsCompiled() throws {
    let compiled = try lines("../Tests/AloraTests/Examples.swift").map { $0.trimmingCharacters(in: .whitespaces) }
    var count = 0
    for name in ["LanguageModel", "AdapterFiles"] {
      var block: [String] = []
      for line in try lines("../Sources/Alora/\(name).swift") + [""] {
        let text = line.trimmingCharacters(in: .whitespaces)
        if text.hasPrefix("///     ") {
          block.append(text.dropFirst(3).trimmingCharacters(in: .whitespaces))
          continue
        }
        guard !block.isEmpty else { continue }
        let isThere = compiled.indices.contains { compiled[$0...].starts(with: block) }
        #expect(isThere, "\(name): \(block)")
        (count, block) = (count + 1, [])
      }
    }
    #expect(count == 5)
  }

  @Test func anAdapterIsConvertedInspectedAndVerified() throws {
    try withTemporaryDirectory { directory in
      let base = try testData("inference/llama/base")
      let file = directory + "/adapter.gguf"
      let conversion = try AdapterFiles.convert(testData("inference/llama/adapter"), for: base, to: file)
      #expect(conversion.moduleCount == 14 && conversion.invocation == [7, 9, 7])
      #expect(throws: (any Error).self) {
        try AdapterFiles.convert(testData("inference/llama/adapter"), for: base, to: file)
      }
      #expect(try AdapterFiles.inspect(file).contains("\"module_count\": 14"))
      let model = try LanguageModel(path: base)
      let adapter = try model.adapter(at: file)
      #expect(adapter.invocation == [7, 9, 7])
      let verification = try AdapterFiles.verify(adapter, of: model)
      #expect(verification.passed && verification.report.contains("\"passed\": true"))
    }
  }

  @Test func logitsBeforeTheActivationAreTheBases() throws {
    let model = try LanguageModel(path: testData("inference/llama/base"))
    let adapter = try model.adapter(at: testData("inference/llama/adapter"))
    let tokens = [1, 5, 20, 7, 9, 7, 30]
    let (base, adapted) = (try model.logits(of: tokens), try model.logits(of: tokens, with: adapter))
    #expect(base.count == 7 && base.allSatisfy { $0.count == model.vocabularySize })
    #expect(base[..<3] == adapted[..<3] && base[3...].elementsEqual(adapted[3...]) { $0 != $1 })
    do {
      _ = try model.logits(of: [model.vocabularySize])
      Issue.record("a token outside the vocabulary was accepted")
    } catch { #expect(error is any AloraError) }
  }

  @Test func aCacheChangesNoText() throws {
    try withSpellingModel { directory in
      let model = try LanguageModel(path: directory + "/base")
      let adapter = try model.adapter(at: directory + "/llama-output")
      let prompt = String(repeating: "the same words ", count: 6) + "HJH"
      #expect(try model.tokens(of: prompt).count == prompt.count)
      let first = try model.generate(prompt, with: adapter, limit: 5)
      let second = try model.generate(prompt, with: adapter, limit: 5)
      #expect(first.cachedTokenCount == 0 && second.cachedTokenCount > 0)
      #expect(first.text == second.text && first.tokens == second.tokens && !first.tokens.isEmpty)
    }
  }
}
