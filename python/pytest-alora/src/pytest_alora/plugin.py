"""The plugin: options, the marker ``alora`` and the fixture ``alora``.

@pytest.mark.alora(model="base.gguf", adapter="adapter.gguf")
def test_adapter(): ...

def test_other(alora):
    alora.prove(model="base.gguf", adapter="other.gguf", tolerance=1e-5)
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import alora_gguf
import pytest
from alora_gguf.results import Verification

__all__ = ["Alora", "ProofFailedError"]

RECORDED = pytest.StashKey[list[str]]()
MARKER = "alora(model, adapter, golden=None, prompts=None, **options): prove the adapter before the test runs"


class ProofFailedError(AssertionError):
    """A proof ran and failed.

    Attributes:
        result: What verify reports.
        report: The HTML report to look at.
    """

    def __init__(self, result: Verification, report: Path) -> None:
        super().__init__(_text(result, report))
        self.result = result
        self.report = report


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("alora", "proofs of LoRA and Activated LoRA adapters")
    group.addoption(
        "--alora-golden", metavar="DIR", help="where golden logits are kept (default: alora-golden, beside the test)"
    )
    group.addoption(
        "--alora-update",
        action="store_true",
        help="record golden logits anew instead of comparing with them; refused in CI",
    )
    group.addoption(
        "--alora-report", metavar="DIR", help="where HTML reports of failed proofs go (default: a temporary directory)"
    )
    parser.addini("alora_golden", "where golden logits are kept, relative to the root", default=None)
    parser.addini("alora_report", "where HTML reports of failed proofs go, relative to the root", default=None)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)
    config.stash[RECORDED] = []
    if config.getoption("--alora-update") and os.environ.get("CI", "").lower() not in ("", "0", "false"):
        raise pytest.UsageError("--alora-update in CI would compare nothing; record goldens at your desk and commit them")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    recorded = config.stash[RECORDED]
    if recorded:
        terminalreporter.section("alora")
        for path in recorded:
            terminalreporter.write_line(f"recorded {path}; look at it, and commit it")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    for marker in item.iter_markers("alora"):
        if marker.args or marker.kwargs:
            Alora(item).prove(*marker.args, **marker.kwargs)


@pytest.fixture
def alora(request: pytest.FixtureRequest) -> Alora:
    """Proves adapters: ``alora.prove(model, adapter)``."""
    return Alora(request.node)


class Alora:
    """Proves adapters within one test."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        self._config = item.config
        self._count = 0

    @property
    def golden_directory(self) -> Path:
        """Where this test's golden files are."""
        option = self._config.getoption("--alora-golden")
        if option:
            return Path(self._config.invocation_params.dir, option)
        ini = self._config.getini("alora_golden")
        return Path(self._config.rootpath, str(ini)) if ini else self._item.path.parent / "alora-golden"

    def prove(
        self,
        model: str | os.PathLike[str],
        adapter: str | os.PathLike[str],
        *,
        golden: str | os.PathLike[str] | None = None,
        peft_model: Any = None,
        prompts: Sequence[Any] | None = None,
        tokenizer: Any = None,
        **options: Any,
    ) -> Verification:
        """Proves an adapter against golden logits, and fails the test if a proof fails.

        Args:
            model: The base model, a Hugging Face directory or a GGUF.
            adapter: A PEFT directory or a GGUF.
            golden: The golden file's name in the golden directory, or a path; by default the test's name. If it does not
                exist and there are no prompts either, the proofs run without goldens.
            peft_model: With --alora-update, goldens come from this PEFT model, in float32.
            prompts: What --alora-update records: token ids or texts for `peft_model`, otherwise ids, or objects as
                `alora golden record` reads them.
            tokenizer: Turns texts into tokens for `peft_model`.
            options: Further arguments of `alora_gguf.verify`.

        Raises:
            ProofFailedError: A proof failed.
        """
        __tracebackhide__ = True
        self._count += 1
        path = self._golden_path(golden)
        if self._config.getoption("--alora-update") and prompts is not None:
            self._record(path, model, adapter, prompts, peft_model, tokenizer)
        if not path.exists() and (prompts is not None or golden is not None):
            pytest.fail(f"there is no golden file {path}; record it with pytest --alora-update", pytrace=False)
        reports = dict(options.pop("reports", None) or {})
        report = Path(reports.setdefault("html", self._report_path()))
        report.parent.mkdir(parents=True, exist_ok=True)
        result = alora_gguf.verify(model, adapter, golden=path if path.exists() else None, reports=reports, **options)
        if not result.passed:
            raise ProofFailedError(result, report)
        return result

    def _golden_path(self, golden: str | os.PathLike[str] | None) -> Path:
        return self.golden_directory / (Path(golden) if golden is not None else self._name(".npz"))

    def _report_path(self) -> Path:
        directory = self._config.getoption("--alora-report")
        if directory:
            return Path(self._config.invocation_params.dir, directory) / self._name(".html")
        ini = self._config.getini("alora_report")
        if ini:
            return Path(self._config.rootpath, str(ini)) / self._name(".html")
        # pytest keeps the temporary directories of its last runs.
        factory = self._config._tmp_path_factory  # type: ignore[attr-defined]
        return Path(factory.mktemp("alora")) / self._name(".html")

    def _name(self, suffix: str) -> str:
        """A file's name from the test's; a test that proves several adapters counts them."""
        module = self._item.path.stem
        name = re.sub(r"[^\w.-]+", "-", f"{module}.{self._item.nodeid.partition('::')[2]}").strip("-")
        return f"{name}-{self._count}{suffix}" if self._count > 1 else name + suffix

    def _record(
        self,
        path: Path,
        model: str | os.PathLike[str],
        adapter: str | os.PathLike[str],
        prompts: Sequence[Any],
        peft_model: Any,
        tokenizer: Any,
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if peft_model is not None:
            alora_gguf.golden_from_peft(peft_model, prompts, path, tokenizer=tokenizer, force=True)
        else:
            items = [item if isinstance(item, Mapping) else {"tokens": list(item)} for item in prompts]
            alora_gguf.record_golden(model, adapter, items, path, force=True)
        self._config.stash[RECORDED].append(str(path))


def _text(result: Verification, report: Path) -> str:
    """The verdict as the command prints it."""
    lines = [f"alora: {os.fspath(result.adapter)} does not pass"]
    for proof in result.proofs:
        lines.append(f"{'✓' if proof.passed else '✗'} {proof.proof:<18}{proof.detail}")
        lines += [f"    {failure}" for failure in proof.failures]
    lines.append(f"report: {report}")
    return "\n".join(lines)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Any:
    report = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, ProofFailedError):
        # The verdict says more than this plugin's own source.
        report.longrepr = str(call.excinfo.value)
    return report
