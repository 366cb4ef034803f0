internal import AloraSystem
public import AloraJSON

extension AdapterConfiguration {
  /// Reads and checks a configuration.
  ///
  /// Every field is honoured, known to be harmless, or refused by name. `ignoredFields` names fields that this version
  /// does not know and that the user vouches for.
  ///
  /// - Throws: ``JSONError`` for values of a wrong kind; ``PEFTError`` (`unsupportedType`, `invalidField`,
  ///   `unsupportedField`, `unknownField`, `invalidInvocation`).
  public init(json: JSON, ignoredFields: Set<String> = []) throws {
    self.init(path: json.filePath)
    try checkType(json)
    for (name, value) in try json.members() {
      switch ConfigurationField.named(name) {
      case .used, .harmless: break
      case .refusedUnlessEmpty(let problem, let remedy):
        guard value.isSwitchedOff else {
          throw error(.unsupportedField, value, "\(name) is \(value.excerpt): \(problem)", remedy)
        }
      case nil:
        guard value.isSwitchedOff || ignoredFields.contains(name) else {
          throw error(
            .unknownField, value,
            "unknown field with the value \(value.excerpt), which may change what the weights mean",
            .either(["update alora", .ignoreField(name)]))
        }
        notes.append(
          Note(place: value.jsonPath, text: "unknown field \(value.isSwitchedOff ? "that is off" : "ignored")"))
      }
    }
    try readScaling(json)
    try readTargets(json)
    try readInitialization(json)
    try readInvocation(json)
    baseModelName = try json[optional: "base_model_name_or_path"]?.string()
    revision = try json[optional: "revision"]?.string()
    taskType = try json[optional: "task_type"]?.string()
    version = try json[optional: "peft_version"]?.string()
  }

  private func error(_ code: PEFTError.Code, _ value: JSON, _ problem: String, _ remedy: Remedy? = nil) -> PEFTError {
    PEFTError(code, path: path, place: value.jsonPath, problem: problem, remedy: remedy)
  }

  private func checkType(_ json: JSON) throws {
    guard json.kind == .object else { throw json.error(.wrongType, "expected an object, found \(json.excerpt)") }
    guard let type = try json[optional: "peft_type"] else {
      throw PEFTError(
        .unsupportedType, path: path, place: "$.peft_type", problem: "peft_type is missing",
        remedy: "give the directory of a PEFT adapter; its configuration says \"peft_type\": \"LORA\"")
    }
    guard try type.string() == "LORA" else {
      throw error(
        .unsupportedType, type, "peft_type is \(type.excerpt); only LORA adapters can become GGUF",
        "merge the adapter into the base, or train a LoRA")
    }
  }

  private mutating func readScaling(_ json: JSON) throws {
    if let value = try json[optional: "r"] { rank = try value.integer(in: 1...(1 << 20)) }
    if let value = try json[optional: "lora_alpha"] { alpha = try value.number() }
    if let value = try json[optional: "use_rslora"] { isRankStabilized = try value.boolean() }
    rankPattern = try Self.rules(json, "rank_pattern") { value in try value.integer(in: 1...(1 << 20)) }
    alphaPattern = try Self.rules(json, "alpha_pattern") { value in try value.number() }
  }

  private static func rules<Value>(
    _ json: JSON, _ name: String, _ read: (JSON) throws -> Value
  ) throws -> [PatternRule<Value>] {
    guard let object = try json[optional: name] else { return [] }
    return try object.members().map { PatternRule(pattern: $0.name, value: try read($0.value)) }
  }

