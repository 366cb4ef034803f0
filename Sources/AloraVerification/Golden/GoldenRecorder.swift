internal import AloraSystem
internal import AloraAdapters
internal import AloraModels
package import AloraInference
package import AloraNPZ
package import AloraTensors

/// Writes a golden file with this engine's logits and their digests.
package struct GoldenRecorder {
  /// The rows of a prompt that the file keeps.
  package enum Selection: String, CaseIterable, Sendable {
    /// From two positions before the activation to the end; the last three if the adapter is off.
    case around
    /// From the activation to the end.
    case activated
    case last, all

    func positions(tokenCount: Int, start: Int?) -> Range<Int> {
      // At least one: the last if nothing is adapted.
      let last = tokenCount - 1
      let first =
        switch self {
        case .around: start.map { $0 - 2 } ?? last - 2
        case .activated: start ?? last
        case .last: last
        case .all: 0
        }
      return min(max(0, first), last)..<tokenCount
    }
  }

  /// The record of one prompt.
  package struct Case: Sendable {
    package let name: String
    package let tokenCount: Int
    /// Nil: the adapter is off.
    package let activationStart: Int?
    package let positions: Range<Int>
    /// See ``GoldenRecord/Case``.
    package let baseDigest: Digest
    package let adaptedDigest: Digest
  }

  private let verification: Verification
  private let adapter: Adapter

  package init(model: Model, adapter: Adapter, evaluator: Evaluator) {
    verification = Verification(model: model, adapter: adapter, evaluator: evaluator)
    self.adapter = adapter
  }

  /// The most logits of a prompt in memory at once: two gigabytes.
  private static let floatLimit = 1 << 29

  /// Computes several prompts, and adds their arrays.
  ///
  /// - Parameter progress: called with the number of tokens of the prompts that are done.
  /// - Throws: as for one prompt.
  package func record(
    _ prompts: [NamedPrompt], keeping selection: Selection, to writer: NPZWriter,
    progress: (Int) -> Void = { _ in }
  ) throws -> [Case] {
    var done = 0
    return try prompts.enumerated().map { index, prompt in
      defer {
        done += prompt.tokens.count
        progress(done)
      }
      return try record(prompt, index: index, keeping: selection, to: writer)
    }
  }

  /// Computes a prompt and adds its arrays.
  ///
  /// - Parameter index: the arrays' number.
  /// - Throws: ``InferenceError`` (`tokenOutsideVocabulary`, `tooLong`), ``NPZError``, ``FileError``.
  package func record(
    _ prompt: NamedPrompt, index: Int, keeping selection: Selection, to writer: NPZWriter
  ) throws -> Case {
    let tokens = prompt.tokens
    let vocabularySize = verification.model.vocabularySize
    let start = adapter.activationStart(in: tokens)
    // An invocation at the very end adapts only generated tokens, no row here.
    let positions = selection.positions(tokenCount: tokens.count, start: start)
    let (floatCount, isOver) = positions.count.multipliedReportingOverflow(by: 2 * vocabularySize)
    guard !tokens.isEmpty else { throw InferenceError(.noTokens, path: nil, problem: "\(prompt.name) has no tokens") }
    guard !isOver, floatCount <= Self.floatLimit else {
      throw InferenceError(
        .tooLong, path: nil,
        problem: "\(prompt.name) has \(positions.count) positions to keep with \(vocabularySize) logits each",
        remedy: .fewerPositions)
    }
    let (base, adapted, _) = try verification.runs(tokens, start: start, keeping: Set(positions))
    guard let whole = Shape([tokens.count]), let kept = Shape([positions.count]),
      let matrix = Shape([positions.count, vocabularySize])
    else { throw InferenceError(.tooLong, path: nil, problem: "\(prompt.name) is too long") }
    try writer.add("tokens_\(index)", integers: tokens, shape: whole)
    try writer.add("positions_\(index)", integers: Array(positions), shape: kept)
    for (name, run) in [("base", base), ("adapted", adapted)] {
      try writer.begin("\(name)_logits_\(index)", element: .number(.f32), shape: matrix)
      for position in positions { try writer.write(floats: run.rows[position] ?? []) }
    }
    try writer.add("activation_start_\(index)", integer: start ?? -1)
    return Case(
      name: prompt.name, tokenCount: tokens.count, activationStart: start, positions: positions,
      baseDigest: base.digest, adaptedDigest: adapted.digest)
  }
}
