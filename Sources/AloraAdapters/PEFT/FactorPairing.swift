internal import AloraSystem
internal import AloraTensors

/// Sorts the tensors of a PEFT adapter into factor pairs and everything else.
struct FactorPairing {
  /// In file order of the first factor of each pair.
  private(set) var pairs: [FactorPair] = []
  /// DoRA's magnitudes by module, if they are wanted.
  private(set) var magnitudes: [String: TensorDescription] = [:]
  /// Tensors that aren't factors, in the file's order; then faults of pairs.
  private(set) var problems: [AdapterError] = []
  /// Wrappers whose names were stripped, each with the number of tensors and the first of them.
  private(set) var wrappers: [(wrapper: String, count: Int, first: String)] = []

  private let path: String
  private let remedies: AdapterRemedies
  private let use: AdapterUse
  private typealias Half = (a: TensorDescription?, b: TensorDescription?, isEmbedding: Bool)
  private var halves: [String: Half] = [:]
  private var order: [String] = []

  /// - Parameter tensors: in the order of their data.
  init(_ tensors: [TensorDescription], path: String, remedies: AdapterRemedies, use: AdapterUse = .factors) {
    self.path = path
    self.use = use
    self.remedies = remedies
    for tensor in tensors { add(tensor) }
    if order.isEmpty, problems.isEmpty { problems.append(noFactors(tensors)) }
    for module in order { finish(module) }
    for (module, tensor) in magnitudes.sorted(by: { $0.key < $1.key }) { check(tensor, of: module) }
  }

  private func error(
    _ code: AdapterError.Code, _ place: String?, _ problem: String, _ remedy: Remedy? = nil
  ) -> AdapterError {
    AdapterError(code, path: path, place: place, problem: problem, remedy: remedy)
  }

  private mutating func add(_ tensor: TensorDescription) {
    let parsed = AdapterTensorName.Parsed(tensor.name)
    for wrapper in parsed.wrappers {
      if let index = wrappers.firstIndex(where: { $0.wrapper == wrapper }) {
        wrappers[index].count += 1
      } else {
        wrappers.append((wrapper, 1, tensor.name))
      }
    }
    switch parsed.name {
    case .baseLayer: break
    case .magnitude(let module) where use == .merging && magnitudes[module] == nil: magnitudes[module] = tensor
    case .magnitude:
      problems.append(
        error(.unexpectedTensor, "tensor \(tensor.name)", "it is a magnitude of DoRA", remedies.notInFactors))
    case .other(let kind):
      problems.append(error(.unexpectedTensor, "tensor \(tensor.name)", "it is \(kind)", remedies.notAFactor))
    case .factor(let factor, let module, let isEmbedding):
      if halves[module] == nil { order.append(module) }
      var half = halves[module] ?? (nil, nil, isEmbedding)
      let isTaken = factor == .a ? half.a != nil : half.b != nil
      guard !isTaken, half.isEmbedding == isEmbedding else {
        problems.append(
          error(
            .duplicateTensor, "tensor \(tensor.name)",
            "the file has this factor of \(module) twice, so it seems to hold several adapters",
            "save one adapter with save_pretrained(…, selected_adapters=[name])"))
        return
      }
      if factor == .a { half.a = tensor } else { half.b = tensor }
      halves[module] = half
    }
  }

  private func noFactors(_ tensors: [TensorDescription]) -> AdapterError {
    error(
      .noTensors, nil,
      tensors.isEmpty
        ? "the file has no tensors and so no LoRA factors; DeepSpeed ZeRO-3 saves such a file if it doesn't gather the weights"
        : "the file has no LoRA factors, so there is nothing to convert",
      tensors.isEmpty ? remedies.ungathered : nil)
  }

  private mutating func finish(_ module: String) {
    guard let half = halves[module] else { return }
    guard let a = half.a, let b = half.b else {
      let (present, missing) = half.a == nil ? ("lora_B", "lora_A") : ("lora_A", "lora_B")
      problems.append(
        error(
          .incompletePair, "module \(module)", "it has \(present) but no \(missing)",
          "save the adapter again; PEFT would load this one with a random or zero factor"))
      return
    }
    let pair = FactorPair(module: module, isEmbedding: half.isEmbedding, a: a, b: b)
    if let problem = problem(of: pair) { problems.append(problem) } else { pairs.append(pair) }
  }

  /// A magnitude needs factors, and one number for each of their outputs.
  private mutating func check(_ tensor: TensorDescription, of module: String) {
    let place = "tensor \(tensor.name)"
    guard [.f32, .f16, .bf16].contains(tensor.dtype) else {
      problems.append(error(.wrongDType, place, "its elements are \(tensor.dtype), and PEFT has F32, F16 or BF16"))
      return
    }
    guard let pair = pairs.first(where: { $0.module == module }) else {
      if problems.isEmpty {
        problems.append(
          error(
            .incompletePair, place, "the file has this magnitude of DoRA, but no factors of the module",
            "save the adapter again"))
      }
      return
    }
    guard tensor.shape.dimensions == [pair.outputCount] else {
      problems.append(
        error(.wrongShape, place, "its shape is \(tensor.shape), but the module has \(pair.outputCount) outputs"))
      return
    }
  }

  private func problem(of pair: FactorPair) -> AdapterError? {
    for tensor in [pair.a, pair.b] {
      let place = "tensor \(tensor.name)"
      guard [.f32, .f16, .bf16].contains(tensor.dtype) else {
        return error(
          .wrongDType, place, "its elements are \(tensor.dtype)",
          "LoRA factors are F32, F16 or BF16: save the adapter in one of them")
      }
      guard tensor.shape.elementCount > 0 else {
        return error(
          .wrongShape, place,
          "its shape is \(tensor.shape), which is empty; DeepSpeed ZeRO-3 saves empty tensors if it doesn't gather the weights",
          remedies.ungathered)
      }
      guard tensor.shape.rank == 2 else {
        return error(.wrongShape, place, "its shape is \(tensor.shape), but a LoRA factor is a matrix")
      }
    }
    guard pair.rankOfA != pair.rank else { return nil }
    let looksSwapped = pair.a.shape.dimensions[1] == pair.b.shape.dimensions[0]
    return error(
      .wrongShape, "module \(pair.module)",
      "lora_A is \(pair.a.shape) and lora_B \(pair.b.shape); expected [r, in] and [out, r]",
      looksSwapped ? "lora_A and lora_B seem to be swapped or transposed" : nil)
  }
}
