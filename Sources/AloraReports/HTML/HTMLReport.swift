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
    let page: HTML = """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8"/>
      <meta http-equiv="Content-Security-Policy" content="\(Self.policy)"/>
      <meta name="viewport" content="width=device-width, initial-scale=1"/>
      <meta name="color-scheme" content="light dark"/>
      <meta name="referrer" content="no-referrer"/>
      <title>\(headline): \(adapterName)</title>
      <style>\(Self.style)</style>
      </head>
      <body>
      <main>
      \(header)\(proofs)\(overview)\(cases)\(reproduction)\(footer)</main>
      </body>
      </html>

      """
    return page.markup
  }

  /// Nothing is loaded, nothing runs, and no style but the page's own counts.
  private static let policy =
    "default-src 'none'; style-src 'sha256-\(digest(of: StyleSheet.text))'; base-uri 'none'; form-action 'none'"
  /// Our own text, in which nothing needs to be escaped.
  private static let style = HTML(stringLiteral: StyleSheet.text)

  private static func digest(of text: String) -> String {
    var hasher = Digest.Hasher()
    hasher.add(Array(text.utf8))
    return hasher.end().bytes.base64
  }

  // MARK: Parts

  private var adapterName: String {
    context.adapter.path.split(separator: "/").last.map(String.init) ?? context.adapter.path
  }

  private var headline: String {
    let count = report.verdicts.count
    return switch report.failedCount {
    case 0: "All \(Self.number(count)) proofs hold"
    case 1: "One of \(Self.number(count)) proofs failed"
    case count: "All \(Self.number(count)) proofs failed"
    case let failed:
      Self.number(failed).prefix(1).uppercased() + Self.number(failed).dropFirst()
        + " of \(Self.number(count)) proofs failed"
    }
  }

  private static func number(_ value: Int) -> String {
    let names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    return names.indices.contains(value) ? names[value] : String(value)
  }

  private var header: HTML {
    let passed = report.failedCount == 0
    return """
      <header class="\(passed ? "passed" : "failed")">
      <p class="over">alora verify · \(adapterName)</p>
      <h1>\(Self.mark(passed)) \(headline)</h1>
      <dl class="facts">
      \(subject("Adapter", context.adapter))\(subject("Base", context.model))\(golden)\
      <dt>Invocation</dt><dd>\(invocation)</dd>
      <dt>Made by</dt><dd>alora \(context.version), exactness version \(exactnessVersion)</dd>
      </dl>
      </header>

      """
  }

  private func subject(_ name: HTML, _ subject: ReportContext.Subject) -> HTML {
    """
    <dt>\(name)</dt><dd>\(subject.path) <span class="mono">\(subject.digestName) \(subject.digest.description)</span></dd>

    """
  }

  private var golden: HTML {
    guard let golden = context.golden else {
      return "<dt>Golden</dt><dd>none: prompts were made around the invocation</dd>\n"
    }
    return subject("Golden", golden) + """
      <dt>Tolerance</dt><dd>\(Figure(context.tolerance).description) of a row’s greatest magnitude</dd>

      """
  }

  private var invocation: HTML {
    guard let tokens = context.invocation else { return "none: an ordinary LoRA, on from the first token" }
    return "<span class=\"mono-text\">\(tokens.map(String.init).joined(separator: ", "))</span>"
  }

  private var proofs: HTML {
    let items = report.verdicts.map { verdict -> HTML in
      """
      <li class="\(verdict.passed ? "passed" : "failed")">\(Self.mark(verdict.passed))<div>
      <span class="name">\(verdict.proof.title)</span> <span class="soft">\(verdict.passed ? "holds" : "failed")</span>
      <p>\(verdict.detail)</p>
      <p class="soft">\(verdict.proof.meaning)</p>
      \(Self.failures(verdict.failures.map(\.description)))</div></li>

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

  static func failures(_ texts: [String]) -> HTML {
    texts.isEmpty ? "" : "<ul class=\"failures\">\(texts.map { "<li>\($0)</li>" as HTML }.joined())</ul>\n"
  }

  /// A sign with its word for those who do not see it.
  static func mark(_ passed: Bool) -> HTML {
    passed
      ? "<span class=\"mark passed\" aria-hidden=\"true\">✓</span>"
      : "<span class=\"mark failed\" aria-hidden=\"true\">✗</span>"
  }

  private var cases: HTML {
    guard !report.cases.isEmpty else { return "" }
    let sections = report.cases.enumerated().map { index, item in
      CaseSection(
        item: item, index: index, failures: report.failures(ofCase: item.name), tolerance: context.tolerance,
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
    }
  }

  fileprivate var meaning: String {
    switch self {
    case .structure: "The adapter’s invocation and shapes are ones that the base has."
    case .beforeActivation: "Logits, keys and values before the activation are the base’s, bit for bit."
    case .cacheReuse: "Going on from a cache gives the bits of a new computation, in every order of base and adapter."
    case .afterActivation: "The adapter does something, and what it does agrees with the golden logits."
    case .sensitivity: "These prompts would have shown an activation moved by a token, or an adapter that is off."
    }
  }
}

extension [UInt8] {
  /// Source: RFC 4648, section 4.
  fileprivate var base64: String {
    let alphabet = [Character]("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var text = ""
    for first in stride(from: 0, to: count, by: 3) {
      let part = self[first..<Swift.min(first + 3, count)]
      let bits = part.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - part.count))
      for place in 0...3 { text += place <= part.count ? String(alphabet[bits >> (18 - 6 * place) & 63]) : "=" }
    }
    return text
  }
}
