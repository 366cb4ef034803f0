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
///     stream = stream + residualScale · output norm (operation (x))
package struct Block<Matrix, Vector> {
  package enum Operation {
    /// Exchanges information between positions.
    case mixer(Mixer<Matrix, Vector>)
    /// Acts on each position alone.
    case feedForward(FeedForward<Matrix>)
  }

  /// What the operation reads.
  package enum Input {
    /// The stream as it is now, through a norm if there is one.
    case stream(Norm<Vector>?)
    /// What the block before it in the same layer read, so that both run side by side.
    case sameAsPrevious
  }

  package var input: Input
  package var operation: Operation
  package var outputNorm: Norm<Vector>?
  package var residualScale: Float

  package init(input: Input, operation: Operation, outputNorm: Norm<Vector>? = nil, residualScale: Float = 1) {
    self.input = input
    self.operation = operation
    self.outputNorm = outputNorm
    self.residualScale = residualScale
  }

  func map<NewMatrix, NewVector>(
    matrix: (Matrix) throws -> NewMatrix, vector: (Vector) throws -> NewVector
  ) rethrows -> Block<NewMatrix, NewVector> {
    let newInput: Block<NewMatrix, NewVector>.Input =
      switch input {
      case .stream(let norm): .stream(try norm?.map(vector))
      case .sameAsPrevious: .sameAsPrevious
      }
    let newOperation: Block<NewMatrix, NewVector>.Operation =
      switch operation {
      case .mixer(let mixer): .mixer(try mixer.map(matrix: matrix, vector: vector))
      case .feedForward(let network): .feedForward(try network.map(matrix))
      }
    return Block<NewMatrix, NewVector>(
      input: newInput, operation: newOperation, outputNorm: try outputNorm?.map(vector), residualScale: residualScale)
  }
}

/// A root-mean-square norm.
package struct Norm<Vector> {
  package var weight: Vector
  package var epsilon: Float

  package init(weight: Vector, epsilon: Float) {
    self.weight = weight
    self.epsilon = epsilon
  }

  package func map<NewVector>(_ vector: (Vector) throws -> NewVector) rethrows -> Norm<NewVector> {
    Norm<NewVector>(weight: try vector(weight), epsilon: epsilon)
  }
}

extension Layer: Sendable where Matrix: Sendable, Vector: Sendable {}
extension Block: Sendable where Matrix: Sendable, Vector: Sendable {}
extension Block.Operation: Sendable where Matrix: Sendable, Vector: Sendable {}
extension Block.Input: Sendable where Matrix: Sendable, Vector: Sendable {}
extension Norm: Sendable where Vector: Sendable {}
