internal import AloraSystem

/// A file with a JSON value on each line.
package enum JSONLines {
  /// Calls `body` with the value of each line that isn't blank.
  ///
  /// - Throws: ``FileError``; ``JSONError`` with the line for its place, also those of `body`.
  package static func map<Result>(path: String, _ body: (JSON) throws(JSONError) -> Result) throws -> [Result] {
    let file = try MappedFile(path: path)
    guard file.byteCount <= 1 << 26 else {
      throw JSONError(.tooLarge, path: path, place: nil, problem: "the file has \(file.byteCount) bytes")
    }
    let text = try JSONText(file.read(0..<file.byteCount), path: path)
    var results: [Result] = []
    let lines = text.bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() where !line.allSatisfy({ [0x20, 0x09, 0x0D].contains($0) }) {
      let document = try JSONDocument(text, range: line.startIndex..<line.endIndex, path: path)
      do throws(JSONError) { results.append(try body(document.root)) } catch {
        throw JSONError(
          error.code, path: path, place: ["line \(index + 1)", error.place].compactMap { $0 }.joined(separator: ", "),
          problem: error.problem)
      }
    }
    return results
  }
}
