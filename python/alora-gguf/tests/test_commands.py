"""The functions with the real command: typed results, and every exit code as an exception."""

import pickle
import subprocess
import sys
import time
from pathlib import Path

import alora_gguf
import numpy
import pytest
from alora_gguf import results


def test_the_package_and_the_command_have_one_version() -> None:
    printed = subprocess.run([alora_gguf.find_alora(), "--version"], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == alora_gguf.__version__


def test_python_dash_m_is_the_command() -> None:
    result = subprocess.run([sys.executable, "-m", "alora_gguf", "--version"], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == alora_gguf.__version__
    assert subprocess.run([sys.executable, "-m", "alora_gguf", "convert"], check=False, capture_output=True).returncode == 2


def test_an_adapter_is_converted_and_inspected(answerability: Path, tmp_path: Path) -> None:
    outfile = tmp_path / "a: b.gguf"
    result = alora_gguf.convert(answerability / "adapter-bf16", base=answerability / "base-config", outfile=outfile)
    assert isinstance(result, results.Conversion)
    assert (result.alpha, result.invocation_tokens, result.outtype) == (32.0, (1, 11247, 1307, 5), "f32")
    assert len(result.modules) == 210 and result.modules[0].scaling == 2.0
    assert outfile.stat().st_size == result.byte_count
    shown = alora_gguf.inspect(outfile, base=answerability / "base-config", tensors=True)
    assert shown.adapter is not None and shown.adapter.invocation_text == "<|im_start|>answerability<file_sep>"
    assert shown.tensors is not None and len(shown.tensors) == result.tensor_count
    assert alora_gguf.inspect(answerability / "base-config").kind == "base"


def test_a_dry_run_writes_nothing(answerability: Path, tmp_path: Path) -> None:
    result = alora_gguf.convert(
        answerability / "adapter-bf16", base=answerability / "base-config", outdir=tmp_path / "out", dry_run=True
    )
    assert not result.written and result.folded_element_count is None and not list(tmp_path.iterdir())


def test_differences_are_a_result(answerability: Path, tmp_path: Path) -> None:
    for outtype in ("f32", "f16"):
        alora_gguf.convert(
            answerability / "adapter-bf16",
            base=answerability / "base-config",
            outfile=tmp_path / outtype,
            outtype=outtype,  # type: ignore[arg-type]
        )
    assert alora_gguf.diff(tmp_path / "f32", tmp_path / "f32").equal
    found = alora_gguf.diff(tmp_path / "f32", tmp_path / "f16")
    assert not found.equal and any(entry.kind == "type" for entry in found.differences)


def test_a_tree_has_converted_and_failed_adapters(answerability: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "broken").mkdir(parents=True)
    (tree / "broken/adapter_config.json").write_text("{")
    (tree / "good").symlink_to(answerability / "adapter-bf16")
    (tree / "good").unlink()
    (tree / "good").mkdir()
    for file in (answerability / "adapter-bf16").iterdir():
        (tree / "good" / file.name).symlink_to(file)
    result = alora_gguf.convert_tree(tree, base=answerability / "base-config", outdir=tmp_path / "out")
    broken, good = result.adapters
    assert isinstance(broken, results.FailedAdapter) and "broken/adapter_config.json" in broken.error
    assert isinstance(good, results.ConvertedAdapter) and Path(good.result.outfile).is_file()


def test_tokens_show_where_a_prompt_activates(answerability: Path) -> None:
    report = alora_gguf.tokens(
        answerability / "adapter-bf16",
        base=answerability / "base-config",
        prompt="Hi <|im_start|>answerability<file_sep>",
    )
    assert report.invocation is not None and report.invocation.tokens == (1, 11247, 1307, 5)
    assert report.prompt is not None and report.prompt.adapted_count == 4


def test_text_and_messages_become_tokens(answerability: Path) -> None:
    base = answerability / "base-config"
    assert alora_gguf.tokenize(base, text="Hello").tokens == (19556,)
    rendered = alora_gguf.tokenize(base, messages=[{"role": "user", "content": "Hello"}])
    assert rendered.prompt is not None and rendered.prompt.count("<|im_start|>") >= 2


def test_logits_are_arrays_and_match_peft(llama: Path) -> None:
    with numpy.load(llama / "golden.npz") as golden:
        tokens, expected = golden["tokens_0"].tolist(), golden["base_logits_0"]
    report, (rows,) = alora_gguf.logits(llama / "base", tokens=[tokens])
    assert rows.dtype == numpy.float32 and report.texts[0].token_count == len(tokens) == len(rows)
    assert numpy.abs(rows - expected).max() < 1e-4 * numpy.abs(expected).max()


def test_an_adapter_is_proven(llama: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    result = alora_gguf.verify(llama / "base", llama / "adapter", golden=llama / "golden.npz", reports={"html": page})
    assert result.passed and {proof.proof for proof in result.proofs} >= {"structure", "cache-reuse"}
    assert page.read_text().startswith("<!DOCTYPE html>")
    failed = alora_gguf.verify(llama / "base", llama / "adapter", golden=llama / "golden.npz", tolerance=1e-12)
    assert not failed.passed and any(proof.failures for proof in failed.proofs)


def test_recorded_goldens_are_held_to_every_bit(llama: Path, tmp_path: Path) -> None:
    golden = tmp_path / "golden.npz"
    prompts = [{"tokens": [5, 20, 7, 9, 7, 11], "id": "first"}]
    record = alora_gguf.record_golden(llama / "base", llama / "adapter", prompts, golden)
    assert record.cases[0].name == "first" and record.cases[0].activation_start == 2
    assert alora_gguf.verify(llama / "base", llama / "adapter", golden=golden, exact=True).passed


@pytest.mark.parametrize(
    ("kind", "code", "call"),
    [
        (alora_gguf.UsageError, 2, lambda data, out: alora_gguf.convert("x", base="y", outtype="q9")),
        (alora_gguf.InputRefusedError, 3, lambda data, out: alora_gguf.inspect(data / "npz/object.npz")),
        (alora_gguf.FileAccessError, 4, lambda data, out: alora_gguf.inspect("nowhere")),
        (alora_gguf.FileAccessError, 4, lambda data, out: alora_gguf.convert("-h", base="--help")),
    ],
)
def test_each_exit_code_has_its_exception(kind: type, code: int, call, testdata: Path, tmp_path: Path) -> None:
    with pytest.raises(kind) as caught:
        call(testdata, tmp_path)
    assert caught.value.exit_code == code
    copied = pickle.loads(pickle.dumps(caught.value))
    assert type(copied) is kind and vars(copied) == vars(caught.value) and str(copied) == str(caught.value)


def test_a_refusal_has_file_place_problem_and_remedy(testdata: Path, tmp_path: Path) -> None:
    path = tmp_path / "odd: name; here.npz"
    path.write_bytes((testdata / "npz/object.npz").read_bytes())
    with pytest.raises(alora_gguf.InputRefusedError) as caught:
        alora_gguf.inspect(path)
    error = caught.value
    assert error.path == str(path) and error.place is not None and error.place.startswith("array a")
    assert error.remedy == "save arrays of numbers, with allow_pickle=False"
    assert error.message == f"{error.path}: {error.place}: {error.problem}; {error.remedy}"


def test_progress_of_a_long_run_is_called_back(llama: Path) -> None:
    seen: list[alora_gguf.Progress] = []
    count = 40
    while not seen and count < 20_000:
        count *= 4
        alora_gguf.logits(llama / "base", tokens=[[1, 2, 3] * 100] * count, progress=seen.append)
    assert seen, f"{count} texts, and no progress"
    assert {item.label for item in seen} == {"computing"}
    fractions = [item.fraction for item in seen]
    assert fractions == sorted(fractions) and 0 <= fractions[0] <= fractions[-1] <= 1


def test_messages_of_a_run_with_progress_are_an_exception(testdata: Path) -> None:
    with pytest.raises(alora_gguf.FileAccessError) as caught:
        alora_gguf.verify("nowhere", testdata, progress=print)
    assert caught.value.path == "nowhere" and caught.value.exit_code == 4


def test_a_callback_that_raises_ends_the_command(llama: Path) -> None:
    class StopError(Exception): ...

    def stop(_: alora_gguf.Progress) -> None:
        raise StopError

    start = time.monotonic()
    with pytest.raises(StopError):
        alora_gguf.logits(llama / "base", tokens=[[1, 2, 3] * 100] * 20_000, progress=stop)
    assert time.monotonic() - start < 60


@pytest.mark.parametrize("progress", [None, lambda _: None])
def test_a_run_that_takes_too_long_is_ended(progress, llama: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.npz"
    with pytest.raises(alora_gguf.CommandError, match=r"took more than 0\.3 s"):
        alora_gguf.logits(llama / "base", tokens=[[1, 2, 3] * 100] * 20_000, output=output, timeout=0.3, progress=progress)
    assert not output.exists()
