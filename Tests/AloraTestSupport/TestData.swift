package import AloraJSON
internal import AloraTensors
import Foundation

/// The path of a file under `testdata/`.
package func testData(_ path: String) throws -> String {
  let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  return tests.deletingLastPathComponent().appendingPathComponent("testdata").appendingPathComponent(path).path
}

/// The GGUF of a model under `testdata/inference`. If only its header is committed, zeros follow: good for what doesn't
/// depend on weights.
package func baseGGUF(_ name: String) throws -> [UInt8] {
  if let bytes = try? readFile(testData("inference/\(name)/base.gguf")) { return bytes }
  let header = try readFile(testData("inference/\(name)/base-header.gguf"))
  let described = try JSONDocument(path: testData("inference/base-gguf.json")).root[name]["file_byte_count"]
  let count = try described.integer(in: header.count...(1 << 24))
  return header + [UInt8](repeating: 0, count: count - header.count)
}

/// The root value of a JSON text.
package func parseJSON(_ text: String) throws -> JSON {
  let bytes = [UInt8](text.utf8)
  return try JSONDocument(parsing: bytes.span.bytes).root
}

/// The SHA-256 of some bytes in hexadecimal, by the project's own code, which `SequenceTests` checks against known vectors.
package func sha256(_ bytes: some Sequence<UInt8>) -> String {
  var hasher = Digest.Hasher()
  hasher.add(Array(bytes))
  return hasher.end().description
}

/// Calls `body` with a new directory, which is removed afterwards.
package func withTemporaryDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
  let path = NSTemporaryDirectory() + "alora-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: path) }
  return try body(path)
}
