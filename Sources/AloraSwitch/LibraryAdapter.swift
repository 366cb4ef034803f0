internal import AloraAdapters
internal import AloraSystem
internal import AloraTensors

/// An adapter of a library, by the modules of a Granite Switch. Weights are read when they are compared.
struct LibraryAdapter {
  /// Where the update of one module is.
  struct Place {
    let pair: FactorPair
    /// PEFT's.
    let scaling: Double
    /// Which rows of B are this module's, if it is part of a fused one.
    let part: (index: Int, count: Int)
    /// The composer multiplies B in the adapter's own type.
    var precision: Double { SlotFactors.precision(of: pair.b.dtype) }
  }

  struct Update {
    /// Shape: `[rank, in]`.
    let a: [Float]
    /// Shape: `[out, rank]`, without the scaling.
    let b: [Float]
    let rank: Int
  }

  let directory: AdapterDirectory
  private(set) var places: [SwitchSite: Place] = [:]
  /// The modules that no slot can hold.
  private(set) var misplaced: [String] = []

  /// - Throws: what reading the adapter throws; its first obstacle, if it isn't a LoRA that can be read.
  init(path: String) throws {
    directory = try AdapterDirectory(path: path)
    if let obstacle = directory.obstacles.first { throw obstacle }
    let matcher = try ModuleMatcher(directory.configuration)
    for pair in directory.pairs {
      let sites = Self.sites(of: pair.module)
      guard !sites.isEmpty, !pair.isEmbedding, !pair.hasInputRows, !pair.isOutputMinor, pair.a.shape.rank == 2,
        pair.b.shape.rank == 2, pair.outputCount % sites.count == 0, ElementConversion.canWiden(pair.a.dtype),
        ElementConversion.canWiden(pair.b.dtype)
      else {
        misplaced.append(pair.module)
        continue
      }
      let scaling = try matcher.scaling(ofModule: pair.module).value
      for (index, site) in sites.enumerated() {
        places[site] = Place(pair: pair, scaling: scaling, part: (index, sites.count))
      }
    }
  }

  /// A fused module's parts have the same A, and B by rows.
  ///
  /// - Throws: what reading throws.
  func update(at site: SwitchSite) throws -> Update? {
    guard let place = places[site], let weights = directory.weights else { return nil }
    func elements(_ tensor: TensorDescription) throws -> [Float] {
      var values: [Float] = []
      ElementConversion.widen(
        try weights.readBytes(of: tensor), tensor.dtype, count: tensor.shape.elementCount, into: &values)
      return values
    }
    let b = try elements(place.pair.b)
    let count = b.count / place.part.count
    return Update(
      a: try elements(place.pair.a), b: Array(b[(place.part.index * count)..<((place.part.index + 1) * count)]),
      rank: place.pair.rank)
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
