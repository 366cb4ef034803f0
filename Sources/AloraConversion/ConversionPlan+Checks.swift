internal import AloraSystem
internal import AloraModels
internal import AloraModelCard
internal import AloraAdapters
internal import AloraTensors

extension ConversionPlan {
  typealias Located = (pair: FactorPair, module: WeightModule)

  /// The base's module that a pair of factors changes.
  ///
  /// - Throws: `unknownModule`, `wrongShape`, `tiedOutput`, `activeEmbedding`; ``PEFTError`` `notTargeted`.
  static func located(
    _ pair: FactorPair, in base: BaseModel, adapter: AdapterDirectory, matcher: ModuleMatcher
  ) throws -> Located {
    let place = "module \(pair.module)"
    if let parameter = try Self.parameter(pair, in: base, adapter: adapter) { return (pair, parameter) }
    guard let module = Self.module(of: pair, in: base) else {
      throw ConversionError(
        .unknownModule, path: adapter.weightsPath, place: place,
        problem: "the base (\(base.architectureName), \(base.hyperparameters.layerCount) layers) has no such module",
        remedy: baseRemedy(adapter))
    }
    let isOutput = module.kind == .outputLayer
    let isTargeted =
      try matcher.targets(module: pair.module, isOutputLayer: isOutput)
      || adapter.configuration.targetsParameter("\(pair.module).weight")
    guard isTargeted else {
      throw PEFTError(
        .notTargeted, path: adapter.weightsPath, place: place,
        problem: "the file adapts it, but adapter_config.json does not target it, so PEFT would ignore it",
        remedy: "correct target_modules, exclude_modules or layers_to_transform, or save the adapter again")
    }
    guard !module.targets.isEmpty else {
      throw ConversionError(
        .tiedOutput, path: adapter.weightsPath, place: place,
        problem:
          "the base ties its output layer to the token embedding, and GGUF adapters cannot change one without the other",
        remedy: "train without lm_head, or merge the adapter into the base")
    }
    try checkApplied(module, in: base, adapter: adapter)
    try checkActivation(module, adapter: adapter)
    guard pair.isEmbedding == (module.kind == .embedding) else {
      throw ConversionError(
        .wrongShape, path: adapter.weightsPath, place: place,
        problem: pair.isEmbedding
          ? "it is adapted as an embedding and is none" : "it is adapted as a linear module and is an embedding")
    }
    guard pair.inputCount == module.inputCount, pair.outputCount == module.outputCount else {
      // Factors of [in, r] and [r, out] have the rank on the outside.
      let rank = try matcher.scaling(ofModule: pair.module).rank
      let isSwapped = pair.inputCount == rank && pair.outputCount == rank && pair.rank != rank
      throw ConversionError(
        .wrongShape, path: adapter.weightsPath, place: place,
        problem: "the adapter maps \(pair.inputCount) inputs to \(pair.outputCount) outputs, "
          + "the base \(module.inputCount) to \(module.outputCount)",
        remedy: isSwapped ? "lora_A and lora_B seem to be swapped or transposed" : baseRemedy(adapter))
    }
    if module.kind == .embedding { try checkEmbedding(place, base: base, adapter: adapter) }
    return (pair, module)
  }

  /// The base's module that the adapter calls `name`.
  ///
  /// Adapters trained on the bare model (without the output layer's wrapper) name their modules one level lower; those
  /// trained on a multimodal model have `language_model` in their modules' names, as transformers wraps the model.
  ///
  /// Source: llama.cpp `convert_lora_to_gguf.py` (`modify_tensors`).
  private static func module(of pair: FactorPair, in base: BaseModel) -> WeightModule? {
    var name = pair.module
    for (prefix, replacement) in [("model.language_model.", "model."), ("language_model.", "")]
    where name.hasPrefix(prefix) {
      name = replacement + name.dropFirst(prefix.count)
      break
    }
    // An embedding's inputs are tokens.
    let (outputs, inputs) =
      pair.isEmbedding ? (pair.inputCount, pair.outputCount) : (pair.outputCount, pair.inputCount)
    return base.module(named: name, outputCount: outputs, inputCount: inputs)
      ?? base.module(named: "model." + name, outputCount: outputs, inputCount: inputs)
  }

  private static func checkEmbedding(_ place: String, base: BaseModel, adapter: AdapterDirectory)
    throws(ConversionError)
  {
    if adapter.configuration.isActivated {
      throw ConversionError(
        .activeEmbedding, path: adapter.weightsPath, place: place,
        problem: "PEFT applies an adapted embedding to every token, so this aLoRA is active before its activation",
        remedy: "train without embed_tokens")
    }
    if base.hyperparameters.tiesEmbeddings {
      throw ConversionError(
        .tiedOutput, path: adapter.weightsPath, place: place,
        problem: "the base ties its output layer to the token embedding, and llama.cpp would apply the change to both",
        remedy: "train without embed_tokens, or merge the adapter into the base")
    }
  }

