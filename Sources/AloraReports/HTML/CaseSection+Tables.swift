internal import AloraTensors
internal import AloraInference
internal import AloraVerification

extension CaseSection {
  // MARK: Golden rows

  private static let rowLimit = 100

  var rows: HTML {
    let compared = item.positions.filter { $0.base != nil || $0.adapted != nil }
    guard !compared.isEmpty else { return "" }
    // What is wrong first of all, then in the order of the prompt.
    let shown =
      compared.count <= Self.rowLimit
      ? compared
      : compared.sorted { worst($0) > worst($1) }.prefix(Self.rowLimit).sorted { $0.position < $1.position }
    let lines = shown.flatMap { position in
      [("base", position.base), ("adapted", position.adapted)].compactMap { kind, row in
        row.map { line(position.position, kind, $0) }
      }
    }
    let note: HTML = shown.count < compared.count ? ", the \(shown.count) farthest of \(compared.count)" : ""
    return """
      <details class="more"\(failures.isEmpty ? "" : " open=\"\"" as HTML)><summary>Against the golden logits, row by row\(note)</summary>
      <div class="scroll" role="region" aria-label="Golden rows of \(item.name)" tabindex="0"><table>
      <thead><tr><th scope="col" class="n">position</th><th scope="col">weights</th><th scope="col" class="n">|Δ|</th>\
      <th scope="col" class="n">of magnitude</th><th scope="col" class="n">divergence, nats</th><th scope="col" class="n">rank</th>\
      <th scope="col">top token</th></tr></thead>
      <tbody>
      \(lines.joined())</tbody>
      </table></div></details>

      """
  }

  private func worst(_ position: PositionReport) -> Double {
    max(position.base?.relative ?? 0, position.adapted?.relative ?? 0)
  }

  private func line(_ position: Int, _ kind: String, _ row: RowComparison) -> HTML {
    let fits = row.relative <= tolerance
    return """
      <tr><th scope="row" class="n">\(position)</th><td>\(kind)</td><td class="n">\(Figure(row.largestDelta).description)</td>\
      <td class="n\(fits ? "" : " bad")">\(Figure(row.relative).description)\(fits ? "" : " ✗")</td>\
      <td class="n">\(Figure(row.divergence).description)</td><td class="n">\(row.rankOfExpectedTop)</td>\
      <td>\(row.isSameTop ? "same" : "another")</td></tr>

      """
  }

  // MARK: The cache

  var provenance: HTML {
    guard !item.provenance.isEmpty else { return "" }
    var parts: [(positions: Range<Int>, digest: Digest?)] = []
    for part in item.provenance {
      if let last = parts.last, last.digest == part.adapterDigest,
        last.positions.upperBound == part.positions.lowerBound
      {
        parts[parts.count - 1].positions = last.positions.lowerBound..<part.positions.upperBound
      } else {
        parts.append((part.positions, part.adapterDigest))
      }
    }
    let shared = min(start, item.tokens.count - 1)
    let rows = parts.map { part -> HTML in
      let maker: HTML =
        part.digest.map { "adapter <span class=\"mono\">\(String($0.description.prefix(12)))</span>" } ?? "base alone"
      let use: HTML =
        part.digest == nil
        ? "by base and adapter alike"
        : "by this adapter alone; the base refuses \(part.positions.count == 1 ? "it" : "them")"
      return """
        <tr><th scope="row">\(part.positions.lowerBound)–\(part.positions.upperBound - 1)</th><td>\(maker)</td><td>\(use)</td></tr>

        """
    }
    return """
      <h4 id="cache-\(index)">Keys and values in the cache</h4>
      <table aria-labelledby="cache-\(index)">
      <thead><tr><th scope="col">positions</th><th scope="col">made by</th><th scope="col">can be used</th></tr></thead>
      <tbody>
      \(rows.joined())</tbody>
      </table>
      <p class="soft">The proof of reuse went on from the first \(shared) positions: base then adapter, adapter then base, and base, adapter, \
      base; and from the first \(item.tokens.count - 1), with the adapter twice.</p>

      """
  }
}
