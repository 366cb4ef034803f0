internal import AloraSystem
internal import AloraGGUF
internal import AloraTensors

extension GraphNumbers {
  /// Reads the graph's numbers from a GGUF's metadata.
  ///
  /// Source: llama.cpp `src/llama-model.cpp` and `src/models/` (`load_arch_hparams`). A window that the file states is
  /// applied even if llama.cpp drops it, because the model was trained with it.
  /// - Throws: ``GGUFError``; ``ArchitectureError``.
  init(gguf file: GGUFFileSet, _ h: Hyperparameters, architecture: String, _ rules: GraphNumberRules) throws {
    let reader = GGUFReader(file: file, prefix: architecture)
    let windows =
      rules.chunk == nil
      ? try Self.windows(reader, h, rules.window) : [Int?](repeating: nil, count: h.layerCount)
    let (rotaries, rotaryOfKind) = try Self.rotaries(reader, h, rules)
    var attention = 1 / Double(h.headDimension).squareRoot()
    switch rules.attentionScale {
    case .headDimension: break
    case .one: attention = 1
    case .multiplier:
      let stated = try reader.number("attention.scale", default: 0)
      if stated != 0 { attention = stated }
    case .queryScalar(let layerCountOfLargest):
      if h.layerCount == layerCountOfLargest { attention = 1 / Double(h.hiddenSize / h.headCount).squareRoot() }
    }
    func multiplier(_ name: String) throws -> Float {
      guard rules.hasMultipliers else { return 1 }
      let stated = try reader.number(name, default: 1)
      return stated == 0 ? 1 : Float(stated)
    }
    func softCap(_ name: String, _ fallback: Double?) throws -> Float? {
      guard rules.softCaps != nil else { return nil }
      let stated = try reader.number(name, default: fallback ?? 0)
      return stated == 0 ? nil : Float(stated)
    }
    let epsilonKeys = ["_rms", ""].map { "\(architecture).attention.layer_norm\($0)_epsilon" }
    // One class may have its epsilon in the other key. llama.cpp looks there, too.
    let isInOther = rules.epsilonName == "layer_norm_epsilon" && file.metadata[epsilonKeys[0]] == nil
    let epsilonKey = epsilonKeys[rules.norm == .layer || isInOther ? 1 : 0]
    let epsilon = try file.metadata.number(forKey: epsilonKey)
    guard epsilon >= 0 else { throw reader.error(epsilonKey, "an epsilon of \(epsilon) is not supported") }
    // As llama.cpp: 0 is none.
    let statedFactor = try rules.logitFactor == nil ? 1 : reader.number("logit_scale", default: 1)
    let logitFactor = statedFactor == 0 ? 1 : Float(statedFactor)
    let contextLength = try reader.integer("context_length", default: 0)
    self.init(
      parameters: GraphParameters(
        embeddingScale: rules.scalesEmbeddingByWidth
          ? Float(Double(h.hiddenSize).squareRoot()) : try multiplier("embedding_scale"),
        logitDivisor: try multiplier("logit_scale"), logitFactor: logitFactor,
        logitSoftCap: try softCap("final_logit_softcapping", rules.softCaps?.logits), rotaries: rotaries,
        contextLength: contextLength > 0 ? contextLength : nil),
      norm: rules.norm, normEpsilon: Float(epsilon), normOffset: rules.normOffset, finalNormName: rules.finalNorm,
      finalNormNameOfGGUF: rules.finalNormOfGGUF,
      residualScale: try multiplier("residual_scale"), attentionScale: Float(attention),
      attentionSoftCap: rules.capsAttention
        ? try softCap("attn_logit_softcapping", rules.softCaps?.attention) : nil,
      attentionLimit: try Self.limit(reader, rules),
      normsRotated: rules.rotatedNormsOfGGUF?(h) ?? false,
      activation: rules.activation, routingWeights: try ExpertRouting.Weights(reader, rules.routing, h),
      layers: windows.map { Layer(window: $0, rotary: $0 == nil ? rotaryOfKind.full : rotaryOfKind.sliding) })
    let chunk = try rules.chunk.map { try reader.integer("attention.sliding_window", default: $0) }
    // The files don't say it; llama.cpp has the period in its source. Models without chunks have positions in all layers.
    if case .allButEvery(let period) = rules.positions, chunk != 0 {
      for index in layers.indices where (index + 1).isMultiple(of: period) { layers[index].rotary = nil }
    }
    for index in layers.indices where layers[index].rotary != nil { layers[index].chunk = chunk == 0 ? nil : chunk }
    try setTemperatures(rules, ofRotary: AttentionTemperature(reader)) { $0 }
  }

  private static func limit(_ reader: GGUFReader, _ rules: GraphNumberRules) throws -> Float? {
    let stated = rules.hasLimit ? try reader.number("attention.clamp_kqv", default: 0) : 0
    return stated > 0 ? Float(stated) : nil
  }

