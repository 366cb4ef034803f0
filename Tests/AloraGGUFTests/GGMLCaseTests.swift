import AloraSystem
import AloraTensors
import AloraTestSupport
import Testing

@testable import AloraGGUF

/// The files that ggml's own tests try, under the names that they have there, and what is said of each here.
///
/// Source: llama.cpp `tests/test-gguf.cpp` (`handcrafted_file_type`): the cases, not their code. Of the 34 names, one
/// (`KV_BAD_VALUE_SIZE`) is only a comment there, because ggml would ask for terabytes.
struct GGMLCase: Sendable, CustomTestStringConvertible {
  let name: String
  /// The whole error, without the path; nil if the file is good.
  let line: String?
  let bytes: [UInt8]
  var testDescription: String { name }

  init(_ name: String, _ line: String?, _ change: (inout GGUFBuilder) -> Void) {
    var builder = GGUFBuilder()
    change(&builder)
    self.name = name
    self.line = line
    bytes = builder.bytes
  }

  /// Values of each type, and arrays of some.
  static let keyValues: [GGUFBuilder.KeyValue] = [
    .init("my_key_0", type: 0, value: [7]), .init("my_key_1", type: 3, value: [0xFE, 0xFF]), .uint32("my_key_2", 5),
    .init("my_key_3", type: 6, value: [0, 0, 0xC0, 0x7F]), .init("my_key_4", type: 7, value: [1]),
    .init("my_key_5", type: 8, value: [2, 0, 0, 0, 0, 0, 0, 0, 0x61, 0x62]),
    .init("my_key_6", type: 9, value: [1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3]),
    .init("my_key_7", type: 9, value: [8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x63]),
    .init("my_key_8", type: 12, value: [0, 0, 0, 0, 0, 0, 0xF0, 0x3F]),
  ]

  /// F32, Q8_0 and I8, each at the next multiple of the alignment.
  static func tensors(alignment: UInt64) -> [GGUFBuilder.Tensor] {
    func padded(_ count: UInt64) -> UInt64 { (count + alignment - 1) / alignment * alignment }
    return [
      .init("my_tensor_0", [3, 2]), .init("my_tensor_1", [32, 2], type: 8, offset: padded(24)),
      .init("my_tensor_2", [5], type: 24, offset: padded(24) + padded(68)),
    ]
  }
  static func dataByteCount(alignment: Int) -> Int {
    [24, 68, 5].reduce(0) { $0 + ($1 + alignment - 1) / alignment * alignment }
  }

  private static func key(_ name: String, _ line: String?, _ change: @escaping (inout [GGUFBuilder.KeyValue]) -> Void)
    -> GGMLCase
  {
    GGMLCase(name, line) {
      $0.keyValues = keyValues
      change(&$0.keyValues)
    }
  }

  private static func tensor(
    _ name: String, _ line: String?, alignment: Int = 32, stated: UInt32? = nil,
    _ change: @escaping (inout GGUFBuilder) -> Void
  ) -> GGMLCase {
    GGMLCase(name, line) {
      $0.keyValues = keyValues
      if let stated { $0.keyValues.append(.uint32("general.alignment", stated)) }
      $0.alignment = alignment
      $0.tensors = tensors(alignment: UInt64(alignment))
      $0.dataByteCount = dataByteCount(alignment: alignment)
      change(&$0)
    }
  }

