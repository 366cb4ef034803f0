/// A vocabulary, prepared for masks.
package struct SchemaVocabulary: Sendable {
  package let tokenCount: Int
  /// Tokens that end a text.
  let endTokens: [Int]
  let bytes: [[UInt8]]
  let all: TokenTrie
  /// Tokens that stay within the body of any string, as a mask; the most characters that one of them begins.
  let bodyMask: TokenMask
  let bodyRoom: Int
  /// The other tokens.
  let others: TokenTrie

  /// - Parameters:
  ///   - tokens: the bytes that each token adds to a text; empty for a token without text, such as a control token.
  ///   - endTokens: the tokens that end an answer. They are allowed only after a complete value.
  package init(_ tokens: [[UInt8]], endTokens: Set<Int>) throws(SchemaError) {
    tokenCount = tokens.count
    self.endTokens = endTokens.filter { tokens.indices.contains($0) }.sorted()
    var bytes = tokens
    for token in self.endTokens { bytes[token] = [] }
    self.bytes = bytes
    var states = SchemaStates(try CompiledSchema(stringBody: ()))
    let start = try states.start()
    let body = try states.next(start, UInt8(ascii: "\""))
    var mask = TokenMask(tokenCount: tokens.count)
    var others: [(bytes: [UInt8], token: Int)] = []
    var room = 0
    for (token, text) in bytes.enumerated() where !text.isEmpty {
      states.beginWork()
      var state = body
      var count = 0
      for byte in text where state >= 0 {
        if state == body { count += 1 }
        state = try states.next(state, byte)
        // A quote closes the string.
        if state >= 0, states.states[Int(state)].isComplete { state = -1 }
      }
      if state >= 0, text.count <= TokenTrie.longestToken {
        mask.insert(token)
        room = max(room, count)
      } else {
        others.append((text, token))
      }
    }
    bodyMask = mask
    bodyRoom = room
    self.others = TokenTrie(others)
    all = TokenTrie(bytes.enumerated().map { ($1, $0) })
  }

  /// Whether the token ends a text.
  package func ends(_ token: Int) -> Bool { endTokens.contains(token) }
}
