package import AloraJSON
package import AloraMerge
internal import AloraAdapters
internal import AloraModels
internal import AloraSystem
internal import AloraTensors

/// What a merge changed, or would change.
package struct MergeReport {
  private let plan: MergePlan
  private let adapter: String
  private let output: String
  private let byteCount: Int?

  /// - Parameter byteCount: the size of the output; nil if nothing was written.
  package init(_ plan: MergePlan, adapter: String, output: String, byteCount: Int?) {
    self.plan = plan
    self.adapter = adapter
    self.output = output
    self.byteCount = byteCount
  }

  private var notes: [NoteText] { plan.notes.map { NoteText($0) } }

  /// How many tensors went from one type to another, most first.
  private var types: [(source: DType, output: DType, count: Int)] {
    var counts: [[DType]: Int] = [:]
    for tensor in plan.changed { counts[[tensor.sourceType, tensor.outputType], default: 0] += 1 }
    return counts.map { ($0.key[0], $0.key[1], $0.value) }.sorted {
      $0.count == $1.count ? $0.source.rawValue < $1.source.rawValue : $0.count > $1.count
    }
  }

  /// For machines (schemas/merge.schema.json).
  package var json: JSONValue {
    .members([
      "model": .string(plan.model.path), "adapter": .string(adapter), "output": .string(output),
      "written": .boolean(byteCount != nil), "byte_count": byteCount.map { .integer($0) } ?? .null,
      "dora": .boolean(plan.isDoRA), "module_count": .integer(plan.moduleCount),
      "tensors": .array(
        plan.changed.map { tensor in
          [
            "name": .string(tensor.name), "modules": .array(tensor.modules.map { .string($0) }),
            "from": .string(tensor.sourceType.name), "to": .string(tensor.outputType.name),
          ]
        }),
      "notes": .array(notes.map { ["place": .string($0.place ?? ""), "text": .string($0.text)] }),
    ])
  }

  /// A few lines for people.
  package func text(style: TextStyle) -> String {
    var fields = FieldTable(style)
    fields.add("model", plan.model.path)
    fields.add("adapter", "\(adapter), \(counted(plan.moduleCount, "module"))\(plan.isDoRA ? ", DoRA" : "")")
    for (index, entry) in types.enumerated() {
      let how =
        entry.source != entry.output
        ? "\(entry.source) to \(entry.output)"
        : entry.output.isBlockFormat ? "\(entry.output), quantized again" : "\(entry.output), rounded once"
      fields.add(index == 0 ? "changed" : "", "\(counted(entry.count, "tensor")), \(how)")
    }
    fields.add(byteCount == nil ? "would write" : "wrote", output + (byteCount.map { ", \(byteText($0))" } ?? ""))
    for note in notes { fields.add("note", "\(note)", style: .yellow) }
    return fields.text
  }
}
