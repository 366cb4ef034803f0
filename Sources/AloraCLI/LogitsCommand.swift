internal import AloraModels
internal import AloraSystem
internal import AloraInference
internal import AloraJSON
internal import AloraNPZ
internal import AloraTensors
internal import AloraTokenization
internal import ArgumentParser

/// `alora logits`: the logits of every position.
struct LogitsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logits",
    abstract: "Compute the logits of every position, with or without an adapter, and write them as .npz.",
    discussion: """
      Example:
        alora logits --model base.gguf --adapter my-adapter --tokens 1,20,7,9 --output out.npz
        alora logits --model base --tokens-file prompts.json --output out.npz

      The file holds tokens_i, logits_i and activation_start_i (-1: adapter off) for each text i. With the exact
      backend its numbers are the same, bit for bit, whatever --chunk and --threads are, on every machine.
      An Activated LoRA is active from the last occurrence of its invocation on, as PEFT has it; an ordinary LoRA
      everywhere.
      """)

  @OptionGroup var inference: InferenceOptions

  @Option(help: ArgumentHelp("A text as token ids.", valueName: "1,2,3"))
  var tokens: String?

  @Option(
    name: .customLong("tokens-file"),
    help: ArgumentHelp("A JSON file: an array of ids, or an array of such arrays.", valueName: "file"))
  var tokensFile: String?

  @Option(help: "A text, which the model's tokenizer turns into tokens, with the special tokens that it adds.")
  var prompt: String?

  @Option(
    name: .customLong("activation-start"),
    help: ArgumentHelp("The index of the first adapted token, whatever the invocation says; -1: none.", valueName: "n"))
  var activationStart: Int?

  @Option(
    help: ArgumentHelp(
      "peft (default): at the invocation's start; legacy: one token later; llama-server: one earlier.",
      valueName: "rule"), transform: named)
  var activation = ActivationRule.peft

  @Option(help: ArgumentHelp("How many tokens are computed together.", valueName: "n"))
  var chunk = 512

  @Option(help: ArgumentHelp("Where to write.", valueName: "npz"))
  var output: String

  @Flag(help: "Replace a file that exists.")
  var force = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard [tokens, tokensFile, prompt].compactMap({ $0 }).count == 1 else {
      throw ValidationError("Give one of --tokens, --tokens-file and --prompt.")
    }
    guard (1...65536).contains(chunk) else { throw ValidationError("--chunk is from 1 to 65536.") }
    if let activationStart, activationStart < -1 { throw ValidationError("--activation-start is -1 or more.") }
    if activationStart != nil, inference.adapter == nil {
      throw ValidationError("--activation-start needs --adapter.")
    }
    if tokens != nil, listedTokens == nil { throw ValidationError("--tokens is a list such as 1,2,3.") }
  }

  private var listedTokens: [Int]? {
    guard let tokens else { return nil }
    let parts = tokens.split(separator: ",", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { part in Int(part.drop { $0 == " " }) }
    return numbers.count == parts.count ? numbers : nil
  }

  func run() throws {
    let texts = try texts()
    // Weights that one pass needs are read as it goes.
    let isOnePass = texts.count == 1 && texts[0].count <= chunk
    let loaded = try inference.load(common, keepsWeights: !isOnePass)
    let writer = try NPZWriter(path: output, replacesExisting: force, compression: .stored)
    var progress = Progress("computing", total: texts.reduce(0) { $0 + $1.count }, isQuiet: common.quiet)
    var reports: [JSONValue] = []
    var done = 0
    // Logits of a chunk are held in memory, and the numbers do not depend on the chunk: no more than a gigabyte at once.
    let chunk = min(chunk, max(1, (1 << 28) / loaded.model.vocabularySize))
    for (index, tokens) in texts.enumerated() {
      let start = start(in: tokens, of: loaded.adapter)
      let sequence = TokenSequence(
        model: loaded.model, adapter: loaded.adapter, activationStart: start, declaredLength: tokens.count)
      guard let vector = Shape([tokens.count]), let matrix = Shape([tokens.count, loaded.model.vocabularySize])
      else { throw ExitStatus.inputRefused }
      try writer.add("tokens_\(index)", integers: tokens, shape: vector)
      try writer.begin("logits_\(index)", element: .number(.f32), shape: matrix)
      var hasher = Digest.Hasher()
      for first in stride(from: 0, to: tokens.count, by: chunk) {
        let part = Array(tokens[first..<min(first + chunk, tokens.count)])
        let values = try loaded.evaluator.evaluate([Work(sequence, tokens: part, logits: .all)])[0].values
        hasher.add(values)
        try writer.write(floats: values)
        done += part.count
        progress.update(done)
      }
      try writer.add("activation_start_\(index)", integer: start ?? -1)
      reports.append([
        "token_count": .integer(tokens.count), "activation_start": .integer(start ?? -1),
        "sha256": .string(hasher.end().description),
      ])
    }
    progress.finish()
    try writer.finish(
      with: report(loaded, texts: reports), common,
      summary: "\(counted(texts.count, "text")), \(counted(done, "position")) written to \(output)")
  }

  /// Schema: schemas/logits.schema.json.
  private func report(_ loaded: LoadedModel, texts: [JSONValue]) -> JSONValue {
    [
      "model": .string(inference.model),
      "adapter": loaded.adapter.map { .string($0.path) } ?? .null,
      "adapter_sha256": loaded.adapter.map { .string($0.digest.description) } ?? .null,
      "activation": .string(activationStart == nil ? activation.rawValue : "given"),
      "backend": .string(inference.backend.rawValue),
      "vocabulary_size": .integer(loaded.model.vocabularySize),
      "texts": .array(texts),
    ]
  }

  private func start(in tokens: [Int], of adapter: Adapter?) -> Int? {
    guard let adapter else { return nil }
    if let activationStart { return activationStart < 0 ? nil : activationStart }
    return activation.start(in: tokens, invocation: adapter.invocationTokens)
  }

  private func texts() throws -> [[Int]] {
    if let prompt {
      guard let path = Tokenizer.tokenizerPath(ofModel: inference.model) else {
        throw FileError(
          .notFound, operation: "open", path: inference.model, detail: "the model has no tokenizer for --prompt")
      }
      let tokens = try Tokenizer(path: path).encode(prompt)
      guard !tokens.isEmpty else {
        throw InferenceError(.noTokens, path: path, problem: "the prompt has no tokens, and so no logits")
      }
      return [tokens]
    }
    if let listed = listedTokens { return [listed] }
    guard let tokensFile else { return [] }
    let limit = 0...Int(Int32.max)
    let root = try JSONDocument(path: tokensFile).root
    let elements = try root.elements()
    let texts =
      elements.allSatisfy { $0.kind == .integer }
      ? [try root.integers(in: limit)] : try elements.map { try $0.integers(in: limit) }
    if let empty = texts.firstIndex(of: []) {
      let place = elements.isEmpty ? root.jsonPath : elements[empty].jsonPath
      throw InferenceError(.noTokens, path: tokensFile, place: place, problem: "a text without tokens has no logits")
    }
    return texts
  }
}
