internal import AloraModels
internal import AloraSystem
internal import AloraGGUF
internal import AloraInspection
internal import AloraJSON
internal import AloraNPZ
internal import AloraAdapters
internal import AloraReports
internal import AloraSafetensors
internal import AloraTensors
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
    let output = Console.standardOutput
    output.write(common.json ? inspection.json.serialized() + "\n" : inspection.text(output.style))
  }

  /// Twice what the largest vocabularies have in one array.
  private static let shownElementLimit = 1 << 21

  private func printValue(of key: String, in subject: Subject) throws {
    let text: String?
    switch subject {
    case .gguf(let file):
      if case .array(let array)? = file.metadata[key], array.count > Self.shownElementLimit {
        throw GGUFError(
          .valueOutOfRange, path: path, subject: "key \(key)",
          problem: "it has \(array.count) elements, at most \(Self.shownElementLimit) are shown")
      }
      text = common.json ? file.metadata[key]?.json.serialized(isPretty: false) : file.metadata[key]?.plainText
    case .safetensors(let file): text = file.files[0].metadata[key]
    case .adapterDirectory(let directory):
      let value = try JSONDocument(path: directory.configurationPath).root[optional: key]
      text = try value.map { !common.json && $0.kind == .string ? try $0.string() : $0.serialized }
    case .baseDirectory(let directory):
      let value = try directory.source.configuration()?[optional: key]
      text = try value.map { !common.json && $0.kind == .string ? try $0.string() : $0.serialized }
    case .npz(let file):
      let isText = file[key].map { if case .number = $0.element { false } else { true } } ?? false
      let isFloating = file[key].map {
        if case .number(let dtype) = $0.element { dtype.isFloatingPoint } else { false }
      }
      text =
        try file[key] == nil
        ? nil
        : isText
          ? file.text(named: key)
          : isFloating ?? false ? "\(file.floats(named: key))" : "\(file.integers(named: key))"
    }
    guard let text else {
      common.note("\(path): there is no key '\(key)'".escapingControlCharacters())
      throw ExitStatus.checkFailed
    }
    Console.standardOutput.tell(text + "\n")
  }
}