  private static func baseRemedy(_ adapter: AdapterDirectory) -> Remedy {
    guard let name = adapter.configuration.baseModelName else { return "give the base that the adapter was trained on" }
    return "give the base that the adapter was trained on: \(name)"
  }

  /// Compares the ranks in the file with those that the configuration gives.
  ///
  /// - Throws: `wrongRank`.
  static func check(
    _ pairs: [Located], against scalings: [ModuleMatcher.Scaling], path: String
  ) throws(PEFTError) {
    for (located, scaling) in zip(pairs, scalings) where rank(of: located) != scaling.rank {
      let pair = located.pair
      let isTransposed = pair.a.shape.dimensions[1] == scaling.rank && pair.b.shape.dimensions[0] == scaling.rank
      throw PEFTError(
        .wrongRank, path: path, place: "module \(pair.module)",
        problem: "its rank is \(rank(of: located)), and adapter_config.json says \(scaling.rank)",
        remedy: isTransposed
          ? "lora_A and lora_B seem to be transposed" : "correct r or rank_pattern, or save the adapter again")
    }
  }

  /// A note on modules that the configuration targets and the file does not hold: PEFT leaves them as they are.
  ///
  /// They are named as the adapter's others are, which is how the configuration targets them.
  static func missingModules(
    _ adapter: AdapterDirectory, located: [Located], base: BaseModel, matcher: ModuleMatcher
  ) throws(PEFTError) -> [Note] {
    if case .unspecified = adapter.configuration.targets { return [] }
    let present = Set(located.map(\.module.name))
    let prefix = modulePrefix(located)
    var missing: [String] = []
    for module in base.modules where module.kind == .linear && !present.contains(module.name) {
      let name = "\(prefix)\(module.name.dropFirst("model.".count))"
      if try matcher.targets(module: name, isOutputLayer: false) { missing.append(name) }
    }
    guard let first = missing.first else { return [] }
    return [
      Note(
        place: "$.target_modules",
        text: "adapter_config.json targets \(missing.count) more modules than the file adapts (\(first)"
          + "\(missing.count > 1 ? ", …" : "")); they stay as in the base")
    ]
  }

  /// What the adapter's names have in the place of the base's `model.`: `model.language_model.`, or nothing.
  private static func modulePrefix(_ located: [Located]) -> String {
    for (pair, module) in located where module.name.hasPrefix("model.") {
      let rest = module.name.dropFirst("model.".count)
      if pair.module.hasSuffix(rest) { return String(pair.module.dropLast(rest.count)) }
    }
    return "model."
  }

  /// A note where the base calls itself something else than the adapter calls its base.
  static func baseMismatch(_ adapter: AdapterDirectory, base: BaseModel, baseModelID: String?) -> [Note] {
    guard let stated = base.statedName, let name = baseModelID ?? adapter.configuration.baseModelName,
      BaseAgreement.contradicts(stated.name, adapterBase: name, isWholeName: stated.isWhole)
    else { return [] }
    return [
      Note(
        place: "base",
        text: "the adapter was trained on '\(name)', and the base given calls itself '\(stated.name)'; its shapes fit")
    ]
  }

  /// The invocation tokens that are written: the configured ones, or those of a legacy invocation string.
  ///
  /// - Throws: `tokenOutsideVocabulary`, `missingTokenizer`, `emptyInvocation`, and what the tokenizer throws.
  static func invocationTokens(
    _ adapter: AdapterDirectory, base: BaseModel, options: Options, notes: inout [Note]
  ) throws -> [Int]? {
    let vocabularySize = base.hyperparameters.vocabularySize
    let configuration = adapter.configuration
    if let tokens = configuration.invocationTokens {
      if configuration.invocationString != nil {
        notes.append(Note(place: "$.invocation_string", text: "not used: alora_invocation_tokens says it already"))
      }
      for (index, token) in tokens.enumerated() where token >= vocabularySize {
        throw ConversionError(
          .tokenOutsideVocabulary, path: adapter.configurationPath, place: "$.alora_invocation_tokens[\(index)]",
          problem: "\(token) is no token of the base, which has \(vocabularySize)", remedy: baseRemedy(adapter))
      }
      return tokens
    }
    guard let text = configuration.invocationString else { return nil }
    guard let tokenize = options.tokenize else {
      throw ConversionError(
        .missingTokenizer, path: adapter.configurationPath, place: "$.invocation_string",
        problem:
          "this legacy adapter names its invocation by text, and the base has no tokenizer to turn it into tokens",
        remedy: "give a base directory with tokenizer.json, or a base GGUF")
    }
    let tokens = try tokenize(text)
    guard tokens.count > 1, tokens.allSatisfy({ $0 >= 0 && $0 < vocabularySize }) else {
      throw ConversionError(
        .emptyInvocation, path: adapter.configurationPath, place: "$.invocation_string",
        problem: "it becomes the tokens \(tokens), of which the first does not count: no valid sequence is left")
    }
    notes.append(
      Note(
        place: "$.invocation_string",
        text:
          "legacy adapter: it becomes the tokens \(tokens); it was trained to be active one token later, so the first is dropped"
      ))
    return Array(tokens.dropFirst())
  }
}
