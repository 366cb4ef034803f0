package import AloraNPZ
internal import AloraTensors

/// The contents of an `.npz` archive: its arrays, and the cases of a golden file.
package struct ArchiveSummary: Sendable {
  /// A prompt with its logits, by the names that golden files use (`tokens_i`, `adapted_logits_i`, …).
  package struct Case: Hashable, Sendable {
    package let index: Int
    package let tokenCount: Int
    /// Rows of logits; nil if there are none.
    package let rowCount: Int?
    package let vocabularySize: Int?
    /// Nil if it is not stored; -1 for an adapter that is off.
    package let activationStart: Int?
    /// The kinds of logits that are stored: `base`, `adapted`, `plain` (`logits_i`).
    package let kinds: [String]
  }

  package let cases: [Case]
  /// The text of `meta`, if the archive has one.
  package let meta: String?

  /// Reads the headers, and the activation starts.
  ///
  /// - Throws: ``NPZError``, ``FileError``.
  package init(_ file: NPZFile) throws {
    var cases: [Case] = []
    while let tokens = file["tokens_\(cases.count)"] {
      let index = cases.count
      let arrays = [
        ("base", "base_logits_\(index)"), ("adapted", "adapted_logits_\(index)"), ("plain", "logits_\(index)"),
      ]
      let present = arrays.compactMap { kind, name in file[name].map { (kind, $0.shape.dimensions) } }
      let shape = present.first?.1
      cases.append(
        Case(
          index: index, tokenCount: tokens.shape.elementCount, rowCount: shape?.first,
          vocabularySize: shape?.count == 2 ? shape?.last : nil,
          activationStart: file["activation_start_\(index)"] == nil
            ? nil : try file.integer(named: "activation_start_\(index)"),
          kinds: present.map(\.0)))
    }
    self.cases = cases
    meta = file["meta"] == nil ? nil : try file.text(named: "meta")
  }
}

extension TensorStatistics {
  /// Statistics of an array of floating-point numbers or integers, computed row by row; nil for other types and for empty
  /// arrays.
  ///
  /// - Throws: ``NPZError``, ``FileError``.
  package init?(_ array: NPZArray, in file: NPZFile) throws {
    guard case .number(let dtype) = array.element, array.shape.elementCount > 0 else { return nil }
    var figures = Accumulator()
    if !dtype.isFloatingPoint {
      for value in try file.integers(named: array.name) { figures.add(Double(value)) }
    } else if array.shape.rank == 0 {
      for value in try file.floats(named: array.name) { figures.add(Double(value)) }
    } else {
      let rows = try NPZRowReader(file, named: array.name)
      while let row = try rows.next() { for value in row { figures.add(Double(value)) } }
    }
    self = figures.statistics
  }

  /// Accumulates elements one by one.
  struct Accumulator {
    private var minimum = Double.infinity
    private var maximum = -Double.infinity
    private var squares = 0.0
    private var zeroCount = 0
    private var head: [Double] = []

    mutating func add(_ value: Double) {
      minimum = min(minimum, value)
      maximum = max(maximum, value)
      squares += value * value
      if value == 0 { zeroCount += 1 }
      if head.count < 4 { head.append(value) }
    }

    var statistics: TensorStatistics {
      TensorStatistics(
        minimum: minimum, maximum: maximum, norm: squares.squareRoot(), zeroCount: zeroCount, head: head)
    }
  }
}
