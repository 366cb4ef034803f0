internal import AloraAdapters
internal import AloraModels
internal import AloraSystem
internal import AloraTensors

/// Where an adapter's updates go in a GGUF.
struct GGUFPlaces {
  let source: any TensorSource
  let path: String

  /// - Throws: ``MergeError`` `missingTensor`, `wrongShape`, `unsupportedLayout`; ``AdapterError`` `ambiguousExperts`.
  func updates(_ adapter: BoundAdapter) throws -> [String: [MatrixUpdate]] {
    var updates: [String: [MatrixUpdate]] = [:]
    for member in adapter.members where !member.isOfExperts {
      for target in member.targets {
        updates[target.tensorName, default: []].append(try update(member, target))
      }
    }
    for (name, parts) in try adapter.expertUpdates() {
      for part in parts {
        try check(name, [part.experts.count, part.tensorRowCount, part.inputCount])
        for number in part.experts.indices where part.experts[number] != nil {
          updates[name, default: []].append(
            MatrixUpdate(
              module: name, matrix: number, rows: part.firstRow..<(part.firstRow + part.outputCount),
              factors: .expert(part, number: number, rows: 0..<part.outputCount), isTransposed: false,
              isRoundedFirst: part.isOfParameter))
        }
      }
    }
    return updates
  }

  private func update(_ member: BoundAdapter.Member, _ target: WeightTarget) throws -> MatrixUpdate {
    let module = member.module
    guard target.factors.isEmpty else {
      throw MergeError(
        .unsupportedLayout, path: path, place: "tensor \(target.tensorName)",
        problem:
          "the converter multiplied its rows by numbers of the base's configuration, which the GGUF doesn't have",
        remedy: "merge into the Hugging Face model, and convert that")
    }
    if module.kind == .embedding {
      try check(target.tensorName, [module.inputCount, module.outputCount])
      return MatrixUpdate(
        module: module.name, matrix: 0, rows: 0..<module.inputCount,
        factors: .module(member, rowMap: nil, columnMap: nil), isTransposed: true, isRoundedFirst: member.isRoundedFirst
      )
    }
    try check(target.tensorName, [target.tensorRowCount, module.inputCount])
    guard !member.isInGGUFOrder else {
      return MatrixUpdate(
        module: module.name, matrix: 0, rows: 0..<target.tensorRowCount,
        factors: .module(member, rowMap: nil, columnMap: nil), isTransposed: false,
        isRoundedFirst: member.isRoundedFirst)
    }
    let first = target.part?.firstRow ?? 0
    let rowMap = (0..<target.rowCount).map { target.rows.lowerBound + target.permutation.sourceRow(of: $0) }
    let columnMap =
      target.columns == .none ? nil : (0..<module.inputCount).map { target.columns.sourceRow(of: $0) }
    return MatrixUpdate(
      module: module.name, matrix: 0, rows: first..<(first + target.rowCount),
      factors: .module(member, rowMap: rowMap, columnMap: columnMap), isTransposed: false,
      isRoundedFirst: member.isRoundedFirst)
  }

  private func check(_ name: String, _ shape: [Int]) throws(MergeError) {
    guard let tensor = source.tensor(named: name) else {
      throw MergeError(
        .missingTensor, path: path, place: "tensor \(name)", problem: "the adapter changes it, and the base lacks it",
        remedy: "give the base that the adapter was trained on")
    }
    guard tensor.shape.dimensions == shape else {
      throw MergeError(
        .wrongShape, path: path, place: "tensor \(name)",
        problem: "its shape is \(tensor.shape), and the adapter is for \(shape)",
        remedy: "give the base that the adapter was trained on")
    }
    let weight = ".weight"
    guard name.hasSuffix(weight), let scale = source.tensor(named: name.dropLast(weight.count) + ".scale") else {
      return
    }
    throw MergeError(
      .unsupportedLayout, path: path, place: "tensor \(name)",
      problem: "the model multiplies its product by \(scale.name), which would scale the update too",
      remedy: "merge into the model before it was quantized")
  }
}
