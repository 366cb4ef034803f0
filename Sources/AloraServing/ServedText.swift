package import AloraGeneration
package import AloraTensors
package import AloraTokenization

/// Turns the tokens of one request into text as they come.
package struct ServedText: Sendable {
  /// A token and its part of the text. The parts of all tokens, joined, are exactly the text: a character that takes
  /// several tokens belongs to the last of them.
  package struct Piece: Hashable, Sendable {
    package internal(set) var text: String
    /// How many characters (Unicode scalars) of the text come before.
    package internal(set) var offset = 0
    package let token: ServedToken
    /// The texts that the alternatives would have here.
    package let alternativeTexts: [String]
  }

  /// Why a text is complete.
  package enum Finish: Hashable, Sendable {
    case endToken
    /// Its schema allows nothing more.
    case complete
    case stopText(String)
    case limit
  }

  private let tokenizer: Tokenizer
  private var stream: TextStream
  /// The same without stop texts, for each token's part.
  private var plain: TextStream
  private let endTokens: Set<Int>
  /// Tokens whose part hasn't been returned.
  private var held: [Piece] = []
  package private(set) var finish: Finish?
  package private(set) var tokenCount = 0
  package private(set) var reusedCount = 0
  package private(set) var digest: Digest?
  package private(set) var pieces: [Piece] = []

  package var text: String { stream.text }

  package init(_ tokenizer: Tokenizer, request: GenerationRequest, stopTexts: [String]) {
    let context = Array(request.tokens.suffix(16))
    self.tokenizer = tokenizer
    stream = TextStream(tokenizer, context: context, stopTexts: stopTexts)
    plain = TextStream(tokenizer, context: context)
    endTokens = request.endTokens
  }

  /// Takes an event.
  ///
  /// - Returns: the tokens whose text can no longer change.
  /// - Throws: ``TokenizationError`` `patternFailed`.
  package mutating func take(_ event: ServingEvent) throws(TokenizationError) -> [Piece] {
    guard finish == nil else { return [] }
    switch event {
    case .began(let count, _):
      reusedCount = count
      return []
    case .token(let token):
      tokenCount += 1
      digest = token.digest
      if endTokens.contains(token.token) { return [] }
      var alternatives: [String] = []
      for alternative in token.alternatives { alternatives.append(try text(of: alternative.token)) }
      held.append(Piece(text: try plain.add(token.token), token: token, alternativeTexts: alternatives))
      let certain = try stream.add(token.token)
      if let stop = stream.stopText { return finishing(.stopText(stop), certain) }
      return release(certain.utf8.count, all: false)
    case .ended(let end):
      let rest = try stream.finish()
      let last = try plain.finish()
      if !held.isEmpty { held[held.count - 1].text += last }
      let stop = stream.stopText.map { Finish.stopText($0) }
      let plainEnd: Finish =
        switch end {
        case .token: .endToken
        case .stopped, .complete: .complete
        case .limit: .limit
        }
      return finishing(stop ?? plainEnd, rest)
    }
  }

  /// The text that a token would add, or its name if it adds none.
  private func text(of token: Int) throws(TokenizationError) -> String {
    var copy = plain
    let text = try copy.add(token)
    return text.isEmpty ? try tokenizer.decode([token]) : text
  }

  private mutating func finishing(_ reason: Finish, _ certain: String) -> [Piece] {
    finish = reason
    return release(certain.utf8.count, all: true)
  }

  /// Moves tokens from `held` whose parts, together, are the next bytes of the text.
  ///
  /// - Parameter all: whether nothing follows. The rest of the text goes with the token that it belongs to.
  private mutating func release(_ byteCount: Int, all: Bool) -> [Piece] {
    untold += byteCount
    var released: [Piece] = []
    while let first = held.first {
      let count = first.text.utf8.count
      // The last token may still get the rest of a character that isn't complete.
      guard count <= untold, all || count > 0 || held.count > 1 else { break }
      released.append(first)
      held.removeFirst()
      untold -= count
    }
    if all, untold > 0, let first = held.first {
      let part = String(decoding: first.text.utf8.prefix(untold), as: UTF8.self)
      released.append(Piece(text: part, token: first.token, alternativeTexts: first.alternativeTexts))
      untold = 0
    }
    // The tokens of the stop text add nothing.
    if all { held = [] }
    for index in released.indices {
      released[index].offset = scalarCount
      scalarCount += released[index].text.unicodeScalars.count
    }
    pieces += released
    return released
  }

  private var scalarCount = 0

  /// The number of bytes of the text that can't change, but belong to a token whose other bytes still can.
  private var untold = 0
}
