import AloraSystem
import AloraFuzzTargets
import AloraTestSupport
import CZlib
import Foundation
import Testing

/// The fuzzer's corpus, which scripts/robustness fuzz wrote, is read once by the ordinary tests.
@Suite struct CorpusTests {
  /// Reads a gzip file of inputs. Each follows its length, a little-endian u32.
  private func inputs(_ path: String) throws -> [[UInt8]] {
    let file = try #require(gzopen(path, "rb"))
    defer { gzclose(file) }
    var (bytes, piece): ([UInt8], [UInt8]) = ([], [UInt8](repeating: 0, count: 1 << 16))
    while case let count = gzread(file, &piece, UInt32(piece.count)), count > 0 { bytes += piece[..<Int(count)] }
    var (inputs, offset): ([[UInt8]], Int) = ([], 0)
    while offset < bytes.count {
      try #require(offset + 4 <= bytes.count)
      let count = bytes[offset..<(offset + 4)].reversed().reduce(0) { $0 << 8 | Int($1) }
      try #require(count <= bytes.count - offset - 4)
      inputs.append(Array(bytes[(offset + 4)..<(offset + 4 + count)]))
      offset += 4 + count
    }
    return inputs
  }

  @Test(arguments: Target.allCases.filter { $0 != .proof })
  func everyInputIsReadOrRefusedInOneLine(_ target: Target) throws {
    setenv("ALORA_FUZZ_DATA", try testData(""), 0)
    let inputs = try inputs(testData("fuzz/\(target.rawValue).gz"))
    #expect(inputs.count > 5)
    var readCount = 0
    try withTemporaryDirectory { directory in
      for (number, input) in inputs.enumerated() {
        do {
          try target.read(Parts.split(input), in: directory)
          readCount += 1
        } catch let error as any DiagnosedError {
          let line = error.description
          #expect(!line.contains("\n") && !error.problem.isEmpty, "input \(number): \(line)")
        } catch {
          Issue.record("input \(number): \(error)")
        }
      }
    }
    // If every input were refused, the corpus would test only the first check.
    #expect(readCount > 0)
  }
}
