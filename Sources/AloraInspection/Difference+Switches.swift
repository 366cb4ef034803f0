internal import AloraAdapters
internal import AloraSwitch
internal import AloraSystem
internal import AloraTensors

extension Difference {
  /// Two Granite Switches, whose slots are compared whatever form they are in.
  struct Switches {
    let first: SwitchModel
    let second: SwitchModel

    /// Nil if one of them isn't a switch, or its slots can't be read: then tensors alone are compared.
    init?(_ first: Subject, _ second: Subject) throws {
      do {
        guard let left = try first.graniteSwitch(), let right = try second.graniteSwitch(), let tensors = left.tensors,
          let others = right.tensors
        else { return nil }
        self.first = try SwitchModel(left.description, tensors)
        self.second = try SwitchModel(right.description, others)
      } catch let error as any DiagnosedError where error.category == .refusedInput {
        return nil
      }
    }

    /// Tensors of a checkpoint and of a GGUF have other names and other rows.
    var haveOneForm: Bool { first.isGGUF == second.isGGUF }

    func isOfSlots(_ name: String) -> Bool { first.isOfSlots(name) || second.isOfSlots(name) }

    /// The differences of the slots. A module that a slot leaves out is the same as one with factors of zeros.
    ///
    /// - Throws: what reading the factors throws.
    func entries() throws -> (entries: [Entry], comparedTensorCount: Int) {
      var (entries, compared): ([Entry], Int) = ([], 0)
      let slots = (first.slots, second.slots)
      for index in 0..<max(slots.0.count, slots.1.count) {
        let name = "slot.\(index + 1)"
        guard index < slots.0.count, index < slots.1.count else {
          let slot = index < slots.0.count ? slots.0[index] : slots.1[index]
          let value = Entry.Value.tokens([slot.controlToken])
          entries.append(
            index < slots.0.count
              ? Entry(.onlyInFirst, name, first: value) : Entry(.onlyInSecond, name, second: value))
          continue
        }
        let (one, other) = (slots.0[index], slots.1[index])
        entries += Self.descriptions(name, one, other)
        for site in Set(first.sites).union(second.sites).sorted() {
          let found = try Self.factors("\(name).\(site.layer).\(site.module)", self, one, other, site)
          entries += found
          compared += 2
        }
      }
      return (entries, compared)
    }

    /// A GGUF has neither names nor ranks of its own.
    private static func descriptions(_ name: String, _ one: SwitchSlot, _ other: SwitchSlot) -> [Entry] {
      var entries: [Entry] = []
      if let first = one.name, let second = other.name, !first.utf8.elementsEqual(second.utf8) {
        entries.append(Entry(.metadata, "\(name).name", first: .metadata(first), second: .metadata(second)))
      }
      if let first = one.declaredRank, let second = other.declaredRank, first != second {
        entries.append(Entry(.metadata, "\(name).rank", first: .rank(first), second: .rank(second)))
      }
      for (key, first, second) in [
        ("control_token", one.controlToken, other.controlToken),
        ("substitute_token", one.substituteToken, other.substituteToken),
      ] where first != second {
        entries.append(
          Entry(.metadata, "\(name).\(key)", first: .metadata("\(first)"), second: .metadata("\(second)")))
      }
      return entries
    }

    private static func factors(
      _ name: String, _ switches: Self, _ one: SwitchSlot, _ other: SwitchSlot, _ site: SwitchSite
    ) throws -> [Entry] {
      let left = try switches.first.factors(one, at: site).flatMap { $0.usedRank > 0 ? $0 : nil }
      let right = try switches.second.factors(other, at: site).flatMap { $0.usedRank > 0 ? $0 : nil }
      guard let left, let right else {
        if let left { return [Entry(.onlyInFirst, name, first: .rank(left.usedRank))] }
        return right.map { [Entry(.onlyInSecond, name, second: .rank($0.usedRank))] } ?? []
      }
      guard left.usedRank == right.usedRank else {
        return [Entry(.shape, name, first: .rank(left.usedRank), second: .rank(right.usedRank))]
      }
      let rank = left.usedRank
      return [
        (GGUFAdapterFormat.suffixA, left.a(ofRank: rank), right.a(ofRank: rank)),
        (GGUFAdapterFormat.suffixB, left.b(ofRank: rank), right.b(ofRank: rank)),
      ].compactMap { suffix, one, other in
        guard one.count == other.count else {
          return Entry(.shape, name + suffix, first: .elementCount(one.count), second: .elementCount(other.count))
        }
        let delta = largestDelta(one, other)
        return delta == 0 ? nil : Entry(.values, name + suffix, largestDelta: delta)
      }
    }
  }
}
