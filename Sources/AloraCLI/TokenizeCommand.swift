internal import AloraGeneration
internal import AloraReports
internal import ArgumentParser

/// `alora tokenize`: shows the tokens of a text.
struct TokenizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize",
    abstract: "Show the tokens of a text or a chat.",
    discussion: """
      Examples:
        alora tokenize --model SmolLM2-135M-Instruct --text "<|im_start|>user"
        alora tokenize --model base.gguf --file prompt.txt --no-special --json
        alora tokenize --model base.gguf --messages chat.json

      The tokens are those of Hugging Face's tokenizers, both from tokenizer.json and from a GGUF's vocabulary. Special tokens \
      written in the text count as such. A chat template writes its own special tokens; around a plain text, the tokenizer \
      adds them unless --no-special is given.
      """)

  @Option(
    help: ArgumentHelp("The model: a Hugging Face directory, a tokenizer.json or a GGUF.", valueName: "dir|json|gguf"))
  var model: String

  @Option(help: ArgumentHelp("A plain text, never a chat.", valueName: "text"))
  var text: String?

  @OptionGroup var conversation: ConversationOptions

  @Flag(help: "End a chat with its last message instead of where the assistant begins.")
  var noGenerationPrompt = false

  @Flag(help: "Add no special tokens, such as a BOS, around a plain text.")
  var noSpecial = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    try require(
      (text != nil) != conversation.isGiven,
      "Give the text with one of --text, --prompt and --file, or a chat with --messages.")
    try require(
      text == nil || !conversation.isChat, "--text is never a chat: give a user's message with --prompt or --file.")
    try require(
      !noGenerationPrompt || conversation.isChat, "--no-generation-prompt needs a chat: --messages or --chat.")
  }

  func run() throws {
    let conversation =
      try conversation.conversation() ?? Conversation(text: .text(text ?? ""), isChat: false, frame: ChatFrame())
    let report = TokenizationReport(
      model: model,
      try TokenizedText(
        conversation, model: model, addsGenerationPrompt: !noGenerationPrompt, addsSpecialTokens: !noSpecial))
    if let note = report.note { common.note(note) }
    common.write(report.json, text: common.quiet ? report.idText : report.table)
  }
}
