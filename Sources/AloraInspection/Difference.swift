internal import AloraAdapters
internal import AloraSystem
internal import AloraTensors

/// The differences between two adapters, or two files of tensors.
package struct Difference: Sendable {
  package struct Entry: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable { case metadata, onlyInFirst, onlyInSecond, shape, type, values }
    package let kind: Kind
    /// The key or the tensor.
    package let name: String
    package let first: String?
    package let second: String?
    /// The largest |Δ| of the widened elements; nil if they are not comparable.
    package let largestDelta: Double?
  }

  package let entries: [Entry]
  /// How many tensors both have.
  package let comparedTensorCount: Int
  /// Whether the metadata were compared as a whole, which only those of two of one kind are.
  package let comparesWholeMetadata: Bool

  package var isEmpty: Bool { entries.isEmpty }

  /// Compares metadata and tensors, by name.
  ///
  /// Of two kinds of files, the tensors alone.
  /// - Throws: as reading the configurations and the tensors; ``InspectionError`` for what has none to compare, and for a
  ///   PEFT directory and a GGUF, which name their modules differently.
  package init(_ first: Subject, _ second: Subject) throws {
    for subject in [first, second] { try subject.checkComparable() }
    switch (first, second) {
    case (.adapterDirectory(let directory), .gguf), (.gguf, .adapterDirectory(let directory)):
      throw InspectionError(
        path: directory.path, problem: "a PEFT directory and a GGUF name and order the same modules differently",
        remedy: "give the base, so that they are compared module by module")
    default: break
    }
    let metadata = try Self.metadataEntries(first, second)
    var entries = metadata.entries
    var compared = 0
    let (tensors, others) = (first.tensors, second.tensors)
    let (names, otherNames) = (TensorIndex(tensors), TensorIndex(others))
    for tensor in tensors {
      guard let position = otherNames[tensor.name] else {
        entries.append(
          Entry(kind: .onlyInFirst, name: tensor.name, first: Self.text(tensor), second: nil, largestDelta: nil))
        continue
      }
      compared += 1
      entries += try Self.tensorEntries(tensor, others[position], first, second)
    }
    for tensor in others where names[tensor.name] == nil {
      entries.append(
        Entry(kind: .onlyInSecond, name: tensor.name, first: nil, second: Self.text(tensor), largestDelta: nil))
    }
    self.entries = entries
    comparedTensorCount = compared
    comparesWholeMetadata = metadata.isWhole
  }

  private static func text(_ tensor: TensorDescription) -> String { "\(tensor.dtype) \(tensor.shape)" }

  private static func tensorEntries(
    _ tensor: TensorDescription, _ other: TensorDescription, _ first: Subject, _ second: Subject
  ) throws -> [Entry] {
    guard tensor.shape == other.shape else {
      return [
        Entry(
          kind: .shape, name: tensor.name, first: tensor.shape.description, second: other.shape.description,
          largestDelta: nil)
      ]
    }
    let delta = try largestDelta(tensor, other, first, second)
    if tensor.dtype != other.dtype {
      return [
        Entry(kind: .type, name: tensor.name, first: tensor.dtype.name, second: other.dtype.name, largestDelta: delta)
      ]
    }
    // No |Δ|, and yet other bits: a zero's sign or a NaN's payload.
    if delta ?? 0 == 0, try haveEqualBytes(tensor, other, first, second) { return [] }
    return [Entry(kind: .values, name: tensor.name, first: nil, second: nil, largestDelta: delta)]
  }

  /// NaN against a number counts as infinitely far, against NaN as equal.
  private static func largestDelta(
    _ tensor: TensorDescription, _ other: TensorDescription, _ first: Subject, _ second: Subject
  ) throws -> Double? {
    guard ElementConversion.canWiden(tensor.dtype), ElementConversion.canWiden(other.dtype) else { return nil }
    let (values, others) = (TensorValues(first), TensorValues(second))
    var largest = 0.0
    for range in values.chunks(of: tensor) {
      for (left, right) in zip(try values.elements(range, of: tensor), try others.elements(range, of: other))
      where left != right && !(left.isNaN && right.isNaN) {
        let delta = abs(Double(left) - Double(right))
        largest = max(largest, delta.isNaN ? .infinity : delta)
      }
    }
    return largest
  }

  private static func haveEqualBytes(
    _ tensor: TensorDescription, _ other: TensorDescription, _ first: Subject, _ second: Subject
  ) throws -> Bool {
    guard tensor.byteRange.count == other.byteRange.count else { return false }
    var start = 0
    while start < tensor.byteRange.count {
      let range = start..<min(start + (1 << 20), tensor.byteRange.count)
      if try first.bytes(of: tensor, in: range) != second.bytes(of: other, in: range) { return false }
      start = range.upperBound
    }
    return true
  }
}
