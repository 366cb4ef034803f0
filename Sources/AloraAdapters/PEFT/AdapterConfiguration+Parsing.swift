internal import AloraModels
internal import AloraSystem
package import AloraJSON

extension AdapterConfiguration {
  /// Reads and checks a configuration.
  ///
  /// Every field is honoured, known to be harmless, or refused by name. `ignoredFields` names fields that this version
  /// doesn't know and that the user vouches for.
  ///
  /// - Throws: the first problem: ``JSONError`` for values of a wrong type; ``AdapterError`` (`unsupportedType`,
  ///   `invalidField`, `unsupportedField`, `unknownField`, `invalidInvocation`).
  package init(json: JSON, ignoredFields: Set<String> = []) throws {
    let parser = try ConfigurationParser(json, ignoredFields: ignoredFields)
    if let problem = parser.problems.first { throw problem }
    self = parser.configuration
  }
}

/// Reads a configuration as far as it can be read, and collects what is wrong with it.
struct ConfigurationParser {
  private(set) var configuration: AdapterConfiguration
  /// In the order that a reader which stops at each would report them.
  private(set) var problems: [any DiagnosedError] = []
  /// The problems that bear on the type or the invocation.
  private(set) var invocationProblems: [any DiagnosedError] = []
  let remedies: AdapterRemedies

  private let json: JSON
  private let use: AdapterUse

  /// - Throws: ``JSONError`` `wrongType` if the document isn't an object.
  init(_ json: JSON, ignoredFields: Set<String> = [], use: AdapterUse = .factors) throws {
    guard json.kind == .object else { throw json.error(.wrongType, "expected an object, found \(json.excerpt)") }
    self.json = json
    self.use = use
    configuration = AdapterConfiguration(path: json.filePath)
    remedies = AdapterRemedies(isActivated: Self.isActivated(json))
    let isLoRA = readType()
    if isLoRA {
      for (name, value) in try json.members() { check(name, value, ignoredFields: ignoredFields) }
      readScaling()
      readTargets()
      read("init_lora_weights") { parser, value in try parser.checkInitialization(value) }
    }
    let before = problems.count
    readInvocation()
    invocationProblems += problems[before...]
    read("base_model_name_or_path") { parser, value in
      let name = try value.string()
      parser.configuration.baseModelName = HubCache.repository(ofPath: name) ?? name
    }
    read("revision") { $0.configuration.revision = try $1.string() }
    read("task_type") { $0.configuration.taskType = try $1.string() }
    read("peft_version") { $0.configuration.version = try $1.string() }
  }

  /// Whether the configuration names an invocation, before anything else of it is read.
  private static func isActivated(_ json: JSON) -> Bool {
    ["alora_invocation_tokens", "invocation_string", "alora_invocation_string"].contains { name in
      guard let value = try? json[optional: name] else { return false }
      return !value.isSwitchedOff
    }
  }

  private func error(
    _ code: AdapterError.Code, _ value: JSON, _ problem: String, _ remedy: Remedy? = nil
  ) -> AdapterError {
    AdapterError(code, path: configuration.path, place: value.jsonPath, problem: problem, remedy: remedy)
  }

  /// Reads a field that is there; what is wrong with it is collected.
  private mutating func read(_ name: String, _ body: (inout Self, JSON) throws -> Void) {
    do { if let value = try json[optional: name] { try body(&self, value) } } catch let error as any DiagnosedError {
      problems.append(error)
    } catch { preconditionFailure("an error without a place: \(error)") }
  }

  // MARK: Type and fields

  private mutating func readType() -> Bool {
    let before = problems.count
    read("peft_type") { $0.configuration.type = try $1.string() }
    if configuration.type == nil, problems.count == before { problems.append(missingType()) }
    if let type = configuration.type, type != "LORA" {
      problems.append(
        AdapterError(
          .unsupportedType, path: configuration.path, place: "$.peft_type",
          problem: "peft_type is \"\(type)\"; only LORA adapters can become GGUF", remedy: AdapterRemedies.type(type)))
    }
    invocationProblems += problems[before...]
    return problems.count == before
  }

  private func missingType() -> AdapterError {
    let isMLX = MLXConfigurationParser.matches(json)
    return AdapterError(
      .unsupportedType, path: configuration.path, place: "$.peft_type",
      problem: isMLX
        ? "this is the configuration of an MLX adapter, without the adapters.safetensors that belongs to it"
        : "peft_type is missing",
      remedy: isMLX
        ? "give the directory that mlx_lm.lora wrote, or PEFT's adapter_config.json"
        : "give the directory of a PEFT adapter; its configuration says \"peft_type\": \"LORA\"")
  }

