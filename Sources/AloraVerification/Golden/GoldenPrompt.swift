internal import AloraInference

/// A prompt with golden adapted rows, and what was computed for it.
struct GoldenPrompt {
  let tokens: [Int]
  /// The first adapted position by the adapter's invocation tokens.
  let start: Int?
  /// The golden file's `activation_start`; nil if missing, -1 if the adapter is off.
  let statedStart: Int?
  let base: Verification.Run
  let baseRows: [Int: [Float]]
  let adaptedRows: [Int: [Float]]
  /// Golden rows by position.
  let golden: GoldenRows
  var tolerance: Tolerance

  /// The positions of the golden rows of the adapted model, rising.
  var positions: [Int] { golden.adapted.keys.sorted() }

  /// How far a row is from the golden one, relative to the golden's largest logit.
  func misfit(_ row: [Float]?, at position: Int) -> Double {
    RowComparison.relative(expected: golden.adapted[position], found: row)
  }

  /// The largest misfit of rows for all golden positions.
  func misfit(_ rows: [Int: [Float]]) -> Double {
    golden.adapted.keys.reduce(0) { max($0, misfit(rows[$1], at: $1)) }
  }

  /// The positions at which the adapter's rows don't match the golden ones, rising.
  var failing: [Int] { positions.filter { !tolerance.accepts(misfit(adaptedRows[$0], at: $0)) } }
}

/// Weights and a first adapted token that may have made golden rows.
struct Hypothesis {
  enum Activation: Hashable {
    /// By the invocation.
    case unchanged
    case off
    /// This many tokens later.
    case shifted(Int)
    case at(Int)
  }

  let mistake: Mistake
  let adapter: Adapter
  var activation = Activation.unchanged

  /// Whether the scaling is off by a percent or two, which is also what truncated factors look like.
  var isNearlyRight: Bool {
    if case .scaling(let scaling) = mistake { abs(scaling.factor - 1) < 0.02 } else { false }
  }

  /// The first adapted position; nil: none.
  func start(in prompt: GoldenPrompt) -> Int? {
    switch activation {
    case .unchanged: prompt.start
    case .off: nil
    case .shifted(let count): prompt.start.map { max(0, $0 + count) }
    case .at(let position): position
    }
  }
}
