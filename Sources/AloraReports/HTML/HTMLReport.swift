internal import AloraInference
public import AloraVerification

/// A verification as one self-contained page: no script, no network, the same bytes for the same findings.
public struct HTMLReport: Sendable {
  let report: VerificationReport
  let context: ReportContext
  /// How the model's vocabulary spells a token; nil: not at all.
  let piece: (@Sendable (Int) -> String?)?

  public init(
    _ report: VerificationReport, context: ReportContext, piece: (@Sendable (Int) -> String?)? = nil
  ) {
    self.report = report
    self.context = context
    self.piece = piece
  }

  /// The page.
  public var text: String {
    HTMLPage(title: "\(headline): \(adapterName)", body: header + proofs + overview + cases + reproduction + footer)
      .text
  }

  // MARK: Parts

  private var adapterName: String { context.adapter.name }

  private var headline: String {
    HTMLPage.headline(failed: report.failedCount, of: report.verdicts.count { !$0.isRecord }, "proofs", "hold")
  }

  private var header: HTML {
    let passed = report.failedCount == 0
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
      return "<dt>Golden</dt><dd>none: prompts were made around the invocation</dd>\n"
    }
    // A golden file may say its own.
    let all = report.cases.compactMap(\.tolerance)
    let (least, greatest) = (all.min() ?? context.tolerance, all.max() ?? context.tolerance)
    let range: HTML = least == greatest ? "" : "\(Figure(least).description) to "
    return golden.html("Golden") + """
      <dt>Tolerance</dt><dd>\(range)\(Figure(greatest).description) of a row’s greatest magnitude</dd>

      """
  }

  private var invocation: HTML {
    guard let tokens = context.invocation else { return "none: an ordinary LoRA, on from the first token" }
    return "<span class=\"mono-text\">\(tokens.map(String.init).joined(separator: ", "))</span>"
  }

  private var proofs: HTML {
    let items = report.verdicts.map { verdict -> HTML in
      let (mark, word): (HTML, HTML) =
        verdict.isRecord
        ? (HTMLPage.skippedMark, "recorded") : (HTMLPage.mark(verdict.passed), verdict.passed ? "holds" : "failed")
      let meaning: HTML =
        verdict.isRecord
        ? "Later runs are held to these bits." : "\(verdict.proof.meaning(hasGolden: context.golden != nil))"
      return """
        <li class="\(verdict.passed ? "passed" : "failed")">\(mark)<div>
        <span class="name">\(verdict.proof.title)</span> <span class="soft">\(word)</span>
        <p>\(verdict.detail)</p>
        <p class="soft">\(meaning)</p>
        \(HTMLPage.failures(verdict.failures, isNamed: true))</div></li>

        """
    }
    return """
      <section aria-labelledby="proofs">
      <h2 id="proofs">What was proved</h2>
      <ul class="proofs">
      \(items.joined())</ul>
      </section>

      """
  }

  private var cases: HTML {
    guard !report.cases.isEmpty else { return "" }
    let sections = report.cases.enumerated().map { index, item in
      CaseSection(
        item: item, index: index, failures: report.failures(ofCase: item.name),
        tolerance: item.tolerance ?? context.tolerance,
        invocation: context.invocation, piece: piece, isOpen: report.cases.count == 1
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
    <h2 id="again">How to find the same</h2>
    <p>The same files give the same bits on every machine: alora \(context.version), exactness version \(exactnessVersion).</p>
    <pre><code>\(context.commandLine)</code></pre>
    </section>

    """
  }

  private var footer: HTML {
    """
    <footer>
    <p>|Δ| is the difference of two logits. A row’s magnitude is its greatest logit, without sign. Divergence (Kullback-Leibler, in nats)
    is that of what was found from what the golden expects. The rank is that of the golden’s likeliest token among those found.</p>
    </footer>

    """
  }
}

extension Verdict.Proof {
  fileprivate var title: String {
    switch self {
    case .structure: "Structure"
    case .beforeActivation: "Before the activation"
    case .cacheReuse: "Reuse of caches"
    case .afterActivation: "After the activation"
    case .sensitivity: "Sensitivity"
    case .baseline: "Baseline"
    }
  }

  fileprivate func meaning(hasGolden: Bool) -> String {
    switch self {
    case .structure: "The adapter’s invocation and shapes are ones that the base has."
    case .beforeActivation: "Logits, keys and values before the activation are the base’s, bit for bit."
    case .cacheReuse: "Going on from a cache gives the bits of a new computation, in every order of base and adapter."
    case .afterActivation:
      hasGolden
        ? "The adapter does something, and what it does agrees with the golden logits."
        : "The adapter does something. Whether it is what was trained, golden logits would tell."
    case .sensitivity:
      "These rows would have shown an activation moved by a token, an adapter that is off, or its scaling left out."
    case .baseline: "Logits, keys and values are the bits that an earlier run has recorded."
    }
  }
}
