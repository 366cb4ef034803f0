public import AloraServerCheck
internal import AloraVerification

/// The checks of a server as one self-contained page.
public struct HTMLServerReport: Sendable {
  let report: ServerCheck.Report
  let model: ReportContext.Subject
  let adapter: ReportContext.Subject
  let version: String

  public init(
    _ report: ServerCheck.Report, model: ReportContext.Subject, adapter: ReportContext.Subject, version: String
  ) {
    self.report = report
    self.model = model
    self.adapter = adapter
    self.version = version
  }

  /// The page.
  public var text: String {
    let ran = report.verdicts.filter { $0.outcome != .skipped }
    let failed = ran.count { $0.outcome != .passed }
    let headline = HTMLPage.headline(failed: failed, of: ran.count, "checks", "passed")
    let header: HTML = """
      <header>
      <p class="eyebrow">alora verify · \(report.address.description)</p>
      <h1>\(HTMLPage.mark(failed == 0)) \(headline)</h1>
      <dl class="facts">
      <dt>Server</dt><dd>llama-server, \(report.properties.build ?? "unknown build"), \(report.properties.modelPath ?? "unknown model")</dd>
      <dt>Its adapter</dt><dd>\(report.adapter.identifier): \(report.adapter.path)</dd>
      \(adapter.html("Adapter"))\(model.html("Base"))<dt>Noise</dt><dd>\(Figure(report.noise).description) nats: what its base \
      answers differ from the reference by</dd>
      <dt>Made by</dt><dd>alora \(version), from \(report.requestCount) answers</dd>
      </dl>
      </header>
      <section aria-labelledby="checks">
      <h2 id="checks">What was asked, and what fits the answers</h2>
      <ul class="proofs">
      \(report.verdicts.map(item).joined())</ul>
      </section>

      """
    return HTMLPage(title: "\(headline): \(report.address.description)", body: header).text
  }

  private static let rowLimit = 8

  private func item(_ verdict: ServerVerdict) -> HTML {
    let (sign, word): (HTML, HTML) =
      switch verdict.outcome {
      case .passed: (HTMLPage.mark(true), "as it should be")
      case .failed: (HTMLPage.mark(false), "failed")
      case .undecided: ("<span class=\"mark bad\" aria-hidden=\"true\">?</span>", "cannot be decided")
      case .skipped: (HTMLPage.skippedMark, "skipped")
      }
    return """
      <li>\(sign)<div><span class="name">\(verdict.kind.title)</span> <span class="soft">\(word)</span>
      <p>\(verdict.detail)</p>
      \(fits(verdict))</div></li>

      """
  }

  /// What was tried, and what the answers differ from it by.
  private func fits(_ verdict: ServerVerdict) -> HTML {
    guard let fit = verdict.fit, !fit.entries.isEmpty else { return "" }
    let shown = fit.entries.enumerated().filter { index, entry in
      index < Self.rowLimit || entry.hypothesis == verdict.expected || verdict.compatible.contains(entry.hypothesis)
    }.map(\.element)
    let note: HTML =
      shown.count < fit.entries.count ? ", the nearest \(Self.rowLimit) and what is expected are shown" : ""
    let rows = shown.map { entry -> HTML in
      let isExpected = entry.hypothesis == verdict.expected
      return """
        <tr><th scope="row">\(entry.hypothesis.description)</th><td class="n">\(Figure(entry.residual).description)</td>\
        <td>\(verdict.compatible.contains(entry.hypothesis) ? "fits" : "")\(isExpected ? " (expected)" : "")</td></tr>

        """
    }
    return """
      <details class="more"\(verdict.outcome == .failed ? " open=\"\"" : "" as HTML)><summary>\(fit.entries.count) explanations tried\(note)</summary>
      <div class="scroll" role="region" aria-label="Explanations of \(verdict.kind.title)" tabindex="0"><table>
      <thead><tr><th scope="col">explanation</th><th scope="col" class="n">residual, nats</th><th scope="col">verdict</th></tr></thead>
      <tbody>
      \(rows.joined())</tbody>
      </table></div></details>

      """
  }
}
