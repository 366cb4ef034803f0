internal import AloraAdapters
package import AloraConversion
package import AloraJSON
internal import AloraGGUF
internal import AloraModels
internal import AloraSystem
internal import AloraTensors

extension Conversion {
  /// The whole of it for machines (schemas/convert.schema.json).
  package func json(output: String, summary: ConversionSummary?) -> JSONValue {
    let modules = plan.modules.map { module -> JSONValue in
      [
        "name": .string(module.name), "rank": .integer(module.rank), "scaling": .number(module.scaling),
        "folded_factor": .number(module.foldedFactor), "targets": .array(module.targets.map { .string($0) }),
      ]
    }
    return .members([
      "adapter": .string(plan.adapter.path),
      "architecture": .string(base.model.architectureName),
      "outfile": .string(output),
      "written": .boolean(summary != nil),
      "outtype": .string(plan.outputType.rawValue),
      "byte_count": .integer(plan.layout.byteCount),
      "alpha": .number(Double(plan.alpha)),
      "invocation_tokens": plan.invocationTokens.map { .array($0.map { .integer($0) }) } ?? .null,
      "tensor_count": .integer(plan.tensors.count),
      "folded_element_count": summary.map { .integer($0.foldedElementCount) },
      "rounded_element_count": summary.map { .integer($0.roundedElementCount) },
      "flushed_element_count": summary.map { .integer($0.flushedElementCount) },
      "idle_update_count": summary.map { .integer($0.idleUpdateCount) },
      "modules": .array(modules),
      "notes": .array(notes(summary).map { ["place": .string($0.place ?? ""), "text": .string($0.text)] }),
    ])
  }

  /// A few lines for people.
  package func text(output: String, summary: ConversionSummary?, style: TextStyle) -> String {
    let ranks = Set(plan.modules.map(\.rank)).sorted().map(String.init).joined(separator: ", ")
    var fields = FieldTable(style)
    fields.add("adapter", "\(plan.adapter.path), \(counted(plan.modules.count, "module")), rank \(ranks)")
    fields.add("base", "\(base.model.architectureName), \(counted(base.model.hyperparameters.layerCount, "layer"))")
    fields.add("invocation", plan.invocationTokens.map { "\($0)" } ?? "none: a plain LoRA, active everywhere")
    fields.add("scaling", scalingText(summary))
    let size = "\(plan.tensors.count) tensors, \(plan.outputType.rawValue), \(byteText(plan.layout.byteCount))"
    fields.add(summary == nil ? "would write" : "wrote", "\(output), \(size)")
    for note in notes(summary) { fields.add("note", "\(note)", style: .yellow) }
    return fields.text
  }

  /// The plan's notes, and what the written file lost.
  package func notes(_ summary: ConversionSummary?) -> [NoteText] {
    var notes = plan.notes.map { NoteText($0) } + companions.map(\.note)
    if isBaseChosenByFit {
      let name = plan.adapter.configuration.baseModelName.map { "called '\($0)'" } ?? "named by the adapter"
      notes.append(
        NoteText(
          "base", "none of the bases given is \(name); \(base.path) is used, because the adapter fits no other"))
    }
    return notes + plan.notes(after: summary).dropFirst(plan.notes.count).map { NoteText($0) }
  }

  private func scalingText(_ summary: ConversionSummary?) -> String {
    let folded = plan.modules.filter { $0.foldedFactor != 1 }
    let head = "alpha \(plan.alpha)"
    guard !folded.isEmpty else { return "\(head), exact for every module" }
    let factors = Set(folded.map(\.foldedFactor)).sorted().map { "× \($0)" }.joined(separator: ", ")
    var text = "\(head); folded into lora_b of \(folded.count) of \(counted(plan.modules.count, "module")) (\(factors))"
    if let summary {
      text +=
        summary.roundedElementCount == 0
        ? ", exactly" : ", rounding \(summary.roundedElementCount) of \(summary.foldedElementCount) elements to f32"
    }
    return text
  }
}
