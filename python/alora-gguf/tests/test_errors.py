"""A refusal is one line; its parts are found whatever the names in it are."""

import pytest
from alora_gguf.errors import CommandError, FileAccessError, UsageError, error_from, parsed


@pytest.mark.parametrize(
    ("line", "known", "parts"),
    [
        ("a.gguf: byte 24: it is odd; get it again", ["a.gguf"], ("a.gguf", "byte 24", "it is odd", "get it again")),
        ("d/adapter_config.json: $.r: it is 0", ["d"], ("d/adapter_config.json", "$.r", "it is 0", None)),
        ("d/: key a.b, byte 7: wrong", ["d/"], ("d/", "key a.b, byte 7", "wrong", None)),
        (
            "x: y: cannot open: no such file; check the path",
            ["x: y"],
            ("x: y", None, "cannot open: no such file", "check the path"),
        ),
        ("x; y: cannot open: no", ["x; y"], ("x; y", None, "cannot open: no", None)),
        ("there is no adapter", [], (None, None, "there is no adapter", None)),
        (
            "m: tensor blk.0.attn_q.weight: shapes differ; a; b",
            ["m"],
            ("m", "tensor blk.0.attn_q.weight", "shapes differ; a", "b"),
        ),
        ("m: module a::b: wrong", ["m"], ("m", "module a::b", "wrong", None)),
        ("m: its shape is: odd", ["m"], ("m", None, "its shape is: odd", None)),
    ],
)
def test_the_parts_of_a_line(line: str, known: list[str], parts: tuple[str | None, ...]) -> None:
    assert tuple(parsed(line, known).values()) == parts


def test_the_longest_known_path_is_the_file() -> None:
    assert parsed("a: b: c", ["a", "a: b"])["path"] == "a: b"


def test_notes_before_the_refusal_are_not_the_refusal() -> None:
    error = error_from(4, "alora: tokens are not spelled\nalora: x: cannot open: no\n", ["alora", "x"])
    assert isinstance(error, FileAccessError) and error.message == "x: cannot open: no" and error.path == "x"


def test_wrong_usage_keeps_the_message_alone() -> None:
    error = error_from(2, "Error: Unknown option '--x'\nUsage: alora convert …\n  See 'alora --help'.\n", ["alora"])
    assert isinstance(error, UsageError) and error.message == "Unknown option '--x'"


def test_a_signal_is_named() -> None:
    error = error_from(-15, "", ["alora"])
    assert isinstance(error, CommandError) and error.exit_code is None and "signal 15" in error.message
