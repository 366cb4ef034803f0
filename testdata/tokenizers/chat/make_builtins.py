"""Records what Jinja makes of its own filters, tests and functions, with ordinary and with odd arguments.

    python make_builtins.py builtins.json --count 2200
    python make_builtins.py /tmp/cases.json --count 50000 --seed 7

A case is a template and its text; null where Jinja fails. Cases that Jinja answers with an address in memory, with a number beyond
64 bits or with a random choice are left out: the project refuses those, see KNOWN.

needs jinja2 only: the environment is set up as `_compile_jinja_template` of transformers does it.
"""
import argparse
import copy
import functools
import itertools
import json
import random
import re
import sys

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

DATA = {
    "s": " aBc déf ", "n": 7, "f": 2.5, "l": [3, 1, 2], "t": True, "none": None, "e": "", "big": 1234567890123, "neg": -3,
    "d": {"b": 1, "a": "x", "Z": None, "k<": "v&"}, "u": "日本\n語 'q' \"r\"", "h": "<b class=\"x\">Tom &amp; J&eacute;rry's</b> <!-- no --> &#x41;&lt",
    "ms": [{"role": "user", "x": {"y": 1}, "v": 2.5}, {"role": "Tool", "v": -1}, {"role": "user", "x": {"y": 2}, "v": 0}],
    "w": "The quick brown fox jumps over the well-known lazy dog -- twice, e.g. in the state-of-the-art kennel.\nA second\n\nline averyveryverylongwordwithoutanyspace x",
    "web": "See https://example.com/a?b=1&c=2, (www.test.org) or <mail me@host.example.net> and mailto:a@b.co; http://10.0.0.1:80/x). ftp://f.g example.com.",
    "names": ["b", "A", "a", "C", "B", "a"], "mixed": [1, "a", None, 2.5, True, [1], {"k": "v"}], "floats": [0.1, 0.2, 0.3, 2.675, -1.5],
    "pairs": [["a", 1], ["b", "x y"], ["é", None]], "nested": {"long": ["word " * 8, {"inner": list(range(30)), "z": "y" * 90}], "a": ["t"], "b": {}},
}
# Values and arguments, with spaces between; a text in quotes may have spaces.
VALUES = """s n f l t none e big neg d u h ms w web names mixed floats pairs nested q [] {} '' 'abc' 'a-b_c d' '12' ' 1.5e3 ' '0x1F' 'ΑΣ ß ǆ' '%s and %s' '%(a)s|%5.2f'
'%05d' '%x' (h|e) ('<i>'|safe) ('%s'|safe) ((h|safe)[:3]) (1,'a') (l|map('string')) (d|items) (range(5)|list) 0 1 1.5 -2.5 1e300 0.1 2.675 1e-7 12345.678 namespace(a=1) 'x'*300 [['b',2],['a',1]] (w|e)
[none,1] ['x','y'] [(1,2),(1,2)] ms|groupby('role') {'b':2,'a':1}""".replace("\n", " ")
ARGUMENTS = """0 1 2 3 5 -1 10 40 0.5 2.0 none true false 'a' ' ' 'role' 'x.y' 'v' 'x' 'upper' 'odd' 'number' 'eq' 'in' '...' '<' '&' '--' '' 'key' 'value' 'ceil' 'floor' 'common' l d q s
'0' ('<'|e) [] 'rel' '_blank' ['ftp:'] 'role,v' (',',':') 'default' 'truncate' 'round' 'length' 'lower' 'string' 'e'""".replace("\n", " ")
# The parameters of each filter, for arguments by name.
PARAMETERS = {
    "trim": "chars", "join": "d attribute", "int": "default base", "float": "default", "default": "default_value boolean", "replace": "old new count", "indent": "width first blank",
    "sort": "reverse case_sensitive attribute", "tojson": "indent ensure_ascii separators sort_keys", "dictsort": "case_sensitive by reverse", "batch": "linecount fill_with",
    "slice": "slices fill_with", "center": "width", "filesizeformat": "binary", "groupby": "attribute default case_sensitive", "max": "case_sensitive attribute", "min": "case_sensitive attribute",
    "unique": "case_sensitive attribute", "round": "precision method", "sum": "attribute start", "truncate": "length killwords end leeway", "urlize": "trim_url_limit nofollow target rel extra_schemes",
    "wordwrap": "width break_long_words wrapstring break_on_hyphens", "xmlattr": "autospace", "map": "attribute default", "format": "a b", "attr": "name"}
