internal import AloraAdapters
internal import AloraSystem
internal import AloraTensors

/// An adapter of a library, by the modules of a Granite Switch.
struct LibraryAdapter {
  struct Update {
    /// Shape: `[rank, in]`.
    let a: [Float]
    /// Shape: `[out, rank]`, without the scaling.
    let b: [Float]
    let rank: Int
    /// PEFT's.
    let scaling: Double
    /// The composer multiplies B in the adapter's own type.
    let precision: Double
  }

  let directory: AdapterDirectory
  private(set) var updates: [SwitchSite: Update] = [:]
  /// The modules that no slot can hold.
  private(set) var misplaced: [String] = []

  /// - Throws: what reading the adapter throws; its first obstacle, if it isn't a LoRA that can be read.
  init(path: String) throws {
    directory = try AdapterDirectory(path: path)
    if let obstacle = directory.obstacles.first { throw obstacle }
    guard let weights = directory.weights else { return }
    let matcher = try ModuleMatcher(directory.configuration)
    for pair in directory.pairs {
      let sites = Self.sites(of: pair.module)
      guard !sites.isEmpty, !pair.isEmbedding, !pair.hasInputRows, !pair.isOutputMinor, pair.a.shape.rank == 2,
        pair.b.shape.rank == 2, pair.outputCount % sites.count == 0
      else {
        misplaced.append(pair.module)
        continue
      }
      func elements(_ tensor: TensorDescription) throws -> [Float] {
        var values: [Float] = []
        ElementConversion.widen(
          try weights.readBytes(of: tensor), tensor.dtype, count: tensor.shape.elementCount, into: &values)
        return values
      }
      guard ElementConversion.canWiden(pair.a.dtype), ElementConversion.canWiden(pair.b.dtype) else {
        misplaced.append(pair.module)
        continue
      }
      let (a, b) = (try elements(pair.a), try elements(pair.b))
      let scaling = try matcher.scaling(ofModule: pair.module).value
      // A fused module's parts have the same A, and B by rows.
      let count = b.count / sites.count
      for (index, site) in sites.enumerated() {
        updates[site] = Update(
          a: a, b: Array(b[(index * count)..<((index + 1) * count)]), rank: pair.rank, scaling: scaling,
          precision: SlotFactors.precision(of: pair.b.dtype))
      }
    }
  }

  /// The modules of a switch that a base's module is: several if it is fused.
  private static func sites(of module: String) -> [SwitchSite] {
    let parts = module.split(separator: ".").map(String.init)
    guard let place = parts.lastIndex(of: "layers"), place + 3 < parts.count, place + 4 == parts.count,
      let layer = UInt16(parts[place + 1])
    else { return [] }
    let modules: [SwitchSite.Module] =
      switch (parts[place + 2], parts[place + 3]) {
      case ("self_attn", "q_proj"): [.query]
      case ("self_attn", "k_proj"): [.key]
      case ("self_attn", "v_proj"): [.value]
      case ("self_attn", "o_proj"): [.output]
      case ("mlp", "gate_proj"): [.gate]
      case ("mlp", "up_proj"): [.up]
      case ("mlp", "down_proj"), ("shared_mlp", "output_linear"): [.down]
      case ("shared_mlp", "input_linear"): [.gate, .up]
      default: []
      }
    return modules.map { SwitchSite(layer: Int(layer), module: $0) }
  }
}
