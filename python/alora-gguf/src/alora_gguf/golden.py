"""Golden logits from PEFT: what a trained adapter answers, as `alora verify --golden` reads it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy
    import numpy.typing

    Arrays: TypeAlias = dict[str, numpy.typing.NDArray[Any]]

Positions: TypeAlias = Literal["all", "around", "last"]


def golden_from_peft(
    model: Any,
    prompts: Sequence[Sequence[int] | str],
    path: str | os.PathLike[str] | None = None,
    *,
    tokenizer: Any = None,
    positions: Positions = "all",
    force: bool = False,
) -> Arrays:
    """Computes golden logits with PEFT, and writes them if a path is given.

    Args:
        model: A PEFT model in float32, on any device. It is left as it was.
        prompts: Lists of token ids; texts if there is a tokenizer.
        path: The .npz to write. It appears complete or not at all.
        tokenizer: Turns texts into tokens, a Hugging Face tokenizer.
        positions: Which rows to keep: ``all``, ``last``, or ``around`` for those from two before the activation on. A row has
            one number for each entry of the vocabulary.
        force: Replace a file that exists.

    Returns:
        The arrays, by name: ``tokens_i``, ``base_logits_i``, ``adapted_logits_i``, and more if rows are left out.

    Raises:
        ValueError: The model is not in float32, has no adapter, or a prompt has no tokens.
        FileExistsError: The file exists.

    Examples:
        >>> golden_from_peft(model, [[1, 5, 20, 7, 9]], "golden.npz")  # doctest: +SKIP
    """
    import numpy
    import torch

    _check(model, torch)
    texts = [_tokens(prompt, index, tokenizer) for index, prompt in enumerate(prompts)]
    if not texts:
        raise ValueError("there are no prompts; give at least one with the invocation in it")
    if path is not None and not force and os.path.lexists(path):
        raise FileExistsError(f"{os.fspath(path)} exists; give force=True to replace it")
    invocation = _invocation(model)
    arrays: Arrays = {"meta": numpy.array(json.dumps(_meta(invocation)))}
    with _computing(model, torch):
        for index, ids in enumerate(texts):
            start = _activation_start(ids, invocation)
            rows = _rows(positions, len(ids), start)
            adapted = _logits(model, ids, rows, torch)
            with model.disable_adapter():
                base = _logits(model, ids, rows, torch)
            arrays[f"tokens_{index}"] = numpy.array(ids, dtype=numpy.int64)
            arrays[f"base_logits_{index}"] = base
            arrays[f"adapted_logits_{index}"] = adapted
            arrays[f"activation_start_{index}"] = numpy.array(start, dtype=numpy.int64)
            if len(rows) != len(ids):
                arrays[f"positions_{index}"] = numpy.array(rows, dtype=numpy.int64)
    if path is not None:
        _write(arrays, path, force)
    return arrays


def _check(model: Any, torch: Any) -> None:
    if not hasattr(model, "disable_adapter") or not hasattr(model, "peft_config"):
        raise ValueError(f"{type(model).__name__} is not a PEFT model; give what get_peft_model returned")
    for name, parameter in model.named_parameters():
        if parameter.dtype != torch.float32:
            problem = f"{name} is {str(parameter.dtype).removeprefix('torch.')}, which rounds goldens too coarsely"
            raise ValueError(f"{problem}; load the base with dtype=torch.float32, or call model.float()")


def _tokens(prompt: Sequence[int] | str, index: int, tokenizer: Any) -> list[int]:
    if isinstance(prompt, str):
        if tokenizer is None:
            raise ValueError(f"prompt {index} is a text; give a tokenizer, or lists of token ids")
        prompt = tokenizer(prompt)["input_ids"]
    ids = [int(token) for token in prompt]
    if not ids:
        raise ValueError(f"prompt {index} has no tokens")
    return ids


def _invocation(model: Any) -> list[int] | None:
    name = model.active_adapter
    config = model.peft_config[name if isinstance(name, str) else name[0]]
    tokens = getattr(config, "alora_invocation_tokens", None)
    return [int(token) for token in tokens] if tokens else None


def _activation_start(ids: list[int], invocation: list[int] | None) -> int:
    """The first adapted token by PEFT's rule: the start of the last occurrence; -1 if there is none."""
    if invocation is None:
        return 0
    for start in range(len(ids) - len(invocation), -1, -1):
        if ids[start : start + len(invocation)] == invocation:
            return start
    return -1


def _rows(positions: Positions, count: int, start: int) -> list[int]:
    if positions == "all":
        return list(range(count))
    if positions == "last" or start < 0:
        return [count - 1]
    return list(range(max(0, start - 2), count))


def _logits(model: Any, ids: list[int], rows: list[int], torch: Any) -> numpy.typing.NDArray[numpy.float32]:
    device = next(model.parameters()).device
    output = model(input_ids=torch.tensor([ids], device=device), use_cache=False).logits[0]
    result: numpy.typing.NDArray[numpy.float32] = output[torch.tensor(rows, device=output.device)].cpu().numpy()
    if result.dtype != "float32":
        raise ValueError(f"the model's logits are {result.dtype}; goldens need float32")
    return result


@contextmanager
def _computing(model: Any, torch: Any) -> Iterator[None]:
    """No dropout, no gradients, no autocast and no TF32; afterwards everything is as it was."""
    modes = {module: module.training for module in model.modules()}
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = (matmul.allow_tf32, cudnn.allow_tf32)
    device = next(model.parameters()).device.type
    # Accelerate patches autocast into the forward of the model that it trains, and keeps the original.
    patched = model.__dict__.get("forward") if hasattr(model, "_original_forward") else None

    def refuse_autocast(*_: object) -> None:
        if torch.is_autocast_enabled(device):
            raise ValueError("the model computes under autocast, which rounds goldens too coarsely; give it unwrapped")

    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(torch.autocast(device, enabled=False))
        hook = model.get_base_model().register_forward_pre_hook(refuse_autocast)
        stack.callback(hook.remove)
        if patched is not None:
            model.forward = model._original_forward
        model.eval()
        matmul.allow_tf32 = cudnn.allow_tf32 = False
        try:
            yield
        finally:
            matmul.allow_tf32, cudnn.allow_tf32 = before
            if patched is not None:
                model.forward = patched
            for module, training in modes.items():
                module.training = training


def _meta(invocation: list[int] | None) -> dict[str, object]:
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for name in ("peft", "transformers", "torch"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {"by": "alora_gguf.golden_from_peft", "versions": versions, "invocation_tokens": invocation}


def _write(arrays: Arrays, path: str | os.PathLike[str], force: bool) -> None:
    import numpy

    target = Path(path)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            numpy.savez_compressed(file, **arrays)  # type: ignore[arg-type, unused-ignore]
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        if force:
            os.replace(name, target)
        else:
            # A link fails if somebody else made the file in the meantime.
            os.link(name, target)
            os.unlink(name)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
