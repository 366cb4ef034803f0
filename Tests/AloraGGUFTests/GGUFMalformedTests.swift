import AloraSystem
import AloraTensors
import AloraTestSupport
import Testing

@testable import AloraGGUF

/// One bad file, and the error that it must give.
struct BadGGUF: Sendable, CustomTestStringConvertible {
  let name: String
  let code: GGUFError.Code
  /// A part of the place that the error must name.
  let place: String?
  let bytes: [UInt8]
  var testDescription: String { name }

  init(_ name: String, _ code: GGUFError.Code, at place: String?, _ change: (inout GGUFBuilder) -> Void) {
    var builder = GGUFBuilder()
    change(&builder)
    self.init(name, code, at: place, bytes: builder.bytes)
  }

  init(_ name: String, _ code: GGUFError.Code, at place: String?, bytes: [UInt8]) {
    self.name = name
    self.code = code
    self.place = place
    self.bytes = bytes
  }
}

/// The bytes of an array value: element type, number, elements.
private func array(_ type: UInt32, _ count: UInt64, _ elements: [UInt8] = []) -> [UInt8] {
  var bytes = ByteBuilder()
  bytes.append(type)
  bytes.append(count)
  bytes.append(elements)
  return bytes.bytes
}

private func nested(_ depth: Int) -> [UInt8] {
  depth == 0 ? array(0, 1, [1]) : array(9, 1, nested(depth - 1))
}

private func uint64(_ value: UInt64) -> [UInt8] {
  var bytes = ByteBuilder()
  bytes.append(value)
  return bytes.bytes
}