SENSIBLE = {
    "batch": ["(2)", "(3, 'f')", "(linecount=4)"], "slice": ["(2)", "(3, 'f')", "(slices=4)"], "center": ["(20)", "(width=9)", ""], "round": ["", "(1)", "(2, 'floor')", "(-1)", "(method='ceil')", "(none)", "(3)"],
    "truncate": ["", "(9)", "(9, true)", "(9, false, '…', 0)", "(10, leeway=3)", "(7, end='<')"], "wordwrap": ["(20)", "(12, false)", "(9, true, '|')", "(15, break_on_hyphens=false)", "(1)"],
    "format": ["('a', 'b')", "(a=1, b=2)", "(1)", "(2.5, 3)", "()", "('<', '>')"], "groupby": ["('role')", "(attribute='v')", "('x.y', default=0)", "(0)", "('role', case_sensitive=true)"],
    "sum": ["", "(attribute='v')", "(start=5)", "(start=[])"], "max": ["", "(attribute='v')", "(true)"], "min": ["", "(attribute='v')", "(true)"], "unique": ["", "(true)", "(attribute='role')"],
    "dictsort": ["", "(true)", "(by='value')", "(false, 'value', true)", "(reverse=true)"], "urlize": ["", "(10)", "(nofollow=true)", "(none, false, '_blank', 'a b')", "(extra_schemes=['ftp:'])"],
    "tojson": ["", "(indent=2)", "(ensure_ascii=true)", "(separators=(',', ':'))", "(sort_keys=true)", "(true)", "(indent='--')"], "map": ["('upper')", "(attribute='role')", "('round', 1)", "('default', 'z')", "('e')", "('replace', 'a', 'b')"],
    "select": ["", "('odd')", "('string')", "('eq', 1)", "('gt', 1)", "('in', [1, 'a'])"], "reject": ["", "('odd')", "('none')", "('ge', 2)"],
    "selectattr": ["('x')", "('v', 'gt', 0)", "('role', 'upper')", "('role', 'eq', 'user')"], "rejectattr": ["('x')", "('v', 'lt', 1)", "('role', 'lower')"], "xmlattr": ["", "(false)", "(autospace=false)"], "replace": ["('a', '<')", "('', '-')", "('a', 'b', 1)"],
    "indent": ["", "(2)", "(2, true)", "('> ', true, true)"], "join": ["", "(',')", "(', ', 'role')", "(attribute='v')"], "attr": ["('upper')", "('role')", "('a')"], "int": ["", "(5)", "(0, 16)", "(base=0)"], "float": ["", "(2)"],
    "default": ["", "('z')", "('z', true)"], "sort": ["", "(true)", "(attribute='role')", "(case_sensitive=true)", "(attribute='role,v')", "(attribute='v', reverse=true)"], "filesizeformat": ["", "(true)"], "trim": ["", "(' a')", "('xyz')"]}
