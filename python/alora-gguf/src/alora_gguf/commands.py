"""The command's subcommands as functions."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from alora_gguf._command import ProgressCallback, arguments, positional, run_json
from alora_gguf.results import (
    Conversion,
    ConvertedTree,
    Difference,
    GoldenRecord,
    Inspection,
    InvocationReport,
    LogitsReport,
    ServerVerification,
    Tokenization,
    Verification,
)

if TYPE_CHECKING:
    import numpy
    import numpy.typing

    Logits: TypeAlias = list[numpy.typing.NDArray[numpy.float32]]

StrPath: TypeAlias = "str | os.PathLike[str]"
OutputType: TypeAlias = Literal["f32", "f16", "bf16", "q8_0", "auto"]
ActivationRule: TypeAlias = Literal["peft", "legacy", "llama-server"]


def convert(
    adapter: StrPath,
    *,
    base: StrPath,
    outfile: StrPath | None = None,
    outdir: StrPath | None = None,
    outtype: OutputType = "f32",
    dry_run: bool = False,
    force: bool = False,
    base_model_id: str | None = None,
    ignore_fields: Sequence[str] = (),
    progress: ProgressCallback | None = None,
    timeout: float | None = None,
) -> Conversion:
    """Converts a PEFT adapter to GGUF.

    Args:
        adapter: The directory that PEFT's ``save_pretrained`` wrote.
        base: The base model, a directory with its config.json (no weights needed) or a GGUF.
        outfile: Where to write. By default, a name after GGUF's convention in `outdir` or the current directory.
        outdir: A directory to write into; made if it does not exist.
        outtype: The element type; ``auto`` is the adapter's own.
        dry_run: Check everything and write nothing.
        force: Replace a file that exists.
        base_model_id: Record this as the base, instead of what the adapter says.
        ignore_fields: Unknown fields of adapter_config.json to accept.
        progress: Called now and then while a long run goes on.
        timeout: Seconds after which the command is ended.

    Raises:
        InputRefusedError: The adapter is damaged, does not fit the base, or GGUF cannot express it.
        FileAccessError: A file could not be read or written.

    Examples:
        >>> alora_gguf.convert("my-adapter", base="base-config", outfile="adapter.gguf")  # doctest: +SKIP
    """
    options = arguments(
        base=base,
        outfile=outfile,
        outdir=outdir,
        outtype=outtype,
        dry_run=dry_run,
        force=force,
        base_model_id=base_model_id,
        ignore_field=list(ignore_fields),
    )
    words = ["convert", positional(adapter), *options]
    return run_json(Conversion, words, progress=progress, timeout=timeout)


def convert_tree(
    tree: StrPath,
    *,
    base: StrPath,
    outdir: StrPath,
    outtype: OutputType = "f32",
    dry_run: bool = False,
    force: bool = False,
    progress: ProgressCallback | None = None,
    timeout: float | None = None,
) -> ConvertedTree:
    """Converts every adapter below a directory. One that fails stops none: look for `FailedAdapter` in the result.

    `alora_gguf.library.convert` does the same on many machines.

    Examples:
        >>> result = alora_gguf.convert_tree("library", base="base-config", outdir="out")  # doctest: +SKIP
        >>> [item.adapter for item in result.adapters if not item.converted]  # doctest: +SKIP
        []
    """
    options = arguments(base=base, outdir=outdir, outtype=outtype, dry_run=dry_run, force=force)
    words = ["convert", positional(tree), "--recursive", *options]
    # The exit code is that of the worst adapter, and the result is there all the same.
    return run_json(ConvertedTree, words, accepted=(0, 3, 4), progress=progress, timeout=timeout)


def inspect(
    path: StrPath,
    *,
    base: StrPath | None = None,
    tensors: bool = False,
    values: bool = False,
    timeout: float | None = None,
) -> Inspection:
    """Shows what is in a GGUF, a safetensors or .npz file, an adapter's directory or a base's.

    Args:
        path: The file or directory.
        base: A base whose tokenizer spells the invocation.
        tensors: List all tensors.
        values: With each tensor, the range, the norm and the first of its elements.
        timeout: Seconds after which the command is ended.

    Examples:
        >>> alora_gguf.inspect("adapter.gguf").adapter.module_count  # doctest: +SKIP
        210
    """
    words = ["inspect", positional(path), *arguments(base=base, tensors=tensors, values=values)]
    return run_json(Inspection, words, timeout=timeout)


def diff(first: StrPath, second: StrPath, *, timeout: float | None = None) -> Difference:
    """Compares two adapters, GGUFs, safetensors files or bases: metadata, tensors, the largest difference.

    Examples:
        >>> alora_gguf.diff("adapter.gguf", "released.gguf").equal  # doctest: +SKIP
        True
    """
    words = ["diff", positional(first), positional(second)]
    return run_json(Difference, words, accepted=(0, 1), timeout=timeout)


def tokens(
    adapter: StrPath,
    *,
    base: StrPath | None = None,
    prompt: str | None = None,
    special: bool = True,
    timeout: float | None = None,
) -> InvocationReport:
    """Shows an adapter's invocation tokens, the ways they break, and where a prompt activates.

    Args:
        adapter: A PEFT directory or a GGUF.
        base: The base model; by default the tokenizer beside the adapter is used.
        prompt: A prompt to search for the invocation.
        special: Whether the tokenizer adds its special tokens (a BOS, say) around the prompt.
        timeout: Seconds after which the command is ended.

    Examples:
        >>> [finding.id for finding in alora_gguf.tokens("my-adapter").findings]  # doctest: +SKIP
        []
    """
    options = arguments(base=base, prompt=prompt, no_special=not special)
    return run_json(InvocationReport, ["tokens", positional(adapter), *options], accepted=(0, 1), timeout=timeout)


def tokenize(
    model: StrPath,
    *,
    text: str | None = None,
    messages: Sequence[Mapping[str, object]] | None = None,
    special: bool = True,
    timeout: float | None = None,
) -> Tokenization:
    """Turns a text, or messages through the model's chat template, into tokens.

    Examples:
        >>> alora_gguf.tokenize("base.gguf", text="Hello").tokens  # doctest: +SKIP
        (19556,)
    """
    with _file_of(messages, "messages.json") as file:
        options = arguments(model=model, text=text, messages=file, no_special=not special and messages is None)
        return run_json(Tokenization, ["tokenize", *options], timeout=timeout)


def logits(
    model: StrPath,
    *,
    adapter: StrPath | None = None,
    tokens: Sequence[Sequence[int]] | None = None,
    prompt: str | None = None,
    activation_start: int | None = None,
    activation: ActivationRule | None = None,
    output: StrPath | None = None,
    force: bool = False,
    threads: int | None = None,
    progress: ProgressCallback | None = None,
    timeout: float | None = None,
) -> tuple[LogitsReport, Logits]:
    """Computes the logits of every position: the same bits on every machine.

    Args:
        model: The base model, a Hugging Face directory or a GGUF.
        adapter: A LoRA adapter, a PEFT directory or a GGUF.
        tokens: Texts as token ids.
        prompt: A text, instead of tokens.
        activation_start: The first adapted token, whatever the invocation says; -1 for none.
        activation: The rule for it: PEFT's by default.
        output: Where to keep the .npz.
        force: Replace a file that exists.
        threads: How many threads compute; by default one for each processor.
        progress: Called now and then while a long run goes on.
        timeout: Seconds after which the command is ended.

    Returns:
        The report, and for each text an array of shape [tokens, vocabulary]. Needs NumPy.

    Examples:
        >>> report, (rows,) = alora_gguf.logits("base", tokens=[[1, 20, 7]])  # doctest: +SKIP
        >>> rows.shape  # doctest: +SKIP
        (3, 49152)
    """
    import numpy

    with tempfile.TemporaryDirectory(prefix="alora-") as directory:
        path = Path(output) if output is not None else Path(directory, "logits.npz")
        with _file_of(None if tokens is None else [list(map(int, text)) for text in tokens], "tokens.json") as file:
            options = arguments(
                model=model,
                adapter=adapter,
                tokens_file=file,
                prompt=prompt,
                activation_start=activation_start,
                activation=activation,
                output=path,
                force=force,
                threads=threads,
            )
            report = run_json(LogitsReport, ["logits", *options], progress=progress, timeout=timeout)
        with numpy.load(path, allow_pickle=False) as arrays:
            return report, [arrays[f"logits_{index}"] for index in range(len(report.texts))]


def verify(
    model: StrPath,
    adapter: StrPath,
    *,
    golden: StrPath | None = None,
    tolerance: float | None = None,
    exact: bool = False,
    baseline: StrPath | None = None,
    accept_baseline: bool = False,
    reports: Mapping[str, StrPath] | None = None,
    jobs: int | None = None,
    threads: int | None = None,
    progress: ProgressCallback | None = None,
    timeout: float | None = None,
) -> Verification:
    """Proves that nothing before an adapter's activation differs from the base, and that the rest is as trained.

    A proof that fails is no exception: look at ``passed`` and at the proofs.

    Args:
        model: The base model, a Hugging Face directory or a GGUF.
        adapter: A PEFT directory or a GGUF.
        golden: Golden logits; see `golden_from_peft`. Without them, on prompts made around the invocation.
        tolerance: The difference allowed against goldens, relative to the row's largest logit.
        exact: Demand the bits of goldens that `record_golden` made.
        baseline: A file with the digests of an earlier run to compare with.
        accept_baseline: Replace the baseline by what is found now, if the proofs pass.
        reports: Files to write, by kind: ``html``, ``junit``, ``json``.
        jobs: Prompts verified side by side.
        threads: How many threads compute; by default one for each processor.
        progress: Called now and then while a long run goes on.
        timeout: Seconds after which the command is ended.

    Examples:
        >>> result = alora_gguf.verify("base.gguf", "adapter.gguf", golden="golden.npz")  # doctest: +SKIP
        >>> [proof.proof for proof in result.proofs if not proof.passed]  # doctest: +SKIP
        []
    """
    options = arguments(
        model=model,
        adapter=adapter,
        golden=golden,
        tolerance=tolerance,
        exact=exact,
        baseline=baseline,
        accept=accept_baseline,
        report=[f"{kind}={os.fspath(path)}" for kind, path in (reports or {}).items()],
        jobs=jobs,
        threads=threads,
    )
    return run_json(Verification, ["verify", *options], accepted=(0, 1), progress=progress, timeout=timeout)


def verify_server(
    server: str,
    model: StrPath,
    adapter: StrPath,
    *,
    reports: Mapping[str, StrPath] | None = None,
    progress: ProgressCallback | None = None,
    timeout: float | None = None,
) -> ServerVerification:
    """Asks a running llama-server whether it applies an adapter, how strongly, and from which token on.

    Examples:
        >>> url = "http://127.0.0.1:8080"
        >>> alora_gguf.verify_server(url, "base.gguf", "adapter.gguf").passed  # doctest: +SKIP
        False
    """
    files = [f"{kind}={os.fspath(path)}" for kind, path in (reports or {}).items()]
    options = arguments(server=server, model=model, adapter=adapter, report=files)
    return run_json(ServerVerification, ["verify", *options], accepted=(0, 1), progress=progress, timeout=timeout)


def record_golden(
    model: StrPath,
    adapter: StrPath,
    prompts: Sequence[Mapping[str, object]] | StrPath,
    output: StrPath,
    *,
    positions: Literal["around", "activated", "last", "all"] = "around",
    force: bool = False,
    threads: int | None = None,
    progress: ProgressCallback | None = None,
    timeout: float | None = None,
) -> GoldenRecord:
    """Records what this engine computes, with the digests of every bit.

    Such goldens show that nothing has changed since; those of `golden_from_peft` show that the adapter was right.

    Args:
        model: The base model, a Hugging Face directory or a GGUF.
        adapter: A PEFT directory or a GGUF.
        prompts: A file with an object on each line, or the objects: with ``text``, ``tokens`` or ``messages``.
        output: Where to write.
        positions: Which rows to keep; the digests are of all.
        force: Replace a file that exists.
        threads: How many threads compute; by default one for each processor.
        progress: Called now and then while a long run goes on.
        timeout: Seconds after which the command is ended.

    Examples:
        >>> prompts = [{"tokens": [1, 20, 7]}]
        >>> alora_gguf.record_golden("base", "adapter", prompts, "golden.npz")  # doctest: +SKIP
    """
    path, lines = (prompts, None) if isinstance(prompts, (str, os.PathLike)) else (None, prompts)
    with _file_of(lines, "prompts.jsonl", lines=True) as file:
        options = arguments(
            model=model,
            adapter=adapter,
            prompts=file if path is None else path,
            output=output,
            positions=positions,
            force=force,
            threads=threads,
        )
        return run_json(GoldenRecord, ["golden", "record", *options], progress=progress, timeout=timeout)


@contextmanager
def _file_of(value: Sequence[object] | None, name: str, *, lines: bool = False) -> Iterator[str | None]:
    """A temporary file with the value as JSON; nothing for None."""
    if value is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="alora-") as directory:
        path = Path(directory, name)
        text = "".join(json.dumps(item) + "\n" for item in value) if lines else json.dumps(value)
        path.write_text(text, encoding="utf-8")
        yield str(path)
