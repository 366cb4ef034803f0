internal import AloraJSON

/// Reads the hyperparameters that an architecture's table asks for from config.json.
struct ConfigurationReader {
  let json: JSON

  /// - Throws: ``JSONError`` where the field is missing, of a wrong kind or out of `range`.
  func integer(_ name: String, in range: ClosedRange<Int> = Hyperparameters.extent) throws(JSONError) -> Int {
    try json[name].integer(in: range)
  }

  /// The field, or `fallback` where it is missing or null.
  func integer(_ name: String, default fallback: Int) throws(JSONError) -> Int {
    try json[optional: name]?.integer(in: 0...Hyperparameters.extent.upperBound) ?? fallback
  }

  /// A list of strings; nil where the field is missing or null.
  func strings(_ name: String) throws -> [String]? {
    try json[optional: name]?.elements().map { try $0.string() }
  }
}

extension Hyperparameters {
  /// Source: the configuration classes of transformers, whose defaults for missing fields are followed.
  init(configuration reader: ConfigurationReader, tiesEmbeddingsByDefault: Bool) throws {
    let hidden = try reader.integer("hidden_size")
    let heads = try reader.integer("num_attention_heads")
    let keyValueHeads = try reader.integer("num_key_value_heads", default: heads)
    let headDimension = try reader.integer("head_dim", default: hidden / heads)
    let shared = try reader.integer("shared_intermediate_size", default: 0)
    self.init(
      layerCount: try reader.integer("num_hidden_layers", in: Self.layers), hiddenSize: hidden, headCount: heads,
      keyValueHeadCount: keyValueHeads, headDimension: headDimension,
      feedForwardSize: try reader.integer("intermediate_size"), sharedFeedForwardSize: shared,
      expertCount: try reader.integer("num_local_experts", default: 0),
      expertsPerToken: try reader.integer("num_experts_per_tok", default: 0),
      vocabularySize: try reader.integer("vocab_size"),
      tiesEmbeddings: try reader.json[optional: "tie_word_embeddings"]?.boolean() ?? tiesEmbeddingsByDefault)
    guard keyValueHeads >= 1, headDimension >= 1, heads.isMultiple(of: keyValueHeads), headDimension.isMultiple(of: 2)
    else {
      throw reader.json.error(
        .outOfRange, "\(heads) heads, \(keyValueHeads) key-value heads and \(headDimension) per head do not go together"
      )
    }
  }
}
