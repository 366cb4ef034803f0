/// How the rows of a weight are reordered from Hugging Face to GGUF.
package enum RowPermutation: Hashable, Sendable {
  case none
  /// Each head's rows come as two halves in Hugging Face (rotation of halves) and as pairs in GGUF (rotation of
  /// neighbours): row 2 · j + i of a head in GGUF is row i · (headDimension / 2) + j in Hugging Face.
  ///
  /// Source: llama.cpp `conversion/llama.py` (`LlamaModel.permute`).
  case halvesToPairs(headDimension: Int)
  /// The first `rotaryDimension` rows of each head come as pairs in Hugging Face (rotation of neighbours) and as two
  /// halves in GGUF; the others stay.
  ///
  /// Source: llama.cpp `conversion/glm.py` (`Glm4Model.normal_to_neox`).
  case pairsToHalves(headDimension: Int, rotaryDimension: Int)
  /// Any other order, from the traced table. Rows are counted from the start of the target's range; it may leave rows out.
  case order(ElementOrder)

  /// The row in Hugging Face's order that becomes `row` in GGUF's.
  package func sourceRow(of row: Int) -> Int {
    switch self {
    case .none: return row
    case .halvesToPairs(let headDimension):
      let (head, offset) = row.quotientAndRemainder(dividingBy: headDimension)
      return head * headDimension + (offset % 2) * (headDimension / 2) + offset / 2
    case .pairsToHalves(let headDimension, let rotaryDimension):
      let offset = row % headDimension
      guard offset < rotaryDimension else { return row }
      let (half, pair) = offset.quotientAndRemainder(dividingBy: rotaryDimension / 2)
      return row - offset + 2 * pair + half
    case .order(let order): return order.source(of: row)
    }
  }

  /// The row in GGUF's order that `row` of Hugging Face's becomes.
  package func targetRow(of row: Int) -> Int {
    switch self {
    case .none: return row
    case .halvesToPairs(let headDimension):
      let (head, offset) = row.quotientAndRemainder(dividingBy: headDimension)
      let (half, pair) = offset.quotientAndRemainder(dividingBy: headDimension / 2)
      return head * headDimension + 2 * pair + half
    case .pairsToHalves(let headDimension, let rotaryDimension):
      let offset = row % headDimension
      guard offset < rotaryDimension else { return row }
      return row - offset + (offset % 2) * (rotaryDimension / 2) + offset / 2
    case .order(let order):
      guard let target = (0..<order.count).first(where: { order.source(of: $0) == row }) else {
        preconditionFailure("a row that the order leaves out")
      }
      return target
    }
  }

  /// Rows move only within blocks of this many rows.
  package var blockRowCount: Int {
    switch self {
    case .none: 1
    case .halvesToPairs(let headDimension), .pairsToHalves(let headDimension, _): headDimension
    case .order(let order): order.count
    }
  }

  /// How many rows come out of `count` rows.
  func targetCount(of count: Int) -> Int {
    if case .order(let order) = self { order.count } else { count }
  }
}

/// A tensor of the GGUF base that is made from the rows of a Hugging Face weight.
package struct WeightTarget: Hashable, Sendable {
  /// `blk.0.attn_q.weight`.
  package let tensorName: String
  /// The rows of the Hugging Face weight that go into it.
  package let rows: Range<Int>
  /// The order of these rows, counted from the range's start.
  package let permutation: RowPermutation
  /// The order of the weight's columns.
  package let columns: RowPermutation
  /// Factors that the converter multiplies rows of the weight by, in the target's order; empty if there are none.
  package let factors: [RowFactor]

  /// Which rows of the tensor they become, if the tensor holds the weights of other modules too: `attn_qkv`.
  package let part: Part?

  /// Rows of a tensor that several modules share.
  package struct Part: Hashable, Sendable {
    package let firstRow: Int
    /// How many rows the tensor has.
    package let tensorRowCount: Int
  }

  /// A number that a run of rows is multiplied by.
  package struct RowFactor: Hashable, Sendable {
    package let rowCount: Int
    package let value: Double

    package init(rowCount: Int, value: Double) {
      self.rowCount = rowCount
      self.value = value
    }

    /// Whether division by it doesn't round.
    package var isPowerOfTwo: Bool { value.isNormal && value.significand == 1 && abs(value.exponent) < 100 }
  }

  /// How many rows of the GGUF tensor are the module's.
  package var rowCount: Int { permutation.targetCount(of: rows.count) }
  /// How many rows the GGUF tensor has.
  package var tensorRowCount: Int { part?.tensorRowCount ?? rowCount }

  init(
    tensorName: String, rows: Range<Int>, permutation: RowPermutation, columns: RowPermutation = .none,
    factors: [RowFactor] = [], part: Part? = nil
  ) {
    self.tensorName = tensorName
    self.rows = rows
    self.permutation = permutation
    self.columns = columns
    self.factors = factors
    self.part = part
  }
}

/// A module of the base model whose weight an adapter can change.
package struct WeightModule: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    case linear
    /// The token embedding: a lookup of columns of its update instead of a product.
    case embedding
    /// The output layer (`lm_head`).
    case outputLayer
    /// A parameter that holds the weights of all experts.
    case experts(Experts)
    /// The module of one of `count` experts.
    case expert(index: Int, count: Int)
  }

  /// How a parameter holds the weights of experts. ``WeightModule/inputCount`` and ``WeightModule/outputCount`` are
  /// those of one expert.
  package struct Experts: Hashable, Sendable {
    package let count: Int
    /// Whether the parameter is [experts, in, out] instead of [experts, out, in].
    package let isTransposed: Bool
    /// Whether its module has `is_transposed`, which PEFT reads from 0.19 on.
    package let isMarkedTransposed: Bool
  }

  /// The module's path in the Hugging Face model: `model.layers.0.self_attn.q_proj`.
  package let name: String
  package let kind: Kind
  /// The number of inputs; for the embedding, the vocabulary size.
  package let inputCount: Int
  /// The number of outputs; for the embedding, the hidden size.
  package let outputCount: Int
  /// Nil outside of the layers.
  package let layerIndex: Int?
  /// The GGUF tensors that hold the weight. Empty if GGUF has none of its own (an output layer tied to the embedding).
  package let targets: [WeightTarget]
}

extension WeightModule {
  /// The weight as Hugging Face has it: every row in its place.
  package var wholeTarget: WeightTarget {
    WeightTarget(tensorName: name, rows: 0..<outputCount, permutation: .none)
  }
}

extension [WeightTarget.RowFactor] {
  /// One factor of all rows; empty for none, or for 1.
  static func uniform(_ factor: Double?, rowCount: Int) -> Self {
    factor.flatMap { $0 == 1 ? nil : [WeightTarget.RowFactor(rowCount: rowCount, value: $0)] } ?? []
  }
}

extension [WeightModule] {
  /// The GGUF tensors that hold the weights, by name. Of several modules with their weights in one tensor, the first counts.
  package var targetsByTensor: [String: (module: WeightModule, target: WeightTarget)] {
    var targets: [String: (module: WeightModule, target: WeightTarget)] = [:]
    for module in self {
      for target in module.targets where targets[target.tensorName] == nil {
        targets[target.tensorName] = (module, target)
      }
    }
    return targets
  }
}
