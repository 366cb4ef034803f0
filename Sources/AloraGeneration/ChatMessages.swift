package import AloraJSON

/// A chat's messages in OpenAI's form, checked and made ready for a chat template.
package enum ChatMessages {
  /// The messages of a JSON list.
  ///
  /// Text parts of content become one string. Arguments of tool calls in the form of a JSON string become that JSON, because
  /// templates expect it.
  ///
  /// Source: OpenAI's chat completion API for the form; vLLM's `chat_utils.py` for the arguments.
  /// - Throws: ``JSONError`` (`wrongType`, `missing`) with the place.
  package static func messages(_ root: JSON) throws(JSONError) -> [JSONValue] {
    guard root.kind == .array else {
      var found = root.excerpt
      if root.kind == .object {
        let names = try root.members().map { $0.name }
        found = "an object"
        if names.contains("messages") { found += "; give the list in its member 'messages'" }
        if names.contains("role") { found = "one message; put it into a list" }
      }
      throw root.error(.wrongType, "expected a list of messages ([{\"role\": …, \"content\": …}]), found \(found)")
    }
    let elements = try root.elements()
    guard !elements.isEmpty else { throw root.error(.missing, "the list of messages is empty") }
    var messages: [JSONValue] = []
    for element in elements { messages.append(try message(element)) }
    return messages
  }

  /// A message of plain text.
  package static func message(_ role: String, _ content: String) -> JSONValue {
    ["role": .string(role), "content": .string(content)]
  }

  private static func message(_ value: JSON) throws(JSONError) -> JSONValue {
    guard value.kind == .object else {
      throw value.error(.wrongType, "expected a message with 'role' and 'content', found \(value.excerpt)")
    }
    _ = try value["role"].string()
    var members: [JSONValue.Member] = []
    for (name, member) in try value.members() {
      let kept =
        switch name {
        case "content": try content(member)
        case "tool_calls" where member.kind == .array: try toolCalls(member)
        default: try JSONValue(member)
        }
      members.append(.init(name, kept))
    }
    return .object(members)
  }

  private static func content(_ value: JSON) throws(JSONError) -> JSONValue {
    switch value.kind {
    case .string: return .string(try value.string())
    case .null: return .null
    case .array:
      var texts: [String] = []
      for part in try value.elements() {
        guard part.kind == .object else {
          throw part.error(.wrongType, "expected a part of content, found \(part.excerpt)")
        }
        let type = try part["type"]
        guard try type.string() == "text" else {
          throw type.error(.wrongType, "a part of type \(type.excerpt) is not text, and alora reads text only")
        }
        texts.append(try part["text"].string())
      }
      return .string(texts.joined(separator: "\n"))
    default: throw value.error(.wrongType, "expected text, found \(value.excerpt)")
    }
  }

  private static func toolCalls(_ list: JSON) throws(JSONError) -> JSONValue {
    var calls: [JSONValue] = []
    for call in try list.elements() {
      guard call.kind == .object else { throw call.error(.wrongType, "expected a tool call, found \(call.excerpt)") }
      var members: [JSONValue.Member] = []
      for (name, member) in try call.members() {
        let isFunction = name == "function" && member.kind == .object
        members.append(.init(name, try isFunction ? function(member) : JSONValue(member)))
      }
      calls.append(.object(members))
    }
    return .array(calls)
  }

  private static func function(_ value: JSON) throws(JSONError) -> JSONValue {
    var members: [JSONValue.Member] = []
    for (name, member) in try value.members() {
      let isText = name == "arguments" && member.kind == .string
      members.append(.init(name, try isText ? arguments(member.string()) : JSONValue(member)))
    }
    return .object(members)
  }

  /// The object in a JSON string, or the string itself.
  private static func arguments(_ text: String) -> JSONValue {
    let bytes = Array(text.utf8)
    // Safe: the document copies what it keeps.
    guard let document = try? JSONDocument(parsing: unsafe bytes.span.bytes), document.root.kind == .object,
      let value = try? JSONValue(document.root)
    else { return .string(text) }
    return value
  }
}
