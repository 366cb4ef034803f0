internal import AloraInference

/// A prompt with golden adapted rows, and what was computed for it.
struct GoldenPrompt {
  let tokens: [Int]
  /// The first adapted position by the adapter's invocation tokens.
  let start: Int?
  /// What the golden file says about it; nil where it says nothing, -1 for none.
  let statedStart: Int?
  let base: Verification.Run
  let baseRows: [Int: [Float]]
  let adaptedRows: [Int: [Float]]
  /// Of the adapted model, by position.
  let golden: [Int: [Float]]
  let tolerance: Double

  /// The golden positions, rising.
  var positions: [Int] { golden.keys.sorted() }

  /// How far a row is from the golden one, as a part of the golden's greatest magnitude.
  func misfit(_ row: [Float]?, at position: Int) -> Double {
    guard let row, let expected = golden[position] else { return .infinity }
    let magnitude = expected.reduce(0) { max($0, abs(Double($1))) }
    let delta = RowComparison.largestDelta(expected[...], row[...])
    return delta == 0 ? 0 : magnitude == 0 ? .infinity : delta / magnitude
  }

  /// The greatest misfit of rows for all golden positions.
  func misfit(_ rows: [Int: [Float]]) -> Double {
    golden.keys.reduce(0) { max($0, misfit(rows[$1], at: $1)) }
  }

  /// Where the adapter's rows are not the golden's, rising.
  var failing: [Int] { positions.filter { !(misfit(adaptedRows[$0], at: $0) <= tolerance) } }
}

/// Weights and a first adapted token that may have made golden rows.
struct Hypothesis {
  enum Activation: Hashable {
    /// As the invocation has it.
    case asItIs
    case off
    /// So many tokens later.
    case shifted(Int)
    case at(Int)
  }

  let name: String
  let adapter: Adapter
  var activation = Activation.asItIs
  /// Whether it is a scaling by a percent or so: what cut-off factors look like.
  var isNearlyRight = false

  /// The first adapted position; nil: none.
  func start(in prompt: GoldenPrompt) -> Int? {
    switch activation {
    case .asItIs: prompt.start
    case .off: nil
    case .shifted(let count): prompt.start.map { max(0, $0 + count) }
    case .at(let position): position
    }
  }
}
