import Alora

/// The documentation's examples, word for word: `ExampleTests` compares them.
enum Examples {
  static func generate() throws {
    let model = try LanguageModel(path: "base.gguf")
    let adapter = try model.adapter(at: "my-adapter.gguf")
    let answer = try model.generate("Who wrote Faust?", with: adapter, limit: 32)
    print(answer.text)
  }

  static func logits() throws {
    let model = try LanguageModel(path: "base.gguf")
    let adapter = try model.adapter(at: "my-adapter.gguf")
    let base = try model.logits(of: [1, 20, 7, 9])
    let adapted = try model.logits(of: [1, 20, 7, 9], with: adapter)
    print(base.count, adapted[3].count == model.vocabularySize)
  }

  static func convert() throws {
    let conversion = try AdapterFiles.convert(
      "my-adapter", for: "base.gguf", to: "my-adapter.gguf", elementType: .f16)
    print(conversion.moduleCount, conversion.notes)
  }

  static func inspect() throws {
    let description = try AdapterFiles.inspect("my-adapter.gguf")
    print(description)
  }

  static func verify() throws {
    let model = try LanguageModel(path: "base.gguf")
    let adapter = try model.adapter(at: "my-adapter.gguf")
    let verification = try AdapterFiles.verify(adapter, of: model, golden: "golden.npz")
    print(verification.passed, verification.report)
  }
}
