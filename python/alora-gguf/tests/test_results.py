"""The types against the schemas: every schema in the field has its value in Python, and back."""

import dataclasses
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alora_gguf import results
from alora_gguf._decode import MismatchError, decode
from conftest import ROOT

SCHEMAS: dict[str, Any] = {
    "convert": results.Conversion | results.PeftConversion | results.EditedAdapter | results.ConvertedTree,
    "inspect": results.Inspection,
    "diff": results.Difference,
    "tokens": results.InvocationReport,
    "tokenize": results.Tokenization,
    "logits": results.LogitsReport,
    "golden-record": results.GoldenRecord,
    "verify": results.Verification,
    "verify-server": results.ServerVerification,
}


def example(schema: Any, definitions: Any, random: random.Random) -> Any:
    """A value that the schema allows, by chance."""
    if "$ref" in schema:
        return example(definitions[schema["$ref"].removeprefix("#/$defs/")], definitions, random)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return random.choice(schema["enum"])
    if "anyOf" in schema:
        return example(random.choice(schema["anyOf"]), definitions, random)
    kinds = schema.get("type", "string")
    kind = kinds if isinstance(kinds, str) else random.choice(kinds)
    if kind == "object":
        required = schema.get("required", [])
        members = schema.get("properties", {}).items()
        return {
            name: example(value, definitions, random) for name, value in members if name in required or random.random() < 0.5
        }
    if kind == "array":
        return [example(schema.get("items", {}), definitions, random) for _ in range(random.randrange(3))]
    return {"string": "text", "integer": 7, "number": 0.5, "boolean": True, "null": None}[kind]


def plain(value: Any) -> Any:
    """As JSON, without the fields that were left out."""
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("kind", SCHEMAS)
def test_whatever_a_schema_allows_is_decoded_without_loss(kind: str) -> None:
    document = json.loads((ROOT / f"schemas/{kind}.schema.json").read_text())
    for seed in range(200):
        value = example(document, document.get("$defs", {}), random.Random(seed))
        assert without_nulls(plain(decode(SCHEMAS[kind], value))) == without_nulls(value), f"seed {seed}"


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_required_member_that_is_missing_is_refused(kind: str) -> None:
    document = json.loads((ROOT / f"schemas/{kind}.schema.json").read_text())
    value = example(document, document.get("$defs", {}), random.Random(1))
    value.pop(next(iter(value)))
    with pytest.raises(MismatchError):
        decode(SCHEMAS[kind], value)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [(int, True), (int, "1"), (float, True), (tuple[int, ...], 1), (tuple[int, ...], [1.5]), (results.Proof, []), (str, None)],
)
def test_a_value_of_another_type_is_refused(annotation: Any, value: Any) -> None:
    with pytest.raises(MismatchError):
        decode(annotation, value)


def test_the_committed_types_are_those_of_the_schemas() -> None:
    script = ROOT / "scripts/make_python_results.py"
    subprocess.run([sys.executable, str(script), "--check"], check=True)


def test_every_schema_of_a_command_that_python_runs_has_a_type() -> None:
    # What has none on purpose: files, benchmarks, and what only people run.
    left_out = {"baseline", "bench", "bench-kernels", "bench-ttft", "run"}
    files = {path.name.removesuffix(".schema.json") for path in Path(ROOT, "schemas").glob("*.schema.json")}
    assert files >= set(SCHEMAS) | left_out
