/// GGUF, versions 2 and 3. All numbers are in the file's byte order, little-endian unless the version, read
/// little-endian, has its low 16 bits zero. A string is a UInt64 byte count and as many bytes, without a NUL.
///
/// 1. The bytes `GGUF`.
/// 2. The version, UInt32.
/// 3. The number of tensors, Int64.
/// 4. The number of metadata key-values, Int64.
/// 5. For each key-value: the key, a string; the type of the value, UInt32; the value. A string value is a string, a
///    Boolean one byte; an array is the type of its elements, UInt32, their number, UInt64, and the elements, untagged.
/// 6. For each tensor: its name, a string; the number of its dimensions, UInt32; the dimensions, Int64 each, the
///    innermost first; its ggml type, UInt32; the offset of its data from the start of the data section, UInt64.
/// 7. Padding to the next multiple of `general.alignment` (32 if the key is absent).
/// 8. The data section: each tensor's data in the order of 6, each padded to a multiple of the alignment.
///
/// Source: ggml's `gguf.h` and `gguf.cpp`, and `docs/gguf.md` of the ggml repository.
enum GGUFFormat {
  static let magic: [UInt8] = [0x47, 0x47, 0x55, 0x46]
  static let supportedVersions: ClosedRange<UInt32> = 2...3
  static let alignmentKey = "general.alignment"
  static let defaultAlignment = 32
  static let dimensionLimit = 4
  /// ggml keeps names in 64 bytes with a NUL at the end.
  static let tensorNameByteLimit = 63
  static let keyByteLimit = 65_535
  static let minimalTensorEntryByteCount = 8 + 4 + 4 + 8
  static let minimalKeyValueByteCount = 8 + 1 + 4 + 1
}

/// Limits of what a reader accepts. Independently of them, every count in a file is checked against the bytes left in it.
package struct GGUFLimits: Sendable {
  /// The bytes before the data section. A reader reads all of them.
  package var headerByteCount = 1 << 28
  /// The largest nesting depth of arrays. ggml itself never nests arrays.
  package var arrayDepth = 8
  /// The largest models have some ten thousand tensors and less than a hundred keys.
  package var tensorCount = 1 << 19
  package var keyCount = 1 << 16
  /// The strings or arrays that one array may hold; the largest vocabularies have half a million merges.
  package var elementCount = 1 << 23

  package init() {}
}

/// Rounds up to a multiple of `alignment`, a power of two; nil on overflow.
func aligned(_ offset: Int, to alignment: Int) -> Int? {
  let (sum, overflow) = offset.addingReportingOverflow(alignment - 1)
  return overflow ? nil : sum & ~(alignment - 1)
}
