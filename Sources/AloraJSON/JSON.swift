package import AloraSystem
internal import CJSON

/// A JSON value, as a light reference into a ``JSONDocument``.
@safe package struct JSON: Sendable {
  /// How a value was reached from its parent.
  enum Step: Sendable { case root, member(String), element(Int) }

  package enum Kind: Hashable, Sendable { case null, boolean, integer, number, string, array, object }

  private let document: JSONDocument
  // Safe to share: see JSONDocument, which `document` keeps alive. Nil stands for null, as in json-c.
  private nonisolated(unsafe) let object: OpaquePointer?
  private let step: Step
  private let parent: JSONPathNode?

  init(document: JSONDocument, object: OpaquePointer?, step: Step, parent: JSONPathNode?) {
    self.document = document
    unsafe self.object = object
    self.step = step
    self.parent = parent
  }

  package var kind: Kind {
    switch unsafe json_object_get_type(object) {
    case json_type_boolean: .boolean
    case json_type_int: .integer
    case json_type_double: .number
    case json_type_string: .string
    case json_type_array: .array
    case json_type_object: .object
    default: .null
    }
  }

  /// `$.rank_pattern`, `$.target_modules[3]`.
  package var jsonPath: String { JSONPathNode(step: step, parent: parent).description }

  /// The file of the document.
  package var filePath: String? { document.path }

  /// An error at this value's place.
  package func error(_ code: JSONError.Code, _ problem: String) -> JSONError {
    JSONError(code, path: document.path, place: jsonPath, problem: problem)
  }

  private func mismatch(_ wanted: String) -> JSONError { error(.wrongType, "expected \(wanted), found \(excerpt)") }

  /// The value as JSON, cut to a readable length.
  package var excerpt: String {
    let text = serialized
    return text.utf8.count <= 60 ? text : "\(text.prefix(57))…"
  }

  /// The value as compact JSON, with the text's spelling of numbers.
  package var serialized: String {
    var writer = JSONWriter(isPretty: false)
    write(to: &writer)
    return writer.text
  }

  private func write(to writer: inout JSONWriter) {
    switch kind {
    case .null: writer.raw("null")
    case .boolean: writer.raw(unsafe json_object_get_boolean(object) != 0 ? "true" : "false")
    case .integer:
      let value = unsafe json_object_get_int64(object)
      writer.raw(value == .max ? "\(unsafe json_object_get_uint64(object))" : "\(value)")
    case .number: writer.raw(numberText)
    case .string: unsafe writer.string(stringBytes)
    case .array:
      writer.container(("[", "]"), (try? elements()) ?? []) { value, writer in value.write(to: &writer) }
    case .object:
      writer.container(("{", "}"), (try? members()) ?? []) { member, writer in
        writer.name(member.name)
        member.value.write(to: &writer)
      }
    }
  }

  /// A number with a fraction, an exponent, or more digits than 64 bits hold, as the text writes it.
  private var numberText: String {
    let value = unsafe json_object_get_double(object)
    // json-c keeps a number's spelling as the object's user data, which only it sets; NaN and infinities have none.
    guard let spelling = unsafe json_object_get_userdata(object) else {
      return value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity"
    }
    // Safe: the spelling is NUL-terminated and lives as long as the object.
    let text = unsafe String(cString: spelling.assumingMemoryBound(to: CChar.self))
    // The scan gave an integer of more than 64 bits this fraction.
    return abs(value) >= 0x1p63 && text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}

/// A chain of steps from a value up to the root.
final class JSONPathNode: Sendable, CustomStringConvertible {
  private let step: JSON.Step
  private let parent: JSONPathNode?

  init(step: JSON.Step, parent: JSONPathNode?) {
    self.step = step
    self.parent = parent
  }

  var description: String {
    switch step {
    case .root: "$"
    case .element(let index): "\(parent?.description ?? "$")[\(index)]"
    case .member(let name): "\(parent?.description ?? "$").\(name)"
    }
  }
}

// MARK: - Scalars

extension JSON {
  package var isNull: Bool { kind == .null }

  /// - Throws: `wrongType`.
  package func boolean() throws(JSONError) -> Bool {
    guard kind == .boolean else { throw mismatch("true or false") }
    return unsafe json_object_get_boolean(object) != 0
  }

  /// - Throws: `wrongType`, `outOfRange` for a number with a fraction or outside of `Int`.
  package func integer() throws(JSONError) -> Int {
    if kind == .number {
      let isLarge = unsafe abs(json_object_get_double(object)) >= 0x1p63
      throw error(.outOfRange, isLarge ? "\(excerpt) is too large" : "expected a whole number, found \(excerpt)")
    }
    guard kind == .integer else { throw mismatch("a whole number") }
    let value = unsafe json_object_get_int64(object)
    // json-c saturates: only the unsigned reading of a value above Int64.max is right.
    guard unsafe value != .max || json_object_get_uint64(object) == UInt64(Int64.max) else {
      throw error(.outOfRange, "\(excerpt) is too large")
    }
    return Int(value)
  }

  /// An integer in `range`.
  ///
  /// - Throws: `wrongType`, `outOfRange`.
  package func integer(in range: ClosedRange<Int>) throws(JSONError) -> Int {
    let value = try integer()
    guard range.contains(value) else {
      let bounds =
        range.upperBound == .max ? "at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
      throw error(.outOfRange, "expected a whole number \(bounds), found \(value)")
    }
    return value
  }

  /// Any finite number.
  ///
  /// - Throws: `wrongType`, `outOfRange` if the number overflows a double.
  package func number() throws(JSONError) -> Double {
    guard kind == .integer || kind == .number else { throw mismatch("a number") }
    let value = unsafe json_object_get_double(object)
    guard value.isFinite else { throw error(.outOfRange, "\(excerpt) is not a finite number") }
    return value
  }

  /// - Throws: `wrongType`.
  package func string() throws(JSONError) -> String {
    guard kind == .string else { throw mismatch("a string") }
    return unsafe String(decoding: stringBytes, as: UTF8.self)
  }

  /// The bytes of the string in UTF-8; for vocabularies, where `String` would merge canonically equal entries.
  ///
  /// - Throws: `wrongType`.
  package func utf8() throws(JSONError) -> [UInt8] {
    guard kind == .string else { throw mismatch("a string") }
    return unsafe [UInt8](stringBytes)
  }

  // Safe while `document` lives: json-c owns the bytes and reports their exact number.
  private var stringBytes: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(
      start: json_object_get_string(object), count: Int(json_object_get_string_len(object)))
  }
}

