internal import AloraJSON

/// The numbers of a model's graph that are no weights.
public struct GraphParameters: Hashable, Sendable {
  /// What differs from layer to layer.
  public struct Layer: Hashable, Sendable {
    /// A token sees itself and `window - 1` positions before it; nil: all.
    public var window: Int?
    /// The rotary embedding, as an index of ``GraphParameters/rotaries``; nil for a layer without positions.
    public var rotary: Int?
  }

  public var normEpsilon: Float
  /// Added to norm weights when they are loaded.
  public var normOffset: Float
  public var embeddingScale: Float
  /// What the output of attention and of the feed-forward network is multiplied by before it is added.
  public var residualScale: Float
  public var logitDivisor: Float
  /// cap · tanh(logit / cap); nil for none.
  public var logitSoftCap: Float?
  public var attentionScale: Float
  public var attentionSoftCap: Float?
  public var activation: GateActivation
  public var layers: [Layer]
  public var rotaries: [RotaryEmbedding]
  /// How many positions the model was made for; nil where nothing is said.
  public var contextLength: Int?
}

extension GraphParameters {
  /// - Throws: ``JSONError``; ``ArchitectureError`` `unsupportedVariant`.
  init(configuration reader: ConfigurationReader, _ h: Hyperparameters, _ traits: GraphTraits) throws {
    func unsupported(_ place: String, _ problem: String) -> ArchitectureError {
      ArchitectureError(.unsupportedVariant, path: reader.json.filePath, place: "$.\(place)", problem: problem)
    }
    let name = try reader.string("hidden_activation") ?? reader.string("hidden_act")
    let expected = traits.activation == .silu ? ["silu", "swish"] : ["gelu_pytorch_tanh"]
    if let name, !expected.contains(name) {
      throw unsupported("hidden_act", "the activation '\(name)' is not supported")
    }
    if try reader.boolean("use_bidirectional_attention", default: false) {
      throw unsupported("use_bidirectional_attention", "attention to later tokens is not supported")
    }
    let isSliding = try Self.slidingLayers(reader, h, traits.window)
    let (rotaries, rotaryOfKind) = try Self.rotaries(reader, h, traits.positions)
    var attention = 1 / Double(h.headDimension).squareRoot()
    switch traits.attentionScale {
    case .headDimension: break
    case .multiplier: attention = try reader.number("attention_multiplier", default: 1)
    case .queryScalar: attention = 1 / (try reader.positive("query_pre_attn_scalar", default: 256)).squareRoot()
    }
    func multiplier(_ name: String) throws -> Float {
      traits.hasMultipliers ? Float(try reader.number(name, default: 1)) : 1
    }
    func softCap(_ name: String, _ fallback: Double?) throws -> Float? {
      guard traits.softCaps != nil else { return nil }
      // Null says that there is none; a missing field, that it is the class's own.
      guard reader.has(name) else { return fallback.map { Float($0) } }
      return try reader.json[optional: name].map { Float(try $0.number()) }
    }
    let epsilon = try reader.number("rms_norm_eps", default: traits.normEpsilon)
    guard epsilon >= 0 else { throw unsupported("rms_norm_eps", "an epsilon of \(epsilon) is not supported") }
    let contextLength = try reader.integer("max_position_embeddings", default: 0)
    self.init(
      normEpsilon: Float(epsilon), normOffset: traits.normOffset,
      embeddingScale: traits.scalesEmbeddingByWidth
        ? Float(Double(h.hiddenSize).squareRoot()) : try multiplier("embedding_multiplier"),
      residualScale: try multiplier("residual_multiplier"), logitDivisor: try multiplier("logits_scaling"),
      logitSoftCap: try softCap("final_logit_softcapping", traits.softCaps?.logits), attentionScale: Float(attention),
      attentionSoftCap: try softCap("attn_logit_softcapping", traits.softCaps?.attention),
      activation: traits.activation,
      layers: isSliding.map { Layer(window: $0, rotary: $0 == nil ? rotaryOfKind.full : rotaryOfKind.sliding) },
      rotaries: rotaries, contextLength: contextLength > 0 ? contextLength : nil)
  }

  /// The window of each layer.
  ///
  /// Source: the configuration classes of transformers.
  private static func slidingLayers(
    _ reader: ConfigurationReader, _ h: Hyperparameters, _ rule: GraphTraits.Window
  ) throws -> [Int?] {
    let none = [Int?](repeating: nil, count: h.layerCount)
    var size: Int?
    var isSliding: [Bool]
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
    case .allButEvery(let period, _):
      size = reader.has("sliding_window") ? try reader.window() : 4096
      let stated = try reader.integer("sliding_window_pattern", default: period)
      isSliding = (0..<h.layerCount).map { stated == 0 || ($0 + 1) % stated != 0 }
    }
    switch rule {
    case .fromLayer, .allButEvery:
      if let kinds = try reader.strings("layer_types") {
        guard kinds.count == h.layerCount else {
          throw reader.json.error(.outOfRange, "layer_types lists \(kinds.count) layers of \(h.layerCount)")
        }
        isSliding = kinds.map { $0 == "sliding_attention" }
      }
    case .none, .everyLayer: break
    }
    return isSliding.map { $0 ? size : nil }
  }

  private static func rotaries(
    _ reader: ConfigurationReader, _ h: Hyperparameters, _ positions: GraphTraits.Positions
  ) throws -> ([RotaryEmbedding], (full: Int?, sliding: Int?)) {
    switch positions {
    case .switched where try reader.string("position_embedding_type") != "rope": return ([], (nil, nil))
    case .plain, .partial, .switched:
      let rotary = try RotaryDescription(reader, allowsPartial: positions.isPartial).embedding(h, reader)
      return ([rotary], (0, 0))
    case .perLayerKind:
      let full = try RotaryDescription(reader, layerKind: "full_attention").embedding(h, reader)
      let sliding = try RotaryDescription(reader, layerKind: "sliding_attention").embedding(h, reader)
      return ([full, sliding], (0, 1))
    }
  }
}

extension GraphTraits.Positions {
  fileprivate var isPartial: Bool { if case .partial = self { true } else { false } }
}

extension ConfigurationReader {
  func has(_ name: String) -> Bool { (try? json.members().contains { $0.name == name }) ?? false }

  func number(_ name: String, default fallback: Double) throws -> Double {
    try json[optional: name]?.number() ?? fallback
  }

  /// - Throws: ``JSONError`` `outOfRange` where it is not above 0.
  func positive(_ name: String, default fallback: Double) throws -> Double {
    guard let value = try json[optional: name] else { return fallback }
    let number = try value.number()
    guard number > 0 else { throw value.error(.outOfRange, "expected a number above 0, found \(value.excerpt)") }
    return number
  }

  func boolean(_ name: String, default fallback: Bool) throws -> Bool {
    try json[optional: name]?.boolean() ?? fallback
  }

  func string(_ name: String) throws -> String? { try json[optional: name]?.string() }

  func window() throws -> Int? { try json[optional: "sliding_window"]?.integer(in: Hyperparameters.extent) }
}
