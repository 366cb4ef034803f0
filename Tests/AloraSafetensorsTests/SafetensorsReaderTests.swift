import AloraSystem
import AloraJSON
import AloraTensors
import AloraTestSupport
import Foundation
import Testing

@testable import AloraSafetensors

/// The bytes of a file with the given header text and as many zero bytes of data.
private func fileBytes(_ header: String, dataByteCount: Int = 0, statedLength: UInt64? = nil) -> [UInt8] {
  var file = ByteBuilder()
  file.append(statedLength ?? UInt64(header.utf8.count))
  file.append(header)
  file.append([UInt8](repeating: 0, count: dataByteCount))
  return file.bytes
}

/// A header with one tensor `t`.
private func one(_ dtype: String, _ shape: String, _ offsets: String) -> String {
  #"{"t":{"dtype":"\#(dtype)","shape":\#(shape),"data_offsets":\#(offsets)}}"#
}

/// One bad file, and the error that it must give.
struct BadSafetensors: Sendable, CustomTestStringConvertible {
  let name: String
  let code: SafetensorsError.Code
  let place: String?
  let bytes: [UInt8]
  var testDescription: String { name }

  init(_ name: String, _ code: SafetensorsError.Code, at place: String?, _ bytes: [UInt8]) {
    self.name = name
    self.code = code
    self.place = place
    self.bytes = bytes
  }
}

