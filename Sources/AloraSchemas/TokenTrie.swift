/// The tokens of a vocabulary by their bytes, so that a beginning that is not allowed is looked at once for all of them.
struct TokenTrie: Sendable {
  /// For each node, depth first: its byte, how deep it is, where the first node outside of it is, and where its tokens begin.
  private(set) var bytes: [UInt8] = []
  private(set) var depths: [UInt16] = []
  private(set) var ends: [Int32] = []
  private(set) var tokenStarts: [Int32] = []
  private(set) var tokens: [Int32] = []
  /// Longer tokens are never allowed.
  static let longestToken = 512

  /// - Parameter tokens: the bytes of each that is part of it, and its number.
  init(_ tokens: [(bytes: [UInt8], token: Int)]) {
    let sorted = tokens.filter { !$0.bytes.isEmpty && $0.bytes.count <= Self.longestToken }
      .sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
    var path: [Int] = []
    var current: [UInt8] = []
    for (text, token) in sorted {
      var common = 0
      while common < current.count, common < text.count, current[common] == text[common] { common += 1 }
      while path.count > common { ends[path.removeLast()] = Int32(bytes.count) }
      for byte in text[common...] {
        path.append(bytes.count)
        bytes.append(byte)
        depths.append(UInt16(path.count))
        ends.append(0)
        tokenStarts.append(Int32(self.tokens.count))
      }
      current = text
      // Equal texts follow each other, so that a node's tokens are together.
      self.tokens.append(Int32(token))
    }
    while let node = path.popLast() { ends[node] = Int32(bytes.count) }
    tokenStarts.append(Int32(self.tokens.count))
  }
}
