package import AloraGeneration
package import AloraTensors
package import AloraTokenization

/// Turns the tokens of one request into text as they come.
package struct ServedText: Sendable {
  /// A token and its part of the text. The parts of all tokens, joined, are exactly the text: a character that takes
  /// several tokens belongs to the last of them.
  package struct Piece: Hashable, Sendable {
    package internal(set) var text: String
    package let token: ServedToken
  }

  /// Why a text is complete.
  package enum Finish: Hashable, Sendable {
    case endToken
    case stopText(String)
    case limit
  }

  private var stream: TextStream
  /// The same without stop texts, for each token's part.
  private var plain: TextStream
  private let endTokens: Set<Int>
  /// Tokens whose part isn't told yet.
  private var held: [Piece] = []
  package private(set) var finish: Finish?
  package private(set) var tokenCount = 0
  package private(set) var reusedCount = 0
  package private(set) var digest: Digest?
  package private(set) var pieces: [Piece] = []

  package var text: String { stream.text }

  package init(_ tokenizer: Tokenizer, request: GenerationRequest, stopTexts: [String]) {
    let context = Array(request.tokens.suffix(16))
    stream = TextStream(tokenizer, context: context, stopTexts: stopTexts)
    plain = TextStream(tokenizer, context: context)
    endTokens = request.endTokens
  }

  /// Takes what happened.
  ///
  /// - Returns: the tokens whose text is certain now.
  /// - Throws: ``TokenizationError`` `patternFailed`.
  package mutating func take(_ event: ServingEvent) throws(TokenizationError) -> [Piece] {
    guard finish == nil else { return [] }
    switch event {
    case .began(let count, _):
      reusedCount = count
      return []
    case .token(let token):
      tokenCount += 1
      if endTokens.contains(token.token) { return [] }
      held.append(Piece(text: try plain.add(token.token), token: token))
      let certain = try stream.add(token.token)
      if let stop = stream.stopText { return finishing(.stopText(stop), certain) }
      return release(certain.utf8.count, all: false)
    case .ended(let end, let digest):
      self.digest = digest
      let rest = try stream.finish()
      let last = try plain.finish()
      if !held.isEmpty { held[held.count - 1].text += last }
      let stop = stream.stopText.map { Finish.stopText($0) }
      return finishing(stop ?? (end == .token ? .endToken : .limit), rest)
    }
  }

  private mutating func finishing(_ reason: Finish, _ certain: String) -> [Piece] {
    finish = reason
    return release(certain.utf8.count, all: true)
  }

  /// Moves tokens from `held` whose parts, together, are the next bytes of the text.
  ///
  /// - Parameter all: whether nothing follows: what is left of the text goes with the token that it belongs to.
  private mutating func release(_ byteCount: Int, all: Bool) -> [Piece] {
    untold += byteCount
    var released: [Piece] = []
    while let first = held.first {
      let count = first.text.utf8.count
      guard count <= untold else { break }
      released.append(first)
      held.removeFirst()
      untold -= count
    }
    if all, untold > 0, let first = held.first {
      let part = String(decoding: first.text.utf8.prefix(untold), as: UTF8.self)
      released.append(Piece(text: part, token: first.token))
      untold = 0
    }
    if all {
      // Without a part of the text, a token after the stop text says nothing.
      held = []
    }
    pieces += released
    return released
  }

  /// Bytes of the text that are certain, but whose token's part isn't yet.
  private var untold = 0
}
