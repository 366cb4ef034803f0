internal import AloraAdapters
internal import AloraInference
package import AloraJSON
package import AloraModels
internal import AloraSystem
package import AloraTemplates
package import AloraTokenization

/// Turns conversations into a model's tokens.
package struct ConversationEncoder: Sendable {
  package let tokenizer: Tokenizer
  /// Nil if the model has none, or none is needed.
  package let template: ChatTemplate?
  /// The model's path, for messages.
  private let path: String
  private let date: TemplateDate?

  package init(tokenizer: Tokenizer, template: ChatTemplate?, path: String, date: TemplateDate? = .now()) {
    self.tokenizer = tokenizer
    self.template = template
    self.path = path
    self.date = date
  }

  /// Opens the tokenizer and, if it's needed, the chat template of a model.
  ///
  /// - Throws: ``TokenizationError`` `missingTokenizer`, also if a template is needed and missing; what reading throws.
  package init(source: ModelSource, needsTemplate: Bool) throws {
    self.init(
      tokenizer: try source.tokenizer(), template: needsTemplate ? try source.chatTemplate() : nil, path: source.path)
    if needsTemplate, template == nil { throw missingTemplate }
  }

  /// The tokens of a prompt of a model, at least one.
  ///
  /// - Throws: as ``init(model:needsTemplate:)`` and ``tokens(_:invocation:addsSpecialTokens:)``; ``InferenceError``
  ///   `noTokens`.
  package static func promptTokens(_ conversation: Conversation, model: String, invocation: [Int]?) throws -> [Int] {
    let tokens = try ConversationEncoder(model: model, needsTemplate: conversation.isChat)
      .tokens(conversation, invocation: invocation)
    guard !tokens.isEmpty else {
      throw InferenceError(
        .noTokens, path: model, problem: "the prompt is empty: without a token, nothing can be computed")
    }
    return tokens
  }

  /// Opens the same at a path, which may also be a tokenizer's alone.
  ///
  /// - Throws: as ``init(source:needsTemplate:)``.
  package init(model path: String, needsTemplate: Bool) throws {
    self.init(
      tokenizer: try Tokenizer(path: path), template: needsTemplate ? try ChatTemplate.ofModel(path) : nil, path: path)
    if needsTemplate, template == nil { throw missingTemplate }
  }

  /// What transformers 5 makes of a text, if it makes something else of it.
  ///
  /// - Parameters:
  ///   - tokens: what this encoder makes of it.
  ///   - encode: the text's tokens by an encoder.
  /// - Throws: what `encode` throws.
  func transformers5Tokens(
    unlike tokens: [Int], _ encode: (ConversationEncoder) throws -> [Int]
  ) throws -> (className: String, tokens: [Int])? {
    guard let built = tokenizer.built else { return nil }
    let theirs = try encode(
      ConversationEncoder(tokenizer: built.tokenizer(), template: template, path: path, date: date))
    return theirs == tokens ? nil : (built.className, theirs)
  }

  private var missingTemplate: TokenizationError {
    TokenizationError(
      .missingTokenizer, path: path, problem: "the model has no chat template", remedy: .plainPrompt)
  }

  /// The text of a chat.
  ///
  /// - Parameter addsGenerationPrompt: whether the text ends where the assistant's answer begins.
  /// - Throws: ``TokenizationError`` `missingTokenizer` without a template; `systemTwice`; what the template throws.
  package func text(
    of messages: [JSONValue], frame: ChatFrame = ChatFrame(), addsGenerationPrompt: Bool = true
  ) throws -> String {
    guard let template else { throw missingTemplate }
    var messages = messages
    if let system = frame.system {
      guard !Self.isSystem(messages.first) else {
        throw GenerationError(
          .systemTwice, path: nil, place: nil, problem: "the messages already begin with a system message",
          remedy: "give the system message only once")
      }
      messages.insert(ChatMessages.message("system", system), at: 0)
    }
    let variables = frame.variables.isEmpty ? nil : try Self.document(.object(frame.variables))
    return try template.render(
      messages: Self.document(.array(messages)), tools: frame.tools.map(Self.document),
      addsGenerationPrompt: addsGenerationPrompt, variables: variables, date: date)
  }

  private static func isSystem(_ message: JSONValue?) -> Bool {
    guard case .object(let members)? = message, let role = members.first(where: { $0.name == "role" }) else {
      return false
    }
    return role.value == .string("system") || role.value == .string("developer")
  }

  private static func document(_ value: JSONValue) throws -> JSON {
    let bytes = Array(value.serialized(isPretty: false).utf8)
    // Safe: the document copies what it keeps.
    return try JSONDocument(parsing: unsafe bytes.span.bytes).root
  }

  /// The tokens of a chat, ready for an adapter or the base to answer.
  ///
  /// An Activated LoRA's invocation takes the place of the generation prompt, unless the template writes it anyway. A control
  /// token is written before the generation prompt, unless the template puts it elsewhere.
  /// - Parameters:
  ///   - invocation: nil for the base or a plain LoRA.
  ///   - slot: the adapter's name, if it is in a slot of a Granite Switch, whose template may read it.
  /// - Throws: as ``text(of:frame:addsGenerationPrompt:)``; what tokenizing throws.
  package func tokens(
    of messages: [JSONValue], frame: ChatFrame = ChatFrame(), invocation: [Int]?, slot: String? = nil
  ) throws -> [Int] {
    var frame = frame
    if let slot, !frame.variables.contains(where: { $0.name == "adapter_name" }) {
      frame.variables.append(.init("adapter_name", .string(slot)))
    }
    func encoded(_ addsGenerationPrompt: Bool) throws -> [Int] {
      try tokenizer.encode(
        text(of: messages, frame: frame, addsGenerationPrompt: addsGenerationPrompt), addsSpecialTokens: false)
    }
    let tokens = try encoded(true)
    guard let invocation, InvocationSearch.lastOccurrence(of: invocation, in: tokens) == nil else { return tokens }
    let head = try encoded(false)
    guard slot != nil else { return head + invocation }
    let count = zip(head, tokens).prefix { $0 == $1 }.count
    return tokens[..<count] + invocation + tokens[count...]
  }

  /// The tokens of a conversation.
  ///
  /// - Parameter addsSpecialTokens: whether a plain text gets the special tokens that the tokenizer adds.
  /// - Throws: as ``tokens(of:frame:invocation:)``.
  package func tokens(_ conversation: Conversation, invocation: [Int]?, addsSpecialTokens: Bool = true) throws -> [Int]
  {
    switch conversation.content {
    case .text(let bytes): try tokenizer.encode(bytes: bytes, addsSpecialTokens: addsSpecialTokens)
    case .chat(let messages): try tokens(of: messages, frame: conversation.frame, invocation: invocation)
    }
  }
}