ENDS = ["", "", "", "|list", "|list", "|string", "|tojson", "|length", "|first", "|join(',')", "|upper", "|e", "|reverse", " + 'x<'", " ~ '<'", "[0]", "[1:]", " * 2", " is escaped", " is string", "|pprint", "|trim", "|replace('a', '<')", ".upper()", " % 3"]
STATEMENTS = [
    "{% set c = cycler('a', 'b', 3) %}{{ c.current }}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.reset() }}{{ c.current }}", "{{ cycler() }}", "{% set j = joiner() %}{% for x in l %}{{ j() }}{{ x }}{% endfor %}",
    "{% set j = joiner('|') %}{% for x in l %}{{ j() }}{{ x }}{% endfor %}", "{% for x in l %}{{ loop.cycle('a', 'b') }}{{ loop.changed(x > 1) }}{% endfor %}", "{% raw %}{{ x }}{% if %}{% endraw %}", "a\n  {% raw %}\n b {{ \n  {% endraw %}\nc", "{% raw -%}\n a {%- endraw -%} b",
    "{% filter upper %}a{{ s }}<{% endfilter %}", "{% filter trim|upper|replace('A', '<') %} ab {% endfilter %}", "{% filter e %}<b>{% endfilter %}", "{% set v | upper | trim %} a{{ n }} {% endset %}[{{ v }}]", "{% with a=1, b=n %}{{ a }}{{ b }}{% endwith %}{{ a }}",
    "{% with %}{% set z = 1 %}{{ z }}{% endwith %}{{ z }}", "{% macro m(a) %}[{{ caller() }}{{ a }}]{% endmacro %}{% call m(1) %}body{{ n }}{% endcall %}", "{% macro m() %}{{ caller(1, 2) }}{% endmacro %}{% call(x, y) m() %}{{ x }}{{ y }}{% endcall %}",
    "{% macro m() %}[]{% endmacro %}{% call m() %}b{% endcall %}", "{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}", "{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, x=4) }}", "{% macro m(a) %}{{ varargs }}{% endmacro %}{{ m(1, 2, x=3) }}",
    "{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(*[5, 6]) }}{{ m(**{'a': 7}) }}{{ m(*[8], **{'b': 9}) }}", "{% block x %}a{{ n }}{% endblock %}b", "{% for x in l %}{% block y %}{{ x }}{% endblock %}{% endfor %}", "{% block x scoped %}a{% endblock x %}",
    "{% autoescape false %}{{ '<' }}{% endautoescape %}", "{% print n %}{% print 'a' ~ n %}", "{% for x in [1, [2, [3]]] recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}:{{ loop.depth }}{% endif %} {% endfor %}", "{% for x in l %}{{ loop([1]) }}{% endfor %}",
    "{% if false %}{{ x|nope }}{{ x is nope }}{% endif %}ok", "{% if true %}{{ x|nope }}{% endif %}", "{% if false %}{% include 'x' %}{% endif %}ok", "{% include 'x' %}", "{% if false %}{% import 'x' as y %}{% endif %}ok", "{% do x %}", "{{ n if true else n|nope }}",
    "{{ 2 ** 3 }}{{ 2 ** -1 }}{{ 2 ** 0.5 }}{{ -2 ** 2 }}{{ 2 ** 3 ** 2 }}", "{{ (h|e) + '<' }}{{ '<' + (h|e) }}", "{{ '<'|e|e }}{{ '<'|e|forceescape }}{{ '<'|safe|e }}", "{{ ['<'|e] }}", "{{ ('<%s>'|safe) % '<' }}", "{{ ('<'|safe).join(['&', '>'|safe]) }}", "{{ ('a<b'|safe).replace('a', '<') }}",
    "{{ '%s %r %d %5.1f|%-5s|%05d|%x|%e|%g|%%' % ('a', 'b', 3, 2.25, 'c', 42, 255, 12345.678, 0.0001) }}", "{{ '%(a)s %(b)r' % d }}", "{{ '%s' % l }}", "{{ 'a' % l }}", "{{ 'a' % n }}", "{{ '%c%c' % (65, 'b') }}", "{{ '%+d % d %#x %#o %.3d %*d' % (1, 2, 255, 8, 5, 6, 7) }}", "{{ '%g %g %g %G' % (1e10, 1e-5, 100000.0, 1e-10) }}",
    "{{ '%.0f %.0f %.1f %.2f' % (0.5, 1.5, 0.25, 2.675) }}", "{{ dict(a=1)|items|list }}", "{{ [1,2] is sameas none }}{{ none is sameas none }}{{ true is sameas true }}{{ 1 is sameas true }}", "{{ 'upper' is filter }}{{ 'nope' is filter }}{{ 'odd' is test }}{{ 'safe' is test }}",
    "{{ range is callable }}{{ n is callable }}{{ joiner() is callable }}{{ 'a'.upper is callable }}", "{% for g in ms|groupby('role') %}{{ g.grouper }}{{ g.list|length }}{{ g[0] }}{% endfor %}{% for a, b in ms|groupby('role') %}{{ a }}{{ b|length }}{% endfor %}", "{{ lipsum is callable }}",
]


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols])
    env.filters["tojson"] = lambda x, ensure_ascii=False, indent=None, separators=None, sort_keys=False: json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    env.globals["raise_exception"] = raise_exception
    return env


