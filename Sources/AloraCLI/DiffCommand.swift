internal import AloraInspection
internal import AloraModels
internal import AloraReports
internal import ArgumentParser

/// `alora diff`: what differs between two adapters or two files of tensors.
struct DiffCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Compare the metadata and tensors of two adapters, GGUFs, safetensors files or base models.",
    discussion: """
      Examples:
        alora diff reference.gguf mine.gguf
        alora diff my-adapter my-adapter.gguf --base base-model

      The exit code is 0 if nothing differs and 1 if something does.
      """)

  @Argument(help: "An adapter, a file of tensors or a base model.")
  var first: String

  @Argument(help: "What to compare it with.")
  var second: String

  @Option(
    help: ArgumentHelp(
      "Compare two adapters in any form module by module, as they change this base.", valueName: "dir|gguf"))
  var base: String?

  @OptionGroup var common: CommonOptions

  func run() throws {
    let subjects = (try Subject(path: first), try Subject(path: second))
    let difference =
      try base.map { try Difference(subjects.0, subjects.1, base: ModelSource(path: $0)) }
      ?? Difference(subjects.0, subjects.1)
    common.write(
      difference.json(first: first, second: second), text: difference.text(first: first, second: second, common.style),
      evenIfQuiet: false)
    if !difference.isEmpty { throw ExitStatus.checkFailed }
  }
}
