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
    let problem =
      objection(layerCount: layerCount)
      ?? (innerCount == inner ? nil : "\(heads) Mamba heads of \(dimension) are not \(inner) channels")
    if let problem {
      throw ArchitectureError(.unsupportedVariant, path: reader.json.filePath, place: "$", problem: problem)
    }
  }

  private static func stepLimits(_ reader: ConfigurationReader) throws -> ClosedRange<Float> {
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

extension Hyperparameters.Recurrence {
  /// The layers that a GGUF gives no key-value heads, as llama.cpp finds them; nil if there are none.
  ///
  /// Source: llama.cpp `src/models/granite-hybrid.cpp`.
  init?(_ file: GGUFFileSet, architecture: String) throws {
    let reader = GGUFReader(file: file, prefix: architecture)
    guard reader.has("ssm.inner_size") else { return nil }
    let layerCount = try file.metadata.integer(forKey: "\(architecture).block_count", in: Hyperparameters.layers)
    let key = "\(architecture).attention.head_count_kv"
    let counts: [Int]
    if case .array = file.metadata[key] {
      counts = try file.metadata.integers(forKey: key)
    } else {
      counts = Array(repeating: try reader.integer("attention.head_count_kv", default: 1), count: layerCount)
    }
    guard counts.count >= layerCount else {
      throw reader.error(key, "expected a number for each of \(layerCount) layers, found \(counts.count)")
    }
    layers = Set((0..<layerCount).filter { counts[$0] == 0 })
    guard !layers.isEmpty else { return nil }
    func integer(_ name: String) throws -> Int {
      try file.metadata.integer(forKey: "\(architecture).ssm.\(name)", in: Hyperparameters.extent)
    }
    let (inner, heads) = (try integer("inner_size"), try integer("time_step_rank"))
    mamba2 = Mamba2Shape(
      headCount: heads, headDimension: inner / heads, groupCount: try integer("group_count"),
      stateSize: try integer("state_size"), kernelSize: try integer("conv_kernel"))
    if let problem = mamba2.objection(layerCount: layers.count)
      ?? (mamba2.innerCount == inner ? nil : "\(inner) channels are not a multiple of \(heads) heads")
    {
      throw reader.error("\(architecture).ssm.inner_size", problem)
    }
  }
}

extension Architecture.LayerModule {
  /// The projections of a Mamba 2 mixer.
  static func mamba2(_ h: Hyperparameters) -> [Self] {
    guard let shape = h.recurrence?.mamba2 else { return [] }
    return [
      .linear("mamba.in_proj", h.hiddenSize, shape.projectedCount, "ssm_in").inLayers(.recurrent),
      .linear("mamba.out_proj", shape.innerCount, h.hiddenSize, "ssm_out").inLayers(.recurrent),
    ]
  }
}
