internal import AloraSystem
internal import CJSON

/// A parsed JSON text. Values refer to it and keep it alive.
///
/// ``JSONScan`` decides what is valid: RFC 8259 in UTF-8, or in UTF-16 with a byte order mark, nested 64 deep at most. json-c
/// builds the tree. Names that occur twice in one object are refused.
@safe package final class JSONDocument: Sendable {
  /// The file that the text came from, for error messages.
  package let path: String?
  // Safe to share: the tree is never changed after init, and read without touching its reference counts.
  private nonisolated(unsafe) let object: OpaquePointer?

  /// The memory limit of the tree. The largest tokenizers (half a million merges) need less than half of it.
  private static let treeByteLimit = 1 << 29

  /// Reads and parses a file.
  ///
  /// - Parameters:
  ///   - limit: the longest file accepted, in bytes.
  ///   - allowsNonFinite: whether `NaN` and `Infinity` may stand for numbers, as Python writes them into some config.json.
  /// - Throws: ``FileError``, ``JSONError`` (`malformed`, `duplicateKey`, `tooLarge`).
  package convenience init(path: String, limit: Int = 1 << 27, allowsNonFinite: Bool = false) throws {
    let file = try MappedFile(path: path)
    guard file.byteCount <= limit else {
      throw JSONError(
        .tooLarge, path: path, place: nil, problem: "the file has \(file.byteCount) bytes, at most \(limit) are read")
    }
    // A private copy: the scanner and json-c must see the same bytes even while another process writes the file.
    let bytes = try file.read(0..<file.byteCount)
    do throws(JSONError) { try self.init(file: bytes, path: path, allowsNonFinite: allowsNonFinite) } catch {
      let found = FileSignature(prefix: Array(bytes.prefix(512)), byteCount: bytes.count)
      // A parser's message about a file of another format would be useless.
      guard error.code == .malformed, found != .json, let name = found.name else { throw error }
      throw JSONError(.malformed, path: path, place: nil, problem: "not JSON: it is \(name)", remedy: found.remedy)
    }
  }

  /// Parses `text`: UTF-8, or UTF-16 with a byte order mark.
  ///
  /// - Throws: `malformed`, `duplicateKey`, `tooLarge`.
  package convenience init(
    parsing text: RawSpan, path: String? = nil, allowsNonFinite: Bool = false
  ) throws(JSONError) {
    // Safe: the copy is made within the call.
    let bytes = unsafe text.withUnsafeBytes { unsafe [UInt8]($0) }
    try self.init(file: bytes, path: path, allowsNonFinite: allowsNonFinite)
  }

  private convenience init(file: [UInt8], path: String?, allowsNonFinite: Bool) throws(JSONError) {
    let text = try JSONText(file, path: path)
    try self.init(text, range: 0..<text.bytes.count, path: path, allowsNonFinite: allowsNonFinite)
  }

  /// Parses a part of a text. Errors give places in the whole text.
  ///
  /// - Throws: `malformed`, `duplicateKey`, `tooLarge`.
  convenience init(
    _ text: JSONText, range: Range<Int>, path: String?, allowsNonFinite: Bool = false
  ) throws(JSONError) {
    let part = unsafe text.bytes.span.bytes.extracting(range)
    let scan: JSONScan
    do throws(JSONFault) { scan = try JSONScan(part, allowsNonFinite: allowsNonFinite) } catch {
      throw JSONError(
        .malformed, path: path, place: text.place(of: range.lowerBound + error.byteOffset),
        problem: "not valid JSON: \(error.problem)")
    }
    guard scan.treeByteCount <= Self.treeByteLimit else {
      throw JSONError(
        .tooLarge, path: path, place: nil,
        problem:
          "its values would take \(scan.treeByteCount >> 20) MiB of memory, the limit is \(Self.treeByteLimit >> 20)"
      )
    }
    if scan.misreadOffsets.isEmpty {
      try self.init(valid: part, path: path)
    } else {
      let rewritten = JSONString.rewritten(part, at: scan.misreadOffsets)
      try self.init(valid: unsafe rewritten.span.bytes, path: path)
    }
    guard root.memberCountOfTree == scan.memberCount else {
      let found = JSONString.firstDuplicate(in: part)
      throw JSONError(
        .duplicateKey, path: path, place: found.map { text.place(of: range.lowerBound + $0.byteOffset) },
        problem: "two members of one object are named \(found.map { "'\($0.name)'" } ?? "alike")")
    }
  }

  private init(valid text: RawSpan, path: String?) throws(JSONError) {
    guard let length = Int32(exactly: text.byteCount) else {
      throw JSONError(.tooLarge, path: path, place: nil, problem: "a JSON text of more than 2 GB")
    }
    // A value within the deepest container counts as a level too.
    guard let tokener = unsafe json_tokener_new_ex(Int32(JSONScan.depthLimit) + 2) else {
      throw JSONError(.tooLarge, path: path, place: nil, problem: "not enough memory for the parser")
    }
    defer { unsafe json_tokener_free(tokener) }
    // No flags, because json-c's versions differ in what the strict ones refuse.
    // Safe: json-c reads `length` bytes within the call and copies what it keeps.
    let parsed = unsafe text.withUnsafeBytes { bytes in
      unsafe json_tokener_parse_ex(tokener, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), length)
    }
    var error = unsafe json_tokener_get_error(tokener)
    // The parser completes a number at the very end only when it sees that nothing follows.
    var object = unsafe parsed
    if error == json_tokener_continue {
      unsafe object = json_tokener_parse_ex(tokener, "", 1)
      error = unsafe json_tokener_get_error(tokener)
    }
    guard error == json_tokener_success else {
      let reason = unsafe String(cString: json_tokener_error_desc(error))
      throw JSONError(.malformed, path: path, place: nil, problem: "json-c cannot read it: \(reason)")
    }
    unsafe self.object = object
    self.path = path
  }

  deinit { _ = unsafe json_object_put(object) }

  /// The outermost value.
  package var root: JSON { unsafe JSON(document: self, object: object, step: .root, parent: nil) }
}

extension JSONText {
  /// - Throws: `malformed`.
  init(_ file: [UInt8], path: String?) throws(JSONError) {
    do throws(JSONFault) { try self.init(file) } catch {
      throw JSONError(.malformed, path: path, place: "byte \(error.byteOffset)", problem: error.problem)
    }
  }
}
