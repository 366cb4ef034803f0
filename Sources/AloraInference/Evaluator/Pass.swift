internal import AloraModels

/// The rows of one sequence in a pass.
struct Segment {
  let sequence: TokenSequence
  let rows: Range<Int>
  /// The position of the first row.
  let firstPosition: Int
  /// The end of the rows before the activation.
  let firstActiveRow: Int
  /// From state to state, for a model with recurrent layers.
  var stages: [RecurrentStage] = []

  var activeRows: Range<Int> { firstActiveRow..<rows.upperBound }

  /// The position of one of the rows.
  func position(ofRow row: Int) -> Int { firstPosition + row - rows.lowerBound }
}

/// One call's rows, and their working memory. ``Rows`` has the contract of its buffers.
@safe struct Pass {
  var segments: [Segment]
  var rowCount: Int
  /// The residual stream.
  let hidden: Rows
  /// A block's input, if a norm computed it.
  let normed: Rows
  /// A block's output, before it is added to the stream.
  let output: Rows
  let query: Rows
  let key: Rows
  let value: Rows
  /// The attention output of each head, and what its sigmoid multiplies it by.
  let attention: Rows
  let outputGate: Rows
  /// The activations of a feed-forward network; its width is the network's.
  let gate: Rows
  let up: Rows
  /// What each layer reads beside the stream, one layer after the other.
  let layerInputs: Rows
  /// The parallel streams, and what a layer's blocks begin with of them; empty for a model with one stream.
  let streams: [Rows]
  let predictions: [Rows]
  /// What the factors between streams are made of, and these.
  let modalities: Rows
  let streamFactors: Rows
  /// The input rows of the next products, in the kernels' tiles.
  let packed: UnsafeMutablePointer<Float>
  /// For each rotary embedding: cosines [T][pairs], sines [T][pairs].
  let rotary: UnsafeMutablePointer<Float>
  let experts: ExpertBuffers
  let recurrent: RecurrentBuffers

  /// Additional buffers for a mixture of experts.
  @safe struct ExpertBuffers {
    /// The rows of the tokens that chose one expert, side by side, and the expert's results.
    let gathered: Rows
    let produced: Rows
    /// What experts read that have a norm of their own.
    let input: Rows
    let logits: Rows
    /// Of the chosen experts.
    let weights: Rows
  }

  /// Additional buffers for recurrent mixers.
  @safe struct RecurrentBuffers {
    let projected: Rows
    let convolved: Rows
    /// A row that is projected apart or made from a projected one: a gate, or what a convolution reads.
    let gated: Rows
    /// The mixer's output before its last projection.
    let scanned: Rows
    /// For each head.
    let steps: Rows
    let decays: Rows
    /// For each head of a delta net.
    let betas: Rows
    let alphas: Rows
  }

  /// The segments that have rows in a range, with these rows.
  func forEachSegment(in range: Range<Int>, _ body: (Segment, Range<Int>) -> Void) {
    for segment in segments {
      let rows = segment.rows.clamped(to: range)
      if !rows.isEmpty { body(segment, rows) }
    }
  }
}

/// The buffers of all passes of one evaluator.
final class PassBuffers {
  private var buffers: [GrowingBuffer] = []

