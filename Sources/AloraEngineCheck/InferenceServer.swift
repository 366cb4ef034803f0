/// A running server of one engine, as the checks see it. A new engine is one file with a type that conforms.
///
/// The checks never ask which engine it is. ``capabilities`` says what it can do; checks that need more are skipped.
package protocol InferenceServer: Sendable {
  /// The engine's name, as users know it.
  static var engineName: String { get }
  var address: ServerAddress { get }
  var capabilities: ServerCapabilities { get }

  /// - Throws: ``ServerError``.
  func properties() throws(ServerError) -> ServerProperties

  /// The adapters that requests can ask for, each with its own identifier.
  ///
  /// - Throws: ``ServerError``.
  func adapters() throws(ServerError) -> [ServerAdapter]

  /// The log-probabilities of the token after the prompt. Nil if the server answers without any.
  ///
  /// - Throws: ``ServerError``.
  func answer(_ request: CompletionRequest) throws(ServerError) -> CompletionAnswer?

  /// Whether the server can be sent this prompt: one that takes texts can't be sent all of them.
  func canSend(_ tokens: [Int]) -> Bool

  /// The error for a server that never gives log-probabilities.
  func withoutProbabilities(_ request: CompletionRequest) -> ServerError
}

extension InferenceServer {
  package func canSend(_ tokens: [Int]) -> Bool { true }

  /// As ``answer(_:)``, for callers that need an answer.
  ///
  /// - Throws: ``ServerError``.
  package func complete(_ request: CompletionRequest) throws(ServerError) -> CompletionAnswer {
    guard let answer = try answer(request) else { throw withoutProbabilities(request) }
    return answer
  }
}

/// The features that a server offers.
package struct ServerCapabilities: OptionSet, Hashable, Sendable {
  package let rawValue: Int
  package init(rawValue: Int) { self.rawValue = rawValue }

  /// A request can scale the adapter.
  package static let scales = ServerCapabilities(rawValue: 1)
  /// A request can forbid the reuse of keys and values. Without it, checks without a cache may see one.
  package static let cacheControl = ServerCapabilities(rawValue: 2)
  /// A request that names no adapter gets adapters by their default scale.
  package static let defaultScales = ServerCapabilities(rawValue: 4)
  /// There is an OpenAI-compatible endpoint besides the native one.
  package static let secondEndpoint = ServerCapabilities(rawValue: 8)
  /// A request can force the token that is generated, which a server needs that gives no probabilities of some tokens.
  package static let forcesTokens = ServerCapabilities(rawValue: 16)
}

/// The properties that a server reports about itself.
package struct ServerProperties: Hashable, Sendable {
  /// The name of the program; nil if it doesn't say.
  package var product: String?
  /// The version or build; nil if it doesn't say.
  package var build: String?
  package var modelPath: String?
  /// The longest text. Units: tokens.
  package var contextLength: Int?

  package init(
    product: String? = nil, build: String? = nil, modelPath: String? = nil, contextLength: Int? = nil
  ) {
    self.product = product
    self.build = build
    self.modelPath = modelPath
    self.contextLength = contextLength
  }
}

/// An adapter that the server has loaded.
package struct ServerAdapter: Hashable, Sendable {
  /// Its identifier in requests.
  package enum Identifier: Hashable, Sendable {
    case number(Int)
    case name(String)
  }

  package let identifier: Identifier
  package let path: String
  /// Nil for an ordinary LoRA, or if the server doesn't say: ``knowsInvocation``.
  package var invocationTokens: [Int]?
  /// Whether the server, or the user, says which invocation it has, or that it has none.
  package var knowsInvocation: Bool
  /// The scale that a request gets if it names no adapter; nil if the server doesn't say.
  package var defaultScale: Double?

  package init(
    identifier: Identifier, path: String, invocationTokens: [Int]?, knowsInvocation: Bool = true,
    defaultScale: Double? = nil
  ) {
    self.identifier = identifier
    self.path = path
    self.invocationTokens = invocationTokens
    self.knowsInvocation = knowsInvocation
    self.defaultScale = defaultScale
  }
}

extension ServerAdapter.Identifier: CustomStringConvertible, ExpressibleByIntegerLiteral, Comparable {
  package init(integerLiteral value: Int) { self = .number(value) }

  /// The identifier that a user typed: digits become a number, anything else a name.
  package init(_ text: String) { self = Int(text).map { .number($0) } ?? .name(text) }

  package var description: String {
    switch self {
    case .number(let number): "\(number)"
    case .name(let name): name
    }
  }

  package static func < (one: Self, other: Self) -> Bool {
    switch (one, other) {
    case (.number(let left), .number(let right)): left < right
    case (.name(let left), .name(let right)): left < right
    case (.number, .name): true
    case (.name, .number): false
    }
  }
}
