internal import AloraSystem
internal import AloraModels
internal import AloraGGUF
internal import AloraTensors
internal import CAloraKernels

/// The machine's measured limits.
package struct MachineSpeed: Hashable, Sendable {
  /// Floating-point operations a second, a fused multiply-add counting as two.
  package let operationsPerSecond: Double
  /// Bytes a second read from memory.
  package let bytesPerSecond: Double

  /// Measures all threads of a pool together; takes about a second.
  package init(pool: ThreadPool, instructionSet: InstructionSet = .best) {
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
      let start = MonotonicClock.seconds
      pool.run { thread in
        unsafe operations.base[thread] = Float(alora_measure_fma(isa, rounds, sinks[thread].base))
      }
      let time = MonotonicClock.seconds - start
      best = max(best, Double(operations.values.reduce(0, +)) / time)
      let readStart = MonotonicClock.seconds
      pool.run { thread in
        let from = unsafe UnsafeRawPointer(memory.base) + thread * part
        unsafe sinks[thread].base[0] = Float(alora_measure_read(isa, from, part))
      }
      read = max(read, Double(part * pool.threadCount) / (MonotonicClock.seconds - readStart))
    }
    operationsPerSecond = best
    bytesPerSecond = read
  }
}

/// How fast products with weights of one type are.
package struct ProductSpeed: Hashable, Sendable {
  /// The type's name.
  package let type: String
  /// Floating-point operations a second with many tokens.
  package let operationsPerSecond: Double
  /// Bytes of weights a second with a single token.
  package let bytesPerSecond: Double

  private static let types: [DType] = [
    .f32, .bf16, .f16, .q8_0, .q6K, .q5K, .q5_1, .q5_0, .q4K, .q4_1, .q4_0, .iq4XS, .iq4NL, .mxfp4, .nvfp4, .q3K, .q2K,
    .iq3S, .iq3XXS, .iq2S, .iq2XS, .iq2XXS, .iq1M, .iq1S, .tq2_0, .tq1_0,
  ]

  /// Measures every type: the best of a few products with many tokens, and of some with one.
  ///
  /// - Parameter columns: a multiple of 256.
  package static func measured(
    rows: Int, columns: Int, tokens: Int, pool: ThreadPool, instructionSet: InstructionSet = .best
  ) -> [ProductSpeed] {
    let isa = instructionSet.kernel
    let x = FloatBuffer([Float](repeating: 1, count: tokens * columns))
    let y = FloatBuffer(count: tokens * rows, isZeroed: true)
    return types.compactMap { type in
      guard let number = type.ggmlTypeID else { return nil }
      let kernelType = alora_type(rawValue: number)
      let byteCount = alora_packed_byte_count(kernelType, rows, columns)
      let weights = UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 64), alignment: 64)
      defer { unsafe weights.deallocate() }
      // In every type this byte makes scales that are ordinary numbers, and sums that aren't zero, which would be computed twice.
      unsafe weights.initializeMemory(as: UInt8.self, repeating: 0x35, count: byteCount)
      let panels = alora_panel_count(rows)
      func seconds(_ tokens: Int, rounds: Int) -> Double {
        var best = Double.infinity
        for _ in 0..<rounds {
          let start = MonotonicClock.seconds
          pool.run { thread in
            let part = pool.share(of: panels, thread: thread)
            guard !part.isEmpty else { return }
            unsafe alora_matmul(
              isa, kernelType, weights, rows, columns, part.lowerBound, part.count, x.base, tokens, 0,
              alora_tile_count(tokens), y.base, rows)
          }
          best = min(best, MonotonicClock.seconds - start)
        }
        return best
      }
      return ProductSpeed(
        type: type.name, operationsPerSecond: 2 * Double(rows * columns * tokens) / seconds(tokens, rounds: 4),
        bytesPerSecond: Double(byteCount) / seconds(1, rounds: 12))
    }
  }
}