// MARK: - Containers

extension JSON {
  /// The elements of an array.
  ///
  /// - Throws: `wrongType`.
  package func elements() throws(JSONError) -> [JSON] {
    guard kind == .array else { throw mismatch("a list") }
    let node = JSONPathNode(step: step, parent: parent)
    return (0..<Int(unsafe json_object_array_length(object))).map { index in
      unsafe JSON(
        document: document, object: json_object_array_get_idx(object, index), step: .element(index), parent: node)
    }
  }

  /// The elements of an array of integers in `range`.
  ///
  /// - Throws: `wrongType`, `outOfRange`.
  package func integers(in range: ClosedRange<Int>) throws(JSONError) -> [Int] {
    var integers: [Int] = []
    for element in try elements() { integers.append(try element.integer(in: range)) }
    return integers
  }

  /// The members of an object in the text's order.
  ///
  /// - Throws: `wrongType`.
  package func members() throws(JSONError) -> [(name: String, value: JSON)] {
    guard kind == .object else { throw mismatch("an object") }
    let node = JSONPathNode(step: step, parent: parent)
    var members: [(String, JSON)] = []
    members.reserveCapacity(Int(unsafe json_object_object_length(object)))
    var entry = unsafe alora_json_first_member(object)
    while let current = unsafe entry {
      // Safe: keys are NUL-terminated, and the scan has made sure that they contain no other NUL.
      let name = unsafe String(cString: alora_json_member_key(current))
      let value = unsafe alora_json_member_value(current)
      members.append((name, unsafe JSON(document: document, object: value, step: .member(name), parent: node)))
      unsafe entry = alora_json_next_member(current)
    }
    return members
  }

  /// The member with this name; nil if it is missing or null.
  ///
  /// - Throws: `wrongType` if this isn't an object.
  package subscript(optional name: String) -> JSON? {
    get throws(JSONError) {
      guard kind == .object else { throw mismatch("an object") }
      var value: OpaquePointer?
      // A name with a NUL would be cut in C; no member has one.
      guard !name.utf8.contains(0), unsafe json_object_object_get_ex(object, name, &value) != 0,
        let value = unsafe value
      else { return nil }
      return unsafe JSON(
        document: document, object: value, step: .member(name), parent: JSONPathNode(step: step, parent: parent))
    }
  }

  /// The member with this name, which must exist and not be null.
  ///
  /// - Throws: `wrongType`, `missing`.
  package subscript(name: String) -> JSON {
    get throws(JSONError) {
      guard let value = try self[optional: name] else { throw error(.missing, "'\(name)' is missing") }
      return value
    }
  }

  /// The number of members of all objects in this value.
  var memberCountOfTree: Int {
    var total = 0
    unsafe Self.countMembers(of: object, into: &total)
    return total
  }

  private static func countMembers(of object: OpaquePointer?, into total: inout Int) {
    // The depth is bounded by the parser's limit.
    switch unsafe json_object_get_type(object) {
    case json_type_object:
      total += Int(unsafe json_object_object_length(object))
      var entry = unsafe alora_json_first_member(object)
      while let current = unsafe entry {
        unsafe countMembers(of: alora_json_member_value(current), into: &total)
        unsafe entry = alora_json_next_member(current)
      }
    case json_type_array:
      for index in 0..<Int(unsafe json_object_array_length(object)) {
        unsafe countMembers(of: json_object_array_get_idx(object, index), into: &total)
      }
    default: break
    }
  }
}
