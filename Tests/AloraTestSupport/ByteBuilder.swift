import AloraSystem
import Foundation

/// Bytes put together piece by piece, for files that no writer here would write.
package struct ByteBuilder {
  package private(set) var bytes: [UInt8] = []
  private let isBigEndian: Bool

  package init(bigEndian: Bool = false) { isBigEndian = bigEndian }

  package mutating func append<Value: FixedWidthInteger>(_ value: Value) {
    withUnsafeBytes(of: isBigEndian ? value.bigEndian : value.littleEndian) { bytes.append(contentsOf: $0) }
  }
  package mutating func append(_ text: String) { bytes += Array(text.utf8) }
  package mutating func append(_ more: [UInt8]) { bytes += more }
  package mutating func pad(to alignment: Int) {
    while bytes.count % alignment != 0 { bytes.append(0) }
  }
}

/// Writes a file as it is, over what stands there.
package func writeFile(_ bytes: [UInt8], to path: String) throws {
  // Not by Data.write, which syncs each file to the disk: mutation tests write thousands.
  guard let file = fopen(path, "wb") else { throw CocoaError(.fileWriteUnknown) }
  let written = fwrite(bytes, 1, bytes.count, file)
  guard fclose(file) == 0, written == bytes.count else { throw CocoaError(.fileWriteUnknown) }
}

/// The bytes of a file.
package func readFile(_ path: String) throws -> [UInt8] {
  [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
}

/// The error that `body` throws; nil unless it is a `Failure`.
package func caught<Failure: Error>(_ type: Failure.Type = Failure.self, _ body: () throws -> Void) -> Failure? {
  do { try body() } catch { return error as? Failure }
  return nil
}

/// Calls `body` with every proper prefix of `bytes`, and with `bytes` with one byte at a time changed in three ways.
///
/// The reader under test must return or throw a ``DiagnosedError``; whatever else it throws is what this returns.
package func undiagnosedFailures(
  of bytes: [UInt8], changing range: Range<Int>, _ body: ([UInt8]) throws -> Void
) -> [String] {
  var failures: [String] = []
  func attempt(_ name: String, _ variant: [UInt8]) {
    do { try body(variant) } catch let error as any DiagnosedError {
      if error.description.contains("\n") || error.problem.isEmpty { failures.append("\(name): \(error)") }
    } catch { failures.append("\(name): \(error)") }
  }
  for count in 0..<bytes.count { attempt("cut at \(count)", Array(bytes[..<count])) }
  for index in range {
    for change in [UInt8(0x01), 0x80, 0xFF] {
      var variant = bytes
      variant[index] ^= change
      attempt("byte \(index) ^ \(change)", variant)
    }
  }
  return failures
}

/// Changes to files while a reader has them open.
package enum FileSystemTest {
  package static func remove(_ path: String) throws { try FileManager.default.removeItem(atPath: path) }
}
