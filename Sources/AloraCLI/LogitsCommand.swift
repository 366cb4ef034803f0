internal import AloraModels
internal import AloraAdapters
internal import AloraSystem
internal import AloraGeneration
internal import AloraInference
internal import AloraJSON
internal import AloraNPZ
internal import AloraTensors
internal import AloraVerification
internal import ArgumentParser

/// `alora logits`: the logits of every position.
struct LogitsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logits",
    abstract: "Compute logits, with or without an adapter, and write them as .npz.",
    discussion: """
      Examples:
        alora logits --model base.gguf --tokens 1,20,7,9 --output out.npz
        alora logits --model base --adapter my-adapter --file p.txt --output out.npz
        alora logits --model base --tokens-file ids.json --positions last \\
            --output out.npz

      For each text i, the file holds tokens_i, logits_i and activation_start_i (-1 if the adapter is off); with --positions, \
      also positions_i. With the exact backend, the numbers are the same on every machine, bit for bit, with any --chunk \
      and --threads. An Activated LoRA is active from the last occurrence of its invocation, as in PEFT. A plain LoRA is \
      active everywhere.
      """)

  @OptionGroup var inference: InferenceOptions

  @Option(help: ArgumentHelp("A text, as token ids.", valueName: "1,2,3"))
  var tokens: String?

  @Option(
    name: .customLong("tokens-file"),
    help: ArgumentHelp("A JSON file with a list of token ids, or a list of such lists.", valueName: "file"))
  var tokensFile: String?

  @OptionGroup var conversation: ConversationOptions

  @Option(
    help: ArgumentHelp(
      "Which positions to write: all (the default), last, activated, around (from two before the activation), or indices such as 0,5,-1.",
      valueName: "which"),
    transform: { text in
      guard let selection = PositionSelection(text) else {
        throw ValidationError("'\(text)' is not all, last, activated, around or a list such as 0,5,-1.")
      }
      return selection
    })
  var positions = PositionSelection.named(.all)

  @Option(
    name: .customLong("activation-start"),
    help: ArgumentHelp(
      "The index of the first adapted token, overriding the invocation. -1: the adapter is off.", valueName: "n"))
  var activationStart: Int?

  @Option(
    help: ArgumentHelp(
      "Which token is adapted first. peft (the default): the first of the invocation; legacy: one later; llama-server: one earlier.",
      valueName: "rule"), transform: named)
  var activation = ActivationRule.peft

  @Option(help: ArgumentHelp("How many tokens to compute at once.", valueName: "n"))
  var chunk = 512

  @Option(help: ArgumentHelp("The file to write.", valueName: "npz"))
  var output: String

  @Flag(help: "Replace an existing file.")
  var force = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard [tokens != nil, tokensFile != nil, conversation.isGiven].count(where: { $0 }) == 1 else {
      throw ValidationError("Give one of --tokens, --tokens-file, --prompt, --file and --messages.")
    }
    try conversation.requirePrompt()
    guard (1...65536).contains(chunk) else { throw ValidationError("--chunk must be from 1 to 65536.") }
    if let activationStart, activationStart < -1 { throw ValidationError("--activation-start must be -1 or more.") }
    if activationStart != nil, inference.adapter == nil {
      throw ValidationError("--activation-start needs --adapter.")
    }
    if tokens != nil, listedTokens == nil { throw ValidationError("--tokens must be a list such as 1,2,3.") }
  }

  private var listedTokens: [Int]? {
    guard let tokens else { return nil }
    let parts = tokens.split(separator: ",", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { part in Int(part.drop { $0 == " " }) }
    return numbers.count == parts.count ? numbers : nil
  }

  func run() throws {
    let content = try conversation.conversation()
    var listed = content == nil ? try listedTexts() : nil
    // A chat's tokens may depend on the adapter's invocation, and so on the model.
    if let content, !conversation.isChat { listed = [try promptTokens(content, invocation: nil)] }
    // Weights that one pass needs are read as it goes.
    let isOnePass = listed?.count == 1 && listed?[0].count ?? .max <= chunk
    let loaded = try inference.load(common, keepsWeights: !isOnePass)
    let texts =
      try listed ?? content.map { [try promptTokens($0, invocation: loaded.adapter?.invocationTokens)] } ?? []
    let limit = inference.contextLimit(of: loaded.model)
    var jobs: [(tokens: [Int], start: Int?, positions: [Int])] = []
    for (index, tokens) in texts.enumerated() {
      let name = texts.count == 1 ? "the text" : "text \(index)"
      try limit.check(tokens.count, name: name, path: tokensFile)
      let start = start(in: tokens, of: loaded.adapter)
      jobs.append((tokens, start, try positions.positions(tokenCount: tokens.count, start: start)))
    }
    let writer = try NPZWriter(path: output, replacesExisting: force, compression: .stored)
    let total = jobs.reduce(0) { $0 + ($1.positions.last ?? -1) + 1 }
    var progress = Progress("computing", total: total, isQuiet: common.quiet)
    var reports: [JSONValue] = []
    var done = 0
    for (index, job) in jobs.enumerated() {
      reports.append(
        try write(job.tokens, job.start, job.positions, index: index, loaded, to: writer) {
          progress.update(done + $0)
        })
      done += (job.positions.last ?? -1) + 1
    }
    progress.finish()
    let rowCount = jobs.reduce(0) { $0 + $1.positions.count }
    try writer.finish(
      with: report(loaded, texts: reports), common,
      summary: "\(counted(texts.count, "text")), \(counted(rowCount, "position")) written to \(output)")
  }

  /// Computes a text as far as its last wanted position, and writes the rows.
  ///
  /// - Returns: its part of the report.
  private func write(
    _ tokens: [Int], _ start: Int?, _ positions: [Int], index: Int, _ loaded: LoadedModel, to writer: NPZWriter,
    progress: (Int) -> Void
  ) throws -> JSONValue {
    let vocabularySize = loaded.model.vocabularySize
    // Logits of a chunk are held in memory, and the numbers do not depend on the chunk: no more than a gigabyte at once.
    let chunk = min(chunk, max(1, (1 << 28) / vocabularySize))
    let sequence = TokenSequence(
      model: loaded.model, adapter: loaded.adapter, activationStart: start, declaredLength: tokens.count)
    guard let vector = Shape([tokens.count]), let kept = Shape([positions.count]),
      let matrix = Shape([positions.count, vocabularySize])
    else { throw ExitStatus.inputRefused }
    let keepsAll = self.positions == .named(.all)
    try writer.add("tokens_\(index)", integers: tokens, shape: vector)
    if !keepsAll { try writer.add("positions_\(index)", integers: positions, shape: kept) }
    try writer.begin("logits_\(index)", element: .number(.f32), shape: matrix)
    var hasher = Digest.Hasher()
    var rest = positions[...]
    for first in stride(from: 0, through: positions.last ?? -1, by: chunk) {
      let part = Array(tokens[first..<min(first + chunk, tokens.count)])
      let wanted = rest.prefix { $0 < first + part.count }
      rest = rest.dropFirst(wanted.count)
      guard let low = wanted.first, let high = wanted.last else {
        _ = try loaded.evaluator.evaluate([Work(sequence, tokens: part, logits: .none)])
        progress(first + part.count)
        continue
      }
      let work = Work(sequence, tokens: part, logits: .rows((low - first)..<(high - first + 1)))
      let logits = try loaded.evaluator.evaluate([work])[0]
      let values = wanted.count == logits.positions.count ? logits.values : wanted.flatMap { logits[$0] }
      hasher.add(values)
      try writer.write(floats: values)
      progress(min(first + part.count, high + 1))
    }
    try writer.add("activation_start_\(index)", integer: start ?? -1)
    return .members([
      "token_count": .integer(tokens.count), "activation_start": .integer(start ?? -1),
      "positions": keepsAll ? nil : .array(positions.map { .integer($0) }),
      "sha256": .string(hasher.end().description),
    ])
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

  private func promptTokens(_ content: Conversation, invocation: [Int]?) throws -> [Int] {
    let tokens = try ConversationEncoder(model: inference.model, needsTemplate: conversation.isChat)
      .tokens(content, invocation: invocation)
    guard !tokens.isEmpty else {
      throw InferenceError(.noTokens, path: inference.model, problem: "the prompt has no tokens, and so no logits")
    }
    return tokens
  }

  private func listedTexts() throws -> [[Int]] {
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
