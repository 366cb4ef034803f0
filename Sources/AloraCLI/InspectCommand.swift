internal import AloraInspection
internal import AloraReports
internal import ArgumentParser

/// `alora inspect`: what is in a file or directory, from its headers.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show what is in a GGUF, a safetensors or .npz file, or the directory of an adapter or base model.",
    usage: "alora inspect [<options>] <file|dir>",
    discussion: """
      Examples:
        alora inspect my-adapter.gguf
        alora inspect my-adapter.gguf --key adapter.lora.alpha
        alora inspect my-adapter --tensors --values

      Only headers are read, unless --values asks for statistics of the elements. The exit code is 1 if the key given with \
      --key doesn't exist.
      """)

  @Argument(
    help: ArgumentHelp(
      "A GGUF, a safetensors file or index, an .npz, or the directory of an adapter or base model.",
      valueName: "file|dir"))
  var path: String

  @Option(help: ArgumentHelp("Print only the value of this metadata key.", valueName: "key"))
  var key: String?

  @Flag(help: "List all tensors.")
  var tensors = false

  @Flag(help: "Show the range, norm and first elements of each tensor. Implies --tensors.")
  var values = false

  @Option(
    help: ArgumentHelp(
      "Spell the invocation with this base's tokenizer instead of the one saved with the adapter.",
      valueName: "dir|gguf"))
  var base: String?

  @OptionGroup var common: CommonOptions

  func run() throws {
    let subject = try Subject(path: path)
    if let key { return try printValue(of: key, in: subject) }
    var inspection = try Inspection(subject: subject, path: path, listsTensors: tensors || values, hasValues: values)
    try inspection.spellInvocation(base: base)
    common.write(inspection.json, text: inspection.text(common.style))
  }

  private func printValue(of key: String, in subject: Subject) throws {
    guard let text = try subject.value(of: key, path: path, asJSON: common.json) else {
      common.note("\(path): there is no key '\(key)'")
      throw ExitStatus.checkFailed
    }
    Console.standardOutput.tell(text + "\n")
  }
}
