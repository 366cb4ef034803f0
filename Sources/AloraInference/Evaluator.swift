internal import AloraModels
internal import CAloraKernels

/// The logits of consecutive positions of one sequence.
public struct Logits: Sendable {
  public let positions: Range<Int>
  public let vocabularySize: Int
  /// Shape: `[positions, vocabulary]`
  public let values: [Float]

  /// The logits of one of the positions.
  public subscript(position: Int) -> ArraySlice<Float> {
    let row = position - positions.lowerBound
    return values[(row * vocabularySize)..<((row + 1) * vocabularySize)]
  }
}

/// Tokens to compute next for one sequence.
public struct Work {
  /// For which of the tokens logits are wanted.
  public enum LogitSelection: Hashable, Sendable {
    case none, last, all
    /// Counted from the first of the tokens.
    case rows(Range<Int>)
  }
  public let sequence: TokenSequence
  public let tokens: [Int]
  public let logits: LogitSelection

  public init(_ sequence: TokenSequence, tokens: [Int], logits: LogitSelection) {
    self.sequence = sequence
    self.tokens = tokens
    self.logits = logits
  }

  /// The rows of a pass that logits are wanted for.
  func wantedRows(of segment: Segment) -> Range<Int> {
    let (count, first) = (segment.rows.count, segment.rows.lowerBound)
    let wanted =
      switch logits {
      case .none: 0..<0
      case .last: (count - 1)..<count
      case .all: 0..<count
      case .rows(let range): range.clamped(to: 0..<count)
      }
    return (first + wanted.lowerBound)..<(first + wanted.upperBound)
  }
}

/// Computes a model's graph for one sequence or several at once.
///
/// The logits of a position and its keys and values are a pure function of the weights, of the sequence's tokens up to
/// it, of its adapter and activation start (and, for models with two sets of rotary frequencies, of whether the declared
/// length is beyond the first): not of how the tokens are divided into calls, of what else is in a call, of the number of
/// threads or the instruction set. Every reduction has a fixed order, see `alora_kernels.h`; whatever acts on a row
/// acts on that row alone.
@safe public final class Evaluator {
  public let model: Model
  public let pool: ThreadPool
  public let instructionSet: InstructionSet
  let isa: alora_isa
  let product: ProductKernel
  let scratch: [Scratch]
  private let buffers = (0..<12).map { _ in GrowingBuffer() }

  /// The kernel of matrix products; another one only to show that tests would notice.
  package typealias ProductKernel =
    (
      _ isa: UInt32, _ type: UInt32, _ weights: UnsafeRawPointer, _ rows: Int, _ columns: Int, _ firstPanel: Int,
      _ panelCount: Int, _ x: UnsafePointer<Float>, _ tokens: Int, _ firstTile: Int, _ tileCount: Int,
      _ y: UnsafeMutablePointer<Float>, _ stride: Int
    ) -> Void

  /// What one thread needs for itself.
  final class Scratch {
    let attention = GrowingBuffer()
    let update = GrowingBuffer()
    let weights = GrowingBuffer()
  }

  public convenience init(model: Model, pool: ThreadPool, instructionSet: InstructionSet = .best) {
    unsafe self.init(model: model, pool: pool, instructionSet: instructionSet, product: exactProduct)
  }

  package init(model: Model, pool: ThreadPool, instructionSet: InstructionSet, product: @escaping ProductKernel) {
    self.model = model
    self.pool = pool
    self.instructionSet = instructionSet
    isa = instructionSet.kernel
    unsafe self.product = unsafe product
    scratch = (0..<pool.threadCount).map { _ in Scratch() }
  }

  /// Texts longer than this are refused: sines and cosines are exact up to the angle of its last position.
  public var positionLimit: Int {
    let greatest = model.graph.parameters.rotaries.flatMap {
      $0.inverseFrequencies + ($0.longInverseFrequencies ?? [])
    }.max()
    return Int(1_000_000 / max(1, greatest ?? 1))
  }

