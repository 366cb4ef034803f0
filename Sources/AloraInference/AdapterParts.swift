internal import AloraModels
internal import AloraSystem
internal import AloraConversion
internal import AloraGGUF
internal import AloraAdapters
internal import AloraTensors

/// The factors of an adapter, found and checked, whichever file they are in.
struct AdapterParts {
  struct Pair {
    /// [r, in]; for an embedding [r, vocabulary] where `isTransposed`, else [vocabulary, r].
    let a: RowSource
    /// [out, r]: the rows for one GGUF tensor of the base.
    let b: RowSource
    let rank: Int
    let scale: Float
    let isEmbedding: Bool
    let isTransposed: Bool

    /// The rows of B for a matrix of the graph, which may be some rows of the GGUF tensor only.
    func rows(of matrix: GraphMatrix) -> RowSource {
      let first = b.rows.lowerBound + matrix.gguf.rows.lowerBound
      return RowSource(
        file: b.file, tensor: b.tensor, rows: first..<(first + matrix.rowCount), permutation: b.permutation)
    }
  }

  /// By the name of the base's tensor in GGUF.
  private(set) var pairs: [String: Pair] = [:]
  let invocationTokens: [Int]?
  let moduleCount: Int

  /// - Throws: as the two below, ``FileError``.
  init(path: String, base: BaseModel, tokenize: (@Sendable (String) throws -> [Int])?) throws {
    self =
      try FileSystem.kind(of: path) == .regularFile && GGUFFile.isGGUF(path: path)
      ? try AdapterParts(gguf: path, base: base) : try AdapterParts(peft: path, base: base, tokenize: tokenize)
  }

  /// - Throws: what planning a conversion throws: an adapter that can be computed with can be converted.
  init(peft path: String, base: BaseModel, tokenize: (@Sendable (String) throws -> [Int])?) throws {
    let adapter = try AdapterDirectory(path: path)
    var options = ConversionPlan.Options()
    options.tokenize = tokenize
    let plan = try ConversionPlan(adapter: adapter, base: base, options: options)
    invocationTokens = plan.invocationTokens
    moduleCount = plan.modules.count
    for (pair, module) in zip(adapter.pairs, plan.modules) {
      guard let weight = base.module(named: module.name) else { continue }
      guard [.linear, .embedding, .outputLayer].contains(weight.kind) else {
        throw InferenceError(
          .unknownTensor, path: path, place: "module \(pair.module)",
          problem: "adapters of experts can be converted, but not run",
          remedy: "convert the adapter and run it with llama.cpp")
      }
      for target in weight.targets {
        pairs[target.tensorName] = Pair(
          a: RowSource(file: adapter.weights, tensor: pair.a, rows: 0..<pair.rank, permutation: .none),
          b: RowSource(file: adapter.weights, tensor: pair.b, rows: target.rows, permutation: .none), rank: pair.rank,
          scale: Float(module.scaling), isEmbedding: pair.isEmbedding, isTransposed: pair.isEmbedding)
      }
    }
  }

