internal import HTTPTypes
internal import Hummingbird

/// Lets only those in who may call: by key, by the host that they name, and by the page that they come from.
///
/// A page in somebody's browser can reach a server on the loopback. It can't choose its Origin, and the Host is the name that it
/// used, so that a name which somebody points at 127.0.0.1 gives it away.
struct Guard: RouterMiddleware {
  let options: ServerOptions

  func handle(
    _ request: Request, context: BasicRequestContext,
    next: (Request, BasicRequestContext) async throws -> Response
  ) async throws -> Response {
    let origin = request.headers[.origin]
    do {
      try check(host: request.head.authority ?? request.headers[.init("Host")!])
      try check(origin: origin, host: request.head.authority)
      if request.method == .options, let origin { return preflight(origin) }
      if request.uri.path != "/health" { try check(key: request.headers[.authorization]) }
      var response = try await next(request, context)
      if let origin { response.headers[.accessControlAllowOrigin] = origin }
      return response
    } catch {
      guard !(error is CancellationError) else { throw error }
      if let error = error as? HTTPError, error.status == .notFound {
        return .error(ServerError(.notFound, "there is nothing at this path", code: "unknown_path"))
      }
      let failure = ServerError(error)
      let isOllama = request.uri.path.hasPrefix("/api/")
      return .error(failure, body: isOllama ? ["error": .string(failure.message)] : nil)
    }
  }

  private var isLoopback: Bool { ["127.0.0.1", "::1", "localhost"].contains(options.host) }

  private func check(host: String?) throws {
    guard isLoopback, let host else { return }
    let name = Self.name(ofHost: host)
    guard ["localhost", "127.0.0.1", "[::1]"].contains(name) || options.hostNames.contains(name) else {
      throw ServerError(.forbidden, "this server answers to its own names only", code: "unknown_host")
    }
  }

  private func check(origin: String?, host: String?) throws {
    guard let origin, !options.origins.contains(origin) else { return }
    if let host, origin == "http://\(host)" { return }
    throw ServerError(.forbidden, "pages of this origin may not call", code: "unknown_origin")
  }

  private func check(key header: String?) throws {
    guard !options.apiKeys.isEmpty else { return }
    let parts = (header ?? "").split(separator: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "bearer",
      options.apiKeys.contains(where: { Self.areEqual($0, String(parts[1])) })
    else { throw ServerError(.unauthorized, "a valid API key is needed", code: "invalid_api_key") }
  }

  private func preflight(_ origin: String) -> Response {
    Response(
      status: .noContent,
      headers: [
        .accessControlAllowOrigin: origin, .accessControlAllowMethods: "GET, POST, OPTIONS",
        .accessControlAllowHeaders: "authorization, content-type",
      ])
  }

  /// The host without its port.
  static func name(ofHost host: String) -> String {
    guard let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") else { return host.lowercased() }
    return host[..<colon].lowercased()
  }

  /// Takes the same time wherever the first difference is.
  static func areEqual(_ one: String, _ other: String) -> Bool {
    let (left, right) = (Array(one.utf8), Array(other.utf8))
    var difference = UInt8(left.count == right.count ? 0 : 1)
    for index in right.indices { difference |= right[index] ^ (left.isEmpty ? 0 : left[index % left.count]) }
    return difference == 0
  }
}
