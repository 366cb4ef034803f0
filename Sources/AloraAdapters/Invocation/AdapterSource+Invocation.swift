internal import AloraModels
internal import AloraSystem
package import AloraTokenization

extension AdapterSource {
  /// A tokenizer that was saved beside the adapter.
  package var tokenizerPath: String? {
    if case .peft(let directory) = self { Tokenizer.tokenizerPath(ofModel: directory.path) } else { nil }
  }

  /// Notes to read before relying on the adapter.
  package var notes: [AdapterNote] {
    switch self {
    case .gguf(let adapter): adapter.findings.map(AdapterNote.loader)
    case .peft(let directory):
      directory.notes + directory.obstacles.map { .obstacle(place: $0.place ?? directory.path, problem: $0.problem) }
    }
  }

  /// Whether anything can be said about the invocation.
  ///
  /// - Throws: the first obstacle that leaves the invocation open; a broken rule of llama.cpp's loader, under which no
  ///   engine activates the adapter.
  package func checkInvocation() throws {
    switch self {
    case .gguf(let adapter): try adapter.check()
    case .peft(let directory): if let obstacle = directory.invocationObstacles.first { throw obstacle }
    }
  }

  /// The invocation that activates the adapter; nil for a plain LoRA.
  ///
  /// - Throws: as ``checkInvocation()``; `missingTokenizer` for a legacy adapter without a tokenizer; ``TokenizationError``.
  package func invocation(_ tokenizer: Tokenizer?) throws -> Invocation? {
    try checkInvocation()
    switch self {
    case .gguf(let adapter):
      return try adapter.invocationTokens.map { try Invocation(tokens: $0, tokenizer: tokenizer) }
    case .peft(let directory):
      if let tokens = directory.configuration.invocationTokens {
        return try Invocation(tokens: tokens, tokenizer: tokenizer)
      }
      guard let text = directory.configuration.invocationString else { return nil }
      guard let tokenizer else {
        throw AdapterError(
          .missingTokenizer, path: directory.configurationPath, place: "$.invocation_string",
          problem: "this legacy adapter gives its invocation as text, and there is no tokenizer to turn it into tokens",
          remedy: "give the base")
      }
      return try Invocation(legacyString: text, tokenizer: tokenizer)
    }
  }
}
