internal import AloraTensors

/// The factors of one adapter in one module: B has the scaling in it.
package struct SlotFactors {
  /// Shape: `[rank, in]`.
  package var a: [Float]
  /// Shape: `[out, rank]`.
  package var b: [Float]
  let rank: Int
  /// How far rounding to the stored type may move an element, relative to it.
  let precision: Double

  package var inputCount: Int { a.count / rank }
  package var outputCount: Int { b.count / rank }
  /// Whether they add nothing. A may be any numbers if no adapter has the module.
  var isZero: Bool { !a.contains { $0 != 0 } || !b.contains { $0 != 0 } }

  /// The rank without the zeros at its end that a smaller adapter is padded with.
  package var usedRank: Int {
    let used = (0..<rank).last { row in
      a[(row * inputCount)..<((row + 1) * inputCount)].contains { $0 != 0 }
        && (0..<outputCount).contains { b[$0 * rank + row] != 0 }
    }
    return (used ?? -1) + 1
  }

  /// The first rows of A.
  package func a(ofRank count: Int) -> [Float] { Array(a[..<(count * inputCount)]) }

  /// The first columns of B.
  package func b(ofRank count: Int) -> [Float] {
    (0..<outputCount).flatMap { b[($0 * rank)..<($0 * rank + count)] }
  }

  static func precision(of type: DType) -> Double {
    switch type {
    case .f32, .f64: 1e-6
    case .f16: 1.0 / 1024
    case .bf16: 1.0 / 128
    default: 0.05
    }
  }

  /// Undoes the order of a GGUF's rows, which has the two halves of each head by turns.
  ///
  /// Source: `LlamaModel.permute` in llama.cpp's `conversion/llama.py`.
  mutating func orderRowsByHalves(headCount: Int) {
    let stored = b
    let height = outputCount / headCount
    for head in 0..<headCount {
      for row in 0..<height {
        let (half, place) = (row / (height / 2), row % (height / 2))
        let (to, from) = ((head * height + row) * rank, (head * height + 2 * place + half) * rank)
        b.replaceSubrange(to..<(to + rank), with: stored[from..<(from + rank)])
      }
    }
  }

  /// Whether A is this one, padded with zeros.
  ///
  /// - Parameter other: Shape: `[otherRank, in]`.
  func hasA(_ other: [Float], rank otherRank: Int) -> Bool {
    guard otherRank <= rank, other.count == otherRank * inputCount else { return false }
    let largest = Double(other.reduce(0) { max($0, abs($1)) })
    return a.indices.allSatisfy { index in
      guard index < other.count else { return a[index] == 0 }
      let wanted = Double(other[index])
      // A block format's error is relative to the block.
      let scale = precision > 0.01 ? largest : max(abs(wanted), 1e-30)
      return abs(Double(a[index]) - wanted) <= precision * scale
    }
  }

  /// The factor that B has of another one, by least squares, and how much of B it doesn't explain.
  ///
  /// - Parameter other: Shape: `[out, otherRank]`.
  func factorOfB(_ other: [Float], rank otherRank: Int) -> (factor: Double, residual: Double)? {
    guard otherRank <= rank, other.count == otherRank * outputCount else { return nil }
    var (products, squares, own) = (0.0, 0.0, 0.0)
    for row in 0..<outputCount {
      for column in 0..<rank {
        let x = Double(b[row * rank + column])
        let y = column < otherRank ? Double(other[row * otherRank + column]) : 0
        (products, squares, own) = (products + x * y, squares + y * y, own + x * x)
      }
    }
    guard squares > 0 else { return own == 0 ? (1, 0) : nil }
    let factor = products / squares
    let rest = max(0, own - factor * products)
    return (factor, own == 0 ? 1 : (rest / own).squareRoot())
  }
}
