/// An array of metadata, kept as the bytes of a little-endian file and decoded as it is iterated.
///
/// A vocabulary has some hundred thousand strings. Keeping its bytes costs one copy; strings are made on request.
package struct GGUFArray: Hashable, Sendable {
  package let elementType: GGUFValueType
  package let count: Int
  /// The elements one after another, as the file stores them.
  let payload: [UInt8]

  /// `payload` must hold exactly `count` well-formed elements.
  init(elementType: GGUFValueType, count: Int, payload: [UInt8]) {
    self.elementType = elementType
    self.count = count
    self.payload = payload
  }

  /// Nil if the values are not all of type `elementType`.
  package init?(elementType: GGUFValueType, _ values: [GGUFValue]) {
    guard values.allSatisfy({ $0.type == elementType }) else { return nil }
    var payload: [UInt8] = []
    for value in values { value.append(to: &payload) }
    self.init(elementType: elementType, count: values.count, payload: payload)
  }

  private init<Elements: Collection>(
    _ elementType: GGUFValueType, _ elements: Elements, _ value: (Elements.Element) -> GGUFValue
  ) {
    var payload: [UInt8] = []
    for element in elements { value(element).append(to: &payload) }
    self.init(elementType: elementType, count: elements.count, payload: payload)
  }

  package init(_ values: [UInt32]) { self.init(.uint32, values) { .uint32($0) } }
  package init(_ values: [Int32]) { self.init(.int32, values) { .int32($0) } }
  package init(_ values: [Float]) { self.init(.float32, values) { .float32($0) } }
  package init(_ values: [Bool]) { self.init(.bool, values) { .bool($0) } }
  package init(_ values: [String]) { self.init(.string, values) { .string($0) } }
  package init(_ values: [[UInt8]]) { self.init(.string, values) { .bytes($0) } }
  package init(_ values: [GGUFArray]) { self.init(.array, values) { .array($0) } }

  func append(to bytes: inout [UInt8]) {
    bytes.append(littleEndian: elementType.rawValue)
    bytes.append(littleEndian: UInt64(count))
    bytes += payload
  }
}

extension GGUFArray {
  /// All elements as integers; nil unless the type is an integer type and every value fits in `Int`.
  package var integers: [Int]? { mapped { $0.integer } }

  /// All elements as numbers; nil unless the type is a floating-point type.
  package var numbers: [Double]? { mapped { $0.number } }

  /// All elements; nil unless they are Booleans.
  package var booleans: [Bool]? { mapped { if case .bool(let value) = $0 { value } else { nil } } }

  /// The bytes of all elements; nil unless they are strings.
  package var byteStrings: [[UInt8]]? { mapped { if case .bytes(let value) = $0 { value } else { nil } } }

  /// All elements; nil unless they are strings of valid UTF-8.
  package var strings: [String]? { mapped { $0.text } }

  private func mapped<Result>(_ transform: (GGUFValue) -> Result?) -> [Result]? {
    var results: [Result] = []
    // The payload has at least a byte for each element, so the count is bounded by memory that is already allocated.
    results.reserveCapacity(count)
    for value in self {
      guard let result = transform(value) else { return nil }
      results.append(result)
    }
    return results
  }
}

extension GGUFArray: Sequence {
  package struct Iterator: IteratorProtocol {
    private let array: GGUFArray
    private var index = 0
    private var byteOffset = 0

    init(_ array: GGUFArray) { self.array = array }

    package mutating func next() -> GGUFValue? {
      guard index < array.count else { return nil }
      index += 1
      return array.decode(array.elementType, at: &byteOffset)
    }
  }

  package func makeIterator() -> Iterator { Iterator(self) }
  package var underestimatedCount: Int { count }

  private func load<Value: FixedWidthInteger & BitwiseCopyable>(_ offset: inout Int) -> Value {
    // Safe: any bits are an integer; the load is checked against the payload's end.
    let value = unsafe payload.span.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self)
    offset += MemoryLayout<Value>.size
    return Value(littleEndian: value)
  }

  private func decode(_ type: GGUFValueType, at offset: inout Int) -> GGUFValue {
    switch type {
    case .uint8: return .uint8(load(&offset))
    case .int8: return .int8(load(&offset))
    case .uint16: return .uint16(load(&offset))
    case .int16: return .int16(load(&offset))
    case .uint32: return .uint32(load(&offset))
    case .int32: return .int32(load(&offset))
    case .float32: return .float32(Float(bitPattern: load(&offset)))
    case .bool: return .bool(load(&offset) as UInt8 != 0)
    case .uint64: return .uint64(load(&offset))
    case .int64: return .int64(load(&offset))
    case .float64: return .float64(Double(bitPattern: load(&offset)))
    case .string:
      let byteCount = Int(load(&offset) as UInt64)
      defer { offset += byteCount }
      return .bytes([UInt8](payload[offset..<(offset + byteCount)]))
    case .array:
      // The reader has checked the type; a payload made here has valid ones.
      let elementType = GGUFValueType(rawValue: load(&offset)) ?? .uint8
      let count = Int(load(&offset) as UInt64)
      let start = offset
      skip(elementType, count: count, at: &offset)
      return .array(GGUFArray(elementType: elementType, count: count, payload: [UInt8](payload[start..<offset])))
    }
  }

  private func skip(_ type: GGUFValueType, count: Int, at offset: inout Int) {
    if let byteCount = type.byteCount {
      offset += count * byteCount
      return
    }
    for _ in 0..<count {
      if type == .string {
        offset += Int(load(&offset) as UInt64)
      } else {
        let elementType = GGUFValueType(rawValue: load(&offset)) ?? .uint8
        skip(elementType, count: Int(load(&offset) as UInt64), at: &offset)
      }
    }
  }
}
