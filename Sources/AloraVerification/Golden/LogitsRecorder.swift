internal import AloraSystem
package import AloraInference
package import AloraNPZ
package import AloraTensors

/// Writes the logits of texts to an `.npz`, with a digest of each text's rows.
package struct LogitsRecorder {
  /// A text, and which of its rows are wanted.
  package struct Text: Sendable {
    package let tokens: [Int]
    /// Its own; nil: the recorder's.
    package let adapter: Adapter?
    /// The first adapted token; nil if the adapter is off.
    package let activationStart: Int?
    /// Rising, without repetitions.
    package let positions: [Int]

    package init(tokens: [Int], adapter: Adapter? = nil, activationStart: Int?, positions: [Int]) {
      self.tokens = tokens
      self.adapter = adapter
      self.activationStart = activationStart
      self.positions = positions
    }

    /// How many tokens have to be computed.
    package var computedCount: Int { (positions.last ?? -1) + 1 }
  }

  private let evaluator: Evaluator
  private let adapter: Adapter?
  private let chunk: Int
  private let writesPositions: Bool

  /// - Parameters:
  ///   - chunk: how many tokens are computed at once, at most.
  ///   - writesPositions: whether the file says which rows it holds; false if it holds all.
  package init(evaluator: Evaluator, adapter: Adapter?, chunk: Int, writesPositions: Bool) {
    self.evaluator = evaluator
    self.adapter = adapter
    // Logits of a chunk are held in memory, and the numbers don't depend on the chunk: no more than a gigabyte at once.
    self.chunk = min(chunk, max(1, (1 << 28) / evaluator.model.vocabularySize))
    self.writesPositions = writesPositions
  }

  /// Computes several texts, and adds their arrays.
  ///
  /// - Parameter progress: called with the number of computed tokens, of all ``Text/computedCount``.
  /// - Returns: the digest of each text's rows.
  /// - Throws: as for one text.
  package func record(_ texts: [Text], to writer: NPZWriter, progress: (Int) -> Void = { _ in }) throws -> [Digest] {
    var done = 0
    return try texts.enumerated().map { index, text in
      let digest = try record(text, index: index, to: writer) { progress(done + $0) }
      done += text.computedCount
      return digest
    }
  }

  /// Computes a text as far as its last wanted position, and adds its arrays.
  ///
  /// - Parameters:
  ///   - index: the arrays' number.
  ///   - progress: called with the number of computed tokens.
  /// - Returns: the digest of the rows.
  /// - Throws: ``InferenceError``, ``NPZError``, ``FileError``.
  package func record(
    _ text: Text, index: Int, to writer: NPZWriter, progress: (Int) -> Void = { _ in }
  ) throws -> Digest {
    let (tokens, positions) = (text.tokens, text.positions)
    let sequence = TokenSequence(
      model: evaluator.model, adapter: text.adapter ?? adapter, activationStart: text.activationStart,
      declaredLength: tokens.count)
    guard let vector = Shape([tokens.count]), let kept = Shape([positions.count]),
      let matrix = Shape([positions.count, evaluator.model.vocabularySize])
    else { throw InferenceError(.tooLong, path: nil, problem: "the logits of text \(index) are too many for an array") }
    try writer.add("tokens_\(index)", integers: tokens, shape: vector)
    if writesPositions { try writer.add("positions_\(index)", integers: positions, shape: kept) }
    try writer.begin("logits_\(index)", element: .number(.f32), shape: matrix)
    var hasher = Digest.Hasher()
    var rest = positions[...]
    for first in stride(from: 0, through: positions.last ?? -1, by: chunk) {
      let part = Array(tokens[first..<min(first + chunk, tokens.count)])
      let wanted = rest.prefix { $0 < first + part.count }
      rest = rest.dropFirst(wanted.count)
      guard let low = wanted.first, let high = wanted.last else {
        _ = try evaluator.evaluate([Work(sequence, tokens: part, logits: .none)])
        progress(first + part.count)
        continue
      }
      let work = Work(sequence, tokens: part, logits: .rows((low - first)..<(high - first + 1)))
      let logits = try evaluator.evaluate([work])[0]
      let values = wanted.count == logits.positions.count ? logits.values : wanted.flatMap { logits[$0] }
      hasher.add(values)
      try writer.write(floats: values)
      progress(min(first + part.count, high + 1))
    }
    try writer.add("activation_start_\(index)", integer: text.activationStart ?? -1)
    return hasher.end()
  }
}
