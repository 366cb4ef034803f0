import AloraTestSupport
import Testing

@testable import AloraReports
@testable import AloraVerification

/// The page as a strict parser sees it.
@Suite struct HTMLReportTests {
  /// Reports of every kind.
  private static let reports: [(name: String, report: VerificationReport)] = {
    let hostile = "</style><script>alert(1)</script>\u{202E}\u{0}'\"&\u{2028}"
    let long = (0..<3000).map { $0 % 7 }
    return [
      ("one prompt", Fixture.report([Fixture.item("case 0")])),
      ("two", Fixture.report([Fixture.item("case 0"), Fixture.item("case 1", start: nil, golden: nil)])),
      ("none", Fixture.report([])),
      (
        "failed",
        Fixture.report(
          [Fixture.item("case 0", golden: 2), Fixture.item("case 1")],
          failures: [.afterActivation: [.init(.goldenMissed(Fixture.miss), caseIndex: 0)]])
      ),
      (
        "hostile",
        Fixture.report(
          [Fixture.item(hostile)], failures: [.structure: [.init(.adapterChangesNothing, caseIndex: 0)]],
          model: hostile,
          adapter: hostile)
      ),
      ("long", Fixture.report([Fixture.item("case 0", tokens: long, start: 2990)])),
      ("adapted from the first token", Fixture.report([Fixture.item("case 0", start: 0)])),
      ("on after the end", Fixture.report([Fixture.item("case 0", start: 9)])),
      ("one token", Fixture.report([Fixture.item("case 0", tokens: [7], start: 0, golden: nil)])),
      ("not a number", Fixture.report([Fixture.item("case 0", golden: .nan, effect: .infinity)])),
    ]
  }()

