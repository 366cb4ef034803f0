/// Finds out whether golden rows lack the precision of float32, from their bits and from how far they are off.
struct PrecisionCheck {
  typealias Format = GoldenMistake.PrecisionLoss.Format

  let format: Format
  let isStored: Bool

  /// Nil if the rows have the bits of float32.
  init?(_ rows: GoldenRows) {
    if let stored = rows.storedFormat {
      (format, isStored) = (stored, true)
      return
    }
    guard let found = Self.format(of: [rows.base, rows.adapted].flatMap(\.values)) else { return nil }
    (format, isStored) = (found, false)
  }

  init(levelOf format: Format) { (self.format, isStored) = (format, false) }

  /// The least precise format that holds every value; nil for float32, or if there are too few values to tell.
  static func format(of rows: [[Float]]) -> Format? {
    var (bits, count, largest) = (UInt32(0), 0, Float(0))
    for row in rows {
      for value in row where value != 0 {
        bits |= value.bitPattern
        count += 1
        largest = max(largest, abs(value))
      }
    }
    guard count >= 32 else { return nil }
    if bits & 0xFFFF == 0 { return .bfloat16 }
    if bits & 0x1FFF == 0 { return largest < 65520 ? .float16 : .tf32 }
    return nil
  }

  /// The largest difference, relative to the row's largest logit, that a model computed in the format may have.
  ///
  /// Measured on small models (bfloat16 up to 0.028, float16 up to 0.004); deep ones stay below 4 times that.
  var largestPlausible: Double {
    switch format {
    case .bfloat16: 0.1
    case .float16, .tf32: 0.02
    case .tf32Level: 5e-3
    }
  }

  /// How much the logits of such a model must correlate.
  var leastCorrelation: Double {
    switch format {
    case .bfloat16: 0.99
    case .float16, .tf32: 0.999
    case .tf32Level: 0.9999
    }
  }

  /// Half of the last place, relative to a value; 0 if only the computation was less precise.
  private var halfStep: Double {
    switch format {
    case .bfloat16: 0x1p-8
    case .float16, .tf32: 0x1p-11
    case .tf32Level: 0
    }
  }

  /// Whether the golden rows are the computed ones, rounded to the format.
  func isRoundingOnly(golden: [Int: [Float]], computed: [Int: [Float]]) -> Bool {
    guard halfStep > 0 else { return false }
    return golden.allSatisfy { position, row in
      guard let found = computed[position] else { return false }
      let allowance = Tolerance.standard.limit * RowComparison.largestMagnitude(found)
      return zip(row, found).allSatisfy {
        abs(Double($0) - Double($1)) <= 1.01 * halfStep * abs(Double($1)) + allowance
      }
    }
  }
}
