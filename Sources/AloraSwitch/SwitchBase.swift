internal import AloraGGUF
internal import AloraJSON
internal import AloraModels
internal import AloraSystem
internal import AloraTensors

/// A tensor of the base, within the bytes of one of the switch's.
struct BaseTensor {
  let tensor: TensorDescription
  /// The switch's tensor.
  let whole: TensorDescription

  /// Rows of a tensor, or elements of a list.
  ///
  /// - Returns: nil if they aren't whole blocks.
  init?(_ name: String, rows: Range<Int>, of whole: TensorDescription) {
    let perRow = whole.shape.dimensions.dropFirst().reduce(1, *)
    guard let shape = Shape([rows.count] + whole.shape.dimensions.dropFirst()),
      let start = whole.dtype.byteCount(elementCount: rows.lowerBound * perRow),
      let end = whole.dtype.byteCount(elementCount: rows.upperBound * perRow)
    else { return nil }
    let first = whole.byteRange.lowerBound
    self.whole = whole
    tensor = TensorDescription(
      name: name, dtype: whole.dtype, shape: shape, byteRange: (first + start)..<(first + end))
  }

  /// A whole tensor by another name.
  init(_ name: String, _ whole: TensorDescription) {
    self.whole = whole
    tensor = TensorDescription(name: name, dtype: whole.dtype, shape: whole.shape, byteRange: whole.byteRange)
  }
}

/// The tensors of a checkpoint's base.
private struct BaseTensors: TensorSource {
  let source: any TensorSource
  let tensors: [TensorDescription]
  private let wholes: [TensorDescription]
  private let index: TensorIndex

  init(_ source: any TensorSource, _ views: [BaseTensor]) {
    self.source = source
    tensors = views.map(\.tensor)
    wholes = views.map(\.whole)
    index = TensorIndex(tensors)
  }

  func tensor(named name: String) -> TensorDescription? { index[name].map { tensors[$0] } }

  func file(of tensor: TensorDescription) throws -> MappedFile {
    guard let position = index[tensor.name] else { preconditionFailure("a tensor of another source") }
    return try source.file(of: wholes[position])
  }
}

extension SwitchModel {
  /// The base: the model without its slots, as its own class would save it. Control tokens are read as their substitutes.
  ///
  /// - Throws: ``SwitchError`` (`unsupportedBase`, `wrongShape`); what reading the configuration throws.
  func base(of model: ModelSource, _ tokens: ControlTokens) throws -> ModelSource {
    let stray = source.tensors.first { $0.name.contains("lora_") && !isOfSlots($0.name) }
    if let stray {
      throw SwitchError(
        .unsupportedBase, path: path, place: "tensor \(stray.name)", problem: "no slot's module has these factors")
    }
    if let gguf = model.gguf {
      let views = try gguf.tensors.filter { !isOfSlots($0.name) }.flatMap { try baseTensors(of: $0, gguf) }
      try checkNames(views)
      let base = GGUFFileSet(
        gguf, metadata: try baseMetadata(gguf.metadata), views: views.map { (tensor: $0.tensor, of: $0.whole.name) })
      return ModelSource(
        model, view: ModelSource.View(configuration: nil, tensors: base, gguf: base, controlTokens: tokens))
    }
    guard let root = try model.configuration() else { preconditionFailure("a checkpoint without a configuration") }
    let views = try source.tensors.filter { !isOfSlots($0.name) }.flatMap { try baseTensors(of: $0, root) }
    try checkNames(views)
    return ModelSource(
      model,
      view: ModelSource.View(
        configuration: try baseConfiguration(root), tensors: BaseTensors(source, views), gguf: nil,
        controlTokens: tokens))
  }

  private func checkNames(_ views: [BaseTensor]) throws(SwitchError) {
    var index = TensorIndex()
    for (position, view) in views.enumerated() where !index.insert(view.tensor.name, index: position) {
      throw SwitchError(
        .wrongShape, path: path, place: "tensor \(view.whole.name)",
        problem: "the base has two tensors that would be '\(view.tensor.name)'")
    }
  }

  private func unsupported(_ place: String, _ problem: String) -> SwitchError {
    SwitchError(.unsupportedBase, path: path, place: place, problem: problem)
  }

  /// The three projections that one tensor has one after the other.
  private func parts(
    _ whole: TensorDescription, names: [String], rowCounts: (query: Int, keyValue: Int)
  ) throws(SwitchError) -> [BaseTensor] {
    let counts = [rowCounts.query, rowCounts.keyValue, rowCounts.keyValue]
    var (views, first): ([BaseTensor], Int) = ([], 0)
    for (name, count) in zip(names, counts) {
      if whole.shape.dimensions.first == counts.reduce(0, +),
        let view = BaseTensor(name, rows: first..<(first + count), of: whole)
      {
        views.append(view)
      }
      first += count
    }
    guard views.count == 3 else {
      throw SwitchError(
        .wrongShape, path: path, place: "tensor \(whole.name)",
        problem:
          "\(whole.shape) isn't \(rowCounts.query) rows of queries and twice \(rowCounts.keyValue) of keys and values")
    }
    return views
  }

  // MARK: Checkpoints