  private mutating func readTargets(_ json: JSON) throws {
    if let value = try json[optional: "target_modules"] { targets = try Self.targets(value) }
    if let value = try json[optional: "target_parameters"], !value.isSwitchedOff {
      targetParameters = value.kind == .string ? [try value.string()] : try value.elements().map { try $0.string() }
    }
    if let value = try json[optional: "exclude_modules"], !value.isSwitchedOff {
      let read = try Self.targets(value)
      // "all-linear" means something for targets only.
      excluded = read == .allLinear ? .pattern(try value.string()) : read
    }
    if let value = try json[optional: "layers_to_transform"] {
      let range = 0...(1 << 20)
      let indexes =
        value.kind == .array ? try value.elements().map { try $0.integer(in: range) } : [try value.integer(in: range)]
      layers = indexes.isEmpty ? nil : Set(indexes)
      if case .pattern = targets, layers != nil {
        throw error(
          .invalidField, value, "layers_to_transform cannot go with target_modules as a pattern (PEFT refuses it too)")
      }
    }
    if let value = try json[optional: "layers_pattern"], !value.isSwitchedOff {
      layerPatterns = value.kind == .array ? try value.elements().map { try $0.string() } : [try value.string()]
    }
    if let value = try json[optional: "bias"] {
      let bias = try value.string()
      guard ["none", "all", "lora_only"].contains(bias) else {
        throw error(.invalidField, value, "bias is \(value.excerpt); PEFT knows none, all and lora_only")
      }
      trainsBiases = bias != "none"
    }
    if let value = try json[optional: "ensure_weight_tying"] { tiesAdaptedEmbeddings = try value.boolean() }
    if let value = try json[optional: "fan_in_fan_out"], try value.boolean() {
      notes.append(
        Note(
          place: value.jsonPath,
          text: "PEFT itself switches fan_in_fan_out off for torch.nn.Linear, which all targets are"))
    }
  }

  private static func targets(_ value: JSON) throws -> Targets {
    if value.kind == .string {
      let text = try value.string()
      return text.lowercased() == "all-linear" ? .allLinear : .pattern(text)
    }
    return .names(try value.elements().map { try $0.string() })
  }

  /// Some initializations change the base weights before the training: the trained factors then fit only that base.
  ///
  /// PiSSA, OLoRA and LoftQ do it again when PEFT loads the adapter; CorDA and LoRA-GA cannot. The others, MiCA among
  /// them, set only the factors, which loading replaces.
  ///
  /// Source: PEFT `tuners/lora/layer.py` (`update_layer`), `tuners/lora/variants.py` (`MiCALinearVariant`).
  private func readInitialization(_ json: JSON) throws {
    guard let value = try json[optional: "init_lora_weights"], value.kind != .boolean else { return }
    let name = try value.string().lowercased()
    let changesBase = ["pissa", "corda", "olora", "loftq", "lora_ga"].contains { name.hasPrefix($0) }
    if changesBase {
      // PEFT turns the others into plain LoRAs, but not this one, which quantizes the base.
      let remedy: Remedy =
        name.hasPrefix("loftq")
        ? "merge the adapter into the base that it was trained on, and convert the merged model"
        : """
        save the adapter with save_pretrained(…, path_initial_model_for_weight_conversion=…), which makes it a plain LoRA
        """
      throw error(
        .unsupportedField, value,
        "init_lora_weights is \(value.excerpt), which changes the base weights before the training, "
          + "so the factors do not fit the base as it is", remedy)
    }
    guard ["gaussian", "eva", "orthogonal", "mica", "true", "false"].contains(name) else {
      throw error(.unknownField, value, "unknown initialization \(value.excerpt), which may change the base weights")
    }
  }

  private mutating func readInvocation(_ json: JSON) throws {
    if let value = try json[optional: "alora_invocation_tokens"] {
      var tokens: [Int] = []
      let elements = try value.elements()
      guard elements.count <= 1 << 16 else {
        throw error(
          .invalidInvocation, value, "an invocation of \(elements.count) tokens, at most \(1 << 16) are taken")
      }
      for element in elements {
        let token = try element.integer()
        guard (0...Int(Int32.max)).contains(token) else {
          throw error(.invalidInvocation, element, "\(token) is no token id: ids are whole numbers from 0")
        }
        tokens.append(token)
      }
      guard !tokens.isEmpty else {
        throw error(
          .invalidInvocation, value,
          "the list of invocation tokens is empty, which PEFT takes for a plain LoRA that is active everywhere",
          "write the tokens of the invocation sequence, or null if a plain LoRA is meant")
      }
      invocationTokens = tokens
    }
    if let value = try json[optional: "invocation_string"] {
      let text = try value.string()
      guard !text.isEmpty else { throw error(.invalidInvocation, value, "invocation_string is empty") }
      invocationString = text
    }
  }
}
