internal import AloraGGUF
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
  public static func canWiden(_ dtype: DType) -> Bool {
    [.f32, .f16, .bf16, .f64].contains(dtype) || blockFormat(dtype) != nil
  }

  /// The kernels' number of a block format that they know.
  private static func blockFormat(_ dtype: DType) -> alora_type? {
    guard dtype.isBlockFormat, let id = dtype.ggmlTypeID else { return nil }
    let format = alora_type(rawValue: id)
    return alora_type_supported(format) != 0 ? format : nil
  }

  /// The runs of elements that a tensor is read in.
  func chunks(of tensor: TensorDescription) -> [Range<Int>] {
    let count = tensor.shape.elementCount
    return stride(from: 0, to: count, by: Self.chunkElementCount).map { $0..<min($0 + Self.chunkElementCount, count) }
  }

  /// A run of elements of `tensor`, whose type must be one that can be widened.
  ///
  /// - Throws: as ``Subject/bytes(of:in:)``.
  func elements(_ range: Range<Int>, of tensor: TensorDescription) throws -> [Float] {
    // Chunks are whole blocks: a chunk's length is a multiple of 256, and rows end with a block.
    guard let start = tensor.dtype.byteCount(elementCount: range.lowerBound),
      let end = tensor.dtype.byteCount(elementCount: range.upperBound)
    else { return [] }
    let bytes = try subject.bytes(of: tensor, in: start..<end)
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
        default:
          if let format = blockFormat(dtype), let bytes = source.baseAddress, let floats = buffer.baseAddress {
            unsafe alora_dequantize(format, bytes, floats, count)
          } else {
            unsafe UnsafeMutableRawBufferPointer(buffer).copyMemory(from: source)
          }
        }
      }
      initializedCount = count
    }
  }

  /// - Throws: as ``Subject/bytes(of:in:)``.
  /// - Returns: nil for types that cannot be widened.
  public func statistics(of tensor: TensorDescription) throws -> TensorStatistics? {
    guard Self.canWiden(tensor.dtype), tensor.shape.elementCount > 0 else { return nil }
    var figures = TensorStatistics.Accumulator()
    for range in chunks(of: tensor) {
      for value in try elements(range, of: tensor) { figures.add(Double(value)) }
    }
    return figures.statistics
  }
}
