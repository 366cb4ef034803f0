internal import AloraAdapters
internal import AloraGeneration
internal import AloraInference
internal import AloraModels
public import AloraSystem
internal import AloraTokenization

/// Every error of this library: a category, a file, a place, a problem and a remedy.
public typealias AloraError = DiagnosedError

/// A base model, opened to compute with.
///
/// Not safe to use from several threads at once; it uses several threads itself.
///
///     let model = try LanguageModel(path: "base.gguf")
///     let adapter = try model.adapter(at: "my-adapter.gguf")
///     let answer = try model.generate("Who wrote Faust?", with: adapter, limit: 32)
///     print(answer.text)
public final class LanguageModel {
  private let model: Model
  private let pool: ThreadPool
  let evaluator: Evaluator
  private let generator: Generator

  /// Opens a Hugging Face directory or a GGUF.
  ///
  /// - Parameters:
  ///   - threadCount: nil: one for each processor.
  ///   - cacheByteLimit: how much computed context is kept for later calls.
  /// - Throws: ``AloraError``.
  public init(path: String, threadCount: Int? = nil, cacheByteLimit: Int = 2_000_000_000) throws {
    pool = ThreadPool(threadCount: threadCount ?? ThreadPool.processorCount)
    model = try Model(path: path, pool: pool)
    evaluator = Evaluator(model: model, pool: pool)
    generator = Generator(evaluator: evaluator, cache: PrefixCache(model: model, byteLimit: cacheByteLimit))
  }

  /// The number of token ids, and of logits for each position.
  public var vocabularySize: Int { model.vocabularySize }

  /// Opens an adapter of this model: a PEFT directory or a GGUF.
  ///
  /// - Throws: ``AloraError``, also if the adapter doesn't fit the model.
  public func adapter(at path: String) throws -> LoadedAdapter {
    LoadedAdapter(try Adapter(path: path, model: model, pool: pool))
  }

  /// The tokens of a text, with the special tokens that the tokenizer adds.
  ///
  /// - Throws: ``AloraError``, also if the model has no tokenizer.
  public func tokens(of text: String) throws -> [Int] { try model.source.tokenizer().encode(text) }

  /// The logits of every position: for each token, one number for each token of the vocabulary.
  ///
  ///     let model = try LanguageModel(path: "base.gguf")
  ///     let adapter = try model.adapter(at: "my-adapter.gguf")
  ///     let base = try model.logits(of: [1, 20, 7, 9])
  ///     let adapted = try model.logits(of: [1, 20, 7, 9], with: adapter)
  ///     print(base.count, adapted[3].count == model.vocabularySize)
  ///
  /// An Activated LoRA is active from the last occurrence of its invocation. The numbers are the same bits on every machine.
  /// - Throws: ``AloraError``, also if a token is outside the vocabulary.
  public func logits(of tokens: [Int], with adapter: LoadedAdapter? = nil) throws -> [[Float]] {
    let start = adapter.flatMap { $0.adapter.activationStart(in: tokens) }
    let sequence = TokenSequence(
      model: model, adapter: adapter?.adapter, activationStart: start, declaredLength: tokens.count)
    let logits = try evaluator.evaluate([Work(sequence, tokens: tokens, logits: .all)])[0]
    return logits.positions.map { Array(logits[$0]) }
  }

  /// Continues a text with the most probable tokens, until the model ends it.
  ///
  /// - Parameters:
  ///   - prompt: written as it is, without a chat template.
  ///   - limit: the most tokens to generate.
  /// - Throws: ``AloraError``.
  public func generate(
    _ prompt: String, with adapter: LoadedAdapter? = nil, limit: Int = 256
  ) throws -> GeneratedText {
    let tokenizer = try model.source.tokenizer()
    var request = GenerationRequest(
      tokens: try tokenizer.encode(prompt), adapter: adapter?.adapter, limit: limit)
    request.endTokens = try model.source.endTokens()
    var stream = TextStream(tokenizer, context: Array(request.tokens.suffix(16)))
    var text = ""
    let result = try generator.generate([request]) { step in
      text += try stream.add(step.choice.token)
      return true
    }[0]
    text += try stream.finish()
    return GeneratedText(text: text, tokens: result.tokens, cachedTokenCount: result.reusedCount)
  }

  var opened: Model { model }
}

/// An adapter, opened for a ``LanguageModel``.
public struct LoadedAdapter: Sendable {
  let adapter: Adapter

  init(_ adapter: Adapter) { self.adapter = adapter }

  /// The tokens that switch an Activated LoRA on; nil for a plain LoRA.
  public var invocation: [Int]? { adapter.invocationTokens }
}

/// The text that a model generated.
public struct GeneratedText: Hashable, Sendable {
  public let text: String
  public let tokens: [Int]
  /// How many tokens of the prompt came from the cache.
  public let cachedTokenCount: Int
}
