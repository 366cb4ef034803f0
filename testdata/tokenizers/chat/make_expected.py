"""Records what transformers makes of the templates here: whole conversations, and one construct at a time.

    python make_expected.py

A conversation is recorded as the first eight bytes of its prompt's SHA-256, a construct as its text; null where Jinja fails.

needs transformers and jinja2. The templates are written for this purpose, in the constructs of the supported families' own.
"""
import datetime
import hashlib
import json
import pathlib
import re

import transformers
from transformers.utils import chat_template_utils as utils

HERE = pathlib.Path(__file__).parent


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2025, 3, 7, 9, 5, 2)


utils.datetime = Clock


def turn(role, content, **more):
    return {"role": role, "content": content, **more}


TOOL = {"type": "function", "function": {"name": "weather", "description": "The \"weather\" – é <b>", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1.5}}, "required": ["city"]}}}
CALL = [{"id": "abcdef123", "type": "function", "function": {
    "name": "weather", "arguments": {"city": "Zürich", "days": 3, "x": None, "y": [1, 2.5, True, 1e20, 1e-7]}}}]
CONVERSATIONS = {
    "one": [turn("user", "Hi")], "system": [turn("system", "Be brief."), turn("user", "Hi")],
    "several": [turn("user", "  Hi \n"), turn("assistant", "Hello"), turn("user", "x")],
    "answered": [turn("user", "a"), turn("assistant", "b")],
    "calls": [turn("user", "w?"), turn("assistant", "", tool_calls=CALL), turn("tool", "sunny, 20°"), turn("assistant", "It is."), turn("user", "t")],
    "calls twice": [turn("system", "s"), turn("user", "w?"), turn("assistant", "See.", tool_calls=CALL + CALL), turn("tool", ["a", {"b": 1}])],
    "thought": [turn("user", "a"), turn("assistant", "<think>\nhm\n</think>\n\nyes"), turn("user", "b"), turn("assistant", "<think>x</think>y")],
    "reasoned": [turn("user", "a"), turn("assistant", "yes", reasoning_content="because"), turn("user", "b")],
    "reasoned otherwise": [turn("user", "a"), turn("assistant", "yes", thinking=None, reasoning="since")],
    "parts": [turn("system", [{"type": "text", "text": "s"}, {"type": "text", "text": "t"}]), turn("user", [{"type": "text", "text": "1"}, {"type": "image"}])],
    "out of order": [turn("user", "a"), turn("user", "b")], "none": [], "unknown role": [turn("zzz", "q")], "no content": [{"role": "user"}],
    "characters": [turn("user", "é\u0301 日本 😀 \u2028 <|im_end|> {{ x }} {% if %}")],
}
VARIABLES = [{}, {"enable_thinking": False}, {"documents": [{"doc_id": 1, "text": "doc é"}], "controls": {"citations": True, "length": "short"}},
             {"date_string": "7 Jul 2025", "builtins": ["python", "search", "maps"], "extra_tools": [TOOL]}]
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}

# Each construct, and how it is used. A snippet's expected value is null where Jinja fails.
DATA = {"s": " aBc déf ", "n": 7, "f": 2.5, "l": [3, 1, 2], "d": {"b": 1, "a": "x", "items2": 2, "Z": None}, "t": True, "none": None,
        "ms": [{"role": "user", "x": {"y": 1}}, {"role": "tool"}, {"role": "user", "x": {"y": 2}}], "u": "日本\n語 'q' \"r\"", "e": ""}
