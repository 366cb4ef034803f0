internal import AloraSystem

/// Builds a graph's list of tensors from an architecture's table of modules.
struct GraphTables {
  /// Which modules have biases by the configuration.
  struct Biases {
    var queryKeyValue = false
    var attentionOutput = false
    var feedForward = false

    init(_ rule: GraphNumberRules.Biases, _ reader: ConfigurationReader) throws {
      switch rule {
      case .none: break
      case .queryKeyValue: queryKeyValue = true
      case .asConfigured:
        queryKeyValue = try reader.boolean("attention_bias", default: false)
        attentionOutput = queryKeyValue
        feedForward = try reader.boolean("mlp_bias", default: false)
      case .queryKeyValueAsConfigured(let key, let fallback):
        queryKeyValue = try reader.boolean(key, default: fallback)
      case .allIfUsed:
        queryKeyValue = try reader.boolean("use_bias", default: false)
        (attentionOutput, feedForward) = (queryKeyValue, queryKeyValue)
      case .attention:
        queryKeyValue = try reader.boolean("attention_bias", default: true)
        attentionOutput = queryKeyValue
      case .outputApart:
        queryKeyValue = try reader.boolean("attention_bias", default: true)
        attentionOutput = try reader.boolean("attention_out_bias", default: false)
        feedForward = try reader.boolean("mlp_bias", default: false)
      case .feedForwardAsConfigured: feedForward = try reader.boolean("mlp_bias", default: false)
      }
    }
  }

  let base: BaseModel
  /// Nil for a GGUF, whose tensors tell.
  let biases: Biases?
  private let targets: [String: (module: WeightModule, target: WeightTarget)]

  init(base: BaseModel, biases: Biases?) {
    self.base = base
    self.biases = biases
    targets = base.modules.targetsByTensor
  }

  var h: Hyperparameters { base.hyperparameters }

  /// Whether the table of modules has a tensor.
  func has(_ name: String) -> Bool { targets[name] != nil }

  func graph(_ numbers: GraphNumbers) throws -> ModelGraph {
    // The list of experts is made before any tensor is seen: a file must not choose its length.
    guard h.expertCount <= 4096, h.expertCount * h.layerCount <= 1 << 18 else {
      throw unsupported("\(h.expertCount) experts in each of \(h.layerCount) layers are more than are supported")
    }
    for rotary in numbers.parameters.rotaries {
      let all = rotary.inverseFrequencies + (rotary.longInverseFrequencies ?? [])
      guard all.allSatisfy({ $0 >= 0 && $0 <= 1000 }), rotary.scale.isFinite else {
        throw unsupported("the frequencies of its rotary embedding are not from 0 to 1000 radians a position")
      }
    }
    let embedding = matrix(
      "token_embd.weight", "\(base.embeddingName).weight", rows: h.vocabularySize, columns: h.hiddenSize)
    let output = matrix("output.weight", "lm_head.weight", rows: h.vocabularySize, columns: h.hiddenSize)
    return ModelGraph(
      base: base, parameters: numbers.parameters,
      layers: try (0..<h.layerCount).map { index in
        try base.architecture().layer(LayerBuilder(index: index, tables: self, numbers: numbers))
      },
      embedding: embedding, layerInputs: layerInputs(numbers), streams: streams(),
      finalNorm: Norm(
        numbers.norm,
        weight: GraphVector(
          ggufName: "\(numbers.finalNormNameOfGGUF).weight", huggingFaceName: "\(numbers.finalNormName).weight",
          count: h.hiddenSize,
          huggingFaceOffset: numbers.normOffset), count: h.hiddenSize, epsilon: numbers.normEpsilon),
      output: h.tiesEmbeddings ? embedding : output)
  }

  private func unsupported(_ problem: String) -> ArchitectureError {
    ArchitectureError(.unsupportedVariant, path: base.path, place: nil, problem: problem)
  }

  /// A tensor of the table of modules, or a part of its rows: a range, or some in an order of their own.
  func linear(
    _ name: String, _ part: Range<Int>?, order: ElementOrder? = nil, hasBias: Bool?
  ) throws -> GraphMatrix {
    guard let (module, target) = targets[name] else {
      throw ArchitectureError(
        .unsupportedVariant, path: base.path, place: "tensor \(name)",
        problem: "no module of \(base.architectureName) contains it")
    }
    if case .order(let own) = target.permutation {
      precondition(part == nil && order == nil, "a whole tensor in an order of its own")
      return matrix(
        .init(name: name, rows: 0..<own.count, rowCount: own.count), module, target.rows, own, target, hasBias: hasBias)
    }
    let rows = part ?? 0..<target.rows.count
    guard rows.upperBound <= target.rows.count else {
      throw ArchitectureError(
        .wrongShape, path: base.path, place: "tensor \(name)",
        problem: "rows \(rows) are needed, it has \(target.rows.count)")
    }
    let first = target.rows.lowerBound + rows.lowerBound
    return matrix(
      .init(name: name, rows: rows, rowCount: target.rows.count, order: order), module, first..<(first + rows.count),
      order, target, hasBias: hasBias)
  }

  private func matrix(
    _ gguf: GraphMatrix.Place, _ module: WeightModule, _ rows: Range<Int>, _ order: ElementOrder?,
    _ target: WeightTarget, hasBias: Bool?
  ) -> GraphMatrix {
    let isOrdered = if case .order = target.permutation { true } else { false }
    var matrix = GraphMatrix(
      gguf: gguf, permutation: isOrdered ? .none : target.permutation,
      huggingFace: .init(name: module.name + ".weight", rows: rows, rowCount: module.outputCount, order: order),
      columnCount: module.inputCount, hasBias: hasBias)
    if case .order(let columns) = target.columns { matrix.columns = columns }
    return matrix
  }

  /// A tensor outside of layers.
  func matrix(_ gguf: String, _ huggingFace: String, rows: Int, columns: Int) -> GraphMatrix {
    GraphMatrix(
      gguf: .init(name: gguf, rows: 0..<rows, rowCount: rows), permutation: .none,
      huggingFace: .init(name: huggingFace, rows: 0..<rows, rowCount: rows), columnCount: columns, hasBias: false)
  }
}
