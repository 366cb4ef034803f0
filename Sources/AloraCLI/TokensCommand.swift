internal import AloraModels
internal import AloraTemplates
internal import AloraGeneration
internal import AloraSystem
internal import AloraGGUF
internal import AloraJSON
internal import AloraAdapters
internal import AloraReports
internal import AloraTokenization
internal import ArgumentParser

/// `alora tokens`: what switches an adapter on, and how that can break.
struct TokensCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokens",
    abstract: "Show an adapter's invocation tokens, check them, and show where a prompt activates the adapter.",
    discussion: """
      Examples:
        alora tokens my-adapter --base SmolLM2-135M-Instruct
        alora tokens my-adapter.gguf --base base.gguf --file prompt.txt

      Without --base, the tokenizer saved with the adapter is used; if there is none, only the ids are shown. The exit code is \
      1 if a finding is an error.
      """)

  @Argument(help: ArgumentHelp("The adapter: a PEFT directory or a GGUF.", valueName: "dir|gguf"))
  var adapter: String

  @Option(help: ArgumentHelp("The base model: a Hugging Face directory or a GGUF.", valueName: "dir|gguf"))
  var base: String?

  @OptionGroup var conversation: ConversationOptions

  @Flag(name: .customLong("no-special"), help: "Add no special tokens, such as a BOS, around a plain prompt.")
  var noSpecial = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    try conversation.requirePrompt()
    guard !noSpecial || (conversation.isGiven && !conversation.isChat) else {
      throw ValidationError("--no-special needs a plain prompt: --prompt or --file.")
    }
  }

  func run() throws {
    let source = try AdapterSource(path: adapter, readsWeights: false)
    try source.checkInvocation()
    let own = source.tokenizerPath
    let basePath = try base.map { try BaseTokenizer.path($0) } ?? own
    let tokenizer = try basePath.map { try Tokenizer(path: $0) }
    let conversation = try conversation.conversation()
    guard tokenizer != nil || conversation == nil else {
      throw TokenizationError(
        .missingTokenizer, path: adapter, problem: "there is no tokenizer for the prompt", remedy: .nameTokenizer)
    }
    var report = TokensReport(adapter: adapter, tokenizerPath: basePath)
    report.invocation = try source.invocation(tokenizer)
    for note in source.notes { common.note("\(note.place): \(note.text)".escapingControlCharacters()) }
    if let invocation = report.invocation, let tokenizer {
      let adapterTokenizer = own == basePath ? nil : try own.map { try Tokenizer(path: $0) }
      report.findings = try InvocationLint(
        tokenizer: tokenizer, adapterTokenizer: adapterTokenizer, generationPrompts: generationPrompts(base ?? adapter)
      ).findings(invocation)
    }
    report.pieces = report.invocation?.tokens.map { tokenizer?.piece(of: $0) } ?? []
    if let conversation, let tokenizer {
      let model = base ?? adapter
      let isChat = self.conversation.isChat
      let encoder = ConversationEncoder(
        tokenizer: tokenizer, template: isChat ? try ChatTemplate.ofModel(model) : nil, path: model)
      report.prompt = try TokensReport.Prompt(
        tokens: encoder.tokens(
          conversation, invocation: report.invocation?.tokens, addsSpecialTokens: !noSpecial),
        tokenizer: tokenizer, invocation: report.invocation)
    }
    let output = Console.standardOutput
    output.write(common.json ? report.json.serialized() + "\n" : report.text(output.style))
    if report.findings.contains(where: { $0.severity == .error }) { throw ExitStatus.checkFailed }
  }
}

extension TokensCommand {
  /// Ordinary prompts of a model; none if it has no usable chat template.
  private func generationPrompts(_ model: String) -> [String] {
    let conversations = [
      #"[{"role":"user","content":"Hi"}]"#, #"[{"role":"user","content":"What is the capital of France?"}]"#,
    ]
    do {
      guard let template = try ChatTemplate.ofModel(model) else { return [] }
      return try conversations.map { text in
        let messages = try JSONDocument(parsing: unsafe Array(text.utf8).span.bytes).root
        return try template.render(messages: messages, date: .now())
      }
    } catch {
      common.note("\(error); ordinary prompts are not checked")
      return []
    }
  }
}

/// The tokenizer of a base.
enum BaseTokenizer {
  /// - Throws: ``FileError``, ``PathError``; ``TokenizationError`` `missingTokenizer`.
  static func path(_ base: String) throws -> String {
    if let path = Tokenizer.tokenizerPath(ofModel: base) { return path }
    // Its error says what is there instead.
    _ = try Tokenizer(path: base)
    throw TokenizationError(.missingTokenizer, path: base, problem: "the base has no tokenizer")
  }
}