  private static func windows(
    _ reader: GGUFReader, _ h: Hyperparameters, _ rule: GraphNumberRules.Window
  ) throws -> [Int?] {
    let fallback = if case .allButEvery(_, let window, _) = rule { window } else { nil as Int? }
    let size = try reader.integer("attention.sliding_window", default: fallback ?? 0)
    guard size > 0 else { return [Int?](repeating: nil, count: h.layerCount) }
    let period: Int
    switch rule {
    case .withoutPositionsIfUsed: return [Int?](repeating: nil, count: h.layerCount)
    case .allButEvery(let stated, _, _), .allButEveryAndLast(let stated, _): period = stated
    case .none, .everyLayer, .fromLayer, .ifUsed, .evenLayersIfUsed:
      return [Int?](repeating: size, count: h.layerCount)
    }
    if let flags = try reader.flags("attention.sliding_window_pattern", layerCount: h.layerCount) {
      return flags.map { $0 ? size : nil }
    }
    let stated = try reader.integer("attention.sliding_window_pattern", default: period)
    return (0..<h.layerCount).map { stated == 0 || ($0 + 1) % stated != 0 ? size : nil }
  }

  private static func rotaries(
    _ reader: GGUFReader, _ h: Hyperparameters, _ rules: GraphNumberRules
  ) throws -> ([RotaryEmbedding], (full: Int?, sliding: Int?)) {
    // llama.cpp takes this key for Granite's switch.
    let isSwitched = rules.hasMultipliers
    if isSwitched, try reader.file.metadata.boolean(ifPresent: "\(reader.prefix).rope.scaling.finetuned") == false {
      return ([], (nil, nil))
    }
    func rotary(in h: Hyperparameters) throws -> RotaryDescription {
      var description = try RotaryDescription(reader, h)
      if case .yarn(var yarn) = description.kind {
        yarn.truncates = rules.truncatesYarnOfGGUF
        description.kind = .yarn(yarn)
      }
      description.layout = rules.rotaryLayout
      return description
    }
    switch rules.positions {
    case .none: return ([], (nil, nil))
    case .plain, .partial, .partialOrLong, .allButEvery, .switched: return ([try rotary(in: h).embedding], (0, 0))
    case .windowed(let isPlainWithoutWindow):
      let hasWindow = try reader.integer("attention.sliding_window", default: 0) > 0
      return ([try rotary(in: h).embedding], (isPlainWithoutWindow && !hasWindow ? 0 : nil, 0))
    case .perLayerKind(let full, let windowed):
      let global = try rotary(in: h.global)
      let sliding = RotaryDescription(
        kind: .plain,
        theta: try reader.theta("rope.freq_base_swa", default: full == windowed ? global.theta : windowed),
        dimensionCount: h.headDimension, originalLength: 0)
      return ([global.embedding, sliding.embedding], (0, 1))
    }
  }
}

extension AttentionTemperature {
  /// Nil if the file says nothing of it.
  fileprivate init?(_ reader: GGUFReader) throws {
    let name = "attention.temperature_scale"
    let slope = try reader.number(name, default: 0)
    guard slope != 0 else { return nil }
    let length = try reader.integer(
      "rope.scaling.original_context_length", default: reader.integer("context_length", default: 0))
    guard length >= 1 else { throw reader.error("\(reader.prefix).\(name)", "it needs an original context length") }
    self.init(slope: Float(slope), length: length)
  }
}

/// Looks up keys below an architecture's name.
struct GGUFReader {
  let file: GGUFFileSet
  let prefix: String

  func number(_ name: String, default fallback: Double) throws -> Double {
    let number = try file.metadata.number(ifPresent: "\(prefix).\(name)") ?? fallback
    guard number.isFinite else { throw error("\(prefix).\(name)", "expected a finite number") }
    return number
  }

  func has(_ name: String) -> Bool { file.metadata["\(prefix).\(name)"] != nil }

  func integer(_ name: String, default fallback: Int) throws -> Int {
    try file.metadata.integer(ifPresent: "\(prefix).\(name)", in: 0...Hyperparameters.extent.upperBound) ?? fallback
  }

  /// A number that has to be there.
  func stated(_ name: String) throws -> Int {
    try file.metadata.integer(forKey: "\(prefix).\(name)", in: Hyperparameters.extent)
  }

  /// A number for each layer.
  func integers(_ name: String, layerCount: Int) throws -> [Int] {
    let numbers = try file.metadata.integers(forKey: "\(prefix).\(name)")
    guard numbers.count >= layerCount else {
      throw error("\(prefix).\(name)", "expected a number for each of \(layerCount) layers, found \(numbers.count)")
    }
    return numbers
  }

  func boolean(_ name: String, default fallback: Bool) throws -> Bool {
    try file.metadata.boolean(ifPresent: "\(prefix).\(name)") ?? fallback
  }

  /// The rows of a matrix; nil if there is none.
  func rowCount(_ name: String) -> Int? { file.tensor(named: name)?.shape.dimensions.first }

  func hasTensor(_ name: String) -> Bool { file.tensor(named: name) != nil }

