import AloraSystem
import AloraTensors
import AloraTestSupport
import Testing

@testable import AloraNPZ

@Suite struct NPZWriterTests {
  @Test(arguments: [NPZWriter.Compression.stored, .deflated], [0xFFFF_FFFF, 100, 1])
  func whatIsWrittenIsRead(_ compression: NPZWriter.Compression, _ extendedThreshold: Int) throws {
    try withTemporaryDirectory { directory in
      var random = SeededRandom(seed: 5)
      let logits = (0..<70_000).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: random.next()) & 0xBFFF_FFFF) }
      let paths = ["/a.npz", "/b.npz"].map { directory + $0 }
      for path in paths {
        let writer = try NPZWriter(
          path: path, replacesExisting: false, compression: compression, extendedThreshold: extendedThreshold)
        try writer.add("tokens_0", integers: [1, -2, .max, .min], shape: #require(Shape([2, 2])))
        try writer.begin("logits_0", element: .number(.f32), shape: #require(Shape([7, 10_000])))
        for row in 0..<7 { try writer.write(floats: Array(logits[(row * 10_000)..<((row + 1) * 10_000)])) }
        try writer.begin("nothing", element: .number(.f32), shape: #require(Shape([0, 3])))
        try writer.add("activation_start_0", integer: -1)
        try writer.add("meta", text: "{\"é\": 1}")
        try writer.add("blank", text: "")
        try writer.add("sub/é", floats: [0.5], shape: #require(Shape([1])))
        try writer.finish()
      }
      #expect(try readFile(paths[0]) == readFile(paths[1]))
      let file = try NPZFile(path: paths[0])
      #expect(
        file.arrays.map(\.name) == ["tokens_0", "logits_0", "nothing", "activation_start_0", "meta", "blank", "sub/é"])
      #expect(try file.integers(named: "tokens_0") == [1, -2, .max, .min])
      #expect(try file.floats(named: "logits_0").map(\.bitPattern) == logits.map(\.bitPattern))
      #expect(try file.floats(named: "nothing") == [])
      #expect(file["nothing"]?.shape.dimensions == [0, 3])
      #expect(try file.integer(named: "activation_start_0") == -1)
      #expect(try file.text(named: "meta") == "{\"é\": 1}")
      #expect(try file.text(named: "blank") == "")
      #expect(try file.floats(named: "sub/é") == [0.5])
    }
  }

  /// The member data of NumPy's own archive, `.npy` header and all, come out as they were.
  @Test func arraysComeOutAsNumPyWritesThem() throws {
    let source = try NPZFile(path: testData("npz/stored.npz"))
    let original = try readFile(testData("npz/stored.npz"))
    try withTemporaryDirectory { directory in
      let writer = try NPZWriter(path: directory + "/copy.npz", replacesExisting: false, compression: .stored)
      let arrays = source.arrays.filter { !$0.isFortranOrder && !$0.isBigEndian }
      for array in arrays {
        let bytes = try source.stream(of: array).read(array.dataByteCount)
        try writer.add(array.name, element: array.element, shape: array.shape, bytes: bytes.span.bytes)
      }
      try writer.finish()
      let copy = try NPZFile(path: directory + "/copy.npz")
      let copied = try readFile(directory + "/copy.npz")
      #expect(copy.arrays.count == 23)
      for array in copy.arrays {
        let expected = try #require(source[array.name]).member
        #expect(
          copied[array.member.dataOffset...].prefix(array.member.byteCount)
            .elementsEqual(original[expected.dataOffset...].prefix(expected.byteCount)), "\(array.name)")
      }
    }
  }

  @Test func wrongCallsAreRefused() throws {
    try withTemporaryDirectory { directory in
      let writer = try NPZWriter(path: directory + "/w.npz", replacesExisting: false, compression: .stored)
      let pair = try #require(Shape([2]))
      func code(_ body: () throws -> Void) -> NPZError.Code? { caught(NPZError.self, body)?.code }
      #expect(code { try writer.write(floats: [1]) } == .wrongArrayData)
      #expect(code { try writer.add("a", floats: [1], shape: pair) } == .wrongArrayData)
      for name in ["", "/a", "../a", "a//b", "a\\b", "a\0"] {
        #expect(code { try writer.add(name, floats: [1, 2], shape: pair) } == .unsafeName, "\(name)")
      }
      #expect(
        code { try writer.add("x", element: .number(.bf16), shape: pair, bytes: [0].span.bytes) } == .unsupportedType)
      let huge = try #require(Shape([1 << 60]))
      #expect(code { try writer.begin("x", element: .number(.f64), shape: huge) } == .invalidShape)
      #expect(code { try writer.add("x", text: "a\0") } == .invalidText)
      try writer.begin("l", element: .number(.f32), shape: pair)
      #expect(code { try writer.add("b", floats: [1, 2], shape: pair) } == .wrongArrayData)
      try writer.write(floats: [1])
      #expect(code { try writer.write(floats: [2, 3]) } == .wrongArrayData)
      #expect(code { try writer.finish() } == .wrongArrayData)
      try writer.write(floats: [2])
      #expect(code { try writer.add("l", floats: [1, 2], shape: pair) } == .duplicateName)
      #expect(FileSystem.kind(of: directory + "/w.npz") == nil)
      try writer.finish()
      #expect(try NPZFile(path: directory + "/w.npz").floats(named: "l") == [1, 2])
    }
  }
}
