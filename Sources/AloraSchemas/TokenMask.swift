/// Which tokens are allowed, a bit for each.
package struct TokenMask: Hashable, Sendable {
  package private(set) var words: [UInt64]

  init(tokenCount: Int) { words = [UInt64](repeating: 0, count: (tokenCount + 63) / 64) }

  package func contains(_ token: Int) -> Bool {
    token >= 0 && token >> 6 < words.count && words[token >> 6] >> UInt64(token & 63) & 1 == 1
  }

  mutating func insert(_ token: Int) { words[token >> 6] |= 1 << UInt64(token & 63) }

  package var isEmpty: Bool { words.allSatisfy { $0 == 0 } }
  package var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }
}
