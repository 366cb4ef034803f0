/// A server that is measured, and its name in the figures.
package struct MeasuredServer: Sendable {
  package let name: String
  package var address: ServerAddress { client.address }
  let client: LlamaServer

  /// Opens servers. Their addresses are all read before the first one is asked.
  ///
  /// - Parameter texts: `[name=]http://…`. Without a name, a server is called by the build that it reports.
  /// - Throws: ``ServerError``.
  package static func all(_ texts: [String], timeout: Double) throws(ServerError) -> [MeasuredServer] {
    var clients: [(name: String?, text: String, client: LlamaServer)] = []
    for text in texts {
      let (name, address) = split(text)
      clients.append((name, address, LlamaServer(address: try ServerAddress(address), timeout: timeout)))
    }
    var servers: [MeasuredServer] = []
    for (name, text, client) in clients {
      if let name {
        servers.append(MeasuredServer(name: name, client: client))
      } else {
        servers.append(MeasuredServer(name: try client.properties().build ?? text, client: client))
      }
    }
    return servers
  }

  /// A name and an address; the name is what stands before the first '=', unless the address has begun.
  static func split(_ text: String) -> (name: String?, address: String) {
    guard let sign = text.firstIndex(of: "="), !text[..<sign].contains("/") else { return (nil, text) }
    return (String(text[..<sign]), String(text[text.index(after: sign)...]))
  }
}
