internal import AloraJSON
internal import AloraSystem

/// Reads the numbers that an architecture asks for from a configuration.
struct ConfigurationReader {
  /// The configuration, or the text part of a multimodal model's.
  let json: JSON
  /// The whole configuration around a text part.
  var outer: JSON?
  /// Values of missing fields.
  var defaults: ConfigurationDefaults?

  init(json: JSON, outer: JSON? = nil, defaults: ConfigurationDefaults? = nil) {
    self.json = json
    self.outer = outer
    self.defaults = defaults
  }

  /// - Throws: ``JSONError`` if the field is missing, of a wrong kind or out of `range`.
  func integer(_ name: String, in range: ClosedRange<Int> = Hyperparameters.extent) throws(JSONError) -> Int {
    try json[name].integer(in: range)
  }

  /// The field, or `fallback` if it is missing or null.
  func integer(_ name: String, default fallback: Int) throws(JSONError) -> Int {
    try json[optional: name]?.integer(in: 0...Hyperparameters.extent.upperBound) ?? fallback
  }

  /// A field that gives a shape. Multimodal configurations leave out what their class says; a configuration of text alone
  /// never does, so there a missing field is an error.
  func size(
    _ name: String, _ fallback: KeyPath<ConfigurationDefaults, Int>,
    in range: ClosedRange<Int> = Hyperparameters.extent
  ) throws(JSONError) -> Int {
    guard outer != nil, let defaults, try json[optional: name] == nil else { return try integer(name, in: range) }
    return defaults[keyPath: fallback]
  }

  /// The width of the feed-forward network, or of the first layer's.
  func networkSize(_ name: String) throws -> Int {
    guard let defaults, defaults.listsFeedForwardSizes, let list = try json[optional: name], list.kind == .array else {
      return try size(name, \.feedForwardSize)
    }
    guard let first = try list.integers(in: Hyperparameters.extent).first else {
      throw list.error(.outOfRange, "expected the width of each layer's network")
    }
    return first
  }

  /// A list of strings; nil if the field is missing or null.
  func strings(_ name: String) throws -> [String]? {
    try json[optional: name]?.elements().map { try $0.string() }
  }

  func has(_ name: String) -> Bool { (try? json.members().contains { $0.name == name }) ?? false }

  /// Whether a field, or a field of a field, says something: neither missing nor null.
  func states(_ path: String...) throws(JSONError) -> Bool {
    var json = json
    for name in path {
      guard let member = try json[optional: name] else { return false }
      json = member
    }
    return true
  }

  func number(_ name: String, default fallback: Double) throws -> Double {
    try json[optional: name]?.number() ?? fallback
  }

  /// - Throws: ``JSONError`` `outOfRange` if it is not above 0.
  func positive(_ name: String, default fallback: Double) throws -> Double {
    guard let value = try json[optional: name] else { return fallback }
    let number = try value.number()
    guard number > 0 else { throw value.error(.outOfRange, "expected a number above 0, found \(value.excerpt)") }
    return number
  }

  func boolean(_ name: String, default fallback: Bool) throws -> Bool {
    try json[optional: name]?.boolean() ?? fallback
  }

  /// Some numbers; nil if the field is missing or null.
  ///
  /// - Throws: ``JSONError`` `outOfRange` if there are not `count` of them.
  func numbers(_ name: String, count: Int) throws -> [Double]? {
    guard let list = try json[optional: name] else { return nil }
    let numbers = try list.elements().map { try $0.number() }
    guard numbers.count == count else {
      throw list.error(.outOfRange, "expected \(count) numbers, found \(numbers.count)")
    }
    return numbers
  }

  func string(_ name: String) throws -> String? { try json[optional: name]?.string() }

  /// - Throws: ``ArchitectureError`` `unsupportedVariant` if there is an objection to the configuration.
  func check(_ objection: String?) throws {
    guard let objection else { return }
    throw ArchitectureError(.unsupportedVariant, path: json.filePath, place: "$", problem: objection)
  }

  /// The kind of each layer; nil if the configuration doesn't list them.
  func layerKinds(_ layerCount: Int) throws -> [String]? {
    guard let kinds = try strings("layer_types") else { return nil }
    guard kinds.count == layerCount else {
      throw json.error(.outOfRange, "layer_types lists \(kinds.count) layers of \(layerCount)")
    }
    return kinds
  }

  func window() throws -> Int? { try json[optional: "sliding_window"]?.integer(in: Hyperparameters.extent) }
}

