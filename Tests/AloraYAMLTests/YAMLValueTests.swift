import Testing

@testable import AloraYAML

/// Scalars as PyYAML's `safe_load` reads them; the expected values are PyYAML's own.
@Suite struct YAMLValueTests {
  @Test(
    arguments: [
      ("yes", .boolean(true)), ("Yes", .boolean(true)), ("YES", .boolean(true)), ("yEs", .text("yEs")),
      ("no", .boolean(false)), ("OFF", .boolean(false)), ("on", .boolean(true)), ("y", .text("y")), ("n", .text("n")),
      ("true", .boolean(true)), ("1", .integer(1)), ("010", .integer(8)), ("08", .text("08")), ("0x1F", .integer(31)),
      ("0b101", .integer(5)), ("1_000", .integer(1000)), ("+5", .integer(5)), ("-5", .integer(-5)),
      ("1:30", .integer(90)), ("01:30", .text("01:30")), ("1:30.5", .number(90.5)), ("1:75", .text("1:75")),
      ("1.5", .number(1.5)), ("1.", .number(1)), ("1.e+3", .number(1000)), (".5", .number(0.5)), ("1e3", .text("1e3")),
      ("1.5e3", .text("1.5e3")), ("1.5e+3", .number(1500)), ("-1.5E-3", .number(-0.0015)), (".inf", .number(.infinity)),
      ("-.INF", .number(-.infinity)), ("-.nan", .text("-.nan")), ("2024-01-02", .timestamp("2024-01-02")),
      ("2024-1-2", .text("2024-1-2")), ("2001-12-14 21:59:43", .timestamp("2001-12-14 21:59:43")), ("~", .null),
      ("Null", .null), ("nULL", .text("nULL")), ("0", .integer(0)), ("00", .integer(0)), ("0o17", .text("0o17")),
      ("1.2.3", .text("1.2.3")), ("12abc", .text("12abc")), ("+", .text("+")), (".", .text(".")), ("_1", .text("_1")),
      ("1_", .integer(1)), ("190:20:30", .integer(685230)), ("0.5:3", .text("0.5:3")), ("1__0.2", .number(10.2)),
      ("1:2:3.4", .number(3723.4)), ("'yes'", .text("yes")), ("\"1\"", .text("1")), ("answerable", .text("answerable")),
    ] as [(String, YAMLValue)])
  func plainScalarsAreWhatPyYAMLMakesOfThem(_ text: String, _ expected: YAMLValue) throws {
    #expect(try YAMLValue(parsing: "k: \(text)", scalars: .typed)["k"] ?? .null == expected)
  }

  @Test func withoutTypesAVersionAndALanguageStayText() throws {
    #expect(
      try YAMLValue(parsing: "k: [1.10, no, ~]")
        == .map([
          .init(name: "k", key: .text("k"), value: .list([.text("1.10"), .text("no"), .null]))
        ]))
  }

  @Test func keysHaveTypesToo() throws {
    let value = try YAMLValue(parsing: "yes: 1.0\n'no': 0.0\n3: 0.5\n~: 1\n[a]: 2", scalars: .typed)
    guard case .map(let members) = value else {
      Issue.record("not a mapping")
      return
    }
    #expect(members.map(\.key) == [.boolean(true), .text("no"), .integer(3)])
    #expect(members.map(\.name) == ["yes", "no", "3"])
  }

  @Test(arguments: [
    "a: &x 1\nb: *x", String(repeating: "[", count: 40) + String(repeating: "]", count: 40), "a: [", "",
  ])
  func whatCouldExplodeOrIsCutIsRefused(_ text: String) {
    #expect(throws: YAMLError.self) { _ = try YAMLValue(parsing: text, scalars: .typed) }
  }
}
