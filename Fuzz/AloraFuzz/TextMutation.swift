/// A template in its pieces: `{{ … }}`, `{% … %}` and what stands between.
enum TemplateText {
  static func pieces(_ bytes: [UInt8]) -> [[UInt8]] {
    var (pieces, piece): ([[UInt8]], [UInt8]) = ([], [])
    for (index, byte) in bytes.enumerated() {
      let next = index + 1 < bytes.count ? bytes[index + 1] : 0
      if byte == 0x7B, next == 0x7B || next == 0x25, !piece.isEmpty {
        pieces.append(piece)
        piece = []
      }
      piece.append(byte)
      if byte == 0x7D, piece.count > 1, piece[piece.count - 2] == 0x7D || piece[piece.count - 2] == 0x25 {
        pieces.append(piece)
        piece = []
      }
    }
    return piece.isEmpty ? pieces : pieces + [piece]
  }

  static func mutated(
    _ bytes: [UInt8], _ random: inout SmallRandom, other: [UInt8]?, change: ([UInt8]) -> [UInt8]
  ) -> [UInt8] {
    var pieces = pieces(bytes)
    guard !pieces.isEmpty else { return change(bytes) }
    let index = Int.random(in: 0..<pieces.count, using: &random)
    switch Int.random(in: 0..<7, using: &random) {
    case 0: pieces.remove(at: index)
    case 1: pieces.insert(pieces[index], at: Int.random(in: 0...pieces.count, using: &random))
    case 2: pieces.swapAt(index, Int.random(in: 0..<pieces.count, using: &random))
    case 3:
      let lender = other.map(self.pieces) ?? pieces
      if let lent = lender.randomElement(using: &random) { pieces.insert(lent, at: index) }
    default:
      let inner = pieces[index]
      pieces[index] =
        inner.count > 4 && inner[0] == 0x7B
        ? Array(inner[..<2]) + change(Array(inner[2..<(inner.count - 2)])) + Array(inner[(inner.count - 2)...])
        : change(inner)
    }
    return pieces.flatMap { $0 }
  }
}
