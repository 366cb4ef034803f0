internal import AloraInspection
internal import AloraJSON
internal import AloraSwitch
internal import AloraSystem

extension Inspection {
  /// The slots' fields, and notes about them.
  func addSwitch(to fields: inout FieldTable) {
    switch slots {
    case nil: break
    case .failure(let reason):
      let place = reason.place.map { "\($0): " } ?? ""
      fields.add("note", "the slots can't be read: \(place)\(reason.problem)", style: .yellow)
    case .success(let contents):
      let description = contents.description
      let gain = description.gain.map { ", gain \($0)" } ?? ""
      fields.add("switch", "\(counted(description.slots.count, "slot")) of rank up to \(description.rank)\(gain)")
      fields.add("scaling", "multiplied into B, and not stored")
      if let reset = description.resetToken {
        fields.add("reset", "token \(reset.control), read as \(reset.substitute), returns to the base")
      }
      for finding in contents.findings { fields.add("note", "\(NoteText(finding))", style: .yellow) }
    }
  }

  /// A row for each slot; one more for each set of layers that other modules of it are in.
  var switchTable: String? {
    guard case .success(let contents) = slots else { return nil }
    let last = contents.entries.flatMap(\.groups).compactMap(\.layers.last).max() ?? 0
    var table = ColumnTable(rightAligned: [0])
    table.add(["slot", "name", "rank", "control token", "read as", "modules", "layers 0…\(last)"])
    func token(_ id: Int, _ text: String?) -> String { text.map { "\(id) \"\($0)\"" } ?? "\(id)" }
    for entry in contents.entries {
      let slot = entry.slot
      let rank = [slot.declaredRank, entry.rank].compactMap { $0 }
      let row = [
        "\(slot.number)", slot.name ?? "", rank.last.map { "\($0)" } ?? "", token(slot.controlToken, entry.controlText),
        token(slot.substituteToken, entry.substituteText),
      ]
      if entry.groups.isEmpty { table.add(row + [entry.rank == nil ? "" : "none", ""]) }
      for (index, group) in entry.groups.enumerated() {
        let modules = group.modules.map { "\($0)" }.joined(separator: ", ")
        let head = index == 0 ? row : [String](repeating: "", count: row.count)
        table.add(head + [modules, layerRow(group.layers, through: last)])
      }
    }
    return table.text
  }

  /// The switch for machines (schemas/inspect.schema.json).
  var switchJSON: JSONValue? {
    switch slots {
    case nil: return nil
    case .failure(let reason):
      return ["problem": .string((reason.place.map { "\($0): " } ?? "") + reason.problem)]
    case .success(let contents):
      let description = contents.description
      return [
        "form": .string(Self.name(description.form)), "rank": .integer(description.rank),
        "gain": description.gain.map { .number($0) } ?? .null,
        "reset_token": description.resetToken.map {
          ["control_token": .integer($0.control), "substitute_token": .integer($0.substitute)]
        } ?? .null,
        "slots": .array(contents.entries.map(Self.json)),
        "notes": .array(
          contents.findings.map { finding in
            [
              "code": .string(finding.code), "slots": .array(finding.slots.map { .integer($0) }),
              "text": .string("\(NoteText(finding))"),
            ]
          }),
      ]
    }
  }

  private static func name(_ form: SwitchDescription.Form) -> String {
    switch form {
    case .checkpoint: "checkpoint"
    case .earlyCheckpoint: "early-checkpoint"
    case .gguf: "gguf"
    }
  }

  private static func json(_ entry: SwitchContents.Entry) -> JSONValue {
    let slot = entry.slot
    return [
      "slot": .integer(slot.number), "name": slot.name.map { .string($0) } ?? .null,
      "control_token": .integer(slot.controlToken), "control_text": entry.controlText.map { .string($0) } ?? .null,
      "substitute_token": .integer(slot.substituteToken),
      "substitute_text": entry.substituteText.map { .string($0) } ?? .null,
      "declared_rank": slot.declaredRank.map { .integer($0) } ?? .null,
      "rank": entry.rank.map { .integer($0) } ?? .null,
      "modules": .array(
        entry.groups.flatMap { group in
          group.modules.map { module in
            ["module": .string("\(module)"), "layers": .array(group.layers.map { .integer($0) })]
          }
        }),
    ]
  }
}
