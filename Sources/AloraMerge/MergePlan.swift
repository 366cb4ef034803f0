package import AloraAdapters
package import AloraModels
internal import AloraSystem
package import AloraTensors

/// An adapter's sum with its base's weights, decided and checked before a byte is written.
///
/// What is computed is what PEFT's `merge_and_unload` computes, in its order: B · A in f32 (``LowRankProduct``), times the
/// scaling as f32, plus the weight, rounded once to the weight's type. DoRA's rows are then scaled to their trained norms.
package struct MergePlan: Sendable {
  /// A tensor of the base that the adapter changes.
  package struct ChangedTensor: Hashable, Sendable {
    package let name: String
    package let modules: [String]
    package let sourceType: DType
    package let outputType: DType
  }

  package let model: ModelSource
  package let adapter: BoundAdapter
  /// In the order of the files.
  package let changed: [ChangedTensor]
  package let notes: [AdapterNote]
  package var moduleCount: Int { adapter.members.count }
  /// Whether rows are rescaled to trained norms.
  package var isDoRA: Bool { adapter.members.contains { $0.magnitude != nil } }

  let source: any TensorSource
  let updates: [String: [MatrixUpdate]]

  /// - Parameter outputType: the type of the tensors that change; nil keeps theirs.
  /// - Throws: ``MergeError``; as reading and binding the adapter and reading the base.
  package init(
    model: ModelSource, adapterPath: String, ignoredFields: Set<String> = [], leavesOutTowers: Bool = false,
    outputType: DType? = nil
  ) throws {
    let adapter = try AdapterSource(path: adapterPath, ignoredFields: ignoredFields, use: .merging)
    try Self.refuseActivated(adapter)
    let base = try model.base()
    guard model.hasWeights else {
      throw MergeError(
        .missingTensor, path: model.path, problem: "it has no weights to merge into",
        remedy: "give the whole model")
    }
    var options = BoundAdapter.Options()
    options.use = .merging
    options.leavesOutTowers = leavesOutTowers
    let bound = try adapter.bound(to: base, options: options)
    self.model = model
    self.adapter = bound
    notes = bound.notes
    source = try model.tensors()
    let places: [String: [MatrixUpdate]] =
      if model.gguf != nil {
        try GGUFPlaces(source: source, path: model.path).updates(bound)
      } else {
        try DirectoryPlaces(model: model, base: base, source: source).updates(bound)
      }
    updates = places
    changed = try source.tensors.compactMap { tensor in
      guard let updates = places[tensor.name] else { return nil }
      return ChangedTensor(
        name: tensor.name, modules: Self.unique(updates.map(\.module)), sourceType: tensor.dtype,
        outputType: try Self.outputType(of: tensor, outputType, model: model))
    }
  }

  private static func unique(_ names: [String]) -> [String] {
    var seen: Set<String> = []
    return names.filter { seen.insert($0).inserted }
  }

  private static func refuseActivated(_ adapter: AdapterSource) throws(MergeError) {
    let (isActivated, path, place) =
      switch adapter {
      case .peft(let directory):
        (directory.configuration.isActivated, directory.configurationPath, "$.alora_invocation_tokens")
      case .gguf(let file):
        (file.invocationTokens != nil, file.path, "key \(GGUFAdapterFormat.Key.invocationTokens)")
      }
    guard isActivated else { return }
    throw MergeError(
      .activated, path: path, place: place,
      problem:
        "an aLoRA can't be merged: it is active only from its invocation on, and merged weights are active everywhere",
      remedy: "keep it as an adapter beside the base")
  }
}