/// The classes of ggml's own tests (`tests/test-gguf.cpp`) and of the published defects of GGUF readers.
let badGGUFs: [BadGGUF] = [
  // Header.
  BadGGUF("empty file", .notGGUF, at: "byte 0", bytes: []),
  BadGGUF("three bytes", .notGGUF, at: "byte 0", bytes: [0x47, 0x47, 0x55]),
  BadGGUF("wrong magic", .notGGUF, at: "byte 0") { $0.magic = "GGML" },
  BadGGUF("big-endian magic", .notGGUF, at: "byte 0") { $0.magic = "FUGG" },
  BadGGUF("version 0", .unsupportedVersion, at: "byte 4") { $0.version = 0 },
  BadGGUF("version 1", .unsupportedVersion, at: "byte 4") { $0.version = 1 },
  BadGGUF("future version", .unsupportedVersion, at: "byte 4") { $0.version = 4 },
  BadGGUF("future version, big-endian", .unsupportedVersion, at: "byte 4") {
    $0.version = 4
    $0.isBigEndian = true
  },
  BadGGUF("more tensors than can be", .implausibleCount, at: "byte 8") { $0.tensorCount = .max },
  BadGGUF("a negative number of tensors", .implausibleCount, at: "byte 8") { $0.tensorCount = -1 },
  BadGGUF("more keys than can be", .implausibleCount, at: "byte 16") { $0.keyCount = .max },
  BadGGUF("a negative number of keys", .implausibleCount, at: "byte 16") { $0.keyCount = .min },
  BadGGUF("cut in a value", .truncated, at: "byte 51", bytes: cutValue()),
  BadGGUF("cut in the version", .truncated, at: "byte 4", bytes: [0x47, 0x47, 0x55, 0x46, 3, 0]),
  // Key-values.
  BadGGUF("a key longer than the file", .implausibleCount, at: "byte 24", bytes: keyOfLength(1 << 40)),
  BadGGUF("a key length that wraps", .implausibleCount, at: "byte 24", bytes: keyOfLength(.max)),
  BadGGUF("a key that is too long", .invalidKey, at: "byte 24") {
    $0.keyValues = [.uint32(String(repeating: "k", count: 65_536), 1)]
  },
  BadGGUF("an empty key", .invalidKey, at: "byte 24") { $0.keyValues = [.uint32("", 1)] },
  BadGGUF("a key that isn't UTF-8", .invalidKey, at: "byte 24") {
    $0.keyValues = [.uint32("k", 1)]
    $0.keyValues[0].key = [0xFF]
  },
  BadGGUF("a key twice", .duplicateKey, at: "key k, byte 41") { $0.keyValues = [.uint32("k", 1), .uint32("k", 2)] },
  BadGGUF("a value of no type", .invalidValueType, at: "key k") { $0.keyValues = [.init("k", type: 13, value: [0])] },
  BadGGUF("a value of a negative type", .invalidValueType, at: "key k") {
    $0.keyValues = [.init("k", type: .max, value: [0])]
  },
  BadGGUF("an array of no type", .invalidValueType, at: "key k") {
    $0.keyValues = [.init("k", type: 9, value: array(99, 0))]
  },
  BadGGUF("a Boolean of 2", .invalidBoolean, at: "key k") { $0.keyValues = [.init("k", type: 7, value: [2])] },
  BadGGUF("a Boolean of 2 in an array", .invalidBoolean, at: "key k") {
    $0.keyValues = [.init("k", type: 9, value: array(7, 3, [0, 1, 2]))]
  },
  BadGGUF("a string longer than the file", .implausibleCount, at: "byte 37") {
    $0.keyValues = [.init("k", type: 8, value: uint64(1 << 62))]
  },
  BadGGUF("an array longer than the file", .implausibleCount, at: "key k") {
    $0.keyValues = [.init("k", type: 9, value: array(4, 1 << 61))]
  },
  BadGGUF("an array whose bytes wrap", .implausibleCount, at: "key k") {
    $0.keyValues = [.init("k", type: 9, value: array(12, .max / 8 + 2))]
  },
  BadGGUF("an array of strings longer than the file", .implausibleCount, at: "key k") {
    $0.keyValues = [.init("k", type: 9, value: array(8, 100, uint64(0)))]
  },
  BadGGUF("arrays nested too deep", .nestedTooDeep, at: "key k") {
    $0.keyValues = [.init("k", type: 9, value: nested(9))]
  },
  BadGGUF("arrays nested 5000 deep", .nestedTooDeep, at: "key k") {
    $0.keyValues = [.init("k", type: 9, value: nested(5000))]
  },
  BadGGUF("alignment 0", .invalidAlignment, at: "key general.alignment") {
    $0.keyValues = [.uint32("general.alignment", 0)]
  },
  BadGGUF("alignment 13", .invalidAlignment, at: "key general.alignment") {
    $0.keyValues = [.uint32("general.alignment", 13)]
  },
  BadGGUF("alignment as i32", .invalidAlignment, at: "key general.alignment") {
    $0.keyValues = [.init("general.alignment", type: 5, value: [32, 0, 0, 0])]
  },
  // Tensors.
  BadGGUF("a tensor name of 64 bytes", .invalidTensorName, at: "byte 24") {
    $0.tensors = [.init(String(repeating: "n", count: 64), [1])]
    $0.dataByteCount = 32
  },
  BadGGUF("a tensor name that isn't UTF-8", .invalidTensorName, at: "byte 24") {
    $0.tensors = [.init("n", [1])]
    $0.tensors[0].name = [0xC3]
    $0.dataByteCount = 32
  },
  BadGGUF("a tensor name with a NUL", .invalidTensorName, at: "byte 24") {
    $0.tensors = [.init("a\0b", [1])]
    $0.dataByteCount = 32
  },
  BadGGUF("five dimensions", .invalidShape, at: "tensor n") {
    $0.tensors = [.init("n", [1, 1, 1, 1, 1])]
    $0.dataByteCount = 32
  },
  BadGGUF("a billion dimensions", .invalidShape, at: "tensor n") {
    $0.tensors = [.init("n", [1])]
    $0.tensors[0].dimensionCount = 1 << 30
    $0.dataByteCount = 32
  },
  BadGGUF("a negative dimension", .invalidShape, at: "tensor n") {
    $0.tensors = [.init("n", [4, -1])]
    $0.dataByteCount = 32
  },
  BadGGUF("a number of elements that overflows", .invalidShape, at: "tensor n") {
    $0.tensors = [.init("n", [1 << 32, 1 << 32])]
    $0.dataByteCount = 32
  },
  BadGGUF("an overflow after a zero", .invalidShape, at: "tensor n") {
    $0.tensors = [.init("n", [0, .max, .max])]
    $0.dataByteCount = 32
  },
  BadGGUF("a number of bytes that overflows", .invalidShape, at: "tensor n") {
    $0.tensors = [.init("n", [1 << 62])]
    $0.dataByteCount = 32
  },
  BadGGUF("a number of bytes that wraps when padded", .invalidShape, at: "tensor n") {
    $0.tensors = [.init("n", [.max], type: 24)]
    $0.dataByteCount = 32
  },
  BadGGUF("type 43", .invalidTensorType, at: "tensor n") {
    $0.tensors = [.init("n", [32], type: 43)]
    $0.dataByteCount = 128
  },
  BadGGUF("a type that was removed", .invalidTensorType, at: "tensor n") {
    $0.tensors = [.init("n", [32], type: 31)]
    $0.dataByteCount = 128
  },
  BadGGUF("a negative type", .invalidTensorType, at: "tensor n") {
    $0.tensors = [.init("n", [32], type: .max)]
    $0.dataByteCount = 128
  },
  BadGGUF("rows of half a block", .incompleteBlocks, at: "tensor n") {
    $0.tensors = [.init("n", [16, 2], type: 8)]
    $0.dataByteCount = 64
  },
  BadGGUF("a tensor twice", .duplicateTensor, at: "tensor n") {
    $0.tensors = [.init("n", [1]), .init("n", [1], offset: 32)]
    $0.dataByteCount = 64
  },
  BadGGUF("an offset that is not aligned", .misalignedTensor, at: "tensor n") {
    $0.tensors = [.init("n", [1], offset: 4)]
    $0.dataByteCount = 64
  },
  BadGGUF("tensors that overlap", .overlappingTensors, at: "tensor b") {
    $0.tensors = [.init("a", [16]), .init("b", [1], offset: 32)]
    $0.dataByteCount = 128
  },
  BadGGUF("a hole between tensors", .gapBetweenTensors, at: "tensor b") {
    $0.tensors = [.init("a", [1]), .init("b", [1], offset: 64)]
    $0.dataByteCount = 128
  },
  BadGGUF("an offset beyond the end", .gapBetweenTensors, at: "tensor a") {
    $0.tensors = [.init("a", [1], offset: 1 << 63)]
    $0.dataByteCount = 32
  },
  BadGGUF("alignment said to be 16, kept at 32", .gapBetweenTensors, at: "tensor b") {
    $0.keyValues = [.uint32("general.alignment", 16)]
    $0.tensors = [.init("a", [1]), .init("b", [1], offset: 32)]
    $0.dataByteCount = 64
  },
  BadGGUF("too little data", .tensorOutOfRange, at: "tensor a") {
    $0.tensors = [.init("a", [16])]
    $0.dataByteCount = 63
  },
  BadGGUF("no data section", .tensorOutOfRange, at: "tensor a") {
    $0.alignment = 1
    $0.tensors = [.init("a", [0])]
  },
  BadGGUF("petabytes of data", .tensorOutOfRange, at: "tensor a") {
    $0.tensors = [.init("a", [1 << 40, 1 << 10])]
    $0.dataByteCount = 64
  },
]

