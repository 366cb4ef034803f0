package import AloraJSON
package import AloraSwitch
internal import AloraSystem

/// The adapters in the slots of a Granite Switch, each compared with its library's.
package struct SwitchReport: CheckedReport {
  let check: SwitchCheck
  let library: String

  package init(_ check: SwitchCheck, library: String) {
    self.check = check
    self.library = library
  }

  package var passed: Bool { check.passed }

  // MARK: Words

  /// The adapter's directory, below the library.
  private func name(_ path: String) -> String {
    let root = library.hasSuffix("/") ? library : library + "/"
    return path.hasPrefix(root) ? String(path.dropFirst(root.count)) : path
  }

  private static func text(_ site: SwitchSite) -> String { "layer \(site.layer) \(site.module)" }

  private static func list(_ sites: [SwitchSite]) -> String {
    let shown = sites.prefix(3).map(text).joined(separator: ", ")
    return sites.count > 3 ? "\(shown) and \(sites.count - 3) more" : shown
  }

  private func title(_ entry: SwitchCheck.Entry) -> String {
    "slot \(entry.slot.number)" + (entry.slot.name.map { " (\($0))" } ?? "")
  }

  private func detail(_ entry: SwitchCheck.Entry) -> String {
    let tokens = "token \(entry.slot.controlToken), read as \(entry.slot.substituteToken)"
    guard let adapter = entry.adapter else { return tokens }
    let rank = entry.rank.map { ", rank \($0)" } ?? ""
    let scaling = entry.scaling.map { ", scaling \(Figure($0, digits: 3))" } ?? ""
    return "\(name(adapter))\(rank)\(scaling); \(tokens)"
  }

  private func failures(_ entry: SwitchCheck.Entry) -> [String] {
    var texts: [String] = []
    switch entry.outcome {
    case .equal, .empty: break
    case .unknown: texts.append("no adapter of the library has this slot's A")
    case .otherWeights(let sites): texts.append("B isn't a multiple of the adapter's in \(Self.list(sites))")
    case .wrongScaling(let wrong, let cause):
      let first = wrong[0]
      let reason =
        switch cause {
        case .rankStabilizationIgnored: ": lora_alpha / r was used, without use_rslora"
        case .alphaPatternIgnored: ": lora_alpha / r was used, without alpha_pattern"
        case .rankPatternIgnored: ": lora_alpha / r was used, without rank_pattern"
        case nil: ""
        }
      texts.append(
        "the scaling is \(Figure(first.found, digits: 3)), and PEFT's is \(Figure(first.expected, digits: 3)), in "
          + "\(Self.list(wrong.map(\.site)))\(reason)")
    }
    if !entry.isRankRight, let rank = entry.rank, let declared = entry.slot.declaredRank {
      texts.append("the model gives it rank \(declared), and the adapter has rank \(rank)")
    }
    return texts
  }

  private var notes: [String] {
    var notes = check.unused.map { "\(name($0)) is in no slot" }
    notes += check.model.description.averageFindings.map { "\(NoteText($0))" }
    return notes
  }

  private var misplaced: [String] {
    check.misplaced.map { item in
      "\(name(item.path)): a switch has no place for \(item.modules.prefix(3).joined(separator: ", "))"
        + (item.modules.count > 3 ? " and \(item.modules.count - 3) more modules" : "")
    }
  }

  // MARK: Forms

  package var list: CheckList {
    var checks = check.entries.map { entry in
      CheckList.Check(
        name: title(entry),
        outcome: entry.outcome == .empty ? .skipped : entry.passed ? .passed : .failed,
        detail: entry.outcome == .empty ? "empty; \(detail(entry))" : detail(entry), failures: failures(entry))
    }
    if !misplaced.isEmpty {
      checks.append(
        CheckList.Check(
          name: "modules", outcome: .failed, detail: "modules of adapters in slots are left out", failures: misplaced))
    }
    return CheckList(
      title: "alora verify (switch)", subject: check.model.path, properties: [("library", library)], group: "switch",
      checks: checks)
  }

  package func text(style: TextStyle) -> String {
    list.text(style: style, nameWidth: 22) + notes.map { "note: \($0.escapingControlCharacters())\n" }.joined()
  }

  /// For machines (schemas/verify-library.schema.json).
  package var json: JSONValue {
    [
      "model": .string(check.model.path), "library": .string(library), "passed": .boolean(check.passed),
      "rank": .integer(check.model.rank), "gain": check.model.description.gain.map { .number($0) } ?? .null,
      "slots": .array(check.entries.map(json)), "unused": .array(check.unused.map { .string($0) }),
      "unreadable": .array(check.unreadable.map { ["path": .string($0.path), "problem": .string($0.problem)] }),
      "misplaced": .array(
        check.misplaced.map { ["path": .string($0.path), "modules": .array($0.modules.map { .string($0) })] }),
      "notes": .array(notes.map { .string($0) }),
    ]
  }

  private func json(_ entry: SwitchCheck.Entry) -> JSONValue {
    var (wrong, others): ([SwitchCheck.WrongScaling], [SwitchSite]) = ([], [])
    var cause: String?
    let outcome: String
    switch entry.outcome {
    case .equal: outcome = "equal"
    case .empty: outcome = "empty"
    case .unknown: outcome = "unknown"
    case .otherWeights(let sites): (outcome, others) = ("other-weights", sites)
    case .wrongScaling(let list, let reason):
      (outcome, wrong) = ("wrong-scaling", list)
      cause =
        switch reason {
        case .rankStabilizationIgnored: "rank-stabilization-ignored"
        case .alphaPatternIgnored: "alpha-pattern-ignored"
        case .rankPatternIgnored: "rank-pattern-ignored"
        case nil: nil
        }
    }
    func module(_ site: SwitchSite) -> [JSONValue.Member] {
      [.init("layer", .integer(site.layer)), .init("module", .string("\(site.module)"))]
    }
    return [
      "slot": .integer(entry.slot.number), "name": entry.slot.name.map { .string($0) } ?? .null,
      "control_token": .integer(entry.slot.controlToken), "substitute_token": .integer(entry.slot.substituteToken),
      "declared_rank": entry.slot.declaredRank.map { .integer($0) } ?? .null, "outcome": .string(outcome),
      "cause": cause.map { .string($0) } ?? .null, "adapter": entry.adapter.map { .string($0) } ?? .null,
      "rank": entry.rank.map { .integer($0) } ?? .null, "scaling": entry.scaling.map { .number($0) } ?? .null,
      "wrong_scalings": .array(
        wrong.map {
          .object(module($0.site) + [.init("found", .number($0.found)), .init("expected", .number($0.expected))])
        }),
      "other_weights": .array(others.map { .object(module($0)) }), "passed": .boolean(entry.passed),
    ]
  }
}
