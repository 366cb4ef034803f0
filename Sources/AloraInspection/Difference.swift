internal import AloraGGUF
internal import AloraPEFT
internal import AloraTensors

/// What differs between two adapters, or two files of tensors.
public struct Difference: Sendable {
  public struct Entry: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable { case metadata, onlyInFirst, onlyInSecond, shape, type, values }
    public let kind: Kind
    /// The key or the tensor.
    public let name: String
    public let first: String?
    public let second: String?
    /// The largest |Δ| of the widened elements; nil where they are not comparable.
    public let largestDelta: Double?
  }

  public let entries: [Entry]
  /// How many tensors both have.
  public let comparedTensorCount: Int

  public var isEmpty: Bool { entries.isEmpty }

  /// Compares metadata (of two GGUFs) and tensors, by name.
  ///
  /// - Throws: as reading the tensors; ``InspectionError`` for what has none to compare.
  public init(_ first: Subject, _ second: Subject) throws {
    for subject in [first, second] { try subject.checkComparable() }
    var entries = try Self.adapterEntries(first, second)
    if case .gguf(let left) = first, case .gguf(let right) = second {
      entries += Self.metadataEntries(left.metadata, right.metadata)
    }
    var compared = 0
    let others = Dictionary(second.tensors.map { ($0.name, $0) }) { first, _ in first }
    let names = Set(first.tensors.map(\.name))
    for tensor in first.tensors {
      guard let other = others[tensor.name] else {
        entries.append(
          Entry(kind: .onlyInFirst, name: tensor.name, first: Self.text(tensor), second: nil, largestDelta: nil))
        continue
      }
      compared += 1
      entries += try Self.tensorEntries(tensor, other, first, second)
    }
    for tensor in second.tensors where !names.contains(tensor.name) {
      entries.append(
        Entry(kind: .onlyInSecond, name: tensor.name, first: nil, second: Self.text(tensor), largestDelta: nil))
    }
    self.entries = entries
    comparedTensorCount = compared
  }

  private static func text(_ tensor: TensorDescription) -> String { "\(tensor.dtype) \(tensor.shape)" }

  /// What two PEFT directories, or a directory and a GGUF, say in their configurations.
  private static func adapterEntries(_ first: Subject, _ second: Subject) throws -> [Entry] {
    if case .gguf = first, case .gguf = second { return [] }
    guard let left = try first.adapter(), let right = try second.adapter() else { return [] }
    let fields: [(String, String, String)] = [
      ("alpha", "\(left.alpha)", "\(right.alpha)"),
      ("rank-stabilized", "\(left.isRankStabilized)", "\(right.isRankStabilized)"),
      ("invocation tokens", "\(left.invocationTokens ?? [])", "\(right.invocationTokens ?? [])"),
      ("base", left.base ?? "", right.base ?? ""),
    ]
    return fields.filter { $0.1 != $0.2 }.map {
      Entry(kind: .metadata, name: $0.0, first: $0.1, second: $0.2, largestDelta: nil)
    }
  }

  private static func metadataEntries(_ left: GGUFMetadata, _ right: GGUFMetadata) -> [Entry] {
    var entries: [Entry] = []
    for entry in left.entries {
      let other = right[entry.key]
      guard other != entry.value else { continue }
      entries.append(
        Entry(
          kind: .metadata, name: entry.key, first: entry.value.excerpt(), second: other?.excerpt(), largestDelta: nil))
    }
    for entry in right.entries where left[entry.key] == nil {
      entries.append(
        Entry(kind: .metadata, name: entry.key, first: nil, second: entry.value.excerpt(), largestDelta: nil))
    }
    return entries
  }

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
    guard TensorValues.canWiden(tensor.dtype), TensorValues.canWiden(other.dtype) else { return nil }
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
