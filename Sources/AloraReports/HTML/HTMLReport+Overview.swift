internal import AloraSystem
internal import AloraVerification

extension HTMLReport {
  /// A row for each case, if there are several.
  var overview: HTML {
    guard report.cases.count > 1 else { return "" }
    let hasGolden = report.cases.contains { $0.worst != nil }
    let golden: HTML = hasGolden ? "<th scope=\"col\" class=\"n\">largest difference</th>" : ""
    let rows = report.cases.enumerated().map { index, item -> HTML in
      let failures = report.result.failures(ofCase: index)
      let worst: HTML =
        hasGolden ? "<td class=\"n\">\(item.worst.map { Figure($0.relative).description } ?? "–")</td>" : ""
      let start: HTML = item.isActivated ? "\(item.activationStart ?? 0)" : "off"
      return """
        <tr><th scope="row"><a href="#case-\(index)">\(item.name)</a></th><td class="n">\(item.tokens.count)</td>\
        <td class="n">\(start)</td><td class="n">\(Figure(item.largestEffect).description)</td>\(worst)\
        <td class="\(failures.isEmpty ? "passed" : "failed")">\(HTMLPage.mark(failures.isEmpty)) \
        \(failures.isEmpty ? "passed" : "failed")</td></tr>

        """
    }
    return """
      <section aria-labelledby="overview">
      <h2 id="overview">\(counted(report.cases.count, "prompt"))</h2>
      <div class="scroll" role="region" aria-label="Table of prompts" tabindex="0"><table>
      <thead><tr><th scope="col">prompt</th><th scope="col" class="n">tokens</th><th scope="col" class="n">active from</th>\
      <th scope="col" class="n">effect</th>\(golden)<th scope="col">verdict</th></tr></thead>
      <tbody>
      \(rows.joined())</tbody>
      </table></div>
      </section>

      """
  }
}

extension CaseReport {
  /// Whether any token is adapted.
  var isActivated: Bool { activationStart.map { $0 < tokens.count } ?? false }

  /// The largest change that the adapter makes to a logit; infinite if there is NaN.
  var largestEffect: Double { positions.map(\.effect).max() ?? 0 }

  /// The golden row with the largest relative difference.
  var worst: RowComparison? {
    positions.flatMap { [$0.base, $0.adapted].compactMap(\.self) }.max { $0.relative < $1.relative }
  }
}
