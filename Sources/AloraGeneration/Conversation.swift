internal import AloraSystem
package import AloraJSON
internal import AloraTokenization

/// A prompt as a user gives it: plain text, or a chat for the model's template.
package struct Conversation: Sendable {
  package enum Content: Sendable {
    /// UTF-8, written as it is.
    case text([UInt8])
    /// Messages for the chat template; see ``ChatMessages``.
    case chat([JSONValue])
  }

  package var content: Content
  package var frame: ChatFrame

  /// Whether it goes through the chat template.
  package var isChat: Bool { if case .chat = content { true } else { false } }

  package init(_ content: Content, frame: ChatFrame = ChatFrame()) {
    self.content = content
    self.frame = frame
  }

  /// A text that a user says, or that is the whole prompt.
  ///
  /// - Parameter isChat: whether the text is a user's message.
  /// - Throws: ``FileError``; ``TokenizationError`` `invalidUTF8`.
  package init(text: Source, isChat: Bool, frame: ChatFrame) throws {
    let bytes: [UInt8]
    switch text {
    case .text(let text): bytes = Array(text.utf8)
    case .file(let path):
      let file = try MappedFile(path: path)
      bytes = try file.read(0..<file.byteCount)
    }
    self.init(.text(bytes), frame: frame)
    guard isChat else { return }
    guard let message = String(validating: bytes, as: UTF8.self) else {
      throw TokenizationError(
        .invalidUTF8, path: text.path, problem: "the text is not valid UTF-8", remedy: "convert the text to UTF-8 first"
      )
    }
    content = .chat([ChatMessages.message("user", message)])
  }

  /// The messages in a file.
  ///
  /// - Throws: ``FileError``, ``JSONError``.
  package init(messagesPath path: String, frame: ChatFrame) throws {
    self.init(.chat(try ChatMessages.messages(JSONDocument(path: path).root)), frame: frame)
  }

  /// Where a text comes from.
  package enum Source: Sendable {
    case text(String)
    case file(String)

    var path: String? { if case .file(let path) = self { path } else { nil } }
  }
}

/// The parts of a chat besides its messages.
package struct ChatFrame: Sendable {
  /// The first message's text, if it is the system's.
  package var system: String?
  /// Descriptions of functions.
  package var tools: JSONValue?
  /// Whatever else a template reads, `documents` included.
  package var variables: [JSONValue.Member] = []

  package init() {}

  /// - Parameters:
  ///   - tools: a file with a JSON list.
  ///   - documents: a file with a JSON list of objects.
  ///   - variables: a file with a JSON object.
  /// - Throws: ``FileError``, ``JSONError``.
  package init(system: String?, tools: String?, documents: String?, variables: String?) throws {
    self.system = system
    self.tools = try tools.map { try Self.list("tools", path: $0) }
    if let variables {
      let root = try JSONDocument(path: variables).root
      guard root.kind == .object else {
        throw root.error(.wrongType, "expected an object with the template's variables, found \(root.excerpt)")
      }
      self.variables = try root.members().map { .init($0.name, try JSONValue($0.value)) }
    }
    if let documents {
      let list = try Self.list("documents", path: documents)
      self.variables.removeAll { $0.name == "documents" }
      self.variables.append(.init("documents", list))
    }
  }

  /// Whether nothing was given.
  package var isEmpty: Bool { system == nil && tools == nil && variables.isEmpty }

  private static func list(_ noun: String, path: String) throws -> JSONValue {
    let root = try JSONDocument(path: path).root
    guard root.kind == .array else {
      throw root.error(.wrongType, "expected a list of \(noun), found \(root.excerpt)")
    }
    for element in try root.elements() where element.kind != .object {
      throw element.error(.wrongType, "expected an object in the list of \(noun), found \(element.excerpt)")
    }
    return try JSONValue(root)
  }
}