EXPRESSIONS = """
s|trim|s|upper|s|lower|s|title|s|capitalize|u|length|l|length|d|length|undefined_name|length|s|trim("a ")|s.strip()|s.lstrip()|s.rstrip()
s.strip(" af")|u.split()|u.split("\\n")|u.split("\\n", 1)|"a,b,,c".split(",")|"a,b,,c".split(",", 1)|"aXbXc".replace("X", "-")
"aXbXc".replace("X", "-", 1)|"abc".startswith("ab")|"abc".startswith(("x", "a"))|"abc".endswith("bc")|"abcabc".find("c")|"abc".find("x")
"abcabc".count("bc")|"-".join(["a","b"])|"hello world".title()|"hello".capitalize()|"ß".upper()|"İ".lower()
l[0]|l[-1]|l[5]|l[1:]|l[:-1]|l[::-1]|l[::2]|l[5:]|l[-2:]|l[2:0:-1]|u[0]|u[-1]|u[1:3]|u[::-1]|u[9]|l[0:3:2]
d.a|d["a"]|d.missing|d["missing"]|d.get("a")|d.get("q")|d.get("q", 5)|d.items()|list|d.keys()|list|d.values()|list|d|items|list|d|list|d|tojson|d|tojson(indent=2)
l|tojson|u|tojson|none|tojson|t|tojson|f|tojson|ms|tojson|d|dictsort|[]|tojson(indent=4)|{}|tojson(indent=4)|{"k": []}|tojson(indent=1)
1 + 2|7 // 2|-7 // 2|7 % 3|-7 % 3|7 / 2|6 / 2|2 * 3|"ab" * 3|3 * "x"|1 + 2.5|f * 2|7.5 // 2|7.5 % 2|-n|+n|- -n|1 - 2 - 3|2 + 3 * 4|(2 + 3) * 4
"a" ~ 1 ~ none ~ t|"a" + "b"|"a" + 1|l + [4]|none + 1|undefined_name + "x"|1 / 0|1 % 0
1 < 2|1 < 2 < 3|1 < 3 < 2|"a" < "b"|"a" < 1|1 == 1.0|1 == true|"1" == 1|[1] == [1]|d == d|none == none|undefined_name == none|undefined_name == ""
1 in l|"a" in s|"b" in d|"x" not in l|not 1 in l|not l|not not t|3 in "abc"|"" in "abc"|undefined_name in l|"a" in undefined_name
1 and 2|0 and 2|0 or 2|"" or "x"|none or e or "y"|t and not e|1 if t else 2|1 if e else 2|1 if e|(1 if e) is undefined|"a" if t else "b" ~ "c"
n is defined|q is defined|q is not defined|none is none|n is none|s is string|l is iterable|d is mapping|l is mapping|n is number|f is number|f is float|n is integer
t is boolean|t is true|t is false|n is odd|n is even|n is divisibleby 7|n is divisibleby(3)|n is equalto 7|n is eq 7|n is ne 7|n is sequence|l is sequence|1 is in l
q is iterable|not n is string|n is string or t|"x" is string and l is string|n == 7 is true|t is number|s is not string
l|first|l|last|[]|first|l|join(", ")|l|join|ms|join(",", attribute="role")|l|list|"abc"|list|l|reverse|list|"abc"|reverse|"3"|int|"x"|int|"x"|int(9)|"2.5"|float
-3|abs|q|default("d")|e|default("d")|e|default("d", true)|q|d("x")|none|default("z")|ms|selectattr("role", "equalto", "user")|list
ms|rejectattr("role", "equalto", "user")|list|ms|selectattr("x")|list|ms|selectattr("x.y", "eq", 2)|list|ms|map(attribute="role")|list|ms|map(attribute="x.y", default=0)|list
["a","b"]|map("upper")|list|l|select("odd")|list|l|reject("odd")|list|none|select|list|l|select("equalto", 1)|list|u|replace("日", "X")|"a\\nb\\n\\nc"|indent|"a\\nb"|indent(2, true)
"a\\nb\\n\\nc"|indent(2, false, true)|range(3)|list|range(1, 4)|list|range(5, 0, -2)|list|range(0)|list|namespace(a=1).a|dict(a=1, b=2)|strftime_now("%Y-%m-%d %H:%M:%S %B %b %A %a %d %p %I %y %%")
raise_exception("no")|unknown()|s()|d.a.b|d.missing.b|q.x|q[0]|none.x|none[0]|n.x|l.role|s.role|ms[0].x.y|ms[0]["x"]["y"]|ms[1].x is defined
u|string|l|string|d|string|f|string|1e3|1.5e3|1.0|100000000000000000.0|0.00001|123456.789|0.1 + 0.2|{"a": 1}["a"]|{"a": "\\t'"}|["'", '"']
[1, "a", none, true, 2.5, {"k": [1]}]|("a", 1)|(1,)|()|"a" "b"|'it\\'s'|"tab\\tnew\\nq\\"x\\\\"|"\\u00e9\\x41"|true and True|None is none|"é" == "e\\u0301"
d.items2|d.items() | list | length|ms[:1]|tojson|(ms|length - 1)|ms|length - 1|l|length == 3|not l|length == 3|"a" if l|length > 2 else "b"|-l[0]|-n|abs|l[n - 6]|u.split("\\n")[0].strip()|[1,2,3][1:][0]
""".strip()
STATEMENTS = [
    "{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}",
    "{% for x in l if x > 1 %}{{ x }}{{ loop.index }}{{ loop.last }} {% endfor %}", "{% for x in [] %}a{% else %}b{% endfor %}", "{% for x in l if x > 9 %}a{% else %}b{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k, v in d|items %}{{ k }}={{ v }};{% endfor %}", "{% for k in d %}{{ k }}{% endfor %}", "{% for c in u %}[{{ c }}]{% endfor %}",
    "{% for x in q %}a{% endfor %}", "{% for x in n %}a{% endfor %}", "{% for x in none %}a{% endfor %}", "{% for a, b in [[1, 2], [3, 4]] %}{{ a + b }} {% endfor %}", "{% for a, b in [[1]] %}{% endfor %}",
    "{% for x in l %}{{ loop.previtem }}-{{ loop.nextitem }} {% endfor %}", "{% for x in l %}{% for y in l %}{{ loop.depth }}{{ x }}{{ y }} {% endfor %}{% endfor %}",
    "{% set x = 1 %}{% for y in l %}{{ x }}{% set x = y %}{{ x }} {% endfor %}{{ x }}", "{% set ns = namespace(x=0) %}{% for y in l %}{% set ns.x = ns.x + y %}{% endfor %}{{ ns.x }}",
    "{% if t %}{% set x = 1 %}{% endif %}{{ x }}", "{% for y in l %}{% set q2 = y %}{% endfor %}{{ q2 }}", "{% set x %}a{{ n }}b{% endset %}{{ x|upper }}", "{% set a, b = 1, 2 %}{{ b }}{{ a }}",
    "{% set d.a = 1 %}", "{% set x = 1, 2 %}{{ x[1] }}", "{% if e %}1{% elif n == 7 %}2{% else %}3{% endif %}", "{% if e %}1{% elif none %}2{% else %}3{% endif %}",
    "{% macro m(a, b='x') %}[{{ a }}{{ b }}{{ n }}]{% endmacro %}{{ m(1) }}{{ m(1, 2) }}{{ m(b=3, a=4) }}{{ m() }}", "{% macro m() %}{{ z }}{% endmacro %}{% set z = 5 %}{{ m() }}",
    "{% macro m(x) %}{% if x > 0 %}{{ x }}{{ m(x - 1) }}{% endif %}{% endmacro %}{{ m(3) }}", "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{% for x in l %}{{ m(x) }}{% endfor %}",
    "{% for x in l %}{% macro m() %}{{ n }}{% endmacro %}{{ m() }}{% endfor %}", "{% for x in [1,2,3,4] %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 4 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "a\n{% if t %}\nb\n{% endif %}\nc\n", "a\n  {% if t %}  \n  b\n  {% endif %}\nc", "a  {%- if t -%}  b  {%- endif -%}  c", "a\n  {%- if t %}\n  b\n  {%- endif %}\n  c", "  {{ n }}  \n  {{- n -}}  \n x",
    "a {# c #} b\n{# c #}\nd\n  {# c #}\ne\n{#- c -#}\nf", "  {%+ if t %}x{% endif %}\n  {%+ if t +%}\ny{% endif %}", "{{ '}}' }}{{ \"{%\" }}{{ {'a': {'b': 1}}['a']['b'] }}", "x\n\n", "x\n", "\r\n a\rb\n{% if t %}\r\n{% endif %}",
    "{%- if t %}a{% endif -%}\n\n  b", "{% if t -%}\n  a\n{%- endif %}", "a{{ none }}b{{ q }}c{{ t }}d{{ l }}", "{{ '<' ~ s ~ '>' }}", "{% generation %}a{{ n }}{% endgeneration %}b", "{{ n }}}", "{ {{ n }} }", "{% set x = 'a' %}{{ x }}{% set x = x + 'b' %}{{ x }}",
    "{% set ns = namespace(d) %}{{ ns.a }}{{ ns.zz }}", "{% for m in ms %}{% set content = namespace(v='') %}{% if m.x %}{% set content.v = m.x.y %}{% endif %}{{ content.v }},{% endfor %}", "{{ loop }}", "{% if q.x %}{% endif %}",
    "{% if n is string %}a{% else %}b{% endif %}{% if not (n is string and n > 3) %}c{% endif %}", "{% for m in ms[::-1] %}{{ m.role }}{{ loop.index0 }}{% endfor %}", "{{ ms[0] == ms[2] }}{{ ms[0] == ms[0] }}{{ ms[-1].x.y }}",
    "{{ n", "{% if t %}", "{% endif %}", "{{ }}", "{{ 1 + }}", "{% for in l %}{% endfor %}", "{{ 'a }}", "{% set = 1 %}", "{# x", "{{ l[ }}", "{{ (1 }}", "{{ a b }}",
]


