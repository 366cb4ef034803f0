import AloraSystem
import AloraJSON
import AloraTensors
import AloraTestSupport
import Foundation
import Testing

@testable import AloraGGUF

@Suite struct GGUFReaderTests {
  /// The metadata that `testdata/gguf/make_fixtures.py` writes, after `general.architecture`.
  private func expectFixtureMetadata(_ metadata: GGUFMetadata) throws {
    #expect(metadata["t.u8"] == .uint8(200))
    #expect(metadata["t.i8"] == .int8(-100))
    #expect(metadata["t.u16"] == .uint16(60000))
    #expect(metadata["t.i16"] == .int16(-30000))
    #expect(metadata["t.u32"] == .uint32(4_000_000_000))
    #expect(metadata["t.i32"] == .int32(-2_000_000_000))
    #expect(metadata["t.f32"] == .float32(1.5))
    #expect(metadata["t.bool"] == .bool(true))
    #expect(try metadata.string(forKey: "t.str") == "Grüße, \u{1F999}")
    #expect(metadata["t.u64"] == .uint64(.max))
    #expect(metadata["t.i64"] == .int64(.min))
    #expect(metadata["t.f64"] == .float64(0.1))
    #expect(try metadata.integers(forKey: "t.arr_u32", of: .uint32) == [64, 65, 4_000_000_000])
    #expect(try metadata.integers(forKey: "t.arr_u8") == [1, 2, 3])
    #expect(try metadata.integers(forKey: "t.arr_i32") == [-1, 2, 3])
    #expect(try metadata.numbers(forKey: "t.arr_f32") == [0.5, -2])
    #expect(try metadata.array(forKey: "t.arr_bool").booleans == [true, false, true])
    #expect(
      try metadata.byteStrings(forKey: "t.arr_str") == [[0x61], [], [0xC3, 0xA9], [0x65, 0xCC, 0x81]])
    #expect(try metadata.byteStrings(forKey: "t.arr_bytes") == [[0xFF, 0xFE], [0]])
    let nested = Array(try metadata.array(forKey: "t.nested"))
    #expect(nested == [.array(GGUFArray([Int32(1), 2])), .array(GGUFArray([Int32(3)]))])
    let deep = GGUFArray([
      GGUFArray([GGUFArray(["a"]), GGUFArray(["b", "c"])]), GGUFArray([GGUFArray(["d"])]),
    ])
    #expect(metadata["t.nested_str"] == .array(deep))
    #expect(Array(deep).count == 2)
  }

  @Test func everythingThatGGUFPyWritesIsRead() throws {
    let file = try GGUFFile(path: testData("gguf/types/all-types.gguf"))
    #expect(file.version == 3)
    #expect(!file.isBigEndian)
    #expect(file.alignment == 32)
    try expectFixtureMetadata(file.metadata)
    #expect(file.metadata.keys.first == "general.architecture")
    for tensor in file.tensors {
      #expect(tensor.byteRange.lowerBound % 32 == 0)
      #expect(tensor.shape.byteCount(of: tensor.dtype) == tensor.byteRange.count)
    }
    let four = try #require(file.tensor(named: "x.four"))
    #expect(four.shape.dimensions == [1, 2, 3, 4])
    #expect(four.dtype == .f16)
    #expect(try file.readBytes(of: four, in: 2..<4) == [0x00, 0x3C])
    #expect(try file.withBytes(of: four) { $0.byteCount } == 48)
    #expect(file.tensor(named: "x.scalar")?.shape.dimensions == [])
    #expect(file.tensor(named: "x.empty")?.shape.dimensions == [0, 4])
    #expect(file.tensor(named: "none") == nil)
  }

  @Test func bigEndianHeadersAreReadAndTheirDataIsRefused() throws {
    let file = try GGUFFile(path: testData("gguf/types/all-types-big-endian.gguf"))
    #expect(file.isBigEndian)
    try expectFixtureMetadata(file.metadata)
    #expect(file.metadata == (try GGUFFile(path: testData("gguf/types/all-types.gguf")).metadata))
    let four = try #require(file.tensor(named: "x.four"))
    #expect(four.shape.dimensions == [1, 2, 3, 4])
    let error = caught(GGUFError.self) { try file.withBytes(of: four) { _ in } }
    #expect(error?.code == .unsupportedByteOrder)
    #expect(error?.place == "tensor x.four")
  }

  @Test func versionTwoIsReadAsVersionThree() throws {
    var bytes = try readFile(testData("gguf/types/all-types.gguf"))
    bytes[4] = 2
    try withTemporaryDirectory { directory in
      try writeFile(bytes, to: directory + "/v2.gguf")
      let file = try GGUFFile(path: directory + "/v2.gguf")
      #expect(file.version == 2)
      try expectFixtureMetadata(file.metadata)
    }
  }

  @Test func typeNumbersAndBlockSizesAreThoseOfGGUFPy() throws {
    let table = try parseJSON(String(decoding: readFile(testData("gguf/types/quant-sizes.json")), as: UTF8.self))
    var checked = 0
    for (name, value) in try table.members() {
      let numbers = try value.elements().map { try $0.integer() }
      let dtype = try #require(DType(ggmlTypeID: UInt32(numbers[0])), "\(name)")
      #expect(dtype.name == name)
      #expect(dtype.block.elementCount == numbers[1])
      // Version 0.19 of the package says 40 bytes; ggml-common.h: two halves and 32 bytes.
      if dtype != .q8_1 { #expect(dtype.block.bitCount == 8 * numbers[2], "\(name)") }
      checked += 1
    }
    #expect(checked == 34)
    #expect(DType(ggmlTypeID: 42) == .q2_0)
    #expect(DType(ggmlTypeID: 43) == nil)
    #expect(Set(DType.allCases.compactMap(\.ggmlTypeID)).count == 35)
  }

  @Test func aSparseFileOfFiveGigabytesIsReadByItsHeader() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/large.gguf"
      var builder = GGUFBuilder()
      builder.tensors = [.init("large", [1 << 20, 1280])]
      let header = builder.bytes
      try writeFile(header, to: path)
      try #require(truncate(path, off_t(header.count + 5 * 1 << 30)) == 0)
      let file = try GGUFFile(path: path)
      #expect(file.tensors[0].byteRange.count == 5 * 1 << 30)
      #expect(file.byteCount == header.count + 5 * 1 << 30)
    }
  }

  @Test func headersLongerThanTheFirstReadAreRead() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/vocabulary.gguf"
      let tokens = (0..<30_000).map { "token \($0)" }
      var metadata = GGUFMetadata()
      metadata["tokenizer.ggml.tokens"] = .array(GGUFArray(tokens))
      metadata["after"] = .uint32(7)
      let writer = try GGUFWriter(
        path: path, replacesExisting: false, layout: GGUFLayout(metadata: metadata, tensors: []))
      try writer.finish()
      let file = try GGUFFile(path: path)
      #expect(file.headerByteCount > 1 << 18)
      #expect(try file.metadata.strings(forKey: "tokenizer.ggml.tokens") == tokens)
      #expect(try file.metadata.integer(forKey: "after") == 7)
      #expect(
        Array(try file.metadata.array(forKey: "tokenizer.ggml.tokens").prefix(2)).map(\.text) == ["token 0", "token 1"])
      var limits = GGUFLimits()
      limits.headerByteCount = 1 << 17
      #expect(caught(GGUFError.self) { _ = try GGUFFile(path: path, limits: limits) }?.code == .headerTooLarge)
    }
  }

  @Test func filesOfOtherKindsAreToldApart() throws {
    #expect(try GGUFFile.isGGUF(path: testData("gguf/types/all-types.gguf")))
    #expect(try !GGUFFile.isGGUF(path: testData("gguf/types/quant-sizes.json")))
    // What cannot be read is not known to be something else.
    #expect(caught(FileError.self) { _ = try GGUFFile.isGGUF(path: "/none") }?.code == .notFound)
    #expect(caught(FileError.self) { _ = try GGUFFile.isGGUF(path: "/dev/null") }?.code == .notARegularFile)
    #expect(caught(FileError.self) { _ = try GGUFFile(path: "/none") }?.code == .notFound)
  }

  @Test(arguments: [
    "gguf/types/all-types.gguf", "gguf/types/all-types-big-endian.gguf", "gguf/types/split-00001-of-00003.gguf",
  ])
  func damagedFilesAreReadOrDiagnosed(_ name: String) throws {
    let bytes = try readFile(testData(name))
    let header = try GGUFFile(path: testData(name)).headerByteCount
    let prefix = Array(bytes[..<min(bytes.count, header + 200)])
    try withTemporaryDirectory { directory in
      let path = directory + "/damaged.gguf"
      let failures = undiagnosedFailures(of: prefix, changing: 0..<header) { variant in
        try writeFile(variant, to: path)
        let file = try GGUFFile(path: path)
        for entry in file.metadata.entries {
          if case .array(let array) = entry.value { for _ in array {} }
        }
        for tensor in file.tensors where !file.isBigEndian { _ = try file.readBytes(of: tensor) }
      }
      #expect(failures == [])
    }
  }
}
