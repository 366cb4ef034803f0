internal import AloraJSON
internal import AloraSystem

/// The protocols that servers can be asked through.
package enum EngineProtocol: String, CaseIterable, Sendable {
  case llamaServer = "llama-server"
  case openAI = "openai"
  case ollama

  /// The protocol that a server answers; of several, the one that can ask more.
  ///
  /// - Throws: ``ServerError``: `unsupported` if it answers none of them; what connecting throws.
  package static func detected(at address: ServerAddress, timeout: Double) throws(ServerError) -> EngineProtocol {
    let endpoint = JSONEndpoint(address: address, timeout: timeout, bodyByteLimit: 1 << 24)
    var first: ServerError?
    for (engine, path, members) in [
      (Self.llamaServer, "/props", ["build_info", "default_generation_settings"]),
      (.ollama, "/api/version", ["version"]), (.openAI, "/v1/models", ["data"]),
    ] {
      do throws(ServerError) {
        let isThere = try endpoint.ask("GET", path) { root throws(JSONError) in
          for name in members where try root[optional: name] != nil { return true }
          throw root.error(.missing, "it has no '\(members[0])'")
        }
        if isThere { return engine }
      } catch {
        guard error.code == .refused || error.code == .malformedResponse else { throw error }
        first = first ?? error
      }
    }
    // A server that answers with something else has its own message, which says more.
    if let first, first.code == .malformedResponse { throw first }
    throw ServerError(
      .unsupported, url: "\(address)",
      "the server answers neither /props (llama-server), /api/version (Ollama) nor /v1/models")
  }
}
