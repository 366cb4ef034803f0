internal import AloraBytes
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

      The tokens are those that Hugging Face's tokenizers gives, from tokenizer.json and from a GGUF's vocabulary.
      Special tokens that are written in the text count as such; --no-special leaves out only those that the tokenizer
      puts around it.
      """)

  @Option(
    help: ArgumentHelp("A Hugging Face directory, a tokenizer.json or a base GGUF.", valueName: "dir|json|gguf"))
  var model: String

  @Option(help: "The text.")
  var text: String?

  @Option(help: "A file with the text, in UTF-8.")
  var file: String?

  @Flag(name: .customLong("no-special"), help: "Add no special tokens (a BOS, say) around the text.")
  var noSpecial = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard (text == nil) != (file == nil) else { throw ValidationError("give the text with --text or with --file") }
  }

  func run() throws {
    let tokenizer = try Tokenizer(path: model)
    let tokens = try tokenizer.encode(bytes: textBytes(), addsSpecialTokens: !noSpecial)
    if common.json {
      Console.standardOutput.write(json(tokens, tokenizer).serialized() + "\n")
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

  /// schemas/tokenize.schema.json
  private func json(_ tokens: [Int], _ tokenizer: Tokenizer) -> JSONValue {
    [
      "model": .string(tokenizer.path ?? model),
      "adds_special_tokens": .boolean(!noSpecial),
      "count": .integer(tokens.count),
      "tokens": .array(tokens.map { .integer($0) }),
      "pieces": .array(tokens.map { .string(tokenizer.piece(of: $0) ?? "") }),
    ]
  }
}