  private mutating func check(_ name: String, _ value: JSON, ignoredFields: Set<String>) {
    switch ConfigurationField.named(name) {
    case .used, .harmless: break
    case .refusedUnlessEmpty(let problem, let remedy):
      guard !value.isSwitchedOff else { return }
      problems.append(
        error(.unsupportedField, value, "\(name) is \(value.excerpt): \(problem)", remedy.remedy(remedies)))
    case .mergedOnly(let problem):
      guard use != .merging, !value.isSwitchedOff else { return }
      problems.append(
        error(.unsupportedField, value, "\(name) is \(value.excerpt): \(problem)", remedies.mergeFactors))
    case nil where value.isSwitchedOff: configuration.notes.append(.unknownFieldIsOff(field: value.jsonPath))
    case nil where ConfigurationField.isAboutInvocation(name):
      // Without it, the adapter would be active everywhere: so it can't be ignored.
      problems.append(
        error(
          .unsupportedField, value, "unknown field about the invocation with the value \(value.excerpt)",
          "write the invocation's tokens to alora_invocation_tokens and remove this field"))
    case nil where ignoredFields.contains(name):
      configuration.notes.append(.unknownFieldIgnored(field: value.jsonPath))
    case nil:
      problems.append(
        error(
          .unknownField, value,
          "unknown field with the value \(value.excerpt), which may change what the weights mean",
          .either(["update alora", .ignoreField(name)])))
    }
  }

  // MARK: Scaling and targets

  private mutating func readScaling() {
    read("r") { $0.configuration.rank = try $1.integer(in: 1...(1 << 20)) }
    read("lora_alpha") { $0.configuration.alpha = try $1.number() }
    read("use_dora") { parser, value in
      // What an adapter's factors can't say was refused above, whatever the value's type.
      if parser.use == .merging { parser.configuration.rescalesWeights = try value.boolean() }
    }
    read("use_rslora") { $0.configuration.isRankStabilized = try $1.boolean() }
    read("rank_pattern") { parser, value in
      parser.configuration.rankPattern = try Self.rules(value) { try $0.integer(in: 1...(1 << 20)) }
    }
    read("alpha_pattern") { parser, value in
      parser.configuration.alphaPattern = try Self.rules(value) { try $0.number() }
    }
  }

  private static func rules<Value>(
    _ object: JSON, _ read: (JSON) throws -> Value
  ) throws -> [AdapterConfiguration.PatternRule<Value>] {
    try object.members().map { AdapterConfiguration.PatternRule(pattern: $0.name, value: try read($0.value)) }
  }

  private mutating func readTargets() {
    read("target_modules") { $0.configuration.targets = try Self.targets($1) }
    read("target_parameters") { parser, value in
      guard !value.isSwitchedOff else { return }
      parser.configuration.targetParameters =
        value.kind == .string ? [try value.string()] : try value.elements().map { try $0.string() }
    }
    read("exclude_modules") { parser, value in
      guard !value.isSwitchedOff else { return }
      let read = try Self.targets(value)
      // "all-linear" has a meaning only for targets.
      parser.configuration.excluded = read == .allLinear ? .pattern(try value.string()) : read
    }
    read("layers_to_transform") { parser, value in
      let range = 0...(1 << 20)
      let indexes =
        value.kind == .array ? try value.elements().map { try $0.integer(in: range) } : [try value.integer(in: range)]
      parser.configuration.layers = indexes.isEmpty ? nil : Set(indexes)
      if case .pattern = parser.configuration.targets, parser.configuration.layers != nil {
        throw parser.error(
          .invalidField, value, "layers_to_transform can't go with target_modules as a pattern (PEFT refuses it too)")
      }
    }
    read("layers_pattern") { parser, value in
      guard !value.isSwitchedOff else { return }
      parser.configuration.layerPatterns =
        value.kind == .array ? try value.elements().map { try $0.string() } : [try value.string()]
    }
    read("bias") { parser, value in
      let bias = try value.string()
      guard ["none", "all", "lora_only"].contains(bias) else {
        throw parser.error(.invalidField, value, "bias is \(value.excerpt); PEFT knows none, all and lora_only")
      }
      parser.configuration.trainsBiases = bias != "none"
    }
    read("ensure_weight_tying") { $0.configuration.tiesAdaptedEmbeddings = try $1.boolean() }
    read("fan_in_fan_out") { parser, value in
      guard try value.boolean() else { return }
      parser.configuration.notes.append(.fanInFanOutIsOff(field: value.jsonPath))
    }
  }

