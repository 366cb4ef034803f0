import AloraSystem
import AloraJSON
import AloraTensors
import AloraTestSupport
import Testing

@testable import AloraNPZ

@Suite struct NPZReaderTests {
  @Test(arguments: ["stored.npz", "compressed.npz", "streamed.npz"])
  func everythingThatNumPyWritesIsRead(_ name: String) throws {
    let expected = try parseJSON(String(decoding: readFile(testData("npz/expected.json")), as: UTF8.self))
    let file = try NPZFile(path: testData("npz/" + name))
    #expect(file.arrays.count == (name == "streamed.npz" ? 4 : 35))
    for array in file.arrays {
      let entry = try expected[array.name]
      #expect(array.shape.dimensions == (try entry["shape"].elements().map { try $0.integer() }), "\(array.name)")
      if let bits = try entry[optional: "f32_bits"]?.elements() {
        let values = try file.floats(named: array.name)
        if array.name == "zeros" {
          #expect(values == [Float](repeating: 0, count: 20_000))
        } else {
          #expect(values.map { Int($0.bitPattern) } == (try bits.map { try $0.integer() }), "\(array.name)")
        }
        if array.shape.rank > 0 {
          let reader = try NPZRowReader(file, named: array.name)
          var rows: [Float] = []
          while let row = try reader.next() {
            #expect(row.count == reader.columnCount)
            rows += row
          }
          #expect(rows.map(\.bitPattern) == values.map(\.bitPattern), "\(array.name)")
        }
      } else if let integers = try entry[optional: "integers"]?.elements() {
        #expect(try file.integers(named: array.name) == integers.map { try $0.integer() }, "\(array.name)")
      } else {
        #expect(try file.text(named: array.name) == entry["text"].string(), "\(array.name)")
      }
      #expect(array.isCompressed == (name != "stored.npz"))
    }
  }

  @Test func singleArraysAreReadAsAnArchiveOfOne() throws {
    let plain = try NPZFile(path: testData("npz/plain.npy"))
    #expect(plain.arrays.map(\.name) == ["arr_0"])
    #expect(try plain.floats(named: "arr_0") == (0..<24).map { Float($0) })
    let second = try NPZFile(path: testData("npz/version2.npy"))
    #expect(second.arrays[0].isBigEndian)
    #expect(try second.floats(named: "arr_0")[2] == 1.5)
  }

  @Test func textAsBytesAndNumbersOfTheWrongKindAreToldByName() throws {
    let file = try NPZFile(path: testData("npz/stored.npz"))
    func code(_ body: () throws -> Void) -> NPZError.Code? { caught(NPZError.self, body)?.code }
    #expect(try file.text(named: "utf8") == "é\0")
    #expect(try file.integer(named: "scalar") == -1)
    #expect(code { _ = try file.floats(named: "i4_le") } == .wrongType)
    #expect(code { _ = try file.integers(named: "f4_le") } == .wrongType)
    #expect(code { _ = try file.text(named: "i4_le") } == .wrongShape)
    #expect(code { _ = try file.text(named: "scalar") } == .wrongType)
    #expect(code { _ = try file.integer(named: "i4_le") } == .wrongShape)
    #expect(code { _ = try file.floats(named: "none") } == .missingArray)
    #expect(code { _ = try NPZRowReader(file, named: "scalar") } == .wrongType)
    let error = caught(NPZError.self) { _ = try file.floats(named: "meta") }
    #expect(error?.place == "array meta")
  }

  @Test(arguments: ["object.npz", "records.npz", "complex.npz"]) func typesThatAreNoNumbersAreRefused(_ name: String)
    throws
  {
    let error = caught(NPZError.self) { _ = try NPZFile(path: testData("npz/" + name)) }
    #expect(error?.code == .unsupportedType)
    #expect(error?.name == "a")
  }

  @Test func arraysBeyondTheLimitAreReadByRowsOnly() throws {
    var limits = NPZLimits()
    limits.arrayByteCount = 1200
    let file = try NPZFile(path: testData("npz/compressed.npz"), limits: limits)
    #expect(caught(NPZError.self) { _ = try file.floats(named: "logits") }?.code == .tooLarge)
    #expect(try NPZRowReader(file, named: "logits").next()?.count == 300)
    limits.arrayByteCount = 1199
    let narrow = try NPZFile(path: testData("npz/compressed.npz"), limits: limits)
    #expect(caught(NPZError.self) { _ = try NPZRowReader(narrow, named: "logits") }?.code == .tooLarge)
  }

  @Test func halvesAreWidenedExactly() {
    let wrong = (UInt16.min...UInt16.max).filter { bits in
      let expected = Float(Float16(bitPattern: bits))
      let value = widened(bits)
      return value.bitPattern != expected.bitPattern && !(value.isNaN && expected.isNaN)
    }
    #expect(wrong == [])
  }

  @Test func damagedArchivesAreReadOrDiagnosed() throws {
    try withTemporaryDirectory { directory in
      for compression in [NPZWriter.Compression.stored, .deflated] {
        let path = directory + "/good.npz"
        let writer = try NPZWriter(path: path, replacesExisting: true, compression: compression)
        try writer.add("tokens_0", integers: [1, 2, 3], shape: #require(Shape([3])))
        try writer.begin("logits_0", element: .number(.f32), shape: #require(Shape([2, 3])))
        try writer.write(floats: [1, 2, 3, 4, 5, 6])
        try writer.add("meta", text: "{}")
        try writer.finish()
        let bytes = try readFile(path)
        let failures = undiagnosedFailures(of: bytes, changing: 0..<bytes.count) { variant in
          try writeFile(variant, to: directory + "/damaged.npz")
          let file = try NPZFile(path: directory + "/damaged.npz")
          for array in file.arrays {
            if case .number(let dtype) = array.element, dtype.isFloatingPoint {
              _ = try file.floats(named: array.name)
            } else if case .number = array.element {
              _ = try file.integers(named: array.name)
            } else {
              _ = try file.text(named: array.name)
            }
          }
        }
        #expect(failures == [])
      }
    }
  }
}
