import Foundation
import Testing

/// Compares a text with `Snapshots/NAME`. If the file is missing, it is written, and the test fails.
func expectSnapshot(_ name: String, _ text: String, file: String = #filePath) throws {
  let directory = URL(fileURLWithPath: file).deletingLastPathComponent().appendingPathComponent("Snapshots")
  let url = directory.appendingPathComponent(name)
  guard let recorded = try? String(contentsOf: url, encoding: .utf8) else {
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    try text.write(to: url, atomically: true, encoding: .utf8)
    Issue.record("\(name) was recorded: read it, and commit it")
    return
  }
  for (line, wanted) in zip(text.split(separator: "\n"), recorded.split(separator: "\n")) where line != wanted {
    Issue.record("\(name):\n  recorded \(wanted)\n  now      \(line)")
  }
  #expect(text.count == recorded.count)
}
