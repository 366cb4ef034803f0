internal import AloraJSON

/// One turn of a conversation: what is said, and who answers.
package struct RunTurn {
  package var prompt: String
  /// The adapter that answers; nil: the base.
  package var adapter: String?
  package var role = "user"
  package var limit: Int?
  package var seed: Int?
  /// Whether the conversation begins anew.
  package var resets = false
  /// Whether the turn is forgotten when it is answered, and the conversation goes on as it was.
  package var isFork = false

  package init(prompt: String, adapter: String? = nil) {
    self.prompt = prompt
    self.adapter = adapter
  }
}

/// A conversation in a file: a turn on each line, or an array of turns that are answered together.
package enum RunScript {
  /// - Throws: ``FileError``; ``JSONError`` with the line for its place.
  package static func turns(path: String) throws -> [[RunTurn]] {
    try JSONLines.map(path: path) { root throws(JSONError) in
      guard root.kind == .array else { return [try turn(root)] }
      var batch: [RunTurn] = []
      for element in try root.elements() {
        var turn = try turn(element)
        guard !turn.resets else { throw element.error(.wrongType, "a turn among several cannot reset") }
        turn.isFork = true
        batch.append(turn)
      }
      return batch
    }.filter { !$0.isEmpty }
  }

  private static func turn(_ value: JSON) throws(JSONError) -> RunTurn {
    var turn = RunTurn(prompt: try value["prompt"].string())
    for (name, member) in try value.members() where !member.isNull {
      switch name {
      case "prompt": break
      case "adapter": turn.adapter = try member.string()
      case "role": turn.role = try member.string()
      case "limit": turn.limit = try member.integer(in: 0...1_000_000)
      case "seed": turn.seed = try member.integer(in: 0...Int.max)
      case "reset": turn.resets = try member.boolean()
      case "fork": turn.isFork = try member.boolean()
      default:
        throw member.error(
          .wrongType, "a turn has prompt, adapter, role, limit, seed, reset and fork, but no '\(name)'")
      }
    }
    return turn
  }
}
