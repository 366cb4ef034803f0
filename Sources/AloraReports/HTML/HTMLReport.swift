internal import AloraInference
internal import AloraVerification

/// A verification as one self-contained page: no script, no network, the same bytes for the same findings.
package struct HTMLReport: Sendable {
  let report: VerificationReport
  let context: ReportContext

  package init(_ report: VerificationReport, context: ReportContext) {
    self.report = report
    self.context = context
  }

  /// The page.
  package var text: String {
    HTMLPage(title: "\(headline): \(adapterName)", body: header + proofs + overview + cases + reproduction + footer)
      .text
  }

  // MARK: Parts

  private var adapterName: String { context.adapter.name }

  private var headline: String {
    HTMLPage.headline(
      failed: report.result.failedCount, of: report.verdicts.count { $0.outcome == .passed || $0.outcome == .failed },
      "proofs", "passed")
  }

  private var header: HTML {
    let passed = report.result.passed
    return """
      <header class="\(passed ? "passed" : "failed")">
      <p class="eyebrow">alora verify · \(adapterName)</p>
      <h1>\(HTMLPage.mark(passed)) \(headline)</h1>
      <dl class="facts">
      \(context.adapter.html("Adapter"))\(context.model.html("Base"))\(golden)\
      <dt>Invocation</dt><dd>\(invocation)</dd>
      <dt>Made by</dt><dd>alora \(context.version), exactness version \(exactnessVersion)</dd>
      </dl>
      </header>

      """
  }

  private var golden: HTML {
    guard let golden = context.golden else {
      return "<dt>Golden</dt><dd>none: alora generated prompts around the invocation</dd>\n"
    }
    // A golden file may have its own.
    let all = report.cases.compactMap(\.tolerance?.limit)
    let (least, greatest) = (all.min() ?? context.tolerance, all.max() ?? context.tolerance)
    let range: HTML = least == greatest ? "" : "\(Figure(least).description) to "
    return golden.html("Golden") + """
      <dt>Tolerance</dt><dd>\(range)\(Figure(greatest).description) relative to the row’s largest logit</dd>

      """
  }

  private var invocation: HTML {
    guard let tokens = context.invocation else { return "none: an ordinary LoRA, active from the first token" }
    return "<span class=\"mono-text\">\(tokens.map(String.init).joined(separator: ", "))</span>"
  }

  private var proofs: HTML {
    let items = report.verdicts.map { verdict -> HTML in
      let (mark, word): (HTML, HTML) =
        switch verdict.outcome {
        case .passed: (HTMLPage.mark(true), "passed")
        case .failed: (HTMLPage.mark(false), "failed")
        case .notApplicable: (HTMLPage.skippedMark, "not applicable")
        case .recorded: (HTMLPage.skippedMark, "recorded")
        }
      let meaning: HTML =
        verdict.outcome == .recorded
        ? "Later runs are compared with these bits."
        : "\(verdict.proof.meaning(hasGolden: context.golden != nil, hasStates: verdict.hasStates))"
      return """
        <li class="\(verdict.passed ? "passed" : "failed")">\(mark)<div>
        <span class="name">\(verdict.proof.title)</span> <span class="soft">\(word)</span>
        <p>\(verdict.detail)</p>
        <p class="soft">\(meaning)</p>
        \(HTMLPage.failures(report.texts(of: verdict.failures), isNamed: true))</div></li>

        """
    }
    return """
      <section aria-labelledby="proofs">
      <h2 id="proofs">Proofs</h2>
      <ul class="proofs">
      \(items.joined())</ul>
      </section>

      """
  }

  private var cases: HTML {
    guard !report.cases.isEmpty else { return "" }
    let sections = report.cases.enumerated().map { index, item in
      CaseSection(
        item: item, index: index, failures: report.texts(of: report.result.failures(ofCase: index)),
        tolerance: item.tolerance ?? Tolerance(context.tolerance, source: .standard),
        invocation: context.invocation, piece: report.piece, isOpen: report.cases.count == 1
      ).html
    }
    return """
      <section aria-labelledby="cases">
      <h2 id="cases">Prompt by prompt</h2>
      \(sections.joined())</section>

      """
  }

  private var reproduction: HTML {
    """
    <section aria-labelledby="again">
    <h2 id="again">Reproduce this report</h2>
    <p>The same files give the same bits on every machine: alora \(context.version), exactness version \(exactnessVersion).</p>
    <pre><code>\(context.commandLine)</code></pre>
    </section>

    """
  }

  private var footer: HTML {
    """
    <footer>
    <p>A row is the logits of one position. Relative differences are divided by the row’s largest golden logit, without its sign.
    Divergence is Kullback-Leibler’s, in nats, of the computed row from the golden one. The rank is the place of the golden’s top token in
    the computed row.</p>
    </footer>

    """
  }
}
