internal import AloraGeneration
internal import ArgumentParser

/// The one way to give a prompt or a chat, in every command that takes one.
struct ConversationOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The prompt. A value that begins with '-' needs '=': --prompt='- x'.", valueName: "text"))
  var prompt: String?

  @Option(help: ArgumentHelp("A file with the prompt, in UTF-8.", valueName: "file"))
  var file: String?

  @Option(
    help: ArgumentHelp(
      "A chat: a JSON list of messages in OpenAI's form, tool calls included.", valueName: "json"))
  var messages: String?

  @Flag(help: "Write the prompt as a user's message, in the model's chat template. The options below imply it.")
  var chat = false

  @Option(help: ArgumentHelp("The text of a system message at the beginning.", valueName: "text"))
  var system: String?

  @Option(help: ArgumentHelp("A JSON list of the tools that the model may call.", valueName: "json"))
  var tools: String?

  @Option(help: ArgumentHelp("A JSON list of documents for templates that read them.", valueName: "json"))
  var documents: String?

  @Option(help: ArgumentHelp("A JSON object with more variables for the template.", valueName: "json"))
  var templateVariables: String?

  /// Whether there is a prompt or a chat.
  var isGiven: Bool { prompt != nil || file != nil || messages != nil }

  /// Whether the prompt goes through the chat template.
  var isChat: Bool {
    chat || messages != nil || system != nil || tools != nil || documents != nil || templateVariables != nil
  }

  func validate() throws {
    try require(
      [prompt, file, messages].count { $0 != nil } <= 1, "Give one of --prompt, --file and --messages.")
  }

  /// - Throws: `ValidationError` if chat options come without a chat.
  func requirePrompt() throws {
    try require(
      isGiven || !isChat,
      "--chat, --system, --tools, --documents and --template-variables need --prompt, --file or --messages.")
  }

  /// - Throws: ``FileError``, ``JSONError``.
  func frame() throws -> ChatFrame {
    try ChatFrame(system: system, tools: tools, documents: documents, variables: templateVariables)
  }

  /// - Returns: nil if there is no prompt.
  /// - Throws: ``FileError``, ``JSONError``, ``TokenizationError``.
  func conversation() throws -> Conversation? {
    if let messages { return try Conversation(messagesPath: messages, frame: frame()) }
    guard let source = prompt.map(Conversation.Source.text) ?? file.map(Conversation.Source.file) else { return nil }
    return try Conversation(text: source, isChat: isChat, frame: frame())
  }
}

/// How far a prompt may go.
struct ContextOptions: ParsableArguments {
  @Flag(help: "Continue beyond the context length that the model was made for. By default, longer prompts are refused.")
  var beyondContext = false
}
