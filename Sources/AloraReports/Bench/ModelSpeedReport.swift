package import AloraInference
package import AloraJSON
internal import AloraSystem

/// What `alora bench prefill` and `alora bench decode` have measured.
package struct ModelSpeedReport {
  private let model: String
  private let adapter: String?
  private let evaluator: Evaluator
  private let loadSeconds: Double
  private let speed: ModelSpeed

  package init(model: String, adapter: String?, evaluator: Evaluator, loadSeconds: Double, speed: ModelSpeed) {
    self.model = model
    self.adapter = adapter
    self.evaluator = evaluator
    self.loadSeconds = loadSeconds
    self.speed = speed
  }

  private var tokensPerSecond: Double { Double(speed.tokenCount * speed.sequenceCount) / speed.seconds }

  private var sequences: String {
    speed.sequenceCount > 1 ? " in each of \(counted(speed.sequenceCount, "sequence"))" : ""
  }

  /// Schema: schemas/bench.schema.json.
  package var json: JSONValue {
    [
      "task": .string(speed.task.rawValue), "model": .string(model),
      "adapter": adapter.map { .string($0) } ?? .null, "backend": .string(evaluator.model.backend.rawValue),
      "instruction_set": .string(evaluator.instructionSet.rawValue),
      "threads": .integer(evaluator.pool.threadCount), "tokens": .integer(speed.tokenCount),
      "sequences": .integer(speed.sequenceCount),
      "load_seconds": .number(loadSeconds), "seconds": .number(speed.seconds),
      "tokens_per_second": .number(tokensPerSecond), "gflops": .number(speed.operationsPerSecond / 1e9),
      "peak_gflops": .number(speed.machine.operationsPerSecond / 1e9),
      "weight_gigabytes_per_second": .number(speed.bytesPerSecond / 1e9),
      "memory_gigabytes_per_second": .number(speed.machine.bytesPerSecond / 1e9),
      "weight_bytes": .integer(evaluator.model.weightByteCount), "file_bytes": .integer(evaluator.model.fileByteCount),
      "peak_resident_bytes": .integer(speed.peakByteCount),
    ]
  }

  /// A few lines for people.
  package var text: String {
    let (model, machine) = (evaluator.model, speed.machine)
    return """
      \(speed.task.rawValue) of \(counted(speed.tokenCount, "token"))\(sequences), \(counted(evaluator.pool.threadCount, "thread")), \
      \(model.backend == .exact ? evaluator.instructionSet.rawValue : "OpenBLAS")
        \(rounded(tokensPerSecond)) tokens/s
        \(rounded(speed.operationsPerSecond / 1e9)) GFLOP/s, \
      \(percent(speed.operationsPerSecond, of: machine.operationsPerSecond)) of \
      \(rounded(machine.operationsPerSecond / 1e9)) measured
        \(rounded(speed.bytesPerSecond / 1e9)) GB/s of weights, \
      \(percent(speed.bytesPerSecond, of: machine.bytesPerSecond)) of \
      \(rounded(machine.bytesPerSecond / 1e9)) measured
        loaded in \(rounded(loadSeconds)) s, weights \(rounded(Double(model.weightByteCount) / 1e6)) MB; peak memory \
      \(rounded(Double(speed.peakByteCount) / 1e6)) MB, the model's file \(rounded(Double(model.fileByteCount) / 1e6)) MB\n
      """
  }
}

/// With one decimal.
func rounded(_ value: Double) -> String { String((value * 10).rounded() / 10) }

func percent(_ part: Double, of whole: Double) -> String { "\(Int((100 * part / whole).rounded())) %" }
