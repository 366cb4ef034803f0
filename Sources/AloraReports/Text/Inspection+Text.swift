internal import AloraModels
internal import AloraSystem
internal import AloraGGUF
package import AloraInspection
internal import AloraNPZ
internal import AloraAdapters
internal import AloraSafetensors
internal import AloraTensors

extension Inspection {
  /// A few lines and tables for people.
  package func text(_ style: TextStyle) -> String {
    if case .npz(let file) = subject { return archiveText(file, style) }
    var fields = FieldTable(style)
    fields.add("file", "\(path)  \(containerText)", style: .bold)
    if let adapter { addAdapter(adapter, to: &fields) }
    if adapter == nil { addModel(to: &fields) }
    addSwitch(to: &fields)
    for note in subject.notes { fields.add("note", "\(NoteText(note))", style: .yellow) }
    fields.add("tensors", tensorText)
    var text = fields.text
    if let adapter, !adapter.groups.isEmpty { text += "\n" + targets(adapter) }
    if let switchTable { text += "\n" + switchTable }
    if case .gguf(let file) = subject {
      text += "\n" + metadata(file.metadata.entries.map { ($0.key, $0.value.excerpt()) })
    }
    if case .safetensors(let set) = subject, let file = set.files.first, !file.metadata.isEmpty {
      text += "\n" + metadata(file.metadata.sorted { $0.key < $1.key }.map { ($0.key, "\"\($0.value)\"") })
    }
    if listsTensors { text += "\n" + tensorTable }
    return text
  }

  private var containerText: String {
    switch subject {
    case .gguf(let file):
      let parts = file.parts.count > 1 ? " in \(file.parts.count) parts" : ""
      let order = file.parts[0].isBigEndian ? ", big-endian" : ""
      let size = byteText(file.parts.reduce(0) { $0 + $1.byteCount })
      return "GGUF v\(file.parts[0].version)\(order)\(parts), \(size)"
    case .safetensors: return "safetensors"
    case .adapterDirectory(let directory): return directory.isMLX ? "MLX adapter" : "PEFT adapter"
    case .baseDirectory: return "base model"
    case .npz: return "NumPy arrays"
    }
  }

  private func addAdapter(_ adapter: AdapterSummary, to fields: inout FieldTable) {
    let architecture = adapter.architecture.map { " for \($0)" } ?? ""
    let isActivated = adapter.invocationTokens != nil || adapter.invocationString != nil
    let name = adapter.type == "LORA" ? (isActivated ? "aLoRA" : "LoRA") : adapter.type ?? "of no stated type"
    fields.add(
      "adapter",
      "\(name)\(architecture), \(counted(adapter.moduleCount, "module")), "
        + "\(adapter.parameterCount) parameters")
    fields.add("base", adapter.base ?? "not recorded")
    let stabilized = adapter.isRankStabilized ? ", rank-stabilized (alpha / √r)" : ""
    fields.add("alpha", adapter.alpha.map { "\($0)\(stabilized)" } ?? "none")
    if let tokens = adapter.invocationTokens {
      fields.add("invocation", "\(tokens)\(invocationText.map { "  \"\($0)\"" } ?? "")")
    } else if let string = adapter.invocationString {
      fields.add("invocation", "\"\(string)\" (legacy: text, active one token after its start)")
    } else if adapter.type == "LORA" {
      fields.add("invocation", "none: active everywhere")
    }
    for note in adapter.notes { fields.add("note", "\(NoteText(note))", style: .yellow) }
  }

  private func addModel(to fields: inout FieldTable) {
    guard let model else {
      if let architectureName { fields.add("model", architectureName) }
      return
    }
    let h = model.hyperparameters
    let experts = h.expertCount > 0 ? ", \(h.expertCount) experts (\(h.expertsPerToken) per token)" : ""
    fields.add(
      "model",
      "\(model.architectureName), \(counted(h.layerCount, "layer")), hidden \(h.hiddenSize), "
        + "\(counted(h.headCount, "head")) (\(h.keyValueHeadCount) key-value) of \(h.headDimension), feed-forward \(h.feedForwardSize)\(experts)"
    )
    fields.add(
      "vocabulary",
      "\(h.vocabularySize) tokens, output layer \(h.tiesEmbeddings ? "tied to the embedding" : "of its own")")
  }

  private var tensorText: String {
    let tensors = subject.tensors
    guard !tensors.isEmpty else { return "none here" }
    var counts: [DType: (count: Int, bytes: Int)] = [:]
    for tensor in tensors {
      let old = counts[tensor.dtype] ?? (0, 0)
      counts[tensor.dtype] = (old.count + 1, old.bytes + tensor.byteRange.count)
    }
    let parts = counts.sorted { ($1.value.bytes, $0.key.rawValue) < ($0.value.bytes, $1.key.rawValue) }
    return "\(tensors.count): "
      + parts.map { "\($0.value.count) \($0.key) (\(byteText($0.value.bytes)))" }.joined(separator: ", ")
  }

  /// One row for each kind of module: the layers that have it, ranks and effective scalings.
  private func targets(_ adapter: AdapterSummary) -> String {
    let last = adapter.groups.compactMap(\.layers.last).max() ?? 0
    var table = ColumnTable()
    table.add(["target", "weight", "rank", "scaling", "layers 0…\(last)"])
    for group in adapter.groups {
      let row = layerRow(group.layers, through: last)
      table.add([
        group.name, group.weightShape.map { $0.map(String.init).joined(separator: "×") } ?? "various",
        group.ranks.map(String.init).joined(separator: ", "),
        group.scalings.map { "\($0)" }.joined(separator: ", "), row,
      ])
    }
    return table.text
  }

  /// The layers as marks in a row.
  func layerRow(_ layers: [Int], through last: Int) -> String {
    let present = Set(layers)
    // A hostile layer number must not make an endless row.
    return last < 128 && !layers.isEmpty
      ? (0...last).map { present.contains($0) ? "■" : "·" }.joined()
      : layers.isEmpty ? "" : counted(layers.count, "layer")
  }

  private func metadata(_ entries: [(String, String)]) -> String {
    var table = ColumnTable()
    for (key, value) in entries { table.add([key, value]) }
    return table.text
  }

  private var tensorTable: String {
    var table = ColumnTable(rightAligned: [3])
    for (index, tensor) in subject.tensors.enumerated() {
      var row = [tensor.name, tensor.dtype.name, tensor.shape.description, byteText(tensor.byteRange.count)]
      if let statistics {
        row.append(statistics[index].map(Self.text) ?? "not decoded")
      }
      table.add(row)
    }
    if case .gguf(let file) = subject {
      for tensor in file.foreignTensors {
        table.add([tensor.name, tensor.typeName, tensor.shape.description, byteText(tensor.byteRange.count)])
      }
    }
    return table.text
  }
}
