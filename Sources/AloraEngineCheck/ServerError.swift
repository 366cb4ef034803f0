public import AloraSystem

/// A server that cannot be reached, or whose answer cannot be used.
public struct ServerError: DiagnosedError, Hashable {
  public struct Code: Hashable, Sendable {
    enum Value: Hashable, Sendable {
      case badAddress, encryptedAddress, unreachable, timedOut, connectionLost
      case malformedResponse, tooLarge, refused, unsupported, noAdapter, ambiguousAdapter
    }
    let value: Value
    /// The address is no `http://host:port`.
    public static let badAddress = Code(value: .badAddress)
    /// The address is `https://…`, which is not spoken here.
    public static let encryptedAddress = Code(value: .encryptedAddress)
    /// The host has no such name or address, or nothing listens there.
    public static let unreachable = Code(value: .unreachable)
    /// The server was silent, or slow, for longer than allowed.
    public static let timedOut = Code(value: .timedOut)
    /// The connection ended before the answer did.
    public static let connectionLost = Code(value: .connectionLost)
    /// What came back breaks HTTP/1.1, or is not the JSON that was asked for.
    public static let malformedResponse = Code(value: .malformedResponse)
    /// The answer is longer than is read.
    public static let tooLarge = Code(value: .tooLarge)
    /// The server answered with a status other than 200.
    public static let refused = Code(value: .refused)
    /// The server lacks what the check needs.
    public static let unsupported = Code(value: .unsupported)
    /// No adapter of the server's is the one to check.
    public static let noAdapter = Code(value: .noAdapter)
    /// More than one adapter of the server's may be the one to check.
    public static let ambiguousAdapter = Code(value: .ambiguousAdapter)
  }

  public let code: Code
  /// The address that was asked.
  public let url: String
  public let problem: String
  public let remedy: Remedy?
  /// The status of the answer, for `refused`.
  public let status: Int?

  init(_ code: Code, url: String, _ problem: String, status: Int? = nil, remedy: Remedy? = nil) {
    self.code = code
    self.url = url
    self.problem = problem
    self.status = status
    self.remedy = remedy ?? Self.remedy(for: code)
  }

  public var category: ErrorCategory {
    switch code.value {
    case .badAddress, .encryptedAddress: .usage
    case .unreachable, .timedOut, .connectionLost: .inputOutput
    case .malformedResponse, .tooLarge, .refused, .unsupported, .noAdapter, .ambiguousAdapter: .refusedInput
    }
  }
  public var path: String? { url }
  public var place: String? { nil }

  private static func remedy(for code: Code) -> Remedy? {
    switch code.value {
    case .badAddress: "give an address such as http://127.0.0.1:8080"
    case .encryptedAddress: "give the server's plain http:// address, or that of a proxy or tunnel on this machine"
    case .unreachable: "start the server, and check host and port"
    case .timedOut: .longerTimeout
    case .noAdapter: "start the server with this adapter loaded"
    case .ambiguousAdapter: .chooseServerAdapter
    case .connectionLost, .malformedResponse, .tooLarge, .refused, .unsupported: nil
    }
  }
}
