internal import Synchronization

/// The masks of one schema over one vocabulary. Each is computed when a text first meets it, and then kept.
///
/// All texts of a schema share one; any number of threads may use it.
package final class SchemaMasks: Sendable {
  package let vocabulary: SchemaVocabulary
  private let core: Mutex<Core>

  package init(_ schema: CompiledSchema, _ vocabulary: SchemaVocabulary) {
    self.vocabulary = vocabulary
    core = Mutex(Core(schema, vocabulary))
  }

  /// How far a text is.
  package struct Place: Sendable {
    fileprivate var number: Int32
    fileprivate var generation: Int
    fileprivate var state: SchemaStates.State
    /// Whether the text is a whole value.
    package var isComplete: Bool { state.isComplete }
  }

  /// Before the first byte.
  package func start() throws(SchemaError) -> Place {
    try core.withLock { (core) throws(SchemaError) in
      let number = try core.states.start()
      return core.place(number)
    }
  }

  /// The place after a token; nil if the mask does not have it.
  ///
  /// An end token leaves the place as it is.
  /// - Throws: `tooComplex`.
  package func place(after token: Int, from place: Place) throws(SchemaError) -> Place? {
    guard vocabulary.bytes.indices.contains(token) else { return nil }
    if vocabulary.ends(token) { return place.isComplete ? place : nil }
    let bytes = vocabulary.bytes[token]
    guard !bytes.isEmpty, bytes.count <= TokenTrie.longestToken else { return nil }
    return try self.place(afterBytes: bytes, from: place)
  }

  package func place(afterBytes bytes: some Sequence<UInt8> & Sendable, from place: Place) throws(SchemaError) -> Place?
  {
    try core.withLock { (core) throws(SchemaError) in
      core.states.beginWork()
      var state = core.number(place)
      for byte in bytes {
        state = try core.states.next(state, byte)
        guard state >= 0 else { return nil }
      }
      state = core.states.trimmed(keeping: state)
      return core.place(state)
    }
  }

  /// The tokens that may come next: those after which the text can still become a value, and the end tokens if it is one.
  ///
  /// - Throws: `tooComplex`.
  package func mask(at place: Place) throws(SchemaError) -> TokenMask {
    try core.withLock { (core) throws(SchemaError) in try core.mask(at: place, vocabulary) }
  }

  /// What changes as masks are computed.
  private struct Core: Sendable {
    var states: SchemaStates
    private var masks: [Int32: TokenMask] = [:]
    private var maskGeneration = 0
    /// How many masks are kept.
    private let maskCount: Int

    init(_ schema: CompiledSchema, _ vocabulary: SchemaVocabulary) {
      states = SchemaStates(schema)
      maskCount = max(16, (64 << 20) / max(1, vocabulary.tokenCount / 8))
    }

    func place(_ number: Int32) -> Place {
      Place(number: number, generation: states.generation, state: states.states[Int(number)])
    }

    mutating func number(_ place: Place) -> Int32 {
      place.generation == states.generation ? place.number : states.restored(place.state)
    }

    mutating func mask(at place: Place, _ vocabulary: SchemaVocabulary) throws(SchemaError) -> TokenMask {
      let state = number(place)
      if maskGeneration != states.generation {
        masks = [:]
        maskGeneration = states.generation
      }
      if let mask = masks[state] { return mask }
      states.beginWork()
      // Within a string, most tokens are allowed whatever comes after it.
      let isBody = place.state.room >= max(1, vocabulary.bodyRoom)
      var mask = isBody ? vocabulary.bodyMask : TokenMask(tokenCount: vocabulary.tokenCount)
      try add(isBody ? vocabulary.others : vocabulary.all, from: state, to: &mask)
      if place.isComplete { for token in vocabulary.endTokens { mask.insert(token) } }
      if masks.count >= maskCount { masks = [:] }
      masks[state] = mask
      return mask
    }

    private mutating func add(_ trie: TokenTrie, from state: Int32, to mask: inout TokenMask) throws(SchemaError) {
      var path = [Int32](repeating: state, count: TokenTrie.longestToken + 1)
      let (bytes, depths, ends, tokenStarts, tokens) = (
        trie.bytes.span, trie.depths.span, trie.ends.span, trie.tokenStarts.span, trie.tokens.span
      )
      var node = 0
      while node < bytes.count {
        let depth = Int(depths[node])
        let next = try states.next(path[depth - 1], bytes[node])
        guard next >= 0 else {
          node = Int(ends[node])
          continue
        }
        path[depth] = next
        for index in Int(tokenStarts[node])..<Int(tokenStarts[node + 1]) { mask.insert(Int(tokens[index])) }
        node += 1
      }
    }
  }
}

/// A text on its way through a schema: one for each sequence.
package struct SchemaText: Sendable {
  package let masks: SchemaMasks
  private var place: SchemaMasks.Place
  /// The tokens that may come next. Empty only if the value is complete and the vocabulary has no end tokens.
  package private(set) var mask: TokenMask

  /// An empty text.
  ///
  /// - Throws: `noToken`, `tooComplex`.
  package init(_ masks: SchemaMasks) throws(SchemaError) {
    self.masks = masks
    place = try masks.start()
    mask = try masks.mask(at: place)
    try check()
  }

  /// Whether the text is a whole value.
  package var isComplete: Bool { place.isComplete }

  /// Adds a token of the mask.
  ///
  /// - Returns: whether the text continues: false after an end token, and if nothing can follow the value.
  /// - Throws: `notAllowed` for another token; `noToken` if the vocabulary cannot continue a value that is not complete;
  ///   `tooComplex`.
  package mutating func advance(_ token: Int) throws(SchemaError) -> Bool {
    guard let next = try masks.place(after: token, from: place) else {
      throw SchemaError(.notAllowed, "the token \(token) is not one of those that the schema allows here")
    }
    guard !masks.vocabulary.ends(token) else { return false }
    place = next
    mask = try masks.mask(at: place)
    try check()
    return !mask.isEmpty
  }

  private func check() throws(SchemaError) {
    guard !mask.isEmpty || isComplete else { throw .vocabularyTooSmall }
  }
}
