internal import AloraSystem
internal import AloraModels

/// Finds the modules of a base that a PEFT adapter names.
struct ModuleLocator {
  let adapter: AdapterDirectory
  let base: BaseModel
  let matcher: ModuleMatcher
  var use = AdapterUse.factors

  func error(
    _ code: AdapterError.Code, _ pair: FactorPair, _ problem: String, _ remedy: Remedy? = nil
  ) -> AdapterError {
    AdapterError(
      code, path: adapter.weightsPath, place: "module \(pair.module)", problem: problem, remedy: remedy)
  }

  /// The base's module that a pair of factors changes.
  ///
  /// - Throws: `unknownModule`, `wrongShape`, `tiedOutput`, `activeEmbedding`, `activeExperts`, `neverApplied`, `notTargeted`.
  func module(of pair: FactorPair) throws(AdapterError) -> WeightModule {
    if let parameter = try parameter(of: pair) { return parameter }
    guard let module = baseModule(of: pair) else { throw unknownModule(pair) }
    let isTargeted =
      try matcher.targets(module: pair.module, isOutputLayer: module.kind == .outputLayer)
      || adapter.configuration.targetsParameter("\(pair.module).weight")
    guard isTargeted else {
      throw error(
        .notTargeted, pair, "the file adapts it, but adapter_config.json does not target it, so PEFT would ignore it",
        "correct target_modules, exclude_modules or layers_to_transform, or save the adapter again")
    }
    guard !module.targets.isEmpty else {
      throw error(
        .tiedOutput, pair,
        "the base ties its output layer to the token embedding, and GGUF adapters can't change one without the other",
        remedy(training: "lm_head"))
    }
    try checkApplied(module)
    try checkActivation(module)
    guard pair.isEmbedding == (module.kind == .embedding) else {
      throw error(
        .wrongShape, pair,
        pair.isEmbedding
          ? "it is adapted as an embedding, but it is a linear module"
          : "it is adapted as a linear module, but it is an embedding")
    }
    guard pair.inputCount == module.inputCount, pair.outputCount == module.outputCount else {
      // Factors of [in, r] and [r, out] have the rank on the outside.
      let rank = try matcher.scaling(ofModule: pair.module).rank
      let isSwapped = pair.inputCount == rank && pair.outputCount == rank && pair.rank != rank
      throw error(
        .wrongShape, pair,
        "the adapter maps \(pair.inputCount) inputs to \(pair.outputCount) outputs, "
          + "the base \(module.inputCount) to \(module.outputCount)",
        isSwapped ? "lora_A and lora_B seem to be swapped or transposed" : adapter.baseRemedy)
    }
    if module.kind == .embedding { try checkEmbedding(pair) }
    return module
  }

  private func remedy(training module: String) -> Remedy {
    use != .merging
      ? "train without \(module)"
      : .advice("train without \(module), or untie the base first: load it with tie_word_embeddings=False and save it")
  }