def generated(env, chance):
    filters = sorted(set(env.filters) - {"random"})
    tests = sorted(env.tests)
    values, arguments = (re.findall(r"(?:'[^']*'|[^\s'])+", x) for x in (VALUES, ARGUMENTS))

    def call(name):
        if name in SENSIBLE and chance.random() < 0.6:
            return chance.choice(SENSIBLE[name])
        parts = [chance.choice(arguments) for _ in range(chance.choice([0, 0, 0, 1, 1, 1, 2, 2, 3, 4]))]
        names = PARAMETERS.get(name, "").split()[len(parts):] if chance.random() < 0.8 else ["attribute", "width", "nope"]
        for parameter in names:
            if chance.random() < 0.25:
                parts.append(f"{parameter}={chance.choice(arguments)}")
        return f"({', '.join(parts)})" if parts else ""

    while True:
        value = chance.choice(values)
        if chance.random() < 0.25:
            test = chance.choice(tests)
            if test[0] in "!<>=":
                yield f"{{{{ [{value}]|select('{test}', {chance.choice(arguments)})|list }}}}"
            else:
                argument = f"({chance.choice(arguments)})" if chance.random() < (0.8 if test in "divisibleby sameas in eq ne ge gt le lt equalto greaterthan lessthan".split() else 0.1) else ""
                yield f"{{{{ {value} is {chance.choice(['', '', 'not '])}{test}{argument} }}}}"
            continue
        chain = value
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            name = chance.choice(filters)
            chain += "|" + name + call(name)
        end = chance.choice(ENDS)
        chain = f"({chain}){end}" if end[:1] in " .[" and end else chain + end
        yield f"{{{{ [{chain}] }}}}" if chance.random() < 0.3 else f"{{{{ {chain} }}}}"


# What the project refuses although Jinja has an answer, by how the answer or the template looks.
KNOWN = re.compile(r"0x[0-9a-f]{6}|<bound method|<built-in|<class|<function|<Macro|dict_(items|keys|values)|range\(|\d{19}|lipsum", re.IGNORECASE)


class Once:
    """What stands in for a generator and other objects without a text of their own."""

    def __init__(self, elements):
        self.elements = iter(elements)

    def __iter__(self):
        return self.elements

    def __next__(self):
        return next(self.elements)

    def __str__(self):
        raise TypeError("no text")

    __repr__ = __str__


class Method:
    """What stands in for a method that isn't called: its text has an address."""

    def __init__(self, method):
        self.method = method

    def __call__(self, *args, **kwargs):
        return self.method(*args, **kwargs)

    __str__ = __repr__ = Once.__str__


def strict_environment():
    """As the project sees it: filters do their work where they are reached, and only what has a text is written."""
    env = environment()

    def eager(filter):
        @functools.wraps(filter)
        def call(*args, **kwargs):
            result = filter(*args, **kwargs)
            return result if isinstance(result, (str, list)) else Once(list(result))

        return call

    for name in "map select reject selectattr rejectattr slice batch unique items reverse".split():
        env.filters[name] = eager(env.filters[name])
    def unwritten(find):
        @functools.wraps(find)
        def call(*args, **kwargs):
            found = find(*args, **kwargs)
            return Method(found) if callable(found) and not isinstance(found, jinja2.Undefined) else found

        return call

    env.filters["attr"] = unwritten(env.filters["attr"])
    # Filters with `attribute` look for it here.
    env.getitem = unwritten(env.getitem)
    for name in ("cycler", "joiner", "namespace"):
        env.globals[name] = type(name, (env.globals[name],), {"__str__": Once.__str__, "__repr__": Once.__str__})
    return env


def unfolded_environment():
    """As a template runs that nothing was computed of before.

    Jinja's optimizer looks at a slice of a constant as at an item: where it can't be sliced, it is undefined. When the template
    runs, the same slice fails.
    """
    env = environment()
    env.optimized = False
    # What an output writes is computed early, too, unless writing it takes the context.
    env.finalize = jinja2.pass_context(lambda context, value: value)
    return env


def attempt(env, source):
    try:
        # Some filters change what they are given.
        return env.from_string(source).render(**copy.deepcopy(DATA))
    except Exception:
        return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("output")
    parser.add_argument("--count", type=int, default=2200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    env, strict, unfolded, chance = environment(), strict_environment(), unfolded_environment(), random.Random(options.seed)
    cases, seen = [], set()
    for source in itertools.chain(STATEMENTS, generated(env, chance)):
        if len(cases) >= options.count:
            break
        if source in seen:
            continue
        seen.add(source)
        text = attempt(env, source)
        if attempt(strict, source) != text:
            continue
        if text is not None and (KNOWN.search(text) or len(text) > 600 or attempt(unfolded, source) is None):
            continue
        # Half of what is generated fails, in ways that are much alike.
        if text is None and source not in STATEMENTS and chance.random() < 0.8:
            continue
        cases.append([source, text])
    with open(options.output, "w") as file:
        json.dump({"jinja2": jinja2.__version__, "python": sys.version.split()[0], "data": DATA, "cases": cases}, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")
    print(len(cases), "cases,", sum(x[1] is None for x in cases), "of them fail")


if __name__ == "__main__":
    main()
