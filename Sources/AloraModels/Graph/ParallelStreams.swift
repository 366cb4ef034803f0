/// Several residual streams of each position. A layer's blocks read and change one of them, the active one; ``StreamUpdate``
/// carries that over to the others (AltUp).
package struct ParallelStreams<Matrix> {
  /// Make the other streams from the embedding, which is the first stream.
  package var entries: [Matrix]
  /// Bring the other streams back, before the mean of all is taken.
  package var exits: [Matrix]
  package var activeIndex: Int

  package var count: Int { entries.count + 1 }

  package func map<NewMatrix>(_ matrix: (Matrix) throws -> NewMatrix) rethrows -> ParallelStreams<NewMatrix> {
    ParallelStreams<NewMatrix>(
      entries: try entries.map(matrix), exits: try exits.map(matrix), activeIndex: activeIndex)
  }
}

/// A step between parallel streams, with factors that depend on one of them:
///
///     modalities  = tanh (router · (routerScale · router norm (active stream)))
///     factors     = coefficients · modalities
///     prediction:  predicted[i] = stream[i] + Σ factors[i · count + j] · stream[j]
///     correction:  stream[i] = predicted[i] + (factors[i] + 1) · (active stream − predicted active stream)
package struct StreamUpdate<Matrix, Vector> {
  package var step: StreamStep
  package var routerNorm: Norm<Vector>
  package var routerScale: Float
  /// [streams, hidden]
  package var router: Matrix
  /// [streams · streams, streams] for a prediction, [streams, streams] for a correction.
  package var coefficients: Matrix

  func map<NewMatrix, NewVector>(
    matrix: (Matrix) throws -> NewMatrix, vector: (Vector) throws -> NewVector
  ) rethrows -> StreamUpdate<NewMatrix, NewVector> {
    StreamUpdate<NewMatrix, NewVector>(
      step: step, routerNorm: try routerNorm.map(vector), routerScale: routerScale, router: try matrix(router),
      coefficients: try matrix(coefficients))
  }
}

package enum StreamStep: Hashable, Sendable {
  /// Before a layer's blocks.
  case prediction
  /// After them.
  case correction
}

package struct StreamShape: Hashable, Sendable {
  package var count: Int
  package var activeIndex: Int
  /// Whether a layer's own embedding is gated by the active stream times numbers of the model.
  package var scalesLayerInput: Bool
}

extension ParallelStreams: Sendable where Matrix: Sendable {}
extension StreamUpdate: Sendable where Matrix: Sendable, Vector: Sendable {}

extension GraphTables {
  /// Nil for a model with one stream.
  func streams() -> ParallelStreams<GraphMatrix>? {
    guard let shape = h.streams else { return nil }
    let others = shape.count - 1
    func matrices(_ gguf: String, _ huggingFace: String) -> [GraphMatrix] {
      (0..<others).map { index in
        let rows = index * h.hiddenSize..<(index + 1) * h.hiddenSize
        return GraphMatrix(
          gguf: .init(name: "\(gguf).weight", rows: rows, rowCount: others * h.hiddenSize), permutation: .none,
          huggingFace: .init(
            name: "model.\(huggingFace).\(index).weight", rows: 0..<h.hiddenSize, rowCount: h.hiddenSize),
          columnCount: h.hiddenSize, hasBias: false)
      }
    }
    return ParallelStreams(
      entries: matrices("altup_proj", "altup_projections"),
      exits: matrices("altup_unembd_proj", "altup_unembed_projections"), activeIndex: shape.activeIndex)
  }
}

extension LayerBuilder {
  func streamUpdate(_ step: StreamStep) throws -> GraphBlock {
    block(
      .stream(nil),
      .streams(
        StreamUpdate(
          step: step, routerNorm: norm("altup_router_norm", "altup.router_norm"),
          routerScale: Float(1 / Double(h.hiddenSize)), router: try matrix("altup_router", hasBias: false),
          coefficients: try matrix(
            step == .prediction ? "altup_predict_coef" : "altup_correct_coef", hasBias: false))))
  }
}