private func cutValue() -> [UInt8] {
  var builder = GGUFBuilder()
  builder.alignment = 1
  builder.keyValues = [.init("a", type: 7, value: [1]), .uint32("b", 1)]
  return builder.bytes.dropLast(2)
}

private func keyOfLength(_ byteCount: UInt64) -> [UInt8] {
  var builder = GGUFBuilder()
  builder.keyValues = [.uint32("key", 1)]
  var bytes = builder.bytes
  bytes.replaceSubrange(24..<32, with: uint64(byteCount))
  return bytes
}

@Suite struct GGUFMalformedTests {
  @Test(arguments: badGGUFs) func isRefusedWithItsCodeAndPlace(_ bad: BadGGUF) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/bad.gguf"
      try writeFile(bad.bytes, to: path)
      let error = caught(GGUFError.self) { _ = try GGUFFile(path: path) }
      #expect(error?.code == bad.code, "\(error.map(\.description) ?? "no GGUFError")")
      #expect(error?.path == path)
      if let place = bad.place { #expect(error?.place?.contains(place) == true, "\(error?.place ?? "nowhere")") }
    }
  }

  /// Counts that the file could hold, and that no model has: millions of keys took minutes.
  @Test func headersOfMoreThanModelsHaveAreRefused() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/f"
      var limits = GGUFLimits()
      (limits.keyCount, limits.tensorCount, limits.elementCount) = (2, 2, 2)
      let strings = [UInt8](repeating: 0, count: 24)
      let cases: [(place: String?, change: (inout GGUFBuilder) -> Void)] = [
        ("byte 16", { $0.keyValues = ["a", "b", "c"].map { .uint32($0, 1) } }),
        (nil, { $0.keyValues = ["a", "b"].map { .uint32($0, 1) } }),
        ("byte 8", { $0.tensors = ["a", "b", "c"].map { .init($0, [0]) } }),
        ("key k, byte 41", { $0.keyValues = [.init("k", type: 9, value: array(8, 3, strings))] }),
        (nil, { $0.keyValues = [.init("k", type: 9, value: array(8, 2, [UInt8](strings.dropLast(8))))] }),
        (nil, { $0.keyValues = [.init("k", type: 9, value: array(0, 3, [1, 2, 3]))] }),
      ]
      for (place, change) in cases {
        var builder = GGUFBuilder()
        change(&builder)
        try writeFile(builder.bytes, to: path)
        let error = caught(GGUFError.self) { _ = try GGUFFile(path: path, limits: limits) }
        #expect(error?.place == place, "\(error.map(\.description) ?? "")")
        #expect(error == nil || error?.code == .headerTooLarge)
      }
    }
  }

  @Test func theBuilderMakesGoodFilesToo() throws {
    try withTemporaryDirectory { directory in
      var builder = GGUFBuilder()
      builder.keyValues = [.uint32("general.alignment", 8), .init("n", type: 9, value: nested(7))]
      builder.alignment = 8
      builder.tensors = [.init("a", [3]), .init("zero", [0, 5], offset: 16), .init("b", [1], offset: 16)]
      // The last tensor's padding may be missing.
      builder.dataByteCount = 20
      try writeFile(builder.bytes, to: directory + "/good.gguf")
      let file = try GGUFFile(path: directory + "/good.gguf")
      #expect(file.alignment == 8)
      #expect(file.tensors.map(\.byteRange.count) == [12, 0, 4])
      #expect(file.tensors[1].shape.dimensions == [5, 0])
    }
  }
}
