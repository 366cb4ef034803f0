import AloraGeneration
import AloraSystem
import Testing

@testable import AloraReports

/// Remedies in the names of a front end.
@Suite struct RemedyTextTests {
  private struct Names: OptionNames {
    var known = Set(RemedyOption.allCases).subtracting([.chatInUse])

    func name(of option: RemedyOption) -> String? { known.contains(option) ? "<\(option)>" : nil }
    func outputName(of path: String?) -> String? { path == "out" ? "<output>" : nil }
    func mergeCommand(adapterPath path: String?) -> String { "merge \(path ?? "it")" }
  }

  private static let none = Names(known: [])

  @Test(
    arguments: [
      (Remedy.overwrite, "give <overwrite> to replace it", nil), (.outputType("f16"), "give <outputType> f16", nil),
      (.otherOutput, "write to another path", "write to another path"),
      (.ignoreField("x"), "give <ignoredField> x if you know that it changes nothing", nil),
      (.wholeTree, "convert a tree of adapters with <wholeTree>", nil),
      (.inspectValues, "look for NaN, infinite or huge weights with <inspection>", nil),
      (.nameTokenizer, "give a base with a tokenizer: <tokenizerSource>", "name a base model that has a tokenizer"),
      (.exceedContext, "shorten the prompt, or allow it with <beyondContext>", "shorten the prompt"),
      (.plainPrompt, "give the prompt as text, with <prompt>", nil),
      ("check the path", "check the path", "check the path"),
      (.mergeAdapter, "merge the adapter into the base: merge it", "merge the adapter into the base: merge it"),
    ] as [(Remedy, String, String?)])
  func aRemedyIsNamedIfThereIsAnOption(_ remedy: Remedy, _ text: String, _ without: String?) {
    #expect(remedy.text(Names()) == text)
    #expect(remedy.text(Self.none) == without)
  }

  @Test func severalRemediesAreOneClause() {
    let both = Remedy.either([.overwrite, .otherOutput])
    #expect(both.text(Names(), path: "out") == "give <overwrite> to replace it, or another <output>")
    #expect(both.text(Names(), path: "other") == "give <overwrite> to replace it, or write to another path")
    #expect(both.text(Self.none) == "write to another path")
    #expect(Remedy.either([.overwrite, .wholeTree]).text(Self.none) == nil)
  }

  @Test func aChatInUseIsToBeLeftOut() {
    var names = Names()
    names.known.insert(.chatInUse)
    #expect(Remedy.plainPrompt.text(names) == "leave out <chatInUse>")
  }

  @Test func anErrorIsOneLine() {
    let error = FileError(.alreadyExists, operation: "write", path: "a\nb", detail: "a file of that name exists")
    #expect(
      error.line(Names())
        == "a\\u{a}b: cannot write: a file of that name exists; give <overwrite> to replace it, or write to another path"
    )
    let other = FileError(.system, operation: "write", path: "a", detail: "broken")
    #expect(other.line(Names()) == "a: cannot write: broken")
  }

  @Test func aWordIsQuotedForAShellIfItNeedsIt() {
    #expect(
      ["a/b-c_1.gguf", "a b", "", "it's", "é"].map(\.quotedForShell) == [
        "a/b-c_1.gguf", "'a b'", "''", "'it'\\''s'", "'é'",
      ])
  }
}

@Suite struct ProgressLineTests {
  @Test func aLineComesAfterASecondAndNotTooOften() {
    var line = ProgressLine("working", total: 200, start: 100)
    #expect(line.text(done: 50, now: 100.9) == nil && !line.isShown)
    #expect(line.text(done: 50, now: 102) == "working 25 % 7 s left" && line.isShown)
    #expect(line.text(done: 60, now: 102.05) == nil)
    #expect(line.text(done: 100, now: 104) == "working 50 % 5 s left")
    #expect(line.text(done: 900, now: 110) == "working 100 % 1 s left")
    var slow = ProgressLine("working", total: 0, start: 0)
    #expect(slow.text(done: 0, now: 5) == "working 0 %")
  }
}

@Suite struct ReportTargetTests {
  @Test(
    arguments: [
      ("json=a", ReportTarget.json("a")), ("junit=a=b", .junit("a=b")), ("html=a", .html("a")),
      ("github", .github(nil)),
      ("github=a", .github("a")), ("json", nil), ("json=", nil), ("github=", nil), ("html=-", nil), ("pdf=a", nil),
      ("", nil),
    ] as [(String, ReportTarget?)])
  func aTargetIsAKindAndAFile(_ text: String, _ target: ReportTarget?) {
    #expect(ReportTarget(text) == target)
    #expect(target.map { ($0 == .github("a") || $0 == .github(nil)) == $0.writesLog } ?? true)
  }
}
