/// Where a server listens: `http://host[:port][/prefix]`.
package struct ServerAddress: Hashable, Sendable, CustomStringConvertible {
  /// A name or a number, without the brackets of an IPv6 address.
  package let host: String
  package let port: UInt16
  /// The start of every path: empty, or `/…` without a slash at the end.
  package let prefix: String

  /// - Throws: `badAddress`, `encryptedAddress`.
  package init(_ text: String) throws(ServerError) {
    func bad(_ problem: String) -> ServerError { ServerError(.badAddress, url: text, problem) }
    let lower = text.lowercased()
    if lower.hasPrefix("https://") {
      throw ServerError(.encryptedAddress, url: text, "https is not supported")
    }
    guard lower.hasPrefix("http://") else { throw bad("the address does not begin with http://") }
    let rest = text.dropFirst("http://".count)
    guard rest.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw bad("the address has blanks or characters outside ASCII")
    }
    guard !rest.contains(where: { "?#@".contains($0) }) else {
      throw bad("a user, a query or a fragment is not supported")
    }
    let authority = rest.prefix { $0 != "/" }
    var prefix = rest.dropFirst(authority.count)
    while prefix.last == "/" { prefix = prefix.dropLast() }
    self.prefix = String(prefix)
    var port = Substring("80")
    if authority.first == "[" {
      guard let end = authority.firstIndex(of: "]") else { throw bad("the bracket of the IPv6 address is not closed") }
      host = String(authority[authority.index(after: authority.startIndex)..<end])
      let after = authority[authority.index(after: end)...]
      guard after.isEmpty || after.first == ":" else { throw bad("only a port may follow the bracket") }
      if !after.isEmpty { port = after.dropFirst() }
    } else {
      let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count <= 2 else { throw bad("put an IPv6 address in brackets") }
      host = String(parts.first ?? "")
      if parts.count == 2 { port = parts[1] }
    }
    guard !host.isEmpty else { throw bad("the address names no host") }
    guard port.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt16(port), number > 0 else {
      throw bad("'\(port)' is not a port number (1–65535)")
    }
    self.port = number
  }

  /// Host and port as in a request's `Host` field.
  var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

  package var description: String { "http://\(authority)\(prefix)" }
}
