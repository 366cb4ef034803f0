package import AloraInspection
package import AloraJSON
internal import AloraSystem
internal import AloraTensors

extension Difference {
  package func text(first: String, second: String, _ style: TextStyle) -> String {
    guard !isEmpty else {
      let tensors = "no difference in \(counted(comparedTensorCount, "tensor"))"
      return comparesWholeMetadata
        ? "\(tensors) and their metadata\n" : "\(tensors); metadata of two kinds of files are not compared\n"
    }
    var table = ColumnTable()
    for entry in entries {
      let (first, second) = (entry.first?.text, entry.second?.text)
      let delta = entry.largestDelta.map { "max |Δ| \($0)" } ?? ""
      switch entry.kind {
      case .metadata: table.add(["≠", entry.name, "\(first ?? "—")  →  \(second ?? "—")"])
      case .onlyInFirst: table.add(["−", entry.name, first ?? ""])
      case .onlyInSecond: table.add(["+", entry.name, second ?? ""])
      case .shape: table.add(["≠", entry.name, "shape \(first ?? "")  →  \(second ?? "")"])
      case .type: table.add(["≠", entry.name, "\(first ?? "")  →  \(second ?? "")  \(delta)"])
      case .values: table.add(["≠", entry.name, delta.isEmpty ? "bytes differ" : delta])
      }
    }
    return "\(style.styled("− \(first)", .red))\n\(style.styled("+ \(second)", .green))\n" + table.text
      + "\(counted(entries.count, "difference")); \(counted(comparedTensorCount, "tensor")) in both\n"
  }

  /// For machines (schemas/diff.schema.json).
  package func json(first: String, second: String) -> JSONValue {
    [
      "first": .string(first), "second": .string(second), "equal": .boolean(isEmpty),
      "compared_tensor_count": .integer(comparedTensorCount),
      "differences": .array(
        entries.map { entry in
          .members([
            "kind": .string(entry.kind.rawValue), "name": .string(entry.name),
            "first": entry.first.map { .string($0.text) },
            "second": entry.second.map { .string($0.text) }, "largest_delta": entry.largestDelta.map { .number($0) },
          ])
        }),
    ]
  }
}

extension Difference.Entry.Value {
  fileprivate var text: String {
    switch self {
    case .metadata(let text): text
    case .tokens(let tokens): "\(tokens)"
    case .tensor(let dtype, let shape): "\(dtype) \(shape)"
    case .shape(let shape): "\(shape)"
    case .dtype(let dtype): dtype.name
    case .rank(let rank): "rank \(rank)"
    case .elementCount(let count): "\(count) elements"
    }
  }
}
