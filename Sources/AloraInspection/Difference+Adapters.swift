internal import AloraAdapters
package import AloraModels
internal import AloraNPZ
internal import AloraSafetensors
internal import AloraSystem
internal import AloraTensors

extension Difference {
  /// Compares two adapters module by module, in whatever form they are: a PEFT directory and the GGUF made from it are the
  /// same. B is compared with its scaling, because a conversion may fold one into the other.
  ///
  /// - Throws: ``InspectionError`` for what isn't an adapter; as ``AdapterSource/bound(to:options:)``.
  package init(_ first: Subject, _ second: Subject, base: ModelSource) throws {
    let (left, right) = (try first.bound(to: base), try second.bound(to: base))
    var entries: [Entry] = []
    if left.invocationTokens != right.invocationTokens {
      entries.append(
        Entry(
          .metadata, "invocation tokens", first: left.invocationTokens.map { .tokens($0) },
          second: right.invocationTokens.map { .tokens($0) }))
    }
    var others: [String: BoundAdapter.Update] = [:]
    for update in right.updates { others[update.tensorName] = update }
    var compared = 0
    for update in left.updates {
      guard let other = others.removeValue(forKey: update.tensorName) else {
        entries.append(Entry(.onlyInFirst, update.tensorName, first: .rank(update.rank)))
        continue
      }
      compared += 2
      entries += try Self.entries(update, other)
    }
    for update in right.updates where others[update.tensorName] != nil {
      entries.append(Entry(.onlyInSecond, update.tensorName, second: .rank(update.rank)))
    }
    self.entries = entries
    comparedTensorCount = compared
    comparesWholeMetadata = false
  }

  private static func entries(_ left: BoundAdapter.Update, _ right: BoundAdapter.Update) throws -> [Entry] {
    guard left.rank == right.rank else {
      return [Entry(.shape, left.tensorName, first: .rank(left.rank), second: .rank(right.rank))]
    }
    func entry(_ suffix: String, _ one: [Float], _ other: [Float]) -> Entry? {
      guard one.count == other.count else {
        return Entry(
          .shape, left.tensorName + suffix, first: .elementCount(one.count), second: .elementCount(other.count))
      }
      var largest = 0.0
      for (a, b) in zip(one, other) where a != b && !(a.isNaN && b.isNaN) {
        let delta = abs(Double(a) - Double(b))
        largest = max(largest, delta.isNaN ? .infinity : delta)
      }
      return largest == 0
        ? nil
        : Entry(.values, left.tensorName + suffix, largestDelta: largest)
    }
    return try [
      entry(GGUFAdapterFormat.suffixA, left.valuesOfA(), right.valuesOfA()),
      entry(GGUFAdapterFormat.suffixB, left.scaledValuesOfB(), right.scaledValuesOfB()),
    ].compactMap { $0 }
  }
}

extension Subject {
  fileprivate func bound(to base: ModelSource) throws -> BoundAdapter {
    switch self {
    case .adapterDirectory(let directory):
      return try BoundAdapter(
        directory, base: base.base(), options: BoundAdapter.Options(base: base, adapterPath: directory.path))
    case .gguf(let file): return try BoundAdapter(GGUFAdapter(file), base: base.base())
    case .safetensors(let set): throw notAnAdapter(set.path)
    case .baseDirectory(let directory): throw notAnAdapter(directory.path)
    case .npz(let file): throw notAnAdapter(file.path)
    }
  }

  private func notAnAdapter(_ path: String) -> InspectionError {
    InspectionError(
      path: path, problem: "it isn't an adapter, and a base is given to compare adapters module by module",
      remedy: "give two adapters, or no base")
  }
}

extension BoundAdapter.Update {
  /// Shape: [r, in]; of an embedding [vocabulary, r].
  fileprivate func valuesOfA() throws -> [Float] {
    let values = try a.values()
    guard isTransposed else { return values }
    let columns = values.count / max(rank, 1)
    return values.indices.map { values[$0 % rank * columns + $0 / rank] }
  }

  /// Shape: [out, r], in Hugging Face's order of rows.
  fileprivate func scaledValuesOfB() throws -> [Float] { try b.values().map { $0 * scale } }
}

extension BoundAdapter.Factor {
  /// The rows that are meant, in Hugging Face's order.
  fileprivate func values() throws -> [Float] {
    let columns = isStoredByColumns ? tensor.shape.rowCount : tensor.shape.columnCount
    let bytes = try file.read(tensor.byteRange)
    var all: [Float] = []
    guard ElementConversion.canWiden(tensor.dtype) else {
      throw InspectionError(
        path: file.path, problem: "tensor \(tensor.name): elements of type \(tensor.dtype) aren't decoded", remedy: nil)
    }
    ElementConversion.widen(bytes, tensor.dtype, count: tensor.shape.elementCount, into: &all)
    if isStoredByColumns {
      let stride = tensor.shape.columnCount
      all = (0..<all.count).map { all[$0 % columns * stride + $0 / columns] }
    }
    return rows.indices.flatMap { index -> ArraySlice<Float> in
      let row = rows.lowerBound + permutation.targetRow(of: index - rows.lowerBound)
      return all[(row * columns)..<((row + 1) * columns)]
    }
  }
}
