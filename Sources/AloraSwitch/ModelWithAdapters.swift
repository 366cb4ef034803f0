package import AloraAdapters
internal import AloraGGUF
package import AloraModels
internal import AloraSystem
internal import AloraTensors

/// A model, and the adapters that it brings along: those in the slots of a Granite Switch.
///
/// A slot is an adapter that is active from its control token on, the control token included. A text that switches on two
/// slots is none of these: the switch changes the adapter in the middle of it, or averages.
package struct ModelWithAdapters: Sendable {
  /// Without the slots.
  package let source: ModelSource
  /// By their names; empty for an ordinary model.
  package let adapters: [(name: String, adapter: BoundAdapter)]

  /// A model alone, for what computes without the adapters that it may bring along.
  package init(without source: ModelSource) { (self.source, adapters) = (source, []) }

  /// - Throws: what opening the model throws; ``SwitchError`` for a switch that can't be run.
  package init(path: String) throws {
    let model = try ModelSource(path: path)
    guard try Self.isSwitch(model) else {
      (source, adapters) = (model, [])
      return
    }
    let slots = try SwitchModel(try SwitchDescription(model), try model.weights())
    if let site = try slots.sites.first(where: { try !(slots.factorsOfBase(at: $0)?.isZero ?? true) }) {
      throw SwitchError(
        .unsupportedBase, path: path, place: "layer \(site.layer) \(site.module)",
        problem: "slot 0, which is the base, has factors that aren't 0")
    }
    let names = slots.description.adapterNames
    let reset = slots.description.resetToken
    let tokens = ControlTokens(
      slots: zip(names, slots.slots).map { name, slot in
        ControlTokens.Slot(name: name, token: slot.controlToken, substitute: slot.substituteToken)
      }, reset: reset.map { ControlTokens.Slot(name: "", token: $0.control, substitute: $0.substitute) },
      averages: slots.description.averages)
    source = try slots.base(of: model, tokens)
    let base = try source.base()
    let size = base.hyperparameters.vocabularySize
    if let outside = tokens.substitutes.first(where: { $0.key >= size || $0.value >= size }) {
      throw SwitchError(
        .inconsistentSlots, path: path,
        problem: "\(max(outside.key, outside.value)) is not a token of the model, which has \(size)")
    }
    adapters = try zip(names, slots.slots).map { (name: $0, adapter: try slots.adapter(of: $1, base: base)) }
  }
}

extension ModelWithAdapters {
  /// Whether there is a model at a path that brings adapters along.
  package static func isThere(path: String) -> Bool { (try? isSwitch(ModelSource(path: path))) ?? false }

  private static func isSwitch(_ model: ModelSource) throws -> Bool {
    if let gguf = model.gguf { return SwitchDescription.describes(metadata: gguf.metadata) }
    return SwitchDescription.describes(configuration: try model.configuration())
  }
}

extension SwitchDescription {
  /// A name for each slot: its own if no other has it, or else its number.
  package var adapterNames: [String] {
    var counts: [[UInt8]: Int] = [:]
    for slot in slots { counts[Array((slot.name ?? "").utf8), default: 0] += 1 }
    return slots.map { slot in
      guard let name = slot.name, !name.isEmpty, name != "base", !name.hasPrefix("slot-"),
        counts[Array(name.utf8)] == 1
      else { return "slot-\(slot.number)" }
      return name
    }
  }
}

extension SwitchModel {
  /// A slot as an adapter of the base.
  ///
  /// - Throws: ``AdapterError``; ``SwitchError`` `unsupportedType`.
  func adapter(of slot: SwitchSlot, base: BaseModel) throws -> BoundAdapter {
    let pairs = try sites.compactMap { site -> BoundAdapter.BuiltInPair? in
      guard let stack = stacks[site], try !(factors(slot, at: site)?.isZero ?? true) else { return nil }
      let (a, b) = (try part(of: stack.a, slot), try part(of: stack.b, slot))
      return BoundAdapter.BuiltInPair(
        target: "blk.\(site.layer).\(site.module.ggufName).weight", a: a, b: b,
        fileOfA: try source.file(of: stack.a), fileOfB: try source.file(of: stack.b))
    }
    return try BoundAdapter(
      path: path, base: base, pairs: pairs, isInGGUFOrder: isGGUF, controlToken: slot.controlToken)
  }

  /// One slot's matrix of a stack.
  private func part(of stack: TensorDescription, _ slot: SwitchSlot) throws -> TensorDescription {
    let matrix = Array(stack.shape.dimensions.suffix(2))
    let count = matrix[0] * matrix[1]
    let index = slot.number - (isGGUF ? 0 : 1)
    guard let shape = Shape(matrix), let start = stack.dtype.byteCount(elementCount: index * count),
      let end = stack.dtype.byteCount(elementCount: (index + 1) * count)
    else {
      throw SwitchError(
        .unsupportedType, path: path, place: stack.name,
        problem: "a slot isn't a whole number of \(stack.dtype.name) blocks")
    }
    let first = stack.byteRange.lowerBound
    return TensorDescription(
      name: "\(stack.name)[\(index)]", dtype: stack.dtype, shape: shape,
      byteRange: (first + start)..<(first + end))
  }
}
