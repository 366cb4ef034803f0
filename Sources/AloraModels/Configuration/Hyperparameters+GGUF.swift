internal import AloraGGUF
internal import AloraSystem
internal import AloraTensors

extension Hyperparameters {
  /// Source: llama.cpp `gguf-py/gguf/constants.py` (`Keys.LLM`, `Keys.Attention`), `src/llama-model.cpp`.
  init(
    gguf file: GGUFFileSet, architecture: String, recurrence find: (GGUFReader, Int) throws -> Recurrence?
  ) throws {
    let metadata = file.metadata
    func integer(_ key: String, in range: ClosedRange<Int> = Self.extent) throws -> Int {
      try metadata.integer(forKey: "\(architecture).\(key)", in: range)
    }
    func optional(_ key: String) throws -> Int? {
      try metadata.integer(ifPresent: "\(architecture).\(key)", in: 0...Self.extent.upperBound)
    }
    let hidden = try integer("embedding_length")
    let heads = try integer("attention.head_count")
    let reader = GGUFReader(file: file, prefix: architecture)
    let globalHeads = try GlobalHeads.both(reader, heads: heads, hidden: hidden)
    // Layers that predict more tokens come last.
    let layers = try integer("block_count", in: Self.layers) - (optional("nextn_predict_layers") ?? 0)
    guard layers > 0 else { throw reader.error("\(architecture).nextn_predict_layers", "no other layer is left") }
    let recurrence = try find(reader, layers)
    let withoutAttention = Set(0..<layers).subtracting(
      recurrence?.attentionLayers ?? Set(0..<layers).subtracting(recurrence?.layers ?? []))
    let keyValueHeads =
      try globalHeads?.usual.keyValueHeadCount
      ?? Self.uniform(
        "attention.head_count_kv", file, architecture: architecture, layerCount: layers, without: withoutAttention)
      ?? heads
    let experts = try optional("expert_count") ?? 0
    let feedForward = try Self.feedForwardLength(
      reader, layerCount: layers, experts: experts, isRecurrent: recurrence != nil)
    guard let embedding = file.tensor(named: "token_embd.weight"), embedding.shape.rank == 2 else {
      throw ArchitectureError(
        .missingTensor, path: file.path, place: "tensor token_embd.weight",
        problem: "the file doesn't contain it as a matrix",
        remedy: "give the whole model; if it is split, give the first part")
    }
    self.init(
      layerCount: layers, hiddenSize: hidden, headCount: heads,
      keyValueHeadCount: keyValueHeads,
      headDimension: try globalHeads?.usual.headDimension ?? optional("attention.key_length") ?? hidden / heads,
      feedForwardSize: experts > 0 ? try optional("expert_feed_forward_length") ?? feedForward : feedForward,
      sharedFeedForwardSize: try optional("expert_shared_feed_forward_length") ?? (experts == 0 ? feedForward : 0),
      expertCount: experts, expertsPerToken: try optional("expert_used_count") ?? 0,
      vocabularySize: embedding.shape.dimensions[0], tiesEmbeddings: file.tensor(named: "output.weight") == nil,
      globalHeads: globalHeads?.global, recurrence: recurrence)
    // Source: llama.cpp `src/models/llama4.cpp`.
    if experts > 0, let step = try optional("interleave_moe_layer_step") {
      interleave(Set((0..<layerCount).filter { step > 0 && ($0 + 1).isMultiple(of: step) }), dense: feedForward)
    }
    guard keyValueHeads >= 1, heads.isMultiple(of: keyValueHeads), headDimension >= 2, headDimension.isMultiple(of: 2)
    else {
      throw ArchitectureError(
        .invalidHyperparameter, path: file.path, place: "\(architecture).attention.head_count",
        problem: "\(heads) heads, \(keyValueHeads) key-value heads and \(headDimension) per head are inconsistent")
    }
  }

  /// A mixture of experts whose first layers, and maybe some others, have one network: the tensors tell which. The shared
  /// network is as wide as some experts, whatever the file states of it.
  mutating func readExperts(_ reader: GGUFReader) throws {
    setDense(
      Set((0..<layerCount).filter { !reader.hasTensor("blk.\($0).ffn_gate_inp.weight") }),
      width: try reader.stated("feed_forward_length"))
    let key = "expert_shared_count"
    try share(count: reader.integer(key, default: 0)) { reader.error("\(reader.prefix).\(key)", $0) }
  }

  /// One number, or one for each layer, as llama.cpp's converter writes it for hybrid models: all layers but the excepted
  /// ones must agree. Nil if none is left.
  private static func uniform(
    _ name: String, _ file: GGUFFileSet, architecture: String, layerCount: Int, without excepted: Set<Int>
  ) throws -> Int? {
    let key = "\(architecture).\(name)"
    guard case .array = file.metadata[key] else {
      return try file.metadata.integer(ifPresent: key, in: 0...extent.upperBound)
    }
    let all = try file.metadata.integers(forKey: key)
    let numbers = all.indices.prefix(layerCount).filter { !excepted.contains($0) }.map { all[$0] }
    if numbers.isEmpty, !all.isEmpty { return nil }
    guard let number = numbers.first, numbers.allSatisfy({ $0 == number }), (0...extent.upperBound).contains(number)
    else {
      let others = numbers.count { $0 == 0 }
      throw ArchitectureError(
        .unsupportedVariant, path: file.path, place: key,
        problem: others > 0 ? "\(others) of its \(numbers.count) layers are of another kind" : "its layers differ")
    }
    return number
  }

  /// The width of the feed-forward network, which hybrid models may state for each layer, as 0 for a layer without.
  private static func feedForwardLength(
    _ reader: GGUFReader, layerCount: Int, experts: Int, isRecurrent: Bool
  ) throws -> Int {
    let (metadata, key) = (reader.file.metadata, "\(reader.prefix).feed_forward_length")
    if isRecurrent, case .array = metadata[key] {
      let numbers = try metadata.integers(forKey: key).prefix(layerCount).filter { $0 != 0 }
      guard numbers.allSatisfy({ $0 == numbers.first && extent.contains($0) }) else {
        throw ArchitectureError(
          .unsupportedVariant, path: reader.file.path, place: key, problem: "its layers differ")
      }
      return numbers.first ?? 0
    }
    if experts > 0, metadata[key] == nil { return try reader.integer("expert_feed_forward_length", default: 0) }
    // Where layers differ, the architecture reads the list.
    if case .array = metadata[key] {
      guard let first = try metadata.integers(forKey: key).first, extent.contains(first) else {
        throw reader.error(key, "expected the width of each layer's network")
      }
      return first
    }
    return try metadata.integer(forKey: key, in: extent)
  }
}
