internal import AloraAdapters
internal import AloraGeneration
internal import AloraJSON
internal import AloraReports
internal import AloraSystem
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
    let survey = try InvocationSurvey(adapterPath: adapter, base: base)
    let prompt = try conversation.conversation().map {
      try survey.tokens(of: $0, addsSpecialTokens: !noSpecial)
    }
    for note in survey.source.notes { common.note("\(NoteText(note))".escapingControlCharacters()) }
    if let problem = survey.templateProblem { common.note("\(problem); ordinary prompts are not checked") }
    let (report, output) = (TokensReport(survey, prompt: prompt), Console.standardOutput)
    output.write(common.json ? report.json.serialized() + "\n" : report.text(output.style))
    if survey.findings.contains(where: { $0.severity == .error }) { throw ExitStatus.checkFailed }
  }
}