  static let all: [GGMLCase] = [
    GGMLCase("HEADER_BAD_MAGIC", "byte 0: not a GGUF file: it doesn't start with 'GGUF'; give a GGUF file") {
      $0.magic = "FUGG"
    },
    GGMLCase(
      "HEADER_BAD_VERSION_0",
      "byte 4: GGUF version 0 is not supported, only 2 and 3; convert the model again with a current llama.cpp"
    ) { $0.version = 0 },
    GGMLCase(
      "HEADER_BAD_VERSION_1",
      "byte 4: GGUF version 1 is not supported, only 2 and 3; convert the model again with a current llama.cpp"
    ) { $0.version = 1 },
    GGMLCase(
      "HEADER_BAD_VERSION_FUTURE",
      "byte 4: GGUF version 4 is not supported, only 2 and 3; convert the model again with a current llama.cpp"
    ) { $0.version = 4 },
    GGMLCase(
      "HEADER_BAD_N_TENSORS",
      "byte 8: -1 tensors do not fit in the 16 bytes left; the file is damaged or incomplete: get it again"
    ) { $0.tensorCount = -1 },
    GGMLCase(
      "HEADER_BAD_N_KV",
      "byte 16: -1 key-values do not fit in the 8 bytes left; the file is damaged or incomplete: get it again"
    ) { $0.keyCount = -1 },
    GGMLCase("HEADER_EMPTY", nil) { _ in },
    key(
      "KV_BAD_KEY_SIZE",
      "byte 24: key 0 claims to have 18446744073709551615 bytes, but 256 are left; the file is damaged or incomplete: get it again"
    ) { $0[0].byteCount = .max },
    key("KV_EMPTY_KEY", "byte 24: key 0 is empty") { $0[0].key = [] },
    key("KV_BAD_TYPE", "key my_key_0, byte 40: 13 is not a value type") { $0[0].type = 13 },
    key(
      "KV_BAD_VALUE_SIZE",
      "byte 156: key my_key_5 claims to have 18446744073709551615 bytes, but 124 are left; the file is damaged or incomplete: get it again"
    ) { $0[5].value.replaceSubrange(0..<8, with: [UInt8](repeating: 0xFF, count: 8)) },
    key("KV_DUPLICATE_KEY", "key my_key_0, byte 45: the key occurs twice") { $0[1].key = $0[0].key },
    key("KV_BAD_ALIGN", "key general.alignment: 13 is not a power of two") {
      $0.append(.uint32("general.alignment", 13))
    },
    key("KV_WRONG_TYPE_ALIGN", "key general.alignment: expected u32, found i32") {
      $0.append(.init("general.alignment", type: 5, value: [32, 0, 0, 0]))
    },
    key("KV_SUCCESS", nil) { _ in },
    tensor(
      "TENSORS_BAD_NAME_SIZE",
      "byte 270: the name of tensor 0 has 80 bytes, at most 63 are allowed; llama.cpp loads no tensor with such a name"
    ) { $0.tensors[0].name = [UInt8](repeating: 0x6E, count: 80) },
    tensor("TENSORS_BAD_N_DIMS", "tensor my_tensor_0, byte 289: 5 dimensions, at most 4 are allowed") {
      $0.tensors[0].dimensionCount = 5
    },
    tensor("TENSORS_BAD_SHAPE", "tensor my_tensor_0, byte 289: a dimension is negative: [-1, -1]") {
      $0.tensors[0].dimensions = [-1, -1]
    },
    // ggml loads it; so do we: a tensor without elements is one.
    tensor("TENSORS_ZERO_DIM", nil) {
      for index in $0.tensors.indices {
        $0.tensors[index].dimensions = [$0.tensors[index].dimensions[0], 0]
        $0.tensors[index].offset = 0
      }
    },
    tensor(
      "TENSORS_NE_TOO_BIG", "tensor my_tensor_0, byte 289: the number of elements of [8589934588, 8589934588] overflows"
    ) { $0.tensors[0].dimensions = [4 * 0x7FFF_FFFF, 4 * 0x7FFF_FFFF] },
    tensor(
      "TENSORS_NBYTES_TOO_BIG",
      "tensor my_tensor_0, byte 270: the bytes of [1073741824, 2147483648] elements of type I64 overflow"
    ) {
      $0.tensors[0].type = 27
      $0.tensors[0].dimensions = [1 << 31, 1 << 30]
    },
    tensor("TENSORS_BAD_TYPE", "tensor my_tensor_0, byte 309: 43 is not a ggml type") { $0.tensors[0].type = 43 },
    tensor(
      "TENSORS_BAD_OFFSET",
      "tensor my_tensor_0, byte 270: its data is at offset 18446744073709551615, which is not a multiple of 32"
    ) { $0.tensors[0].offset = .max },
    tensor("TENSORS_DUPLICATE_NAME", "tensor my_tensor_0, byte 321: two tensors have this name") {
      $0.tensors[1].name = $0.tensors[0].name
    },
    tensor("TENSORS_BAD_ALIGN", "key general.alignment: 13 is not a power of two", stated: 13) { _ in },
    tensor(
      "TENSORS_INCONSISTENT_ALIGN",
      "tensor my_tensor_1, byte 321: its data is at offset 24, which is not a multiple of 32", alignment: 1
    ) { _ in },
    tensor("TENSORS_SUCCESS", nil) { _ in },
    tensor("TENSORS_CUSTOM_ALIGN", nil, alignment: 1, stated: 1) { _ in },
    tensor(
      "DATA_NOT_ENOUGH_DATA",
      "tensor my_tensor_2, byte 372: its data, 5 bytes at offset 128 of the data section at byte 416, reaches beyond the end of the file at 548; the file is damaged or incomplete: get it again"
    ) { $0.dataByteCount = 128 + 4 },
    tensor("DATA_BAD_ALIGN", "key general.alignment: 13 is not a power of two", stated: 13) { _ in },
    tensor(
      "DATA_INCONSISTENT_ALIGN",
      "tensor my_tensor_1, byte 321: its data is at offset 24, which is not a multiple of 32",
      alignment: 1
    ) { _ in },
    tensor(
      "DATA_MEM_SIZE_OVERFLOW",
      "tensor my_tensor_0, byte 270: the bytes of [9223372036854775744] elements of type I8 overflow"
    ) {
      $0.tensors = [
        .init("my_tensor_0", [0x7FFF_FFFF_FFFF_FFC0], type: 24),
        .init("my_tensor_1", [0x7FFF_FFFF_FFFF_FFC0], type: 24, offset: 0x7FFF_FFFF_FFFF_FFC0),
      ]
      $0.dataByteCount = 32
    },
    tensor("DATA_SUCCESS", nil) { _ in },
    tensor("DATA_CUSTOM_ALIGN", nil, alignment: 1, stated: 1) { _ in },
  ]
}

