internal import AloraModels
internal import AloraTemplates
internal import AloraSystem
internal import AloraJSON
internal import AloraTokenization
internal import ArgumentParser

/// `alora tokenize`: a text becomes the tokens of a model.
struct TokenizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize",
    abstract: "Show the tokens that a model's tokenizer makes of a text.",
    discussion: """
      Example:
        alora tokenize --model SmolLM2-135M-Instruct --text "<|im_start|>user"
        alora tokenize --model base.gguf --file prompt.txt --no-special --json
        alora tokenize --model base.gguf --messages chat.json

      The tokens are those that Hugging Face's tokenizers gives, from tokenizer.json and from a GGUF's vocabulary.
      Special tokens that are written in the text count as such; --no-special leaves out only those that the tokenizer
      puts around it. --messages renders the model's chat template, which writes its special tokens itself.
      """)

  @Option(
    help: ArgumentHelp("A Hugging Face directory, a tokenizer.json or a base GGUF.", valueName: "dir|json|gguf"))
  var model: String

  @Option(help: "The text.")
  var text: String?

  @Option(help: "A file with the text, in UTF-8.")
  var file: String?

  @Option(help: ArgumentHelp("A file with a JSON list of messages for the chat template.", valueName: "json"))
  var messages: String?

  @Option(help: ArgumentHelp("With --messages, a file with a JSON list of tools.", valueName: "json"))
  var tools: String?

  @Option(
    name: .customLong("template-variables"),
    help: ArgumentHelp("With --messages, a file with a JSON object of more variables.", valueName: "json"))
  var templateVariables: String?

  @Flag(
    name: .customLong("no-generation-prompt"),
    help: "With --messages, end with the last message instead of where the assistant begins.")
  var noGenerationPrompt = false

  @Flag(name: .customLong("no-special"), help: "Add no special tokens (a BOS, say) around the text.")
  var noSpecial = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard [text, file, messages].count(where: { $0 != nil }) == 1 else {
      throw ValidationError("give the text with --text, with --file or as --messages")
    }
    if messages == nil, tools != nil || templateVariables != nil || noGenerationPrompt {
      throw ValidationError("--tools, --template-variables and --no-generation-prompt belong to --messages")
    }
  }

  func run() throws {
    let tokenizer = try Tokenizer(path: model)
    let prompt = try messages.map { try renderedPrompt($0) }
    let tokens = try tokenizer.encode(
      bytes: prompt.map { Array($0.utf8) } ?? textBytes(), addsSpecialTokens: !noSpecial && prompt == nil)
    if common.json {
      Console.standardOutput.write(json(tokens, tokenizer, prompt: prompt).serialized() + "\n")
    } else if common.quiet {
      Console.standardOutput.write(tokens.map(String.init).joined(separator: " ") + "\n")
    } else {
      var table = ColumnTable(rightAligned: [0])
      for token in tokens { table.add([String(token), tokenizer.piece(of: token) ?? ""]) }
      Console.standardOutput.write(table.text)
    }
  }

  private func textBytes() throws -> [UInt8] {
    if let text { return Array(text.utf8) }
    let file = try MappedFile(path: file ?? "")
    return try file.read(0..<file.byteCount)
  }

  private func renderedPrompt(_ path: String) throws -> String {
    guard let template = try ChatTemplate.ofModel(model) else {
      throw TokenizationError(
        .missingTokenizer, path: model, problem: "the model has no chat template", remedy: "give the prompt with --text"
      )
    }
    return try template.render(
      messages: JSONDocument(path: path).root, tools: tools.map { try JSONDocument(path: $0).root },
      addsGenerationPrompt: !noGenerationPrompt, variables: templateVariables.map { try JSONDocument(path: $0).root },
      date: .now())
  }

  /// schemas/tokenize.schema.json
  private func json(_ tokens: [Int], _ tokenizer: Tokenizer, prompt: String?) -> JSONValue {
    .members([
      "model": .string(tokenizer.path ?? model),
      "prompt": prompt.map { .string($0) },
      "adds_special_tokens": .boolean(!noSpecial && prompt == nil),
      "count": .integer(tokens.count),
      "tokens": .array(tokens.map { .integer($0) }),
      "pieces": .array(tokens.map { .string(tokenizer.piece(of: $0) ?? "") }),
    ])
  }
}
