/// A router that chooses a few of many networks for each token, and maybe a network that all tokens share.
package struct ExpertMixture<Matrix, Vector> {
  package var router: Matrix
  package var experts: [GatedNetwork<Matrix>]
  package var shared: GatedNetwork<Matrix>?
  /// One row, whose sigmoid the shared network's output is multiplied by; nil for 1.
  package var sharedGate: Matrix?
  package var routing: ExpertRouting
  /// Added to the experts' scores for the choice alone; nil for none.
  package var correction: Vector?
  /// The final factor of each expert's weight; nil for 1.
  package var expertScales: Vector?
  /// Nil if router, experts and shared network read what the block does, and their outputs are added as they are.
  package var norms: ExpertNorms<Vector>?

  package init(
    router: Matrix, experts: [GatedNetwork<Matrix>], shared: GatedNetwork<Matrix>?, sharedGate: Matrix? = nil,
    routing: ExpertRouting, correction: Vector? = nil, expertScales: Vector? = nil, norms: ExpertNorms<Vector>? = nil
  ) {
    self.router = router
    self.experts = experts
    self.shared = shared
    self.sharedGate = sharedGate
    self.routing = routing
    self.correction = correction
    self.expertScales = expertScales
    self.norms = norms
  }

  func map<NewMatrix, NewVector>(
    matrix: (Matrix) throws -> NewMatrix, vector: (Vector) throws -> NewVector
  ) rethrows -> ExpertMixture<NewMatrix, NewVector> {
    ExpertMixture<NewMatrix, NewVector>(
      router: try matrix(router), experts: try experts.map { try $0.map(matrix) }, shared: try shared?.map(matrix),
      sharedGate: try sharedGate.map(matrix), routing: routing, correction: try correction.map(vector),
      expertScales: try expertScales.map(vector), norms: try norms?.map(vector))
  }
}

/// The norms of a mixture beside a shared network that takes the usual place of the layer's network.
package struct ExpertNorms<Vector> {
  /// What the router reads: the stream through this norm, times `routerScale`.
  package var router: Norm<Vector>
  package var routerScale: Float
  /// What the experts read of the stream.
  package var input: Norm<Vector>
  /// Of the experts' sum.
  package var output: Norm<Vector>
  /// Of the shared network's output.
  package var shared: Norm<Vector>

  func map<NewVector>(_ vector: (Vector) throws -> NewVector) rethrows -> ExpertNorms<NewVector> {
    ExpertNorms<NewVector>(
      router: try router.map(vector), routerScale: routerScale, input: try input.map(vector),
      output: try output.map(vector), shared: try shared.map(vector))
  }
}

/// How a router's logits become the experts of a token: the best few, with their weights.
package struct ExpertRouting: Hashable, Sendable {
  /// What the contributions of the chosen experts are multiplied by.
  package enum Weights: Hashable, Sendable {
    /// The softmax of the chosen logits: they sum to 1.
    case softmaxOfChosen
    /// Their part of the softmax of all logits.
    case softmaxOfAll
    /// The sigmoid of their logits. It multiplies an expert's input, not its output.
    case sigmoidOnInput
    /// Their scores. The experts are chosen by scores, too, with a correction.
    case scores(ExpertScores)
  }
  package var expertsPerToken: Int
  package var weights = Weights.softmaxOfChosen
}

/// Scores of experts: by them and a correction the experts are chosen, and by them alone weighted.
package struct ExpertScores: Hashable, Sendable {
  package enum Function: Hashable, Sendable {
    /// The sigmoid of each logit.
    case sigmoid
    /// The softmax of all logits.
    case softmax
  }

  /// What the scores of the chosen experts are divided by.
  package enum Normalization: Hashable, Sendable {
    /// Their sum and a number that keeps it from 0.
    case sumPlus(Float)
    /// Their sum, but no less than a number.
    case sumAtLeast(Float)
  }

  package var function: Function
  /// Nil: they stay as they are.
  package var normalization: Normalization?
  /// The final factor of all of them.
  package var scale: Float = 1
  /// Experts are chosen from the best groups only. The groups are of equal size, one after the other; a group is as good as its
  /// best two experts together.
  package var groupCount = 1
  package var groupsPerToken = 1
}

extension ExpertScores {
  /// Why experts can't be chosen this way, or nil.
  func objection(expertCount: Int, expertsPerToken: Int) -> String? {
    guard groupCount > 1 else { return nil }
    let size = expertCount / groupCount
    guard size >= 2, size * groupCount == expertCount else {
      return "\(expertCount) experts don't make \(groupCount) groups of two or more"
    }
    guard (1...groupCount).contains(groupsPerToken), groupsPerToken * size >= expertsPerToken else {
      return "\(expertsPerToken) experts can't be chosen from \(groupsPerToken) of \(groupCount) groups of \(size)"
    }
    return nil
  }
}

extension ExpertNorms: Sendable where Vector: Sendable {}
extension ExpertMixture: Sendable where Matrix: Sendable, Vector: Sendable {}
