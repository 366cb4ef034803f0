"""Writes JSON documents, valid and damaged, with what Python's json says of each.

    python3 make_documents.py documents.bin [--seed 1] [--count 3000]

For each document: its length (u16), a verdict (u8), a digest of its value (u64, little-endian), its bytes. Verdicts: 0 refused,
1 accepted, 2 accepted if NaN and Infinity are allowed, 3 refused for a name that occurs twice.

The reader differs from Python on purpose where it refuses: names that occur twice, U+0000 in a name, half of a surrogate pair,
nesting of more than 64, UTF-32, and UTF-16 without a byte order mark.
"""
import argparse
import json
import random
import struct
import sys

sys.set_int_max_str_digits(0)
DEPTH = 64
REFUSED, ACCEPTED, NON_FINITE, DUPLICATE = range(4)


class Constant(float):
    """NaN or an infinity that the text names, as opposed to a number that overflows."""


# --- The verdict -----------------------------------------------------------------------------------------------------


def canonical(value, depth=0):
    """The value as bytes, numbers by their bits. The Swift test writes the same."""
    if value is None:
        return b"n"
    if value is True or value is False:
        return b"t" if value else b"f"
    if isinstance(value, int):
        if -(1 << 63) <= value < 1 << 64:
            return b"i%d" % value
        try:
            value = float(value)
        except OverflowError:
            value = float("inf") if value > 0 else float("-inf")
    if isinstance(value, float):
        if value != value:
            return b"dnan"
        if value in (float("inf"), float("-inf")):
            return b"dinf" if value > 0 else b"d-inf"
        return b"d%016x" % struct.unpack("<Q", struct.pack("<d", value))
    if isinstance(value, str):
        data = value.encode()
        return b"s%d:" % len(data) + data
    if depth >= DEPTH:
        raise ValueError("deep")
    if isinstance(value, list):
        return b"[" + b"".join(canonical(v, depth + 1) for v in value) + b"]"
    parts = []
    for name, member in value:
        if "\0" in name:
            raise ValueError("U+0000")
        parts.append(canonical(name) + canonical(member, depth + 1))
    return b"{" + b"".join(parts) + b"}"


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def verdict(data):
    state = {"duplicate": False, "constant": False}

    def pairs(items):
        names = [name for name, _ in items]
        state["duplicate"] |= len(set(names)) < len(names)
        return tuple(items)

    def constant(text):
        state["constant"] = True
        return float(text.replace("Infinity", "inf"))

    marked = data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf"))
    encoding = json.detect_encoding(data)
    if encoding.startswith("utf-32") or encoding.startswith("utf-16") and not marked:
        return REFUSED, 0
    try:
        # Python passes halves of surrogate pairs in UTF-8 and UTF-16; canonical() refuses them.
        value = json.loads(data, object_pairs_hook=pairs, parse_constant=constant)
        text = canonical(value)
    except (ValueError, RecursionError):
        return REFUSED, 0
    if state["duplicate"]:
        return DUPLICATE, 0
    return (NON_FINITE if state["constant"] else ACCEPTED), fnv(text)


# --- Kinds: what parsers are known to differ in --------------------------------------------------------------------------


