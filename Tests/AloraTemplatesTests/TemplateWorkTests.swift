import AloraSystem
import AloraJSON
import AloraTestSupport
import Testing

@testable import AloraTemplates

/// What a template does with long texts is bounded, too.
@Suite struct TemplateWorkTests {
  /// Work that grows with a text counts as so much work: each of these took minutes.
  @Test(arguments: [
    "s|length", "s[4]", "s == t", "s < t", "(s ~ 'b') in (s ~ s)", "(s ~ s).find(s ~ 'b')", "(s ~ s).count(s ~ 'b')",
    "s|upper",
    "s|title", "s|trim", "s|reverse", "s|first", "{s: 1}|dictsort", "{s: 1}[t]", "s|list|length", "s|int",
    "s|indent", "s.split(none, 1)", "s.find('b', 1)", "(s ~ s).startswith(s)", "[s, t]|sort", "s|select|first",
    "s|e", "s|urlize|first", "s|striptags", "s|wordwrap|first", "s|center(60000)|first", "s|pprint|first",
    "[s]|unique|first", "s|wordcount", "s|batch(2)|first", "s|truncate(30)", "'%s' % s",
  ]) func workOnLongTextsIsCounted(_ expression: String) throws {
    let source = """
      {% set s = 'é' * 30000 %}{% set t = 'é' * 30000 %}
      {% for i in range(1000) %}{% set x = \(expression) %}{% endfor %}
      """
    var template = try ChatTemplate(source)
    // A twentieth, for tests without optimization; the loop itself takes a tenth of that.
    template.limits.steps = 100_000
    let error = caught(TemplateError.self) { _ = try template.render(messages: parseJSON("[]")) }
    #expect(
      error?.code == .templateFailed && error?.problem.contains("runs too long") == true,
      "\(error?.problem ?? "")")
  }

  /// A search looks at each byte a few times, however the text repeats itself.
  @Test func searchesAreLinear() throws {
    func rendered(_ source: String) throws -> String {
      try ChatTemplate(source).render(messages: parseJSON("[]"))
    }
    #expect(try rendered("{{ ('a' * 30000 ~ 'b') in ('a' * 60000) }}") == "False")
    #expect(try rendered("{{ ('a' * 30000 ~ 'b') in ('a' * 40000 ~ 'b') }}") == "True")
    #expect(
      try rendered("{{ 'abababc'.find('ababc') }} {{ 'aaaa'.replace('aa', 'b') }} {{ 'aaa'.count('aa') }}") == "2 bb 1")
  }

  /// What repeats nothing without end, and what gives empty parts.
  @Test func emptyTextsEnd() throws {
    func rendered(_ source: String) throws -> String {
      try ChatTemplate(source).render(messages: parseJSON("[]"))
    }
    #expect(try rendered("{{ '' * 9223372036854775807 }}{{ [] * 9223372036854775807 }}") == "[]")
    #expect(try rendered("{{ 'abc'.count('') }} {{ 'abc'.find('') }} {{ 'abc'.replace('', '-') }}") == "4 0 -a-b-c-")
  }

  /// A prompt is its messages and a frame around them: a megabyte, and eight times what was given.
  @Test func aPromptIsNotFarLongerThanItsMessages() throws {
    let messages = try parseJSON(#"[{"content":"\#(String(repeating: "a", count: 300_000))"}]"#)
    func length(_ source: String, _ messages: JSON) throws -> Int {
      try ChatTemplate(source).render(messages: messages).utf8.count
    }
    let five = "{% for i in range(5) %}{{ messages[0].content }}{% endfor %}"
    #expect(try length(five, messages) == 1_500_000)
    #expect(throws: TemplateError.self) { try length("{{ 'a' * 1500000 }}", try parseJSON("[]")) }
    #expect(try length("{{ 'a' * 1000000 }}", try parseJSON("[]")) == 1_000_000)
  }

  /// Each escape copied the whole text before it: a quarter of a million took seconds, and a million minutes.
  @Test func escapesAreLinear() throws {
    for source in [
      #"{{ ('"' * 200000)|tojson }}"#, #"{{ ['\n' * 200000] }}"#, "{{ strftime_now('%A' * 50000) }}",
    ] {
      let date = TemplateDate(year: 2024, month: 2, day: 29)
      #expect(try ChatTemplate(source).render(messages: parseJSON("[]"), date: date).utf8.count >= 400_000)
    }
  }

  /// Texts that a few characters ask for stop at the limit: each of these took a hundred gigabytes.
  @Test(arguments: [
    "range(100000)|list|tojson(separators=('x' * 1000000, ':'))", "range(100000)|list|tojson(indent='x' * 1000000)",
    "{'k' * 100000: range(100000)|list}|pprint", "('aa.com ' * 100000)|urlize(rel='x' * 1000000)",
    "[{('k' * 900000)|safe: 1}] * 100000",
  ]) func longTextsStopAtTheLimit(_ expression: String) throws {
    let template = try ChatTemplate("{{ \(expression) }}")
    let error = caught(TemplateError.self) { _ = try template.render(messages: parseJSON("[]")) }
    #expect(
      error?.problem.contains("too long a text") == true || error?.problem.contains("too large") == true,
      "\(error?.problem ?? "")")
  }

  /// A format counted all that it had written after each conversion, and a missing item wrote its index out.
  @Test func formatsAndMissingItemsAreLinear() throws {
    func rendered(_ source: String) throws -> String {
      try ChatTemplate(source).render(messages: parseJSON("[]"))
    }
    #expect(try rendered("{{ '%(a)s' * 150000 % {'a': 'x'} }}").utf8.count == 150_000)
    #expect(
      try rendered(
        "{% set l = ['x' * 900000] %}{% for i in range(20000) %}{% set y = 1[l] %}{% endfor %}{{ l[l] is defined }}")
        == "False")
  }
}
