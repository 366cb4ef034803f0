/// The masks of one schema over one vocabulary, computed once for each state that is met.
///
/// Not for several threads at once; several texts may use it in turn.
package final class SchemaMasks {
  package let vocabulary: SchemaVocabulary
  private let states: SchemaStates
  private var masks: [Int32: TokenMask] = [:]
  private var maskGeneration = 0
  /// How many masks are kept.
  private let maskCount: Int

  package init(_ schema: CompiledSchema, _ vocabulary: SchemaVocabulary) {
    self.vocabulary = vocabulary
    states = SchemaStates(schema)
    maskCount = max(16, (64 << 20) / max(1, vocabulary.tokenCount / 8))
  }

  /// How far a text is.
  package struct Place {
    fileprivate var state: Int32
    fileprivate var generation: Int
    fileprivate var places: [UInt64]
    /// Whether the text is a whole value.
    package fileprivate(set) var isComplete: Bool
  }

  package func start() throws(SchemaError) -> Place { place(try states.start()) }

  private func place(_ state: Int32) -> Place {
    let known = states.states[Int(state)]
    return Place(
      state: state, generation: states.generation, places: known.places, isComplete: known.isComplete)
  }

  private func number(_ place: Place) throws(SchemaError) -> Int32 {
    if place.generation == states.generation { return place.state }
    return try states.restored(place.places, isComplete: place.isComplete)
  }

  /// The place after a token; nil where the mask does not have it.
  ///
  /// An end token leaves the place as it is.
  /// - Throws: `tooComplex`.
  package func place(after token: Int, from place: Place) throws(SchemaError) -> Place? {
    guard vocabulary.bytes.indices.contains(token) else { return nil }
    if vocabulary.endTokens.contains(token) { return place.isComplete ? place : nil }
    let bytes = vocabulary.bytes[token]
    guard !bytes.isEmpty else { return nil }
    return try self.place(afterBytes: bytes, from: place)
  }

  package func place(afterBytes bytes: some Sequence<UInt8>, from place: Place) throws(SchemaError) -> Place? {
    var state = try number(place)
    for byte in bytes {
      state = try states.next(state, byte)
      guard state >= 0 else { return nil }
    }
    return self.place(try states.trimmed(keeping: state))
  }

  /// The tokens that may come next: those after which the text can still become a value, and the end tokens if it is one.
  ///
  /// - Throws: `tooComplex`.
  package func mask(at place: Place) throws(SchemaError) -> TokenMask {
    let state = try number(place)
    if maskGeneration != states.generation {
      masks = [:]
      maskGeneration = states.generation
    }
    if let mask = masks[state] { return mask }
    // Within a string, most tokens are allowed whatever comes after it.
    let isBody = states.states[Int(state)].room >= max(1, vocabulary.bodyRoom)
    var mask = isBody ? vocabulary.bodyMask : TokenMask(tokenCount: vocabulary.tokenCount)
    try add(isBody ? vocabulary.others : vocabulary.all, from: state, to: &mask)
    if place.isComplete { for token in vocabulary.endTokens { mask.insert(token) } }
    if masks.count >= maskCount { masks = [:] }
    masks[state] = mask
    return mask
  }

  private func add(_ trie: TokenTrie, from state: Int32, to mask: inout TokenMask) throws(SchemaError) {
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
