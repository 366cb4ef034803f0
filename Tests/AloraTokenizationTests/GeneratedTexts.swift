import AloraJSON
import AloraTestSupport

/// Texts for tokenizers, the same from the same seed here and in testdata/tokenizers/texts.py.
struct GeneratedTexts {
  private let fragments: [String]
  private let ranges: [(first: UInt64, last: UInt64)]
  private let inserted: [String]
  private var random: SeededRandom

  init(seed: UInt64, inserted: [String]) throws {
    let data = try JSONDocument(path: testData("tokenizers/texts.json")).root
    fragments = try data["fragments"].elements().map { try $0.string() }
    ranges = try data["ranges"].elements().map { range in
      let bounds = try range.elements().map { try $0.integer() }
      return (UInt64(bounds[0]), UInt64(bounds[1]))
    }
    self.inserted = inserted
    random = SeededRandom(seed: seed)
  }

  private mutating func below(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }
  private mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
  private mutating func scalar(_ first: UInt64, _ last: UInt64) -> Unicode.Scalar {
    Unicode.Scalar(UInt32(first + random.next() % (last - first + 1))) ?? "?"
  }

  /// The next text.
  mutating func next() -> String {
    // By scalars: appending strings would not change them, but keeps no promise about it.
    var text = String.UnicodeScalarView()
    let kind = below(8)
    for _ in 0..<below(20) {
      let choice = below(10)
      if kind < 4 && choice < 7 {
        text.append(contentsOf: pick(fragments).unicodeScalars)
        text.append(contentsOf: pick([" ", " ", " ", "", "  ", "\n"]).unicodeScalars)
      } else if choice < 3 {
        text.append(scalar(32, 126))
      } else if choice < 5 {
        let range = pick(ranges)
        text.append(scalar(range.first, range.last))
      } else if choice == 5 {
        let space = pick([" ", "\t", "\n", "\r\n", "\u{A0}", "\u{3000}", "\u{2028}"])
        for _ in 0..<below(5) { text.append(contentsOf: space.unicodeScalars) }
      } else if choice == 6 {
        let number = random.next()
        let limit = (0..<below(9)).reduce(1 as UInt64) { product, _ in product * 10 }
        text.append(contentsOf: String(number % limit).unicodeScalars)
      } else if choice == 7 && !inserted.isEmpty {
        text.append(contentsOf: pick(inserted).unicodeScalars)
      } else if choice == 8 {
        text.append(contentsOf: pick(fragments).unicodeScalars)
      } else {
        let range = pick(ranges)
        for _ in 0..<below(6) { text.append(scalar(range.first, range.last)) }
      }
    }
    return String(text)
  }
}
