internal import AloraSystem

/// How fast a model computes tokens: all at once, as in a prompt, or one after another.
package struct ModelSpeed: Sendable {
  package enum Task: String, Hashable, Sendable { case prefill, decode }

  package let task: Task
  /// Of each sequence.
  package let tokenCount: Int
  /// How many sequences were decoded at once.
  package let sequenceCount: Int
  /// The best of the runs.
  package let seconds: Double
  /// Products and attention; a multiply-add counts as two.
  package let operationsPerSecond: Double
  /// How fast weights were read.
  package let bytesPerSecond: Double
  /// The most memory that the process had resident by then.
  package let peakByteCount: Int
  /// What the machine can do, measured right after.
  package let machine: MachineSpeed

  /// How many tokens a prefill computes at once.
  private static let chunk = 512

  /// Measures a task.
  ///
  /// - Parameters:
  ///   - adapter: active from the first token; nil for the base alone. Of several sequences, every second one has it.
  ///   - contextCount: how many tokens precede decoded ones.
  ///   - sequenceCount: how many sequences to decode at once; 1 for a prefill.
  ///   - repeats: at least 1.
  /// - Throws: as ``Evaluator/evaluate(_:)``.
  package init(
    _ task: Task, evaluator: Evaluator, adapter: Adapter?, tokenCount: Int, contextCount: Int, sequenceCount: Int = 1,
    repeats: Int
  ) throws {
    let model = evaluator.model
    // Any tokens will do; these are spread over the vocabulary.
    let text = (0..<(tokenCount + contextCount)).map { ($0 * 7919 + 13) % model.vocabularySize }
    var best = Double.infinity
    for _ in 0..<repeats {
      let sequences = (0..<sequenceCount).map { number in
        TokenSequence(
          model: model, adapter: number.isMultiple(of: 2) ? adapter : nil, activationStart: 0,
          declaredLength: text.count)
      }
      let seconds =
        switch task {
        case .prefill: try Self.prefill(Array(text.prefix(tokenCount)), sequences[0], evaluator)
        case .decode: try Self.decode(text, after: contextCount, sequences, evaluator)
        }
      best = min(best, seconds)
    }
    self.task = task
    self.tokenCount = tokenCount
    self.sequenceCount = sequenceCount
    seconds = best
    // Before the machine is measured, which takes memory of its own.
    peakByteCount = peakResidentByteCount()
    let positions = task == .prefill ? 0..<tokenCount : contextCount..<(contextCount + tokenCount)
    let passCount = task == .prefill ? 1 : tokenCount
    let operations = model.operationCount(positions: positions, outputRows: passCount) * Double(sequenceCount)
    operationsPerSecond = operations / best
    bytesPerSecond = Double(model.weightByteCount * passCount) / best
    machine = MachineSpeed(pool: evaluator.pool, instructionSet: evaluator.instructionSet)
  }

  private static func prefill(_ text: [Int], _ sequence: TokenSequence, _ evaluator: Evaluator) throws -> Double {
    let start = MonotonicClock.seconds
    for first in stride(from: 0, to: text.count, by: chunk) {
      let end = min(first + chunk, text.count)
      _ = try evaluator.evaluate([
        Work(sequence, tokens: Array(text[first..<end]), logits: end == text.count ? .last : .none)
      ])
    }
    return MonotonicClock.seconds - start
  }

  private static func decode(
    _ text: [Int], after contextCount: Int, _ sequences: [TokenSequence], _ evaluator: Evaluator
  ) throws -> Double {
    for sequence in sequences {
      _ = try evaluator.evaluate([Work(sequence, tokens: Array(text.prefix(contextCount)), logits: .none)])
    }
    let start = MonotonicClock.seconds
    for token in text.dropFirst(contextCount) {
      _ = try evaluator.evaluate(sequences.map { Work($0, tokens: [token], logits: .last) })
    }
    return MonotonicClock.seconds - start
  }
}
