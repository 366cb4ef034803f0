package import AloraGGUF
package import AloraJSON
package import AloraModels
internal import AloraSystem

/// The slots of a Granite Switch, as its configuration or its header describes them.
package struct SwitchDescription: Sendable {
  package enum Form: Hashable, Sendable {
    /// A checkpoint of today's granite-switch: the last control token before a position decides its slot.
    case checkpoint
    /// A checkpoint from before the engine for several control tokens; such a model averages, as a GGUF does.
    case earlyCheckpoint
    case gguf
  }

  /// A control token, and the token that is read in its place.
  package struct ResetToken: Hashable, Sendable {
    package let control: Int
    package let substitute: Int
  }

  /// The most slots and the largest rank that llama.cpp loads.
  static let countLimit = 4096
  static let ggufName = "graniteswitch"

  package let path: String
  package let form: Form
  package let slots: [SwitchSlot]
  /// The rank of the stacks, which smaller adapters are padded to.
  package let rank: Int
  /// How much more a control token is attended to than others.
  package let gain: Double?
  /// The token that returns to the base, if there is one.
  package let resetToken: ResetToken?
  package let vocabularySize: Int?
  /// The layers that the file says it has.
  package let layerCount: Int?
  /// The heads of queries, and of keys, whose rows a GGUF orders by pairs; nil for a checkpoint.
  let headCounts: (query: Int, key: Int)?

  /// Whether the slot's number is the average over the control tokens that a position sees.
  package var averages: Bool { form != .checkpoint }

  /// - Throws: ``SwitchError``: `notASwitch` for another model; what reading the configuration throws.
  package init(_ model: ModelSource) throws {
    if let gguf = model.gguf {
      try self.init(metadata: gguf.metadata, path: model.path)
    } else {
      try self.init(configuration: try model.configuration(), path: model.path)
    }
  }

  private static func notASwitch(_ path: String, _ found: String?) -> SwitchError {
    SwitchError(
      .notASwitch, path: path,
      problem: "it is not a Granite Switch, but a model of type '\((found ?? "unknown").prefix(60))'",
      remedy: "give a checkpoint that granite-switch composed, or a GGUF of one")
  }

  /// Whether a configuration says that it is of a switch.
  package static func describes(configuration root: JSON?) -> Bool {
    (try? root?[optional: "model_type"]?.string()) == "granite_switch"
  }

  /// Whether a GGUF says that it is a switch.
  package static func describes(metadata: GGUFMetadata) -> Bool {
    (try? metadata.string(ifPresent: "general.architecture")) == ggufName
  }

  /// - Throws: as ``init(_:)``.
  package init(configuration root: JSON?, path: String) throws {
    guard let root, Self.describes(configuration: root) else {
      throw Self.notASwitch(path, try root?[optional: "model_type"]?.string())
    }
    if try root[optional: "dual_stream"]?.boolean() ?? false {
      throw SwitchError(
        .shadowResidual, path: path, place: "$.dual_stream",
        problem: "its adapters are Shadow Residuals, which have a stream of their own and aren't read")
    }
    let limit = 0...Int(Int32.max)
    func value(_ name: String) throws -> JSON? {
      guard let value = try root[optional: name], !value.isNull else { return nil }
      return value
    }
    let count = try root["num_adapters"].integer(in: 1...Self.countLimit)
    let ranks = try root["adapter_ranks"].integers(in: 1...Self.countLimit)
    let rank = try root["max_lora_rank"].integer(in: 1...Self.countLimit)
    let names = try value("adapter_names")?.elements().map { try $0.string() }
    var control = try value("adapter_token_ids")?.integers(in: limit) ?? []
    var substitutes = try value("adapter_substitute_token_ids")?.integers(in: limit) ?? []
    let isUnique = Set(control).count == control.count
    var resetToken: ResetToken?
    // A token that returns to the base may come first.
    if control.count == count + 1, substitutes.count == count + 1 {
      resetToken = ResetToken(control: control.removeFirst(), substitute: substitutes.removeFirst())
    }
    guard control.count == count, substitutes.count == count, ranks.count == count,
      names.map({ $0.count == count }) ?? true, isUnique, ranks.max() == rank
    else {
      throw SwitchError(
        .inconsistentSlots, path: path,
        problem: "the lists of adapters, ranks and tokens aren't those of \(count) adapters of ranks up to \(rank)")
    }
    self.path = path
    let engine = try value("switch_type")?.string()
    form = try engine.map { $0 == "multi" } ?? (value("ms_code_m") != nil) ? .checkpoint : .earlyCheckpoint
    slots = (0..<count).map { index in
      SwitchSlot(
        number: index + 1, name: names?[index], declaredRank: ranks[index], controlToken: control[index],
        substituteToken: substitutes[index])
    }
    self.rank = rank
    self.resetToken = resetToken
    gain = try value("control_token_gain")?.number()
    vocabularySize = try value("vocab_size")?.integer(in: limit)
    // The switch itself takes the places of layers: of two, or of one in an early checkpoint.
    let own = form == .checkpoint ? 2 : 1
    layerCount = try value("num_hidden_layers")?.integer(in: limit).advanced(by: -own)
    headCounts = nil
  }

  /// - Throws: as ``init(_:)``.
  package init(metadata: GGUFMetadata, path: String) throws {
    let name = Self.ggufName
    guard Self.describes(metadata: metadata) else {
      throw Self.notASwitch(path, try metadata.string(ifPresent: "general.architecture"))
    }
    let count = try metadata.integer(forKey: "\(name).adapters.count", in: 1...Self.countLimit)
    rank = try metadata.integer(forKey: "\(name).adapters.lora_rank", in: 1...Self.countLimit)
    let control = try metadata.integers(forKey: "\(name).adapters.token_ids_activate")
    let substitutes = try metadata.integers(forKey: "\(name).adapters.token_ids_substitute")
    guard control.count == count, substitutes.count == count, Set(control).count == count else {
      throw SwitchError(
        .inconsistentSlots, path: path, problem: "the lists of tokens aren't those of \(count) adapters")
    }
    self.path = path
    form = .gguf
    slots = (0..<count).map { index in
      SwitchSlot(
        number: index + 1, name: nil, declaredRank: nil, controlToken: control[index],
        substituteToken: substitutes[index])
    }
    resetToken = nil
    gain = try metadata.number(ifPresent: "\(name).adapters.router_gain")
    let heads = try metadata.integer(forKey: "\(name).attention.head_count", in: 1...65_536)
    let keyHeads = try metadata.integer(ifPresent: "\(name).attention.head_count_kv", in: 1...65_536) ?? heads
    headCounts = (heads, keyHeads)
    layerCount = try metadata.integer(ifPresent: "\(name).block_count", in: 0...Int(Int32.max))
    vocabularySize = try metadata.integer(ifPresent: "\(name).vocab_size", in: 0...Int(Int32.max))
  }
}
