internal import AloraJSON
internal import HTTPTypes
internal import Hummingbird

/// Checks who calls: the key, the host that the request names, and the web page that it comes from.
///
/// A page in a user's browser can reach a server on the loopback. It can't choose its Origin. If it makes its own name lead to
/// this machine (DNS rebinding), the Host of its requests is that name.
struct Guard: RouterMiddleware {
  let settings: ServerSettings
  func handle(
    _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    var allowedOrigin: String?
    var response: Response
    do {
      try check(host: request.head.authority)
      allowedOrigin = try origin(of: request)
      if request.method == .options, let allowedOrigin { return preflight(allowedOrigin) }
      // A balancer asks without a key whether the server is up.
      if request.uri.path != "/health" { try check(key: request.headers[.authorization]) }
      response = try await next(request, context)
    } catch let error as CancellationError {
      throw error
    } catch {
      let failure = ServerError(error)
      let isOllama = request.uri.path.hasPrefix("/api/")
      response = .error(failure, body: isOllama ? ["error": .string(failure.message)] : nil)
      // What is left of the body may never come.
      if failure.status == .contentTooLarge || failure.status == .requestTimeout {
        response.headers[.connection] = "close"
      }
    }
    if let allowedOrigin { response.headers[.accessControlAllowOrigin] = allowedOrigin }
    return response
  }

  /// A page that rebinds its name doesn't know a key, so that a server with keys accepts any name.
  private func check(host: String?) throws {
    guard settings.apiKeys.isEmpty, let host else { return }
    let name = Self.name(ofHost: host)
    guard Self.isAddress(name) || name == "localhost" || (settings.hostNames + [settings.host]).contains(name) else {
      throw ServerError(.forbidden, "this server doesn't answer to that host name", code: "unknown_host")
    }
  }

  /// The origin of the page that a request comes from; nil if it comes from none.
  private func origin(of request: Request) throws -> String? {
    guard let origin = request.headers[.origin] else { return nil }
    if settings.origins.contains(origin) || origin == request.head.authority.map({ "http://\($0)" }) { return origin }
    throw ServerError(.forbidden, "web pages of that origin may not call this server", code: "unknown_origin")
  }

  private func check(key header: String?) throws {
    guard !settings.apiKeys.isEmpty else { return }
    let parts = (header ?? "").split(separator: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "bearer",
      // Looks at every key, so that the time shows nothing.
      settings.apiKeys.filter({ Self.areEqual($0, String(parts[1])) }).count > 0
    else { throw ServerError(.unauthorized, "a valid API key is needed", code: "invalid_api_key") }
  }

  private func preflight(_ origin: String) -> Response {
    Response(
      status: .noContent,
      headers: [
        .accessControlAllowOrigin: origin, .accessControlAllowMethods: "GET, POST, OPTIONS",
        .accessControlAllowHeaders: "authorization, content-type", .vary: "origin",
      ])
  }

  /// The host without its port, in lower case.
  static func name(ofHost host: String) -> String {
    guard let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") else { return host.lowercased() }
    return host[..<colon].lowercased()
  }

  /// Whether a name is an address in numbers, which no page can rebind: `127.0.0.1`, `[::1]`.
  static func isAddress(_ name: String) -> Bool {
    if name.hasPrefix("["), name.hasSuffix("]") {
      return name.dropFirst().dropLast().allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." }
    }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
  }

  /// Takes the same time wherever the first difference is.
  static func areEqual(_ one: String, _ other: String) -> Bool {
    let (left, right) = (Array(one.utf8), Array(other.utf8))
    guard !left.isEmpty else { return right.isEmpty }
    var difference: UInt8 = left.count == right.count ? 0 : 1
    for index in right.indices { difference |= right[index] ^ left[index % left.count] }
    return difference == 0
  }
}