/// What was published of readers of GGUF, as far as files show it: the classes, made anew, with code and place.
let publishedDefects: [BadGGUF] = [
  // Talos, January 2024.
  BadGGUF("CVE-2024-21802: more than four dimensions written past an array of four", .invalidShape, at: "tensor n") {
    $0.tensors = [.init("n", [1, 1, 1, 1, 1, 1, 1, 1])]
    $0.dataByteCount = 32
  },
  BadGGUF("CVE-2024-21825: an array whose number of strings times their size wraps", .implausibleCount, at: "key k") {
    $0.keyValues = [.init("k", type: 9, value: [8, 0, 0, 0] + bytes(of: 0x1000_0000_0000_0001))]
  },
  BadGGUF("CVE-2024-21836: a number of tensors whose table wraps to a small one", .implausibleCount, at: "byte 8") {
    $0.tensorCount = 0x02E8_BA2E_8BA2_E8BB
  },
  BadGGUF("CVE-2024-23496: a string of length 2^64 - 1, whose terminator wraps", .implausibleCount, at: "byte 37") {
    $0.keyValues = [.init("k", type: 8, value: bytes(of: .max) + [0x61])]
  },
  BadGGUF("CVE-2024-23605: a number of keys whose table wraps to a small one", .implausibleCount, at: "byte 16") {
    $0.keyCount = 0x0555_5555_5555_5556
  },
  // Databricks, March 2024: what is counted is not what is there.
  BadGGUF("a number of keys that is one too many", .implausibleCount, at: nil) {
    $0.keyCount = 2
    $0.keyValues = [.uint32("k", 1)]
    $0.alignment = 1
  },
  BadGGUF("a tensor's offset that wraps when the data's start is added", .gapBetweenTensors, at: "tensor n") {
    $0.tensors = [.init("n", [8], offset: 0xFFFF_FFFF_FFFF_FFC0)]
    $0.dataByteCount = 32
  },
  // CVE-2025-53630 and its second life, CVE-2026-27940: the sizes of all tensors together wrap.
  BadGGUF("CVE-2025-53630: tensors whose sizes together wrap", .tensorOutOfRange, at: "tensor t0") {
    $0.tensors = (0..<20).map { .init("t\($0)", [1 << 59], type: 24, offset: UInt64($0) << 59) }
    $0.dataByteCount = 64
  },
  BadGGUF("CVE-2026-27940: two tensors of nearly 2^63 bytes each", .invalidShape, at: "tensor a") {
    $0.tensors = [
      .init("a", [Int64.max - 63], type: 24), .init("b", [Int64.max - 63], type: 24, offset: 0x7FFF_FFFF_FFFF_FFC0),
    ]
    $0.dataByteCount = 64
  },
  // CVE-2026-33298: the bytes of a quantized tensor wrap, although its elements do not.
  BadGGUF("CVE-2026-33298: a tensor of doubles whose bytes wrap to four megabytes", .invalidShape, at: "tensor n") {
    $0.tensors = [.init("n", [1 << 31, (1 << 30) + 256], type: 28)]
    $0.dataByteCount = 1 << 12
  },
  BadGGUF("a negative type, read as an index before its table", .invalidTensorType, at: "tensor n") {
    $0.tensors = [.init("n", [32], type: 0x8000_0000)]
    $0.dataByteCount = 128
  },
  BadGGUF("a division by the block size of a type that has none", .invalidTensorType, at: "tensor n") {
    $0.tensors = [.init("n", [32], type: 4)]
    $0.dataByteCount = 128
  },
  BadGGUF("an array in an array, whose element type has no size", .implausibleCount, at: "key k") {
    $0.keyValues = [.init("k", type: 9, value: [9, 0, 0, 0] + bytes(of: 1 << 60))]
  },
  BadGGUF("alignment 2^31, which puts the data beyond the end", .tensorOutOfRange, at: "tensor n") {
    $0.keyValues = [.uint32("general.alignment", 1 << 31)]
    $0.tensors = [.init("n", [1])]
    $0.dataByteCount = 32
  },
]

