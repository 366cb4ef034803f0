"""The pre-commit hook on good, damaged and changed files."""

import shutil
from pathlib import Path

import alora_gguf
import pytest
from alora_gguf.hook import main


@pytest.fixture
def converted(llama: Path, tmp_path: Path) -> Path:
    alora_gguf.convert(llama / "adapter", base=llama / "base", outfile=tmp_path / "adapter.gguf")
    return tmp_path / "adapter.gguf"


def test_good_files_pass(converted: Path, llama: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [converted, llama / "adapter/adapter_config.json", llama / "golden.npz"]
    assert main(["inspect", *map(str, files)]) == 0
    assert main(["inspect"]) == 0
    assert capsys.readouterr().err == ""


def test_each_damaged_file_is_named(converted: Path, llama: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(llama / "adapter", converted.parent / "adapter")
    config = converted.parent / "adapter/adapter_config.json"
    config.write_text(config.read_text()[:-5])
    data = converted.read_bytes()
    converted.write_bytes(data[: len(data) // 2])
    assert main(["inspect", str(converted), str(llama / "golden.npz"), str(config)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [str(converted), str(config)]


def test_a_file_that_differs_from_the_released_one_is_named(
    converted: Path, llama: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    released = converted.parent / "released"
    released.mkdir()
    call = ["diff", "--against", str(released), str(converted)]
    assert main(call) == 0, "nothing is released yet"
    shutil.copy(converted, released)
    assert main(call) == 0
    alora_gguf.convert(llama / "adapter", base=llama / "base", outfile=converted, outtype="f16", force=True)
    assert main(call) == 1
    assert f"{converted}: 29 differences from {released / converted.name}, such as " in capsys.readouterr().err
    (released / converted.name).write_bytes(b"GGUF")
    assert main(call) == 1


def test_wrong_usage_is_exit_code_2() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["diff", "x.gguf"])
    assert caught.value.code == 2