  /// Source: granite-switch 0.1.1, `hf/modeling_granite_switch.py` and `hf/core/lora.py`.
  private func baseTensors(of tensor: TensorDescription, _ root: JSON) throws -> [BaseTensor] {
    let name = tensor.name
    // What selects the slot; the configuration says it all.
    if name.hasPrefix("model.switch.") || name.hasSuffix("adapter_token_ids") { return [] }
    let own = name.replacing(".base_layer.", with: ".")
    for suffix in [".weight", ".bias"] {
      let fused = ".self_attn.qkv_proj\(suffix)"
      guard own.hasSuffix(fused) else { continue }
      let prefix = own.dropLast(fused.utf8.count)
      let heads = try root["num_attention_heads"].integer(in: 1...65_536)
      let keyHeads = try root[optional: "num_key_value_heads"]?.integer(in: 1...65_536) ?? heads
      let dimension = try headDimension(root) ?? root["hidden_size"].integer(in: 1...(1 << 24)) / heads
      return try parts(
        tensor, names: ["q", "k", "v"].map { "\(prefix).self_attn.\($0)_proj\(suffix)" },
        rowCounts: (heads * dimension, keyHeads * dimension))
    }
    return [BaseTensor(own, tensor)]
  }

  private func headDimension(_ root: JSON) throws -> Int? {
    for name in ["projection_head_dim", "head_dim"] {
      if let value = try root[optional: name], !value.isNull { return try value.integer(in: 1...65_536) }
    }
    return nil
  }

  private func baseConfiguration(_ root: JSON) throws -> JSON {
    if try root[optional: "num_local_experts"]?.integer() ?? 0 > 0 {
      throw unsupported("$.num_local_experts", "switches on a base with experts aren't run")
    }
    if try root[optional: "qk_norm"]?.boolean() ?? false {
      throw unsupported("$.qk_norm", "switches on a base with norms of queries and keys aren't run")
    }
    guard let layerCount = description.layerCount, layerCount > 0 else {
      throw unsupported("$.num_hidden_layers", "no layer is left beside the switch's own")
    }
    let replaced = ["architectures", "model_type", "num_hidden_layers", "layer_types", "head_dim"]
    let others = ["mamba_", "time_step", "adapter_", "ms_", "asr_", "lora_"]
    var members: [JSONValue.Member] = []
    for member in try root.members()
    where !replaced.contains(member.name) && !others.contains(where: member.name.hasPrefix) {
      members.append(.init(member.name, try JSONValue(member.value)))
    }
    members += [
      .init("architectures", ["GraniteMoeHybridForCausalLM"]), .init("model_type", "granitemoehybrid"),
      .init("num_hidden_layers", .integer(layerCount)),
      .init("layer_types", .array([JSONValue](repeating: "attention", count: min(layerCount, 1 << 14)))),
    ]
    if let dimension = try headDimension(root) { members.append(.init("head_dim", .integer(dimension))) }
    let bytes = Array(JSONValue.object(members).serialized(isPretty: false).utf8)
    // Safe: the document copies what it keeps.
    return try JSONDocument(parsing: unsafe bytes.span.bytes, path: root.filePath, allowsNonFinite: true).root
  }

  // MARK: GGUFs

  /// Source: llama.cpp `conversion/granite.py` (`GraniteSwitchModel`).
  private func baseTensors(of tensor: TensorDescription, _ gguf: GGUFFileSet) throws -> [BaseTensor] {
    let fused = ".attn_qkv.weight"
    guard tensor.name.hasSuffix(fused), let heads = description.headCounts else {
      return [BaseTensor(tensor.name, tensor)]
    }
    let name = SwitchDescription.ggufName
    let width = try gguf.metadata.integer(forKey: "\(name).embedding_length", in: 1...(1 << 24))
    let dimension =
      try gguf.metadata.integer(ifPresent: "\(name).attention.key_length", in: 1...65_536) ?? width / heads.query
    let prefix = tensor.name.dropLast(fused.utf8.count)
    return try parts(
      tensor, names: ["q", "k", "v"].map { "\(prefix).attn_\($0).weight" },
      rowCounts: (heads.query * dimension, heads.key * dimension))
  }

  private func baseMetadata(_ metadata: GGUFMetadata) throws -> GGUFMetadata {
    let (old, new) = (SwitchDescription.ggufName + ".", "granite.")
    if metadata["\(old)rope.scaling.finetuned"] == .bool(false) {
      throw unsupported("key \(old)rope.scaling.finetuned", "switches on a base without positions aren't run as a GGUF")
    }
    if try metadata.integer(ifPresent: "\(old)expert_count") ?? 0 > 0 {
      throw unsupported("key \(old)expert_count", "switches on a base with experts aren't run")
    }
    var base = GGUFMetadata(path: metadata.path)
    for entry in metadata.entries where !entry.key.hasPrefix("\(old)adapters.") {
      let isOwn = entry.key.hasPrefix(old)
      base[isOwn ? new + entry.key.dropFirst(old.utf8.count) : entry.key] = entry.value
    }
    base["general.architecture"] = .bytes(Array(new.dropLast().utf8))
    return base
  }
}
