/// The type of a metadata value.
///
/// Source: `enum gguf_type` in ggml's `gguf.h`.
package enum GGUFValueType: UInt32, CaseIterable, Hashable, Sendable {
  case uint8, int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64, float64

  /// The bytes of each value, or nil if they vary.
  package var byteCount: Int? {
    switch self {
    case .uint8, .int8, .bool: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    case .string, .array: nil
    }
  }

  /// The smallest size of an array's element, in bytes.
  var minimalByteCount: Int { byteCount ?? (self == .string ? 8 : 12) }

  /// ggml's short name: `u32`, `str`, `arr`.
  package var name: String {
    switch self {
    case .uint8: "u8"
    case .int8: "i8"
    case .uint16: "u16"
    case .int16: "i16"
    case .uint32: "u32"
    case .int32: "i32"
    case .float32: "f32"
    case .bool: "bool"
    case .string: "str"
    case .array: "arr"
    case .uint64: "u64"
    case .int64: "i64"
    case .float64: "f64"
    }
  }
}

/// A metadata value, in exactly the type that the file stores.
package enum GGUFValue: Sendable {
  case uint8(UInt8)
  case int8(Int8)
  case uint16(UInt16)
  case int16(Int16)
  case uint32(UInt32)
  case int32(Int32)
  case float32(Float)
  case bool(Bool)
  /// The bytes of a string, which should be UTF-8; tokens are not always.
  case bytes([UInt8])
  case array(GGUFArray)
  case uint64(UInt64)
  case int64(Int64)
  case float64(Double)

  /// A string value.
  package static func string(_ text: String) -> GGUFValue { .bytes([UInt8](text.utf8)) }

  package var type: GGUFValueType {
    switch self {
    case .uint8: .uint8
    case .int8: .int8
    case .uint16: .uint16
    case .int16: .int16
    case .uint32: .uint32
    case .int32: .int32
    case .float32: .float32
    case .bool: .bool
    case .bytes: .string
    case .array: .array
    case .uint64: .uint64
    case .int64: .int64
    case .float64: .float64
    }
  }

  /// `u32`, `arr[str]`: the type with that of an array's elements.
  package var typeName: String {
    if case .array(let array) = self { "arr[\(array.elementType.name)]" } else { type.name }
  }

  /// The value of any integer type; nil if it doesn't fit in an `Int`.
  package var integer: Int? {
    switch self {
    case .uint8(let value): Int(value)
    case .int8(let value): Int(value)
    case .uint16(let value): Int(value)
    case .int16(let value): Int(value)
    case .uint32(let value): Int(value)
    case .int32(let value): Int(value)
    case .uint64(let value): Int(exactly: value)
    case .int64(let value): Int(value)
    case .float32, .bool, .bytes, .array, .float64: nil
    }
  }

  /// The value of a floating-point type.
  package var number: Double? {
    switch self {
    case .float32(let value): Double(value)
    case .float64(let value): value
    default: nil
    }
  }

  /// The text of a string; nil for other types, and if the bytes aren't valid UTF-8.
  package var text: String? {
    if case .bytes(let bytes) = self { String(validating: bytes, as: UTF8.self) } else { nil }
  }
}

extension GGUFValue: Hashable {
  /// Two values are equal if type and bits are the same: a NaN equals itself, and 0 doesn't equal -0.
  package static func == (left: GGUFValue, right: GGUFValue) -> Bool {
    left.type == right.type && left.encoded == right.encoded
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(type)
    hasher.combine(encoded)
  }

  /// The value as a little-endian file stores it, without its type.
  var encoded: [UInt8] {
    var bytes: [UInt8] = []
    append(to: &bytes)
    return bytes
  }

  func append(to bytes: inout [UInt8]) {
    switch self {
    case .uint8(let value): bytes.append(value)
    case .int8(let value): bytes.append(UInt8(bitPattern: value))
    case .uint16(let value): bytes.append(littleEndian: value)
    case .int16(let value): bytes.append(littleEndian: value)
    case .uint32(let value): bytes.append(littleEndian: value)
    case .int32(let value): bytes.append(littleEndian: value)
    case .float32(let value): bytes.append(littleEndian: value.bitPattern)
    case .bool(let value): bytes.append(value ? 1 : 0)
    case .bytes(let value):
      bytes.append(littleEndian: UInt64(value.count))
      bytes += value
    case .array(let array): array.append(to: &bytes)
    case .uint64(let value): bytes.append(littleEndian: value)
    case .int64(let value): bytes.append(littleEndian: value)
    case .float64(let value): bytes.append(littleEndian: value.bitPattern)
    }
  }
}

extension [UInt8] {
  mutating func append<Value: FixedWidthInteger>(littleEndian value: Value) {
    var rest = value
    for _ in 0..<(Value.bitWidth / 8) {
      append(UInt8(truncatingIfNeeded: rest))
      rest = rest >> 8
    }
  }
}
