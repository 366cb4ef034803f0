package import AloraModels
internal import AloraModelCard
package import AloraAdapters
internal import AloraTokenization

/// The base that adapters are converted for, read once.
package struct ConversionBase {
  package let source: ModelSource
  package let model: BaseModel
  package var path: String { source.path }
  var furtherParts: [String] { source.furtherParts }
  /// Where the base's tokenizer is, if it has one.
  var tokenizerPath: String? { source.tokenizerPath }
  /// The base's part of a file name, if there are several bases.
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
  /// What the tokenizer and chat template beside the adapter say that the base's don't.
  package let companions: [CompanionFinding]
  /// Whether several bases were given, none has the name of the adapter's, and this one is the only one that it fits.
  package let isBaseChosenByFit: Bool

  /// - Throws: what reading and planning throw.
  package init(
    adapterPath: String, bases: [ConversionBase], outputType: OutputType, ignoredFields: Set<String>,
    baseModelID: String?, leavesOutTowers: Bool
  ) throws {
    let adapter = try AdapterDirectory(path: adapterPath, ignoredFields: ignoredFields)
    var options = ConversionPlan.Options()
    options.binding.leavesOutTowers = leavesOutTowers
    let choice = BaseChoice(bases.map { BaseChoice.Candidate(path: $0.path, model: $0.model) })
    let chosen = try choice.choice(for: adapter, options: options.binding)
    let base = bases[chosen.index]
    isBaseChosenByFit = chosen.isByFit
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
    companions = CompanionFinding.findings(
      adapter: adapter.path, base: base.path, tokenizer: base.source.tokenizer)
    let name = plan.identity.defaultFileName(outputType: plan.outputType.rawValue)
    defaultFileName = bases.count > 1 ? "\(base.shortName)-\(name)" : name
  }
}
