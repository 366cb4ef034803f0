internal import AloraAdapters
package import AloraModels
internal import AloraNPZ
internal import AloraTensors
internal import AloraTokenization

/// Everything that can be said of a file or directory.
package struct Inspection {
  package let subject: Subject
  package let path: String
  package let adapter: AdapterSummary?
  /// Nil for an adapter, and for a model that isn't supported.
  package let model: BaseModel?
  /// The model's architecture, as its file names it.
  package let architectureName: String?
  package let listsTensors: Bool
  /// One for each tensor or array; nil for a type that can't be widened. Nil altogether if no values were asked for.
  package let statistics: [TensorStatistics?]?
  /// Of an `.npz` only.
  package let archive: ArchiveSummary?
  /// Of a Granite Switch only.
  package let slots: SwitchInspection?
  /// The invocation tokens as text, if a tokenizer is available.
  package private(set) var invocationText: String?

  package init(subject: Subject, path: String, listsTensors: Bool, hasValues: Bool) throws {
    self.subject = subject
    self.path = path
    self.listsTensors = listsTensors
    adapter = try subject.adapter()
    (model, architectureName) = subject.base
    slots = try subject.switchInspection()
    let values = TensorValues(subject)
    if case .npz(let file) = subject {
      archive = try ArchiveSummary(file)
      statistics = hasValues ? try file.arrays.map { try TensorStatistics($0, in: file) } : nil
      return
    }
    archive = nil
    statistics = hasValues ? try subject.tensors.map { try values.statistics(of: $0) } : nil
  }

  /// Finds out how the invocation tokens read.
  ///
  /// - Parameter base: the model whose tokenizer is asked; nil: the tokenizer saved beside the adapter, if there is one.
  /// - Throws: where `base` is given, what opening its tokenizer throws. A tokenizer that merely lies there may be broken.
  package mutating func spellInvocation(base: String?) throws {
    guard let tokens = adapter?.invocationTokens else { return }
    if let base {
      invocationText = try Tokenizer(path: base).decode(tokens)
    } else if case .adapterDirectory(let directory) = subject,
      let file = Tokenizer.tokenizerPath(ofModel: directory.path)
    {
      invocationText = try? Tokenizer(path: file).decode(tokens)
    }
  }
}
