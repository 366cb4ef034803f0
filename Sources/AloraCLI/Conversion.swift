internal import AloraModels
internal import AloraSystem
internal import AloraConversion
internal import AloraJSON
internal import AloraGGUF
internal import AloraModelCard
internal import AloraAdapters
internal import AloraTokenization

/// The base that adapters are converted for, read once.
struct ConversionBase {
  let source: ModelSource
  let model: BaseModel
  var path: String { source.path }
  var furtherParts: [String] { source.furtherParts }
  /// Where the base's tokenizer is, if it has one.
  var tokenizerPath: String? { source.tokenizerPath }

  /// - Throws: ``FileError``, ``PathError``, ``JSONError``, ``GGUFError``, ``ArchitectureError``.
  init(path: String) throws {
    source = try ModelSource(path: path)
    model = try source.base()
  }
}

/// One adapter on its way: what is planned, and how it is told.
struct Conversion {
  let plan: ConversionPlan
  let base: ConversionBase
  let defaultFileName: String

  /// - Throws: what reading and planning throw.
  init(
    adapterPath: String, base: ConversionBase, outputType: OutputType, ignoredFields: Set<String>, baseModelID: String?
  ) throws {
    let adapter = try AdapterDirectory(path: adapterPath, ignoredFields: ignoredFields)
    var options = ConversionPlan.Options()
    options.outputType = outputType
    options.baseModelID = baseModelID
    options.inputs = base.furtherParts.map { ConversionPlan.Input("a part of the base", path: $0) }
    // The base's tokenizer; a trainer may also have saved it beside the adapter.
    if let path = base.tokenizerPath ?? Tokenizer.tokenizerPath(ofModel: adapter.path) {
      options.inputs.append(ConversionPlan.Input("the tokenizer", path: path))
      options.tokenize = { try Tokenizer(path: path).encode($0, addsSpecialTokens: false) }
    }
    plan = try ConversionPlan(adapter: adapter, base: base.model, options: options)
    self.base = base
    defaultFileName = plan.identity.defaultFileName(outputType: plan.outputType.rawValue)
  }

  /// The whole of it for machines (schemas/convert.schema.json).
  func json(output: String, summary: ConversionSummary?) -> JSONValue {
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
      "modules": .array(modules),
      "notes": .array(plan.notes.map { ["place": .string($0.place), "text": .string($0.text)] }),
    ])
  }

  /// A few lines for people.
  func text(output: String, summary: ConversionSummary?, console: Console) -> String {
    let ranks = Set(plan.modules.map(\.rank)).sorted().map(String.init).joined(separator: ", ")
    var fields = FieldTable(console)
    fields.add("adapter", "\(plan.adapter.path), \(counted(plan.modules.count, "module")), rank \(ranks)")
    fields.add("base", "\(base.model.architectureName), \(counted(base.model.hyperparameters.layerCount, "layer"))")
    fields.add("invocation", plan.invocationTokens.map { "\($0)" } ?? "none: a plain LoRA, active everywhere")
    fields.add("scaling", scalingText(summary))
    let size = "\(plan.tensors.count) tensors, \(plan.outputType.rawValue), \(byteText(plan.layout.byteCount))"
    fields.add(summary == nil ? "would write" : "wrote", "\(output), \(size)")
    for note in plan.notes { fields.add("note", "\(note.place): \(note.text)", style: .yellow) }
    return fields.text
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

/// `19.6 MB`.
func byteText(_ count: Int) -> String {
  let units = ["B", "kB", "MB", "GB", "TB"]
  var value = Double(count)
  var unit = 0
  while value >= 1000 && unit < units.count - 1 {
    value /= 1000
    unit += 1
  }
  return unit == 0 ? "\(count) B" : "\((value * 10).rounded() / 10) \(units[unit])"
}
