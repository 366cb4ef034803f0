package import AloraTensors
package import AloraTokenization

/// The contents of a Granite Switch's slots: as its configuration describes them, and as its weights show them if there are any.
package struct SwitchContents: Sendable {
  /// What one slot changes.
  package struct Entry: Sendable {
    /// The modules of one kind, or of several in the same layers.
    package struct Group: Hashable, Sendable {
      package let modules: [SwitchSite.Module]
      /// In order.
      package let layers: [Int]
    }

    package let slot: SwitchSlot
    /// The pieces of its tokens in the vocabulary; nil without a tokenizer.
    package let controlText: String?
    package let substituteText: String?
    /// The largest rank that its weights have; nil without weights.
    package let rank: Int?
    package let groups: [Group]
  }

  package let description: SwitchDescription
  package let entries: [Entry]
  package let findings: [SwitchFinding]

  /// - Parameters:
  ///   - tensors: of the model; nil for a configuration alone.
  /// - Throws: ``SwitchError`` for slots that can't be read; what reading throws.
  package init(_ description: SwitchDescription, tensors: (any TensorSource)?, tokenizer: Tokenizer?) throws {
    self.description = description
    let model = try tensors.map { try SwitchModel(description, $0) }
    let embedding = tensors?.tensor(named: "token_embd.weight") ?? tensors?.tensor(named: "model.embed_tokens.weight")
    var findings = description.findings(
      vocabularySize: embedding?.shape.dimensions.first ?? description.vocabularySize,
      ordinaryText: { token in
        tokenizer.flatMap { $0.isSpecial(token) ? nil : $0.piece(of: token) }
      })
    entries = try description.slots.map { slot in
      let ranks = try model?.ranks(of: slot) ?? [:]
      let found = ranks.values.max()
      if model != nil, found == nil { findings.append(.emptySlot(slot.number)) }
      if let declared = slot.declaredRank, let found, found != declared {
        findings.append(.otherRank(slot: slot.number, declared: declared, found: found))
      }
      return Entry(
        slot: slot, controlText: tokenizer?.piece(of: slot.controlToken),
        substituteText: tokenizer?.piece(of: slot.substituteToken), rank: model == nil ? nil : found ?? 0,
        groups: Self.groups(ranks.keys.sorted()))
    }
    if let model {
      let changed = try model.sites.count { try !(model.factorsOfBase(at: $0)?.isZero ?? true) }
      if changed > 0 { findings.append(.changedBase(siteCount: changed)) }
      let found = (model.sites.last?.layer ?? -1) + 1
      if let declared = description.layerCount, declared != found {
        findings.append(.otherLayerCount(declared: declared, found: found))
      }
    }
    self.findings = findings
  }

  private static func groups(_ sites: [SwitchSite]) -> [Entry.Group] {
    var layers: [SwitchSite.Module: [Int]] = [:]
    for site in sites { layers[site.module, default: []].append(site.layer) }
    var groups: [Entry.Group] = []
    for module in SwitchSite.Module.allCases {
      guard let own = layers[module] else { continue }
      if let place = groups.firstIndex(where: { $0.layers == own }) {
        groups[place] = Entry.Group(modules: groups[place].modules + [module], layers: own)
      } else {
        groups.append(Entry.Group(modules: [module], layers: own))
      }
    }
    return groups
  }
}

extension SwitchModel {
  /// The rank of one slot in each module that it changes.
  ///
  /// - Throws: what reading throws.
  func ranks(of slot: SwitchSlot) throws -> [SwitchSite: Int] {
    var ranks: [SwitchSite: Int] = [:]
    for site in sites {
      guard let rank = try factors(slot, at: site)?.usedRank, rank > 0 else { continue }
      ranks[site] = rank
    }
    return ranks
  }
}
