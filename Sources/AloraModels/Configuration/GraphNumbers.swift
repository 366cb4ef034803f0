internal import AloraSystem
internal import AloraJSON

/// The numbers of a model's graph outside of its layers.
package struct GraphParameters: Hashable, Sendable {
  package var embeddingScale: Float
  package var logitDivisor: Float
  /// What logits are multiplied by.
  package var logitFactor: Float = 1
  /// cap · tanh(logit / cap); nil for none.
  package var logitSoftCap: Float?
  /// What layers refer to by an index.
  package var rotaries: [RotaryEmbedding]
  /// How many positions the model was made for; nil if unknown.
  package var contextLength: Int?
}

/// All numbers of a graph, as a configuration or a GGUF states them. Blocks take theirs from here.
struct GraphNumbers {
  /// What differs from layer to layer.
  struct Layer {
    /// A token sees itself and `window - 1` positions before it; nil: all.
    var window: Int?
    /// A token sees no position before its own chunk of that many; nil: all.
    var chunk: Int?
    var temperature: AttentionTemperature?
    /// An index of ``GraphParameters/rotaries``; nil for a layer without positions.
    var rotary: Int?
  }

  var parameters: GraphParameters
  var norm: NormKind
  var normEpsilon: Float
  /// What Hugging Face's norm weights lack.
  var normOffset: Float
  /// The norm after the last layer, in Hugging Face's files.
  var finalNormName: String
  /// The same in a GGUF.
  var finalNormNameOfGGUF: String
  /// What a block's output is multiplied by before it is added.
  var residualScale: Float
  var attentionScale: Float
  var attentionSoftCap: Float?
  /// Queries, keys and values are limited to ± this.
  var attentionLimit: Float?
  /// Whether heads of queries and keys have a norm after their rotation.
  var normsRotated: Bool
  var activation: GateActivation
  var routingWeights: ExpertRouting.Weights
  var layers: [Layer]
}

