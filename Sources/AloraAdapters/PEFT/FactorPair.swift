internal import AloraSystem
public import AloraTensors

/// The two factors of the update of one module: ΔW = scaling · B · A.
public struct FactorPair: Hashable, Sendable {
  /// The module's path in the base model: `model.layers.0.self_attn.q_proj`.
  public let module: String
  /// Whether the module is an embedding: then `a` is [r, vocabulary] and `b` [hidden, r], looked up by column.
  public let isEmbedding: Bool
  /// Shape: [r, in].
  public let a: TensorDescription
  /// Shape: [out, r].
  public let b: TensorDescription

  public var rank: Int { a.shape.dimensions[0] }
  /// The number of inputs of the module.
  public var inputCount: Int { a.shape.dimensions[1] }
  /// The number of outputs of the module.
  public var outputCount: Int { b.shape.dimensions[0] }
}

extension FactorPair {
  /// Pairs the tensors of an adapter, in the order in which the first of each pair lies in the file.
  ///
  /// `tensors` come in the order of their data. What is no LoRA factor is refused; the frozen weight of an adapted
  /// embedding or output layer is left out.
  ///
  /// - Throws: `noTensors`, `unexpectedTensor`, `duplicateTensor`, `incompletePair`, `wrongDType`, `wrongShape`.
  public static func pairs(of tensors: [TensorDescription], path: String) throws(PEFTError) -> [FactorPair] {
    var halves: [String: (a: TensorDescription?, b: TensorDescription?, isEmbedding: Bool)] = [:]
    var order: [String] = []
    for tensor in tensors {
      switch AdapterTensorName(tensor.name) {
      case .baseLayer: continue
      case .other(let kind):
        throw PEFTError(
          .unexpectedTensor, path: path, place: "tensor \(tensor.name)", problem: "it is \(kind)",
          remedy: "a GGUF adapter holds LoRA factors only: merge the adapter into the base, or train it without this")
      case .factor(let factor, let module, let isEmbedding):
        if halves[module] == nil { order.append(module) }
        var half = halves[module] ?? (nil, nil, isEmbedding)
        let isTaken = factor == .a ? half.a != nil : half.b != nil
        guard !isTaken, half.isEmbedding == isEmbedding else {
          throw PEFTError(
            .duplicateTensor, path: path, place: "tensor \(tensor.name)",
            problem: "the file has this factor of \(module) twice, so it seems to hold several adapters",
            remedy: "save one adapter with save_pretrained(…, selected_adapters=[name])")
        }
        if factor == .a { half.a = tensor } else { half.b = tensor }
        halves[module] = half
      }
    }
    guard !order.isEmpty else {
      throw PEFTError(.noTensors, path: path, problem: "the file holds no LoRA factors, so there is nothing to convert")
    }
    var pairs: [FactorPair] = []
    for module in order {
      guard let half = halves[module] else { continue }
      guard let a = half.a, let b = half.b else {
        let (present, missing) = half.a == nil ? ("lora_B", "lora_A") : ("lora_A", "lora_B")
        throw PEFTError(
          .incompletePair, path: path, place: "module \(module)", problem: "it has \(present) but no \(missing)",
          remedy: "save the adapter again; PEFT would load this one with a random or zero factor")
      }
      pairs.append(try checked(FactorPair(module: module, isEmbedding: half.isEmbedding, a: a, b: b), path: path))
    }
    return pairs
  }

  private static func checked(_ pair: FactorPair, path: String) throws(PEFTError) -> FactorPair {
    for tensor in [pair.a, pair.b] {
      guard [.f32, .f16, .bf16].contains(tensor.dtype) else {
        throw PEFTError(
          .wrongDType, path: path, place: "tensor \(tensor.name)", problem: "its elements are \(tensor.dtype)",
          remedy: "LoRA factors are F32, F16 or BF16: save the adapter in one of them")
      }
      guard tensor.shape.rank == 2 else {
        throw PEFTError(
          .wrongShape, path: path, place: "tensor \(tensor.name)",
          problem: "its shape is \(tensor.shape), and a LoRA factor is a matrix")
      }
      guard tensor.shape.elementCount > 0 else {
        throw PEFTError(
          .wrongShape, path: path, place: "tensor \(tensor.name)",
          problem: "its shape is \(tensor.shape), which is empty")
      }
    }
    let (rank, other) = (pair.a.shape.dimensions[0], pair.b.shape.dimensions[1])
    guard rank == other else {
      let looksSwapped = pair.a.shape.dimensions[1] == pair.b.shape.dimensions[0]
      throw PEFTError(
        .wrongShape, path: path, place: "module \(pair.module)",
        problem: "lora_A is \(pair.a.shape) and lora_B \(pair.b.shape); expected [r, in] and [out, r]",
        remedy: looksSwapped ? "lora_A and lora_B seem to be swapped or transposed" : nil)
    }
    return pair
  }
}
