internal import AloraJSON

/// A layer of a model as its files describe it.
package typealias GraphLayer = Layer<GraphMatrix, GraphVector>
typealias GraphBlock = Block<GraphMatrix, GraphVector>

/// Composes a layer in an architecture's file, from the layer's number, the model's numbers, and blocks by their usual names.
struct LayerBuilder {
  let index: Int
  let tables: GraphTables
  let numbers: GraphNumbers

  /// With the heads of this layer.
  var h: Hyperparameters { tables.base.hyperparameters.inLayer(index) }

  // MARK: Layouts

  /// Norms before each half, as Llama has them.
  ///
  /// - Parameter second: what Hugging Face calls the norm before the feed-forward network.
  func preNorm(
    _ mixer: GraphBlock.Operation, _ network: GraphBlock.Operation, second: String = "post_attention_layernorm"
  ) -> GraphLayer {
    GraphLayer(blocks: [
      block(.stream(norm("attn_norm", "input_layernorm")), mixer),
      block(.stream(norm("ffn_norm", second)), network),
    ])
  }

  /// Norms before and after each half, as Gemma has them.
  func surroundingNorms(_ mixer: GraphBlock.Operation, _ network: GraphBlock.Operation) -> GraphLayer {
    GraphLayer(blocks: [
      block(
        .stream(norm("attn_norm", "input_layernorm")), mixer,
        outputNorm: norm("post_attention_norm", "post_attention_layernorm")),
      block(
        .stream(norm("ffn_norm", "pre_feedforward_layernorm")), network,
        outputNorm: norm("post_ffw_norm", "post_feedforward_layernorm")),
    ])
  }

  /// Norms after each half only, as OLMo 2 has them.
  func postNorm(_ mixer: GraphBlock.Operation, _ network: GraphBlock.Operation) -> GraphLayer {
    GraphLayer(blocks: [
      block(.stream(nil), mixer, outputNorm: norm("post_attention_norm", "post_attention_layernorm")),
      block(.stream(nil), network, outputNorm: norm("post_ffw_norm", "post_feedforward_layernorm")),
    ])
  }

  /// Both halves read the stream through one norm, side by side, as Cohere has them.
  func parallel(_ mixer: GraphBlock.Operation, _ network: GraphBlock.Operation) -> GraphLayer {
    GraphLayer(blocks: [
      block(.stream(norm("attn_norm", "input_layernorm")), mixer), block(.sameAsPrevious, network),
    ])
  }

  func block(
    _ input: GraphBlock.Input, _ operation: GraphBlock.Operation, outputNorm: Norm<GraphVector>? = nil
  ) -> GraphBlock {
    GraphBlock(
      input: input, operation: operation, outputNorm: outputNorm, residualScale: numbers.residualScale)
  }

  /// - Parameter count: the elements of the weight; by default, as many as the stream has.
  func norm(_ gguf: String, _ huggingFace: String, count: Int? = nil) -> Norm<GraphVector> {
    Norm(
      numbers.norm,
      weight: GraphVector(
        ggufName: "blk.\(index).\(gguf).weight", huggingFaceName: "model.layers.\(index).\(huggingFace).weight",
        count: count ?? h.hiddenSize, huggingFaceOffset: numbers.normOffset),
      count: count ?? h.hiddenSize, epsilon: numbers.normEpsilon)
  }

  // MARK: Mixers

  /// The norms on queries and keys.
  enum HeadNorms {
    case none
    /// On each head.
    case perHead
    /// On the row of all heads together.
    case wholeRow
  }