private func bytes(of value: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) } }

@Suite struct GGMLCaseTests {
  @Test(arguments: GGMLCase.all) func isReadOrRefusedInTheseWords(_ item: GGMLCase) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/f"
      try writeFile(item.bytes, to: path)
      let error = caught(GGUFError.self) { _ = try GGUFFile(path: path) }
      #expect(error.map { String($0.description.dropFirst(path.count + 2)) } == item.line)
    }
  }

  @Test func allOfThemAreThere() { #expect(Set(GGMLCase.all.map(\.name)).count == 34) }

  @Test(arguments: ["DATA_SUCCESS", "DATA_CUSTOM_ALIGN"]) func theGoodOnesAreReadToTheLastByte(_ name: String) throws {
    let item = try #require(GGMLCase.all.first { $0.name == name })
    try withTemporaryDirectory { directory in
      try writeFile(item.bytes, to: directory + "/f")
      let file = try GGUFFile(path: directory + "/f")
      #expect(file.tensors.map(\.name) == ["my_tensor_0", "my_tensor_1", "my_tensor_2"])
      #expect(file.tensors.map(\.byteRange.count) == [24, 68, 5])
      #expect(file.tensors[2].byteRange.upperBound <= item.bytes.count)
      #expect(file.alignment == (name == "DATA_SUCCESS" ? 32 : 1))
    }
  }

  @Test(arguments: publishedDefects) func isRefusedWithItsCodeAndPlace(_ bad: BadGGUF) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/bad.gguf"
      try writeFile(bad.bytes, to: path)
      let error = caught(GGUFError.self) { _ = try GGUFFile(path: path) }
      #expect(error?.code == bad.code, "\(error.map(\.description) ?? "no GGUFError")")
      if let place = bad.place { #expect(error?.place?.contains(place) == true, "\(error?.place ?? "nowhere")") }
    }
  }
}
