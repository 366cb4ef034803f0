package import AloraJSON
internal import AloraSystem

/// What a server tells once it accepts connections.
package struct ServingReport: Sendable {
  package let host: String
  package let port: Int
  package let baseNames: [String]
  package let adapterNames: [String]

  package init(host: String, port: Int, baseNames: [String], adapterNames: [String]) {
    self.host = host
    self.port = port
    self.baseNames = baseNames
    self.adapterNames = adapterNames
  }

  private var url: String { "http://\(host.contains(":") ? "[\(host)]" : host):\(port)" }

  package var line: String {
    "listening on \(url), serving \((baseNames + adapterNames).joined(separator: ", "))".escapingControlCharacters()
  }

  /// schemas/serve.schema.json
  package var json: JSONValue {
    [
      "url": .string(url), "port": .integer(port), "base": .array(baseNames.map { .string($0) }),
      "adapters": .array(adapterNames.map { .string($0) }),
    ]
  }
}