  /// The base's module that the adapter calls `given`, which is the pair's own name if there is none.
  ///
  /// Adapters trained on the bare model (without the output layer's wrapper) name their modules one level lower; those
  /// trained on a multimodal model have `language_model` in their modules' names, as transformers wraps the model.
  ///
  /// Source: llama.cpp `convert_lora_to_gguf.py` (`modify_tensors`).
  private func baseModule(of pair: FactorPair, named given: String? = nil) -> WeightModule? {
    var name = given ?? pair.module
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

  private func checkEmbedding(_ pair: FactorPair) throws(AdapterError) {
    if adapter.configuration.isActivated {
      throw error(
        .activeEmbedding, pair,
        "PEFT applies an adapted embedding to every token, so this aLoRA is active before its activation",
        "train without embed_tokens")
    }
    if base.hyperparameters.tiesEmbeddings {
      throw error(
        .tiedOutput, pair,
        "the base ties its output layer to the token embedding, and llama.cpp would apply the change to both",
        remedy(training: "embed_tokens"))
    }
  }

  // MARK: Names that the base doesn't have

  /// Parts of multimodal models beside the text model, by components of their names.
  ///
  /// Source: transformers `models/*/modeling_*.py` (LLaVA, Gemma 3, Mistral 3, Qwen-VL, Idefics, Phi-4 multimodal, …).
  private static let towers: KeyValuePairs<String, Set<Substring>> = [
    "the vision tower": [
      "vision_tower", "vision_model", "vision_encoder", "visual", "vision", "image_encoder", "vit", "embed_vision",
    ],
    "the audio tower": ["audio_tower", "audio_encoder", "audio_model", "embed_audio"],
    "the multimodal projector": [
      "multi_modal_projector", "mm_projector", "connector", "multimodal_projector", "aligner", "img_projection",
      "patch_merger",
    ],
  ]

  private static func tower(_ module: String) -> String? {
    let parts = Set(module.split(separator: ".").prefix(4))
    return towers.first { !$0.value.isDisjoint(with: parts) }?.key
  }

  private func unknownModule(_ pair: FactorPair) -> AdapterError {
    let description = "\(base.architectureName), \(base.hyperparameters.layerCount) layers"
    if let tower = Self.tower(pair.module) {
      let count = adapter.pairs.count { Self.tower($0.module) != nil }
      let isAll = count == adapter.pairs.count
      return error(
        .unknownModule, pair,
        "it is part of \(tower), as \(isAll ? "all" : "\(count)") of the adapter's \(adapter.pairs.count) modules are "
          + "(vision, audio or projector), and the base (\(description)) is a text model",
        isAll ? "train the language model's modules" : .leaveOutTowers)
    }
    if let (expert, count) = missingExpert(pair) {
      return error(
        .unknownModule, pair,
        "it is part of expert \(expert), but the base (\(description)) has only experts 0 to \(count - 1)",
        adapter.baseRemedy)
    }
    if let wrapper = unknownWrapper(pair) {
      return error(
        .unknownModule, pair,
        "the base (\(description)) has no such module, but it has the one without '\(wrapper)', which some wrapper of the "
          + "model or another program added to the name",
        "save the adapter from the unwrapped model, or take '\(wrapper)' out of the tensors' names")
    }
    let isFound = adapter.pairs.contains { baseModule(of: $0) != nil }
    return error(
      .unknownModule, pair,
      isFound
        ? "the base (\(description)) has no such module"
        : "the base (\(description)) has no such module, nor any other of the adapter's \(adapter.pairs.count)",
      adapter.baseRemedy)
  }

  /// The number of an expert that the base doesn't have, if it has others of this name.
  private func missingExpert(_ pair: FactorPair) -> (expert: Int, count: Int)? {
    var parts = pair.module.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard let place = parts.lastIndex(where: { Int($0) != nil }), let expert = Int(parts[place]) else { return nil }
    parts[place] = "0"
    guard let first = baseModule(of: pair, named: parts.joined(separator: ".")),
      case .expert(_, let count) = first.kind,
      expert >= count
    else { return nil }
    return (expert, count)
  }

  /// The part of a module's name without which the base has the module: all up to PEFT's prefix, or else the shortest one.
  private func unknownWrapper(_ pair: FactorPair) -> String? {
    if let end = pair.module.firstRange(of: "base_model.model.")?.upperBound,
      baseModule(of: pair, named: String(pair.module[end...])) != nil
    {
      return String(pair.module[..<end])
    }
    let parts = pair.module.split(separator: ".", omittingEmptySubsequences: false)
    // Real names are shorter; the limit bounds the time.
    guard parts.count <= 32 else { return nil }
    for length in 1..<max(parts.count, 1) {
      for start in 0...(parts.count - length) {
        let rest = parts[..<start] + parts[(start + length)...]
        guard baseModule(of: pair, named: rest.joined(separator: ".")) != nil else { continue }
        return parts[start..<(start + length)].joined(separator: ".") + "."
      }
    }
    return nil
  }

  /// The pairs of the text model; the others are noted.
  func withoutTowers(_ pairs: [FactorPair], notes: inout [AdapterNote]) -> [FactorPair] {
    let left = pairs.filter { Self.tower($0.module) == nil || baseModule(of: $0) != nil }
    if let first = pairs.first(where: { Self.tower($0.module) != nil }), left.count < pairs.count, !left.isEmpty {
      notes.append(.towersLeftOut(count: pairs.count - left.count, first: first.module))
      return left
    }
    return pairs
  }

  // MARK: Modules that the file doesn't have

  /// A note on modules that the configuration targets and the file doesn't have: PEFT leaves them as they are.
  ///
  /// They are named as the adapter's others are, which is how the configuration targets them.
  func missingModules(_ members: [BoundAdapter.Member]) throws(AdapterError) -> [AdapterNote] {
    if case .unspecified = adapter.configuration.targets { return [] }
    // By tensor, because one may have several names.
    let present = Set(members.flatMap { $0.module.targets.map(\.tensorName) })
    let prefix = Self.prefix(members)
    var missing: [String] = []
    for module in base.modules
    where module.kind == .linear && present.isDisjoint(with: module.targets.map(\.tensorName)) {
      let name = "\(prefix)\(module.name.dropFirst("model.".count))"
      if try matcher.targets(module: name, isOutputLayer: false) { missing.append(name) }
    }
    guard let first = missing.first else { return [] }
    return [.modulesNotInFile(count: missing.count, first: first)]
  }

  /// What the adapter's names have in place of the base's `model.`: `model.language_model.`, or nothing.
  private static func prefix(_ members: [BoundAdapter.Member]) -> String {
    for member in members where member.module.name.hasPrefix("model.") {
      let rest = member.module.name.dropFirst("model.".count)
      if member.pair.module.hasSuffix(rest) { return String(member.pair.module.dropLast(rest.count)) }
    }
    return "model."
  }
}
