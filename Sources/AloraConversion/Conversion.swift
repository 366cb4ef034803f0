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

  /// How an adapter is bound to the base: with its tokenizer, or with the one beside the adapter.
  package func bindingOptions(adapterPath: String? = nil) -> BoundAdapter.Options {
    var options = BoundAdapter.Options()
    if let path = tokenizerPath ?? adapterPath.flatMap(Tokenizer.tokenizerPath(ofModel:)) {
      options.tokenize = { try Tokenizer(path: path).encode($0, addsSpecialTokens: false) }
    }
    return options
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
    options.binding.tokenize = base.bindingOptions(adapterPath: adapter.path).tokenize
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
