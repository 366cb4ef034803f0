import AloraTemplates
import AloraSystem
import AloraJSON
import AloraTestSupport
import AloraTokenization
import Testing

/// What Jinja 3.1 and Python 3.11 make of small templates; nil if they fail.
@Suite struct TemplateLanguageTests {
  private let variables: JSON

  init() throws {
    variables = try parseJSON(
      #"{"l":[3,1,2],"n":7,"t":true,"d":{"b":1,"a":"x","Z":null},"#
        + #""ms":[{"role":"user","x":{"y":1}},{"role":"tool"},{"role":"user","x":{"y":2}}]}"#)
  }

  private func compare(_ cases: [(source: String, expected: String?)]) {
    for (source, expected) in cases {
      let found = try? ChatTemplate(source).render(messages: parseJSON("[]"), variables: variables)
      #expect(found.map { Array($0.utf8) } == expected.map { Array($0.utf8) }, "\(source): \(found ?? "fails")")
    }
  }

  @Test func macrosHaveTheScopeTheyStandIn() {
    compare([
      ("{% for x in l %}{% macro m() %}{{ x }}{{ loop.index }}{% endmacro %}{{ m() }}{% endfor %}", "311223"),
      ("{% macro a(p) %}{% macro b() %}{{ p }}{{ n }}{% endmacro %}{{ b() }}{% endmacro %}{{ a(5) }}", "57"),
      (
        "{% macro b(f) %}{% set p = 9 %}{{ f() }}{% endmacro %}"
          + "{% macro a(p) %}{% macro c() %}{{ p }}{% endmacro %}{{ b(c) }}{% endmacro %}{{ a(5) }}",
        "5"
      ),
      ("{% for x in [1] %}{% macro m() %}{{ y }}{% endmacro %}{% set y = 5 %}{{ m() }}{% endfor %}", "5"),
      ("{% macro m(f) %}{% set c = 1 %}{{ f() }}{% endmacro %}{% macro g() %}[{{ c }}]{% endmacro %}{{ m(g) }}", "[]"),
      ("{% macro m(n=n) %}[{{ n }}]{% endmacro %}{{ m() }}", "[]"),
      ("{% macro m(a=b, b=1) %}[{{ a }}{{ b }}]{% endmacro %}{{ m() }}{{ m(b=5) }}", "[1][55]"),
      ("{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(3) }}", "33"),
      ("{% macro m(a) %}{% endmacro %}{{ m(1, a=2) }}", nil),
      ("{% set v %}{% set q = 4 %}{% macro m() %}{{ q }}{% endmacro %}{{ m() }}{% endset %}{{ v }}[{{ q }}]", "4[]"),
      ("{% generation %}{% set q = 1 %}{{ q }}{% endgeneration %}[{{ q }}]", "1[]"),
      (
        "{% for x in l %}{% generation %}{{ x }}{% set x = 5 %}{{ x }}{% endgeneration %}{{ x }} {% endfor %}",
        "353 151 252 "
      ),
    ])
  }

  @Test func loopsEndAsInJinja() {
    compare([
      ("{% for x in l %}{% break %}{% else %}none{% endfor %}", "none"),
      ("{% for x in l %}{% continue %}{% else %}none{% endfor %}", "none"),
      ("{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% else %}none{% endfor %}", "3"),
      ("{% for x in l if x > 1 %}{% break %}{% else %}none{% endfor %}", "none"),
      ("{% for y in [1, 2] %}{{ y }}{% for x in [] %}{% else %}{% break %}{% endfor %}-{% endfor %}", "1"),
      ("{% for x in [] %}{% else %}{% set q = 1 %}{% endfor %}[{{ q }}]", "[]"),
      ("a{% break %}b", nil),
      ("{% for x in l %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}", nil),
      ("{% for x in l %}{% generation %}{% continue %}{% endgeneration %}{% endfor %}", nil),
      ("{% for x in 1, 2 %}{{ x }}{% endfor %}", "12"),
      ("{% for x in 1, 2 if x > 1 %}{{ x }}{% endfor %}", "2"),
      ("{{ 1, 2 }}", "(1, 2)"),
      (#"{% set a, b = "xy" %}{{ b }}{{ a }}"#, "yx"),
      (#"{% set a, b = "xyz" %}"#, nil),
      (#"{% set a, b = {"k": 1, "m": 2} %}{{ b }}{{ a }}"#, "mk"),
      (#"{% for a, b in ["xy"] %}{{ b }}{{ a }}{% endfor %}"#, "yx"),
    ])
  }

  @Test func filtersGiveGenerators() {
    compare([
      (#"{{ "yes" if ms|selectattr("role", "equalto", "zzz") else "no" }}"#, "yes"),
      (#"{{ "yes" if []|reverse else "no" }}"#, "yes"),
      (#"{{ "yes" if {}|items else "no" }}"#, "yes"),
      (#"{{ l|select("odd")|length }}"#, nil),
      (#"{{ l|select("odd")|tojson }}"#, nil),
      (#"{{ l|select("odd")|last }}"#, nil),
      ("{{ l|reverse|length }}", nil),
      ("{{ d|items|length }}", nil),
      (#"{{ l|select("odd")|reverse }}"#, "[1, 3]"),
      (#"{{ l|select("odd")|first }}"#, "3"),
      (#"{{ (l|select("odd"))[0] is defined }}"#, "False"),
      (#"{{ (l|select("odd"))[1:] }}"#, nil),
      (#"{{ (l|select("odd")) + [1] }}"#, nil),
      (#"{{ l|select("odd") is iterable }}"#, "True"),
      (#"{{ (l|select("odd")) is sequence }}"#, "False"),
      (#"{{ 3 in l|select("odd") }}"#, "True"),
      (#"{{ l|select("odd")|select|join(",") }}"#, "3,1"),
      ("{{ l|reverse|first }}", "2"),
      ("{{ q|reverse|list }}", "[]"),
      ("{{ d|reverse|list }}", "['Z', 'a', 'b']"),
      (#"{{ ms|selectattr("role", "in", ["user"])|map(attribute="x")|map(attribute="y")|join("+") }}"#, "1+2"),
      (#"{% set g = l|select("odd") %}{{ g|list }}{{ g|list }}"#, "[3, 1][]"),
      (#"{% set g = l|select("odd") %}{{ g|first }}{{ g|list }}"#, "3[1]"),
      (#"{% set g = l|select("odd") %}{{ 3 in g }}{{ g|list }}"#, "True[1]"),
      (#"{% set g = l|select("odd") %}{% for x in g %}{{ x }}{{ loop.length }}{% endfor %}{{ g|list }}"#, "3212[]"),
      (#"{% set g = l|select("odd") %}{{ g == g }}{{ g == l|select("odd") }}"#, "TrueFalse"),
      (#"{% set g = l|map("string") %}{% set a, b, c = g %}{{ c }}{{ g|list }}"#, "2[]"),
      ("{{ d|dictsort|map(attribute=0)|list }}", "['a', 'b', 'Z']"),
      (#"{{ d|dictsort|map(attribute="0")|list }}"#, "['a', 'b', 'Z']"),
      ("{{ d|dictsort|map(attribute=-1)|list }}", "['x', 1, None]"),
      (#"{{ ms|map(attribute="role", foo=1)|list }}"#, nil),
      (#"{{ ms|map(attribute="zz", default=none)|list }}"#, "[Undefined, Undefined, Undefined]"),
      (#"{{ l|select("odd", 1)|list }}"#, nil),
      (#"{{ l|select("equalto", other=1)|list }}"#, nil),
      ("{{ n is odd(1) }}", nil),
    ])
  }

  @Test func argumentsAreNotIgnored() {
    compare([
      (#"{{ "a b c".split(none, 1) }}"#, "['a', 'b c']"),
      (#"{{ " a  b c ".split(none, 1) }}"#, "['a', 'b c ']"),
      (#"{{ " a  b ".split(none, 0) }}"#, "['a  b ']"),
      (#"{{ "a b c".split(maxsplit=1) }}"#, "['a', 'b c']"),
      (#"{{ "a,b,c".split(sep=",") }}"#, "['a', 'b', 'c']"),
      (#"{{ "a,b,c".split(",", maxsplit=1) }}"#, "['a', 'b,c']"),
      (#"{{ "a,b".split(",", 1, 2) }}"#, nil),
      (#"{{ "a".split(x=1) }}"#, nil),
      (#"{{ "a".split(",", sep=",") }}"#, nil),
      (#"{{ "a".split(1) }}"#, nil),
      (#"{{ "a,b".split(",", none) }}"#, nil),
      (#"{{ "abc".startswith("b", 1) }}"#, "True"),
      (#"{{ "abc".startswith("bc", 1, 2) }}"#, "False"),
      (#"{{ "abc".endswith("b", 0, 2) }}"#, "True"),
      (#"{{ "abc".endswith("bc", -2) }}"#, "True"),
      (#"{{ "abc".startswith("", 3) }}"#, "True"),
      (#"{{ "abc".startswith("", 4) }}"#, "False"),
      (#"{{ "abc".startswith(["a"]) }}"#, nil),
      (#"{{ "abc".startswith(("a", 1)) }}"#, "True"),
      (#"{{ "abc".startswith(("x", 1)) }}"#, nil),
      (#"{{ "aba".find("a", 1) }}"#, "2"),
      (#"{{ "äbc".find("c", -1) }}"#, "2"),
      (#"{{ "abc".find("b", -9, -1) }}"#, "1"),
      (#"{{ "abc".find("", 4) }}"#, "-1"),
      (#"{{ "abc".find("b", "1") }}"#, nil),
      (#"{{ "abab".count("a", 1) }}"#, "1"),
      (#"{{ "abc".count("") }}"#, "4"),
      (#"{{ "abc".count("", 2, 1) }}"#, "0"),
      (#"{{ "abc".startswith() }}"#, nil),
      (#"{{ "abc".upper(1) }}"#, nil),
      (#"{{ "abc"|upper(1) }}"#, nil),
      (#"{{ ",".join([1, 2]) }}"#, nil),
      (#"{{ ",".join("abc") }}"#, "a,b,c"),
      (#"{{ ",".join(l|map("string")) }}"#, "3,1,2"),
      (#"{{ "aXbX".replace("X", "-", 1) }}"#, "a-bX"),
      (#"{{ "aXbX".replace("X", "-", count=1) }}"#, nil),
      (#"{{ "aXbX".replace("X", "-", none) }}"#, nil),
      (#"{{ "aXbX"|replace("X", "-", none) }}"#, "a-b-"),
      (#"{{ "abc".replace("", "-") }}"#, "-a-b-c-"),
      (#"{{ "abc"|replace("", "-", 2) }}"#, "-a-bc"),
      (#"{{ ""|replace("", "-") }}"#, "-"),
      (#"{{ "abc".strip(1) }}"#, nil),
      (#"{{ "abc".strip(none) }}"#, "abc"),
      (#"{{ "abc"|trim(1) }}"#, nil),
      (#"{{ d.get("q", default=5) }}"#, nil),
      ("{{ d.items(1) }}", nil),
      (#"{{ l|join(",", foo=1) }}"#, nil),
      ("{{ range(1, step=2)|list }}", nil),
      ("{{ n|abs(1) }}", nil),
    ])
  }

  @Test func textsAreThoseOfPython() {
    compare([
      (#"{{ "it's foo_bar x1y"|title }}"#, "It's Foo_bar X1y"),
      (#"{{ "it's foo_bar x1y".title() }}"#, "It'S Foo_Bar X1Y"),
      (#"{{ "a-b (c {d [e <f"|title }}"#, "A-B (C {D [E <F"),
      (#"{{ "ßa ǆa"|title }}"#, "SSa Ǆa"),
      (#"{{ "ΑΣ b"|title }}"#, "Ασ B"),
      (#"{{ "ΑΣ"|lower }}"#, "ας"),
      (#"{{ "ΑΣ Σ Σα ΑΣ. Α.Σ Α.Σα".lower() }}"#, "ας σ σα ας. α.ς α.σα"),
      (#"{{ "ΑΣ"|capitalize }}"#, "Ας"),
      (#"{{ "αΣ".title() }}"#, "Ας"),
      (#"{{ "ΣΑΣ".capitalize() }}"#, "Σας"),
      (#"{{ "a\r\nb"|indent }}"#, "a\n    b"),
      (#"{{ "a\rb\fc\u2028d\u0085e"|indent(1) }}"#, "a\n b\n c\n d\n e"),
      (#"{{ "a\r"|indent(1) }}"#, "a"),
      (#"{{ "a\n"|indent(1) }}"#, "a\n"),
      (#"{{ "a\n\r\nb"|indent("> ") }}"#, "a\n\n> b"),
      (#"{{ ""|indent(2, true) }}"#, "  "),
      (#"{{ "a\nb"|indent(70)|length }}"#, "73"),
      (#"{{ "a\nb"|indent(1.5) }}"#, nil),
      ("{{ 5|indent }}", nil),
    ])
  }

  @Test func numbersAreThoseOfPython() {
    compare([
      (#"{{ "1 2"|int }}"#, "0"),
      (#"{{ "0x10"|int }}"#, "0"),
      (#"{{ "0x10"|float }}"#, "0.0"),
      (#"{{ "1_000"|int }}"#, "1000"),
      (#"{{ "1__0"|int }}"#, "0"),
      (#"{{ "12"|int(base=8) }}"#, "10"),
      (#"{{ "0x1F"|int(0, 16) }}"#, "31"),
      (#"{{ "0b11"|int(base=2) }}"#, "3"),
      (#"{{ "0x12"|int(base=0) }}"#, "18"),
      (#"{{ "012"|int(base=0) }}"#, "12"),
      (#"{{ "z"|int(base=36) }}"#, "35"),
      (#"{{ " 12\n"|int }}"#, "12"),
      (#"{{ "-5"|int }}"#, "-5"),
      (#"{{ "1e3"|int }}"#, "1000"),
      (#"{{ "2.9"|int }}"#, "2"),
      (#"{{ "inf"|int }}"#, "0"),
      (#"{{ "nan"|int(3) }}"#, "3"),
      ("{{ none|int(4) }}", "4"),
      ("{{ q|int }}", nil),
      ("{{ q|float }}", nil),
      (#"{{ "٣"|int }}"#, "3"),
      (#"{{ "1_0.5_0"|float }}"#, "10.5"),
      (#"{{ ".5"|float }}"#, "0.5"),
      (#"{{ "5."|float }}"#, "5.0"),
      (#"{{ "."|float }}"#, "0.0"),
      (#"{{ "1e"|float }}"#, "0.0"),
      (#"{{ "-Infinity"|float }}"#, "-inf"),
      (#"{{ "infi"|float }}"#, "0.0"),
      (#"{{ "1e999"|float }}"#, "inf"),
      ("{{ -2.9|int }}", "-2"),
      ("{{ 9223372036854775807|string|int }}", "9223372036854775807"),
      (#"{{ "-9223372036854775808"|int }}"#, "-9223372036854775808"),
      ("{{ 6 % 0.1 }}", "0.09999999999999967"),
      ("{{ -1 % 1e20 }}", "1e+20"),
      ("{{ -7.5 % 2 }}", "0.5"),
      ("{{ 7.5 % -2 }}", "-0.5"),
      ("{{ -7.5 // 2 }}", "-4.0"),
      ("{{ 1 // 0.1 }}", "9.0"),
      ("{{ 0.0 // -3 }}", "-0.0"),
      ("{{ -6.0 % 3 }}", "0.0"),
      ("{{ 1e20 // 3 }}", "3.333333333333333e+19"),
    ])
  }

  @Test func listsAndDictionariesAreThoseOfPython() {
    compare([
      (#"{{ dict([["a", 1]]) }}"#, "{'a': 1}"),
      (#"{{ dict(["ab"], b=2) }}"#, "{'a': 'b', 'b': 2}"),
      (#"{{ dict([["a"]]) }}"#, nil),
      ("{{ dict(5) }}", nil),
      ("{{ dict(q) }}", nil),
      (#"{{ dict({"a": 1}, {"b": 1}) }}"#, nil),
      (#"{{ namespace([["a", 1]]).a }}"#, "1"),
      ("{{ {1: 2} }}", "{1: 2}"),
      ("{{ {1: 2}[1] }}", "2"),
      ("{{ {1: 2}[1.0] }}", "2"),
      (#"{{ {1: "a", true: "b"} }}"#, "{1: 'b'}"),
      (#"{{ {"1": 2}[1] is defined }}"#, "False"),
      ("{{ 1 in {1: 2} }}", "True"),
      (#"{{ "1" in {1: 2} }}"#, "False"),
      ("{{ {1: 2}.get(1) }}", "2"),
      ("{{ {2: 3}.items()|list }}", "[(2, 3)]"),
      (#"{{ {1: [], true: 2, "b": none}|tojson }}"#, #"{"1": 2, "b": null}"#),
      ("{{ {1: 2} == {true: 2} }}", "True"),
      ("{{ {2: 3, 1: 4}|list }}", "[2, 1]"),
      ("{{ dict([[1, 2]])[1] }}", "2"),
      (#"{{ {0: "a", 1: "b"}[n % 2] }}"#, "b"),
      (#"{{ {1: 2}["1"] is defined }}"#, "False"),
      ("{{ [1] * 3 }}", "[1, 1, 1]"),
      ("{{ 2 * (1, 2) }}", "(1, 2, 1, 2)"),
      ("{{ [1] * -1 }}", "[]"),
      ("{{ [1] * [2] }}", nil),
      ("{{ (1, 2) + (3,) }}", "(1, 2, 3)"),
      ("{{ [1] + (2,) }}", nil),
      ("{{ [1, 2] < [1, 3] }}", "True"),
      ("{{ [1] < [1, 2] }}", "True"),
      ("{{ (1, 2) <= (1, 2) }}", "True"),
      ("{{ [1] < (1, 2) }}", nil),
      (#"{{ ["a"] < [1] }}"#, nil),
      (#"{{ [1, "a"] < [2, 1] }}"#, "True"),
      ("{{ [[1, none]] < [[1, none, 2]] }}", "True"),
      ("{{ none < none }}", nil),
      ("{{ l|sort }}", "[1, 2, 3]"),
      ("{{ l|sort(reverse=true) }}", "[3, 2, 1]"),
      (#"{{ ["b", "A", "c", "a"]|sort }}"#, "['A', 'a', 'b', 'c']"),
      (#"{{ ["b", "A", "c"]|sort(case_sensitive=true) }}"#, "['A', 'b', 'c']"),
      (#"{{ ["a", "A", "B", "b"]|sort(reverse=true) }}"#, "['B', 'b', 'a', 'A']"),
      (#"{{ [1, "a"]|sort }}"#, nil),
      ("{{ d|sort }}", "['a', 'b', 'Z']"),
      ("{{ [[2, 1], [1, 2]]|sort }}", "[[1, 2], [2, 1]]"),
      (#"{{ ms|sort(attribute="role")|map(attribute="role")|list }}"#, "['tool', 'user', 'user']"),
      (#"{{ [{"a": {"b": 2}}, {"a": {"b": 1}}]|sort(attribute="a.b") }}"#, "[{'a': {'b': 1}}, {'a': {'b': 2}}]"),
      (
        #"{{ [{"a": 2, "b": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 1}]|sort(attribute="a,b") }}"#,
        "[{'a': 1, 'b': 1}, {'a': 1, 'b': 2}, {'a': 2, 'b': 1}]"
      ),
      (#"{{ [{"a": 1}, {}]|sort(attribute="a") }}"#, nil),
    ])
  }

  @Test func spaceBeforeTagsIsThatOfJinja() {
    compare([
      ("a\n\u{A0}{% if t %}y{% endif %}", "a\ny"),
      ("a\n\u{3000}\u{C}{% if t %}y{% endif %}", "a\ny"),
      ("a\u{1C}{%- if t %}y{% endif -%}\u{1D} b", "ayb"),
      ("a{#-#} b", "a b"),
      ("a{#--#} b", "ab"),
      ("a {#+#}\nb", "a b"),
      ("{{ n +}}", nil),
    ])
  }

  /// What Jinja renders and the subset does not: it fails, and says why.
  @Test(arguments: [
    ("{{ l|select('odd') }}", "generator"), ("{{ 'a' ~ l|map('string') }}", "generator"),
    ("{{ [l|select('odd')] }}", "list"), ("{{ l|reverse|string }}", "generator"), ("{{ 'a'.upper }}", "function"),
    ("{% set g = l|select('odd') %}{% for x in g %}{% break %}{% endfor %}{{ g|list }}", "generator"),
    ("{{ 1e21|int }}", "too large"), ("{{ '99999999999999999999'|int }}", "too large"),
    ("{% macro m() %}{% endmacro %}{{ m }}", "function"), ("{{ {1.5: 2} }}", "keys"),
    ("{{ [1] in {} }}", "key"), ("{{ {} is in {} }}", "key"), ("{{ {}.get((1, [2])) }}", "key"),
  ]) func whatIsNotHeldIsRefused(_ source: String, _ word: String) throws {
    let template = try ChatTemplate(source)
    let error = try #require(
      caught(TemplateError.self) { _ = try template.render(messages: parseJSON("[]"), variables: variables) })
    #expect(error.code == .templateFailed)
    #expect(error.description.contains(word), "\(error.description)")
  }
}
