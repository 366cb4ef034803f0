internal import AloraTensors

/// What exchanges information between positions. The evaluator has one file for each kind.
package enum Mixer<Matrix, Vector> {
  case attention(Attention<Matrix, Vector>)
  case mamba2(Mamba2<Matrix, Vector>)
  case shortConvolution(ShortConvolution<Matrix, Vector>)
  case gatedDelta(GatedDelta<Matrix, Vector>)

  func map<NewMatrix, NewVector>(
    matrix: (Matrix) throws -> NewMatrix, vector: (Vector) throws -> NewVector
  ) rethrows -> Mixer<NewMatrix, NewVector> {
    switch self {
    case .attention(let attention): .attention(try attention.map(matrix: matrix, vector: vector))
    case .mamba2(let mamba): .mamba2(try mamba.map(matrix: matrix, vector: vector))
    case .shortConvolution(let mixer): .shortConvolution(try mixer.map(matrix: matrix, vector: vector))
    case .gatedDelta(let mixer): .gatedDelta(try mixer.map(matrix: matrix, vector: vector))
    }
  }
}

/// Softmax attention with grouped heads.
package struct Attention<Matrix, Vector> {
  package var query: Matrix
  /// Nil if the layer attends to the keys and values of ``sharedLayer``.
  package var key: Matrix?
  /// Nil if the keys, before their norm and rotation, are the values too.
  package var value: Matrix?
  /// The earlier layer whose keys and values it attends to; nil if it has its own.
  package var sharedLayer: Int?
  package var output: Matrix
  /// For each element of what the heads gather, a number whose sigmoid multiplies it; nil for 1.
  package var outputGate: Matrix?
  /// On each head if the weight is as long as a head, otherwise on the whole row.
  package var queryNorm: Norm<Vector>?
  package var keyNorm: Norm<Vector>?
  package var valueNorm: Norm<Vector>?
  /// On each head of queries and keys, after their rotation.
  package var rotatedNorm: Norm<Vector>?
  /// Attention sinks: for each head, a logit that takes part in the softmax, but contributes no value.
  package var sinks: Vector?
  package var shape: AttentionShape

  package init(
    query: Matrix, key: Matrix?, value: Matrix?, sharedLayer: Int? = nil, output: Matrix, outputGate: Matrix? = nil,
    queryNorm: Norm<Vector>? = nil, keyNorm: Norm<Vector>? = nil, valueNorm: Norm<Vector>? = nil,
    rotatedNorm: Norm<Vector>? = nil,
    sinks: Vector? = nil, shape: AttentionShape
  ) {
    self.query = query
    self.key = key
    self.value = value
    self.sharedLayer = sharedLayer
    self.output = output
    self.outputGate = outputGate
    self.queryNorm = queryNorm
    self.keyNorm = keyNorm
    self.valueNorm = valueNorm
    self.rotatedNorm = rotatedNorm
    self.sinks = sinks
    self.shape = shape
  }

  func map<NewMatrix, NewVector>(
    matrix: (Matrix) throws -> NewMatrix, vector: (Vector) throws -> NewVector
  ) rethrows -> Attention<NewMatrix, NewVector> {
    Attention<NewMatrix, NewVector>(
      query: try matrix(query), key: try key.map(matrix), value: try value.map(matrix), sharedLayer: sharedLayer,
      output: try matrix(output), outputGate: try outputGate.map(matrix), queryNorm: try queryNorm?.map(vector),
      keyNorm: try keyNorm?.map(vector),
      valueNorm: try valueNorm?.map(vector),
      rotatedNorm: try rotatedNorm?.map(vector), sinks: try sinks.map(vector), shape: shape)
  }
}

/// The numbers of an attention.
package struct AttentionShape: Hashable, Sendable {
  package var headCount: Int
  package var keyValueHeadCount: Int
  package var headDimension: Int
  /// A token sees itself and `window - 1` positions before it; nil: all.
  package var window: Int?
  /// A token sees no position before its own chunk of that many; nil: all.
  package var chunk: Int?
  /// The rotary embedding, as an index of ``GraphParameters/rotaries``; nil for a layer without positions.
  package var rotary: Int?
  /// Factor of attention scores.
  package var scale: Float
  /// cap · tanh(score / cap); nil for none.
  package var softCap: Float?
  /// What queries are multiplied by, after their rotation, depending on the position; nil for 1.
  package var temperature: AttentionTemperature?
  /// Queries, keys and values are limited to ± this, after their norms and before their rotation; nil: not limited.
  package var limit: Float?
  /// What queries, keys and values are multiplied by, as they are projected.
  package var multipliers: AttentionMultipliers?

  package var queryRowCount: Int { headCount * headDimension }
  package var keyValueRowCount: Int { keyValueHeadCount * headDimension }
}

/// What some models multiply the rows of attention's projections by.
package struct AttentionMultipliers: Hashable, Sendable {
  package var query: Float
  package var key: Float
  package var value: Float
}

/// 1 + slope · ln (1 + ⌊(position + offset) / length⌋)
package struct AttentionTemperature: Hashable, Sendable {
  package var slope: Float
  /// Units: tokens. At least 1.
  package var length: Int
  package var offset: Int

  package init(slope: Float, length: Int, offset: Int = 0) {
    self.slope = slope
    self.length = length
    self.offset = offset
  }

  /// In binary64, rounded once.
  package func factor(position: Int) -> Float {
    Float(1 + Double(slope) * ExactMath.log(Double(1 + (position + offset) / length)))
  }
}

extension Mixer: Sendable where Matrix: Sendable, Vector: Sendable {}
extension Attention: Sendable where Matrix: Sendable, Vector: Sendable {}

extension Layer {
  /// Its attention; nil for a layer without.
  package var attention: Attention<Matrix, Vector>? {
    for block in blocks {
      if case .mixer(.attention(let attention)) = block.operation { return attention }
    }
    return nil
  }
}