extension GraphNumbers {
  /// - Throws: ``JSONError``; ``ArchitectureError`` `unsupportedVariant`.
  init(configuration reader: ConfigurationReader, _ h: Hyperparameters, _ rules: GraphNumberRules) throws {
    func unsupported(_ place: String, _ problem: String) -> ArchitectureError {
      ArchitectureError(.unsupportedVariant, path: reader.json.filePath, place: "$.\(place)", problem: problem)
    }
    let name = try reader.string("hidden_activation") ?? reader.string("hidden_act")
    let expected = rules.activation == .geluTanh ? ["gelu_pytorch_tanh"] : ["silu", "swish"]
    if let name, !expected.contains(name) {
      throw unsupported("hidden_act", "the activation '\(name)' is not supported")
    }
    // "vision" is of images only.
    if let value = try reader.json[optional: "use_bidirectional_attention"],
      try (try? value.string()).map({ $0 == "all" }) ?? value.boolean()
    {
      throw unsupported("use_bidirectional_attention", "attention to later tokens is not supported")
    }
    let withoutPositions = try Self.layersWithoutPositions(reader, h, rules.positions)
    let isSliding = try Self.slidingLayers(reader, h, rules.window, withoutPositions: withoutPositions)
    let (rotaries, rotaryOfKind) = try Self.rotaries(reader, h, rules)
    var attention = 1 / Double(h.headDimension).squareRoot()
    switch rules.attentionScale {
    case .headDimension: break
    case .one: attention = 1
    case .multiplier: attention = try reader.number("attention_multiplier", default: 1)
    case .queryScalar: attention = 1 / (try reader.positive("query_pre_attn_scalar", default: 256)).squareRoot()
    }
    func multiplier(_ name: String, _ has: Bool = false) throws -> Float {
      rules.hasMultipliers || has ? Float(try reader.number(name, default: 1)) : 1
    }
    func softCap(_ name: String, _ fallback: Double?) throws -> Float? {
      guard rules.softCaps != nil else { return nil }
      // Null says that there is none; a missing field, that it is the class's own.
      guard reader.has(name) else { return fallback.map { Float($0) } }
      return try reader.json[optional: name].map { Float(try $0.number()) }
    }
    let epsilonName = rules.epsilonName ?? (rules.norm == .layer ? "layer_norm_eps" : "rms_norm_eps")
    let epsilon = try reader.number(epsilonName, default: reader.defaults?.normEpsilon ?? 1e-6)
    guard epsilon >= 0 else { throw unsupported(epsilonName, "an epsilon of \(epsilon) is not supported") }
    let contextLength = try reader.integer(
      "max_position_embeddings", default: reader.outer == nil ? 0 : reader.defaults?.contextLength ?? 0)
    self.init(
      parameters: GraphParameters(
        embeddingScale: rules.scalesEmbeddingByWidth
          ? Float(Double(h.hiddenSize).squareRoot())
          : try multiplier("embedding_multiplier", rules.hasEmbeddingMultiplier),
        logitDivisor: try multiplier("logits_scaling"),
        logitFactor: try rules.logitFactor.map { Float(try reader.number(rules.logitFactorName, default: $0)) } ?? 1,
        logitSoftCap: try softCap("final_logit_softcapping", rules.softCaps?.logits), rotaries: rotaries,
        contextLength: contextLength > 0 ? contextLength : nil),
      norm: rules.norm, normEpsilon: Float(epsilon), normOffset: rules.normOffset, finalNormName: rules.finalNorm,
      finalNormNameOfGGUF: rules.finalNormOfGGUF,
      residualScale: try multiplier("residual_multiplier"), attentionScale: Float(attention),
      attentionSoftCap: rules.capsAttention
        ? try softCap("attn_logit_softcapping", rules.softCaps?.attention) : nil,
      attentionLimit: rules.hasLimit
        ? try reader.json[optional: "clip_qkv"].map { _ in Float(try reader.positive("clip_qkv", default: 1)) } : nil,
      normsRotated: try rules.rotatedNormsOfGGUF != nil && reader.boolean("use_qk_norm", default: true),
      activation: try rules.activation.configured(by: reader),
      routingWeights: try ExpertRouting.Weights(reader, rules.routing, h),
      layers: isSliding.map { Layer(window: $0, rotary: $0 == nil ? rotaryOfKind.full : rotaryOfKind.sliding) })
    for index in withoutPositions { layers[index].rotary = nil }
    try setTemperatures(rules, ofRotary: AttentionTemperature(reader, h, rules.positions)) {
      try AttentionTemperature(reader, usual: $0)
    }
    if let usual = rules.chunk { try setChunks(reader, usual: usual) }
  }

  /// Source: transformers `models/llama4/configuration_llama4.py`.
  private mutating func setChunks(_ reader: ConfigurationReader, usual: Int) throws {
    let size =
      reader.has("attention_chunk_size")
      ? try reader.json[optional: "attention_chunk_size"]?.integer(in: Hyperparameters.extent) : usual
    let kinds = try reader.strings("layer_types")
    if let kinds, kinds.count != layers.count {
      throw reader.json.error(.outOfRange, "layer_types lists \(kinds.count) layers of \(layers.count)")
    }
    for index in layers.indices {
      let isChunked = kinds.map { $0[index] == "chunked_attention" } ?? (layers[index].rotary != nil)
      layers[index].chunk = isChunked ? size : nil
    }
  }

  mutating func setTemperatures(
    _ rules: GraphNumberRules, ofRotary: @autoclosure () throws -> AttentionTemperature?,
    withoutPositions: (_ usual: AttentionTemperature) throws -> AttentionTemperature?
  ) rethrows {
    switch rules.temperature {
    case .none: break
    case .ofRotary:
      let temperature = try ofRotary()
      for index in layers.indices { layers[index].temperature = temperature }
    case .ofLayersWithoutPositions(let usual):
      let temperature = try withoutPositions(usual)
      for index in layers.indices where layers[index].rotary == nil { layers[index].temperature = temperature }
    }
  }

