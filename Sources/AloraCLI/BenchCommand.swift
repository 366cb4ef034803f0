internal import AloraGeneration
internal import AloraSystem
internal import AloraInference
internal import AloraJSON
internal import ArgumentParser

/// `alora bench`: how fast things are computed here, against what the machine can do.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure speed, and compare it with the machine's limits.",
    discussion: """
      Examples:
        alora bench prefill --model base.gguf --tokens 512
        alora bench decode --model base.gguf --adapter my-adapter --tokens 64
        alora bench ttft --model base.gguf --adapter my-adapter
        alora bench kernels

      The machine's limits are measured in the same run, with all threads: fused multiply-adds in registers, and reading from \
      memory. Good prefill is close to the first limit, good decoding close to the second.
      """,
    subcommands: [
      PrefillBenchmark.self, DecodeBenchmark.self, FirstTokenBenchmark.self, KernelBenchmark.self,
    ])
}

/// `alora bench prefill`.
struct PrefillBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prefill", abstract: "Measure prefill: many tokens at once, as in a prompt.",
    usage: "alora bench prefill [<options>] --model <dir|gguf>",
    discussion: "Example:\n  alora bench prefill --model base.gguf --tokens 512")
  @OptionGroup var benchmark: ModelBenchmark
  func run() throws { try benchmark.run(.prefill) }
}

/// `alora bench decode`.
struct DecodeBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decode", abstract: "Measure decoding: one token after another.",
    usage: "alora bench decode [<options>] --model <dir|gguf>",
    discussion: "Example:\n  alora bench decode --model base.gguf --tokens 64")
  @OptionGroup var benchmark: ModelBenchmark
  func run() throws { try benchmark.run(.decode) }
}

/// The options and output that prefill and decoding share.
struct ModelBenchmark: ParsableArguments {
  enum Task: String { case prefill, decode }

  @OptionGroup var inference: InferenceOptions

  @Option(help: ArgumentHelp("How many tokens to compute. The default is 512, or 64 for decoding.", valueName: "n"))
  var tokens: Int?

  @Option(help: ArgumentHelp("For decode: how many tokens precede the decoded ones.", valueName: "n"))
  var context = 64

  @Option(help: ArgumentHelp("How often to measure. The best run counts.", valueName: "n"))
  var repeats = 3

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard (1...100_000).contains(tokens ?? 1), (1...100_000).contains(context), (1...1000).contains(repeats) else {
      throw ValidationError("--tokens and --context must be from 1 to 100000, --repeats from 1 to 1000.")
    }
  }

  func run(_ task: Task) throws {
    let loadStart = MonotonicClock.seconds
    let loaded = try inference.load(common)
    let loadSeconds = MonotonicClock.seconds - loadStart
    let count = tokens ?? (task == .prefill ? 512 : 64)
    let vocabulary = loaded.model.vocabularySize
    try inference.contextLimit(of: loaded.model).check(task == .prefill ? count : count + context, name: "the text")
    // Any tokens will do; these are spread over the vocabulary.
    let text = (0..<(count + context)).map { ($0 * 7919 + 13) % vocabulary }
    var seconds = Double.infinity
    for _ in 0..<repeats { seconds = min(seconds, try measure(task, loaded, text, count)) }
    // Before the machine is measured, which takes memory of its own.
    let peak = peakResidentByteCount()
    let machine = MachineSpeed(pool: loaded.evaluator.pool, instructionSet: loaded.evaluator.instructionSet)
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
      "peak_resident_bytes": .integer(peak),
    ]
    guard !common.json else { return Console.standardOutput.write(report.serialized() + "\n") }
    Console.standardOutput.write(
      """
      \(task.rawValue) of \(counted(count, "token")), \(counted(loaded.evaluator.pool.threadCount, "thread")), \
      \(inference.backend == .exact ? loaded.evaluator.instructionSet.rawValue : "OpenBLAS")
        \(rounded(Double(count) / seconds)) tokens/s
        \(rounded(rate / 1e9)) GFLOP/s, \(percent(rate, of: machine.operationsPerSecond)) of \
      \(rounded(machine.operationsPerSecond / 1e9)) measured
        \(rounded(bytes / 1e9)) GB/s of weights, \(percent(bytes, of: machine.bytesPerSecond)) of \
      \(rounded(machine.bytesPerSecond / 1e9)) measured
        loaded in \(rounded(loadSeconds)) s, weights \(rounded(Double(loaded.model.weightByteCount) / 1e6)) MB; peak memory \
      \(rounded(Double(peak) / 1e6)) MB, the model's file \(rounded(Double(loaded.model.fileByteCount) / 1e6)) MB\n
      """)
  }

  /// The seconds that the tokens take, after what stands before them.
  private func measure(_ task: Task, _ loaded: LoadedModel, _ text: [Int], _ count: Int) throws -> Double {
    let sequence = TokenSequence(
      model: loaded.model, adapter: loaded.adapter, activationStart: 0, declaredLength: text.count)
    let evaluator = loaded.evaluator
    if task == .prefill {
      let start = MonotonicClock.seconds
      for first in stride(from: 0, to: count, by: 512) {
        let end = min(first + 512, count)
        _ = try evaluator.evaluate([
          Work(sequence, tokens: Array(text[first..<end]), logits: end == count ? .last : .none)
        ])
      }
      return MonotonicClock.seconds - start
    }
    _ = try evaluator.evaluate([Work(sequence, tokens: Array(text[..<context]), logits: .none)])
    let start = MonotonicClock.seconds
    for token in text[context...] { _ = try evaluator.evaluate([Work(sequence, tokens: [token], logits: .last)]) }
    return MonotonicClock.seconds - start
  }
}

