import AloraSystem
import AloraTensors
import AloraTestSupport
import Testing

@testable import AloraGGUF

/// Copies `file` to `path` in chunks of `chunk` bytes.
private func copy(_ file: GGUFFile, to path: String, chunk: Int) throws {
  let declarations = file.tensors.map { GGUFTensorDeclaration(name: $0.name, dtype: $0.dtype, shape: $0.shape) }
  let writer = try GGUFWriter(
    path: path, replacesExisting: true, layout: GGUFLayout(metadata: file.metadata, tensors: declarations))
  for tensor in file.tensors {
    let bytes = try file.readBytes(of: tensor)
    for start in stride(from: 0, to: bytes.count, by: chunk) {
      try writer.write(Array(bytes[start..<min(bytes.count, start + chunk)]).span.bytes, of: tensor.name)
    }
  }
  try writer.finish()
}

@Suite struct GGUFWriterTests {
  @Test(
    arguments: [
      "all-types.gguf", "aligned-64.gguf", "split-00001-of-00003.gguf", "split-00002-of-00003.gguf",
    ], [1, 7, 1 << 20])
  func filesOfGGUFPyComeOutAsTheyWere(_ name: String, _ chunk: Int) throws {
    let path = try testData("gguf/types/" + name)
    try withTemporaryDirectory { directory in
      try copy(try GGUFFile(path: path), to: directory + "/copy.gguf", chunk: chunk)
      #expect(try readFile(directory + "/copy.gguf") == readFile(path))
    }
  }

  @Test func metadataBuiltInCodeComesOutAsGGUFPyWritesIt() throws {
    var metadata = GGUFMetadata()
    metadata["split.no"] = .uint16(1)
    metadata["gone"] = .bool(true)
    metadata["split.count"] = .uint16(3)
    metadata["split.tensors.count"] = .int32(4)
    metadata["split.tensors.count"] = .int32(5)
    metadata["gone"] = nil
    let shape = try #require(Shape([2, 3]))
    let layout = try GGUFLayout(
      metadata: metadata,
      tensors: ["blk.2.w", "blk.3.w"].map { GGUFTensorDeclaration(name: $0, dtype: .f32, shape: shape) })
    let expected = try readFile(testData("gguf/types/split-00002-of-00003.gguf"))
    #expect(layout.header == Array(expected[..<layout.header.count]))
    #expect(layout.byteCount == expected.count)
  }

