/// What a server is asked, and what is expected.
public struct ServerProbe: Hashable, Sendable {
  /// What is asked before on the same slot, so that it has keys and values to keep.
  var before: [CompletionRequest] = []
  /// The scale that they ask for, of this adapter; nil where that is another's.
  var beforeScale: Double?
  var request: CompletionRequest
  /// The scale that the request asks for, or gets where it names none.
  var scale = 1.0
}

public struct ServerCheckPlan: Hashable, Sendable {
  public enum Kind: String, CaseIterable, Sendable {
    case base, middle, scaling, halfScale = "half-scale", ownLastToken = "own-last-token", atStart = "at-start", twice,
      none
    case openAI = "openai", defaultScale = "default-scale"
    case baseThenAdapter = "base-adapter", adapterThenBase = "adapter-base"
    case adapterThenOther = "adapter-other", otherThenAdapter = "other-adapter"
    case secondOtherThenAdapter = "other-adapter-2", thirdOtherThenAdapter = "other-adapter-3"
    case adapterTwice = "adapter-twice"
    case adapterFurtherOn = "adapter-further-on", baseThenAdapterAtStart = "base-adapter-at-start"
  }
  public let kind: Kind
  var probes: [ServerProbe]
  /// What PEFT's rule says; a factor of 1.
  let expected: EngineHypothesis.Activation
  /// Why nothing is asked.
  var skipReason: String?
  /// Which other adapter is asked before, for people.
  var other: String?
}

extension ServerCheckPlan.Kind {
  /// For people.
  public var title: String {
    switch self {
    case .base: "base"
    case .middle: "invocation in the middle"
    case .scaling: "scaling"
    case .halfScale: "scale ½ asked for"
    case .ownLastToken: "followed by its last token"
    case .atStart: "invocation at index 0"
    case .twice: "invocation twice"
    case .none: "no invocation"
    case .openAI: "/v1/completions"
    case .defaultScale: "default scale"
    case .baseThenAdapter: "cache: base, adapter"
    case .adapterThenBase: "cache: adapter, base"
    case .adapterThenOther: "cache: adapter, scale ½"
    case .otherThenAdapter: "cache: another, adapter"
    case .secondOtherThenAdapter: "cache: a second, adapter"
    case .thirdOtherThenAdapter: "cache: a third, adapter"
    case .adapterTwice: "cache: adapter twice"
    case .adapterFurtherOn: "cache: adapter, further on"
    case .baseThenAdapterAtStart: "cache: base, at index 0"
    }
  }
}