  private static func layersWithoutPositions(
    _ reader: ConfigurationReader, _ h: Hyperparameters, _ positions: GraphNumberRules.Positions
  ) throws -> [Int] {
    guard case .allButEvery(let period) = positions else { return [] }
    func periodic() throws -> [Int] {
      let stated = try reader.integer("no_rope_layer_interval", default: period)
      return (0..<h.layerCount).filter { stated > 0 && ($0 + 1).isMultiple(of: stated) }
    }
    guard let flags = try reader.json[optional: "no_rope_layers"] else { return try periodic() }
    // 1 says that the layer has positions, whatever the name of the list says.
    let list = try flags.integers(in: 0...1)
    if list.isEmpty { return try periodic() }
    guard list.count == h.layerCount else {
      throw flags.error(.outOfRange, "expected a flag for each of \(h.layerCount) layers, found \(list.count)")
    }
    return list.indices.filter { list[$0] == 0 }
  }

  /// The window of each layer.
  ///
  /// Source: the configuration classes of transformers.
  static func slidingLayers(
    _ reader: ConfigurationReader, _ h: Hyperparameters, _ rule: GraphNumberRules.Window, withoutPositions: [Int] = []
  ) throws -> [Int?] {
    let none = [Int?](repeating: nil, count: h.layerCount)
    var size: Int?
    var isSliding: [Bool] = []
    switch rule {
    case .none: return none
    case .everyLayer(let fallback):
      size = reader.has("sliding_window") ? try reader.window() : fallback
      isSliding = Array(repeating: true, count: h.layerCount)
    case .fromLayer:
      guard try reader.boolean("use_sliding_window", default: false) else { return none }
      size = reader.has("sliding_window") ? try reader.window() : 4096
      let first = try reader.integer("max_window_layers", default: 28)
      isSliding = (0..<h.layerCount).map { $0 >= first }
    case .ifUsed, .evenLayersIfUsed:
      guard try reader.boolean("use_sliding_window", default: false) else { return none }
      size = reader.has("sliding_window") ? try reader.window() : 4096
      isSliding = Array(repeating: true, count: h.layerCount)
      if case .evenLayersIfUsed = rule {
        let end = try reader.integer("max_window_layers", default: 28)
        isSliding = (0..<h.layerCount).map { $0.isMultiple(of: 2) && $0 < end }
      }
    case .withoutPositionsIfUsed:
      guard try reader.boolean("use_sliding_window", default: false) else { return none }
      size = try reader.window()
      isSliding = (0..<h.layerCount).map(withoutPositions.contains)
    case .allButEvery(let period, _, let fallback):
      size = reader.has("sliding_window") ? try reader.window() : fallback
      if try reader.json[optional: "layer_types"] == nil { isSliding = try pattern(reader, h, period: period) }
    case .allButEveryAndLast(let period, let fallback):
      size = try reader.window() ?? fallback
      isSliding = (0..<h.layerCount).map { ($0 + 1) % period != 0 }
    }
    switch rule {
    case .fromLayer, .evenLayersIfUsed, .withoutPositionsIfUsed, .allButEvery, .allButEveryAndLast:
      if let kinds = try reader.strings("layer_types") {
        guard kinds.count == h.layerCount else {
          throw reader.json.error(.outOfRange, "layer_types lists \(kinds.count) layers of \(h.layerCount)")
        }
        isSliding = kinds.map { $0 == "sliding_attention" }
      }
    case .none, .everyLayer, .ifUsed: break
    }
    if case .allButEveryAndLast = rule { isSliding[h.layerCount - 1] = false }
    return isSliding.map { $0 ? size : nil }
  }

