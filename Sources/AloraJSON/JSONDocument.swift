internal import AloraSystem
internal import CJSON

/// A parsed JSON text. Values refer to it and keep it alive.
///
/// json-c does the parsing, strictly (RFC 8259, valid UTF-8, no trailing text, nesting of 64 at most). What json-c lets
/// pass is refused here: duplicate names, NUL in names, `NaN` and `Infinity`.
@safe public final class JSONDocument: Sendable {
  /// The file that the text came from, for error messages.
  public let path: String?
  // Safe to share: the tree is never changed after init, and read without touching its reference counts.
  private nonisolated(unsafe) let object: OpaquePointer?

  private static let depthLimit: Int32 = 64
  /// What the tree may take. The largest tokenizers' (half a million merges) takes less than half of it.
  private static let treeByteLimit = 1 << 29

  /// Reads and parses a file.
  ///
  /// - Parameters:
  ///   - limit: the longest file accepted, in bytes.
  ///   - allowsNonFinite: whether `NaN` and `Infinity` may stand for numbers, as Python writes them into some config.json.
  /// - Throws: ``FileError``, ``JSONError`` (`malformed`, `duplicateKey`, `tooLarge`).
  public convenience init(path: String, limit: Int = 1 << 27, allowsNonFinite: Bool = false) throws {
    let file = try MappedFile(path: path)
    guard file.byteCount <= limit else {
      throw JSONError(
        .tooLarge, path: path, place: nil, problem: "the file has \(file.byteCount) bytes, at most \(limit) are read")
    }
    // A private copy: the scanner and json-c must see the same bytes even while another process writes the file.
    let text = try file.read(0..<file.byteCount)
    try self.init(parsing: unsafe text.span.bytes, path: path, allowsNonFinite: allowsNonFinite)
  }

  /// Parses `text` (UTF-8).
  ///
  /// - Throws: `malformed`, `duplicateKey`, `tooLarge`.
  public convenience init(
    parsing text: RawSpan, path: String? = nil, allowsNonFinite: Bool = false
  ) throws(JSONError) {
    let scan: JSONScan
    do throws(JSONError) { scan = try JSONScan(text, allowsNonFinite: allowsNonFinite) } catch {
      throw JSONError(error.code, path: path, place: error.place, problem: error.problem)
    }
    guard scan.treeByteCount <= Self.treeByteLimit else {
      throw JSONError(
        .tooLarge, path: path, place: nil,
        problem:
          "its values would take \(scan.treeByteCount >> 20) MiB of memory, at most \(Self.treeByteLimit >> 20) are taken"
      )
    }
    if scan.misreadPairOffsets.isEmpty {
      try self.init(scanned: text, scan, path: path)
    } else {
      try self.init(scanned: unsafe scan.rewritten(text).span.bytes, scan, path: path)
    }
  }

  private init(scanned text: RawSpan, _ scan: JSONScan, path: String?) throws(JSONError) {
    guard let length = Int32(exactly: text.byteCount) else {
      throw JSONError(.tooLarge, path: path, place: nil, problem: "a JSON text of more than 2 GB")
    }
    guard let tokener = unsafe json_tokener_new_ex(Self.depthLimit) else {
      throw JSONError(.tooLarge, path: path, place: nil, problem: "not enough memory for the parser")
    }
    defer { unsafe json_tokener_free(tokener) }
    unsafe json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8)
    // Safe: json-c reads `length` bytes within the call and copies what it keeps.
    let parsed = unsafe text.withUnsafeBytes { bytes in
      unsafe json_tokener_parse_ex(tokener, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), length)
    }
    var error = unsafe json_tokener_get_error(tokener)
    // A number at the very end is complete only when the parser has seen that nothing follows.
    var object = unsafe parsed
    if error == json_tokener_continue {
      unsafe object = json_tokener_parse_ex(tokener, "", 1)
      error = unsafe json_tokener_get_error(tokener)
    }
    guard error == json_tokener_success else {
      let offset = unsafe json_tokener_get_parse_end(tokener)
      let reason = unsafe String(cString: json_tokener_error_desc(error))
      throw JSONError(.malformed, path: path, place: "byte \(offset)", problem: "not valid JSON: \(reason)")
    }
    unsafe self.object = object
    self.path = path
    guard root.memberCountOfTree == scan.memberCount else {
      let name = scan.firstDuplicate(in: text)
      throw JSONError(
        .duplicateKey, path: path, place: name.map { "byte \($0.byteOffset)" },
        problem: "two members of one object are named \(name.map { "'\($0.name)'" } ?? "alike")")
    }
  }

  deinit { _ = unsafe json_object_put(object) }

  /// The outermost value.
  public var root: JSON { unsafe JSON(document: self, object: object, step: .root, parent: nil) }
}