  /// Attention with projections of their own, or with one for q, k and v.
  ///
  /// - Parameters:
  ///   - normsValues: whether each head's value has a norm that only scales.
  ///   - hasSinks: whether each head has a sink: a logit that takes part in the softmax, but contributes no value.
  ///   - hasGate: whether each head's query is followed by a gate of its output in one projection.
  ///   - normName: what Hugging Face calls the norms after `q_` and `k_`.
  func attention(
    headNorms: HeadNorms = .none, normsValues: Bool = false, isFused: Bool = false, hasSinks: Bool = false,
    hasGate: Bool = false, normName: String = "norm"
  ) throws -> GraphBlock.Operation {
    let (q, kv) = (h.queryRowCount, h.keyValueRowCount)
    let bias = tables.biases?.queryKeyValue
    func projection(_ name: String, _ rows: Range<Int>) throws -> GraphMatrix {
      try isFused ? matrix("attn_qkv", rows, hasBias: false) : matrix(name, hasBias: bias)
    }
    func headNorm(_ letter: String, rowCount: Int) -> Norm<GraphVector>? {
      switch headNorms {
      case .none: nil
      case .perHead: norm("attn_\(letter)_norm", "self_attn.\(letter)_\(normName)", count: h.headDimension)
      case .wholeRow: norm("attn_\(letter)_norm", "self_attn.\(letter)_\(normName)", count: rowCount)
      }
    }
    /// The queries of all heads, or their gates.
    func gatedQuery(_ start: Int) throws -> GraphMatrix {
      let d = h.headDimension
      return try matrix(
        "attn_q", order: ElementOrder([(start, [(h.headCount, 2 * d), (d, 1)])], extent: 2 * q), hasBias: bias)
    }
    func multiplied(_ matrix: GraphMatrix) -> GraphMatrix {
      guard let input = h.multipliers?.attentionInput else { return matrix }
      var matrix = matrix
      // The product is multiplied along with its bias, which the input's number isn't for.
      matrix.biasMultiplier = Float(1 / input)
      return matrix
    }
    let layer = numbers.layers[index]
    let sharedLayer = try sharedLayer()
    let isOwn = sharedLayer == nil
    return .mixer(
      .attention(
        Attention(
          query: multiplied(try hasGate ? gatedQuery(0) : projection("attn_q", 0..<q)),
          key: isOwn ? multiplied(try projection("attn_k", q..<(q + kv))) : nil,
          value: isOwn && h.hasValueProjection
            ? multiplied(try projection("attn_v", (q + kv)..<(q + 2 * kv))) : nil,
          sharedLayer: sharedLayer,
          output: try matrix("attn_output", hasBias: tables.biases?.attentionOutput),
          outputGate: hasGate ? try gatedQuery(h.headDimension) : nil,
          queryNorm: headNorm("q", rowCount: q), keyNorm: isOwn ? headNorm("k", rowCount: kv) : nil,
          valueNorm: isOwn && normsValues
            ? Norm(weight: nil, count: h.headDimension, epsilon: numbers.normEpsilon) : nil,
          rotatedNorm: numbers.normsRotated && layer.rotary != nil
            ? Norm(weight: nil, count: h.headDimension, epsilon: numbers.normEpsilon) : nil,
          sinks: hasSinks ? sinks() : nil,
          shape: AttentionShape(
            headCount: h.headCount, keyValueHeadCount: h.keyValueHeadCount, headDimension: h.headDimension,
            window: layer.window, chunk: layer.chunk, rotary: layer.rotary, scale: numbers.attentionScale,
            softCap: numbers.attentionSoftCap, temperature: layer.temperature, limit: numbers.attentionLimit,
            multipliers: h.multipliers?.attention))))
  }

  private func sinks() -> GraphVector {
    GraphVector(
      ggufName: "blk.\(index).attn_sinks.weight", huggingFaceName: "model.layers.\(index).self_attn.sinks",
      count: h.headCount, huggingFaceOffset: 0)
  }

  // MARK: Feed-forward networks

  /// - Parameter isFused: whether GGUF has gate and up in one tensor.
  func gated(isFused: Bool = false) throws -> GraphBlock.Operation {
    guard isFused else { return .feedForward(.gated(try network(""))) }
    let width = h.feedForwardSize
    return .feedForward(
      .gated(
        GatedNetwork(
          gate: try matrix("ffn_up", 0..<width, hasBias: false),
          up: try matrix("ffn_up", width..<(2 * width), hasBias: false),
          down: try matrix("ffn_down", hasBias: tables.biases?.feedForward), activation: numbers.activation)))
  }

  func network(_ suffix: String) throws -> GatedNetwork<GraphMatrix> {
    let bias = tables.biases?.feedForward
    return GatedNetwork(
      gate: try matrix("ffn_gate\(suffix)", hasBias: bias), up: try matrix("ffn_up\(suffix)", hasBias: bias),
      down: try matrix("ffn_down\(suffix)", hasBias: bias), activation: numbers.activation,
      gateMultiplier: Float(h.multipliers?.gate ?? 1), cutOff: h.cutOffs?[index])
  }

  /// A matrix of the table of modules by its GGUF name in the layer, or some rows of it.
  func matrix(
    _ name: String, _ rows: Range<Int>? = nil, order: ElementOrder? = nil, hasBias: Bool?
  ) throws -> GraphMatrix {
    try tables.linear("blk.\(index).\(name).weight", rows, order: order, hasBias: hasBias)
  }
}
