internal import AloraSystem
internal import AloraTensors

/// Finds the factor pairs among the tensors of an MLX adapter, and everything else that is there.
///
/// A linear module has `<module>.lora_a` [in, r] and `<module>.lora_b` [r, out]; an embedding [vocabulary, r] and
/// [r, out]; a layer of experts, which computes the product of `x` and Aᵀ, [experts, r, in] and [experts, out, r].
///
/// Source: mlx-lm `mlx_lm/tuner/lora.py` (`LoRALinear`, `LoRASwitchLinear`, `LoRAEmbedding`), `mlx_lm/tuner/dora.py`.
struct MLXFactorPairing {
  /// In the order in which the first factor of each pair lies in the file.
  private(set) var pairs: [FactorPair] = []
  private(set) var problems: [AdapterError] = []

  private let path: String
  private static let (suffixA, suffixB) = (".lora_a", ".lora_b")

  init(_ tensors: [TensorDescription], path: String) {
    self.path = path
    var halves: [String: (a: TensorDescription?, b: TensorDescription?)] = [:]
    var order: [String] = []
    for tensor in tensors {
      let isA = tensor.name.hasSuffix(Self.suffixA)
      guard isA || tensor.name.hasSuffix(Self.suffixB), tensor.name.utf8.count > Self.suffixA.utf8.count else {
        problems.append(error(.unexpectedTensor, tensor, "it is \(Self.kind(tensor.name))", Self.remedy))
        continue
      }
      let module = String(tensor.name.dropLast(Self.suffixA.count))
      if halves[module] == nil { order.append(module) }
      if isA { halves[module, default: (nil, nil)].a = tensor } else { halves[module, default: (nil, nil)].b = tensor }
    }
    if order.isEmpty, problems.isEmpty {
      problems.append(
        AdapterError(
          .noTensors, path: path, problem: "the file has no LoRA factors, so there is nothing to convert",
          remedy: "give the directory that mlx_lm.lora wrote"))
    }
    for module in order {
      guard let half = halves[module] else { continue }
      guard let a = half.a, let b = half.b else {
        let (present, missing) = half.a == nil ? ("lora_b", "lora_a") : ("lora_a", "lora_b")
        problems.append(
          AdapterError(
            .incompletePair, path: path, place: "module \(module)", problem: "it has \(present) but no \(missing)",
            remedy: "save the adapter again"))
        continue
      }
      add(module, a, b)
    }
  }

  private static let remedy: Remedy =
    "an adapter contains only lora_a and lora_b: train a LoRA, or merge the adapter with mlx_lm.fuse"

  /// What a tensor is that isn't a factor, as far as its name tells.
  private static func kind(_ name: String) -> String {
    switch name.split(separator: ".").last {
    case "m": "a magnitude of DoRA"
    case "scales", "biases": "a part of a quantized weight"
    case "weight", "bias": "a whole weight, not a LoRA factor"
    default: "not a LoRA factor"
    }
  }

  private func error(
    _ code: AdapterError.Code, _ tensor: TensorDescription, _ problem: String, _ remedy: Remedy? = nil
  ) -> AdapterError {
    AdapterError(code, path: path, place: "tensor \(tensor.name)", problem: problem, remedy: remedy)
  }

  /// A stack of A factors as three dimensions: early versions of mlx-lm saved [experts · r, in].
  private static func stacked(_ a: TensorDescription, like b: TensorDescription) -> TensorDescription {
    let (own, others) = (a.shape.dimensions, b.shape.dimensions)
    guard own.count == 2, others.count == 3, others[0].multipliedReportingOverflow(by: others[2]) == (own[0], false),
      let shape = Shape([others[0], others[2], own[1]])
    else { return a }
    return TensorDescription(name: a.name, dtype: a.dtype, shape: shape, byteRange: a.byteRange)
  }

  private mutating func add(_ module: String, _ a: TensorDescription, _ b: TensorDescription) {
    let a = Self.stacked(a, like: b)
    for tensor in [a, b] {
      guard [.f32, .f16, .bf16].contains(tensor.dtype) else {
        return problems.append(
          error(
            .wrongDType, tensor, "its elements are \(tensor.dtype)",
            "LoRA factors are F32, F16 or BF16: save the adapter in one of them"))
      }
      guard tensor.shape.elementCount > 0, [2, 3].contains(tensor.shape.rank) else {
        return problems.append(
          error(
            .wrongShape, tensor,
            "its shape is \(tensor.shape), and a LoRA factor is a matrix, or a stack of one for each expert"))
      }
    }
    let leaf = module.split(separator: ".").last.map(String.init) ?? module
    let isEmbedding = ["embed_tokens", "wte", "word_embeddings", "tok_embeddings"].contains(leaf)
    let pair = FactorPair(module: module, isEmbedding: isEmbedding, storage: .mlx, a: a, b: b)
    guard a.shape.rank == b.shape.rank, pair.rankOfA == pair.rank, pair.stackCounts.a == pair.stackCounts.b else {
      return problems.append(
        AdapterError(
          .wrongShape, path: path, place: "module \(module)",
          problem: "lora_a is \(a.shape) and lora_b \(b.shape); expected [in, r] and [r, out], "
            + "or [experts, r, in] and [experts, out, r]",
          remedy: "save the adapter again"))
    }
    pairs.append(pair)
  }
}
