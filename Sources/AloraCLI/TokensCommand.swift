internal import AloraAdapters
internal import AloraGeneration
internal import AloraIntrinsics
internal import AloraReports
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

  @Flag(help: "Add no special tokens, such as a BOS, around a plain prompt.")
  var noSpecial = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    try conversation.requirePrompt()
    try require(
      !noSpecial || (conversation.isGiven && !conversation.isChat),
      "--no-special needs a plain prompt: --prompt or --file.")
  }

  func run() throws {
    let survey = try InvocationSurvey(adapterPath: adapter, base: base)
    let conversation = try conversation.conversation()
    let prompt = try conversation.map { try survey.tokens(of: $0, addsSpecialTokens: !noSpecial) }
    let other = try conversation.flatMap {
      try survey.transformers5Tokens(of: $0, addsSpecialTokens: !noSpecial, unlike: prompt ?? [])
    }
    common.note(survey.source.notes.map { NoteText($0) }, about: adapter)
    if let problem = survey.templateProblem { common.note("\(problem); ordinary prompts are not checked") }
    let report = TokensReport(
      survey, configurationFindings: try IntrinsicLint.findings(survey, base: base), prompt: prompt,
      transformers5: other)
    common.write(report.json, text: report.text(common.style))
    if report.hasErrors { throw ExitStatus.checkFailed }
  }
}
