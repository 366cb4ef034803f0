internal import AloraSystem
package import AloraModels
internal import AloraSafetensors
internal import AloraTensors

extension BoundAdapter {
  /// Locates a PEFT adapter in a base, by PEFT's rules.
  ///
  /// - Throws: the first of the adapter's obstacles; ``AdapterError``.
  package init(_ adapter: AdapterDirectory, base: BaseModel, options: Options = Options()) throws {
    if let obstacle = adapter.obstacles.first { throw obstacle }
    try base.checkFactors()
    guard let weights = adapter.weights else { preconditionFailure("an adapter whose weights weren't asked for") }
    let matcher = try ModuleMatcher(adapter.configuration)
    var notes = adapter.notes
    let locator = ModuleLocator(adapter: adapter, base: base, matcher: matcher, use: options.use)
    let pairs = options.leavesOutTowers ? locator.withoutTowers(adapter.pairs, notes: &notes) : adapter.pairs
    members = try pairs.map { pair in
      if pair.isStack {
        let (module, target) = try locator.stack(of: pair)
        return Member(
          module: module, targets: [target], pair: pair, rank: pair.rank,
          scaling: try matcher.scaling(ofModule: pair.module),
          fileOfA: weights.file(of: pair.a), fileOfB: weights.file(of: pair.b), isInGGUFOrder: true)
      }
      let module = try locator.module(of: pair)
      let rank =
        if case .experts(let experts) = module.kind { pair.a.shape.rowCount / experts.count } else { pair.rank }
      return Member(
        module: module, targets: module.targets, pair: pair, rank: rank,
        scaling: try matcher.scaling(ofModule: locator.patternName(pair, module)),
        fileOfA: weights.file(of: pair.a), fileOfB: weights.file(of: pair.b), isInGGUFOrder: false,
        magnitude: adapter.magnitudes[pair.module].map { Factor(file: weights.file(of: $0), tensor: $0) },
        isParameter: adapter.configuration.targetsParameter("\(pair.module).weight"))
    }
    for member in members { try Self.check(member, path: adapter.weightsPath) }
    guard members.contains(where: { $0.scaling.value != 0 }) else {
      throw AdapterError(
        .noEffect, path: adapter.configurationPath, place: "$.lora_alpha",
        problem: "alpha is 0, so the adapter does nothing (and llama.cpp would read 0 as scale 1)",
        remedy: "set lora_alpha to the value that was used in training")
    }
    guard members.allSatisfy({ Float($0.scaling.value).isFinite }) else {
      throw AdapterError(
        .scalingNotFinite, path: adapter.configurationPath, place: "$.lora_alpha",
        problem: "f32 can't represent the scaling that alpha and rank give")
    }
    notes += try locator.missingModules(members)
    notes += locator.notes(on: members.map(\.module))
    path = adapter.path
    peftVersion = adapter.configuration.version
    expertOrders = Self.expertOrders(members)
    invocationTokens = try adapter.invocationTokens(in: base, tokenize: options.tokenize, notes: &notes)
    self.notes = notes
  }

  /// Compares a rank in the file with the rank that the configuration gives.
  private static func check(_ member: Member, path: String) throws(AdapterError) {
    let (pair, rank) = (member.pair, member.scaling.rank)
    guard member.rank != rank else { return }
    if case .experts(let experts) = member.module.kind {
      throw AdapterError(
        .wrongRank, path: path, place: "module \(pair.module)",
        problem:
          "its rank is \(member.rank) for each of the base's \(experts.count) experts, but adapter_config.json says \(rank)",
        remedy: "correct r or rank_pattern, or give a base with as many experts as the adapter has")
    }
    let isTransposed = pair.a.shape.dimensions[1] == rank && pair.b.shape.dimensions[0] == rank
    throw AdapterError(
      .wrongRank, path: path, place: "module \(pair.module)",
      problem: "its rank is \(member.rank), but adapter_config.json says \(rank)",
      remedy: isTransposed
        ? "lora_A and lora_B seem to be transposed" : "correct r or rank_pattern, or save the adapter again")
  }
}

extension AdapterDirectory {
  /// What to do about an adapter that doesn't fit the base.
  var baseRemedy: Remedy {
    guard let name = configuration.baseModelName else { return "give the base that the adapter was trained on" }
    return "give the base that the adapter was trained on: \(name)"
  }

  /// The invocation tokens: the configured ones, or those of a legacy invocation string.
  ///
  /// - Throws: `tokenOutsideVocabulary`, `missingTokenizer`, `emptyInvocation`, and what the tokenizer throws.
  func invocationTokens(
    in base: BaseModel, tokenize: (@Sendable (String) throws -> [Int])?, notes: inout [AdapterNote]
  ) throws -> [Int]? {
    let vocabularySize = base.hyperparameters.vocabularySize
    if let tokens = configuration.invocationTokens {
      if configuration.invocationString != nil {
        notes.append(.invocationStringUnused)
      }
      for (index, token) in tokens.enumerated() where token >= vocabularySize {
        throw AdapterError(
          .tokenOutsideVocabulary, path: configurationPath, place: "$.alora_invocation_tokens[\(index)]",
          problem: "\(token) is not a token of the base, which has \(vocabularySize)", remedy: baseRemedy)
      }
      if let text = configuration.invocationText, let tokenize {
        let others = try tokenize(text)
        if others != tokens { notes.append(.invocationTextDiffers(tokens: others, used: tokens)) }
      }
      return tokens
    }
    guard let text = configuration.invocationString else { return nil }
    guard let tokenize else {
      throw AdapterError(
        .missingTokenizer, path: configurationPath, place: "$.invocation_string",
        problem:
          "this legacy adapter gives its invocation as text, and the base has no tokenizer to turn it into tokens",
        remedy: "give a base directory with tokenizer.json, or a base GGUF")
    }
    let tokens = try tokenize(text)
    guard tokens.count > 1, tokens.allSatisfy({ $0 >= 0 && $0 < vocabularySize }) else {
      throw AdapterError(
        .emptyInvocation, path: configurationPath, place: "$.invocation_string",
        problem: "it becomes the tokens \(tokens); without the first, which doesn't count, no valid sequence is left")
    }
    notes.append(.legacyInvocation(tokens: tokens))
    return Array(tokens.dropFirst())
  }
}
