internal import AloraArchitectures
internal import CAloraKernels

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// What this machine can do at best, measured.
public struct MachineSpeed: Hashable, Sendable {
  /// Floating-point operations a second, a fused multiply-add counting as two.
  public let operationsPerSecond: Double
  /// Bytes a second read from memory.
  public let bytesPerSecond: Double

  /// Measures all threads of a pool together; takes about a second.
  public init(pool: ThreadPool, instructionSet: InstructionSet = .best) {
    let isa = instructionSet.kernel
    let sinks = (0..<pool.threadCount).map { _ in FloatBuffer(count: 1024, isZeroed: true) }
    // Beyond any cache, and touched before the clock starts.
    let byteCount = 1 << 28
    let memory = FloatBuffer(count: byteCount / 4, isZeroed: true)
    let part = byteCount / pool.threadCount / 4096 * 4096
    let rounds = 1 << 22
    let operations = FloatBuffer(count: pool.threadCount)
    var (best, read) = (0.0, 0.0)
    for _ in 0..<4 {
      let start = monotonicSeconds()
      pool.run { thread in
        unsafe operations.base[thread] = Float(alora_measure_fma(isa, rounds, sinks[thread].base))
      }
      let time = monotonicSeconds() - start
      best = max(best, Double(operations.values.reduce(0, +)) / time)
      let readStart = monotonicSeconds()
      pool.run { thread in
        let from = unsafe UnsafeRawPointer(memory.base) + thread * part
        unsafe sinks[thread].base[0] = Float(alora_measure_read(isa, from, part))
      }
      read = max(read, Double(part * pool.threadCount) / (monotonicSeconds() - readStart))
    }
    operationsPerSecond = best
    bytesPerSecond = read
  }
}

/// Seconds of a clock that only goes forward.
public func monotonicSeconds() -> Double {
  var time = timespec()
  _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

extension Model {
  /// Floating-point operations for tokens at some positions: products and attention, two for a multiply-add.
  ///
  /// - Parameter outputRows: for how many of them logits are computed.
  public func operationCount(positions: Range<Int>, outputRows: Int) -> Double {
    let h = graph.base.hyperparameters
    func elements(_ network: FeedForward) -> Double {
      [network.gate, network.up, network.down].reduce(0) { $0 + Double($1.rowCount * $1.columnCount) }
    }
    var total = 0.0
    for (layer, numbers) in zip(layers, graph.parameters.layers) {
      var weights = [layer.query, layer.key, layer.value, layer.output, layer.router].compactMap { $0 }
        .reduce(0) { $0 + Double($1.rowCount * $1.columnCount) }
      weights += layer.feedForward.map(elements) ?? 0
      weights += (layer.experts.first.map(elements) ?? 0) * Double(h.expertsPerToken)
      total += weights * Double(positions.count)
      for position in positions { total += 2 * Double(min(position + 1, numbers.window ?? .max) * h.queryRowCount) }
    }
    return 2 * (total + Double(output.rowCount * output.columnCount * outputRows))
  }
}
