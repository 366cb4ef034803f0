internal import AloraJSON
internal import AloraTensors

extension Architecture {
  /// The text part of Gemma 3n: four residual streams, one of them through a layer's attention and network (AltUp); a narrow
  /// path beside attention (Laurel); embeddings for each layer; networks that keep only the largest of their gates; and last
  /// layers that attend to the keys and values of the last layers before them.
  ///
  /// Source: transformers `models/gemma3n/modeling_gemma3n.py`, llama.cpp `conversion/gemma.py` (`Gemma3NModel`),
  /// `src/models/gemma3n.cpp`, whose numbers of layers are the published models'.
  static let gemma3n = Architecture(
    Names(
      gguf: "gemma3n", family: "Gemma3n", modelTypes: ["gemma3n_text"], wrappers: ["Gemma3nForConditionalGeneration"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 262_400, hiddenSize: 2048, feedForwardSize: 16384, layerCount: 35, headCount: 8,
      keyValueHeadCount: 2, headDimension: 256, contextLength: 32768, tiesEmbeddings: true, listsFeedForwardSizes: true),
    configure: { reader, h in
      try h.readLayerInputs(reader, sharingLayerCount: 15)
      h.streams = StreamShape(
        count: try reader.integer("altup_num_inputs", default: 4),
        activeIndex: try reader.integer("altup_active_idx", default: 0),
        scalesLayerInput: try reader.boolean("altup_correct_scale", default: true))
      h.bottleneckSize = try reader.integer("laurel_rank", default: 64)
      try reader.check(streamObjection(h))
      if let sizes = try reader.json[optional: "intermediate_size"], sizes.kind == .array {
        try h.setNetworkSizes(sizes.integers(in: Hyperparameters.extent)) { sizes.error(.outOfRange, $0) }
      }
      h.cutOffs = try cutOffs(reader, h)
    },
    configureByGGUF: { reader, h in
      try h.readLayerInputs(reader, sharingLayerCount: max(0, h.layerCount - 20))
      h.streams = StreamShape(
        count: try reader.integer("altup.num_inputs", default: 4),
        activeIndex: try reader.integer("altup.active_idx", default: 0), scalesLayerInput: true)
      h.bottleneckSize = reader.rowCount("blk.0.laurel_l.weight") ?? 64
      try reader.check(streamObjection(h), "altup.num_inputs")
      try h.readNetworkSizes(reader)
      h.cutOffs = try cutOffs(reader, h)
    },
    numbers: GraphNumberRules(
      activation: .geluTanh, window: .allButEvery(period: 5, windowOfGGUF: nil, fallback: 512), attentionScale: .one,
      positions: .perLayerKind(full: 1_000_000, windowed: 10000), biases: .asConfigured, scalesEmbeddingByWidth: true,
      softCaps: (attention: nil, logits: 30), capsAttention: false),
    modules: { h in
      let count = h.streams?.count ?? 1
      let streams: [LayerModule] = [
        .linear("altup.correction_coefs", count, count, "altup_correct_coef"),
        .linear("altup.prediction_coefs", count, count * count, "altup_predict_coef"),
        .linear("altup.modality_router", h.hiddenSize, count, "altup_router"),
      ]
      let bottleneck: [LayerModule] = [
        .linear("laurel.linear_left", h.hiddenSize, h.bottleneckSize, "laurel_l"),
        .linear("laurel.linear_right", h.bottleneckSize, h.hiddenSize, "laurel_r"),
      ]
      return LayerModule.sharingAttention(h) + LayerModule.gatedFeedForward(h) + LayerModule.layerInput(h) + streams
        + bottleneck
    },
    layer: { layer in
      var blocks = try layer.surroundingNorms(
        layer.attention(headNorms: .perHead, normsValues: true), layer.gated()
      ).blocks
      blocks.insert(try layer.laurel(), at: 1)
      var input = try layer.layerInput(
        layer.h.streams?.scalesLayerInput == true ? .scaledStream(layer.correctionScale) : .stream(nil))
      input.addsToOtherStreams = true
      return GraphLayer(
        blocks: [try layer.streamUpdate(.prediction)] + blocks + [try layer.streamUpdate(.correction), input])
    })

  private static func streamObjection(_ h: Hyperparameters) -> String? {
    guard let streams = h.streams, (2...16).contains(streams.count), streams.activeIndex < streams.count else {
      return "its number of streams (altup_num_inputs, altup_active_idx) is not supported"
    }
    if h.layerInputs == nil {
      return "layers without embeddings of their own (hidden_size_per_layer_input) are not supported"
    }
    return Hyperparameters.extent.contains(h.bottleneckSize)
      ? nil : "a laurel_rank of \(h.bottleneckSize) is not supported"
  }

  private static func cutOffs(_ reader: ConfigurationReader, _ h: Hyperparameters) throws -> [Float?] {
    let parts = try reader.numbers("activation_sparsity_pattern", count: h.layerCount)
    guard let outside = parts?.first(where: { Float($0) >= 1 }) else { return (parts ?? usualParts(h)).map(cutOff) }
    throw reader.json.error(.outOfRange, "a part of \(outside) in activation_sparsity_pattern leaves nothing")
  }

  /// The part of each row that is to be 0.
  private static func usualParts(_ h: Hyperparameters) -> [Double] {
    (0..<h.layerCount).map { h.layerCount > 10 && $0 < 10 ? 0.95 : 0 }
  }

  /// The normal distribution's quantile, each step rounded as PyTorch does.
  private static func cutOff(part: Double) -> Float? {
    part > 0
      ? Float(ExactMath.inverseErrorFunction(Double(2 * Float(part) - 1))) * Float(2.0.squareRoot()) : nil
  }

  /// A GGUF has the quantiles, and −∞ for none.
  private static func cutOffs(_ reader: GGUFReader, _ h: Hyperparameters) throws -> [Float?]? {
    let key = "activation_sparsity_scale"
    guard let stated = reader.floats(key) else { return usualParts(h).map(cutOff) }
    guard stated.count >= h.layerCount, stated.allSatisfy({ $0 < .infinity }) else {
      throw reader.error("\(reader.prefix).\(key)", "expected a number for each of \(h.layerCount) layers")
    }
    return stated.prefix(h.layerCount).map { $0 == -.infinity ? nil : $0 }
  }
}

extension LayerBuilder {
  /// The narrow path, which reads what attention does. The sum of both is divided by √2.
  fileprivate func laurel() throws -> GraphBlock {
    var path = block(
      .sameAsPrevious,
      .feedForward(
        .bottleneck(
          BottleneckNetwork(
            down: try matrix("laurel_l", hasBias: false), up: try matrix("laurel_r", hasBias: false),
            norm: norm("laurel_post_norm", "laurel.post_laurel_norm")))))
    path.streamFactor = Float(0.5.squareRoot())
    return path
  }

  fileprivate var correctionScale: GraphVector {
    GraphVector(
      ggufName: "blk.\(index).altup_correct_scale.weight",
      huggingFaceName: "model.layers.\(index).altup.correct_output_scale", count: h.hiddenSize)
  }
}