extension Hyperparameters {
  /// Source: the configuration classes of transformers, whose defaults for missing fields are followed.
  init(configuration reader: ConfigurationReader, _ defaults: ConfigurationDefaults) throws {
    let hidden = try reader.size("hidden_size", \.hiddenSize)
    let heads = try reader.size("num_attention_heads", \.headCount)
    let usual = defaults.keyValueHeadCount.flatMap { heads.isMultiple(of: $0) ? $0 : nil } ?? heads
    let keyValueHeads = try reader.integer("num_key_value_heads", default: usual)
    let headDimension = try reader.integer("head_dim", default: defaults.headDimension ?? hidden / heads)
    let shared = try reader.integer("shared_intermediate_size", default: 0)
    let tie = "tie_word_embeddings"
    let ties =
      try reader.json[optional: defaults.tieName]?.boolean() ?? reader.json[optional: tie]?.boolean()
      ?? reader.outer?[optional: tie]?.boolean()
    let width = defaults.feedForwardNames.first(where: reader.has) ?? "intermediate_size"
    // A class of experts alone has no such field.
    let hasOnlyExperts = defaults.experts?.feedForwardSize != nil && !reader.has(width)
    // Older files count them; newer ones of some classes only list them.
    let listed = try reader.has("num_hidden_layers") ? nil : reader.strings("layers_block_type")?.count
    self.init(
      layerCount: try listed ?? reader.size("num_hidden_layers", \.layerCount, in: Self.layers), hiddenSize: hidden,
      headCount: heads, keyValueHeadCount: keyValueHeads, headDimension: headDimension,
      feedForwardSize: hasOnlyExperts ? 0 : try reader.networkSize(width), sharedFeedForwardSize: shared,
      expertCount: try reader.integer("num_local_experts", default: 0),
      expertsPerToken: try reader.integer("num_experts_per_tok", default: 0),
      vocabularySize: try reader.size("vocab_size", \.vocabularySize), tiesEmbeddings: ties ?? defaults.tiesEmbeddings)
    if let experts = defaults.experts { try read(experts, reader) }
    guard keyValueHeads >= 1, headDimension >= 1, heads.isMultiple(of: keyValueHeads), headDimension.isMultiple(of: 2)
    else {
      throw reader.json.error(
        .outOfRange, "\(heads) heads, \(keyValueHeads) key-value heads and \(headDimension) per head are inconsistent"
      )
    }
  }

  /// Source: `Qwen2MoeDecoderLayer` and its relatives for the layers without experts.
  private mutating func read(_ experts: ConfigurationDefaults.ExpertDefaults, _ reader: ConfigurationReader) throws {
    func integer(_ names: [String], default fallback: Int) throws -> Int {
      try names.first(where: reader.has).map { try reader.integer($0, default: fallback) } ?? fallback
    }
    expertCount = try integer(experts.countNames, default: experts.count)
    expertsPerToken = try integer(experts.perTokenNames, default: experts.perToken)
    try checkExperts(reader)
    let dense = feedForwardSize
    if let width = experts.feedForwardSize {
      feedForwardSize = max(1, try reader.integer("moe_intermediate_size", default: width))
    }
    if let width = experts.sharedFeedForwardSize {
      sharedFeedForwardSize = try reader.integer("shared_expert_intermediate_size", default: width)
    }
    if let (name, usual) = experts.sharedCount {
      try share(count: reader.integer(name, default: usual)) { reader.json.error(.outOfRange, $0) }
    }
    switch experts.denseLayers {
    case .none: break
    case .leading(let usual):
      let end = try reader.integer("first_k_dense_replace", default: usual)
      setDense(Set((0..<layerCount).prefix(end)), width: dense)
    case .outside:
      let step = max(1, try reader.integer("moe_layer_interval", default: 1))
      let first = try reader.integer("moe_layer_start_index", default: 1)
      let stated = try reader.json[optional: "moe_layer_end_index"]?.integer(in: -1...Self.layers.upperBound) ?? -1
      let last = stated < 0 ? layerCount - 1 : stated
      setDense(
        Set((0..<layerCount).filter { $0 < first || $0 > last || !($0 + 1).isMultiple(of: step) }), width: dense)
    case .sparse:
      let step = max(1, try reader.integer("decoder_sparse_step", default: 1))
      let listed = try reader.json[optional: "mlp_only_layers"]?.integers(in: 0...Self.layers.upperBound) ?? []
      let only = Set(listed)
      setDense(Set((0..<layerCount).filter { only.contains($0) || !($0 + 1).isMultiple(of: step) }), width: dense)
    case .interleaved(let width):
      let listed = try reader.json[optional: "moe_layers"]?.integers(in: 0...Self.layers.upperBound)
      let step = max(1, try reader.integer("interleave_moe_layer_step", default: 1))
      let sparse = listed.map { Set($0) } ?? Set((0..<layerCount).filter { ($0 + 1).isMultiple(of: step) })
      interleave(sparse, dense: max(1, try reader.integer("intermediate_size_mlp", default: width)))
    }
  }

  /// One network in all layers but these, and a shared network as wide as an expert beside experts.
  mutating func interleave(_ sparse: Set<Int>, dense: Int) {
    setDense(Set((0..<layerCount).filter { !sparse.contains($0) }), width: dense)
    sharedFeedForwardSize = feedForwardSize
  }

  /// - Throws: ``JSONError`` `outOfRange` if a token can't choose as many experts as stated.
  func checkExperts(_ reader: ConfigurationReader) throws {
    guard expertCount > 0, (1...expertCount).contains(expertsPerToken) else {
      throw reader.json.error(.outOfRange, "\(expertsPerToken) of \(expertCount) experts can't be chosen")
    }
  }

  mutating func setDense(_ layers: Set<Int>, width: Int) {
    denseLayers = layers
    denseFeedForwardSize = layers.isEmpty ? 0 : width
  }

  /// A shared network as wide as `count` experts.
  mutating func share<Failure: Error>(count: Int, error: (_ problem: String) -> Failure) throws {
    sharedFeedForwardSize = count * feedForwardSize
    guard sharedFeedForwardSize <= Self.extent.upperBound else {
      throw error("a shared network as wide as \(count) experts of \(feedForwardSize) is not supported")
    }
  }
}