/// The most memory that this process has had resident so far.
///
/// Units: bytes.
package func peakResidentByteCount() -> Int {
  var usage = rusage()
  // RUSAGE_SELF, which Glibc's module imports as another type than its function takes.
  let who: Int32 = 0
  #if canImport(Darwin)
    let unit = 1
  #else
    let unit = 1024
  #endif
  guard unsafe getrusage(who, &usage) == 0 else { return 0 }
  return Int(usage.ru_maxrss) * unit
}

extension Model {
  /// Floating-point operations for tokens at some positions: products and attention, two for a multiply-add.
  ///
  /// - Parameter outputRows: for how many of them, the last ones, logits are computed: of the others, the last layer with keys and
  ///   values of its own has only these.
  package func operationCount(positions: Range<Int>, outputRows: Int) -> Double {
    func elements(_ matrices: WeightMatrix...) -> Double {
      matrices.reduce(0) { $0 + Double($1.rowCount * $1.columnCount) }
    }
    func elements(_ network: Network) -> Double { elements(network.gate, network.up, network.down) }
    var total = 0.0
    for (index, (_, block)) in blocks.enumerated() {
      let computed = index < lastMixerIndex ?? 0 ? positions : positions.suffix(outputRows)
      let count = Double(computed.count)
      switch block.operation {
      case .mixer(.attention(let attention)):
        let shape = attention.shape
        total += elements(attention.query, attention.output) * count
        total += (attention.outputGate.map { elements($0) } ?? 0) * count
        let keysAndValues = [attention.key, attention.value].compactMap(\.self).reduce(0) { $0 + elements($1) }
        total += keysAndValues * Double(positions.count)
        for position in computed {
          let seen = min(position + 1, shape.window ?? .max, shape.chunk.map { position % $0 + 1 } ?? .max)
          total += 2 * Double(seen * shape.queryRowCount)
        }
      case .mixer(.mamba2(let mamba)):
        let shape = mamba.shape
        total += elements(mamba.output) * count
        // Of every channel and state: a decay and what is added, and a part of the output.
        let perToken = shape.kernelSize * shape.channelCount + 3 * shape.innerCount * shape.stateSize
        total += (elements(mamba.input) + Double(perToken)) * Double(positions.count)
      case .mixer(.shortConvolution(let mixer)):
        let perToken = (mixer.shape.kernelSize + 2) * mixer.shape.channelCount
        total += elements(mixer.output) * count + (elements(mixer.input) + Double(perToken)) * Double(positions.count)
      case .mixer(.gatedDelta(let delta)):
        let shape = delta.shape
        total += elements(delta.output) * count
        // Four operations for each pair of a value and a key element: the decay, the read, the update and the output.
        let perToken = shape.kernelSize * shape.channelCount + 4 * shape.valueCount * shape.keyDimension
        total +=
          (elements(delta.mixed, delta.gate, delta.beta, delta.alpha) + Double(perToken)) * Double(positions.count)
      case .feedForward(.gated(let network)): total += elements(network) * count
      case .feedForward(.ungated(let network)): total += elements(network.up, network.down) * count
      case .feedForward(.layerInput(let network)): total += elements(network.gate, network.output) * count
      case .feedForward(.bottleneck(let network)): total += elements(network.down, network.up) * count
      case .streams(let update): total += elements(update.router, update.coefficients) * count
      case .feedForward(.experts(let mixture)):
        let expert = mixture.experts.first.map(elements) ?? 0
        let shared = mixture.shared.map(elements) ?? 0
        let sharedGate = mixture.sharedGate.map { elements($0) } ?? 0
        total +=
          (elements(mixture.router) + sharedGate + shared + expert * Double(mixture.routing.expertsPerToken)) * count
      }
    }
    if let streams {
      for matrix in streams.entries { total += elements(matrix) * Double(positions.count) }
      for matrix in streams.exits { total += elements(matrix) * Double(outputRows) }
    }
    if let inputs = layerInputs { total += elements(inputs.projection) * Double(positions.count) }
    return 2 * (total + Double(output.rowCount * output.columnCount * outputRows))
  }
}
