package import AloraInference
package import AloraJSON
internal import AloraSystem

/// What `alora bench kernels` has measured.
package struct ProductSpeedReport {
  private let (rows, columns, tokens): (Int, Int, Int)
  private let threadCount: Int
  private let instructionSet: InstructionSet
  private let speeds: [ProductSpeed]
  private let machine: MachineSpeed

  package init(
    rows: Int, columns: Int, tokens: Int, threadCount: Int, instructionSet: InstructionSet, speeds: [ProductSpeed],
    machine: MachineSpeed
  ) {
    (self.rows, self.columns, self.tokens) = (rows, columns, tokens)
    self.threadCount = threadCount
    self.instructionSet = instructionSet
    self.speeds = speeds
    self.machine = machine
  }

  /// Schema: schemas/bench-kernels.schema.json.
  package var json: JSONValue {
    [
      "instruction_set": .string(instructionSet.rawValue), "threads": .integer(threadCount),
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
  }

  /// A table for people.
  package var text: String {
    func padded(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(0, width - text.count)) + text
    }
    var text =
      "products of \(rows) x \(columns), \(counted(threadCount, "thread")), \(instructionSet.rawValue); measured: "
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
    return text
  }
}
