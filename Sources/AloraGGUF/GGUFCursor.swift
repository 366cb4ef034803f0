internal import AloraSystem

/// Reads the header of a file from front to back, from a private copy that grows with the header.
///
/// Nothing is read through a mapping, so a file that changes or shrinks meanwhile can't contradict a check or cause a fault.
struct GGUFCursor {
  let file: MappedFile
  let limits: GGUFLimits
  var isBigEndian = false
  private(set) var offset = 0
  private var bytes: [UInt8] = []

  private static let firstReadByteCount = 1 << 16

  init(file: MappedFile, limits: GGUFLimits) {
    self.file = file
    self.limits = limits
  }

  /// The bytes of the file after the current offset.
  var remaining: Int { file.byteCount - offset }

  func error(_ code: GGUFError.Code, at offset: Int? = nil, subject: String? = nil, _ problem: String) -> GGUFError {
    GGUFError(code, path: file.path, byteOffset: offset ?? self.offset, subject: subject, problem: problem)
  }

  /// Makes sure that `count` bytes from the current offset on are in memory.
  mutating func require(_ count: Int, of what: @autoclosure () -> String) throws {
    guard count <= remaining else {
      throw error(.truncated, "the file ends within \(what()): \(count) bytes needed, \(remaining) left")
    }
    guard offset + count > bytes.count else { return }
    let limit = min(file.byteCount, limits.headerByteCount)
    guard offset + count <= limit else {
      throw error(.headerTooLarge, "the header is longer than \(limits.headerByteCount) bytes")
    }
    // Four times as much each time, so that long headers take few reads and short ones little memory.
    let target = min(limit, max(offset + count, Self.firstReadByteCount, bytes.count * 4))
    bytes += try file.read(bytes.count..<target)
  }

  mutating func load<Value: FixedWidthInteger & BitwiseCopyable>(
    _ type: Value.Type = Value.self, of what: @autoclosure () -> String
  ) throws -> Value {
    try require(MemoryLayout<Value>.size, of: what())
    // Safe: any bits are an integer; the load is checked against the end of what is in memory.
    let value = unsafe bytes.span.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self)
    offset += MemoryLayout<Value>.size
    return isBigEndian ? Value(bigEndian: value) : Value(littleEndian: value)
  }

  /// A string's bytes.
  ///
  /// - Parameter limit: the largest length; anything longer is refused with `code`.
  mutating func string(
    _ what: @autoclosure () -> String, limit: Int = .max, _ code: GGUFError.Code = .implausibleCount
  ) throws -> [UInt8] {
    let byteCount = try stringByteCount(what(), limit: limit, code)
    defer { offset += byteCount }
    return [UInt8](bytes[offset..<(offset + byteCount)])
  }

  private mutating func stringByteCount(
    _ what: @autoclosure () -> String, limit: Int = .max, _ code: GGUFError.Code = .implausibleCount
  ) throws -> Int {
    let start = offset
    let stated = try load(UInt64.self, of: what())
    guard let byteCount = Int(exactly: stated), byteCount <= remaining else {
      throw error(
        .implausibleCount, at: start, "\(what()) claims to have \(stated) bytes, but \(remaining) are left")
    }
    guard byteCount <= limit else {
      throw error(code, at: start, "\(what()) has \(byteCount) bytes, at most \(limit) are allowed")
    }
    try require(byteCount, of: what())
    return byteCount
  }

  // MARK: Values

  mutating func value(key: String) throws -> GGUFValue {
    let subject = "key \(key)"
    let type = try valueType(subject)
    switch type {
    case .uint8: return .uint8(try load(of: subject))
    case .int8: return .int8(try load(of: subject))
    case .uint16: return .uint16(try load(of: subject))
    case .int16: return .int16(try load(of: subject))
    case .uint32: return .uint32(try load(of: subject))
    case .int32: return .int32(try load(of: subject))
    case .float32: return .float32(Float(bitPattern: try load(of: subject)))
    case .uint64: return .uint64(try load(of: subject))
    case .int64: return .int64(try load(of: subject))
    case .float64: return .float64(Double(bitPattern: try load(of: subject)))
    case .string: return .bytes(try string(subject))
    case .bool:
      try skipElements(.bool, count: 1, depth: 0, subject)
      return .bool(bytes[offset - 1] != 0)
    case .array:
      let (elementType, count) = try arrayHead(subject)
      let start = offset
      try skipElements(elementType, count: count, depth: 1, subject)
      return .array(GGUFArray(elementType: elementType, count: count, payload: [UInt8](bytes[start..<offset])))
    }
  }

  private mutating func valueType(_ subject: String) throws -> GGUFValueType {
    let number = try load(UInt32.self, of: "the type of \(subject)")
    guard let type = GGUFValueType(rawValue: number) else {
      throw error(.invalidValueType, at: offset - 4, subject: subject, "\(number) is not a value type")
    }
    return type
  }

  private mutating func arrayHead(_ subject: String) throws -> (GGUFValueType, Int) {
    let elementType = try valueType(subject)
    let stated = try load(UInt64.self, of: "the array of \(subject)")
    guard let count = Int(exactly: stated), count <= remaining / elementType.minimalByteCount else {
      throw error(
        .implausibleCount, at: offset - 8, subject: subject,
        "an array of \(stated) elements of type \(elementType.name) does not fit in the \(remaining) bytes left")
    }
    guard elementType.byteCount != nil || count <= limits.elementCount else {
      throw error(
        .headerTooLarge, at: offset - 8, subject: subject,
        "an array of \(count) elements of type \(elementType.name), at most \(limits.elementCount) are read")
    }
    return (elementType, count)
  }

  /// Skips the elements of an array. Checks each, and converts it to little-endian order.
  private mutating func skipElements(_ type: GGUFValueType, count: Int, depth: Int, _ subject: String) throws {
    if let byteCount = type.byteCount {
      // No overflow: `count` is at most the number of bytes left.
      try require(count * byteCount, of: subject)
      if type == .bool, let bad = bytes[offset..<(offset + count)].firstIndex(where: { $0 > 1 }) {
        throw error(.invalidBoolean, at: bad, subject: subject, "\(bytes[bad]) is not a Boolean, neither 0 nor 1")
      }
      if isBigEndian { reverseBytes(ofEach: byteCount, count: count) }
      offset += count * byteCount
      return
    }
    guard depth <= limits.arrayDepth else {
      throw error(.nestedTooDeep, subject: subject, "arrays nested deeper than \(limits.arrayDepth)")
    }
    for _ in 0..<count {
      let start = offset
      if type == .string {
        let byteCount = try stringByteCount(subject)
        reorder([8], at: start)
        offset += byteCount
      } else {
        let (elementType, count) = try arrayHead(subject)
        reorder([4, 8], at: start)
        try skipElements(elementType, count: count, depth: depth + 1, subject)
      }
    }
  }

  private mutating func reorder(_ byteCounts: [Int], at start: Int) {
    guard isBigEndian else { return }
    var first = start
    for byteCount in byteCounts {
      bytes[first..<(first + byteCount)].reverse()
      first += byteCount
    }
  }

  private mutating func reverseBytes(ofEach byteCount: Int, count: Int) {
    guard byteCount > 1 else { return }
    for index in 0..<count {
      let first = offset + index * byteCount
      bytes[first..<(first + byteCount)].reverse()
    }
  }
}
