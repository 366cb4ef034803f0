internal import AloraGGUF
internal import AloraJSON
internal import AloraSystem

extension ExpertRouting.Weights {
  /// - Throws: ``JSONError``; ``ArchitectureError`` `unsupportedVariant`.
  init(_ reader: ConfigurationReader, _ rule: GraphNumberRules.Routing, _ h: Hyperparameters) throws {
    switch rule {
    case .softmaxOfChosen: self = .softmaxOfChosen
    case .asConfigured(_, let fallback):
      self = try reader.boolean("norm_topk_prob", default: fallback) ? .softmaxOfChosen : .softmaxOfAll
    case .sigmoidOnInput: self = .sigmoidOnInput
    case .scores(.softmax):
      let least = try reader.number("moe_norm_min", default: ExpertScores.usualLeastSum)
      self = .scores(ExpertScores(function: .softmax, normalization: .sumAtLeast(Float(least))))
    case .scores(.sigmoid):
      let scores = ExpertScores(
        function: .sigmoid,
        normalization: try reader.boolean("norm_topk_prob", default: true) ? ExpertScores.usualSum : nil,
        scale: Float(try reader.number("routed_scaling_factor", default: 1)),
        groupCount: try reader.integer("n_group", default: 1),
        groupsPerToken: try reader.integer("topk_group", default: 1))
      try reader.check(scores.objection(expertCount: h.expertCount, expertsPerToken: h.expertsPerToken))
      self = .scores(scores)
    }
  }

  /// Source: llama.cpp `src/llama-graph.cpp` (`build_moe_ffn`), `src/models/` for what its arguments are.
  /// - Throws: ``GGUFError``; ``ArchitectureError`` `invalidHyperparameter`.
  init(_ reader: GGUFReader, _ rule: GraphNumberRules.Routing, _ h: Hyperparameters) throws {
    let stated = try reader.number("expert_weights_scale", default: 1)
    let scale = stated == 0 ? 1 : stated
    if case .scores(let function) = rule {
      self = .scores(try ExpertScores(reader, function, scale: scale, h))
      return
    }
    guard scale == 1 else {
      throw reader.error("\(reader.prefix).expert_weights_scale", "a scale of \(scale) is not supported")
    }
    switch rule {
    case .softmaxOfChosen, .scores: self = .softmaxOfChosen
    case .asConfigured(let isNormalized, _):
      self = try reader.boolean("expert_weights_norm", default: isNormalized) ? .softmaxOfChosen : .softmaxOfAll
    case .sigmoidOnInput: self = .sigmoidOnInput
    }
  }
}

extension ExpertScores {
  /// What the normalization is if a configuration doesn't state it.
  package static let usualSum = Normalization.sumPlus(1e-20)
  static let usualLeastSum = 1e-12
  /// `LLAMA_EXPERT_GATING_FUNC_TYPE_SIGMOID`
  private static let sigmoidInGGUF = 2

  fileprivate init(_ reader: GGUFReader, _ function: Function, scale: Double, _ h: Hyperparameters) throws {
    switch function {
    case .softmax:
      self.init(
        function: .softmax, normalization: .sumAtLeast(Float(Self.usualLeastSum)), scale: Float(scale))
    case .sigmoid:
      let stated = try reader.integer("expert_gating_func", default: 0)
      guard [0, Self.sigmoidInGGUF].contains(stated) else {
        throw reader.error("\(reader.prefix).expert_gating_func", "expected \(Self.sigmoidInGGUF), found \(stated)")
      }
      let isNormalized = try reader.boolean("expert_weights_norm", default: true)
      self.init(
        function: .sigmoid, normalization: isNormalized ? Self.usualSum : nil, scale: Float(scale),
        groupCount: try reader.integer("expert_group_count", default: 1),
        groupsPerToken: try reader.integer("expert_group_used_count", default: 1))
      try reader.check(
        objection(expertCount: h.expertCount, expertsPerToken: h.expertsPerToken), "expert_group_count")
    }
  }
}
