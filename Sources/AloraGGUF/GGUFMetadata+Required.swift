/// Lookups of required keys: like those with `ifPresent:`, but they throw `missingKey` if the key is absent.
extension GGUFMetadata {
  /// - Throws: `missingKey`, `wrongValueType`, `invalidUTF8`.
  package func string(forKey key: String) throws(GGUFError) -> String { try required(key, string(ifPresent: key)) }

  /// - Throws: `missingKey`, `wrongValueType`, `valueOutOfRange`.
  package func integer(forKey key: String, in range: ClosedRange<Int> = .min ... .max) throws(GGUFError) -> Int {
    try required(key, integer(ifPresent: key, in: range))
  }

  /// - Throws: `missingKey`, `wrongValueType`, `valueOutOfRange`.
  package func number(forKey key: String) throws(GGUFError) -> Double { try required(key, number(ifPresent: key)) }

  /// - Throws: `missingKey`, `wrongValueType`.
  package func boolean(forKey key: String) throws(GGUFError) -> Bool { try required(key, boolean(ifPresent: key)) }

  /// - Throws: `missingKey`, `wrongValueType`.
  package func array(forKey key: String, of elementType: GGUFValueType? = nil) throws(GGUFError) -> GGUFArray {
    try required(key, array(ifPresent: key, of: elementType))
  }

  /// - Throws: `missingKey`, `wrongValueType`, `valueOutOfRange`.
  package func integers(forKey key: String, of elementType: GGUFValueType? = nil) throws(GGUFError) -> [Int] {
    try required(key, integers(ifPresent: key, of: elementType))
  }

  /// - Throws: `missingKey`, `wrongValueType`.
  package func numbers(forKey key: String) throws(GGUFError) -> [Double] { try required(key, numbers(ifPresent: key)) }

  /// - Throws: `missingKey`, `wrongValueType`.
  package func byteStrings(forKey key: String) throws(GGUFError) -> [[UInt8]] {
    try required(key, byteStrings(ifPresent: key))
  }

  /// - Throws: `missingKey`, `wrongValueType`, `invalidUTF8`.
  package func strings(forKey key: String) throws(GGUFError) -> [String] { try required(key, strings(ifPresent: key)) }

  private func required<Value>(_ key: String, _ value: Value?) throws(GGUFError) -> Value {
    guard let value else { throw error(.missingKey, key, "the key is missing") }
    return value
  }
}
