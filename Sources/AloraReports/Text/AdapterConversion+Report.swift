internal import AloraAdapters
package import AloraConversion
package import AloraJSON
internal import AloraSystem

extension AdapterConversion {
  /// The whole of it for machines (schemas/convert.schema.json).
  ///
  /// - Parameter summary: nil if nothing was written.
  package func json(output: String, summary: Summary?) -> JSONValue {
    switch (self, summary) {
    case (.gguf(let conversion), .gguf(let summary)): conversion.json(output: output, summary: summary)
    case (.gguf(let conversion), _): conversion.json(output: output, summary: nil)
    case (.peft(let plan), _): plan.json(output: output, isWritten: summary != nil)
    case (.edit(let edit), .edit(let count)): edit.json(output: output, flushedElementCount: count)
    case (.edit(let edit), _): edit.json(output: output, flushedElementCount: nil)
    }
  }

  /// A few lines for people.
  package func text(output: String, summary: Summary?, style: TextStyle) -> String {
    switch (self, summary) {
    case (.gguf(let conversion), .gguf(let summary)): conversion.text(output: output, summary: summary, style: style)
    case (.gguf(let conversion), _): conversion.text(output: output, summary: nil, style: style)
    case (.peft(let plan), _): plan.text(output: output, isWritten: summary != nil, style: style)
    case (.edit(let edit), .edit(let count)): edit.text(output: output, flushedElementCount: count, style: style)
    case (.edit(let edit), _): edit.text(output: output, flushedElementCount: nil, style: style)
    }
  }
}

extension AdapterConversion {
  var moduleCount: Int {
    switch self {
    case .gguf(let conversion): conversion.plan.modules.count
    case .peft(let plan): plan.modules.count
    case .edit(let edit): edit.adapter.pairs.count
    }
  }

  func notes(_ summary: Summary?) -> [NoteText] {
    switch (self, summary) {
    case (.gguf(let conversion), .gguf(let summary)): conversion.notes(summary)
    case (.gguf(let conversion), _): conversion.notes(nil)
    case (.peft(let plan), _): plan.notes.map { NoteText($0) }
    case (.edit, _): []
    }
  }
}

extension PEFTPlan {
  fileprivate func json(output: String, isWritten: Bool) -> JSONValue {
    [
      "adapter": .string(path), "outdir": .string(output), "written": .boolean(isWritten),
      "byte_count": .integer(byteCount), "tensor_count": .integer(tensorCount),
      "invocation_tokens": invocationTokens.map { .array($0.map { .integer($0) }) } ?? .null,
      "modules": .array(
        modules.map { module in
          [
            "name": .string(module.name), "rank": .integer(module.rank), "scaling": .number(module.scaling),
            "sources": .array(module.sources.map { .string($0) }),
          ]
        }),
      "notes": .array(
        notes.map { NoteText($0) }.map { ["place": .string($0.place ?? ""), "text": .string($0.text)] }),
    ]
  }

  fileprivate func text(output: String, isWritten: Bool, style: TextStyle) -> String {
    let ranks = Set(modules.map(\.rank)).sorted().map(String.init).joined(separator: ", ")
    var fields = FieldTable(style)
    fields.add("adapter", "\(path), \(counted(modules.count, "module")), rank \(ranks)")
    fields.add("invocation", invocationTokens.map { "\($0)" } ?? "none: a plain LoRA, active everywhere")
    let size = "\(counted(tensorCount, "tensor")), \(byteText(byteCount))"
    fields.add(isWritten ? "wrote" : "would write", "\(output), \(size)")
    for note in notes { fields.add("note", "\(NoteText(note))", style: .yellow) }
    return fields.text
  }
}

extension GGUFEdit {
  fileprivate func json(output: String, flushedElementCount: Int?) -> JSONValue {
    .members([
      "adapter": .string(adapter.path), "outfile": .string(output), "written": .boolean(flushedElementCount != nil),
      "outtype": outputType.map { .string($0.rawValue) }, "byte_count": .integer(byteCount),
      "tensor_count": .integer(tensorCount), "changed_keys": .array(changedKeys.map { .string($0) }),
      "flushed_element_count": flushedElementCount.map { .integer($0) },
    ])
  }

  fileprivate func text(output: String, flushedElementCount: Int?, style: TextStyle) -> String {
    var fields = FieldTable(style)
    fields.add("adapter", "\(adapter.path), \(counted(adapter.pairs.count, "module"))")
    if !changedKeys.isEmpty { fields.add("keys", changedKeys.joined(separator: ", ")) }
    let type = outputType?.rawValue ?? "types as they were"
    fields.add(
      flushedElementCount == nil ? "would write" : "wrote",
      "\(output), \(counted(tensorCount, "tensor")), \(type), \(byteText(byteCount))")
    if let count = flushedElementCount, count > 0 {
      fields.add("note", "the type rounds \(counted(count, "element")) to 0; f32 keeps them", style: .yellow)
    }
    return fields.text
  }
}
