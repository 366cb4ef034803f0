internal import AloraSystem
internal import AloraJSON

extension RotaryDescription {
  /// Reads config.json in both spellings: `rope_theta` with `rope_scaling`, and transformers 5's `rope_parameters`.
  ///
  /// - Parameter layerKind: the kind of layer to describe, for models that have several.
  /// - Throws: ``JSONError``; ``ArchitectureError`` `unsupportedVariant`.
  init(
    _ reader: ConfigurationReader, headDimension: Int, _ layerKind: LayerKind?,
    _ positions: GraphNumberRules.Positions
  ) throws {
    var source = try reader.json[optional: "rope_scaling"] ?? reader.json[optional: "rope_parameters"]
    var thetaName = "rope_theta"
    var thetaFallback = reader.defaults?.ropeTheta ?? 10000
    if let layerKind {
      // The old spelling scales the layers without a window only.
      switch layerKind {
      case .full(let theta):
        let nested = try reader.json[optional: "rope_parameters"]?[optional: "full_attention"]
        source = try nested ?? reader.json[optional: "rope_scaling"]
        thetaFallback = theta
      case .windowed(let theta):
        source = try reader.json[optional: "rope_parameters"]?[optional: "sliding_attention"]
        (thetaName, thetaFallback) = ("rope_local_base_freq", theta)
      }
    }
    let parameters = source.map { ConfigurationReader(json: $0) }
    func unsupported(_ problem: String) -> ArchitectureError {
      ArchitectureError(
        .unsupportedVariant, path: reader.json.filePath, place: source?.jsonPath ?? "$", problem: problem)
    }
    theta =
      try parameters?.json[optional: "rope_theta"] != nil
      ? try parameters?.positive("rope_theta", default: thetaFallback) ?? thetaFallback
      : try reader.positive(thetaName, default: thetaFallback)
    guard theta > 1 else { throw unsupported("a rope_theta of \(theta) is not supported") }

    let partial =
      try parameters?.json[optional: "partial_rotary_factor"]?.number()
      ?? reader.number("partial_rotary_factor", default: reader.defaults?.partialRotaryFactor ?? 1)
    let isProportional = try parameters?.string("rope_type") == "proportional"
    guard partial == 1 || ((positions.isPartial || isProportional) && partial > 0 && partial < 1) else {
      throw unsupported("a partial_rotary_factor of \(partial) is not supported")
    }
    dimensionCount = isProportional ? headDimension : Int(Double(headDimension) * partial)
    guard dimensionCount >= 2, dimensionCount.isMultiple(of: 2) else {
      throw unsupported("\(dimensionCount) rotated elements of a head of \(headDimension) are not pairs")
    }
    let longest = try reader.integer(
      "max_position_embeddings", default: reader.outer == nil ? 0 : reader.defaults?.contextLength ?? 0)
    originalLength =
      try reader.json[optional: "original_max_position_embeddings"]?.integer(in: Hyperparameters.extent)
      ?? parameters?.json[optional: "original_max_position_embeddings"]?.integer(in: Hyperparameters.extent) ?? longest

    var name = try parameters?.string("rope_type") ?? parameters?.string("type") ?? "default"
    if case .partialOrLong = positions, ["su", "yarn"].contains(name) { name = "longrope" }
    if source == nil, let usual = reader.defaults?.yarn {
      kind = .yarn(usual)
      originalLength = reader.defaults?.yarnOriginalLength ?? longest
      return
    }
    guard let parameters, name != "default" else {
      kind = .plain
      return
    }
    if !["linear", "proportional"].contains(name), originalLength < 1 {
      throw unsupported("rope_type '\(name)' needs original_max_position_embeddings")
    }
    switch name {
    case "proportional":
      kind = .proportional(
        pairCount: Int(partial * Double(headDimension) / 2), factor: try parameters.positive("factor", default: 1))
    case "linear": kind = .linear(factor: try parameters.required("factor"))
    case "llama3":
      kind = .llama3(
        factor: try parameters.required("factor"), lowFrequencyFactor: try parameters.required("low_freq_factor"),
        highFrequencyFactor: try parameters.required("high_freq_factor"))
    case "yarn":
      let factor = try parameters.positive("factor", default: Double(longest) / Double(originalLength))
      let scale = try parameters.number("mscale", default: 0)
      let scaleOfAll = try parameters.number("mscale_all_dim", default: 0)
      let derived =
        scale != 0 && scaleOfAll != 0
        ? Self.yarnAttentionFactor(factor, scale: scale) / Self.yarnAttentionFactor(factor, scale: scaleOfAll)
        : Self.yarnAttentionFactor(factor)
      kind = .yarn(
        Yarn(
          factor: factor, betaFast: try parameters.positive("beta_fast", default: 32),
          betaSlow: try parameters.positive("beta_slow", default: 1),
          attentionFactor: try parameters.number("attention_factor", default: derived),
          // transformers looks for it beside the descriptions of layers of several kinds.
          truncates: layerKind == nil ? try parameters.boolean("truncate", default: true) : true))
    case "longrope":
      let factor = try parameters.positive("factor", default: Double(longest) / Double(originalLength))
      let derived = Self.longropeAttentionFactor(factor, originalLength: originalLength)
      kind = .longrope(
        short: try parameters.factors("short_factor", count: dimensionCount / 2),
        long: try parameters.factors("long_factor", count: dimensionCount / 2),
        attentionFactor: try parameters.number("attention_factor", default: derived))
    default: throw unsupported("the rope_type '\(name)' is not supported")
    }
  }

  /// The frequencies, once it is known that they fit the heads.
  func embedding(_ h: Hyperparameters, _ reader: ConfigurationReader) throws -> RotaryEmbedding {
    guard dimensionCount <= h.headDimension else {
      throw ArchitectureError(
        .unsupportedVariant, path: reader.json.filePath, place: "$.head_dim",
        problem: "\(dimensionCount) rotated elements do not fit in a head of \(h.headDimension)")
    }
    return embedding
  }
}

extension GraphNumberRules.Positions {
  fileprivate var isPartial: Bool {
    switch self {
    case .partial, .partialOrLong: true
    case .plain, .perLayerKind, .windowed, .allButEvery, .switched, .none: false
    }
  }
}

extension ConfigurationReader {
  /// A number above 0 that has to be there.
  fileprivate func required(_ name: String) throws -> Double {
    _ = try json[name].number()
    return try positive(name, default: 1)
  }

  fileprivate func factors(_ name: String, count: Int) throws -> [Double] {
    let list = try json[name]
    let numbers = try list.elements().map { try $0.number() }
    guard numbers.count == count, numbers.allSatisfy({ $0 > 0 }) else {
      throw list.error(.outOfRange, "expected \(count) numbers above 0, found \(numbers.count)")
    }
    return numbers
  }
}
