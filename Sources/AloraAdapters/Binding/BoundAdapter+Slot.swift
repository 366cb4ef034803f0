package import AloraModels
package import AloraSystem
package import AloraTensors

extension BoundAdapter {
  /// The factors of one weight, in the files of a model that brings adapters along. B has the scaling in it.
  package struct BuiltInPair: Sendable {
    /// The weight, as a GGUF of the base calls it: `blk.0.attn_q.weight`.
    package let target: String
    /// Shape: [r, in]
    package let a: TensorDescription
    /// Shape: [out, r]
    package let b: TensorDescription
    package let fileOfA: MappedFile
    package let fileOfB: MappedFile

    package init(
      target: String, a: TensorDescription, b: TensorDescription, fileOfA: MappedFile, fileOfB: MappedFile
    ) {
      self.target = target
      self.a = a
      self.b = b
      self.fileOfA = fileOfA
      self.fileOfB = fileOfB
    }
  }

  /// Locates an adapter that a model brings along.
  ///
  /// - Parameter isInGGUFOrder: whether the rows of B are in GGUF's order.
  /// - Throws: ``AdapterError`` (`unknownModule`, `wrongShape`, `tokenOutsideVocabulary`).
  package init(
    path: String, base: BaseModel, pairs: [BuiltInPair], isInGGUFOrder: Bool, controlToken: Int
  ) throws(AdapterError) {
    let targets = base.modules.targetsByTensor
    var members: [Member] = []
    for pair in pairs {
      guard let (module, target) = targets[pair.target], module.kind == .linear else {
        throw AdapterError(
          .unknownModule, path: path, place: "tensor \(pair.a.name)", problem: "the base has no '\(pair.target)'")
      }
      let rank = pair.b.shape.columnCount
      guard pair.a.shape.dimensions == [rank, module.inputCount], pair.b.shape.dimensions == [target.rowCount, rank]
      else {
        throw AdapterError(
          .wrongShape, path: path, place: "tensor \(pair.a.name)",
          problem:
            "\(pair.a.shape) and \(pair.b.shape) don't fit a weight of [\(target.rowCount), \(module.inputCount)]")
      }
      members.append(
        Member(
          module: module, targets: [target],
          pair: FactorPair(module: pair.target, isEmbedding: false, storage: .gguf, a: pair.a, b: pair.b), rank: rank,
          scaling: ModuleMatcher.Scaling(rank: rank, alpha: Double(rank), value: 1), fileOfA: pair.fileOfA,
          fileOfB: pair.fileOfB,
          // B has the rows of this weight alone, even if the base has it as a part of another one.
          isInGGUFOrder: isInGGUFOrder || target.permutation == .none))
    }
    guard (0..<base.hyperparameters.vocabularySize).contains(controlToken) else {
      throw AdapterError(
        .tokenOutsideVocabulary, path: path,
        problem: "\(controlToken) is not a token of the base, which has \(base.hyperparameters.vocabularySize)")
    }
    self.path = path
    self.members = members
    invocationTokens = [controlToken]
    self.controlToken = controlToken
    notes = []
    peftVersion = nil
    expertOrders = [:]
  }
}
