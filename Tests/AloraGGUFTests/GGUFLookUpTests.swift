import AloraSystem
import AloraTensors
import AloraTestSupport
import Testing

@testable import AloraGGUF

@Suite struct GGUFMetadataTests {
  private var metadata: GGUFMetadata {
    var metadata = GGUFMetadata(path: "x.gguf")
    metadata["u64"] = .uint64(.max)
    metadata["i8"] = .int8(-3)
    metadata["f32"] = .float32(.infinity)
    metadata["bytes"] = .bytes([0xFF])
    metadata["strings"] = .array(GGUFArray([[UInt8(0xFF)]]))
    metadata["ints"] = .array(GGUFArray([Int32(1)]))
    metadata["large"] = .array(GGUFArray(elementType: .uint64, [.uint64(.max)]) ?? GGUFArray([UInt32]()))
    return metadata
  }

  @Test func valuesOfTheWrongTypeOrRangeAreToldByKey() throws {
    let metadata = metadata
    func code(_ body: () throws -> Void) -> GGUFError.Code? { caught(GGUFError.self, body)?.code }
    #expect(code { _ = try metadata.integer(forKey: "u64") } == .valueOutOfRange)
    #expect(code { _ = try metadata.integer(forKey: "i8", in: 0...10) } == .valueOutOfRange)
    #expect(try metadata.integer(forKey: "i8") == -3)
    #expect(code { _ = try metadata.integer(forKey: "f32") } == .wrongValueType)
    #expect(code { _ = try metadata.number(forKey: "f32") } == .valueOutOfRange)
    #expect(code { _ = try metadata.number(forKey: "i8") } == .wrongValueType)
    #expect(code { _ = try metadata.string(forKey: "bytes") } == .invalidUTF8)
    #expect(code { _ = try metadata.string(forKey: "i8") } == .wrongValueType)
    #expect(code { _ = try metadata.boolean(forKey: "i8") } == .wrongValueType)
    #expect(code { _ = try metadata.strings(forKey: "strings") } == .invalidUTF8)
    #expect(code { _ = try metadata.strings(forKey: "ints") } == .wrongValueType)
    #expect(code { _ = try metadata.byteStrings(forKey: "ints") } == .wrongValueType)
    #expect(code { _ = try metadata.numbers(forKey: "ints") } == .wrongValueType)
    #expect(code { _ = try metadata.integers(forKey: "strings") } == .wrongValueType)
    #expect(code { _ = try metadata.integers(forKey: "ints", of: .uint32) } == .wrongValueType)
    #expect(code { _ = try metadata.integers(forKey: "large") } == .valueOutOfRange)
    #expect(code { _ = try metadata.array(forKey: "i8") } == .wrongValueType)
    #expect(code { _ = try metadata.array(forKey: "none") } == .missingKey)
    #expect(try metadata.integer(ifPresent: "none") == nil)
    let error = caught(GGUFError.self) { _ = try metadata.string(forKey: "ints") }
    #expect(error?.description == "x.gguf: key ints: expected a string, found arr[i32]")
  }

  @Test func canonicallyEqualKeysAreDifferentKeys() {
    var metadata = GGUFMetadata()
    metadata["\u{E9}"] = .uint8(1)
    metadata["e\u{301}"] = .uint8(2)
    #expect(metadata.count == 2)
    #expect(metadata["\u{E9}"] == .uint8(1))
  }

  @Test func removingAKeyKeepsTheOthersInOrder() {
    var metadata = GGUFMetadata()
    for (index, key) in ["a", "b", "c", "d"].enumerated() { metadata[key] = .uint8(UInt8(index)) }
    metadata["b"] = nil
    metadata["e"] = .uint8(9)
    #expect(metadata.keys == ["a", "c", "d", "e"])
    #expect(metadata["d"] == .uint8(3))
    #expect(metadata["b"] == nil)
  }

  @Test func arraysTakeElementsOfOneTypeOnly() {
    #expect(GGUFArray(elementType: .uint8, [.uint8(1), .int8(1)]) == nil)
  }
}

@Suite struct GGUFFileSetTests {
  private let names = (1...3).map { "split-0000\($0)-of-00003.gguf" }

  private func withParts(_ body: (String) throws -> Void) throws {
    try withTemporaryDirectory { directory in
      for name in names { try writeFile(readFile(testData("gguf/types/" + name)), to: directory + "/" + name) }
      try body(directory)
    }
  }

  private func code(_ directory: String, _ name: String? = nil) -> GGUFError.Code? {
    caught(GGUFError.self) { _ = try GGUFFileSet(path: directory + "/" + (name ?? names[0])) }?.code
  }

  @Test func allPartsAreOpenedByTheFirst() throws {
    let set = try GGUFFileSet(path: testData("gguf/types/" + names[0]))
    #expect(set.parts.count == 3)
    #expect(set.tensors.map(\.name) == (0..<5).map { "blk.\($0).w" })
    for (index, tensor) in set.tensors.enumerated() {
      let value = try set.withBytes(of: tensor) { $0.unsafeLoadUnaligned(as: Float.self) }
      #expect(value == Float(index))
    }
    #expect(set.tensor(named: "blk.4.w") == set.tensors[4])
    #expect(try GGUFFileSet(path: testData("gguf/types/all-types.gguf")).parts.count == 1)
    #expect(try GGUFFile(path: testData("gguf/types/" + names[2])).tensors.count == 1)
  }

  @Test func partsThatAreMissingOrWrongAreNamed() throws {
    try withParts { directory in
      #expect(code(directory) == nil)
      #expect(code(directory, names[1]) == .notFirstPart)
      let third = try readFile(directory + "/" + names[2])
      try writeFile(readFile(directory + "/" + names[1]), to: directory + "/" + names[2])
      #expect(code(directory) == .inconsistentParts)
      try FileSystemTest.remove(directory + "/" + names[2])
      let error = caught(GGUFError.self) { _ = try GGUFFileSet(path: directory + "/" + names[0]) }
      #expect(error?.code == .missingPart)
      #expect(error?.path == directory + "/" + names[2])
      // The same tensor as the first part's, under the number of the third.
      let name = Array("blk.4.w".utf8)
      var duplicate = third
      let position = try #require(
        third.indices.dropLast(name.count).first { Array(third[$0..<($0 + name.count)]) == name })
      duplicate[position + 4] = UInt8(ascii: "0")
      try writeFile(duplicate, to: directory + "/" + names[2])
      #expect(code(directory) == .duplicateTensor)
      try writeFile(readFile(directory + "/" + names[0]), to: directory + "/renamed.gguf")
      #expect(code(directory, "renamed.gguf") == .invalidPartName)
    }
  }
}
