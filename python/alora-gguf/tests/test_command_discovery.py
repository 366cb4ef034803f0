"""Which command is run, and what becomes of one that misbehaves."""

import os
import sys
from pathlib import Path

import alora_gguf
import pytest


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!{sys.executable}\n{text}\n")
    path.chmod(0o755)
    return path


def test_the_variable_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = script(tmp_path / "other", "")
    monkeypatch.setenv("ALORA_BINARY", str(path))
    assert alora_gguf.find_alora() == path
    monkeypatch.setenv("ALORA_BINARY", str(tmp_path / "missing"))
    with pytest.raises(alora_gguf.CommandError, match="not an executable file"):
        alora_gguf.find_alora()


def test_the_command_beside_the_package_comes_before_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As after `pip install --target DIR`.
    from alora_gguf import _command

    monkeypatch.delenv("ALORA_BINARY", raising=False)
    monkeypatch.setattr(_command, "__file__", str(tmp_path / "alora_gguf/_command.py"))
    monkeypatch.setattr(_command.sysconfig, "get_path", lambda *_: str(tmp_path / "nowhere"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "path").mkdir()
    on_path = script(tmp_path / "path/alora", "")
    monkeypatch.setenv("PATH", str(on_path.parent))
    assert alora_gguf.find_alora() == on_path
    beside = script(tmp_path / "bin/alora", "")
    assert alora_gguf.find_alora() == beside
    os.remove(on_path)
    os.remove(beside)
    with pytest.raises(alora_gguf.CommandError, match="install the wheel"):
        alora_gguf.find_alora()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("print('not JSON')", "cannot read"),
        ("print('{\"first\": 1}')", r"\$\.first is not str"),
        ("print('{}')", r"\$ has no first"),
        ("import os; os.kill(os.getpid(), 9)", "ended by signal 9"),
        ("import sys; sys.exit(77)", "it said nothing"),
    ],
)
def test_a_command_that_misbehaves_is_a_command_error(
    text: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALORA_BINARY", str(script(tmp_path / "alora", text)))
    with pytest.raises(alora_gguf.CommandError, match=problem):
        alora_gguf.diff("a", "b")


def test_fields_and_values_of_a_newer_command_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = {
        "first": "a",
        "second": "b",
        "equal": False,
        "compared_tensor_count": 1,
        "differences": [{"kind": "a-new-kind", "name": "x", "more": [1]}],
        "more": {},
    }
    monkeypatch.setenv("ALORA_BINARY", str(script(tmp_path / "alora", f"import json; print(json.dumps({document!r}))")))
    assert alora_gguf.diff("a", "b").differences[0].kind == "a-new-kind"
