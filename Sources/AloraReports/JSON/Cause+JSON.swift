internal import AloraInference
internal import AloraJSON
internal import AloraVerification

/// A value's kind and figures.
func tagged(_ kind: String, _ members: KeyValuePairs<String, JSONValue> = [:]) -> JSONValue {
  .object([.init("kind", .string(kind))] + members.map { .init($0.key, $0.value) })
}

extension Cause {
  var json: JSONValue {
    switch self {
    case .mistake(let mistake): tagged("mistake", ["mistake": mistake.json])
    case .adapterWasActive: tagged("adapter-was-active")
    case .unexplained(let search):
      tagged(
        "unexplained",
        [
          "tried_count": .integer(search.triedCount), "cut_short": .boolean(search.isCutShort),
          "nearest": search.nearest.map { ["mistake": $0.mistake.json, "remainder": .number($0.remainder)] } ?? .null,
        ])
    case .idleModules(let groups): tagged("idle-modules", ["modules": .array(groups.flatMap(\.names))])
    case .adapterChangesNothing: tagged("adapter-changes-nothing")
    case .baseDiffers(let difference): tagged("base-differs", ["difference": difference.json])
    case .differsBeforeActivation(let position, let difference):
      tagged("differs-before-activation", ["position": .integer(position), "difference": difference.json])
    case .baseRowsDiffer: tagged("base-rows-differ")
    case .unexplainedBefore: tagged("unexplained-before")
    case .golden(let mistake): tagged("golden", ["golden_mistake": mistake.json])
    }
  }
}

extension Cause.BaseDifference {
  fileprivate var json: JSONValue {
    ["correlation": .number(correlation), "largest": .number(largest), "close": .boolean(isClose)]
  }
}

extension GoldenMistake {
  fileprivate var json: JSONValue {
    switch self {
    case .notFinite(let position): tagged("not-finite", ["position": .integer(position)])
    case .logProbabilities: tagged("log-probabilities")
    case .probabilities: tagged("probabilities")
    case .offset(let position, let amount):
      tagged("offset", ["position": .integer(position), "amount": .number(amount)])
    case .multiplied(let factor): tagged("multiplied", ["factor": .number(factor)])
    case .otherPosition(let golden, let computed):
      tagged("other-position", ["golden": .integer(golden), "computed": .integer(computed)])
    case .precision(let loss):
      tagged(
        "precision",
        [
          "format": .string(loss.format.rawValue), "stored": .boolean(loss.isStored),
          "rounding_only": .boolean(loss.isRoundingOnly), "largest": .number(loss.largest),
          "tolerance_that_fits": .number(loss.toleranceThatFits),
        ])
    case .toleranceBelowFloat32(let tolerance):
      tagged("tolerance-below-float32", ["tolerance_that_fits": .number(tolerance)])
    case .padding(let padding):
      tagged(
        "padding",
        [
          "side": .string(padding.side.rawValue), "token": .integer(padding.token), "count": .integer(padding.count),
        ])
    }
  }
}

extension Mistake {
  var json: JSONValue {
    switch self {
    case .adapterOff: tagged("adapter-off")
    case .scalingLeftOut: tagged("scaling-left-out")
    case .activationShifted(let count): tagged("activation-shifted", ["shift": .integer(count)])
    case .activeAt(let position): tagged("active-at", ["position": .integer(position)])
    case .activeFromFirstToken: tagged("active-from-first-token")
    case .scaling(let scaling):
      tagged("scaling", ["factor": .number(scaling.factor), "origin": .string(scaling.origin.rawValue)])
    case .scalingOfKind(let kind, let factor):
      tagged("scaling-of-kind", ["modules": [.string(kind.name)], "factor": .number(factor)])
    case .factors(let change, let group):
      tagged("factors", ["change": .string(change.code), "modules": .array(group.names)])
    case .exchangedKinds(let one, let other):
      tagged("exchanged-kinds", ["modules": [.string(one.name), .string(other.name)]])
    case .layerOrder(let order): tagged("layer-order", ["order": .string(order.rawValue)])
    case .expertOrder(let order): tagged("expert-order", ["order": .string(order.rawValue)])
    case .graph(let mistake): mistake.json
    case .updateLeftOut(let group): tagged("update-left-out", ["modules": .array(group.names)])
    }
  }
}

extension GraphMistake {
  fileprivate var json: JSONValue {
    func graph(_ change: String, _ members: KeyValuePairs<String, JSONValue> = [:]) -> JSONValue {
      .object([.init("kind", "graph"), .init("graph", .string(change))] + members.map { .init($0.key, $0.value) })
    }
    return switch self {
    case .sinksLeftOut: graph("sinks-left-out")
    case .windowsChanged(let count): graph("windows-changed", ["shift": .integer(count)])
    case .windowsLeftOut: graph("windows-left-out")
    case .gateAndUpExchanged: graph("gate-and-up-exchanged")
    case .clampLeftOut: graph("clamp-left-out")
    case .routerBiasLeftOut: graph("router-bias-left-out")
    case .routingWeightsChanged: graph("routing-weights-changed")
    case .expertOrder(let order): graph("expert-order", ["order": .string(order.rawValue)])
    case .recurrent(let mistake): graph(mistake.rawValue)
    }
  }
}

extension ModuleGroup {
  /// As GGUF names the tensors; none for all of them.
  fileprivate var names: [JSONValue] {
    switch self {
    case .all: []
    case .kinds(let kinds): kinds.map { .string($0.name) }
    case .layer, .module: [.string(text)]
    }
  }
}

extension AdapterVariants.Change {
  fileprivate var code: String {
    switch self {
    case .exchanged: "exchanged"
    case .transposedA: "transposed-a"
    case .transposedB: "transposed-b"
    case .transposed: "transposed"
    case .unpermuted: "unpermuted"
    case .permutedTwice: "permuted-twice"
    case .truncated: "truncated"
    }
  }
}
