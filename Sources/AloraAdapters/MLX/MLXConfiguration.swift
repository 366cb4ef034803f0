internal import AloraJSON
internal import AloraSystem

/// Reads the `adapter_config.json` that mlx-lm writes beside `adapters.safetensors`: the arguments of the training, of
/// which `fine_tune_type` and `lora_parameters` bear on what the weights mean.
///
/// `scale` is the multiplier of B · A itself. mlx-lm before the middle of 2024 multiplied it by alpha / rank; every later
/// version, and every one that loads the file today, leaves an `alpha` unread.
///
/// Source: mlx-lm `mlx_lm/lora.py`, `mlx_lm/tuner/utils.py` (`linear_to_lora_layers`, `load_adapters`).
struct MLXConfigurationParser {
  private(set) var configuration: AdapterConfiguration
  /// In the order in which a strict reader would meet them.
  private(set) var problems: [any DiagnosedError] = []

  /// Whether a configuration is mlx-lm's and not PEFT's.
  static func matches(_ json: JSON) -> Bool {
    func has(_ name: String) -> Bool { (try? json[optional: name]) != nil }
    return !has("peft_type") && ["fine_tune_type", "lora_parameters", "adapter_path"].contains(where: has)
  }

  /// - Throws: ``JSONError`` `wrongType` if the document isn't an object.
  init(_ json: JSON, ignoredFields: Set<String>) throws {
    guard json.kind == .object else { throw json.error(.wrongType, "expected an object, found \(json.excerpt)") }
    configuration = AdapterConfiguration(path: json.filePath)
    // The file decides which modules are adapted: PEFT's rules of names don't apply.
    configuration.targets = .unspecified
    collect { parser in try parser.readType(json) }
    collect { parser in
      guard let model = try json[optional: "model"], model.kind == .string else { return }
      parser.configuration.baseModelName = try model.string()
    }
    guard configuration.type == "LORA" else { return }
    collect { parser in try parser.readParameters(json, ignoredFields: ignoredFields) }
  }

  private mutating func collect(_ body: (inout Self) throws -> Void) {
    do { try body(&self) } catch let error as any DiagnosedError { problems.append(error) } catch {
      preconditionFailure("an error without a place: \(error)")
    }
  }

  private func error(
    _ code: AdapterError.Code, _ place: String, _ problem: String, _ remedy: Remedy? = nil
  ) -> AdapterError {
    AdapterError(code, path: configuration.path, place: place, problem: problem, remedy: remedy)
  }

  private mutating func readType(_ json: JSON) throws {
    // Early versions had a switch instead.
    let isDoRA = try json[optional: "use_dora"].map { !$0.isSwitchedOff } ?? false
    let type = try json[optional: "fine_tune_type"]?.string() ?? (isDoRA ? "dora" : "lora")
    configuration.type = isDoRA || type == "dora" ? "DORA" : type.uppercased()
    switch configuration.type {
    case "LORA": break
    case "DORA":
      throw error(
        .unsupportedField, "$.fine_tune_type",
        "it is a DoRA, whose magnitudes GGUF and llama.cpp can't express",
        "merge it into the base with mlx_lm.fuse, or train a LoRA")
    case "FULL":
      throw error(
        .unsupportedType, "$.fine_tune_type", "the whole weights were trained, so there are no LoRA factors",
        "write the whole model with mlx_lm.fuse")
    default:
      throw error(
        .unsupportedType, "$.fine_tune_type", "fine_tune_type is \"\(type)\"; only lora can be converted",
        "train a LoRA")
    }
  }

  private mutating func readParameters(_ json: JSON, ignoredFields: Set<String>) throws {
    guard let parameters = try json[optional: "lora_parameters"] else {
      throw error(
        .invalidField, "$.lora_parameters", "it is missing, and with it the adapter's rank and scale",
        "use the adapter_config.json that mlx_lm.lora wrote beside the weights")
    }
    guard let rank = try parameters[optional: "rank"], let scale = try parameters[optional: "scale"] else {
      throw error(
        .invalidField, "$.lora_parameters", "it needs both rank and scale, as mlx-lm does",
        "write the rank and the scale that the adapter was trained with")
    }
    configuration.rank = try rank.integer(in: 1...(1 << 20))
    let factor = try scale.number()
    configuration.scale = factor
    configuration.alpha = factor * Double(configuration.rank)
    if let alpha = try parameters[optional: "alpha"], alpha.kind != .null {
      let number = try alpha.number()
      if number != Double(configuration.rank) {
        configuration.notes.append(.mlxAlphaUnused(field: alpha.jsonPath, scale: factor))
      }
    }
    for (name, value) in try parameters.members() where !["rank", "scale", "alpha", "dropout", "keys"].contains(name) {
      guard !value.isSwitchedOff, !ignoredFields.contains(name) else { continue }
      throw AdapterError(
        .unknownField, path: configuration.path, place: value.jsonPath,
        problem: "unknown field with the value \(value.excerpt), which may change what the weights mean",
        remedy: .either(["update alora", .ignoreField(name)]))
    }
  }
}
