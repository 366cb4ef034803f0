internal import HTTPTypes
internal import Hummingbird

/// The page at `/`: a chat with the base or any adapter, which shows what each token ran with.
///
/// It is one file without dependencies, and a client like any other: its requests carry a key if the server has keys. A nonce,
/// new in each answer, lets the page's own script and style run, and nothing else.
struct PageRoute: Sendable {
  static let path = "/"
  /// The file's text around its nonces.
  private let parts: [Substring]

  init() {
    parts = String(decoding: PackageResources.page_html, as: UTF8.self).split(
      separator: "NONCE", omittingEmptySubsequences: false)
  }

  func add(to router: Router<ServerContext>) { router.get("/") { _, _ in response } }

  private var response: Response {
    let nonce = String(UInt64.random(in: 0...(.max)), radix: 16) + String(UInt64.random(in: 0...(.max)), radix: 16)
    var response = Response.text(parts.joined(separator: nonce), type: "text/html; charset=utf-8")
    for (name, value) in Self.headers(nonce: nonce) { response.headers[name] = value }
    return response
  }

  /// Source: W3C's Content Security Policy 3, Trusted Types.
  private static func headers(nonce: String) -> [HTTPField.Name: String] {
    let policy = [
      "default-src 'none'", "script-src 'nonce-\(nonce)'", "style-src 'nonce-\(nonce)'", "connect-src 'self'",
      "img-src data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
      "require-trusted-types-for 'script'", "trusted-types 'none'",
    ]
    var headers: [HTTPField.Name: String] = [
      .contentSecurityPolicy: policy.joined(separator: "; "), .xContentTypeOptions: "nosniff",
      .cacheControl: "no-store",
    ]
    for (name, value) in [("Referrer-Policy", "no-referrer"), ("Cross-Origin-Opener-Policy", "same-origin")] {
      if let name = HTTPField.Name(name) { headers[name] = value }
    }
    return headers
  }
}
