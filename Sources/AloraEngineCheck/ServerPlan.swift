/// A request to a server, and what comes before it.
package struct ServerProbe: Hashable, Sendable {
  /// Requests sent before, so that the server has keys and values to keep.
  var before: [CompletionRequest] = []
  /// The scale of this adapter that they ask for; nil if they ask for another adapter.
  var beforeScale: Double?
  var request: CompletionRequest
  /// The scale that the request asks for, or gets if it names no adapter.
  var scale = 1.0
}

/// The probes of one check, and what is expected.
package struct ServerCheckPlan: Hashable, Sendable {
  package enum Kind: String, CaseIterable, Sendable {
    case base, middle, scaling, halfScale = "half-scale", ownLastToken = "own-last-token", atStart = "at-start", twice,
      none
    case openAI = "openai", defaultScale = "default-scale"
    case baseThenAdapter = "base-adapter", adapterThenBase = "adapter-base"
    case adapterThenOther = "adapter-other", otherThenAdapter = "other-adapter"
    case secondOtherThenAdapter = "other-adapter-2", thirdOtherThenAdapter = "other-adapter-3"
    case adapterTwice = "adapter-twice"
    case adapterFurtherOn = "adapter-further-on", baseThenAdapterAtStart = "base-adapter-at-start"

    /// The features that the server must have.
    var needs: ServerCapabilities {
      switch self {
      case .halfScale, .adapterThenOther: .scales
      case .openAI: .secondEndpoint
      case .defaultScale: .defaultScales
      default: []
      }
    }
  }

  /// The reason for skipping the check.
  package enum SkipReason: Hashable, Sendable {
    /// The scaling of an adapter that is off can't be fitted.
    case adapterNotApplied
    case engineLacks(ServerCapabilities)
    case defaultScaleOutOfRange(Double)
    case otherDefaultScale(ServerAdapter.Identifier)
    case noDefaultScales
    case onlyOneAdapter
    case otherInvocationsOutsideVocabulary
    /// The server doesn't say whether the other adapters have invocations, nor does the user.
    case otherInvocationsUnknown
    /// The server takes texts, and none is read as the tokens of the check's prompts.
    case promptsNotSendable
    /// The server gave no probabilities of the tokens after the check's prompts.
    case noProbabilities
    /// The server refuses the requests at its second endpoint: its own words.
    case endpointRefuses(String)
  }

  package let kind: Kind
  var probes: [ServerProbe]
  /// By PEFT's rule, with a factor of 1.
  let expected: EngineHypothesis.Activation
  var skipReason: SkipReason?
  /// Another adapter that is requested first.
  var other: ServerAdapter?
}
