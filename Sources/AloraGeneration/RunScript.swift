package import AloraJSON

/// One turn of a conversation: the text, and who answers.
package struct RunTurn {
  /// The text in UTF-8, for a model without a chat template.
  package var text: [UInt8]
  /// The text as messages.
  package var messages: [JSONValue]
  /// The adapter that answers; nil: the base.
  package var adapter: String?
  package var limit: Int?
  package var seed: Int?
  /// Whether a new conversation starts.
  package var resets = false
  /// Whether the turn is forgotten after the answer, so that the conversation continues as before.
  package var isFork = false
  /// Whether the turn is answered. System messages aren't.
  package var wantsAnswer: Bool { !isFromSystem }
  private let isFromSystem: Bool
  /// Whether the turn needs a chat template.
  package let needsChat: Bool

  package init(prompt: String, role: String = "user", adapter: String? = nil) {
    text = Array(prompt.utf8)
    messages = [ChatMessages.message(role, prompt)]
    isFromSystem = role == "system" || role == "developer"
    needsChat = false
    self.adapter = adapter
  }

  /// - Parameter messages: as ``ChatMessages/messages(_:)`` gives them.
  package init(messages: [JSONValue], adapter: String? = nil) {
    text = []
    self.messages = messages
    isFromSystem = false
    needsChat = true
    self.adapter = adapter
  }

  package init(_ conversation: Conversation, adapter: String?) {
    switch conversation.content {
    case .text(let bytes):
      self.init(prompt: "", adapter: adapter)
      text = bytes
      messages = []
    case .chat(let messages): self.init(messages: messages, adapter: adapter)
    }
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
        guard !turn.resets else { throw element.error(.wrongType, "a turn in a list can't reset the conversation") }
        turn.isFork = true
        batch.append(turn)
      }
      return batch
    }.filter { !$0.isEmpty }
  }

  private static func turn(_ value: JSON) throws(JSONError) -> RunTurn {
    var turn = try said(value)
    for (name, member) in try value.members() where !member.isNull {
      switch name {
      case "prompt", "messages", "role": break
      case "adapter": turn.adapter = try member.string()
      case "limit": turn.limit = try member.integer(in: 0...1_000_000)
      case "seed": turn.seed = try member.integer(in: 0...Int.max)
      case "reset": turn.resets = try member.boolean()
      case "fork": turn.isFork = try member.boolean()
      default:
        throw member.error(
          .wrongType,
          "unknown member '\(name)'; a turn has prompt or messages, adapter, role, limit, seed, reset and fork")
      }
    }
    return turn
  }

  private static func said(_ value: JSON) throws(JSONError) -> RunTurn {
    var role: String?
    if let named = try value[optional: "role"], !named.isNull { role = try named.string() }
    guard let messages = try value[optional: "messages"], !messages.isNull else {
      return RunTurn(prompt: try value["prompt"].string(), role: role ?? "user")
    }
    guard try value[optional: "prompt"] == nil, role == nil else {
      throw value.error(.wrongType, "a turn with messages can't have a prompt or a role")
    }
    return RunTurn(messages: try ChatMessages.messages(messages))
  }
}
