internal import AloraVerification

extension DivergenceChart {
  func legend(_ marks: [Mark]) -> HTML {
    var items: [HTML] = [
      "<li><svg aria-hidden=\"true\"><path class=\"effect\" d=\"M0 6H24\"/></svg>adapted against base, largest difference of a logit</li>"
    ]
    func symbol(_ drawing: HTML, _ text: HTML) {
      items.append("<li><svg aria-hidden=\"true\">\(drawing)</svg>\(text)</li>")
    }
    if marks.contains(where: { !$0.isBase && !$0.isOver }) {
      symbol(
        "<g transform=\"translate(12 6)\"><path class=\"adapted\" d=\"\(Self.diamond)\"/></g>", "adapted against golden"
      )
    }
    if marks.contains(where: { $0.isBase && !$0.isOver }) {
      symbol("<circle class=\"base\" cx=\"12\" cy=\"6\" r=\"4\"/>", "base against golden")
    }
    if marks.contains(where: \.isOver) {
      symbol(
        "<g transform=\"translate(12 6)\"><path class=\"over\" d=\"\(Self.cross)\"/></g>",
        "beyond the tolerance")
    }
    if !marks.isEmpty { symbol("<path class=\"tolerance\" d=\"M0 6H24\"/>", "tolerance") }
    return "<ul class=\"plot-legend legend\">\(items.joined())</ul>\n"
  }

  var words: HTML {
    let before = item.positions.prefix(end)
    var text: HTML = ""
    if !before.isEmpty {
      let differing = before.filter { $0.effect != 0 }
      text +=
        differing.isEmpty
        ? "\(Self.span(0..<end)) run on base weights: adapted and base logits are bit-identical, the difference is exactly 0. "
        : """
        <span class="bad">\(Self.span(0..<end)) should equal the base, but \(differing.count) differ, by up to \
        \(Figure(differing.map(\.effect).max() ?? 0).description).</span> 
        """
    }
    let after = item.positions.dropFirst(end)
    if let most = after.max(by: { $0.effect < $1.effect }), let least = after.min(by: { $0.effect < $1.effect }) {
      text += """
        From position \(end) on, the adapter changes logits by \(Figure(least.effect).description) to \
        \(Figure(most.effect).description).
        """
    } else {
      text += "The adapter is off."
    }
    return text
  }

  static func span(_ positions: Range<Int>) -> HTML {
    positions.count == 1
      ? "Position \(positions.lowerBound)" : "Positions \(positions.lowerBound)–\(positions.upperBound - 1)"
  }
}
