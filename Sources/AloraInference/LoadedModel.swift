package import AloraSwitch
package import AloraSystem

/// A model with its adapters, ready to compute.
package struct LoadedModel {
  package let model: Model
  /// The adapters that the model brings along.
  package let builtIn: [(name: String, adapter: Adapter)]
  /// The adapters in files of their own, by the names that the user gave them.
  package let adapters: [(name: String, adapter: Adapter)]
  package let evaluator: Evaluator

  /// - Parameters:
  ///   - opened: the model, and the adapters that it brings along.
  ///   - paths: further adapters.
  ///   - keepsWeights: see ``Model``.
  /// - Throws: what loading throws.
  package init(
    _ opened: ModelWithAdapters, adapters paths: [NamedPath], backend: Backend = .exact, keepsWeights: Bool = true,
    pool: ThreadPool, instructionSet: InstructionSet = .best
  ) throws {
    let model = try Model(source: opened.source, backend: backend, keepsWeights: keepsWeights, pool: pool)
    builtIn = try opened.adapters.map { (name: $0.name, adapter: try Adapter($0.adapter, model: model, pool: pool)) }
    adapters = try paths.map { (name: $0.name, adapter: try Adapter(path: $0.path, model: model, pool: pool)) }
    self.model = model
    evaluator = Evaluator(model: model, pool: pool, instructionSet: instructionSet)
  }

  /// The adapter of a command that takes one.
  package var adapter: Adapter? { adapters.first?.adapter }
  /// Every adapter that a prompt can choose.
  package var allAdapters: [(name: String, adapter: Adapter)] { builtIn + adapters }
}
