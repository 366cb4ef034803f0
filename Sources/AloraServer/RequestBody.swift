internal import AloraJSON
internal import AloraSchemas
internal import HTTPTypes

/// The kinds of bodies that requests have. Reading one is everything that happens before an answer is computed.
package enum RequestBody: CaseIterable, Sendable {
  case chat, text, completion, ollamaChat, ollamaGenerate, adapterList

  /// Reads a body and does nothing with it.
  ///
  /// - Returns: the status and message of the refusal that the caller would get; nil if the body is accepted.
  package func refusal(of bytes: [UInt8], _ state: ServerState) -> (status: Int, message: String)? {
    do {
      // Safe: the document copies what it keeps.
      let root = try JSONDocument(parsing: unsafe bytes.span.bytes).root
      for question in try questions(root, state) {
        if let schema = question.form.schemaText { _ = try state.schemas.masks(of: schema) }
      }
      return nil
    } catch {
      let failure = ServerError(error)
      return (failure.status.code, failure.message)
    }
  }

  private func questions(_ root: JSON, _ state: ServerState) throws -> [Question] {
    switch self {
    case .chat: return try ChatCompletions(state: state).questions(RequestFields(root))
    case .text: return try TextCompletions(state: state).questions(RequestFields(root))
    case .completion: return [try LlamaServerRoutes(state: state).question(RequestFields(root))]
    case .ollamaChat: return [try OllamaRoutes(state: state).question(RequestFields(root), isChat: true)]
    case .ollamaGenerate: return [try OllamaRoutes(state: state).question(RequestFields(root), isChat: false)]
    case .adapterList:
      _ = try state.adapter(list: root)
      return []
    }
  }
}