  /// - Throws: ``GGUFError``; ``InferenceError`` (`notAnAdapter`, `wrongBase`, `unknownTensor`, `incompletePair`,
  ///   `wrongShape`, `tokenOutsideVocabulary`).
  init(gguf path: String, base: BaseModel) throws {
    let file = try GGUFFile(path: path)
    let metadata = file.metadata
    func failure(_ code: InferenceError.Code, _ place: String, _ problem: String, _ remedy: Remedy? = nil)
      -> InferenceError
    {
      InferenceError(code, path: path, place: place, problem: problem, remedy: remedy)
    }
    guard try metadata.string(ifPresent: "general.type") == "adapter",
      try metadata.string(ifPresent: "adapter.type") == "lora"
    else { throw failure(.notAnAdapter, "general.type", "the file is no LoRA adapter") }
    let architecture = try metadata.string(forKey: "general.architecture")
    guard architecture == base.architectureName else {
      throw failure(
        .wrongBase, "general.architecture", "it is for '\(architecture)', and the base is '\(base.architectureName)'")
    }
    let alpha = Float(try metadata.number(forKey: "adapter.lora.alpha"))
    let tokens = try metadata.integers(ifPresent: "adapter.alora.invocation_tokens", atMost: 1 << 16)
    if let outside = tokens?.first(where: { !(0..<base.hyperparameters.vocabularySize).contains($0) }) {
      throw failure(
        .tokenOutsideVocabulary, "adapter.alora.invocation_tokens",
        "\(outside) is no token of the base, which has \(base.hyperparameters.vocabularySize)")
    }
    invocationTokens = tokens?.isEmpty == true ? nil : tokens
    var targets: [String: (module: WeightModule, target: WeightTarget)] = [:]
    for module in base.modules {
      for target in module.targets where targets[target.tensorName] == nil {
        targets[target.tensorName] = (module, target)
      }
    }
    for tensor in file.tensors {
      guard tensor.name.hasSuffix(".lora_a") else {
        let other = String(tensor.name.dropLast(".lora_b".count)) + ".lora_a"
        guard tensor.name.hasSuffix(".lora_b") else {
          throw failure(.unknownTensor, "tensor \(tensor.name)", "it is no factor of a LoRA adapter")
        }
        guard file.tensor(named: other) != nil else {
          throw failure(.incompletePair, "tensor \(tensor.name)", "there is no \(other)")
        }
        continue
      }
      let name = String(tensor.name.dropLast(".lora_a".count))
      guard let (module, target) = targets[name] else {
        throw failure(.unknownTensor, "tensor \(tensor.name)", "the base has no such tensor")
      }
      guard let second = file.tensor(named: name + ".lora_b") else {
        throw failure(.incompletePair, "tensor \(tensor.name)", "there is no \(name).lora_b")
      }
      let isEmbedding = module.kind == .embedding
      guard tensor.shape.rank == 2, second.shape.rank == 2, let rank = second.shape.dimensions.last, rank > 0,
        second.shape.dimensions[0] == target.rows.count,
        tensor.shape.dimensions == (isEmbedding ? [module.inputCount, rank] : [rank, module.inputCount])
      else {
        throw failure(
          .wrongShape, "tensor \(tensor.name)",
          "\(tensor.shape) and \(second.shape) do not fit a matrix of \(target.rows.count) by \(module.inputCount)")
      }
      pairs[name] = Pair(
        a: RowSource(
          file: try file.file(of: tensor), tensor: tensor, rows: 0..<tensor.shape.dimensions[0], permutation: .none),
        b: RowSource(
          file: try file.file(of: second), tensor: second, rows: 0..<target.rows.count,
          permutation: target.permutation),
        // As llama.cpp, which takes 0 for a scale of 1.
        rank: rank, scale: alpha == 0 ? 1 : alpha / Float(rank), isEmbedding: isEmbedding, isTransposed: false)
    }
    guard !pairs.isEmpty else { throw failure(.notAnAdapter, "tensors", "the adapter has no tensors") }
    moduleCount = pairs.count
  }

  /// The bytes of all factors in their files.
  var byteCount: Int { pairs.values.reduce(0) { $0 + $1.a.tensor.byteRange.count + $1.b.tensor.byteRange.count } }

  /// The digest of names, scales and factors.
  func digest() throws -> Digest {
    var hasher = Digest.Hasher()
    for (name, pair) in pairs.sorted(by: { $0.key < $1.key }) {
      hasher.add(name)
      hasher.add([pair.scale, Float(pair.rank)])
      let a = try pair.a.floats()
      let columns = pair.isTransposed ? a.count / pair.rank : 0
      hasher.add(pair.isTransposed ? (0..<a.count).map { a[$0 % pair.rank * columns + $0 / pair.rank] } : a)
      hasher.add(try pair.b.floats())
    }
    return hasher.end()
  }
}
