package import AloraModels
internal import AloraModelCard
internal import AloraAdapters
internal import AloraTokenization

/// The base that adapters are converted for, read once.
package struct ConversionBase {
  package let source: ModelSource
  package let model: BaseModel
  package var path: String { source.path }
  var furtherParts: [String] { source.furtherParts }
  /// Where the base's tokenizer is, if it has one.
  var tokenizerPath: String? { source.tokenizerPath }
  /// What the base is called in a file's name, beside other bases.
  var shortName: String {
    let stated: Substring? = model.statedName.flatMap { $0.name.split(separator: "/").last }
    let name: Substring = stated ?? path.split(separator: "/").last ?? "base"
    return name.hasSuffix(".gguf") ? String(name.dropLast(5)) : String(name)
  }

  /// - Throws: ``FileError``, ``PathError``, ``JSONError``, ``GGUFError``, ``ArchitectureError``.
  package init(path: String) throws {
    source = try ModelSource(path: path)
    model = try source.base()
  }
}

/// One adapter that is to be converted for a base.
package struct Conversion {
  package let plan: ConversionPlan
  package let base: ConversionBase
  package let defaultFileName: String

  /// - Throws: what reading and planning throw.
  package init(
    adapterPath: String, bases: [ConversionBase], outputType: OutputType, ignoredFields: Set<String>,
    baseModelID: String?, leavesOutTowers: Bool
  ) throws {
    let adapter = try AdapterDirectory(path: adapterPath, ignoredFields: ignoredFields)
    var options = ConversionPlan.Options()
    options.binding.leavesOutTowers = leavesOutTowers
    let choice = BaseChoice(bases.map { BaseChoice.Candidate(path: $0.path, model: $0.model) })
    let base = bases[try choice.index(for: adapter, options: options.binding)]
    options.binding.tokenize = BoundAdapter.Options(base: base.source, adapterPath: adapter.path).tokenize
    options.outputType = outputType
    options.baseModelID = baseModelID
    options.inputs = base.furtherParts.map { ConversionPlan.Input("a part of the base", path: $0) }
    // The base's tokenizer; a trainer may also have saved it beside the adapter.
    if let path = base.tokenizerPath ?? Tokenizer.tokenizerPath(ofModel: adapter.path) {
      options.inputs.append(ConversionPlan.Input("the tokenizer", path: path))
    }
    plan = try ConversionPlan(adapter: adapter, base: base.model, options: options)
    self.base = base
    let name = plan.identity.defaultFileName(outputType: plan.outputType.rawValue)
    defaultFileName = bases.count > 1 ? "\(base.shortName)-\(name)" : name
  }
}