  /// Which layers have a window by `sliding_window_pattern`. A number n leaves out each nth layer; of letters, L is a window.
  private static func pattern(_ reader: ConfigurationReader, _ h: Hyperparameters, period: Int) throws -> [Bool] {
    if let letters = try reader.json[optional: "sliding_window_pattern"].flatMap({ try? $0.string() }), !letters.isEmpty
    {
      let isLocal = letters.map { $0 == "L" }
      return (0..<h.layerCount).map { isLocal[$0 % isLocal.count] }
    }
    let stated = try reader.integer("sliding_window_pattern", default: period)
    return (0..<h.layerCount).map { stated == 0 || ($0 + 1) % stated != 0 }
  }

  private static func rotaries(
    _ reader: ConfigurationReader, _ h: Hyperparameters, _ rules: GraphNumberRules
  ) throws -> ([RotaryEmbedding], (full: Int?, sliding: Int?)) {
    func rotary(_ kind: RotaryDescription.LayerKind? = nil, in h: Hyperparameters) throws -> RotaryEmbedding {
      var description = try RotaryDescription(reader, headDimension: h.headDimension, kind, rules.positions)
      description.layout = rules.rotaryLayout
      return try description.embedding(h, reader)
    }
    switch rules.positions {
    case .switched where try reader.string("position_embedding_type") != "rope": return ([], (nil, nil))
    case .none: return ([], (nil, nil))
    case .plain, .partial, .partialOrLong, .switched, .allButEvery: return ([try rotary(in: h)], (0, 0))
    case .windowed(let isPlainWithoutWindow):
      // The class's default is a window.
      let hasNone = try reader.has("sliding_window") && reader.window() == nil
      return ([try rotary(in: h)], (isPlainWithoutWindow && hasNone ? 0 : nil, 0))
    case .perLayerKind(let full, let windowed):
      return (
        [try rotary(.full(theta: full), in: h.global), try rotary(.windowed(theta: windowed), in: h)], (0, 1)
      )
    }
  }
}

extension AttentionTemperature {
  /// Nil if the description of the rotary embedding says nothing of it.
  fileprivate init?(
    _ reader: ConfigurationReader, _ h: Hyperparameters, _ positions: GraphNumberRules.Positions
  ) throws {
    guard let rope = try reader.json[optional: "rope_scaling"] ?? reader.json[optional: "rope_parameters"],
      let slope = try rope[optional: "llama_4_scaling_beta"]
    else { return nil }
    let description = try RotaryDescription(reader, headDimension: h.headDimension, nil, positions)
    guard description.originalLength >= 1 else {
      throw slope.error(.outOfRange, "llama_4_scaling_beta needs original_max_position_embeddings")
    }
    self.init(slope: Float(try slope.number()), length: description.originalLength)
  }
}

extension AttentionTemperature {
  /// What a configuration says of layers without positions; nil if their queries don't grow.
  fileprivate init?(_ reader: ConfigurationReader, usual: AttentionTemperature) throws {
    if let value = try reader.json[optional: "attn_temperature_tuning"] {
      // Older files have a number.
      guard try (try? value.boolean()) ?? (value.number() != 0) else { return nil }
    }
    self.init(
      slope: try reader.json[optional: "attn_scale"].map { Float(try $0.number()) } ?? usual.slope,
      length: try reader.json[optional: "floor_scale"]?.integer(in: Hyperparameters.extent) ?? usual.length,
      offset: usual.offset)
  }
}

extension GateActivation {
  /// The activation with the numbers that a configuration gives it.
  fileprivate func configured(by reader: ConfigurationReader) throws -> GateActivation {
    guard case .clampedSwish(let slope, let limit) = self else { return self }
    return .clampedSwish(
      slope: Float(try reader.number("swiglu_alpha", default: Double(slope))),
      limit: Float(try reader.positive("swiglu_limit", default: Double(limit))))
  }
}
