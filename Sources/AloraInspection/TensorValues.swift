public import AloraTensors
internal import CAloraKernels

/// Figures on the elements of a tensor, widened exactly to f32.
public struct TensorStatistics: Hashable, Sendable {
  public let minimum: Double
  public let maximum: Double
  /// √(Σ x²), summed in double precision.
  public let norm: Double
  /// How many elements are exactly zero.
  public let zeroCount: Int
  /// The first elements, in order.
  public let head: [Double]
}

/// Reads the elements of tensors chunk by chunk.
public struct TensorValues: Sendable {
  private static let chunkElementCount = 1 << 18

  private let subject: Subject

  public init(_ subject: Subject) { self.subject = subject }

  /// Whether elements of this type can be widened here.
  public static func canWiden(_ dtype: DType) -> Bool { [.f32, .f16, .bf16, .f64].contains(dtype) }

  /// The runs of elements that a tensor is read in.
  func chunks(of tensor: TensorDescription) -> [Range<Int>] {
    let count = tensor.shape.elementCount
    return stride(from: 0, to: count, by: Self.chunkElementCount).map { $0..<min($0 + Self.chunkElementCount, count) }
  }

  /// A run of elements of `tensor`, whose type must be one that can be widened.
  ///
  /// - Throws: as ``Subject/bytes(of:in:)``.
  func elements(_ range: Range<Int>, of tensor: TensorDescription) throws -> [Float] {
    guard let byteCount = tensor.dtype.byteCount(elementCount: 1) else { return [] }
    let bytes = try subject.bytes(of: tensor, in: (range.lowerBound * byteCount)..<(range.upperBound * byteCount))
    return Self.widened(bytes, tensor.dtype, count: range.count)
  }

  private static func widened(_ bytes: [UInt8], _ dtype: DType, count: Int) -> [Float] {
    unsafe [Float](unsafeUninitializedCapacity: count) { buffer, initializedCount in
      // Safe: `bytes` holds `count` elements of `dtype`; unaligned loads are copied by memcpy or byte by byte.
      unsafe bytes.withUnsafeBytes { source in
        switch dtype {
        case .f16: unsafe alora_widen_f16(source.bindMemory(to: UInt16.self).baseAddress, buffer.baseAddress, count)
        case .bf16: unsafe alora_widen_bf16(source.bindMemory(to: UInt16.self).baseAddress, buffer.baseAddress, count)
        case .f64:
          for index in 0..<count {
            unsafe buffer.initializeElement(
              at: index, to: Float(source.loadUnaligned(fromByteOffset: 8 * index, as: Double.self)))
          }
        default: unsafe UnsafeMutableRawBufferPointer(buffer).copyMemory(from: source)
        }
      }
      initializedCount = count
    }
  }

  /// - Throws: as ``Subject/bytes(of:in:)``.
  /// - Returns: nil for types that cannot be widened.
  public func statistics(of tensor: TensorDescription) throws -> TensorStatistics? {
    guard Self.canWiden(tensor.dtype), tensor.shape.elementCount > 0 else { return nil }
    var (minimum, maximum) = (Float.infinity, -Float.infinity)
    var squares = 0.0
    var zeroCount = 0
    var head: [Double] = []
    for range in chunks(of: tensor) {
      let values = try elements(range, of: tensor)
      for value in values {
        minimum = min(minimum, value)
        maximum = max(maximum, value)
        squares += Double(value) * Double(value)
        if value == 0 { zeroCount += 1 }
      }
      if head.isEmpty { head = values.prefix(4).map(Double.init) }
    }
    return TensorStatistics(
      minimum: Double(minimum), maximum: Double(maximum), norm: squares.squareRoot(), zeroCount: zeroCount, head: head)
  }
}
