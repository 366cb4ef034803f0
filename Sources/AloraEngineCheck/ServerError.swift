package import AloraSystem

/// A server that can't be reached, or an answer that can't be used.
package struct ServerError: DiagnosedError, Hashable {
  package enum Code: Hashable, Sendable {
    /// The address isn't `http://host:port`.
    case badAddress
    /// The address is `https://…`, which isn't supported.
    case encryptedAddress
    /// The host doesn't exist, or nothing listens there.
    case unreachable
    /// The server took longer than allowed.
    case timedOut
    /// The connection ended before the answer did.
    case connectionLost
    /// The answer breaks HTTP/1.1, or isn't the JSON that was asked for.
    case malformedResponse
    /// The answer is longer than the limit.
    case tooLarge
    /// The server answered with a status other than 200.
    case refused
    /// The server lacks what the checks need.
    case unsupported
    /// None of the server's adapters is the one to check.
    case noAdapter
    /// Several of the server's adapters may be the one to check.
    case ambiguousAdapter
    /// The server doesn't have the base that was named.
    case noBase
    /// Several of the server's models may be the base.
    case ambiguousBase
    /// Two servers have different models or adapters.
    case notComparable
  }

  package let code: Code
  /// The address of the request.
  package let url: String
  package let problem: String
  package let remedy: Remedy?
  /// The status of the answer, for `refused`.
  package let status: Int?

  init(_ code: Code, url: String, _ problem: String, status: Int? = nil, remedy: Remedy? = nil) {
    self.code = code
    self.url = url
    self.problem = problem
    self.status = status
    self.remedy = remedy ?? Self.remedy(for: code)
  }

  /// Whether another form of the request may succeed. llama-cpp-python answers with status 500 if it doesn't know a form.
  var isAboutTheRequest: Bool { code == .malformedResponse || code == .refused }

  package var category: ErrorCategory {
    switch code {
    case .badAddress, .encryptedAddress: .usage
    case .unreachable, .timedOut, .connectionLost: .inputOutput
    case .malformedResponse, .tooLarge, .refused, .unsupported, .noAdapter, .ambiguousAdapter, .noBase,
      .ambiguousBase, .notComparable:
      .refusedInput
    }
  }
  package var path: String? { url }
  package var place: String? { nil }

  private static func remedy(for code: Code) -> Remedy? {
    switch code {
    case .badAddress: "give an address such as http://127.0.0.1:8080"
    case .encryptedAddress: "give the server's plain http:// address, or that of a proxy or tunnel on this machine"
    case .unreachable: "start the server, and check host and port"
    case .timedOut: .longerTimeout
    case .noAdapter: "start the server with this adapter loaded"
    case .ambiguousAdapter: .chooseServerAdapter
    case .noBase, .ambiguousBase: .chooseServerBase
    case .notComparable: "start both servers with the same model and adapters"
    case .connectionLost, .malformedResponse, .tooLarge, .refused, .unsupported: nil
    }
  }
}