  /// Memory for a pass of some segments.
  func pass(_ model: Model, segments: [Segment], rowCount: Int) -> Pass {
    // From the matrices themselves, because a configuration's numbers may be wrong.
    let sizes = model.blockSizes
    let hidden = model.graph.base.hyperparameters.hiddenSize
    let pairs = model.rotaryPairCounts.reduce(0, +)
    var next = 0
    func floats(_ columnCount: Int) -> UnsafeMutablePointer<Float> {
      next += 1
      if next > buffers.count { buffers.append(GrowingBuffer()) }
      return unsafe buffers[next - 1].reserve(rowCount * columnCount)
    }
    func rows(_ columnCount: Int) -> Rows { unsafe Rows(floats(columnCount), columnCount: columnCount) }
    let hasExperts = sizes.expertCount > 0
    let streams = model.streams?.count ?? 0
    return unsafe Pass(
      segments: segments, rowCount: rowCount, hidden: rows(hidden), normed: rows(hidden), output: rows(hidden),
      query: rows(sizes.queryWidth), key: rows(sizes.keyValueWidth), value: rows(sizes.keyValueWidth),
      attention: rows(sizes.queryWidth), outputGate: rows(sizes.outputGateWidth),
      gate: rows(max(sizes.networkWidth, hidden)), up: rows(sizes.networkWidth),
      layerInputs: rows(model.layerInputs?.projection.rowCount ?? 0),
      streams: (0..<streams).map { _ in rows(hidden) }, predictions: (0..<streams).map { _ in rows(hidden) },
      modalities: rows(streams), streamFactors: rows(streams * streams),
      packed: floats(max(hidden, sizes.queryWidth, sizes.networkWidth, sizes.recurrent.inner, streams)),
      rotary: floats(2 * pairs),
      experts: Pass.ExpertBuffers(
        gathered: rows(hasExperts ? hidden : 0), produced: rows(hasExperts ? hidden : 0),
        input: rows(sizes.hasExpertNorms ? hidden : 0),
        logits: rows(sizes.expertCount), weights: rows(sizes.expertsPerToken)),
      recurrent: Pass.RecurrentBuffers(
        projected: rows(sizes.recurrent.projected), convolved: rows(sizes.recurrent.channels),
        gated: rows(sizes.recurrent.gated), scanned: rows(sizes.recurrent.inner), steps: rows(sizes.recurrent.heads),
        decays: rows(sizes.recurrent.heads), betas: rows(sizes.deltaHeads), alphas: rows(sizes.deltaHeads)))
  }
}

/// The widest rows that a model's blocks compute.
struct BlockSizes {
  private(set) var queryWidth = 0
  private(set) var keyValueWidth = 0
  private(set) var networkWidth = 0
  private(set) var expertCount = 0
  private(set) var expertsPerToken = 0
  private(set) var hasExpertNorms = false
  private(set) var outputGateWidth = 0
  /// Of recurrent mixers.
  private(set) var recurrent = (projected: 0, channels: 0, gated: 0, inner: 0, heads: 0)
  private(set) var deltaHeads = 0

  init(_ layers: [Model.Layer]) {
    func add(_ network: Model.Network) { networkWidth = max(networkWidth, network.gate.rowCount) }
    for block in layers.flatMap(\.blocks) {
      switch block.operation {
      case .mixer(.attention(let attention)):
        queryWidth = max(queryWidth, attention.shape.queryRowCount)
        keyValueWidth = max(keyValueWidth, attention.shape.keyValueRowCount)
        if attention.outputGate != nil { outputGateWidth = max(outputGateWidth, attention.shape.queryRowCount) }
      // All recurrent layers of a model have one shape.
      case .mixer(.mamba2(let layer)):
        let shape = layer.shape
        recurrent = (shape.projectedCount, shape.channelCount, 0, shape.innerCount, shape.headCount)
      case .mixer(.shortConvolution(let layer)):
        let count = layer.shape.channelCount
        recurrent = (3 * count, count, count, count, 0)
      case .mixer(.gatedDelta(let layer)):
        let shape = layer.shape
        recurrent = (
          shape.channelCount, shape.channelCount, shape.valueCount, shape.valueCount, shape.valueHeadCount
        )
        deltaHeads = shape.valueHeadCount
      case .feedForward(.gated(let network)): add(network)
      case .feedForward(.ungated(let network)): networkWidth = max(networkWidth, network.up.rowCount)
      case .feedForward(.layerInput(let network)): networkWidth = max(networkWidth, network.gate.rowCount)
      case .feedForward(.bottleneck(let network)): networkWidth = max(networkWidth, network.down.rowCount)
      case .streams: break
      case .feedForward(.experts(let mixture)):
        // All experts of a layer have one shape.
        if let expert = mixture.experts.first { add(expert) }
        if let shared = mixture.shared { add(shared) }
        expertCount = max(expertCount, mixture.experts.count)
        if mixture.norms != nil { hasExpertNorms = true }
        expertsPerToken = max(expertsPerToken, mixture.routing.expertsPerToken)
      }
    }
  }
}
