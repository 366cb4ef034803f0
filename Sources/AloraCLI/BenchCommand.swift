internal import AloraInference
internal import AloraJSON
internal import ArgumentParser

/// `alora bench`: how fast a model is computed here, against what the machine can do.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure prefill or decoding: tokens a second, and how near the machine's limits that is.",
    discussion: """
      Example:
        alora bench prefill --model base.gguf --tokens 512
        alora bench decode --model base.gguf --adapter my-adapter --tokens 64

      The limits are measured in the same run: fused multiply-adds in registers, and reading from memory, both with
      all threads. Prefill is near the first where it is good, decoding near the second.
      """)

  enum Task: String, ExpressibleByArgument, CaseIterable { case prefill, decode }

  @Argument(help: "prefill or decode.")
  var task: Task

  @OptionGroup var inference: InferenceOptions

  @Option(help: ArgumentHelp("How many tokens are computed.", valueName: "n"))
  var tokens: Int?

  @Option(help: ArgumentHelp("How many tokens stand before those that are decoded.", valueName: "n"))
  var context = 64

  @Option(help: ArgumentHelp("How often it is measured; the best counts.", valueName: "n"))
  var repeats = 3

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard (1...100_000).contains(tokens ?? 1), (1...100_000).contains(context), (1...1000).contains(repeats) else {
      throw ValidationError("--tokens and --context are from 1 to 100000, --repeats from 1 to 1000.")
    }
  }

  func run() throws {
    let loadStart = monotonicSeconds()
    let loaded = try inference.load(common)
    let loadSeconds = monotonicSeconds() - loadStart
    let count = tokens ?? (task == .prefill ? 512 : 64)
    let vocabulary = loaded.model.vocabularySize
    // Any tokens will do; these are spread over the vocabulary.
    let text = (0..<(count + context)).map { ($0 * 7919 + 13) % vocabulary }
    var seconds = Double.infinity
    for _ in 0..<repeats { seconds = min(seconds, try measure(loaded, text, count)) }
    let machine = MachineSpeed(pool: loaded.evaluator.pool)
    let positions = task == .prefill ? 0..<count : context..<(context + count)
    let operations = loaded.model.operationCount(positions: positions, outputRows: task == .prefill ? 1 : count)
    let rate = operations / seconds
    let passes = task == .prefill ? 1 : count
    let bytes = Double(loaded.model.weightByteCount * passes) / seconds
    let report: JSONValue = [
      "task": .string(task.rawValue), "model": .string(inference.model),
      "adapter": inference.adapter.map { .string($0) } ?? .null, "backend": .string(inference.backend.rawValue),
      "instruction_set": .string(loaded.evaluator.instructionSet.rawValue),
      "threads": .integer(loaded.evaluator.pool.threadCount), "tokens": .integer(count),
      "load_seconds": .number(loadSeconds), "seconds": .number(seconds),
      "tokens_per_second": .number(Double(count) / seconds), "gflops": .number(rate / 1e9),
      "peak_gflops": .number(machine.operationsPerSecond / 1e9),
      "weight_gigabytes_per_second": .number(bytes / 1e9),
      "memory_gigabytes_per_second": .number(machine.bytesPerSecond / 1e9),
      "weight_bytes": .integer(loaded.model.weightByteCount), "file_bytes": .integer(loaded.model.fileByteCount),
    ]
    guard !common.json else { return Console.standardOutput.write(report.serialized() + "\n") }
    func rounded(_ value: Double) -> String { String((value * 10).rounded() / 10) }
    func percent(_ part: Double, of whole: Double) -> String { "\(Int((100 * part / whole).rounded())) %" }
    Console.standardOutput.write(
      """
      \(task.rawValue) of \(count) tokens, \(loaded.evaluator.pool.threadCount) threads, \
      \(inference.backend == .exact ? loaded.evaluator.instructionSet.rawValue : "OpenBLAS")
        \(rounded(Double(count) / seconds)) tokens/s
        \(rounded(rate / 1e9)) GFLOP/s, \(percent(rate, of: machine.operationsPerSecond)) of \
      \(rounded(machine.operationsPerSecond / 1e9)) measured
        \(rounded(bytes / 1e9)) GB/s of weights, \(percent(bytes, of: machine.bytesPerSecond)) of \
      \(rounded(machine.bytesPerSecond / 1e9)) measured
        loaded in \(rounded(loadSeconds)) s, weights \(rounded(Double(loaded.model.weightByteCount) / 1e6)) MB\n
      """)
  }

  /// The seconds that the tokens take, after what stands before them.
  private func measure(_ loaded: LoadedModel, _ text: [Int], _ count: Int) throws -> Double {
    let sequence = TokenSequence(
      model: loaded.model, adapter: loaded.adapter, activationStart: 0, declaredLength: text.count)
    let evaluator = loaded.evaluator
    if task == .prefill {
      let start = monotonicSeconds()
      for first in stride(from: 0, to: count, by: 512) {
        let end = min(first + 512, count)
        _ = try evaluator.evaluate([
          Work(sequence, tokens: Array(text[first..<end]), logits: end == count ? .last : .none)
        ])
      }
      return monotonicSeconds() - start
    }
    _ = try evaluator.evaluate([Work(sequence, tokens: Array(text[..<context]), logits: .none)])
    let start = monotonicSeconds()
    for token in text[context...] { _ = try evaluator.evaluate([Work(sequence, tokens: [token], logits: .last)]) }
    return monotonicSeconds() - start
  }
}
