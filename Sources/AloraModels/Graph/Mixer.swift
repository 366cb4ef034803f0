/// What exchanges information between positions. The evaluator has one file for each kind.
public enum Mixer<Matrix, Vector> {
  case attention(Attention<Matrix, Vector>)

  func map<NewMatrix, NewVector>(
    matrix: (Matrix) throws -> NewMatrix, vector: (Vector) throws -> NewVector
  ) rethrows -> Mixer<NewMatrix, NewVector> {
    switch self {
    case .attention(let attention): .attention(try attention.map(matrix: matrix, vector: vector))
    }
  }
}

/// Softmax attention with grouped heads.
public struct Attention<Matrix, Vector> {
  public var query: Matrix
  public var key: Matrix
  public var value: Matrix
  public var output: Matrix
  /// On each head where the weight is as long as a head, or on the whole row.
  public var queryNorm: Norm<Vector>?
  public var keyNorm: Norm<Vector>?
  public var shape: AttentionShape

  public init(
    query: Matrix, key: Matrix, value: Matrix, output: Matrix, queryNorm: Norm<Vector>? = nil,
    keyNorm: Norm<Vector>? = nil, shape: AttentionShape
  ) {
    self.query = query
    self.key = key
    self.value = value
    self.output = output
    self.queryNorm = queryNorm
    self.keyNorm = keyNorm
    self.shape = shape
  }

  func map<NewMatrix, NewVector>(
    matrix: (Matrix) throws -> NewMatrix, vector: (Vector) throws -> NewVector
  ) rethrows -> Attention<NewMatrix, NewVector> {
    Attention<NewMatrix, NewVector>(
      query: try matrix(query), key: try matrix(key), value: try matrix(value), output: try matrix(output),
      queryNorm: try queryNorm?.map(vector), keyNorm: try keyNorm?.map(vector), shape: shape)
  }
}

/// The numbers of an attention.
public struct AttentionShape: Hashable, Sendable {
  public var headCount: Int
  public var keyValueHeadCount: Int
  public var headDimension: Int
  /// A token sees itself and `window - 1` positions before it; nil: all.
  public var window: Int?
  /// The rotary embedding, as an index of ``GraphParameters/rotaries``; nil for a layer without positions.
  public var rotary: Int?
  /// What a score is multiplied by.
  public var scale: Float
  /// cap · tanh(score / cap); nil for none.
  public var softCap: Float?

  public var queryRowCount: Int { headCount * headDimension }
  public var keyValueRowCount: Int { keyValueHeadCount * headDimension }
}

extension Mixer: Sendable where Matrix: Sendable, Vector: Sendable {}
extension Attention: Sendable where Matrix: Sendable, Vector: Sendable {}

extension Layer {
  /// Its attention; nil for a layer without.
  public var attention: Attention<Matrix, Vector>? {
    for block in blocks {
      if case .mixer(.attention(let attention)) = block.operation { return attention }
    }
    return nil
  }
}
