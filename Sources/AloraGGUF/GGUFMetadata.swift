/// The key-values of a GGUF file, in the file's order.
package struct GGUFMetadata: Sendable {
  package struct Entry: Hashable, Sendable {
    package let key: String
    package internal(set) var value: GGUFValue
  }

  package private(set) var entries: [Entry] = []
  /// The file that they came from, for error messages.
  package let path: String?
  // By bytes, because Swift treats canonically equal strings as the same, but GGUF doesn't.
  private var indices: [[UInt8]: Int] = [:]

  package init(path: String? = nil) { self.path = path }

  /// The value of a key. Setting the value of a new key puts it last; setting nil removes the key.
  package subscript(key: String) -> GGUFValue? {
    get { indices[[UInt8](key.utf8)].map { entries[$0].value } }
    set {
      let bytes = [UInt8](key.utf8)
      if let newValue {
        if let index = indices[bytes] {
          entries[index].value = newValue
        } else {
          indices[bytes] = entries.count
          entries.append(Entry(key: key, value: newValue))
        }
      } else if let index = indices.removeValue(forKey: bytes) {
        entries.remove(at: index)
        for (other, position) in indices where position > index { indices[other] = position - 1 }
      }
    }
  }

  package var count: Int { entries.count }
  package var keys: [String] { entries.map(\.key) }
}

extension GGUFMetadata: Equatable {
  /// Two are equal if they have the same key-values in the same order.
  package static func == (left: GGUFMetadata, right: GGUFMetadata) -> Bool {
    left.entries.elementsEqual(right.entries) { $0.key.utf8.elementsEqual($1.key.utf8) && $0.value == $1.value }
  }
}

// MARK: - Typed look-up

extension GGUFMetadata {
  /// The text of a string value; nil if the key is absent.
  ///
  /// - Throws: `wrongValueType`, `invalidUTF8`.
  package func string(ifPresent key: String) throws(GGUFError) -> String? {
    guard let value = self[key] else { return nil }
    guard value.type == .string else { throw mismatch(key, value, "a string") }
    guard let text = value.text else { throw error(.invalidUTF8, key, "the string is not valid UTF-8") }
    return text
  }

  /// An integer of any integer type.
  ///
  /// llama.cpp reads most keys in one type only; if that matters, check `value.type`.
  /// - Throws: `wrongValueType`, `valueOutOfRange`.
  package func integer(
    ifPresent key: String, in range: ClosedRange<Int> = .min ... .max
  ) throws(GGUFError) -> Int? {
    guard let value = self[key] else { return nil }
    if case .uint64(let large) = value, large > UInt64(Int.max) {
      throw error(.valueOutOfRange, key, "\(large) is too large")
    }
    guard let integer = value.integer else { throw mismatch(key, value, "an integer") }
    guard range.contains(integer) else {
      let bounds =
        range.upperBound == .max ? "at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
      throw error(.valueOutOfRange, key, "expected an integer \(bounds), found \(integer)")
    }
    return integer
  }

  /// A finite number of a floating-point type.
  ///
  /// - Throws: `wrongValueType`, `valueOutOfRange` for infinities and NaN.
  package func number(ifPresent key: String) throws(GGUFError) -> Double? {
    guard let value = self[key] else { return nil }
    guard let number = value.number else { throw mismatch(key, value, "a floating-point number") }
    guard number.isFinite else { throw error(.valueOutOfRange, key, "expected a finite number, found \(number)") }
    return number
  }

  /// - Throws: `wrongValueType`.
  package func boolean(ifPresent key: String) throws(GGUFError) -> Bool? {
    guard let value = self[key] else { return nil }
    guard case .bool(let boolean) = value else { throw mismatch(key, value, "a Boolean") }
    return boolean
  }

  /// - Parameter elementType: the type that the elements must have; nil allows any.
  /// - Throws: `wrongValueType`.
  package func array(
    ifPresent key: String, of elementType: GGUFValueType? = nil
  ) throws(GGUFError) -> GGUFArray? {
    guard let value = self[key] else { return nil }
    guard case .array(let array) = value else { throw mismatch(key, value, "an array") }
    if let elementType, array.elementType != elementType {
      throw mismatch(key, value, "an array of \(elementType.name)")
    }
    return array
  }

  /// An array of integers: of any integer type, or only of `elementType`.
  ///
  /// - Parameter limit: the largest number of elements.
  /// - Throws: `wrongValueType`, `valueOutOfRange`.
  package func integers(
    ifPresent key: String, of elementType: GGUFValueType? = nil, atMost limit: Int = .max
  ) throws(GGUFError) -> [Int]? {
    guard let array = try array(ifPresent: key, of: elementType) else { return nil }
    guard array.count <= limit else {
      throw error(.valueOutOfRange, key, "it has \(array.count) elements, at most \(limit) are accepted")
    }
    if let integers = array.integers { return integers }
    guard array.elementType != .uint64 else { throw error(.valueOutOfRange, key, "an element is too large") }
    throw mismatch(key, .array(array), "an array of integers")
  }

  /// An array of a floating-point type. Elements need not be finite.
  ///
  /// - Throws: `wrongValueType`.
  package func numbers(ifPresent key: String) throws(GGUFError) -> [Double]? {
    guard let array = try array(ifPresent: key) else { return nil }
    guard let numbers = array.numbers else { throw mismatch(key, .array(array), "an array of floating-point numbers") }
    return numbers
  }

  /// An array of strings as bytes, for vocabularies, where `String` would merge canonically equal tokens.
  ///
  /// - Throws: `wrongValueType`.
  package func byteStrings(ifPresent key: String) throws(GGUFError) -> [[UInt8]]? {
    guard let array = try array(ifPresent: key) else { return nil }
    guard let strings = array.byteStrings else { throw mismatch(key, .array(array), "an array of strings") }
    return strings
  }

  /// An array of strings.
  ///
  /// - Throws: `wrongValueType`, `invalidUTF8`.
  package func strings(ifPresent key: String) throws(GGUFError) -> [String]? {
    guard let array = try array(ifPresent: key) else { return nil }
    guard array.elementType == .string else { throw mismatch(key, .array(array), "an array of strings") }
    guard let strings = array.strings else { throw error(.invalidUTF8, key, "a string is not valid UTF-8") }
    return strings
  }

  private func mismatch(_ key: String, _ value: GGUFValue, _ wanted: String) -> GGUFError {
    error(.wrongValueType, key, "expected \(wanted), found \(value.typeName)")
  }

  /// An error about the value of a key, for callers that check more than its type.
  package func error(_ code: GGUFError.Code, _ key: String, _ problem: String) -> GGUFError {
    GGUFError(code, path: path, subject: "key \(key)", problem: problem)
  }
}