def expressions():
    """The lines hold expressions with `|` between; an expression's own filters follow its first part."""
    filters = set("trim upper lower title capitalize length items list tojson dictsort first last join reverse int float abs default d selectattr "
                  "rejectattr map select reject replace indent string".split())
    for line in EXPRESSIONS.splitlines():
        current = None
        for part in line.split("|"):
            match = re.match(r"(\w+)(\(|\s|$)", part.strip())
            word = match[1] if match else ""
            is_filter = word in filters and current is not None and not (word == "d" and match[2] != "(")
            if is_filter:
                current += "|" + part
            else:
                if current is not None:
                    yield current
                current = part
        yield current


def attempt(source, **variables):
    try:
        return utils._compile_jinja_template(source).render(**variables)
    except Exception:
        return None


def main():
    conversations = []
    for path in sorted(HERE.glob("*.jinja")):
        source = path.read_text()
        for name, messages in CONVERSATIONS.items():
            for tools in (None, [TOOL, TOOL]):
                for prompt in (True, False):
                    for index, variables in enumerate(VARIABLES):
                        if index and name not in ("one", "system", "calls"):
                            continue
                        try:
                            rendered, _ = utils.render_jinja_template(
                                conversations=[messages], tools=tools, chat_template=source, add_generation_prompt=prompt, **{**TOKENS, **variables})
                            expected = hashlib.sha256(rendered[0].encode()).hexdigest()[:16]
                        except Exception:
                            expected = None
                        conversations.append([path.name, name, tools is not None, prompt, index, expected])
    snippets = [[f"{{{{ {x.strip()} }}}}", attempt(f"{{{{ {x.strip()} }}}}", **DATA)] for x in expressions()]
    snippets += [[x, attempt(x, **DATA)] for x in STATEMENTS]
    result = {"transformers": transformers.__version__, "tokens": TOKENS, "tool": TOOL, "conversations": CONVERSATIONS, "variables": VARIABLES, "data": DATA,
              "rendered": conversations, "snippets": snippets}
    (HERE / "expected.json").write_text(json.dumps(result, ensure_ascii=False, separators=(",", ":")).replace('],["', '],\n["') + "\n")
    print(len(conversations), "conversations,", sum(x[-1] is None for x in conversations), "of them fail;", len(snippets), "snippets,",
          sum(x[-1] is None for x in snippets), "of them fail")


if __name__ == "__main__":
    main()
