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
    case .beforeActivation(let positionCount, let entryCount, _):
      ["position_count": .integer(positionCount), "cache_entry_count": .integer(entryCount)]
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
      Self.json("invocation-token-outside-vocabulary", ["token": .integer(token), "vocabulary_size": .integer(size)])
    case .activationStartDisagrees(let golden, let adapter):
      Self.json(
        "activation-start-disagrees",
        ["golden": golden.map { .integer($0) } ?? .null, "adapter": adapter.map { .integer($0) } ?? .null])
    case .promptTooLong(let count, let limit):
      Self.json("prompt-too-long", ["token_count": .integer(count), "limit": .integer(limit)])
    case .logitsDifferBefore(let position, let start):
      Self.json("logits-differ-before", ["position": .integer(position), "activation_start": .integer(start)])
    case .cacheDiffersBefore(let position, let layer, let head):
      Self.json(
        "cache-differs-before", ["position": .integer(position), "layer": .integer(layer), "head": .integer(head)])
    case .reuseDiffers(let order, let position):
      Self.json("reuse-differs", ["order": .string(order.rawValue), "position": .integer(position)])
    case .foreignCacheAccepted: Self.json("foreign-cache-accepted")
    case .noPromptActivates: Self.json("no-prompt-activates")
    case .adapterChangesNothing: Self.json("adapter-changes-nothing")
    case .noGoldenRowOfActiveAdapter: Self.json("no-golden-row-of-active-adapter")
    case .bitsNotComparable(let exactness):
      Self.json("bits-not-comparable", ["reason": .string(exactness?.code ?? "no-golden")])
    case .goldenRowsUnreadable: Self.json("golden-rows-unreadable")
    case .goldenMissed(let miss):
      Self.json(
        "golden-missed",
        [
          "weights": .string(miss.weights.rawValue), "position": .integer(miss.position), "row": miss.row.json,
          "failing_count": .integer(miss.failingCount), "row_count": .integer(miss.rowCount),
          "first_failing": .integer(miss.firstFailing), "tolerance": .number(miss.tolerance.limit),
        ])
    case .goldenFileChanged(let weights, let position):
      Self.json("golden-file-changed", ["weights": .string(weights.rawValue), "position": .integer(position)])
    case .recordedBitsDiffer(let weights, let position):
      Self.json(
        "recorded-bits-differ",
        ["weights": .string(weights.rawValue), "position": position.map { .integer($0) } ?? .null])
    case .mistakeNotShown(let mistake): Self.json("mistake-not-shown", ["mistake": mistake.json])
    case .activationNotShown(let reason): Self.json("activation-not-shown", ["reason": .string(reason.rawValue)])
    case .baselineFileChanged(let file, let now, let recorded):
      Self.json(
        "baseline-file-changed",
        ["file": .string(file.rawValue), "now": .string(now), "recorded": .string(recorded)])
    case .baselinePromptsChanged: Self.json("baseline-prompts-changed")
    case .baselineBitsChanged(let change):
      Self.json(
        "baseline-bits-changed",
        [
          "subject": .string(change.subject.rawValue), "first_position": .integer(change.firstPosition),
          "token": .integer(change.token), "changed_count": .integer(change.changedCount),
          "position_count": .integer(change.positionCount),
        ])
    case .baselineNotRecorded: Self.json("baseline-not-recorded")
    }
  }

  private static func json(_ kind: String, _ members: KeyValuePairs<String, JSONValue> = [:]) -> JSONValue {
    .object([.init("kind", .string(kind))] + members.map { .init($0.key, $0.value) })
  }
}
