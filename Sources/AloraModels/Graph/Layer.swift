/// One layer of a model: blocks that each add their output to the residual stream.
///
/// `Matrix` and `Vector` are descriptions in a ``ModelGraph``, and the numbers themselves in a loaded model.
package struct Layer<Matrix, Vector> {
  package var blocks: [Block<Matrix, Vector>]

  package init(blocks: [Block<Matrix, Vector>]) { self.blocks = blocks }

  /// The same layer with other matrices and vectors.
  package func map<NewMatrix, NewVector>(
    matrix: (Matrix) throws -> NewMatrix, vector: (Vector) throws -> NewVector
  ) rethrows -> Layer<NewMatrix, NewVector> {
    Layer<NewMatrix, NewVector>(blocks: try blocks.map { try $0.map(matrix: matrix, vector: vector) })
  }
}

/// A mixer or a feed-forward network, with its norms and its residual rule:
///
///     x      = input norm (stream)
///     stream = (stream + residualScale · output norm (operation (x))) · streamFactor · streamScale
package struct Block<Matrix, Vector> {
  package enum Operation {
    /// Exchanges information between positions.
    case mixer(Mixer<Matrix, Vector>)
    /// Acts on each position alone.
    case feedForward(FeedForward<Matrix, Vector>)
    /// Changes the parallel streams of each position, and adds nothing.
    case streams(StreamUpdate<Matrix, Vector>)
  }

  /// What the operation reads.
  package enum Input {
    /// The stream as it is now, through a norm if there is one.
    case stream(Norm<Vector>?)
    /// What the block before it in the same layer read, so that both run side by side.
    case sameAsPrevious
    /// The stream, each element times a number.
    case scaledStream(Vector)
  }

  package var input: Input
  package var operation: Operation
  package var outputNorm: Norm<Vector>?
  package var residualScale: Float
  package var streamFactor: Float
  /// One element; nil for 1.
  package var streamScale: Vector?
  /// Whether the output is added to all parallel streams but the first, instead of the one that blocks read.
  package var addsToOtherStreams: Bool

  package init(
    input: Input, operation: Operation, outputNorm: Norm<Vector>? = nil, residualScale: Float = 1,
    streamFactor: Float = 1, streamScale: Vector? = nil, addsToOtherStreams: Bool = false
  ) {
    self.input = input
    self.operation = operation
    self.outputNorm = outputNorm
    self.residualScale = residualScale
    self.streamFactor = streamFactor
    self.streamScale = streamScale
    self.addsToOtherStreams = addsToOtherStreams
  }

  func map<NewMatrix, NewVector>(
    matrix: (Matrix) throws -> NewMatrix, vector: (Vector) throws -> NewVector
  ) rethrows -> Block<NewMatrix, NewVector> {
    let newInput: Block<NewMatrix, NewVector>.Input =
      switch input {
      case .stream(let norm): .stream(try norm?.map(vector))
      case .sameAsPrevious: .sameAsPrevious
      case .scaledStream(let scale): .scaledStream(try vector(scale))
      }
    let newOperation: Block<NewMatrix, NewVector>.Operation =
      switch operation {
      case .mixer(let mixer): .mixer(try mixer.map(matrix: matrix, vector: vector))
      case .feedForward(let network): .feedForward(try network.map(matrix: matrix, vector: vector))
      case .streams(let update): .streams(try update.map(matrix: matrix, vector: vector))
      }
    return Block<NewMatrix, NewVector>(
      input: newInput, operation: newOperation, outputNorm: try outputNorm?.map(vector), residualScale: residualScale,
      streamFactor: streamFactor, streamScale: try streamScale.map(vector), addsToOtherStreams: addsToOtherStreams)
  }
}

package enum NormKind: Hashable, Sendable {
  case rootMeanSquare
  /// The row's mean is taken out first.
  case layer
}

/// A norm of a row, or of parts of it that are `count` long.
package struct Norm<Vector> {
  package var kind: NormKind
  /// Nil for a norm that only scales.
  package var weight: Vector?
  package var count: Int
  package var epsilon: Float

  package init(_ kind: NormKind = .rootMeanSquare, weight: Vector?, count: Int, epsilon: Float) {
    self.kind = kind
    self.weight = weight
    self.count = count
    self.epsilon = epsilon
  }

  package func map<NewVector>(_ vector: (Vector) throws -> NewVector) rethrows -> Norm<NewVector> {
    Norm<NewVector>(kind, weight: try weight.map(vector), count: count, epsilon: epsilon)
  }
}

extension Layer: Sendable where Matrix: Sendable, Vector: Sendable {}
extension Block: Sendable where Matrix: Sendable, Vector: Sendable {}
extension Block.Operation: Sendable where Matrix: Sendable, Vector: Sendable {}
extension Block.Input: Sendable where Matrix: Sendable, Vector: Sendable {}
extension Norm: Sendable where Vector: Sendable {}
