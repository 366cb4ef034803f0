"""While training: a callback for transformers' Trainer that converts and records goldens at each save.

>>> from alora_gguf.training import AloraCallback
>>> callback = AloraCallback(prompts=[[1, 5, 20, 7, 9]])  # doctest: +SKIP
>>> trainer = Trainer(model=peft_model, args=arguments, callbacks=[callback])  # doctest: +SKIP
"""

from __future__ import annotations

import copy
import logging
import math
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from transformers import TrainerCallback

from alora_gguf.commands import OutputType, convert, inspect
from alora_gguf.errors import AloraError
from alora_gguf.golden import Positions, golden_from_peft
from alora_gguf.results import Conversion, TensorSummary

__all__ = ["AloraCallback", "SavedAdapter", "ZeroUpdateError", "check_update"]

logger = logging.getLogger(__name__)


class ZeroUpdateError(AloraError):
    """The adapter adds nothing to the base: B · A is zero in every module."""


@dataclass(frozen=True)
class SavedAdapter:
    """What became of one save.

    Attributes:
        step: The trainer's global step.
        directory: The checkpoint.
        conversion: What the conversion reports; ``conversion.outfile`` is the GGUF.
        golden: The golden logits, if there are prompts.
    """

    step: int
    directory: Path
    conversion: Conversion
    golden: Path | None


class AloraCallback(TrainerCallback):  # type: ignore[misc, unused-ignore]
    """Converts the adapter of each checkpoint to GGUF, and records PEFT's golden logits beside it.

    An adapter whose update is zero stops the training with `ZeroUpdateError`: it was never trained, or its gradient does not
    reach it.

    Args:
        prompts: What goldens are recorded for: token ids, or texts for the trainer's tokenizer. None: no goldens.
        base: The base, a directory with config.json or a GGUF. By default, the configuration of the model in training.
        outtype: The element type of the GGUF.
        positions: Which rows of the goldens to keep.
        on_failure: ``raise`` stops the training when a save cannot be converted, ``warn`` logs why and goes on.

    Attributes:
        saved: What became of each save, in order.

    If the model in training is not in float32, goldens are computed on a float32 copy of it, which needs the memory.
    """

    def __init__(
        self,
        prompts: Sequence[Sequence[int] | str] | None = None,
        *,
        base: str | os.PathLike[str] | None = None,
        outtype: OutputType = "f32",
        positions: Positions = "around",
        on_failure: Literal["raise", "warn"] = "raise",
    ) -> None:
        self.prompts = prompts
        self.base = base
        self.outtype = outtype
        self.positions = positions
        self.on_failure = on_failure
        self.saved: list[SavedAdapter] = []

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called by the trainer after it has written a checkpoint."""
        del control
        if not state.is_world_process_zero:
            return
        model = kwargs["model"]
        model = getattr(model, "module", model)
        directory = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        try:
            self.saved.append(self._convert(directory, int(state.global_step), model, kwargs.get("processing_class")))
        except ZeroUpdateError:
            raise
        except (AloraError, ValueError, OSError) as error:
            if self.on_failure == "raise":
                raise
            logger.warning("%s was not converted: %s", directory, error)

    def _convert(self, directory: Path, step: int, model: Any, tokenizer: Any) -> SavedAdapter:
        check_update(directory)
        outfile = directory / "adapter.gguf"
        with tempfile.TemporaryDirectory(prefix="alora-") as temporary:
            base = self.base
            if base is None:
                base = temporary
                model.get_base_model().config.save_pretrained(base)
            conversion = convert(directory, base=base, outfile=outfile, outtype=self.outtype, force=True)
        golden = None
        if self.prompts is not None:
            golden = directory / "golden.npz"
            golden_from_peft(
                _in_float32(model), self.prompts, golden, tokenizer=tokenizer, positions=self.positions, force=True
            )
        logger.info("%s: converted, %d bytes", outfile, conversion.byte_count)
        return SavedAdapter(step, directory, conversion, golden)


def check_update(adapter: str | os.PathLike[str]) -> None:
    """Refuses an adapter that adds nothing to the base.

    Args:
        adapter: A PEFT directory, a safetensors file or a GGUF.

    Raises:
        ZeroUpdateError: Every module has a factor that is zero.

    Examples:
        >>> check_update("checkpoint-500")  # doctest: +SKIP
    """
    path = os.fspath(adapter)
    pairs: dict[str, list[bool]] = {}
    for tensor in inspect(adapter, values=True).tensors or ():
        name, side, rest = _split(tensor.name)
        if side:
            pairs.setdefault(name + rest, []).append(_is_zero(tensor))
    zero = [name for name, factors in pairs.items() if any(factors)]
    if pairs and len(zero) == len(pairs):
        problem = f"the update of all {len(pairs)} modules is zero"
        remedy = "train it first, and check that the optimizer has its parameters"
        raise ZeroUpdateError(f"{path}: {problem}; {remedy}", path=path, problem=problem, remedy=remedy)
    if zero:
        logger.warning("%s: the update of %d of %d modules is zero, such as %s", path, len(zero), len(pairs), zero[0])


def _split(name: str) -> tuple[str, str, str]:
    """The module, the side and what follows: PEFT's `lora_A.weight`, `lora_embedding_A`, GGUF's `.lora_a`."""
    for side in ("lora_A", "lora_B", "lora_embedding_A", "lora_embedding_B", "lora_a", "lora_b"):
        head, found, tail = name.rpartition("." + side)
        if found and (not tail or tail.startswith(".")):
            return head, side, tail
    return name, "", ""


def _is_zero(tensor: TensorSummary) -> bool:
    values = tensor.values
    return values is not None and values.zero_count == math.prod(tensor.shape)


def _in_float32(model: Any) -> Any:
    import torch

    if all(parameter.dtype == torch.float32 for parameter in model.parameters()):
        return model
    return copy.deepcopy(model).float()
