package import AloraEngineCheck

/// The checks of a server as one self-contained page.
package struct HTMLServerReport: Sendable {
  let report: ServerCheck.Report
  let model: ReportContext.Subject
  let adapter: ReportContext.Subject
  let version: String

  package init(
    _ report: ServerCheck.Report, model: ReportContext.Subject, adapter: ReportContext.Subject, version: String
  ) {
    self.report = report
    self.model = model
    self.adapter = adapter
    self.version = version
  }

  /// The page.
  package var text: String {
    let ran = report.verdicts.filter { $0.outcome != .skipped }
    let failed = ran.count { $0.outcome != .passed }
    let headline = HTMLPage.headline(failed: failed, of: ran.count, "checks", "passed")
    let header: HTML = """
      <header>
      <p class="eyebrow">alora verify · \(report.address.description)</p>
      <h1>\(HTMLPage.mark(failed == 0)) \(headline)</h1>
      <dl class="facts">
      <dt>Server</dt><dd>\(report.serverText), \(report.properties.modelPath ?? "unknown model")</dd>
      <dt>Its adapter</dt><dd>\(report.adapter.identifier.description): \(report.adapter.path)</dd>
      \(adapter.html("Adapter"))\(model.html("Base"))<dt>Noise</dt><dd>\(Figure(report.noise).description) nats: how far its base answers \
      are from the reference</dd>
      \(notes)<dt>Made by</dt><dd>alora \(version), from \(report.requestCount) answers</dd>
      </dl>
      </header>
      \(overview)<section aria-labelledby="checks">
      <h2 id="checks">Checks</h2>
      <ul class="proofs">
      \(report.verdicts.map(item).joined())</ul>
      </section>

      """
    return HTMLPage(title: "\(headline): \(report.address.description)", body: header).text
  }

  private var notes: HTML {
    report.notes.map { note -> HTML in "<dt>Note</dt><dd>\(note)</dd>\n" }.joined()
  }

  /// A list of the server's faults, each with the checks that show it.
  private var overview: HTML {
    var groups: [(finding: String, verdicts: [ServerVerdict])] = []
    for verdict in report.verdicts where verdict.outcome != .skipped {
      let finding = verdict.outcome == .passed ? "" : verdict.fault
      if let index = groups.firstIndex(where: { $0.finding == finding }) {
        groups[index].verdicts.append(verdict)
      } else {
        groups.append((finding, [verdict]))
      }
    }
    // Faults first.
    let items = groups.sorted { !$0.finding.isEmpty && $1.finding.isEmpty }.map { finding, verdicts -> HTML in
      let links = verdicts.enumerated().map { index, verdict -> HTML in
        let separator: HTML = index == 0 ? "" : "<span class=\"soft\"> · </span>"
        return "\(separator)<a href=\"#\(verdict.kind.rawValue)\">\(verdict.kind.title)</a>"
      }
      return """
        <li>\(HTMLPage.mark(finding.isEmpty))<div><span class="name">\(finding.isEmpty ? "as expected" : finding)</span>
        <p>\(links.joined())</p></div></li>

        """
    }
    return """
      <section aria-labelledby="found">
      <h2 id="found">What this server does</h2>
      <ol class="proofs">
      \(items.joined())</ol>
      </section>

      """
  }

  private static let rowLimit = 5

  private func item(_ verdict: ServerVerdict) -> HTML {
    let (sign, word): (HTML, HTML) =
      switch verdict.outcome {
      case .passed: (HTMLPage.mark(true), "as expected")
      case .failed: (HTMLPage.mark(false), "failed")
      case .undecided: ("<span class=\"mark bad\" aria-hidden=\"true\">?</span>", "undecided")
      case .skipped: (HTMLPage.skippedMark, "skipped")
      }
    return """
      <li id="\(verdict.kind.rawValue)">\(sign)<div><span class="name">\(verdict.kind.title)</span> <span class="soft">\(word)</span>
      <p>\(verdict.detail)</p>
      \(fits(verdict))</div></li>

      """
  }

  /// The hypotheses and their residuals.
  private func fits(_ verdict: ServerVerdict) -> HTML {
    guard let fit = verdict.fit, !fit.entries.isEmpty else { return "" }
    let shown = fit.entries.enumerated().filter { index, entry in
      index < Self.rowLimit || entry.hypothesis == verdict.expected || verdict.compatible.contains(entry.hypothesis)
    }.map(\.element)
    let note: HTML =
      shown.count < fit.entries.count ? "; the best \(Self.rowLimit) and the expected one are shown" : ""
    let greatest = shown.reduce(0) { max($0, $1.residual) }
    let rows = shown.map { entry -> HTML in
      let fits = verdict.compatible.contains(entry.hypothesis)
      let words = [fits ? "fits" : "", entry.hypothesis == verdict.expected ? "expected" : ""].filter { !$0.isEmpty }
      let length = greatest > 0 ? min(100, max(1, 100 * entry.residual / greatest)) : 1
      return """
        <tr class="\(fits ? "fits" : "other")"><th scope="row">\(entry.hypothesis.text)</th>\
        <td class="n">\(Figure(entry.residual).description)</td>\
        <td class="bar"><svg aria-hidden="true" viewBox="0 0 100 8" preserveAspectRatio="none">\
        <rect width="\(Figure(length).description)" height="8"/></svg></td>\
        <td>\(words.joined(separator: ", "))</td></tr>

        """
    }
    return """
      <details class="more"\(verdict.outcome == .failed ? " open=\"\"" : "" as HTML)><summary>\(fit.entries.count) explanations tried\(note)</summary>
      <div class="scroll" role="region" aria-label="Explanations of \(verdict.kind.title)" tabindex="0"><table>
      <thead><tr><th scope="col">explanation</th><th scope="col" class="n">residual, nats</th><td></td><th scope="col">verdict</th></tr></thead>
      <tbody>
      \(rows.joined())</tbody>
      </table></div></details>

      """
  }
}
