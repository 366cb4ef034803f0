"""The plugin on a tiny model of testdata, with the real command."""

import shutil
from pathlib import Path

import numpy
import pytest

FIXTURE = Path(__file__).resolve().parents[3] / "testdata/inference/llama"
BASE, ADAPTER, GOLDEN = (str(FIXTURE / name) for name in ("base", "adapter", "golden.npz"))


@pytest.fixture(autouse=True)
def outside_of_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)


def wrong_golden(path: Path) -> None:
    """PEFT's goldens, with adapted rows that an adapter of half the effect would give."""
    with numpy.load(GOLDEN) as arrays:
        changed = dict(arrays)
    for name in [name for name in changed if name.startswith("adapted_logits_")]:
        base = changed[name.replace("adapted", "base")]
        changed[name] = (base + (changed[name] - base) / 2).astype(numpy.float32)
    numpy.savez(path, **changed)


def test_a_marker_proves_before_the_test_runs(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(f"""
        import pytest
        @pytest.mark.alora(model={BASE!r}, adapter={ADAPTER!r}, golden={GOLDEN!r})
        def test_it(): ...
        """)
    pytester.runpytest().assert_outcomes(passed=1)


def test_a_failed_proof_prints_verdict_cause_and_report(pytester: pytest.Pytester) -> None:
    wrong_golden(pytester.path / "wrong.npz")
    pytester.makepyfile(f"""
        import pytest
        @pytest.mark.alora(model={BASE!r}, adapter={ADAPTER!r}, golden="wrong.npz")
        def test_marked():
            raise RuntimeError("the body must not run")
        def test_fixture(alora):
            alora.prove({BASE!r}, {ADAPTER!r}, golden="wrong.npz")
        """)
    result = pytester.runpytest("--alora-golden", ".", "--alora-report", "pages")
    result.assert_outcomes(failed=2)
    text = result.stdout.str()
    assert "✗ after-activation" in text and "✓ before-activation" in text and "the body must not run" not in text
    assert "plugin.py" not in text, "the plugin's own source is shown"
    for name in ("test_marked", "test_fixture"):
        page = pytester.path / "pages" / f"test_a_failed_proof_prints_verdict_cause_and_report.{name}.html"
        assert f"report: {page}" in text
        assert page.read_text().startswith("<!DOCTYPE html>")


def test_the_report_of_a_failure_is_kept_without_an_option(pytester: pytest.Pytester) -> None:
    wrong_golden(pytester.path / "wrong.npz")
    path = str(pytester.path / "wrong.npz")
    pytester.makepyfile(f"def test_it(alora): alora.prove({BASE!r}, {ADAPTER!r}, golden={path!r})")
    result = pytester.runpytest()
    [line] = [line for line in result.stdout.lines if line.startswith("report: ")]
    assert Path(line.removeprefix("report: ")).is_file()


def test_a_missing_golden_is_a_failure_that_names_the_option(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(f"def test_it(alora): alora.prove({BASE!r}, {ADAPTER!r}, prompts=[[1, 2, 3]])")
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*there is no golden file *alora-golden/*.test_it.npz; record it with pytest --alora-update*"])


def test_recorded_goldens_pass_until_the_adapter_changes(pytester: pytest.Pytester) -> None:
    adapter = pytester.path / "adapter"
    shutil.copytree(ADAPTER, adapter)
    prompts = [[5, 20, 7, 9, 7, 11, 30]]
    pytester.makepyfile(f"def test_it(alora): alora.prove({BASE!r}, {str(adapter)!r}, prompts={prompts})")
    recorded = pytester.runpytest("--alora-update")
    recorded.assert_outcomes(passed=1)
    recorded.stdout.fnmatch_lines(["recorded *alora-golden/*.test_it.npz; look at it, and commit it"])
    pytester.runpytest().assert_outcomes(passed=1)
    config = adapter / "adapter_config.json"
    config.write_text(config.read_text().replace('"lora_alpha": ', '"lora_alpha": 1'))
    pytester.runpytest().assert_outcomes(failed=1)


def test_two_proofs_of_one_test_have_their_own_goldens(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(f"""
        def test_it(alora):
            for tokens in ([5, 20, 7, 9, 7, 11], [40, 7, 9, 7, 3]):
                alora.prove({BASE!r}, {ADAPTER!r}, prompts=[tokens], jobs=1)
        """)
    pytester.runpytest("--alora-update")
    names = sorted(path.name for path in (pytester.path / "alora-golden").iterdir())
    assert [name.partition(".")[2] for name in names] == ["test_it-2.npz", "test_it.npz"]


def test_updating_in_ci_is_refused(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    result = pytester.runpytest("--alora-update")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--alora-update in CI would compare nothing*"])


def test_what_the_command_refuses_fails_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(f"def test_it(alora): alora.prove({BASE!r}, 'nowhere')")
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*FileAccessError: nowhere: *"])


def test_without_goldens_the_prompts_are_made_around_the_invocation(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(f"""
        def test_it(alora):
            result = alora.prove({BASE!r}, {ADAPTER!r})
            assert result.passed and result.golden is None and len(result.cases) >= 5
        """)
    pytester.runpytest().assert_outcomes(passed=1)
