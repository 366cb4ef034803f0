"""Records what llguidance makes of JSON schemas: which texts they allow, and which tokens may come next.

    schema_cases.py testdata/schemas/cases.json          the fixture: schemas, texts, verdicts
    schema_cases.py DIR --masks --count 400              masks over SmolLM2's vocabulary, for `make schemas`

Needs llguidance 1.9. White space is set as the project has it: one space or none after commas and colons. Without `no_forcing`,
llguidance allows only the tokenizer's own token where the bytes that follow are certain.
"""
import argparse
import json
import pathlib
import random

import llguidance
from llguidance import LLMatcher, LLTokenizer

TOKENIZER = pathlib.Path(__file__).parents[2] / "testdata/adapters/answerability/base-config/tokenizer.json"
SPACE = {"whitespace_flexible": False, "item_separator": ", ?", "key_separator": ": ?"}
STRING, INTEGER = {"type": "string"}, {"type": "integer"}


def object_of(required=None, **properties):
    return {"type": "object", "properties": properties, "required": list(properties) if required is None else required, "additionalProperties": False}


# Shapes of Granite's io.yaml, and one of each keyword.
WRITTEN = [
    {"type": "string", "enum": ["answerable", "unanswerable"]}, {"type": "string", "enum": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]}, object_of(answerability={"enum": ["answerable", "unanswerable"]}),
    {"type": "array", "items": object_of(r={"type": "integer", "minimum": 0, "maximum": 17}, c={"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 250}})},
    {"type": "array", "items": object_of(i={"type": "integer", "minimum": 0, "maximum": 4}, f={"enum": ["faithful", "partial", "unfaithful", "NA"]}, r=STRING)}, object_of(score={"type": "number", "minimum": 0, "maximum": 1}),
    object_of(rewritten_question=STRING), object_of(score={"type": "string", "enum": ["yes", "no"]}, why={"type": "string", "maxLength": 40}), object_of(relevant={"type": "boolean"}, note={"type": ["string", "null"]}),
    {"type": "boolean"}, {"type": "null"}, INTEGER, {"type": "number"}, STRING, {"type": "array"}, {"type": "object"}, {}, {"const": 5}, {"const": "x\n\"y"}, {"const": None}, {"const": {"a": [1, True]}}, {"enum": [1, "a", None, [1, 2], {"k": "v"}]},
    {"type": "array", "items": INTEGER, "minItems": 2, "maxItems": 4}, {"type": "array", "items": {"type": "boolean"}, "minItems": 3}, {"type": "array", "prefixItems": [STRING, INTEGER], "items": False, "minItems": 1}, {"type": "array", "prefixItems": [STRING, INTEGER], "items": {"type": "null"}},
    {"type": "array", "maxItems": 0}, {"type": "string", "minLength": 3}, {"type": "string", "maxLength": 4}, {"type": "string", "minLength": 2, "maxLength": 3}, {"type": "string", "pattern": "^[a-z]+$"}, {"type": "string", "pattern": "^(foo|ba[rz]){1,2}$"}, {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3,5}$"},
    {"type": "string", "pattern": "^\\d+(\\.\\d+)?$"}, {"type": "string", "pattern": "^.{2,5}$"}, {"type": "string", "pattern": "ab"}, {"type": "string", "pattern": "^[^x\"]*$"}, {"type": "string", "pattern": "^\\w+@\\w+\\.com$", "maxLength": 20}, {"type": "string", "pattern": "^é+[ü-ÿ]?$"},
    *({"type": "string", "format": x} for x in ["date", "time", "date-time", "uuid", "ipv4", "ipv6", "email", "hostname", "duration", "uri"]),
    *({"type": "integer", **x} for x in [{"minimum": 0}, {"maximum": -1}, {"minimum": -5, "maximum": 5}, {"minimum": 1, "maximum": 1000}, {"exclusiveMinimum": 9, "exclusiveMaximum": 100}, {"minimum": 95, "maximum": 12345}, {"minimum": -1200, "maximum": -37}, {"multipleOf": 7}, {"multipleOf": 5, "minimum": 0, "maximum": 200}]),
    *({"type": "number", **x} for x in [{"minimum": 0}, {"minimum": 0, "maximum": 1}, {"exclusiveMinimum": 0, "exclusiveMaximum": 1}, {"minimum": -2.5, "maximum": 3.75}, {"maximum": -0.5}, {"minimum": 1.25, "maximum": 1.3}, {"minimum": 10, "maximum": 200}]),
    {"anyOf": [STRING, INTEGER]}, {"anyOf": [object_of(a=STRING), object_of(b=INTEGER)]}, {"anyOf": [{"type": "array", "items": INTEGER}, {"type": "array", "items": STRING}]}, {"oneOf": [STRING, {"type": "null"}]}, {"oneOf": [object_of(kind={"const": "a"}, x=INTEGER), object_of(kind={"const": "b"}, y=STRING)]},
    {"allOf": [{"type": "integer"}, {"minimum": 3}, {"maximum": 30}]}, {"allOf": [{"type": "object", "properties": {"a": STRING}, "required": ["a"]}, {"properties": {"b": INTEGER}, "required": ["b"]}]},
    {"$ref": "#/$defs/node", "$defs": {"node": object_of(["v"], v=INTEGER, next={"$ref": "#/$defs/node"})}}, {"type": "array", "items": {"$ref": "#"}}, {"definitions": {"t": object_of(["n"], n=STRING, c={"type": "array", "items": {"$ref": "#/definitions/t"}})}, "$ref": "#/definitions/t"},
    object_of(["b"], a=STRING, b=INTEGER, c={"type": "boolean"}), object_of([], a=STRING, b=INTEGER), {"type": "object", "properties": {"a": INTEGER}, "additionalProperties": {"type": "boolean"}}, {"type": "object", "additionalProperties": INTEGER}, {"type": "object", "properties": {"ab": INTEGER, "abc": STRING}},
    {"type": "object", "patternProperties": {"^x": INTEGER}, "additionalProperties": False}, {"type": "object", "required": ["q"], "properties": {"a": INTEGER}}, {"type": "object", "minProperties": 1, "maxProperties": 2, "additionalProperties": INTEGER}, {"type": ["integer", "string"], "minimum": 5, "maxLength": 2},
    object_of(**{"a b": STRING, "é": INTEGER, "q\"": {"type": "null"}}), {"type": "string", "enum": ["é", "日本", "a\\b", "tab\t"]}, {"enum": [1.5, -2, 1e3]}, {"type": "string", "minLength": 1, "maxLength": 300},
]


def generated(chance, depth=0):
    kinds = ["string", "integer", "number", "boolean", "null", "enum", "const"] + ["array", "object", "object", "anyOf", "types", "allOf", "oneOf", "names"] * (depth < 3)
    kind = chance.choice(kinds)
    if kind == "string":
        schema = {"type": "string"}
        if chance.random() < 0.3:
            schema["minLength"] = chance.randint(0, 5)
        if chance.random() < 0.3:
            schema["maxLength"] = schema.get("minLength", 0) + chance.randint(0, 20)
        elif chance.random() < 0.3:
            schema["pattern"] = chance.choice(["^[a-f0-9]{4,8}$", "^(yes|no|maybe)$", "^[A-Z][a-z]*$", "^a?b*c+$", "^[0-9]{1,3}%$", "^[^a-z]{1,4}$", "x$", "^(a|b(c|d)*)+$"])
        elif chance.random() < 0.15:
            return {"type": "string", "format": chance.choice(["date", "time", "uuid", "ipv4", "date-time"])}
        return schema
    if kind in ("integer", "number"):
        schema = {"type": kind}
        bounds = sorted(chance.randint(-2000, 2000) if kind == "integer" else round(chance.uniform(-30, 30), chance.randint(0, 3)) for _ in range(2))
        if chance.random() < 0.5:
            schema[chance.choice(["minimum", "minimum", "exclusiveMinimum"])] = bounds[0]
        if chance.random() < 0.5:
            schema[chance.choice(["maximum", "maximum", "exclusiveMaximum"])] = bounds[1] + 2
        if chance.random() < 0.1:
            schema["multipleOf"] = chance.randint(2, 12) if kind == "integer" else chance.choice([0.5, 0.25, 0.1, 0.01, 1.5, 2])
        return schema
    if kind == "enum":
        return {"enum": chance.sample(["a", "ab", "b c", 1, 12, -3, True, None, "é", 2.5, "a\"b", ""], chance.randint(1, 5))}
    if kind == "const":
        return {"const": chance.choice(["v", 7, None, False, "long constant text"])}
    if kind == "array":
        schema = {"type": "array", "items": generated(chance, depth + 1)}
        if chance.random() < 0.4:
            schema["minItems"] = chance.randint(0, 3)
        if chance.random() < 0.4:
            schema["maxItems"] = schema.get("minItems", 0) + chance.randint(0, 3)
        if chance.random() < 0.15:
            schema["prefixItems"] = [generated(chance, depth + 1) for _ in range(chance.randint(1, 2))]
        return schema
    if kind == "anyOf":
        return {"anyOf": [generated(chance, depth + 1) for _ in range(chance.randint(2, 3))]}
    if kind == "allOf":
        one, two = (generated(chance, 3) for _ in range(2))
        return {"allOf": [one, two if chance.random() < 0.3 else {"description": "no more"}]} if one.get("type") not in ("integer", "number") else {"allOf": [one, {"minimum": -90}]}
    if kind == "oneOf":
        return {"oneOf": [object_of(kind={"const": name}, value=generated(chance, depth + 1)) for name in ("left", "right", "none")[: chance.randint(2, 3)]]}
    if kind == "names":
        pattern = chance.choice(["^x", "^[a-z]{1,3}$", "_id$", "^(a|b)+$"])
        return {"type": "object", "patternProperties": {pattern: generated(chance, depth + 1)}, "additionalProperties": chance.choice([False, False, {"type": "null"}])}
    if kind == "types":
        return {"type": chance.sample(["string", "integer", "boolean", "null", "array", "object", "number"], chance.randint(1, 3))}
    names = chance.sample(["a", "b", "ab", "name", "value", "id", "x y", "items", "é"], chance.randint(0, 4))
    schema = {"type": "object", "properties": {name: generated(chance, depth + 1) for name in names}}
    if chance.random() < 0.8:
        schema["required"] = [x for x in names if chance.random() < 0.6]
    extra = chance.random()
    if extra < 0.7:
        schema["additionalProperties"] = False
    elif extra < 0.85:
        schema["additionalProperties"] = generated(chance, depth + 1)
    return schema


class Recorder:
    def __init__(self, seed):
        self.tokenizer = LLTokenizer(TOKENIZER.read_text())
        self.size = self.tokenizer.vocab_size
        self.end = self.tokenizer.eos_token
        self.mask_bytes = 0
        self.bytes = [b"" if self.tokenizer.is_special_token(x) else self.tokenizer.decode_bytes([x]) for x in range(self.size)]
        self.closing = {x for x in range(self.size) if any(c in b'"]},:' for c in self.bytes[x])}
        self.chance = random.Random(seed)

    def matcher(self, schema):
        given = schema if isinstance(schema, dict) else {"allOf": [schema]}
        grammar = '%llguidance {"no_forcing": true}\nstart: %json ' + json.dumps(given | {"x-guidance": SPACE})
        matcher = LLMatcher(self.tokenizer, LLMatcher.grammar_from_lark(grammar))
        return matcher, matcher.get_error() if matcher.is_error() else None

    def allowed(self, mask):
        return [8 * i + b for i, byte in enumerate(mask) if byte for b in range(8) if byte >> b & 1]

    def walk(self, schema, masks=None, limit=60):
        """Tokens that llguidance allows, one after the other."""
        matcher, _ = self.matcher(schema)
        tokens = []
        while len(tokens) < limit:
            mask = matcher.compute_bitmask()
            if masks is not None:
                masks.append(mask)
                self.mask_bytes = len(mask)
            if matcher.is_accepting() and self.chance.random() < 0.3:
                break
            choices = [x for x in self.allowed(mask) if self.bytes[x] and x != self.end]
            if not choices:
                break
            some = [self.chance.choice(choices) for _ in range(12)]
            closing = [x for x in choices if x in self.closing] if len(tokens) % 3 == 2 else [x for x in some if x in self.closing]
            token = self.chance.choice(closing) if closing and self.chance.random() < 0.6 else some[0]
            assert matcher.consume_token(token), (schema, tokens, token)
            tokens.append(token)
        return tokens

    def verdict(self, schema, text):
        """Whether the text is the beginning of a value, and whether it is one."""
        matcher, _ = self.matcher(schema)
        tokens = self.tokenizer.tokenize_bytes(text)
        if matcher.try_consume_tokens(tokens) < len(tokens):
            return [False, False]
        return [True, matcher.is_accepting()]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--masks", action="store_true")
    options = parser.parse_args()
    recorder = Recorder(options.seed)
    schemas = WRITTEN + [generated(recorder.chance) for _ in range(options.count)]
    if not options.masks:
        # The fixture stays small.
        schemas = [x for x in schemas if len(json.dumps(x)) <= 180]
    entries, steps = [], 0
    stream = open(options.output / "masks.bin", "wb") if options.masks else None
    for schema in schemas:
        _, error = recorder.matcher(schema)
        entry = {"schema": schema, "error": error.splitlines()[0][:120] if error else None}
        entries.append(entry)
        if error:
            continue
        if options.masks:
            entry["walks"] = []
            for _ in range(3):
                masks = []
                tokens = recorder.walk(schema, masks)
                entry["walks"].append(tokens)
                stream.write(b"".join(masks[: len(tokens) + 1]))
                assert len(masks) >= len(tokens)
                entry.setdefault("masks", []).append(min(len(masks), len(tokens) + 1))
                steps += len(tokens)
            continue
        texts = {}
        for _ in range(3):
            text = b"".join(recorder.bytes[x] for x in recorder.walk(schema, limit=24))
            if len(text) > 45:
                continue
            candidates = [text, text[: recorder.chance.randint(0, len(text))]]
            for _ in range(2):
                changed = bytearray(text)
                place = recorder.chance.randint(0, max(0, len(text) - 1))
                changed[place : place + recorder.chance.randint(0, 1)] = recorder.chance.choice([b'"', b"}", b"]", b",", b"0", b"-", b"a", b" ", b".", b"1"])
                candidates.append(bytes(changed))
            for candidate in candidates:
                try:
                    texts[candidate.decode()] = recorder.verdict(schema, candidate)
                except UnicodeDecodeError:
                    continue
        entry["texts"] = [[text, *verdict] for text, verdict in texts.items()]
        steps += len(texts)
    result = {"llguidance": llguidance.__version__, "cases": entries}
    if options.masks:
        result["end"] = recorder.end
        result["mask_bytes"] = recorder.mask_bytes
        result["vocabulary"] = [x.hex() for x in recorder.bytes]
    path = options.output / "cases.json" if options.masks else options.output
    path.write_text(json.dumps(result, ensure_ascii=False, separators=(",", ":")).replace('},{"schema"', '},\n{"schema"') + "\n")
    print(len(entries), "schemas,", sum(x["error"] is not None for x in entries), "refused;", steps, "steps or texts")


if __name__ == "__main__":
    main()
