#!/usr/bin/env python3
"""Writes alora_gguf/results.py, the Python types of what the command prints, from schemas/.

    make_python_results.py [--check]

`make python-results` runs it. With --check it writes nothing and fails if the file is not up to date.
"""
import json
import keyword
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "python/alora-gguf/src/alora_gguf/results.py"

# The schemas that have Python types, and the names of their roots.
SCHEMAS = {
    "convert": "Conversion",
    "inspect": "Inspection",
    "diff": "Difference",
    "tokens": "InvocationReport",
    "tokenize": "Tokenization",
    "logits": "LogitsReport",
    "golden-record": "GoldenRecord",
    "verify": "Verification",
    "verify-server": "ServerVerification",
}
# Names that the rule below (the parent's name, then the property's) would make clumsy.
NAMES = {
    "convert:conversion": "Conversion",
    "convert:tree": "ConvertedTree",
    "convert:converted": "ConvertedAdapter",
    "convert:failed": "FailedAdapter",
    "convert:io_findings": "IntrinsicFinding",
    "ConvertedTreeLibrary": "ConvertedLibrary",
    "verify:case": "VerifiedCase",
    "verify:comparison": "RowComparison",
    "verify:entries": "TopEntry",
    "ConversionModule": "ConvertedModule",
    "DifferenceDifference": "DifferenceEntry",
    "GoldenRecordCase": "RecordedCase",
    "InspectionAdapter": "AdapterSummary",
    "InspectionAdapterTarget": "AdapterTarget",
    "InspectionArray": "ArraySummary",
    "InspectionCase": "GoldenCase",
    "InspectionMetadata": "MetadataEntry",
    "InspectionModel": "ModelSummary",
    "InspectionSwitch": "SwitchSummary",
    "InspectionTensor": "TensorSummary",
    "InspectionTensorValues": "ValueSummary",
    "InvocationReportFinding": "InvocationFinding",
    "InvocationReportInvocation": "Invocation",
    "InvocationReportPrompt": "PromptActivation",
    "LogitsReportText": "LogitsText",
    "ServerVerificationCheck": "ServerCheck",
    "ServerVerificationCheckExpected": "ServerHypothesis",
    "ServerVerificationCheckFit": "ServerFit",
    "ServerVerificationCheckScaling": "ScalingEstimate",
    "ServerVerificationServer": "ServerDescription",
    "SwitchSummaryNote": "SwitchNote",
    "SwitchSummaryResetToken": "SwitchResetToken",
    "SwitchSummarySlot": "SwitchSlot",
    "VerificationProof": "Proof",
    "VerifiedCaseCache": "CacheBlock",
    "VerifiedCasePosition": "VerifiedPosition",
    "VerifiedCaseTopToken": "TopTokens",
}
PRIMITIVES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}


def singular(word):
    """`modules` → `module`, `libraries` → `library`; a word that is not a plural stays."""
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def camel(word):
    return "".join(part.capitalize() for part in word.replace("-", "_").split("_"))


class Writer:
    def __init__(self):
        self.classes = {}  # name → source
        self.names = {}  # canonical schema → name

    def schema(self, kind, root_name):
        document = json.loads((ROOT / f"schemas/{kind}.schema.json").read_text())
        self.kind, self.definitions, self.title = kind, document.get("$defs", {}), document["title"].split(",")[0]
        for variant in document.get("anyOf", [document]):
            self.type(variant, root_name)

    def type(self, schema, name):
        """The annotation of a value, and the classes that it needs."""
        if "$ref" in schema:
            key = schema["$ref"].removeprefix("#/$defs/")
            default = NAMES.get(f"{self.kind}:{key}", camel(key))
            return self.type(self.definitions[key], default)
        if "const" in schema:
            return f"Literal[{schema['const']!r}]"
        if "enum" in schema:
            return f"Literal[{', '.join(json.dumps(value) for value in schema['enum'])}]"
        if "anyOf" in schema:
            parts = [self.type(part, name) for part in schema["anyOf"]]
            parts.sort(key=lambda part: part == "None")
            return " | ".join(parts)
        kinds = schema.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        parts = []
        for kind in kinds:
            if kind == "array":
                parts.append(f"tuple[{self.type(schema.get('items', {}), name)}, ...]")
            elif kind == "object":
                parts.append(self.object(schema, name))
            else:
                parts.append(PRIMITIVES[kind])
        parts.sort(key=lambda part: part == "None")
        return " | ".join(parts) or "object"

    def object(self, schema, name):
        if not schema.get("properties"):
            return "dict[str, object]"
        canonical = json.dumps({k: v for k, v in schema.items() if k not in ("description", "title", "type")})
        if canonical in self.names:
            return self.names[canonical]
        name = NAMES.get(name, name)
        assert name not in self.classes, f"two schemas want the name {name}; add one of them to NAMES"
        self.names[canonical] = name
        self.classes[name] = ""
        required = set(schema.get("required", []))
        members = []
        for key, value in sorted(schema["properties"].items(), key=lambda item: item[0] not in required):
            assert key.isidentifier() and not keyword.iskeyword(key), f"{name}.{key} cannot be a field"
            part = key if value.get("type") != "array" and "array" not in value.get("type", []) else singular(key)
            annotation = self.type(value, name + camel(part))
            if key not in required:
                annotation += "" if annotation.endswith("None") or annotation == "object" else " | None"
                annotation += " = None"
            members.append((key, annotation, value.get("description")))
        lines = ["@dataclass(frozen=True, slots=True, kw_only=True)", f"class {name}:"]
        title = schema.get("description") or schema.get("title")
        if title and title == schema.get("title"):
            title = f"What `{self.title}` prints"
        lines.append('    """' + (title.rstrip(".") + "." if title else f"Part of `{self.title}`.") + '"""')
        lines.append("")
        for key, annotation, description in members:
            if description:
                lines += [f"    #: {line}" for line in textwrap.wrap(description, 108)]
            lines.append(f"    {key}: {annotation}")
        # A class that others refer to comes before them: its own text is placed when it is complete.
        del self.classes[name]
        self.classes[name] = "\n".join(lines)
        return name


def generate():
    writer = Writer()
    for kind, name in SCHEMAS.items():
        writer.schema(kind, name)
    names = "".join(f'    "{name}",\n' for name in sorted(writer.classes))
    head = textwrap.dedent('''\
        """What the commands report, as frozen dataclasses.

        Made from schemas/ by scripts/make_python_results.py (`make python-results`): do not edit.
        A newer command may report more; fields that a class does not know are passed over.
        """

        from dataclasses import dataclass
        from typing import Literal

        ''')
    return head + f"__all__ = [\n{names}]\n" + "".join(f"\n\n{text}\n" for text in writer.classes.values())


def main():
    text = generate()
    if "--check" not in sys.argv[1:]:
        OUTPUT.write_text(text)
    elif not OUTPUT.exists() or OUTPUT.read_text() != text:
        sys.exit(f"{OUTPUT.relative_to(ROOT)} is not what schemas/ say: run make python-results and commit it")


if __name__ == "__main__":
    main()
