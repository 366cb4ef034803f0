package import AloraTensors

extension TensorSource {
  /// The tensor that a model of text alone calls by this name. Multimodal models put a prefix before it, and classes
  /// without an output layer leave one out.
  ///
  /// Source: transformers `conversion_mapping.py`, and the names in published files.
  package func tensor(ofTextModel name: String) -> TensorDescription? {
    if let tensor = tensor(named: name) { return tensor }
    var others = ["language_model.\(name)"]
    if name.hasPrefix("model.") {
      let rest = name.dropFirst("model.".count)
      others += ["model.language_model.\(rest)", "backbone.\(rest)", String(rest)]
    }
    return others.lazy.compactMap { tensor(named: $0) }.first
  }
}

/// The tensors of Hugging Face files by the modules whose weights they are, whatever wrappers the names have.
package struct ModuleTensors: Sendable {
  private let source: any TensorSource
  /// By name without wrappers; nil for a name that several tensors have.
  private let unwrapped: [ModuleName: TensorDescription?]
  /// Names that the files may have for a tensor that the base calls otherwise.
  private let others: [String: [String]]

  /// - Parameter graph: knows other names of routers; nil for a model that can't be run.
  package init(_ source: any TensorSource, graph: ModelGraph?) {
    self.source = source
    var unwrapped: [ModuleName: TensorDescription?] = [:]
    for tensor in source.tensors {
      let name = ModuleName(tensor.name)
      unwrapped[name] = .some(unwrapped[name] == nil ? tensor : nil)
    }
    self.unwrapped = unwrapped
    var others: [String: [String]] = [:]
    for matrix in graph?.matrices ?? [] where matrix.huggingFace.form == .rows {
      let names = matrix.otherHuggingFace.filter { other in
        let place = matrix.huggingFace
        return other.rows == place.rows && other.rowCount == place.rowCount && other.form == .rows
      }
      if !names.isEmpty { others[matrix.huggingFace.name] = names.map(\.name) }
    }
    self.others = others
  }

  /// The tensor of that name.
  package func tensor(named name: String) -> TensorDescription? {
    for name in [name] + (others[name] ?? []) {
      if let found = source.tensor(ofTextModel: name) ?? unwrapped[ModuleName(name)] ?? nil { return found }
    }
    return nil
  }
}

extension ModelGraph {
  /// The matrices of all layers.
  package var matrices: [GraphMatrix] {
    var matrices: [GraphMatrix] = []
    for layer in layers {
      _ = layer.map(
        matrix: { matrix in
          matrices.append(matrix)
          return matrix
        }, vector: { $0 })
    }
    return matrices
  }
}