  private static func targets(_ value: JSON) throws -> AdapterConfiguration.Targets {
    if value.kind == .string {
      let text = try value.string()
      return text.lowercased() == "all-linear" ? .allLinear : .pattern(text)
    }
    return .names(try value.elements().map { try $0.string() })
  }

  /// Some initializations change the base weights before the training: the trained factors then fit only that base.
  ///
  /// PiSSA, OLoRA and LoftQ do it again when PEFT loads the adapter; CorDA and LoRA-GA can't. The others, MiCA among
  /// them, set only the factors, which loading replaces.
  ///
  /// Source: PEFT `tuners/lora/layer.py` (`update_layer`), `tuners/lora/variants.py` (`MiCALinearVariant`).
  private func checkInitialization(_ value: JSON) throws {
    guard value.kind != .boolean else { return }
    let name = try value.string().lowercased()
    let changesBase = ["pissa", "corda", "olora", "loftq", "lora_ga"].contains { name.hasPrefix($0) }
    if changesBase {
      // PEFT turns the others into plain LoRAs, but not this one, which quantizes the base.
      let remedy: Remedy =
        name.hasPrefix("loftq")
        ? remedies.merge
        : """
        save the adapter with save_pretrained(…, path_initial_model_for_weight_conversion=…), which makes it a plain LoRA
        """
      throw error(
        .unsupportedField, value,
        "init_lora_weights is \(value.excerpt), which changes the base weights before the training, "
          + "so the factors don't fit the base as it is", remedy)
    }
    guard ["gaussian", "eva", "orthogonal", "mica", "true", "false"].contains(name) else {
      throw error(.unknownField, value, "unknown initialization \(value.excerpt), which may change the base weights")
    }
  }

  // MARK: Invocation

  private mutating func readInvocation() {
    read("alora_invocation_tokens") { parser, value in
      parser.configuration.invocationTokens = try parser.invocationTokens(value)
    }
    read("invocation_string") { parser, value in
      let text = try value.string()
      guard !text.isEmpty else { throw parser.error(.invalidInvocation, value, "invocation_string is empty") }
      parser.configuration.invocationString = text
    }
    // A switch of early versions: it says what the tokens say already, or contradicts them.
    read("use_alora") { parser, value in
      guard try value.boolean() != parser.remedies.isActivated else { return }
      throw parser.error(
        .invalidInvocation, value,
        parser.remedies.isActivated
          ? "it is false, but the configuration names an invocation"
          : "it is true, but the configuration names no invocation, so the adapter would be active everywhere",
        "correct use_alora or alora_invocation_tokens")
    }
    read("alora_invocation_string") { parser, value in
      guard !value.isSwitchedOff else { return }
      parser.configuration.invocationText = try value.string()
      let hasTokens = try parser.json[optional: "alora_invocation_tokens"].map { !$0.isSwitchedOff } ?? false
      guard hasTokens else {
        throw parser.error(
          .invalidInvocation, value,
          "it gives the invocation only as text; PEFT reads alora_invocation_tokens, and without them the adapter is always active",
          "write the tokens of this text to alora_invocation_tokens")
      }
    }
  }

  private func invocationTokens(_ value: JSON) throws -> [Int] {
    let (elements, limit) = (try value.elements(), GGUFAdapterFormat.invocationLimit)
    guard elements.count <= limit else {
      throw error(.invalidInvocation, value, "an invocation of \(elements.count) tokens; at most \(limit) are read")
    }
    let tokens = try elements.map { element in
      let token = try element.integer()
      guard (0...Int(Int32.max)).contains(token) else {
        throw error(.invalidInvocation, element, "\(token) is not a token id: ids are whole numbers from 0")
      }
      return token
    }
    guard !tokens.isEmpty else {
      throw error(
        .invalidInvocation, value,
        "the list of invocation tokens is empty, which PEFT reads as a plain LoRA that is active everywhere",
        "write the tokens of the invocation, or null if a plain LoRA is meant")
    }
    return tokens
  }
}
