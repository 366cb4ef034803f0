internal import CYAML

/// YAML that is malformed, or more than is read here.
package struct YAMLError: Error {
  package let problem: String

  package init(problem: String) { self.problem = problem }
}

/// A YAML value.
package indirect enum YAMLValue: Hashable, Sendable {
  case null
  case text(String)
  case list([YAMLValue])
  case map([Member])
  // Only with ``Scalars/typed``.
  case boolean(Bool)
  case integer(Int)
  case number(Double)
  /// A date or time, as it is spelled.
  case timestamp(String)

  package struct Member: Hashable, Sendable {
    /// As it is spelled.
    package let name: String
    package let key: YAMLValue
    package let value: YAMLValue
  }

  /// What scalars become.
  package enum Scalars: Sendable {
    /// Text, or null. By YAML's own rules, a card's version `1.10` would become the number 1.1, and the language `no` would
    /// become false.
    case text
    /// What PyYAML's `safe_load` makes of them.
    case typed
  }

  package var text: String? { if case .text(let text) = self { text } else { nil } }

  /// A list's texts, or a single text as a list of one.
  package var texts: [String]? {
    switch self {
    case .text(let text): [text]
    case .list(let values): values.compactMap(\.text)
    default: nil
    }
  }

  /// The member of that name; nil if it is missing or null.
  package subscript(name: String) -> YAMLValue? {
    guard case .map(let members) = self else { return nil }
    // The last one wins, as in PyYAML.
    let value = members.last { $0.name == name }?.value
    return value == .null ? nil : value
  }

  /// The first of these names that is a member, even if it is null.
  package func firstPresent(of names: [String]) -> YAMLValue? {
    guard case .map(let members) = self else { return nil }
    return names.lazy.compactMap { name in members.last { $0.name == name }?.value }.first
  }

  private static let depthLimit = 16
  /// No card comes near it. Each item of a list of models becomes several keys.
  package static let itemLimit = 1 << 10

  /// Parses one document. Aliases are refused: a few lines of them can stand for billions of values.
  ///
  /// - Throws: for YAML that is malformed, empty, nests deeply or uses aliases.
  package init(parsing text: String, scalars: Scalars = .text) throws(YAMLError) {
    let bytes = [UInt8](text.utf8)
    var parser = unsafe yaml_parser_t()
    guard unsafe yaml_parser_initialize(&parser) == 1 else { throw YAMLError(problem: "no memory for the parser") }
    defer { unsafe yaml_parser_delete(&parser) }
    var value = YAMLValue.null
    var failure: YAMLError?
    unsafe bytes.withUnsafeBufferPointer { buffer in
      // Safe: the parser reads from the buffer only while it lives, and is not used after this closure.
      unsafe yaml_parser_set_input_string(&parser, buffer.baseAddress, buffer.count)
      do throws(YAMLError) {
        unsafe try Self.skip([YAML_STREAM_START_EVENT, YAML_DOCUMENT_START_EVENT], &parser)
        value = unsafe try Self.next(&parser, scalars, depth: 0) ?? .null
      } catch { failure = error }
    }
    if let failure { throw failure }
    self = value
  }

  private static func skip(_ types: [yaml_event_type_t], _ parser: inout yaml_parser_t) throws(YAMLError) {
    for type in types {
      let event = unsafe try read(&parser)
      guard event.type == type else { throw YAMLError(problem: "it is empty") }
    }
  }

  private struct Event {
    let type: yaml_event_type_t
    let text: String
    let isPlain: Bool
  }

  private static func read(_ parser: inout yaml_parser_t) throws(YAMLError) -> Event {
    var event = unsafe yaml_event_t()
    guard unsafe yaml_parser_parse(&parser, &event) == 1 else {
      let line = unsafe parser.problem_mark.line + 1
      throw YAMLError(
        problem: "line \(line): \(unsafe parser.problem.map { unsafe String(cString: $0) } ?? "malformed")")
    }
    defer { unsafe yaml_event_delete(&event) }
    guard unsafe event.type == YAML_SCALAR_EVENT else {
      return unsafe Event(type: event.type, text: "", isPlain: false)
    }
    let bytes = unsafe UnsafeBufferPointer(
      start: alora_yaml_scalar_bytes(&event), count: alora_yaml_scalar_byte_count(&event))
    return unsafe Event(
      type: event.type, text: String(decoding: bytes, as: UTF8.self), isPlain: alora_yaml_scalar_is_plain(&event) != 0)
  }

  /// The next value, or nil if a list or map ends.
  private static func next(
    _ parser: inout yaml_parser_t, _ scalars: Scalars, depth: Int
  ) throws(YAMLError) -> YAMLValue? {
    unsafe try value(of: read(&parser), &parser, scalars, depth: depth)
  }

  /// The value that an event begins, or nil if it ends a list or map.
  private static func value(
    of event: Event, _ parser: inout yaml_parser_t, _ scalars: Scalars, depth: Int
  ) throws(YAMLError) -> YAMLValue? {
    guard depth < depthLimit else { throw YAMLError(problem: "it nests too deeply") }
    switch event.type {
    case YAML_SCALAR_EVENT:
      guard event.isPlain else { return .text(event.text) }
      if scalars == .typed { return YAMLValue(plain: event.text) }
      return Self.nulls.contains(event.text) ? .null : .text(event.text)
    case YAML_SEQUENCE_START_EVENT:
      var values: [YAMLValue] = []
      while let value = unsafe try next(&parser, scalars, depth: depth + 1) {
        guard values.count < itemLimit else { throw YAMLError(problem: "a list has more than \(itemLimit) items") }
        values.append(value)
      }
      return .list(values)
    case YAML_MAPPING_START_EVENT:
      var members: [Member] = []
      while true {
        let event = unsafe try read(&parser)
        guard let key = unsafe try value(of: event, &parser, scalars, depth: depth + 1),
          let value = unsafe try next(&parser, scalars, depth: depth + 1)
        else { break }
        // Keys that aren't scalars, or are null, name nothing.
        if event.type == YAML_SCALAR_EVENT, key != .null {
          members.append(Member(name: event.text, key: key, value: value))
        }
      }
      return .map(members)
    case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT, YAML_DOCUMENT_END_EVENT, YAML_STREAM_END_EVENT: return nil
    default: throw YAMLError(problem: "it uses aliases")
    }
  }
}
