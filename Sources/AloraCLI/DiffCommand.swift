internal import AloraSystem
internal import AloraInspection
internal import AloraJSON
internal import ArgumentParser

/// `alora diff`: what differs between two adapters or two files of tensors.
struct DiffCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Compare the metadata and tensors of two adapters, GGUFs, safetensors files or base models.",
    discussion: """
      Example:
        alora diff reference.gguf mine.gguf

      The exit code is 0 if nothing differs and 1 if something does.
      """)

  @Argument(help: "An adapter, a file of tensors or a base model.")
  var first: String

  @Argument(help: "What to compare it with.")
  var second: String

  @OptionGroup var common: CommonOptions

  func run() throws {
    let difference = try Difference(Subject(path: first), Subject(path: second))
    if common.json {
      Console.standardOutput.write(json(difference).serialized() + "\n")
    } else if !common.quiet {
      Console.standardOutput.write(text(difference, .standardOutput))
    }
    if !difference.isEmpty { throw ExitStatus.checkFailed }
  }

  private func text(_ difference: Difference, _ console: Console) -> String {
    guard !difference.isEmpty else {
      let tensors = "no difference in \(counted(difference.comparedTensorCount, "tensor"))"
      return difference.comparesWholeMetadata
        ? "\(tensors) and their metadata\n" : "\(tensors); metadata of two kinds of files are not compared\n"
    }
    var table = ColumnTable()
    for entry in difference.entries {
      let delta = entry.largestDelta.map { "max |Δ| \($0)" } ?? ""
      switch entry.kind {
      case .metadata: table.add(["≠", entry.name, "\(entry.first ?? "—")  →  \(entry.second ?? "—")"])
      case .onlyInFirst: table.add(["−", entry.name, entry.first ?? ""])
      case .onlyInSecond: table.add(["+", entry.name, entry.second ?? ""])
      case .shape: table.add(["≠", entry.name, "shape \(entry.first ?? "")  →  \(entry.second ?? "")"])
      case .type: table.add(["≠", entry.name, "\(entry.first ?? "")  →  \(entry.second ?? "")  \(delta)"])
      case .values: table.add(["≠", entry.name, delta.isEmpty ? "bytes differ" : delta])
      }
    }
    return "\(console.styled("− \(first)", .red))\n\(console.styled("+ \(second)", .green))\n" + table.text
      + "\(counted(difference.entries.count, "difference")); \(counted(difference.comparedTensorCount, "tensor")) in both\n"
  }

  /// For machines (schemas/diff.schema.json).
  private func json(_ difference: Difference) -> JSONValue {
    [
      "first": .string(first), "second": .string(second), "equal": .boolean(difference.isEmpty),
      "compared_tensor_count": .integer(difference.comparedTensorCount),
      "differences": .array(
        difference.entries.map { entry in
          .members([
            "kind": .string(entry.kind.rawValue), "name": .string(entry.name), "first": entry.first.map { .string($0) },
            "second": entry.second.map { .string($0) }, "largest_delta": entry.largestDelta.map { .number($0) },
          ])
        }),
    ]
  }
}