  /// Computes tokens and appends them to their sequences.
  ///
  /// - Parameter work: each sequence at most once.
  /// - Returns: for each piece of work, the logits asked for.
  /// - Throws: ``InferenceError`` (`tokenOutsideVocabulary`, `noTokens`, `tooLong`, `notFinite`); ``FileError`` where the
  ///   embedding, or weights that stay in the file, cannot be read. The sequences are then as before.
  public func evaluate(_ work: [Work]) throws -> [Logits] {
    try check(work)
    let pass = begin(work)
    do {
      try embed(pass)
      if let blas = model.blas { blas.useThreads(pool.threadCount) }
      rotaryTables(pass)
      for layer in model.layers.indices.dropLast() { run(layer: layer, pass) }
      let wanted = zip(work, pass.segments).map { $0.wantedRows(of: $1) }
      let result = logits(runLastLayer(pass, wanted: wanted))
      try model.failures.check()
      for (item, logits) in zip(work, result) { try item.sequence.checkFinite(logits) }
      return result
    } catch {
      for item in work { item.sequence.dropLast(item.tokens.count) }
      throw error
    }
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
          problem: "\(token) is no token of the model, which has \(model.vocabularySize)")
      }
      guard item.sequence.tokens.count + item.tokens.count <= limit else {
        throw InferenceError(.tooLong, path: nil, problem: "a text of more than \(limit) tokens")
      }
    }
  }

  private func begin(_ work: [Work]) -> Pass {
    let h = model.graph.base.hyperparameters
    var segments: [Segment] = []
    var rows = 0
    for item in work {
      let position = item.sequence.tokens.count
      item.sequence.append(item.tokens[...])
      let active = item.sequence.activationStart.map { min(max($0 - position, 0), item.tokens.count) }
      segments.append(
        Segment(
          sequence: item.sequence, rows: rows..<(rows + item.tokens.count), firstPosition: position,
          firstActiveRow: rows + (active ?? item.tokens.count)))
      rows += item.tokens.count
    }
    // What the matrices are, not what a configuration says that no matrix has confirmed.
    let networks = model.layers.flatMap { [$0.feedForward, $0.experts.first].compactMap { $0 } }
    let width = networks.map(\.gate.rowCount).max() ?? 0
    let widest = max(h.hiddenSize, h.queryRowCount, width)
    let pairs = model.rotaryPairCounts.reduce(0, +)
    func reserve(_ index: Int, _ columns: Int) -> UnsafeMutablePointer<Float> {
      unsafe buffers[index].reserve(rows * columns)
    }
    return unsafe Pass(
      segments: segments, rowCount: rows, hidden: reserve(0, h.hiddenSize), normed: reserve(1, h.hiddenSize),
      packed: reserve(2, widest), query: reserve(3, h.queryRowCount), key: reserve(4, h.keyValueRowCount),
      value: reserve(5, h.keyValueRowCount), attention: reserve(6, h.queryRowCount), output: reserve(7, h.hiddenSize),
      gate: reserve(8, max(width, h.hiddenSize)), up: reserve(9, width), rotary: reserve(10, 2 * pairs),
      experts: reserve(
        11, h.expertCount > 0 ? 2 * h.hiddenSize + h.expertCount + min(h.expertsPerToken, h.expertCount) : 0))
  }

  /// Rows of the token embedding, with what an adapter adds to them.
  private func embed(_ pass: Pass) throws {
    let hidden = model.graph.base.hyperparameters.hiddenSize
    let scale = model.graph.parameters.embeddingScale
    let rowBytes = model.embedding.rowByteCount
    let raw = UnsafeMutableRawPointer.allocate(byteCount: max(rowBytes, 16), alignment: 16)
    defer { unsafe raw.deallocate() }
    for segment in pass.segments {
      let tokens = segment.sequence.tokens
      let update = segment.sequence.adapter?.embedding
      for row in segment.rows {
        let token = tokens[segment.firstPosition + row - segment.rows.lowerBound]
        let target = unsafe pass.hidden + row * hidden
        try unsafe model.embedding.read(token..<(token + 1), into: raw, scratch: raw)
        unsafe alora_dequantize(model.embeddingType, raw, target, hidden)
        if let update, row >= segment.firstActiveRow {
          let a = unsafe update.a.base + token * update.rank
          for index in 0..<hidden {
            var sum: Float = 0
            let b = unsafe update.b.base + index * update.rank
            for r in 0..<update.rank { sum = unsafe sum.addingProduct(a[r], b[r]) }
            unsafe target[index] = unsafe target[index].addingProduct(update.scale, sum)
          }
        }
        if scale != 1 { unsafe alora_scale_by(isa, scale, target, target, hidden) }
      }
    }
  }
}

/// The rows of one sequence in a pass.
struct Segment {
  let sequence: TokenSequence
  let rows: Range<Int>
  /// The position of the first row.
  let firstPosition: Int
  /// The end of the rows where the adapter is off.
  let firstActiveRow: Int

  var activeRows: Range<Int> { firstActiveRow..<rows.upperBound }
}

/// One call's rows, and the memory that they go through. Pointers are good until the next call.
@safe struct Pass {
  var segments: [Segment]
  var rowCount: Int
  let hidden: UnsafeMutablePointer<Float>  // [T][hidden]
  let normed: UnsafeMutablePointer<Float>  // [T][hidden]
  let packed: UnsafeMutablePointer<Float>  // in the kernels' tiles
  let query: UnsafeMutablePointer<Float>  // [T][heads · head dimension]
  let key: UnsafeMutablePointer<Float>  // [T][key-value heads · head dimension]
  let value: UnsafeMutablePointer<Float>  // likewise
  let attention: UnsafeMutablePointer<Float>  // as query
  let output: UnsafeMutablePointer<Float>  // [T][hidden]
  let gate: UnsafeMutablePointer<Float>  // [T][feed-forward width]
  let up: UnsafeMutablePointer<Float>  // likewise
  let rotary: UnsafeMutablePointer<Float>  // for each rotary embedding: cosines [T][pairs], sines [T][pairs]
  let experts: UnsafeMutablePointer<Float>  // router's logits, weights, and rows gathered for one expert

  /// The segments that have rows in a range, with these rows.
  func forEachSegment(in range: Range<Int>, _ body: (Segment, Range<Int>) -> Void) {
    for segment in segments {
      let rows = segment.rows.clamped(to: range)
      if !rows.isEmpty { body(segment, rows) }
    }
  }
}

private func exactProduct(
  _ isa: UInt32, _ type: UInt32, _ weights: UnsafeRawPointer, _ rows: Int, _ columns: Int, _ firstPanel: Int,
  _ panelCount: Int, _ x: UnsafePointer<Float>, _ tokens: Int, _ firstTile: Int, _ tileCount: Int,
  _ y: UnsafeMutablePointer<Float>, _ stride: Int
) {
  unsafe alora_matmul(
    alora_isa(rawValue: isa), alora_type(rawValue: type), weights, rows, columns, firstPanel, panelCount, x, tokens,
    firstTile, tileCount, y, stride)
}