  /// - Throws: ``ArchitectureError`` `invalidHyperparameter` if there is an objection to what the file says.
  func check(_ objection: String?, _ name: String) throws {
    if let objection { throw error("\(prefix).\(name)", objection) }
  }

  /// A flag for each layer; nil if the key isn't a list.
  func flags(_ name: String, layerCount: Int) throws -> [Bool]? {
    let key = "\(prefix).\(name)"
    guard case .array(let values)? = file.metadata[key] else { return nil }
    let flags = values.booleans ?? values.integers?.map { $0 != 0 } ?? []
    guard flags.count >= layerCount else {
      throw error(key, "expected a flag for each of \(layerCount) layers, found \(flags.count)")
    }
    return Array(flags.prefix(layerCount))
  }

  /// Some numbers; nil if the key is missing or isn't a list of them.
  func floats(_ name: String) -> [Float]? {
    guard case .array(let values)? = file.metadata["\(prefix).\(name)"] else { return nil }
    return values.numbers?.map { Float($0) }
  }

  func theta(_ name: String, default fallback: Double = 10000) throws -> Double {
    let theta = try number(name, default: fallback)
    guard theta > 1 else { throw error("\(prefix).\(name)", "a base of \(theta) is not supported") }
    return theta
  }

  func error(_ place: String, _ problem: String) -> ArchitectureError {
    ArchitectureError(.invalidHyperparameter, path: file.path, place: place, problem: problem)
  }

  /// The elements of a small F32 tensor; nil if there is none.
  func floats(_ name: String, count: Int) throws -> [Float]? {
    guard let tensor = file.tensor(named: name) else { return nil }
    guard tensor.dtype == .f32, tensor.shape.dimensions == [count] else {
      throw ArchitectureError(
        .wrongShape, path: file.path, place: "tensor \(name)",
        problem: "it is \(tensor.dtype) \(tensor.shape), expected F32 [\(count)]")
    }
    let bytes = try file.readBytes(of: tensor)
    return (0..<count).map { index in
      let bits = bytes[(4 * index)..<(4 * index + 4)].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      return Float(bitPattern: bits)
    }
  }
}

extension RotaryDescription {
  /// - Throws: ``GGUFError``; ``ArchitectureError``.
  init(_ reader: GGUFReader, _ h: Hyperparameters) throws {
    let dimensionKey = "rope.dimension_count"
    let dimensions = try reader.integer(dimensionKey, default: h.headDimension)
    guard dimensions >= 2, dimensions <= h.headDimension, dimensions.isMultiple(of: 2) else {
      throw reader.error("\(reader.prefix).\(dimensionKey)", "\(dimensions) of \(h.headDimension) cannot be rotated")
    }
    dimensionCount = dimensions
    theta = try reader.theta("rope.freq_base")
    let longest = try reader.integer("context_length", default: 0)
    originalLength = try reader.integer("rope.scaling.original_context_length", default: longest)
    divisors = try reader.floats("rope_freqs.weight", count: dimensions / 2) ?? []
    let factor = try reader.number("rope.scaling.factor", default: reader.number("rope.scale_linear", default: 1))
    let attentionFactor = try reader.number("rope.scaling.attn_factor", default: 1)
    if let short = try reader.floats("rope_factors_short.weight", count: dimensions / 2),
      let long = try reader.floats("rope_factors_long.weight", count: dimensions / 2)
    {
      kind = .longrope(
        short: short.map { Double($0) }, long: long.map { Double($0) }, attentionFactor: attentionFactor)
      return
    }
    let name = try reader.file.metadata.string(ifPresent: "\(reader.prefix).rope.scaling.type") ?? "none"
    guard factor > 0 else { throw reader.error("\(reader.prefix).rope.scaling.factor", "\(factor) is not above 0") }
    switch name {
    // As llama.cpp: a factor without a type is linear.
    case "none" where factor == 1: kind = .plain
    case "none", "linear": kind = .linear(factor: factor)
    case "yarn":
      guard originalLength > 0 else {
        throw reader.error("\(reader.prefix).rope.scaling.type", "YaRN needs an original context length")
      }
      // What a configuration calls mscale_all_dim, if mscale is 1.
      let scaleOfAll = try reader.number("rope.scaling.yarn_log_multiplier", default: 0)
      let derived =
        Self.yarnAttentionFactor(factor) / (scaleOfAll == 0 ? 1 : Self.yarnAttentionFactor(factor, scale: scaleOfAll))
      kind = .yarn(
        Yarn(
          factor: factor, betaFast: try reader.number("rope.scaling.yarn_beta_fast", default: 32),
          betaSlow: try reader.number("rope.scaling.yarn_beta_slow", default: 1),
          // llama.cpp ignores a stated factor, but the model was trained with it.
          attentionFactor: try reader.number("rope.scaling.yarn_attn_factor", default: derived) * attentionFactor))
    default: throw reader.error("\(reader.prefix).rope.scaling.type", "'\(name)' is not supported")
    }
  }
}
