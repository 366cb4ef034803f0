internal import AloraSystem
internal import AloraInference
internal import AloraVerification

/// One prompt: its chart, its tokens, the likeliest tokens, the figures at golden positions, and which weights made its cache.
struct CaseSection {
  let item: CaseReport
  let index: Int
  let failures: [FailureText]
  let tolerance: Tolerance
  let invocation: [Int]?
  let piece: (@Sendable (Int) -> String?)?
  let isOpen: Bool

  private static let tokenLimit = 480
  private static let topLimit = 9

  var html: HTML {
    """
    <details class="case"\(isOpen || !failures.isEmpty ? " open=\"\"" : "" as HTML)>
    <summary>\(HTMLPage.mark(failures.isEmpty)) <h3>\(item.name)</h3> <span class="soft">\(summary)</span></summary>
    <div class="inside" id="case-\(index)">
    \(HTMLPage.failures(failures, isNamed: false))\(chart)<h4>Tokens</h4>
    \(tokens)\(tops)\(rows)\(provenance)</div>
    </details>

    """
  }

  private var summary: HTML {
    let start: HTML = item.isActivated ? "adapter active from position \(item.activationStart ?? 0)" : "adapter off"
    return "\(counted(item.tokens.count, "token")), \(start), \(failures.isEmpty ? "passed" : "failed")"
  }

  private var chart: HTML {
    guard !item.positions.isEmpty else { return "" }
    return "<h4>Divergence over positions</h4>\n"
      + DivergenceChart(item: item, tolerance: tolerance, identifier: "chart-\(index)").figure
  }

  /// How the model spells a token, or its number.
  private func spelling(_ token: Int) -> String { piece?(token)?.shownAsPiece ?? "#\(token)" }

  // MARK: Tokens

  var start: Int { min(item.activationStart ?? item.tokens.count, item.tokens.count) }

  private var tokens: HTML {
    let parts = [(0..<start, "base weights", "base"), (start..<item.tokens.count, "adapted", "adapted")]
    return parts.filter { !$0.0.isEmpty }.map { range, words, kind -> HTML in
      """
      <div class="run \(kind)"><span class="label" id="run-\(index)-\(kind)">\(DivergenceChart.span(range)), \(words)\
      \(kind == "adapted" && invocationRange != nil ? "; the invocation is framed" : "")</span>
      <ol aria-labelledby="run-\(index)-\(kind)" start="\(range.lowerBound)">\(list(range))</ol></div>

      """
    }.joined()
  }

  /// The positions of the invocation that activates the adapter.
  private var invocationRange: Range<Int>? {
    guard let invocation, !invocation.isEmpty, start + invocation.count <= item.tokens.count,
      Array(item.tokens[start..<(start + invocation.count)]) == invocation
    else { return nil }
    return start..<(start + invocation.count)
  }

  private func list(_ range: Range<Int>) -> HTML {
    let half = Self.tokenLimit / 2
    guard range.count > Self.tokenLimit else { return range.map(token).joined() }
    let left = range.count - 2 * half
    return range.prefix(half).map(token).joined() + "<li class=\"gap\">… \(left) tokens not shown …</li>"
      + range.suffix(half).map(token).joined()
  }

  private func token(_ position: Int) -> HTML {
    let isInvocation = invocationRange?.contains(position) ?? false
    return """
      <li\(isInvocation ? " class=\"invocation\"" : "" as HTML) title="position \(position), token \(item.tokens[position])">\
      \(spelling(item.tokens[position]))</li>
      """
  }

  // MARK: Likeliest tokens

  /// Only those around the activation and at the end, if there are too many to read.
  private var shownTops: [TopTokens] {
    guard item.tops.count > Self.topLimit else { return item.tops }
    let first = item.tops.firstIndex { $0.position >= start } ?? item.tops.count
    let around = max(0, first - 1)..<min(item.tops.count, first + Self.topLimit - 4)
    let kept = Set(around).union(item.tops.indices.suffix(Self.topLimit - around.count))
    return kept.sorted().map { item.tops[$0] }
  }

  private var tops: HTML {
    let shown = shownTops
    guard !shown.isEmpty else { return "" }
    let hasGolden = shown.contains { $0.golden != nil }
    let note: HTML = shown.count < item.tops.count ? " (\(shown.count) of \(item.tops.count) positions)" : ""
    let bodies = shown.map { top -> HTML in
      let count = [top.base.count, top.adapted.count, top.golden?.count ?? 0].max() ?? 0
      let rows = (0..<count).map { rank -> HTML in
        """
        <tr\(rank == 0 ? " class=\"first\"" : "" as HTML)>\(cell(top.base, rank))\(cell(top.adapted, rank))\
        \(hasGolden ? cell(top.golden ?? [], rank) : nil)</tr>

        """
      }
      return """
        <tbody><tr><th colspan="\(hasGolden ? 3 : 2)" scope="rowgroup">after position \(top.position), \
        <span class="piece">\(spelling(item.tokens[top.position]))</span></th></tr>
        \(rows.joined())</tbody>

        """
    }
    return """
      <h4 id="tops-\(index)">Likeliest next tokens\(note)</h4>
      <table class="tops" aria-labelledby="tops-\(index)">
      <caption>Each with its probability and its logit.</caption>
      <thead><tr><th scope="col">base</th><th scope="col">adapted</th>\
      \(hasGolden ? "<th scope=\"col\">golden, adapted</th>" : "" as HTML)</tr></thead>
      \(bodies.joined())</table>

      """
  }

  private func cell(_ entries: [TopTokens.Entry], _ rank: Int) -> HTML {
    guard entries.indices.contains(rank) else { return "<td></td>" }
    let entry = entries[rank]
    return """
      <td><div class="entry"><span class="piece" title="token \(entry.token)">\(spelling(entry.token))</span> <span class="p">\
      \(Figure.percentage(entry.probability)) <span class="logit">\(Figure.hundredths(Double(entry.logit)))</span></span></div></td>
      """
  }
}
