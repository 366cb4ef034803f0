internal import Synchronization

/// The masks of the schemas that were used lately, over one vocabulary. Any number of threads may use it.
package final class SchemaCache: Sendable {
  package let vocabulary: SchemaVocabulary
  private let limit: Int
  /// The one used last comes last.
  private let entries = Mutex<[(text: [UInt8], masks: SchemaMasks)]>([])

  /// - Parameter limit: how many schemas are kept.
  package init(_ vocabulary: SchemaVocabulary, limit: Int = 16) {
    self.vocabulary = vocabulary
    self.limit = limit
  }

  /// The masks of a schema, given as JSON text.
  ///
  /// Schemas are compiled one at a time or in parallel, never while others wait for a known one.
  /// - Throws: ``SchemaError``, ``JSONError``.
  package func masks(of text: [UInt8]) throws -> SchemaMasks {
    if let known = known(text) { return known }
    let new = SchemaMasks(try CompiledSchema(text: text), vocabulary)
    return entries.withLock { entries in
      // Another thread may have been faster.
      if let other = entries.first(where: { $0.text == text }) { return other.masks }
      if entries.count >= limit { entries.removeFirst() }
      entries.append((text, new))
      return new
    }
  }

  /// The masks of a schema that was compiled lately.
  package func known(_ text: [UInt8]) -> SchemaMasks? {
    entries.withLock { entries in
      guard let index = entries.firstIndex(where: { $0.text == text }) else { return nil }
      let entry = entries.remove(at: index)
      entries.append(entry)
      return entry.masks
    }
  }
}
