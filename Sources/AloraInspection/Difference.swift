internal import AloraAdapters
internal import AloraSystem
package import AloraTensors

/// The differences between two adapters, or two files of tensors.
package struct Difference: Sendable {
  package struct Entry: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable { case metadata, onlyInFirst, onlyInSecond, shape, type, values }

    /// What one side has.
    package enum Value: Hashable, Sendable {
      /// A value of the metadata, as a file writes it.
      case metadata(String)
      case tokens([Int])
      case tensor(DType, Shape)
      case shape(Shape)
      case dtype(DType)
      case rank(Int)
      case elementCount(Int)
    }

    package let kind: Kind
    /// The key or the tensor.
    package let name: String
    package let first: Value?
    package let second: Value?
    /// The largest |Δ| of the widened elements; nil if they can't be compared.
    package let largestDelta: Double?

    init(_ kind: Kind, _ name: String, first: Value? = nil, second: Value? = nil, largestDelta: Double? = nil) {
      self.kind = kind
      self.name = name
      self.first = first
      self.second = second
      self.largestDelta = largestDelta
    }
  }

  package let entries: [Entry]
  /// How many tensors both have.
  package let comparedTensorCount: Int
  /// Whether the metadata were compared as a whole, which only those of two of one kind are.
  package let comparesWholeMetadata: Bool

  package var isEmpty: Bool { entries.isEmpty }

  /// Compares metadata and tensors, by name.
  ///
  /// Of two kinds of files, the tensors alone. Of two Granite Switches, the slots one by one; of a checkpoint and a GGUF, only
  /// these.
  /// - Throws: as reading the configurations and the tensors; ``InspectionError`` for what has none to compare, and for a
  ///   PEFT directory and a GGUF, which name their modules differently.
  package init(_ first: Subject, _ second: Subject) throws {
    for subject in [first, second] { try subject.checkComparable() }
    switch (first, second) {
    case (.adapterDirectory(let directory), .gguf), (.gguf, .adapterDirectory(let directory)):
      throw InspectionError(
        path: directory.path, problem: "a PEFT directory and a GGUF name and order the same modules differently",
        remedy: .nameBase)
    default: break
    }
    let metadata = try Self.metadataEntries(first, second)
    var entries = metadata.entries
    var compared = 0
    var (tensors, others) = (first.tensors, second.tensors)
    if let switches = try Switches(first, second) {
      let slots = try switches.entries()
      entries += slots.entries
      compared += slots.comparedTensorCount
      tensors.removeAll { !switches.haveOneForm || switches.isOfSlots($0.name) }
      others.removeAll { !switches.haveOneForm || switches.isOfSlots($0.name) }
    }
    let (names, otherNames) = (TensorIndex(tensors), TensorIndex(others))
    for tensor in tensors {
      guard let position = otherNames[tensor.name] else {
        entries.append(Entry(.onlyInFirst, tensor.name, first: .tensor(tensor.dtype, tensor.shape)))
        continue
      }
      compared += 1
      entries += try Self.tensorEntries(tensor, others[position], first, second)
    }
    for tensor in others where names[tensor.name] == nil {
      entries.append(Entry(.onlyInSecond, tensor.name, second: .tensor(tensor.dtype, tensor.shape)))
    }
    self.entries = entries
    comparedTensorCount = compared
    comparesWholeMetadata = metadata.isWhole
  }

  private static func tensorEntries(
    _ tensor: TensorDescription, _ other: TensorDescription, _ first: Subject, _ second: Subject
  ) throws -> [Entry] {
    guard tensor.shape == other.shape else {
      return [Entry(.shape, tensor.name, first: .shape(tensor.shape), second: .shape(other.shape))]
    }
    let delta = try largestDelta(tensor, other, first, second)
    if tensor.dtype != other.dtype {
      return [
        Entry(.type, tensor.name, first: .dtype(tensor.dtype), second: .dtype(other.dtype), largestDelta: delta)
      ]
    }
    // No |Δ|, and yet other bits: a zero's sign or a NaN's payload.
    if delta ?? 0 == 0, try haveEqualBytes(tensor, other, first, second) { return [] }
    return [Entry(.values, tensor.name, largestDelta: delta)]
  }

  private static func largestDelta(
    _ tensor: TensorDescription, _ other: TensorDescription, _ first: Subject, _ second: Subject
  ) throws -> Double? {
    guard ElementConversion.canWiden(tensor.dtype), ElementConversion.canWiden(other.dtype) else { return nil }
    let (values, others) = (TensorValues(first), TensorValues(second))
    var largest = 0.0
    for range in values.chunks(of: tensor) {
      let (left, right) = (try values.elements(range, of: tensor), try others.elements(range, of: other))
      largest = max(largest, largestDelta(left, right))
    }
    return largest
  }

  /// The largest |Δ| of two runs of as many elements: NaN is infinitely far from a number, and equal to NaN.
  static func largestDelta(_ one: [Float], _ other: [Float]) -> Double {
    var largest = 0.0
    for (left, right) in zip(one, other) where left != right && !(left.isNaN && right.isNaN) {
      let delta = abs(Double(left) - Double(right))
      largest = max(largest, delta.isNaN ? .infinity : delta)
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