let badSafetensors: [BadSafetensors] = [
  .init("empty file", .headerTruncated, at: "byte 0", []),
  .init("seven bytes", .headerTruncated, at: "byte 0", [2, 0, 0, 0, 0, 0, 0]),
  .init("length only", .headerTruncated, at: "byte 0", [2, 0, 0, 0, 0, 0, 0, 0]),
  .init("header longer than the file", .headerTruncated, at: "byte 0", fileBytes("{}", statedLength: 3)),
  .init("header of 100000001 bytes", .headerTooLarge, at: "byte 0", fileBytes("{}", statedLength: 100_000_001)),
  .init("header length that wraps", .headerTooLarge, at: "byte 0", fileBytes("{}", statedLength: .max)),
  .init("pickle", .notSafetensors, at: "byte 8", fileBytes("\u{2}.x.")),
  .init("space before the header", .notSafetensors, at: "byte 8", fileBytes(" {}")),
  .init("array for a header", .notSafetensors, at: "byte 8", fileBytes("[]")),
  .init("broken JSON", .invalidHeader, at: "header, line 1, column", fileBytes("{")),
  .init("header cut by its length", .invalidHeader, at: "header", fileBytes("{}", statedLength: 1)),
  .init("empty header", .dataTruncated, at: nil, fileBytes(one("U8", "[3]", "[0,3]"), dataByteCount: 2)),
  .init("text after the header", .invalidHeader, at: "header", fileBytes("{} x")),
  .init(
    "a name twice", .duplicateName, at: "header, line 1, column", fileBytes(#"{"__metadata__":{},"__metadata__":{}}"#)),
  .init(
    "a key of an entry twice", .duplicateName, at: "header, line 1, column",
    fileBytes(#"{"t":{"dtype":"U8","dtype":"I8","shape":[],"data_offsets":[0,1]}}"#, dataByteCount: 1)),
  .init("metadata of numbers", .invalidMetadata, at: "$.__metadata__.a", fileBytes(#"{"__metadata__":{"a":1}}"#)),
  .init("metadata as text", .invalidMetadata, at: "$.__metadata__", fileBytes(#"{"__metadata__":"a"}"#)),
  .init("metadata nested", .invalidMetadata, at: "$.__metadata__.a", fileBytes(#"{"__metadata__":{"a":{}}}"#)),
  .init("a tensor that is null", .invalidTensor, at: "tensor t", fileBytes(#"{"t":null}"#)),
  .init("no dtype", .invalidTensor, at: "tensor t", fileBytes(#"{"t":{"shape":[],"data_offsets":[0,4]}}"#)),
  .init("no shape", .invalidTensor, at: "tensor t", fileBytes(#"{"t":{"dtype":"F32","data_offsets":[0,4]}}"#)),
  .init("no offsets", .invalidTensor, at: "tensor t", fileBytes(#"{"t":{"dtype":"F32","shape":[]}}"#)),
  .init("a shape as text", .invalidTensor, at: "tensor t", fileBytes(one("F32", #""1""#, "[0,4]"), dataByteCount: 4)),
  .init("unknown dtype", .unknownDType, at: "tensor t", fileBytes(one("F128", "[1]", "[0,16]"), dataByteCount: 16)),
  .init("ggml's dtype", .unknownDType, at: "tensor t", fileBytes(one("Q8_0", "[32]", "[0,34]"), dataByteCount: 34)),
  .init(
    "dtype in small letters", .unknownDType, at: "tensor t", fileBytes(one("f32", "[1]", "[0,4]"), dataByteCount: 4)),
  .init("negative extent", .invalidShape, at: "tensor t", fileBytes(one("F32", "[-1]", "[0,4]"), dataByteCount: 4)),
  .init(
    "extent with a fraction", .invalidShape, at: "tensor t", fileBytes(one("F32", "[1.0]", "[0,4]"), dataByteCount: 4)),
  .init(
    "extent beyond 64 bits", .invalidShape, at: "tensor t",
    fileBytes(one("F32", "[18446744073709551615]", "[0,4]"), dataByteCount: 4)),
  .init(
    "shape that overflows", .invalidShape, at: "tensor t",
    fileBytes(one("F32", "[4294967296,4294967296]", "[0,4]"), dataByteCount: 4)),
  .init(
    "bytes that overflow", .invalidShape, at: "tensor t",
    fileBytes(one("F32", "[4611686018427387904]", "[0,0]"))),
  .init("three offsets", .invalidOffsets, at: "tensor t", fileBytes(one("U8", "[1]", "[0,1,2]"), dataByteCount: 1)),
  .init("one offset", .invalidOffsets, at: "tensor t", fileBytes(one("U8", "[1]", "[0]"), dataByteCount: 1)),
  .init(
    "offsets in the wrong order", .invalidOffsets, at: "tensor t",
    fileBytes(one("U8", "[1]", "[2,1]"), dataByteCount: 2)),
  .init("negative offset", .invalidOffsets, at: "tensor t", fileBytes(one("U8", "[1]", "[-1,0]"), dataByteCount: 1)),
  .init(
    "offset that overflows", .invalidOffsets, at: "tensor t",
    fileBytes(one("U8", "[1]", "[9223372036854775806,9223372036854775807]"), dataByteCount: 1)),
  .init("size too small", .sizeMismatch, at: "tensor t", fileBytes(one("F32", "[2]", "[0,7]"), dataByteCount: 7)),
  .init("size too large", .sizeMismatch, at: "tensor t", fileBytes(one("BF16", "[2]", "[0,8]"), dataByteCount: 8)),
  .init("half a byte", .sizeMismatch, at: "tensor t", fileBytes(one("F4", "[3]", "[0,2]"), dataByteCount: 2)),
  .init(
    "three quarters of a byte", .sizeMismatch, at: "tensor t",
    fileBytes(one("F6_E2M3", "[3]", "[0,3]"), dataByteCount: 3)),
  .init("data before the first", .holeInData, at: "tensor t", fileBytes(one("U8", "[1]", "[1,2]"), dataByteCount: 2)),
  .init("no data", .dataTruncated, at: "byte", fileBytes(one("U8", "[1]", "[0,1]"))),
  .init(
    "data beyond the end", .dataTruncated, at: "byte", fileBytes(one("U8", "[5000]", "[0,5000]"), dataByteCount: 4)),
  .init("data after the last", .trailingBytes, at: "byte", fileBytes(one("U8", "[1]", "[0,1]"), dataByteCount: 2)),
  .init("data without tensors", .trailingBytes, at: "byte 10", fileBytes("{}", dataByteCount: 1)),
  .init(
    "tensors that overlap", .overlappingTensors, at: "tensor b",
    fileBytes(
      #"{"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#,
      dataByteCount: 3)),
  .init(
    "two tensors in one place", .overlappingTensors, at: "tensor",
    fileBytes(
      #"{"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#,
      dataByteCount: 2)),
  .init(
    "a hole", .holeInData, at: "tensor b",
    fileBytes(
      #"{"b":{"dtype":"U8","shape":[1],"data_offsets":[3,4]},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#,
      dataByteCount: 4)),
]

@Suite struct SafetensorsReaderTests {
  @Test(arguments: badSafetensors) func badFilesAreRefusedWithTheirCodeAndPlace(_ bad: BadSafetensors) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/bad.safetensors"
      try writeFile(bad.bytes, to: path)
      let error = caught(SafetensorsError.self) { _ = try SafetensorsFile(path: path) }
      #expect(error?.code == bad.code, "\(error.map(\.description) ?? "no SafetensorsError")")
      #expect(error?.path == path)
      if let place = bad.place { #expect(error?.place?.contains(place) == true, "\(error?.place ?? "nowhere")") }
    }
  }

  @Test func everyFileOfTheReferenceIsRead() throws {
    let samples = try parseJSON(String(decoding: readFile(testData("safetensors/samples.json")), as: UTF8.self))
    var names: Set<String> = []
    for (name, sample) in try samples["files"].members() {
      let file = try SafetensorsFile(path: testData("safetensors/" + name))
      let expected = try sample["tensors"].members()
      #expect(file.tensors.count == expected.count)
      for (tensorName, entry) in expected {
        let tensor = try #require(file.tensor(named: tensorName))
        #expect(tensor.dtype.name == (try entry["dtype"].string()))
        #expect(tensor.shape.dimensions == (try entry["shape"].elements().map { try $0.integer() }))
        let offsets = try entry["data_offsets"].elements().map { try $0.integer() + file.headerByteCount }
        #expect([tensor.byteRange.lowerBound, tensor.byteRange.upperBound] == offsets)
        names.insert(tensor.dtype.name)
      }
      let metadata = try sample[optional: "metadata"]?.members().map { ($0.name, try $0.value.string()) } ?? []
      #expect(file.metadata == Dictionary(uniqueKeysWithValues: metadata))
    }
    #expect(names.count >= 20)
  }

  @Test func typesBelowTheByteAreRead() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/t.safetensors"
      try writeFile(fileBytes(one("F6_E3M2", "[2,4]", "[0,6]"), dataByteCount: 6), to: path)
      let file = try SafetensorsFile(path: path)
      #expect(file.tensors[0].dtype == .f6E3M2)
      #expect(try file.readBytes(of: file.tensors[0]) == [0, 0, 0, 0, 0, 0])
      try writeFile(fileBytes("{}"), to: path)
      #expect(try SafetensorsFile(path: path).tensors.isEmpty)
    }
  }

  @Test(arguments: ["safetensors/dtypes.safetensors", "safetensors/metadata.safetensors"])
  func damagedFilesAreReadOrDiagnosed(_ name: String) throws {
    let bytes = try readFile(testData(name))
    let headerByteCount = try SafetensorsFile(path: testData(name)).headerByteCount
    try withTemporaryDirectory { directory in
      let path = directory + "/damaged.safetensors"
      let failures = undiagnosedFailures(of: bytes, changing: 0..<headerByteCount) { variant in
        try writeFile(variant, to: path)
        let file = try SafetensorsFile(path: path)
        for tensor in file.tensors { _ = try file.readBytes(of: tensor) }
      }
      #expect(failures == [])
      // Whatever the cut, nothing but the whole file may pass.
      for count in 0..<bytes.count {
        try writeFile(Array(bytes[..<count]), to: path)
        #expect(caught(SafetensorsError.self) { _ = try SafetensorsFile(path: path) } != nil, "cut at \(count)")
      }
    }
  }
}

@Suite struct SafetensorsFileSetTests {
  private func withShards(_ body: (String) throws -> Void) throws {
    try withTemporaryDirectory { root in
      let directory = root + "/model"
      try FileSystem.createDirectory(directory)
      for name in try FileSystem.names(inDirectory: testData("safetensors/sharded")) {
        try writeFile(readFile(testData("safetensors/sharded/" + name)), to: directory + "/" + name)
      }
      try body(directory)
    }
  }

  private func writeIndex(_ map: String, _ directory: String) throws {
    try writeFile(Array(#"{"metadata":{},"weight_map":\#(map)}"#.utf8), to: directory + "/model.safetensors.index.json")
  }

  private func error(_ directory: String) -> SafetensorsError? {
    caught(SafetensorsError.self) { _ = try SafetensorsFileSet(directory: directory) }
  }

  @Test func shardsAreReadAsOneModel() throws {
    try withShards { directory in
      let set = try SafetensorsFileSet(directory: directory)
      #expect(set.files.count == 2)
      #expect(Set(set.tensors.map(\.name)) == ["a", "b", "c"])
      for tensor in set.tensors {
        let file = try #require(set.files.first { $0.tensor(named: tensor.name) != nil })
        #expect(try set.readBytes(of: tensor) == file.readBytes(of: tensor))
        #expect(set.tensor(named: tensor.name) == tensor)
      }
      #expect(set.tensor(named: "d") == nil)
    }
  }

  @Test func aWholeFileIsPreferredToShards() throws {
    try withShards { directory in
      try writeFile(readFile(testData("safetensors/dtypes.safetensors")), to: directory + "/model.safetensors")
      #expect(try SafetensorsFileSet(directory: directory).files.count == 1)
      #expect(caught(FileError.self) { _ = try SafetensorsFileSet(directory: directory + "/none") }?.code == .notFound)
    }
  }

  @Test func tensorsThatTheIndexDoesNotNameAreNotTheModels() throws {
    try withShards { directory in
      try writeIndex(#"{"a":"model-00001-of-00002.safetensors"}"#, directory)
      #expect(try SafetensorsFileSet(directory: directory).tensors.map(\.name) == ["a"])
    }
  }

  @Test(arguments: [
    "../evil.safetensors", "/etc/passwd", "a/b.safetensors", "..", ".", "", "./model-00001-of-00002.safetensors",
    "nul\\u0000.safetensors",
  ])
  func shardNamesThatLeaveTheDirectoryAreRefused(_ name: String) throws {
    try withShards { directory in
      try writeFile(readFile(directory + "/model-00001-of-00002.safetensors"), to: directory + "/../evil.safetensors")
      try writeIndex(#"{"a":"\#(name)"}"#, directory)
      #expect(error(directory)?.code == .unsafeShardName)
    }
  }

  @Test func linksMayLeadIntoTheHubsCacheOnly() throws {
    try withTemporaryDirectory { root in
      let snapshot = root + "/models--x/snapshots/0123"
      let blobs = root + "/models--x/blobs"
      for path in [snapshot, blobs, root + "/elsewhere"] { try FileSystem.createDirectory(path) }
      let shard = try readFile(testData("safetensors/sharded/model-00001-of-00002.safetensors"))
      try writeFile(shard, to: blobs + "/abcd")
      try writeFile(shard, to: root + "/elsewhere/abcd")
      try writeIndex(#"{"a":"s.safetensors"}"#, snapshot)
      func link(_ target: String) throws {
        try? FileSystemTest.remove(snapshot + "/s.safetensors")
        try FileManager.default.createSymbolicLink(atPath: snapshot + "/s.safetensors", withDestinationPath: target)
      }
      try link("../../blobs/abcd")
      #expect(error(snapshot) == nil)
      try link(root + "/elsewhere/abcd")
      #expect(error(snapshot)?.code == .unsafeShardName)
      try link("other")
      try writeFile(shard, to: snapshot + "/other")
      #expect(error(snapshot) == nil)
      try link("none")
      #expect(error(snapshot)?.code == .missingShard)
    }
  }

  @Test func whatIsMissingIsNamed() throws {
    try withShards { directory in
      try writeIndex(#"{"a":"model-00002-of-00002.safetensors"}"#, directory)
      #expect(error(directory)?.code == .missingTensor)
      #expect(error(directory)?.place == "tensor a")
      try writeIndex(#"{"a":"model-00003-of-00003.safetensors"}"#, directory)
      #expect(error(directory)?.code == .missingShard)
      #expect(error(directory)?.path == directory + "/model-00003-of-00003.safetensors")
      for map in ["[]", #"{"a":1}"#, "null", #"{"a":["x"]}"#] {
        try writeIndex(map, directory)
        #expect(error(directory)?.code == .invalidIndex, "\(map)")
      }
      try writeIndex(#"{"a":"x","a":"y"}"#, directory)
      #expect(error(directory)?.code == .duplicateName)
    }
  }
}
