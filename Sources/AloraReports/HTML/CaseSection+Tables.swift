internal import AloraTensors
internal import AloraInference
internal import AloraVerification

extension CaseSection {
  // MARK: Golden rows

  private static let rowLimit = 100

  var rows: HTML {
    let compared = item.positions.filter { $0.base != nil || $0.adapted != nil }
    guard !compared.isEmpty else { return "" }
    // The rows with the largest differences, in the order of the prompt.
    let shown =
      compared.count <= Self.rowLimit
      ? compared
      : compared.sorted { worst($0) > worst($1) }.prefix(Self.rowLimit).sorted { $0.position < $1.position }
    let lines = shown.flatMap { position in
      [("base", position.base), ("adapted", position.adapted)].compactMap { kind, row in
        row.map { line(position.position, kind, $0) }
      }
    }
    let note: HTML =
      shown.count < compared.count ? ", the \(shown.count) with the largest differences of \(compared.count)" : ""
    return """
      <details class="more"\(failures.isEmpty ? "" : " open=\"\"" as HTML)><summary>Comparison with the golden logits, row by row\(note)</summary>
      <div class="scroll" role="region" aria-label="Golden rows of \(item.name)" tabindex="0"><table>
      <thead><tr><th scope="col" class="n">position</th><th scope="col">weights</th><th scope="col" class="n">difference</th>\
      <th scope="col" class="n">relative</th><th scope="col" class="n">divergence, nats</th><th scope="col" class="n">rank</th>\
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
    let fits = tolerance.accepts(row)
    return """
      <tr><th scope="row" class="n">\(position)</th><td>\(kind)</td><td class="n">\(Figure(row.largestDelta).description)</td>\
      <td class="n\(fits ? "" : " bad")">\(Figure(row.relative).description)\(fits ? "" : " ✗")</td>\
      <td class="n">\(Figure(row.divergence).description)</td><td class="n">\(row.rankOfExpectedTop)</td>\
      <td>\(row.isSameTop ? "same" : "another")</td></tr>

      """
  }

  // MARK: Cache

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
        part.digest.map { "adapter <span class=\"mono\">\(String($0.description.prefix(12)))</span>" } ?? "base"
      let use: HTML =
        part.digest == nil
        ? "by the base and the adapter"
        : "only by this adapter; the base refuses \(part.positions.count == 1 ? "it" : "them")"
      return """
        <tr><th scope="row">\(part.positions.lowerBound)–\(part.positions.upperBound - 1)</th><td>\(maker)</td><td>\(use)</td></tr>

        """
    }
    return """
      <h4 id="cache-\(index)">Keys and values in the cache</h4>
      <table aria-labelledby="cache-\(index)">
      <thead><tr><th scope="col">positions</th><th scope="col">made by</th><th scope="col">usable</th></tr></thead>
      <tbody>
      \(rows.joined())</tbody>
      </table>
      <p class="soft">The proof of cache reuse continued from the first \(shared) positions (base then adapter; adapter then base; base, adapter, \
      base) and from the first \(item.tokens.count - 1) (adapter twice).</p>

      """
  }
}
