internal import AloraTensors
internal import AloraInference

/// A page's head, style, and the policy that it loads and runs nothing.
struct HTMLPage {
  let title: HTML
  let body: HTML

  var text: String {
    let page: HTML = """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8"/>
      <meta http-equiv="Content-Security-Policy" content="\(Self.policy)"/>
      <meta name="viewport" content="width=device-width, initial-scale=1"/>
      <meta name="color-scheme" content="light dark"/>
      <meta name="referrer" content="no-referrer"/>
      <title>\(title)</title>
      <style>\(Self.style)</style>
      </head>
      <body>
      <main>
      \(body)</main>
      </body>
      </html>

      """
    return page.markup
  }

  /// Allows the page's own style only.
  private static let policy =
    "default-src 'none'; style-src 'sha256-\(digest(of: StyleSheet.text))'; base-uri 'none'; form-action 'none'"
  /// Our own text; nothing in it needs to be escaped.
  private static let style = HTML(stringLiteral: StyleSheet.text)

  private static func digest(of text: String) -> String {
    var hasher = Digest.Hasher()
    hasher.add(Array(text.utf8))
    return hasher.end().bytes.base64
  }

  // MARK: Shared parts

  /// A sign; a word stands beside it.
  static func mark(_ passed: Bool) -> HTML {
    passed
      ? "<span class=\"mark passed\" aria-hidden=\"true\">✓</span>"
      : "<span class=\"mark failed\" aria-hidden=\"true\">✗</span>"
  }

  static let skippedMark: HTML = "<span class=\"mark soft\" aria-hidden=\"true\">–</span>"

  /// - Parameter isNamed: whether to name the prompt of each.
  static func failures(_ failures: [FailureText], isNamed: Bool) -> HTML {
    guard !failures.isEmpty else { return "" }
    let items = failures.map { failure -> HTML in
      let name: HTML? = isNamed ? failure.caseName.map { "<strong>\($0)</strong>: " } : nil
      let cause: HTML? = failure.cause.map { "<span class=\"cause\"><strong>Likely cause:</strong> \($0)</span>" }
      return "<li>\(name)\(failure.finding)\(cause)</li>"
    }
    return "<ul class=\"failures\">\(items.joined())</ul>\n"
  }

  /// The number of checks that passed or failed, as a heading.
  static func headline(failed: Int, of count: Int, _ what: String, _ verb: String) -> String {
    switch failed {
    case 0: return "All \(number(count)) \(what) \(verb)"
    case count: return "All \(number(count)) \(what) failed"
    default:
      let number = number(failed)
      return number.prefix(1).uppercased() + number.dropFirst() + " of \(Self.number(count)) \(what) failed"
    }
  }

  private static func number(_ value: Int) -> String {
    let names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    return names.indices.contains(value) ? names[value] : String(value)
  }
}

extension ReportContext.Subject {
  /// A line of a list of facts.
  func html(_ name: HTML) -> HTML {
    """
    <dt>\(name)</dt><dd>\(path) <span class="mono">\(digestName) \(digest.description)</span></dd>

    """
  }

  /// The last part of the path.
  var name: String { path.split(separator: "/").last.map(String.init) ?? path }
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
