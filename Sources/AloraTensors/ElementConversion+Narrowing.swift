internal import CAloraKernels

/// Threads that each do a part of some work, and return when all are done. No result depends on their number.
package struct WorkDivision {
  package let partCount: Int
  let runParts: (_ body: (_ part: Int) -> Void) -> Void

  /// - Parameter runParts: calls its argument once for each part, in any order or at once.
  package init(partCount: Int, runParts: @escaping (_ body: (_ part: Int) -> Void) -> Void) {
    self.partCount = partCount
    self.runParts = runParts
  }

  /// One part: the calling thread does it.
  package static var none: WorkDivision { WorkDivision(partCount: 1) { $0(0) } }

  func range(ofPart part: Int, of count: Int) -> Range<Int> {
    (count * part / partCount)..<(count * (part + 1) / partCount)
  }
}

extension ElementConversion {
  /// Whether ``narrow(_:to:into:division:)`` writes this type.
  package static func canNarrow(_ dtype: DType) -> Bool {
    [.f32, .f16, .bf16, .q8_0].contains(dtype) || dtype.ggmlTypeID.map { alora_narrows_blocks($0) != 0 } ?? false
  }

  /// The least magnitude that a type can't represent; nil for F32, which has all, and for types whose scales a search finds.
  /// In block formats, the scale has to be an F16.
  package static func limit(of dtype: DType) -> Float? {
    switch dtype {
    case .f16: 65520
    case .bf16: 0x1.ffp127
    case .q8_0: 65520 * 127
    case .q4_0: 65520 * 8
    case .q5_0: 65520 * 16
    case .q4_1, .q5_1, .tq1_0, .tq2_0: 65520
    default: nil
    }
  }

  /// Rounds f32 values to F32 (a copy), F16, BF16, or the types that ggml quantizes to without importance matrix: Q8_0, Q4_0,
  /// Q4_1, Q5_0, Q5_1, Q2_K to Q6_K, IQ4_NL, IQ4_XS, MXFP4, TQ1_0 and TQ2_0.
  ///
  /// The bytes of block formats are those of ggml's `ggml_quantize_chunk`.
  ///
  /// - Parameter bytes: is resized to the values' length in `dtype`.
  /// - Returns: whether every scale of a block is finite. If not, a block of Q2_K to Q6_K, IQ4_NL or IQ4_XS has too large values.
  /// - Precondition: ``canNarrow(_:)``, the values fill whole blocks, and those of a block format are finite.
  @discardableResult package static func narrow(
    _ values: [Float], to dtype: DType, into bytes: inout [UInt8], division: WorkDivision = .none
  ) -> Bool {
    guard let byteCount = dtype.byteCount(elementCount: values.count) else {
      preconditionFailure("the values don't fill whole blocks")
    }
    var areFinite = true
    unsafe values.withUnsafeBufferPointer { source in
      unsafe fill(&bytes, count: byteCount) { target in
        guard let from = source.baseAddress, let to = UnsafeMutableRawBufferPointer(target).baseAddress else { return }
        let halves = unsafe to.assumingMemoryBound(to: UInt16.self)
        switch dtype {
        case .f16: unsafe alora_narrow_f16(from, halves, values.count)
        case .bf16: unsafe alora_narrow_bf16(from, halves, values.count)
        case .q8_0: unsafe alora_narrow_q8_0(from, to.assumingMemoryBound(to: UInt8.self), values.count / 32)
        case .f32: unsafe to.copyMemory(from: from, byteCount: byteCount)
        default:
          areFinite = unsafe narrowBlocks(
            from, to.assumingMemoryBound(to: UInt8.self), dtype, count: values.count / dtype.block.elementCount,
            division)
        }
      }
    }
    return areFinite
  }

  private static func narrowBlocks(
    _ values: UnsafePointer<Float>, _ blocks: UnsafeMutablePointer<UInt8>, _ dtype: DType, count: Int,
    _ division: WorkDivision
  ) -> Bool {
    guard let type = dtype.ggmlTypeID, canNarrow(dtype) else { preconditionFailure("\(dtype) cannot be written") }
    let (elements, bytes) = (dtype.block.elementCount, dtype.block.bitCount / 8)
    var areFinite = [Bool](repeating: true, count: division.partCount)
    unsafe areFinite.withUnsafeMutableBufferPointer { areFinite in
      division.runParts { part in
        let range = division.range(ofPart: part, of: count)
        unsafe areFinite[part] =
          alora_narrow_blocks(
            type, values + range.lowerBound * elements, blocks + range.lowerBound * bytes, range.count)
          != 0
      }
    }
    return !areFinite.contains(false)
  }
}
