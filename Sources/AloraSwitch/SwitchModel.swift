internal import AloraModels
internal import AloraSystem
package import AloraTensors

/// A Granite Switch: a base with adapters in slots, each switched on by a control token.
///
/// Source: granite-switch 0.1.1, `config.py` and `composer/weight_transfer.py`; llama.cpp (build 11434),
/// `conversion/granite.py` and `src/models/granite-switch.cpp`.
package struct SwitchModel: Sendable {
  package let description: SwitchDescription
  /// The modules that slots can change, in order.
  package let sites: [SwitchSite]

  package var path: String { description.path }
  package var slots: [SwitchSlot] { description.slots }
  package var rank: Int { description.rank }
  package var isGGUF: Bool { description.form == .gguf }

  struct Stack: Sendable {
    var a: TensorDescription
    var b: TensorDescription
  }

  let source: any TensorSource
  let stacks: [SwitchSite: Stack]
  private let stackNames: Set<String>

  /// - Throws: ``SwitchError``; what opening the model throws.
  package init(path: String) throws {
    let model = try ModelSource(path: path)
    try self.init(try SwitchDescription(model), try model.tensors())
  }

  /// - Throws: ``SwitchError``.
  package init(_ description: SwitchDescription, _ tensors: any TensorSource) throws {
    self.description = description
    source = tensors
    stacks = try Self.stacks(
      tensors, isGGUF: description.form == .gguf, slotCount: description.slots.count, rank: description.rank,
      path: description.path)
    sites = stacks.keys.sorted()
    stackNames = Set(stacks.values.flatMap { [$0.a.name, $0.b.name] })
    guard let counts = description.headCounts else { return }
    for (site, stack) in stacks where site.module == .query || site.module == .key {
      let count = site.module == .query ? counts.query : counts.key
      guard stack.b.shape.dimensions[1] % (2 * count) == 0 else {
        throw SwitchError(
          .wrongShape, path: path, place: stack.b.name, problem: "its rows can't be divided into \(count) heads")
      }
    }
  }

  /// Whether a tensor holds slots' factors.
  package func isOfSlots(_ name: String) -> Bool { stackNames.contains(name) }

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
  package func factors(_ slot: SwitchSlot, at site: SwitchSite) throws -> SlotFactors? {
    guard let stack = stacks[site] else { return nil }
    // The base's zeros come first in a GGUF.
    return try factors(at: site, stack, index: slot.number - (isGGUF ? 0 : 1))
  }

  /// The factors that a GGUF gives the base, which have to add nothing; nil for a checkpoint, which has none.
  ///
  /// - Throws: what reading throws.
  func factorsOfBase(at site: SwitchSite) throws -> SlotFactors? {
    guard isGGUF, let stack = stacks[site] else { return nil }
    return try factors(at: site, stack, index: 0)
  }

  private func factors(at site: SwitchSite, _ stack: Stack, index: Int) throws -> SlotFactors {
    // A GGUF is made of a checkpoint, which usually is in BF16.
    let types = [stack.a.dtype, stack.b.dtype] + (isGGUF ? [.bf16] : [])
    var factors = SlotFactors(
      a: try elements(stack.a, slot: index), b: try elements(stack.b, slot: index), rank: rank,
      precision: types.map(SlotFactors.precision).max() ?? 0)
    if let headCounts = description.headCounts, site.module == .query || site.module == .key {
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