  @Test(arguments: reports.indices) func everyPageIsWellFormedAndItsLinksHold(_ index: Int) throws {
    let (name, report) = Self.reports[index]
    let text = Fixture.page(report, command: ["alora", "verify", "--model", report.model])
    let page = XMLPage(text)
    #expect(page.error == nil, "\(name)")
    #expect(text == Fixture.page(report, command: ["alora", "verify", "--model", report.model]))
    let identifiers = page.elements.compactMap { $0.attributes["id"] }
    #expect(Set(identifiers).count == identifiers.count, "\(name)")
    for link in page.all("a") { #expect(identifiers.contains(String(link.attributes["href"]?.dropFirst() ?? "?"))) }
    for element in page.elements {
      for label in (element.attributes["aria-labelledby"] ?? "").split(separator: " ") {
        #expect(identifiers.contains(String(label)), "\(name): \(label)")
      }
      // A style or a handler of its own would be dropped by the policy, and an address would be the network.
      #expect(!element.attributes.keys.contains { $0 == "style" || $0.hasPrefix("on") || $0 == "src" })
      #expect(!["script", "link", "img", "iframe", "object", "form"].contains(element.name))
    }
    #expect(
      !text.contains("http://") && !text.contains("https://") && !text.contains("@import") && !text.contains("url("))
    let levels = page.elements.compactMap {
      $0.name.count == 2 && $0.name.hasPrefix("h") ? Int($0.name.dropFirst()) : nil
    }
    #expect(levels.first == 1 && levels.count { $0 == 1 } == 1)
    for (above, below) in zip(levels, levels.dropFirst()) { #expect(below <= above + 1, "\(name): \(levels)") }
    for head in page.all("th") { #expect(head.attributes["scope"] != nil) }
    for drawing in page.all("svg") where !drawing.path.contains("svg") {
      #expect(drawing.attributes["aria-hidden"] == "true" || drawing.attributes["role"] == "img")
    }
    // Nothing invisible comes through, but line ends of the markup.
    for scalar in text.unicodeScalars where scalar != "\n" {
      #expect(![.control, .format, .lineSeparator, .paragraphSeparator].contains(scalar.properties.generalCategory))
    }
  }

  @Test func hostileTextIsShownAsText() throws {
    let text = Fixture.page(Self.reports[4].report)
    #expect(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;⟨U+202E⟩⟨U+0000⟩&#39;&quot;&amp;⟨U+2028⟩"))
    #expect(XMLPage(text).all("style").count == 1)
  }

  @Test func theStyleIsTheOneThatThePolicyNames() throws {
    let page = XMLPage(Fixture.page(Self.reports[0].report))
    let policy = page.all("meta").compactMap { $0.attributes["http-equiv"] == nil ? nil : $0.attributes["content"] }
    // That the digest is the style's, the browser says: scripts/check_report.py.
    #expect(policy.first?.contains("default-src 'none'; style-src 'sha256-") == true)
    #expect(page.all("style").first?.text == StyleSheet.text)
  }

  @Test func tokensStandUnderTheWeightsThatRanThem() throws {
    let page = XMLPage(Fixture.page(Fixture.report([Fixture.item("case 0")])))
    let (base, adapted) = (page.all("div", class: "base"), page.all("div", class: "adapted"))
    #expect(base.count == 1 && base[0].text.contains("Positions 0–3, base weights"))
    #expect(base[0].text.contains("Hello") && base[0].text.contains("·wörld") && base[0].text.contains("↵"))
    #expect(adapted.count == 1 && adapted[0].text.contains("Positions 4–8, adapted; the invocation is framed"))
    #expect(page.all("li", class: "invocation").map(\.text) == ["<|go|>", "שלום"])
    #expect(page.all("li").first { $0.attributes["title"] == "position 7, token 5" }?.text == "◌\u{301}")
    #expect(page.all("li").first { $0.attributes["title"] == "position 8, token 6" }?.text == "∅")
  }

  @Test func whatFailedIsOpenAndSaid() throws {
    let page = XMLPage(Fixture.page(Self.reports[3].report))
    let cases = page.all("details", class: "case")
    #expect(cases.map { $0.attributes["open"] != nil } == [true, false])
    #expect(cases[0].text.contains("2 of 4 rows fail") && !cases[1].text.contains("rows fail"))
    #expect(page.all("h1").first?.text == "✗ One of five proofs failed")
    #expect(page.all("path", class: "over").count == 1 + 2)  // the legend's, and both positions'
    #expect(XMLPage(Fixture.page(Self.reports[1].report)).all("h1").first?.text == "✓ All five proofs passed")
  }

  @Test func zeroIsSaidOnlyWhereItIsZero() throws {
    let good = Fixture.page(Fixture.report([Fixture.item("case 0")]))
    #expect(good.contains("Positions 0–3 run on base weights") && good.contains("the difference is exactly 0"))
    let item = Fixture.item("case 0")
    var positions = item.positions
    positions[2] = PositionReport(position: 2, effect: 1e-7, base: nil, adapted: nil)
    let bad = CaseReport(
      name: item.name, tokens: item.tokens, activationStart: 4, positions: positions, tops: [],
      provenance: [])
    let text = Fixture.page(Fixture.report([bad]))
    #expect(!text.contains("the difference is exactly 0") && text.contains("but 1 differ, by up to 1e-7"))
    #expect(!text.contains("exactly 0 ·"))
  }

  @Test func longPromptsStayReadable() throws {
    let page = XMLPage(Fixture.page(Self.reports[5].report))
    #expect(page.all("li", class: "gap").map(\.text) == ["… 2510 tokens not shown …"])
    let path = page.all("path", class: "effect").first { $0.path.contains("figure") }?.attributes["d"] ?? ""
    #expect(path.split(separator: "L").count < 801)
  }

  @Test func theCommandCanBeTypedAgain() throws {
    let text = Fixture.page(
      Self.reports[0].report, command: ["alora", "verify", "--model", "a b'c", "--adapter=x", ""])
    #expect(XMLPage(text).all("pre").first?.text == #"alora verify --model 'a b'\''c' --adapter=x ''"#)
  }
}
