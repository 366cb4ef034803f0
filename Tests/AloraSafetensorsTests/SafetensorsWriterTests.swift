import AloraSystem
import AloraTensors
import AloraTestSupport
import Testing

@testable import AloraSafetensors

@Suite struct SafetensorsWriterTests {
  @Test(arguments: [
    "dtypes.safetensors", "metadata.safetensors", "narrow.safetensors", "narrow-as-float32.safetensors",
    "sharded/model-00001-of-00002.safetensors",
  ])
  func filesOfTheReferenceComeOutAsTheyWere(_ name: String) throws {
    let path = try testData("safetensors/" + name)
    let file = try SafetensorsFile(path: path)
    let hasMetadata = String(decoding: try readFile(path).prefix(40), as: UTF8.self).contains("__metadata__")
    try withTemporaryDirectory { directory in
      // Declared in another order than the file's: the layout sorts.
      let layout = try SafetensorsLayout(
        metadata: hasMetadata ? file.metadata : nil,
        tensors: file.tensors.reversed().map { TensorDeclaration(name: $0.name, dtype: $0.dtype, shape: $0.shape) })
      let writer = try SafetensorsWriter(path: directory + "/copy", replacesExisting: false, layout: layout)
      for tensor in layout.tensors {
        let source = try #require(file.tensor(named: tensor.name))
        for byte in try file.readBytes(of: source) { try writer.write([byte].span.bytes, of: tensor.name) }
      }
      try writer.finish()
      #expect(try readFile(directory + "/copy") == readFile(path))
    }
  }

  @Test func randomContentSurvivesARoundTrip() throws {
    for seed in 0..<40 as Range<UInt64> {
      var random = SeededRandom(seed: seed)
      let declarations = try (0..<Int.random(in: 0...8, using: &random)).map { index throws in
        let dtype = try #require(SafetensorsFormat.dtypes.randomElement(using: &random))
        let extents =
          (0..<Int.random(in: 0...4, using: &random)).map { _ in Int.random(in: 0...3, using: &random) } + [8]
        let name = String(String.UnicodeScalarView(random.bytes(3).map { Unicode.Scalar($0) })) + "\(index)"
        return TensorDeclaration(name: name, dtype: dtype, shape: try #require(Shape(extents)))
      }
      let metadata = ["k\u{1}\"\\\n": "v\u{2028}", "\(seed)": ""]
      try withTemporaryDirectory { directory in
        // U+0000 stands in no name of a JSON member that can be read here.
        let layout = try SafetensorsLayout(
          metadata: metadata, tensors: declarations.filter { !$0.name.utf8.contains(0) })
        let writer = try SafetensorsWriter(path: directory + "/a", replacesExisting: false, layout: layout)
        let contents = layout.tensors.map { random.bytes($0.byteRange.count) }
        for (tensor, bytes) in zip(layout.tensors, contents) { try writer.write(bytes.span.bytes, of: tensor.name) }
        try writer.finish()
        let file = try SafetensorsFile(path: directory + "/a")
        #expect(file.metadata == metadata, "seed \(seed)")
        #expect(file.byteCount == layout.byteCount)
        #expect(file.headerByteCount.isMultiple(of: 8))
        for (tensor, bytes) in zip(layout.tensors, contents) {
          #expect(file.tensor(named: tensor.name) == tensor, "seed \(seed)")
          #expect(try file.readBytes(of: tensor) == bytes, "seed \(seed)")
        }
      }
    }
  }

  @Test func dataOutOfTurnTooMuchOrTooLittleIsRefused() throws {
    try withTemporaryDirectory { directory in
      let shape = try #require(Shape([4]))
      let layout = try SafetensorsLayout(
        metadata: nil, tensors: ["b", "a"].map { TensorDeclaration(name: $0, dtype: .u8, shape: shape) })
      #expect(layout.tensors.map(\.name) == ["a", "b"])
      let writer = try SafetensorsWriter(path: directory + "/w", replacesExisting: false, layout: layout)
      let four: [UInt8] = [1, 2, 3, 4]
      func code(_ body: () throws -> Void) -> SafetensorsError.Code? { caught(SafetensorsError.self, body)?.code }
      #expect(code { try writer.write(four.span.bytes, of: "b") } == .wrongTensorData)
      #expect(code { try writer.write((four + four).span.bytes, of: "a") } == .wrongTensorData)
      try writer.write(four.span.bytes, of: "a")
      #expect(code { try writer.finish() } == .wrongTensorData)
      try writer.write(four.span.bytes, of: "b")
      #expect(code { try writer.write(four.span.bytes, of: "b") } == .wrongTensorData)
      #expect(FileSystem.kind(of: directory + "/w") == nil)
      try writer.finish()
      #expect(try readFile(directory + "/w").suffix(8) == [1, 2, 3, 4, 1, 2, 3, 4])
    }
  }

  @Test func whatTheReaderWouldRefuseIsNotLaidOut() throws {
    func code(_ names: [String], _ dtype: DType = .f32, _ extents: [Int] = [1]) throws -> SafetensorsError.Code? {
      let shape = try #require(Shape(extents))
      let declarations = names.map { TensorDeclaration(name: $0, dtype: dtype, shape: shape) }
      return caught(SafetensorsError.self) { _ = try SafetensorsLayout(metadata: nil, tensors: declarations) }?.code
    }
    #expect(try code(["a"]) == nil)
    #expect(try code(["a", "a"]) == .duplicateName)
    #expect(try code(["\u{E9}", "e\u{301}"]) == nil)
    #expect(try code(["__metadata__"]) == .invalidTensor)
    #expect(try code(["a"], .q8_0, [32]) == .unknownDType)
    #expect(try code(["a"], .f4, [3]) == .sizeMismatch)
    #expect(try code(["a"], .u8, [1 << 62]) == .invalidShape)
    #expect(try code((0..<16).map { "\($0)" }, .u8, [1 << 59]) == .invalidShape)
    #expect(try code((0..<15).map { "\($0)" }, .u8, [1 << 59]) == nil)
    #expect(try code([String(repeating: "n", count: 100_000_000)]) == .headerTooLarge)
  }
}
