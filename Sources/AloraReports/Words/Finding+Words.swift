internal import AloraSystem
internal import AloraVerification

extension Finding {
  /// - Parameters:
  ///   - item: the prompt that shows it.
  ///   - piece: how the model's vocabulary spells a token.
  func text(_ item: CaseReport?, _ piece: (@Sendable (Int) -> String?)?) -> String {
    switch self {
    case .invocationTokenOutsideVocabulary(let token, let size):
      "invocation token \(token) is outside the base's vocabulary of \(size) tokens"
    case .activationStartDisagrees(let golden, let adapter):
      "the golden's activation \(Self.start(golden)), but by the adapter's invocation it \(Self.start(adapter))"
    case .promptTooLong(let count, let limit):
      "the prompt has \(count) tokens; the base can compute at most \(limit)"
    case .logitsDifferBefore(let position, let start):
      "the logits at position \(position) differ from the base's, although the activation starts at \(start)"
    case .cacheDiffersBefore(let position, let layer, let head):
      "the cached key or value of position \(position), layer \(layer), head \(head) differs from the base's"
    case .stateDiffersBefore(let start, let layer):
      "the state of layer \(layer) at position \(start), where the activation starts, differs from the base's"
    case .reuseDiffers(let order, let position):
      "\(order.text): the logits at position \(position) differ from those computed from scratch"
    case .foreignCacheAccepted: "the base accepted keys and values that the adapter made"
    case .noPromptActivates: "no prompt activates the adapter"
    case .adapterChangesNothing: "the adapter changes nothing: its factors are zero"
    case .noGoldenRowOfActiveAdapter:
      "no golden row (adapted_logits_i) lies at or after the activation, so nothing was compared with the active adapter"
    case .bitsNotComparable(let exactness):
      exactness.map { $0.text ?? "bits not compared: the goldens have no digests" }
        ?? "bits not compared: there are no goldens"
    case .goldenRowsUnreadable(let error): "its golden rows can't be read: \(error)"
    case .goldenMissed(let miss): miss.text(item, piece)
    case .goldenFileChanged(let weights, let position):
      "the file's \(weights.rawValue) row at position \(position) doesn't have the recorded bits: the file was changed"
    case .recordedBitsDiffer(let weights, let position):
      "the \(weights.rawValue) logits don't have the bits recorded with the same model and adapter "
        + (position.map { "(first at position \($0) of those in the file)" }
          ?? "(at positions that the file doesn't keep)")
    case .mistakeNotShown(let mistake): "these prompts wouldn't show this mistake: \(mistake.name)"
    case .activationNotShown(.noPromptActivates):
      "no prompt activates the adapter, so none would show a wrong activation"
    case .activationNotShown(.noAdaptedGoldenRows):
      "there are no adapted golden rows, so none would show a wrong activation"
    case .baselineFileChanged(let file, let now, let recorded):
      "the \(file == .model ? "model's files" : "adapter") changed: SHA-256 \(now.prefix(12))…, recorded "
        + "\(recorded.prefix(12))…"
    case .baselinePromptsChanged: "the prompts aren't the recorded ones"
    case .baselineBitsChanged(let change): change.text
    case .baselineNotRecorded: "not recorded, because another proof failed"
    }
  }

  private static func start(_ start: Int?) -> String { start.map { "starts at position \($0)" } ?? "never starts" }
}

extension ReuseOrder {
  var text: String {
    switch self {
    case .baseThenAdapter: "base, then adapter"
    case .adapterThenBase: "adapter, then base"
    case .adapterTwice: "adapter twice"
    case .baseAdapterBase: "base, adapter, base"
    }
  }
}

extension GoldenMiss {
  fileprivate func text(_ item: CaseReport?, _ piece: (@Sendable (Int) -> String?)?) -> String {
    let spelling = piece?(row.token).map { " \"\($0)\"" } ?? ""
    return "\(weights.rawValue) logits at position \(position)\(excerpt(item, piece)), token \(row.token)\(spelling): "
      + "golden \(row.expected), here \(row.found), difference \(Figure(row.largestDelta)) (\(Figure(row.relative)) "
      + "relative, tolerance \(Figure(tolerance.limit))), divergence \(Figure(row.divergence)) nats; "
      + "\(failingCount) of \(counted(rowCount, "row")) \(failingCount == 1 ? "fails" : "fail"), the first at position "
      + "\(firstFailing)"
  }

  /// The last pieces of the prompt up to the position.
  private func excerpt(_ item: CaseReport?, _ piece: (@Sendable (Int) -> String?)?) -> String {
    guard let item, let piece, item.tokens.indices.contains(position) else { return "" }
    let first = max(0, position - 7)
    let text = item.tokens[first...position].map { piece($0) ?? "\u{FFFD}" }.joined()
    return " \"\(first > 0 ? "…" : "")\(text)\""
  }
}

extension BaselineChange {
  fileprivate var text: String {
    let name =
      switch subject {
      case .base: "the base's logits"
      case .adapted: "the adapted logits"
      case .baseCache: "the base's keys and values"
      case .adaptedCache: "the adapted keys and values"
      }
    return "\(name) changed, first at position \(firstPosition), token \(token); \(changedCount) of "
      + "\(counted(positionCount, "position")) in all"
  }
}
