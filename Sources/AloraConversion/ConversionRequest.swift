internal import AloraAdapters
internal import AloraGGUF
internal import AloraModels
internal import AloraSystem

/// What a user wants an adapter to become.
package struct ConversionRequest: Sendable {
  package enum Form: String, CaseIterable, Sendable { case gguf, peft }

  package var form: Form
  /// Nil for f32, or in a GGUF that is edited for each tensor's own type.
  package var outputType: OutputType?
  package var settings: [GeneralKeySetting]
  package var ignoredFields: Set<String>
  package var baseModelID: String?
  package var leavesOutTowers: Bool

  package init(
    form: Form = .gguf, outputType: OutputType? = nil, settings: [GeneralKeySetting] = [],
    ignoredFields: [String] = [], baseModelID: String? = nil, leavesOutTowers: Bool = false
  ) {
    self.form = form
    self.outputType = outputType
    self.settings = settings
    self.ignoredFields = Set(ignoredFields)
    self.baseModelID = baseModelID
    self.leavesOutTowers = leavesOutTowers
  }

  /// Whether a GGUF adapter gets other types or keys. That needs no base, and checks against none.
  ///
  /// - Throws: ``FileError``; ``PathError`` if nothing is there.
  package func isEdit(of path: String) throws -> Bool {
    guard form == .gguf, outputType != nil || !settings.isEmpty, case .gguf = try PathContents(path: path) else {
      return false
    }
    return true
  }
}

/// An adapter's conversion, planned and checked.
package enum AdapterConversion {
  /// A PEFT or MLX adapter becomes a GGUF.
  case gguf(Conversion)
  /// A GGUF or MLX adapter becomes a PEFT directory.
  case peft(PEFTPlan)
  /// A GGUF keeps its form.
  case edit(GGUFEdit)

  /// - Throws: what reading and planning throw.
  package init(path: String, bases: [ConversionBase], request: ConversionRequest) throws {
    if try request.isEdit(of: path) {
      self = .edit(
        try GGUFEdit(GGUFAdapter(path: path), outputType: request.outputType, settings: request.settings))
      return
    }
    guard request.settings.isEmpty else {
      throw ConversionError(
        .invalidKey, path: path, problem: "keys can be set in a GGUF adapter only",
        remedy: "convert the adapter first, then set the keys of the GGUF")
    }
    if request.form == .peft {
      let source = try AdapterSource(path: path)
      self = .peft(
        try PEFTPlan(source, base: try Self.base(of: source, bases), baseModelID: request.baseModelID))
      return
    }
    self = .gguf(
      try Conversion(
        adapterPath: path, bases: bases, outputType: request.outputType ?? .f32,
        ignoredFields: request.ignoredFields, baseModelID: request.baseModelID,
        leavesOutTowers: request.leavesOutTowers))
  }

  /// The base of an adapter: the only one, the one that it names, or the only one that it fits.
  private static func base(of source: AdapterSource, _ bases: [ConversionBase]) throws -> ConversionBase {
    guard bases.count > 1 else { return bases[0] }
    if case .peft(let directory) = source {
      let choice = BaseChoice(bases.map { BaseChoice.Candidate(path: $0.path, model: $0.model) })
      return bases[try choice.choice(for: directory, options: BoundAdapter.Options()).index]
    }
    let fitting = bases.filter { (try? PEFTPlan(source, base: $0)) != nil }
    guard fitting.count == 1, let base = fitting.first else {
      throw AdapterError(
        .wrongBase, path: nil, problem: "\(fitting.count) of the \(bases.count) bases given fit the adapter",
        remedy: "give one base only")
    }
    return base
  }

  /// A name for the output, if the user gives none.
  package func defaultName(adapterPath path: String) -> String {
    if case .gguf(let conversion) = self { return conversion.defaultFileName }
    let name = path.split(separator: "/").last.map(String.init) ?? "adapter"
    let stem = name.hasSuffix(".gguf") ? String(name.dropLast(".gguf".count)) : name
    switch self {
    case .peft: return "\(stem)-PEFT"
    case .edit(let edit): return "\(stem)-\(edit.outputType?.rawValue.uppercased() ?? "edited").gguf"
    case .gguf: return name
    }
  }

  /// Where the output goes.
  ///
  /// - Parameters:
  ///   - file: the output as the user named it.
  ///   - directory: where the user wants it; nil: the current directory.
  package func outputPath(file: String?, directory: String?, adapterPath: String) -> String {
    if let file { return file }
    // A PEFT adapter is a directory itself.
    if case .peft = self, let directory { return directory }
    let name = defaultName(adapterPath: adapterPath)
    return directory.map { "\($0)/\(name)" } ?? name
  }

  /// The base of a conversion to GGUF.
  package var base: ConversionBase? { if case .gguf(let conversion) = self { conversion.base } else { nil } }

  /// The invocation's tokens; nil for a plain LoRA.
  package var invocationTokens: [Int]? {
    switch self {
    case .gguf(let conversion): conversion.plan.invocationTokens
    case .peft(let plan): plan.invocationTokens
    case .edit(let edit): edit.adapter.invocationTokens
    }
  }

  package var byteCount: Int {
    switch self {
    case .gguf(let conversion): conversion.plan.layout.byteCount
    case .peft(let plan): plan.byteCount
    case .edit(let edit): edit.byteCount
    }
  }

  /// What a finished conversion has to report.
  package enum Summary: Hashable, Sendable {
    case gguf(ConversionSummary)
    case peft
    /// How many elements other than 0 the type rounded to 0.
    case edit(flushedElementCount: Int)
  }

  /// Writes the output: complete, or not at all.
  ///
  /// - Parameters:
  ///   - createsDirectory: whether the output's directory is created if it doesn't exist.
  ///   - progress: called with the bytes written so far.
  /// - Throws: as the conversion of its kind; ``FileError``.
  package func write(
    to path: String, createsDirectory: Bool = false, replacesExisting: Bool, progress: (Int) -> Void = { _ in }
  ) throws -> Summary {
    if createsDirectory, path.contains("/") { try FileSystem.createDirectory(parentDirectory(of: path)) }
    switch self {
    case .gguf(let conversion):
      return .gguf(try conversion.plan.write(to: path, replacesExisting: replacesExisting, progress: progress))
    case .peft(let plan):
      try plan.write(to: path, replacesExisting: replacesExisting, progress: progress)
      return .peft
    case .edit(let edit):
      return .edit(
        flushedElementCount: try edit.write(to: path, replacesExisting: replacesExisting, progress: progress))
    }
  }
}
