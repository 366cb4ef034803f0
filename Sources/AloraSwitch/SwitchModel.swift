internal import AloraGGUF
internal import AloraJSON
internal import AloraModels
internal import AloraSystem
internal import AloraTensors

/// A Granite Switch: a base with adapters in slots, each switched on by a control token.
///
/// Source: granite-switch 0.1.1, `config.py` and `composer/weight_transfer.py`; llama.cpp (build 11434),
/// `conversion/granite.py` and `src/models/granite-switch.cpp`.
package struct SwitchModel: Sendable {
  /// The most slots and the largest rank that llama.cpp loads.
  static let countLimit = 4096

  package let path: String
  package let slots: [SwitchSlot]
  /// The rank of the stacks, which smaller adapters are padded to.
  package let rank: Int
  /// How much more a control token is attended to than others.
  package let gain: Double?
  /// Whether it is a GGUF, whose router averages the numbers of all control tokens that it sees.
  package let isGGUF: Bool
  /// The modules that slots can change, in order.
  package var sites: [SwitchSite] { stacks.keys.sorted() }

  private struct Stack: Sendable {
    var a: TensorDescription
    var b: TensorDescription
  }

  private let source: any TensorSource
  private let stacks: [SwitchSite: Stack]
  /// The heads of queries, and of keys, whose rows a GGUF orders by pairs.
  private let headCounts: (query: Int, key: Int)?

  /// - Throws: ``SwitchError``; what opening the model throws.
  package init(path: String) throws {
    let model = try ModelSource(path: path)
    self.path = path
    let tensors = try model.tensors()
    source = tensors
    if let gguf = model.gguf {
      (slots, rank, gain, headCounts) = try Self.slots(gguf.metadata, path: path)
      isGGUF = true
    } else {
      (slots, rank, gain) = try Self.slots(try model.configuration(), path: path)
      (isGGUF, headCounts) = (false, nil)
    }
    stacks = try Self.stacks(tensors, isGGUF: isGGUF, slotCount: slots.count, rank: rank, path: path)
    if let counts = headCounts {
      for (site, stack) in stacks where site.module == .query || site.module == .key {
        let count = site.module == .query ? counts.query : counts.key
        guard count > 0, stack.b.shape.dimensions[1] % (2 * count) == 0 else {
          throw SwitchError(
            .wrongShape, path: path, place: stack.b.name, problem: "its rows can't be divided into \(count) heads")
        }
      }
    }
  }

  private static func notASwitch(_ path: String, _ found: String?) -> SwitchError {
    SwitchError(
      .notASwitch, path: path,
      problem: "it is not a Granite Switch, but a model of type '\((found ?? "unknown").prefix(60))'",
      remedy: "give a checkpoint that granite-switch composed, or a GGUF of one")
  }

  private static func slots(_ root: JSON?, path: String) throws -> ([SwitchSlot], Int, Double?) {
    let type = try root?[optional: "model_type"]?.string()
    guard let root, type == "granite_switch" else { throw notASwitch(path, type) }
    if try root[optional: "dual_stream"]?.boolean() ?? false {
      throw SwitchError(
        .shadowResidual, path: path, place: "$.dual_stream",
        problem: "its adapters are Shadow Residuals, which have a stream of their own and aren't read")
    }
    let limit = 0...Int(Int32.max)
    func numbers(_ name: String) throws -> [Int]? {
      guard let value = try root[optional: name], !value.isNull else { return nil }
      return try value.integers(in: limit)
    }
    let count = try root["num_adapters"].integer(in: 1...countLimit)
    let ranks = try root["adapter_ranks"].integers(in: 1...countLimit)
    let rank = try root["max_lora_rank"].integer(in: 1...countLimit)
    var names: [String]?
    if let list = try root[optional: "adapter_names"], !list.isNull {
      names = try list.elements().map { try $0.string() }
    }
    var (control, substitutes) = (
      try numbers("adapter_token_ids") ?? [], try numbers("adapter_substitute_token_ids") ?? []
    )
    // A token that returns to the base may come first.
    if control.count == count + 1, substitutes.count == count + 1 {
      control.removeFirst()
      substitutes.removeFirst()
    }
    guard control.count == count, substitutes.count == count, ranks.count == count,
      names.map({ $0.count == count }) ?? true,
      Set(control).count == count, ranks.max() == rank
    else {
      throw SwitchError(
        .inconsistentSlots, path: path,
        problem: "the lists of adapters, ranks and tokens aren't those of \(count) adapters of ranks up to \(rank)")
    }
    let slots = (0..<count).map { index in
      SwitchSlot(
        number: index + 1, name: names?[index], declaredRank: ranks[index], controlToken: control[index],
        substituteToken: substitutes[index])
    }
    return (slots, rank, try root[optional: "control_token_gain"]?.number())
  }

  private static func slots(
    _ metadata: GGUFMetadata, path: String
  ) throws -> ([SwitchSlot], Int, Double?, (query: Int, key: Int)) {
    let name = "graniteswitch"
    let architecture = try metadata.string(ifPresent: "general.architecture")
    guard architecture == name else { throw notASwitch(path, architecture) }
    let count = try metadata.integer(forKey: "\(name).adapters.count", in: 1...countLimit)
    let rank = try metadata.integer(forKey: "\(name).adapters.lora_rank", in: 1...countLimit)
    let control = try metadata.integers(forKey: "\(name).adapters.token_ids_activate")
    let substitutes = try metadata.integers(forKey: "\(name).adapters.token_ids_substitute")
    guard control.count == count, substitutes.count == count, Set(control).count == count else {
      throw SwitchError(
        .inconsistentSlots, path: path, problem: "the lists of tokens aren't those of \(count) adapters")
    }
    let slots = (0..<count).map { index in
      SwitchSlot(
        number: index + 1, name: nil, declaredRank: nil, controlToken: control[index],
        substituteToken: substitutes[index])
    }
    let heads = try metadata.integer(forKey: "\(name).attention.head_count", in: 1...65_536)
    let keyHeads = try metadata.integer(ifPresent: "\(name).attention.head_count_kv", in: 1...65_536) ?? heads
    return (slots, rank, try metadata.number(ifPresent: "\(name).adapters.router_gain"), (heads, keyHeads))
  }

  private static func stacks(
    _ source: any TensorSource, isGGUF: Bool, slotCount: Int, rank: Int, path: String
  ) throws -> [SwitchSite: Stack] {
    var stacks: [SwitchSite: Stack] = [:]
    for tensor in source.tensors {
      guard let site = site(ofA: tensor.name, isGGUF: isGGUF) else { continue }
      let partner = nameOfB(site, isGGUF: isGGUF)
      guard let b = source.tensor(named: partner) else {
        throw SwitchError(.wrongShape, path: path, place: tensor.name, problem: "there is no '\(partner)' beside it")
      }
      let head = isGGUF ? [slotCount + 1] : [slotCount, 1]
      let (shapeOfA, shapeOfB) = (tensor.shape.dimensions, b.shape.dimensions)
      guard shapeOfA.dropLast() == (head + [rank])[...], shapeOfB.dropLast(2) == head[...],
        shapeOfB.count == head.count + 2, shapeOfB.last == rank, tensor.shape.elementCount > 0, b.shape.elementCount > 0
      else {
        throw SwitchError(
          .wrongShape, path: path, place: tensor.name,
          problem: "\(tensor.shape) and \(b.shape) aren't stacks of \(slotCount) adapters of rank \(rank)")
      }
      for factor in [tensor, b] where !ElementConversion.canWiden(factor.dtype) {
        throw SwitchError(
          .unsupportedType, path: path, place: factor.name, problem: "the type \(factor.dtype.name) can't be read")
      }
      stacks[site] = Stack(a: tensor, b: b)
    }
    guard !stacks.isEmpty else {
      throw SwitchError(.wrongShape, path: path, problem: "it contains no adapter weights")
    }
    return stacks
  }

  /// The site of a tensor that is its A.
  private static func site(ofA name: String, isGGUF: Bool) -> SwitchSite? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard let place = parts.firstIndex(of: isGGUF ? "blk" : "layers"), place + 1 < parts.count,
      let layer = UInt16(parts[place + 1])
    else { return nil }
    return SwitchSite.Module.allCases.lazy.map { SwitchSite(layer: Int(layer), module: $0) }.first {
      nameOfA($0, isGGUF: isGGUF) == name
    }
  }

  private static func nameOfA(_ site: SwitchSite, isGGUF: Bool) -> String { name(site, "A", isGGUF) }
  private static func nameOfB(_ site: SwitchSite, isGGUF: Bool) -> String { name(site, "B", isGGUF) }

  private static func name(_ site: SwitchSite, _ letter: String, _ isGGUF: Bool) -> String {
    if isGGUF { return "blk.\(site.layer).\(site.module.ggufName).lora_\(letter.lowercased())" }
    let (module, slice) = site.module.checkpointName
    return "model.layers.\(site.layer).\(module).lora_\(letter)" + (slice.map { "_slices.\($0)" } ?? "")
  }

  /// The factors of one slot in one module.
  ///
  /// - Throws: what reading throws.
  func factors(_ slot: SwitchSlot, at site: SwitchSite) throws -> SlotFactors? {
    guard let stack = stacks[site] else { return nil }
    // The base's zeros come first in a GGUF.
    let index = slot.number - (isGGUF ? 0 : 1)
    // A GGUF is made of a checkpoint, which usually is in BF16.
    let types = [stack.a.dtype, stack.b.dtype] + (isGGUF ? [.bf16] : [])
    var factors = SlotFactors(
      a: try elements(stack.a, slot: index), b: try elements(stack.b, slot: index), rank: rank,
      precision: types.map(SlotFactors.precision).max() ?? 0)
    if let headCounts, site.module == .query || site.module == .key {
      factors.orderRowsByHalves(headCount: site.module == .query ? headCounts.query : headCounts.key)
    }
    return factors
  }

  private func elements(_ tensor: TensorDescription, slot: Int) throws -> [Float] {
    let slotCount = tensor.shape.dimensions[0]
    let count = tensor.shape.elementCount / slotCount
    guard let start = tensor.dtype.byteCount(elementCount: slot * count),
      let end = tensor.dtype.byteCount(elementCount: (slot + 1) * count)
    else {
      throw SwitchError(
        .unsupportedType, path: path, place: tensor.name,
        problem: "a slot isn't a whole number of \(tensor.dtype.name) blocks")
    }
    var values: [Float] = []
    ElementConversion.widen(
      try source.readBytes(of: tensor, in: start..<end), tensor.dtype, count: count, into: &values)
    return values
  }
}
