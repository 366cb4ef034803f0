internal import AloraJSON
internal import AloraVerification

extension ProofFigures {
  var json: JSONValue {
    switch self {
    case .structure(let moduleCount, let invocation):
      [
        "module_count": .integer(moduleCount),
        "invocation": invocation.map { .array($0.map { .integer($0) }) } ?? .null,
      ]
    case .beforeActivation(let positionCount, let entryCount, let stateCount, _):
      ["position_count": .integer(positionCount), "cache_entry_count": .integer(entryCount + stateCount)]
    case .cacheReuse(let continuationCount, let promptCount):
      ["continuation_count": .integer(continuationCount), "prompt_count": .integer(promptCount)]
    case .afterActivation(let effect, let golden):
      ["largest_effect": .number(effect), "golden": golden.map(\.json) ?? .null]
    case .sensitivity(_, let effects):
      [
        "mistakes": .array(
          effects.map {
            [
              "mistake": $0.mistake.json, "text": .string($0.mistake.name), "effect": .number($0.effect),
              "shown": .boolean($0.isShown),
            ]
          })
      ]
    case .baseline(let positionCount, let promptCount, _):
      ["position_count": .integer(positionCount), "prompt_count": .integer(promptCount)]
    }
  }
}

extension GoldenFigures {
  fileprivate var json: JSONValue {
    [
      "row_count": .integer(rowCount), "active_row_count": .integer(activeRowCount),
      "largest_difference": .number(largestDifference), "largest_divergence_nats": .number(largestDivergence),
      "same_top_count": .integer(sameTopCount), "bits": .string(exactness.code),
    ]
  }
}

extension Exactness {
  fileprivate var code: String {
    switch self {
    case .noDigests: "no-digests"
    case .otherVersion: "other-version"
    case .otherModel: "other-model"
    case .otherAdapter: "other-adapter"
    case .comparable: "compared"
    }
  }
}

extension Finding {
  /// Its kind and figures.
  var json: JSONValue {
    switch self {
    case .invocationTokenOutsideVocabulary(let token, let size):
      tagged("invocation-token-outside-vocabulary", ["token": .integer(token), "vocabulary_size": .integer(size)])
    case .activationStartDisagrees(let golden, let adapter):
      tagged(
        "activation-start-disagrees",
        ["golden": golden.map { .integer($0) } ?? .null, "adapter": adapter.map { .integer($0) } ?? .null])
    case .promptTooLong(let count, let limit):
      tagged("prompt-too-long", ["token_count": .integer(count), "limit": .integer(limit)])
    case .logitsDifferBefore(let position, let start):
      tagged("logits-differ-before", ["position": .integer(position), "activation_start": .integer(start)])
    case .cacheDiffersBefore(let position, let layer, let head):
      tagged(
        "cache-differs-before", ["position": .integer(position), "layer": .integer(layer), "head": .integer(head)])
    case .stateDiffersBefore(let start, let layer):
      tagged("state-differs-before", ["activation_start": .integer(start), "layer": .integer(layer)])
    case .reuseDiffers(let order, let position):
      tagged("reuse-differs", ["order": .string(order.rawValue), "position": .integer(position)])
    case .foreignCacheAccepted: tagged("foreign-cache-accepted")
    case .noPromptActivates: tagged("no-prompt-activates")
    case .adapterChangesNothing: tagged("adapter-changes-nothing")
    case .noGoldenRowOfActiveAdapter: tagged("no-golden-row-of-active-adapter")
    case .bitsNotComparable(let exactness):
      tagged("bits-not-comparable", ["reason": .string(exactness?.code ?? "no-golden")])
    case .goldenRowsUnreadable: tagged("golden-rows-unreadable")
    case .goldenMissed(let miss):
      tagged(
        "golden-missed",
        [
          "weights": .string(miss.weights.rawValue), "position": .integer(miss.position), "row": miss.row.json,
          "failing_count": .integer(miss.failingCount), "row_count": .integer(miss.rowCount),
          "first_failing": .integer(miss.firstFailing), "tolerance": .number(miss.tolerance.limit),
        ])
    case .goldenFileChanged(let weights, let position):
      tagged("golden-file-changed", ["weights": .string(weights.rawValue), "position": .integer(position)])
    case .recordedBitsDiffer(let weights, let position):
      tagged(
        "recorded-bits-differ",
        ["weights": .string(weights.rawValue), "position": position.map { .integer($0) } ?? .null])
    case .mistakeNotShown(let mistake): tagged("mistake-not-shown", ["mistake": mistake.json])
    case .activationNotShown(let reason): tagged("activation-not-shown", ["reason": .string(reason.rawValue)])
    case .baselineFileChanged(let file, let now, let recorded):
      tagged(
        "baseline-file-changed",
        ["file": .string(file.rawValue), "now": .string(now), "recorded": .string(recorded)])
    case .baselinePromptsChanged: tagged("baseline-prompts-changed")
    case .baselineBitsChanged(let change):
      tagged(
        "baseline-bits-changed",
        [
          "subject": .string(change.subject.rawValue), "first_position": .integer(change.firstPosition),
          "token": .integer(change.token), "changed_count": .integer(change.changedCount),
          "position_count": .integer(change.positionCount),
        ])
    case .baselineNotRecorded: tagged("baseline-not-recorded")
    }
  }
}