private func rounded(_ value: Double) -> String { String((value * 10).rounded() / 10) }

private func percent(_ part: Double, of whole: Double) -> String { "\(Int((100 * part / whole).rounded())) %" }

/// `alora bench kernels`.
struct KernelBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kernels", abstract: "Measure matrix products with weights of every type.",
    usage: "alora bench kernels [<options>]",
    discussion: """
      Example:
        alora bench kernels --rows 4096 --columns 4096

      Arithmetic limits products with many tokens; reading the weights limits products with one token.
      """)

  @Option(help: ArgumentHelp("Rows of the weight matrix.", valueName: "n"))
  var rows = 8192

  @Option(help: ArgumentHelp("Columns of the weight matrix, a multiple of 256.", valueName: "n"))
  var columns = 4096

  @Option(help: ArgumentHelp("The tokens of the product with many tokens.", valueName: "n"))
  var tokens = 256

  @Option(help: ArgumentHelp("The number of threads. The default is one per processor.", valueName: "n"))
  var threads: Int?

  @OptionGroup var kernels: KernelOptions
  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard (1...65536).contains(rows), (256...65536).contains(columns), columns.isMultiple(of: 256),
      (1...4096).contains(tokens), (1...1024).contains(threads ?? 1)
    else { throw ValidationError("--rows, --columns (a multiple of 256), --tokens or --threads is out of range.") }
  }

  func run() throws {
    let pool = ThreadPool(threadCount: threads ?? ThreadPool.processorCount)
    let set = kernels.instructionSet
    let speeds = ProductSpeed.measured(
      rows: rows, columns: columns, tokens: tokens, pool: pool, instructionSet: set)
    let machine = MachineSpeed(pool: pool, instructionSet: set)
    let report: JSONValue = [
      "instruction_set": .string(set.rawValue), "threads": .integer(pool.threadCount),
      "rows": .integer(rows), "columns": .integer(columns), "tokens": .integer(tokens),
      "peak_gflops": .number(machine.operationsPerSecond / 1e9),
      "memory_gigabytes_per_second": .number(machine.bytesPerSecond / 1e9),
      "types": .array(
        speeds.map { speed in
          [
            "type": .string(speed.type), "gflops": .number(speed.operationsPerSecond / 1e9),
            "single_token_gigabytes_per_second": .number(speed.bytesPerSecond / 1e9),
          ]
        }),
    ]
    guard !common.json else { return Console.standardOutput.write(report.serialized() + "\n") }
    func padded(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(0, width - text.count)) + text
    }
    var text =
      "products of \(rows) x \(columns), \(counted(pool.threadCount, "thread")), \(set.rawValue); measured: "
      + "\(rounded(machine.operationsPerSecond / 1e9)) GFLOP/s, \(rounded(machine.bytesPerSecond / 1e9)) GB/s\n"
    text += "type       \(padded("\(tokens) tokens", 22))\(padded("1 token", 20))\n"
    for speed in speeds {
      let many =
        "\(rounded(speed.operationsPerSecond / 1e9)) GFLOP/s "
        + padded(percent(speed.operationsPerSecond, of: machine.operationsPerSecond), 5)
      let one =
        "\(rounded(speed.bytesPerSecond / 1e9)) GB/s "
        + padded(percent(speed.bytesPerSecond, of: machine.bytesPerSecond), 5)
      text += speed.type + padded(many, 33 - speed.type.count) + padded(one, 20) + "\n"
    }
    Console.standardOutput.write(text)
  }
}