  @Test func randomContentSurvivesARoundTrip() throws {
    for seed in 0..<40 as Range<UInt64> {
      var random = SeededRandom(seed: seed)
      var metadata = GGUFMetadata()
      if Bool.random(using: &random) {
        metadata["general.alignment"] = .uint32(1 << UInt32.random(in: 0...10, using: &random))
      }
      for index in 0..<Int.random(in: 0...20, using: &random) {
        metadata["key.\(index)"] = randomValue(depth: 0, &random)
      }
      let declarations = try (0..<Int.random(in: 0...6, using: &random)).map { index throws in
        let dtype = DType.allCases.filter { $0.ggmlTypeID != nil }.randomElement(using: &random) ?? .f32
        var extents = (0..<Int.random(in: 0...3, using: &random)).map { _ in Int.random(in: 0...3, using: &random) }
        extents.append(dtype.block.elementCount * Int.random(in: 0...2, using: &random))
        return GGUFTensorDeclaration(name: "t\(index)", dtype: dtype, shape: try #require(Shape(extents)))
      }
      try withTemporaryDirectory { directory in
        let layout = try GGUFLayout(metadata: metadata, tensors: declarations)
        let writer = try GGUFWriter(path: directory + "/a", replacesExisting: false, layout: layout)
        let contents = layout.tensors.map { random.bytes($0.byteRange.count) }
        for (tensor, bytes) in zip(layout.tensors, contents) { try writer.write(bytes.span.bytes, of: tensor.name) }
        try writer.finish()
        let file = try GGUFFile(path: directory + "/a")
        #expect(file.metadata == metadata, "seed \(seed)")
        #expect(file.tensors == layout.tensors, "seed \(seed)")
        #expect(file.byteCount == layout.byteCount)
        #expect(try file.tensors.map { try file.readBytes(of: $0) } == contents, "seed \(seed)")
        try copy(file, to: directory + "/b", chunk: 100)
        #expect(try readFile(directory + "/a") == readFile(directory + "/b"))
      }
    }
  }

  @Test func dataOutOfTurnTooMuchOrTooLittleIsRefused() throws {
    try withTemporaryDirectory { directory in
      let shape = try #require(Shape([2]))
      let layout = try GGUFLayout(
        metadata: GGUFMetadata(),
        tensors: ["a", "b"].map { GGUFTensorDeclaration(name: $0, dtype: .f32, shape: shape) })
      let writer = try GGUFWriter(path: directory + "/w.gguf", replacesExisting: false, layout: layout)
      let four: [UInt8] = [1, 2, 3, 4]
      func code(_ body: () throws -> Void) -> GGUFError.Code? { caught(GGUFError.self, body)?.code }
      #expect(code { try writer.write(four.span.bytes, of: "b") } == .wrongTensorData)
      try writer.write(four.span.bytes, of: "a")
      #expect(code { try writer.write((four + four).span.bytes, of: "a") } == .wrongTensorData)
      try writer.write(four.span.bytes, of: "a")
      #expect(code { try writer.write(four.span.bytes, of: "a") } == .wrongTensorData)
      try writer.write(four.span.bytes, of: "b")
      #expect(code { try writer.finish() } == .wrongTensorData)
      #expect(FileSystem.kind(of: directory + "/w.gguf") == nil)
    }
  }

  @Test func whatTheReaderWouldRefuseIsNotLaidOut() throws {
    func code(
      _ names: [String] = ["a"], _ dtype: DType = .f32, _ extents: [Int] = [1], key: String? = nil,
      _ value: GGUFValue? = nil
    ) throws -> GGUFError.Code? {
      var metadata = GGUFMetadata()
      if let key { metadata[key] = value }
      let shape = try #require(Shape(extents))
      let declarations = names.map { GGUFTensorDeclaration(name: $0, dtype: dtype, shape: shape) }
      return caught(GGUFError.self) { _ = try GGUFLayout(metadata: metadata, tensors: declarations) }?.code
    }
    #expect(try code() == nil)
    #expect(try code(["a", "a"]) == .duplicateTensor)
    #expect(try code([String(repeating: "n", count: 64)]) == .invalidTensorName)
    #expect(try code([String(repeating: "n", count: 63)]) == nil)
    #expect(try code(["a"], .u8) == .invalidTensorType)
    #expect(try code(["a"], .q8_0, [2, 33]) == .incompleteBlocks)
    #expect(try code(["a"], .f32, [1, 1, 1, 1, 1]) == .invalidShape)
    #expect(try code(["a"], .f32, [1 << 62]) == .invalidShape)
    #expect(try code(["a", "b"], .f32, [1 << 60]) == .invalidShape)
    #expect(try code(key: "", .bool(true)) == .invalidKey)
    #expect(try code(key: String(repeating: "k", count: 65_536), .bool(true)) == .invalidKey)
    #expect(try code(key: "general.alignment", .uint32(48)) == .invalidAlignment)
    #expect(try code(key: "general.alignment", .uint64(32)) == .invalidAlignment)
  }
}

private func randomValue(depth: Int, _ random: inout SeededRandom) -> GGUFValue {
  let types = GGUFValueType.allCases.filter { depth < 3 || $0 != .array }
  return randomValue(of: types.randomElement(using: &random) ?? .bool, depth: depth, &random)
}

private func randomValue(of type: GGUFValueType, depth: Int, _ random: inout SeededRandom) -> GGUFValue {
  let bits = random.next()
  switch type {
  case .uint8: return .uint8(.init(truncatingIfNeeded: bits))
  case .int8: return .int8(.init(truncatingIfNeeded: bits))
  case .uint16: return .uint16(.init(truncatingIfNeeded: bits))
  case .int16: return .int16(.init(truncatingIfNeeded: bits))
  case .uint32: return .uint32(.init(truncatingIfNeeded: bits))
  case .int32: return .int32(.init(truncatingIfNeeded: bits))
  case .float32: return .float32(Float(bitPattern: .init(truncatingIfNeeded: bits)))
  case .bool: return .bool(bits & 1 == 1)
  case .uint64: return .uint64(bits)
  case .int64: return .int64(.init(truncatingIfNeeded: bits))
  case .float64: return .float64(Double(bitPattern: bits))
  case .string: return .bytes(random.bytes(Int(bits % 9)))
  case .array:
    let types = GGUFValueType.allCases.filter { depth < 2 || $0 != .array }
    let elementType = types.randomElement(using: &random) ?? .bool
    let values = (0..<Int(bits % 5)).map { _ in randomValue(of: elementType, depth: depth + 1, &random) }
    guard let array = GGUFArray(elementType: elementType, values) else { return .bool(false) }
    return .array(array)
  }
}
