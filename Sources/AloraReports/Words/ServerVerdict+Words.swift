internal import AloraEngineCheck
internal import AloraSystem

extension ServerCheckPlan.Kind {
  var title: String {
    switch self {
    case .base: "base"
    case .middle: "invocation in the middle"
    case .scaling: "scaling"
    case .halfScale: "scale ½ requested"
    case .ownLastToken: "followed by its last token"
    case .atStart: "invocation at index 0"
    case .twice: "invocation twice"
    case .none: "no invocation"
    case .openAI: "OpenAI endpoint"
    case .defaultScale: "default scale"
    case .baseThenAdapter: "cache: base, adapter"
    case .adapterThenBase: "cache: adapter, base"
    case .adapterThenOther: "cache: adapter, scale ½"
    case .otherThenAdapter: "cache: another, adapter"
    case .secondOtherThenAdapter: "cache: a second, adapter"
    case .thirdOtherThenAdapter: "cache: a third, adapter"
    case .adapterTwice: "cache: adapter twice"
    case .adapterFurtherOn: "cache: adapter, later again"
    case .baseThenAdapterAtStart: "cache: base, at index 0"
    }
  }
}

extension EngineHypothesis {
  var text: String {
    let text: String =
      switch activation {
      case .shifted(0): "active from the invocation on"
      case .shifted(let count): "activation \(Self.shift(count))"
      case .firstOccurrence(0): "activation at the invocation's first occurrence"
      case .firstOccurrence(let count): "activation at the invocation's first occurrence, \(Self.shift(count))"
      case .afterKept(0): "keys and values of the previous request kept"
      case .afterKept(let count): "keys and values of the previous request kept, and activation \(Self.shift(count))"
      case .everywhere: "active from the first token"
      case .lastTokenOnly: "only the last token adapted"
      case .off: "adapter off"
      }
    return factor == 1 ? text : "\(text), scaling × \(Figure(factor))"
  }

  private static func shift(_ count: Int) -> String {
    let number = abs(count) == 1 ? "one token" : abs(count) == 2 ? "two tokens" : "\(abs(count)) tokens"
    return "\(number) \(count < 0 ? "early" : "late")"
  }
}

extension ServerVerdict {
  /// The conclusion and what is known about it, in one line.
  var detail: String {
    ([conclusionText] + notes.map(\.text) + (other.map { ["asked before: \($0.text)"] } ?? [])).joined(separator: "; ")
  }

  /// The fault in words that checks with the same fault share.
  var fault: String {
    switch conclusion {
    case .other: kind == .ownLastToken ? detail : compatible.map(\.text).joined(separator: ", or ")
    case .ambiguous: "undecided: \(detail)"
    default: detail
    }
  }

  private var conclusionText: String {
    switch conclusion {
    case .expected: expected.text
    case .other: Self.list(compatible)
    case .ambiguous: "\(expected.text), or else: " + Self.list(compatible.filter { $0 != expected })
    case .unexplained(let nearest): "nothing that was tried fits; the nearest is: \(nearest.text)"
    case .otherBase(let applied):
      applied.map { "the base was requested, but the answers fit: \($0.text)" }
        ?? "another base, or another quantization of it"
    case .scaling(let fit):
      outcome == .undecided
        ? "× \(Figure(fit.value)) fits best, but \(fit.fittingCount) of \(fit.triedCount) factors fit"
        : "× \(Figure(fit.value)) fits best; × \(Figure(fit.lower)) and × \(Figure(fit.upper)) don't fit"
    case .refused: "the server refuses a prompt without the invocation"
    case .differsFromFresh(let nats):
      "the answers are \(Figure(nats)) nats from the server's own without a request before them"
    case .skipped(let reason): reason.text
    }
  }

  private static func list(_ hypotheses: [EngineHypothesis]) -> String {
    let shown = hypotheses.prefix(3).map(\.text).joined(separator: "; or: ")
    return hypotheses.count > 3 ? "\(shown); or \(hypotheses.count - 3) others" : shown
  }
}

extension ServerVerdict.Note {
  fileprivate var text: String {
    switch self {
    case .invocationMissedBeforeItsLastToken: "the server misses an invocation that is followed by its own last token"
    case .sameWithoutCache: "as without a cache"
    case .nothingReused: "no token came from the cache"
    case .otherAdapterMayBeKept: "keys and values of the other adapter may have been kept"
    case .reusedTokens(let reuses):
      "tokens from the cache: "
        + reuses.map { "\($0.cachedCount) of \($0.tokenCount)" }.joined(separator: ", ")
    }
  }
}

extension ServerAdapter {
  /// Its identifier and the name of its file.
  fileprivate var text: String {
    let file = path.split(separator: "/").last.map { ", \($0.prefix(100))" } ?? ""
    return "adapter \(identifier)\(file)".escapingControlCharacters()
  }
}

extension ServerCheckPlan.SkipReason {
  fileprivate var text: String {
    switch self {
    case .adapterNotApplied: "the adapter isn't applied"
    case .engineLacks(let capability):
      capability.contains(.scales)
        ? "requests to this server can't scale an adapter"
        : capability.contains(.secondEndpoint)
          ? "this server has one endpoint" : "this server has no default scales"
    case .defaultScaleOutOfRange(let scale): "the default scale \(Figure(scale)) is outside 0–100"
    case .otherDefaultScale(let identifier): "the default scale of adapter \(identifier) isn't 0"
    case .noDefaultScales: "the server doesn't report its default scales"
    case .onlyOneAdapter: "the server has only one adapter"
    case .otherInvocationsOutsideVocabulary: "the base lacks tokens of the other adapters' invocations"
    case .otherInvocationsUnknown: "the server doesn't report the other adapters' invocations"
    case .promptsNotSendable: "the server takes texts, and none is read as the tokens of these prompts"
    case .endpointRefuses(let problem):
      "/v1/completions refuses llama-server's form: \(problem.prefix(200))".escapingControlCharacters()
    case .noProbabilities: "the server gives no probabilities after these prompts"
    }
  }
}

extension ServerCheck.Report {
  /// A note about behavior that isn't a fault but may be unintended.
  var notes: [String] {
    [
      defaultScaleNote,
      hasCacheControl
        ? nil : "requests to this server can't forbid the reuse of a cache, so every check may have used one",
    ].compactMap { $0 }
  }

  var defaultScaleNote: String? {
    unusualDefaultScale.map {
      "requests that name no adapter get it with scale \(Figure($0, digits: 4)): set when the server was started, or later"
    }
  }

  /// The program and its version, as the server reports them.
  var serverText: String { "\(properties.product ?? engineName) \(properties.build ?? "(unknown build)")" }
}
