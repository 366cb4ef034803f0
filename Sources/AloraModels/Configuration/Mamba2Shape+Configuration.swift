internal import AloraGGUF
internal import AloraJSON
internal import AloraSystem

extension Mamba2Shape {
  /// Source: transformers `models/granitemoehybrid/configuration_granitemoehybrid.py`, `models/bamba/configuration_bamba.py`.
  init(_ reader: ConfigurationReader, hiddenSize: Int, layerCount: Int) throws {
    let heads = try reader.integer("mamba_n_heads", default: 128)
    let inner = hiddenSize * (try reader.integer("mamba_expand", default: 2))
    var dimension = heads > 0 ? inner / heads : 0
    if let stated = try reader.json[optional: "mamba_d_head"], (try? stated.string()) != "auto" {
      dimension = try stated.integer(in: Hyperparameters.extent)
    }
    self.init(
      headCount: heads, headDimension: dimension, groupCount: try reader.integer("mamba_n_groups", default: 1),
      stateSize: try reader.integer("mamba_d_state", default: 256),
      kernelSize: try reader.integer("mamba_d_conv", default: 4), stepLimits: try Self.stepLimits(reader),
      hasConvolutionBias: try reader.boolean("mamba_conv_bias", default: true),
      hasProjectionBias: try reader.boolean("mamba_proj_bias", default: false))
    try reader.check(
      objection(layerCount: layerCount)
        ?? (innerCount == inner ? nil : "\(heads) Mamba heads of \(dimension) are not \(inner) channels"))
  }

  static func stepLimits(_ reader: ConfigurationReader) throws -> ClosedRange<Float> {
    guard let json = try reader.json[optional: "time_step_limit"] else { return 0...Float.infinity }
    let limits = try json.elements().map { element in
      // transformers 5 spells an infinity so; earlier versions, as Python does.
      switch try? element[optional: "__float__"]?.string() {
      case "Infinity": Float.infinity
      case "-Infinity": -Float.infinity
      default: Float(try element.number())
      }
    }
    guard limits.count == 2, limits[0] <= limits[1] else {
      throw json.error(.outOfRange, "expected the least and the greatest time step, found \(json.excerpt)")
    }
    return limits[0]...limits[1]
  }
}

extension GGUFReader {
  /// The layers that have no key-value heads.
  func layersWithoutKeys(layerCount: Int) throws -> Set<Int> {
    let name = "attention.head_count_kv"
    guard case .array = file.metadata["\(prefix).\(name)"] else {
      return try integer(name, default: 1) == 0 ? Set(0..<layerCount) : []
    }
    let counts = try integers(name, layerCount: layerCount)
    return Set((0..<layerCount).filter { counts[$0] == 0 })
  }

  /// - Parameter layerCount: of the layers with Mamba 2.
  func mamba2(layerCount: Int) throws -> Mamba2Shape {
    let (inner, heads) = (try stated("ssm.inner_size"), try stated("ssm.time_step_rank"))
    let shape = Mamba2Shape(
      headCount: heads, headDimension: inner / heads, groupCount: try stated("ssm.group_count"),
      stateSize: try stated("ssm.state_size"), kernelSize: try stated("ssm.conv_kernel"))
    let isWhole = shape.innerCount == inner
    try check(
      shape.objection(layerCount: layerCount)
        ?? (isWhole ? nil : "\(inner) channels are not a multiple of \(heads) heads"), "ssm.inner_size")
    return shape
  }
}

extension Hyperparameters.Recurrence {
  /// Mamba 2 in the layers that a GGUF gives no key-value heads, as llama.cpp finds them; nil if there are none.
  ///
  /// Source: llama.cpp `src/models/granite-hybrid.cpp`.
  @Sendable static func mamba2(_ reader: GGUFReader, layerCount: Int) throws -> Self? {
    guard reader.has("ssm.inner_size") else { return nil }
    let layers = try reader.layersWithoutKeys(layerCount: layerCount)
    return layers.isEmpty ? nil : Self(layers: layers, .mamba2(try reader.mamba2(layerCount: layers.count)))
  }
}

extension Architecture.LayerModule {
  /// The projections of a Mamba 2 mixer.
  ///
  /// - Parameter module: what Hugging Face's files call it.
  static func mamba2(_ h: Hyperparameters, module: String = "mamba") -> [Self] {
    guard case .mamba2(let shape)? = h.recurrence?.mixer else { return [] }
    return [
      .linear("\(module).in_proj", h.hiddenSize, shape.projectedCount, "ssm_in").inLayers(.recurrent),
      .linear("\(module).out_proj", shape.innerCount, h.hiddenSize, "ssm_out").inLayers(.recurrent),
    ]
  }
}