def kinds():
    texts = []
    numbers = """0 -0 1 -1 12 0.0 -0.0 0.5 1.5e3 1E3 1e+3 1e-3 1E+03 0e0 0E-0 1e0000000001 123456789012345678 4.9e-324 2e-324
        1.7976931348623157e308 1.8e308 -1.8e308 1e400 -1e-400 1e99999999999999999999 9007199254740993 9223372036854775807
        9223372036854775808 -9223372036854775808 -9223372036854775809 18446744073709551615 18446744073709551616
        1000000000000000019884624838656 -1000000000000000019884624838656 0.1000000000000000055511151231257827
        1.00000000000000011102230246251565404236316680908203125 179769313486231580793728971405301e276
        00 01 -01 000.5 1. -1. .5 -.5 - + +1 -- --1 -+1 ++1 1e 1e+ 1E- 1.e1 1.0e 0x10 0X1F 0b1 0o7 1_000 1,5 1'000 1f 1.0L 12a
        1e5.5 1.2.3 1e1e1 - 1 -\t1 -a -Infinity -infinity -NaN +NaN NaN nan NAN Nan Infinity infinity Inf INF -Inf inf
        \uff11 1\u0660 \u0661 \u2212 1\u066b5""".split()
    texts += numbers + ["9" * n for n in (18, 19, 20, 21, 400)] + ["-" + "9" * n for n in (18, 19, 20, 400)]
    texts += ["0" * n for n in (2, 50)] + ["1e" + "0" * 40 + "1", "0." + "3" * 400, "- 1", "1 2", "1 e5", "1e 5", "1. 5", "1 .5"]
    texts += """true false null True TRUE tRue False FALSE None NULL Null nil nul nulll truefalse tru fals t f n undefined
        yes on true1 true_ trueé true" nan() void ~""".split()
    texts += ["true false", "nul\0", "tr\\u0075e", "\\u0031", "nu\nll"]
    for body in ["", "a", "é", "漢字", "\U0001F600", "\x7f", "\x80", "\u2028", "\u2029", "\ufeff", "\uffff", "\ufdd0", "\U0010ffff",
                 "'", "/", "\\/", "\\\\", '\\"', "\\b\\f\\n\\r\\t", "\\a", "\\v", "\\0", "\\x41", "\\'", "\\ ", "\\\n", "\\",
                 "\\U0041", "\\u", "\\u0", "\\u00", "\\u004", "\\u0041", "\\u00e9", "\\u00E9", "\\u00eG", "\\u+041", "\\u-041",
                 "\\u 041", "\\u{41}", "\\u0000", "a\\u0000b", "\\uD83D\\uDE00", "\\ud83d\\ude00", "\\ud83d", "\\ude00",
                 "\\ude00\\ud83d", "\\ud83d\\ud83d", "\\ud83dx", "\\ud83d\\n", "\\ud83d\\u", "\\ud83d\\u0041", "\\ud83d\\ude0",
                 "\\ud837\\udea8", "\\udbff\\udfff", "\\ud800\\udc00", "\\ud83d\\\\ude00", "\\uffff", "\\ufffe", "\t", "\n", "\r",
                 "\0", "\x01", "\x1f", "\b", "\f", "a\nb", "//", "/* */", "#", "{", "[", "]", "},", "\\u002c", "\\\\u0041", "\\\\\\"]:
        texts += [f'"{body}"', f'["{body}"]', f'{{"{body}":1}}', f'{{"k":"{body}"}}', f'"{body}', f"'{body}'"]
    texts += ["", " ", "\n", "\t \r\n", "[", "]", "{", "}", "[]", "{}", "[ ]", "{ }", "[\n]", "[[]]", "[{}]", '{"a":{}}', "[]]", "{}}", "[}",
              "{]", "[{]}", "][", "}{", "[,]", "[,1]", "[1,]", "[1,,2]", "[1 2]", "[1;2]", "[1:2]", "[1\n,2]", "[1,2", "[1,", "[1", "[\"a\"",
              "[\"a", "[\"", "[[1]", "[\"\",", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,\"a\":1}", "{\"a\":1,,\"b\":2}", "{\"a\":1 \"b\":2}",
              "{\"a\":1;\"b\":2}", "{\"a\",1}", "{\"a\" 1}", "{\"a\"::1}", "{\"a\":1:2}", "{:1}", "{1:1}", "{a:1}", "{null:1}", "{'a':1}",
              "{\"a\":'b'}", "{\"a\"=1}", "{\"a\"=>1}", "{[1]:1}", "{\"a\":1", "{\"a\":", "{\"a\"", "{\"a", "{\"", "{\"a\":1}}", "{\"a\":1}x",
              "{\"a\":1} {}", "{\"a\":1},", "[1],", ",", ":", ",1", "1,", "[]\0", "\0[]", "[\0]", "[1]\x00", "[1]#", "[1]//", "[1]/*x*/",
              "//\n1", "/*x*/1", "[1/*x*/]", "[1,//x\n2]", "#x\n1", "<!--x-->1", "{\"a\":/*x*/1}", "{\"a\"/*x*/:1}", "1/", "/", "\\", "[1]\\n",
              "{\"a\":1,\"a\":1}", "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "{\"a\":1,\"A\":2}", "{\"\":1,\"\":2}", "[{\"a\":1},{\"a\":1}]",
              "{\"a\":{\"a\":{\"a\":1}}}", "{\"é\":1,\"e\u0301\":2}", "{\"é\":1,\"\\u00e9\":2}", "{\"a\":{\"b\":1,\"b\":2}}", "{\"a\":\"a\",\"b\":\"a\"}",
              "{\"a\":1,\"b\":[{\"c\":1,\"d\":{\"c\":1,\"d\":1,\"c\":2}}]}", "{\"\\u0000\":1}", "{\"a\\u0000\":1,\"a\":2}", "{\"a:b\":\"{:}\",\"a\":\"\\\":\"}"]
    for space in ["\v", "\f", "\x00", "\x1c", "\x1f", "\x7f", "\x85", "\xa0", "\u1680", "\u2000", "\u2009", "\u200b", "\u2028", "\u2029", "\u202f",
                  "\u205f", "\u2060", "\u3000", "\ufeff", "\b", "\x01", " ", "\n", "\r", "\t"]:
        texts += [f"{space}[1]", f"[1]{space}", f"[{space}1]", f"[1{space},2]", f"[1,{space}2]", f'{{"a"{space}:1}}', f'{{"a":{space}1}}', space]
    for quote in ["“”", "‘’", "«»", "``", "''", "„“", "＂＂"]:
        texts += [f"{{{quote[0]}a{quote[1]}:1}}", f"[{quote[0]}a{quote[1]}]"]
    texts += ["[NaN]", "[-Infinity]", "[Infinity]", '{"a":NaN}', '{"NaN":"Infinity"}', "[NaN,]", "[nan]", "[-NaN]", "[Infinity1]", "[NaNNaN]",
              "NaN ", "[1,NaN,2.5]", '{"a":-Infinity,"a":1}']
    for depth in (1, 2, 62, 63, 64, 65, 66, 450):
        texts += ["[" * depth + "]" * depth, "[" * depth + "1" + "]" * depth, '{"a":' * depth + "1" + "}" * depth,
                  "[" * depth, "[" * depth + "]" * (depth - 1), '[{"a":' * depth + '""' + "}]" * depth]
    documents = [t.encode("utf-8", "surrogatepass") for t in texts]
    raw = ["80", "bf", "c0", "c080", "c0af", "c1bf", "c2", "c220", "c280", "dfbf", "e0", "e080", "e08080", "e09fbf", "e0a080", "e282", "e28228",
           "ed9fbf", "eda080", "edbfbf", "edafbfedb080", "ee8080", "efbbbf", "efbfbe", "efbfbf", "f0", "f0808080", "f08fbfbf", "f0908080",
           "f09f98", "f09f9880", "f48fbfbf", "f4908080", "f5808080", "f7bfbfbf", "f8888080", "fc8480808080", "fe", "ff", "fffe", "feff", "e9", "c3a9c3",
           "a9", "c3c3a9", "e4bda0e5a5", "94", "93"]
    for part in map(bytes.fromhex, raw):
        documents += [b'"' + part + b'"', b'["a' + part + b'b"]', b'{"' + part + b'":1}', b"[" + part + b"]", part, b"[1]" + part, part + b"[1]"]
    for text in ["[1]", '"é"', '{"a":"漢字\U0001F600"}', "", " ", "1", '"', "[", '{"a":1,}', '{"a":1,"a":2}', '"\ufeff"', "[NaN]", "\ufeff1", "[1]\n"]:
        for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
            body, mark = text.encode(encoding), "\ufeff".encode(encoding)
            documents += [body, mark + body, mark + mark + body, mark + body[:-1], mark + body + b"\0", mark]
    wide = "[\"a\"]".encode("utf-16-le")
    for unit in (b"\x00\xd8", b"\x00\xdc", b"\x00\xd8\x00\xd8", b"\x00\xdc\x00\xd8", b"\x3d\xd8\x00\xde", b"\0\0", b"\xff\xff"):
        documents.append(b"\xff\xfe" + wide[:6] + unit + wide[6:])
    return documents


# --- Random documents, and damage ----------------------------------------------------------------------------------------

WORDS = ["a", "r", "lora_alpha", "q_proj", "é", "漢字", "\U0001F600", "𐀀", "x\u0301", "", " ", "\u2028", "\ufffd", "ß", "\x7f", "target_modules"]
PIECES = [b",", b":", b'"', b"'", b"[", b"]", b"{", b"}", b"\\", b"/", b"//", b"/*", b"*/", b"#", b"0", b"-", b"+", b".", b"e", b"E", b"1", b"true",
          b"True", b"null", b"NULL", b"NaN", b"Infinity", b"-Infinity", b"nan", b"\\u", b"\\ud83d", b"\\ude00", b"\\u0000", b"\0", b"\t", b"\n", b"\x0b",
          b"\x0c", b" ", b"\xc2\xa0", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\xff", b"\x80", b"\xc3", b"\xed\xa0\x80", b"\xe2\x80\x9c", b"\x1f", b"\x7f",
          b'"a":1', b'"a":1,', b",]", b",}", b"0x1", b"1e400", b"99999999999999999999", b"00", b"\\x", b"\r\n", b"_", b"=", b";"]


def spaces(r):
    return r.choice(["", "", "", "", " ", "\n", "\t", "\r\n", "  \n"])


def string(r):
    parts = []
    for _ in range(r.choice([0, 1, 1, 2, 3])):
        word = r.choice(WORDS)
        kind = r.randrange(5)
        if kind == 0:
            word = "".join(f"\\u{unit:04x}" for unit in struct.unpack(f"<{len(word.encode('utf-16-le')) // 2}H", word.encode("utf-16-le")))
        elif kind == 1:
            word = r.choice(["\\n", "\\\"", "\\\\", "\\/", "\\t", "\\u0001", "\\ud837\\udea8", "\\u00E9", f"\\ud8{r.randrange(256):02x}\\udc{r.randrange(256):02X}"])
        elif kind == 2:
            word = chr(r.choice([r.randrange(0x20, 0x7F), r.randrange(0x80, 0xD800), r.randrange(0xE000, 0x110000)])).replace('"', "q").replace("\\", "b")
        parts.append(word)
    return '"' + "".join(parts) + '"'


def number(r):
    kind = r.randrange(6)
    if kind == 0:
        return str(r.randrange(-9, 100))
    if kind == 1:
        return str(r.randrange(-(1 << 70), 1 << 70) >> r.randrange(70))
    if kind == 2:
        return repr(struct.unpack("<d", struct.pack("<Q", r.getrandbits(62)))[0])
    if kind == 3:
        return f"{r.randrange(100)}.{r.randrange(10 ** r.randrange(1, 25))}{r.choice(['', 'e5', 'E-7', 'e+300', 'e-320'])}"
    return r.choice(["0", "-0", "-0.0", "1e5", "1E400", "0.1", "18446744073709551615", "18446744073709551616", "-9223372036854775809", "9007199254740993"])


def value(r, depth):
    kind = r.randrange(10 if depth else 6)
    if kind < 3:
        return string(r)
    if kind < 5:
        return number(r)
    if kind == 5:
        return r.choice(["true", "false", "null", "null", "NaN" if r.randrange(8) == 0 else "0"])
    items = []
    for _ in range(r.choice([0, 1, 1, 2, 2, 3])):
        name = string(r) + spaces(r) + ":" + spaces(r) if kind >= 8 else ""
        items.append(spaces(r) + name + value(r, depth - 1) + spaces(r))
    body = ",".join(items) or spaces(r)
    return "{" + body + "}" if kind >= 8 else "[" + body + "]"


def damaged(r, data):
    data = bytearray(data)
    for _ in range(r.choice([1, 1, 1, 2, 3])):
        at = r.randrange(len(data) + 1)
        kind = r.randrange(7)
        if kind <= 2:
            data[at:at] = r.choice(PIECES)
        elif kind == 3:
            del data[at:at + r.choice([1, 1, 2, 4])]
        elif kind == 4 and data:
            data[at % len(data)] ^= 1 << r.randrange(8)
        elif kind == 5:
            data[at:] = data[at:at + r.randrange(4)]
        else:
            end = at + r.randrange(12)
            data[end:end] = data[at:end]
    return bytes(data)


def documents(seed, count):
    r = random.Random(seed)
    result = kinds() if seed == 1 else []
    while len(result) < count:
        data = (spaces(r) + value(r, r.randrange(1, 5)) + spaces(r)).encode()
        if r.randrange(40) == 0:
            text = data.decode()
            data = b"\xef\xbb\xbf" + data if r.randrange(2) else r.choice([("\ufeff" + text).encode("utf-16-le"), ("\ufeff" + text).encode("utf-16-be")])
        result.append(data)
        result += [damaged(r, data) for _ in range(2)]
    return [d for d in dict.fromkeys(result) if len(d) < (1 << 16) and (seed != 1 or len(d) <= 1000)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("output")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=7000)
    arguments = parser.parse_args()
    counts = [0] * 4
    with open(arguments.output, "wb") as file:
        for data in documents(arguments.seed, arguments.count):
            found, digest = verdict(data)
            counts[found] += 1
            file.write(struct.pack("<HBQ", len(data), found, digest) + data)
    print("refused {}, accepted {}, with NaN or Infinity {}, duplicates {}".format(*counts))
