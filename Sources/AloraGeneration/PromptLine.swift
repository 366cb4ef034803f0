package import AloraJSON

/// One line of a file of prompts.
package struct PromptLine {
  package enum Content {
    case text(String)
    case tokens([Int])
    case messages([JSONValue])
  }

  package let name: String?
  package let content: Content

  /// - Throws: ``FileError``; ``JSONError`` for a line without exactly one of a prompt's members.
  package static func all(path: String) throws -> [PromptLine] { try JSONLines.map(path: path, Self.init) }

  private init(_ line: JSON) throws(JSONError) {
    var found: [Content] = []
    for key in ["text", "prompt"] {
      if let text = try line[optional: key] { found.append(.text(try text.string())) }
    }
    if let tokens = try line[optional: "tokens"] {
      found.append(.tokens(try tokens.integers(in: 0...Int(Int32.max))))
    }
    if let messages = try line[optional: "messages"] {
      found.append(.messages(try ChatMessages.messages(messages)))
    }
    guard found.count == 1 else {
      throw line.error(.missing, "a prompt has exactly one of text, prompt, tokens and messages; found \(found.count)")
    }
    let id = try line[optional: "id"]
    name = try id.map { (id) throws(JSONError) in id.kind == .integer ? String(try id.integer()) : try id.string() }
    content = found[0]
  }
}
