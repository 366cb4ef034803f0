internal import AloraSystem
internal import AloraModels
internal import CAloraKernels

/// Computes a model's graph for one sequence or several at once.
///
/// The logits of a position and its keys and values are a pure function of the weights, of the sequence's tokens up to
/// it, of its adapter and activation start (and, for models with two sets of rotary frequencies, of whether the declared
/// length is beyond the first): not of how the tokens are divided into calls, of what else is in a call, of the number of
/// threads or of the instruction set. Every reduction has a fixed order (see `alora_kernels.h`), and every operation on a row
/// reads that row alone.
///
/// A model is a list of blocks (``Block``). Each kind of mixer and of feed-forward network has its own file; nothing here
/// depends on the model's architecture.
@safe package final class Evaluator {
  package let model: Model
  package let pool: ThreadPool
  package let instructionSet: InstructionSet
  let isa: alora_isa
  let product: ProductKernel
  let scratch: [Scratch]
  private let buffers = PassBuffers()

  /// The kernel of matrix products. Tests replace it to show that they would notice a fault.
  package typealias ProductKernel = (ProductCall) -> Void

  /// The working memory of one thread.
  final class Scratch {
    let attention = GrowingBuffer()
    let update = GrowingBuffer()
    let weights = GrowingBuffer()
  }

  package convenience init(model: Model, pool: ThreadPool, instructionSet: InstructionSet = .best) {
    self.init(model: model, pool: pool, instructionSet: instructionSet) { $0.perform() }
  }

  package init(model: Model, pool: ThreadPool, instructionSet: InstructionSet, product: @escaping ProductKernel) {
    self.model = model
    self.pool = pool
    self.instructionSet = instructionSet
    isa = instructionSet.kernel
    self.product = product
    scratch = (0..<pool.threadCount).map { _ in Scratch() }
  }

  /// Longer texts are refused, because sines and cosines are exact only up to the angle of the last position.
  package var positionLimit: Int {
    let greatest = model.graph.parameters.rotaries.flatMap {
      $0.inverseFrequencies + ($0.longInverseFrequencies ?? [])
    }.max()
    return Int(1_000_000 / max(1, greatest ?? 1))
  }

  /// Computes tokens and appends them to their sequences.
  ///
  /// - Parameter work: each sequence at most once.
  /// - Returns: for each piece of work, the logits asked for.
  /// - Throws: ``InferenceError`` (`tokenOutsideVocabulary`, `noTokens`, `tooLong`, `notFinite`); ``FileError`` if the
  ///   embedding, or weights that stay in the file, can't be read. The sequences stay unchanged then.
  package func evaluate(_ work: [Work]) throws -> [Logits] {
    try check(work)
    for item in work {
      while item.sequence.pendingCount > Self.replayCount {
        _ = try compute([(item.sequence, Self.replayCount)]) { _ in [0..<0] }
      }
    }
    for item in work { item.sequence.tokens += item.tokens }
    do {
      return try compute(work.map { ($0.sequence, $0.sequence.pendingCount) }) { segments in
        zip(work, segments).map { $0.wantedRows(of: $1) }
      }
    } catch {
      for item in work { item.sequence.dropLast(item.tokens.count) }
      throw error
    }
  }

  /// The number of tokens in one pass that are computed again.
  private static let replayCount = 512

  /// Computes the next tokens of some sequences, which their texts already have.
  ///
  /// - Parameter wanted: gives some consecutive rows of each segment, whose logits are returned.
  private func compute(
    _ parts: [(sequence: TokenSequence, count: Int)], wanted: ([Segment]) -> [Range<Int>]
  ) throws -> [Logits] {
    let pass = begin(parts)
    try embed(pass)
    if let blas = model.blas { blas.useThreads(pool.threadCount) }
    try layerInputs(pass)
    enterStreams(pass)
    rotaryTables(pass)
    let result = logits(runBlocks(pass, wanted: wanted(pass.segments)))
    try model.failures.check()
    for (part, logits) in zip(parts, result) { try part.sequence.checkFinite(logits) }
    for segment in pass.segments { segment.sequence.commit(count: segment.rows.count, segment.stages) }
    return result
  }

  private func check(_ work: [Work]) throws(InferenceError) {
    let limit = positionLimit
    for (index, item) in work.enumerated() {
      precondition(item.sequence.model === model, "a sequence of another model")
      precondition(!work[..<index].contains { $0.sequence === item.sequence }, "a sequence comes twice")
      guard !item.tokens.isEmpty else { throw InferenceError(.noTokens, path: nil, problem: "there are no tokens") }
      if let token = item.tokens.first(where: { !(0..<model.vocabularySize).contains($0) }) {
        throw InferenceError(
          .tokenOutsideVocabulary, path: model.path,
          problem: "\(token) is not a token of the model, which has \(model.vocabularySize)")
      }
      guard item.sequence.tokens.count + item.tokens.count <= limit else {
        throw InferenceError(.tooLong, path: nil, problem: "a text of more than \(limit) tokens")
      }
    }
  }

  private func begin(_ parts: [(sequence: TokenSequence, count: Int)]) -> Pass {
    var segments: [Segment] = []
    var rows = 0
    for (sequence, count) in parts {
      let position = sequence.computedCount
      sequence.reserve(count)
      let active = sequence.activationStart.map { min(max($0 - position, 0), count) }
      segments.append(
        Segment(
          sequence: sequence, rows: rows..<(rows + count), firstPosition: position,
          firstActiveRow: rows + (active ?? count), stages: sequence.stages(count: count, firstRow: rows)))
      rows += count
    }
    return buffers.pass(model, segments: segments, rowCount: rows)
  }
}
