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
}
