internal import AloraSystem

/// Texts, as tokens, to make prompts from.
package struct ServerContexts: Sendable {
  let contexts: [[Int]]

  /// - Parameters:
  ///   - texts: texts that are too short or contain a token of the invocation are left out.
  ///   - vocabularySize: for the tokens of generated texts, if fewer than four are left.
  package init(texts: [[Int]], invocation: [Int]?, vocabularySize: Int) {
    let marked = Set(invocation ?? [])
    var contexts = texts.filter { $0.count >= 24 && marked.isDisjoint(with: $0) }.map { Array($0.prefix(48)) }
    var numbers = FixedSequence()
    while contexts.count < 4 {
      var text: [Int] = []
      for _ in 0..<(24 + contexts.count * 3) {
        var token = numbers.next(below: max(1, vocabularySize))
        // Avoids the invocation's tokens, unless the vocabulary has no others.
        for _ in 0..<marked.count where marked.contains(token) { token = (token + 1) % max(1, vocabularySize) }
        text.append(token)
      }
      contexts.append(text)
    }
    self.contexts = contexts
  }

  /// The beginnings of the texts, with what follows each.
  private func cuts(_ lengths: [Int]) -> [(text: ArraySlice<Int>, rest: ArraySlice<Int>)] {
    lengths.flatMap { length in contexts.map { ($0.prefix(length), $0.dropFirst(length)) } }
  }

  /// Prompts with the invocation after a few tokens: the fewer, the more a moved activation shows.
  func middles(_ invocation: [Int]) -> [[Int]] {
    let lengths = invocation.isEmpty ? [3, 7, 14] : [1, 2, 3, 4, 6, 10]
    return cuts(lengths).enumerated().map { index, cut in cut.text + invocation + cut.rest.prefix(1 + index % 3) }
  }

  /// Prompts with the invocation after a longer text.
  func longMiddles(_ invocation: [Int]) -> [[Int]] {
    contexts.prefix(1).map { $0.dropLast(2) + invocation + $0.suffix(2) }
  }

  /// Prompts with another adapter's invocation near the beginning, and then this one's.
  func behind(_ other: [Int], _ invocation: [Int]) -> [[Int]] {
    let marked = Set(other)
    return contexts.enumerated().map { index, text in
      // Only the invocation has tokens of the other: it must be found there.
      let words = text.filter { !marked.contains($0) }
      var tokens = Array(words.prefix(2)) + other
      tokens += words.dropFirst(2).prefix(4)
      tokens += invocation
      tokens += words.dropFirst(6).prefix(1 + index % 3)
      return tokens
    }
  }

  /// Prompts with the invocation twice.
  func twices(_ invocation: [Int]) -> [[Int]] {
    [(1, 3), (2, 6), (5, 4), (9, 2)].flatMap { length, between in
      cuts([length]).enumerated().map { index, cut in
        cut.text + invocation + cut.rest.prefix(between) + invocation
          + cut.rest.dropFirst(between).prefix(1 + index % 2)
      }
    }
  }

  /// Prompts with the invocation's last token repeated right after it.
  func ownLastTokens(_ invocation: [Int]) -> [[Int]] {
    cuts([3, 12]).prefix(6).enumerated().map { index, cut in
      cut.text + invocation + invocation.suffix(1) + cut.rest.prefix(index % 3)
    }
  }

  func starts(_ invocation: [Int]) -> [[Int]] {
    contexts.enumerated().map { index, text in invocation + text.prefix(3 + index) }
  }

  func plains() -> [[Int]] { contexts.map { Array($0.prefix(16)) } }
}
