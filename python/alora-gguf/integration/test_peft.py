"""Goldens from a tiny PEFT model, and the callback in a real Trainer."""

import json
from pathlib import Path
from typing import Any

import alora_gguf
import numpy
import pytest
import torch
import transformers
from alora_gguf.training import AloraCallback, ZeroUpdateError, check_update
from peft import LoraConfig, get_peft_model

INVOCATION = [7, 9, 7]
PROMPTS = [[5, 20, 7, 9, 7, 11, 30], [3, 4, 5], [7, 9, 7, 1, 2, 7, 9, 7, 8]]


def tiny_base(directory: Path, dtype: torch.dtype = torch.float32) -> Any:
    """A random Llama, saved so that the command can read its weights."""
    torch.manual_seed(3)
    config = transformers.LlamaConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=64,
        max_position_embeddings=128,
    )
    model = transformers.LlamaForCausalLM(config).to(dtype)
    model.save_pretrained(directory)
    return model


def adapted(model: Any, alora: bool = True) -> Any:
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=4,
        lora_alpha=8,
        lora_dropout=0.3,
        target_modules=["q_proj", "v_proj", "down_proj"],
        **({"alora_invocation_tokens": INVOCATION} if alora else {}),
    )
    return get_peft_model(model, config)


def randomize(model: Any, scale: float = 0.3) -> None:
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            if "lora_" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)


@pytest.mark.parametrize("alora", [True, False])
@pytest.mark.parametrize("positions", ["all", "around", "last"])
def test_goldens_of_a_model_in_training_prove_the_saved_adapter(alora: bool, positions: Any, tmp_path: Path) -> None:
    model = adapted(tiny_base(tmp_path / "base"), alora)
    randomize(model)
    model.save_pretrained(tmp_path / "adapter")
    model.train()
    golden = tmp_path / "golden.npz"
    arrays = alora_gguf.golden_from_peft(model, PROMPTS, golden, positions=positions)
    assert model.training, "the model is not as it was"
    assert all(module.training for module in model.modules())
    assert [int(arrays[f"activation_start_{index}"]) for index in range(3)] == ([2, -1, 5] if alora else [0, 0, 0])
    result = alora_gguf.verify(tmp_path / "base", tmp_path / "adapter", golden=golden)
    assert result.passed, [proof for proof in result.proofs if not proof.passed]
    again = alora_gguf.golden_from_peft(model, PROMPTS, positions=positions)
    assert all(numpy.array_equal(arrays[name], again[name]) for name in arrays), "dropout was on"


def test_goldens_are_not_overwritten_without_force(tmp_path: Path) -> None:
    model = adapted(tiny_base(tmp_path / "base"))
    (tmp_path / "golden.npz").write_text("mine")
    with pytest.raises(FileExistsError):
        alora_gguf.golden_from_peft(model, PROMPTS, tmp_path / "golden.npz")
    assert (tmp_path / "golden.npz").read_text() == "mine"
    alora_gguf.golden_from_peft(model, PROMPTS, tmp_path / "golden.npz", force=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "golden.npz"]


def test_what_would_make_coarse_goldens_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a PEFT model"):
        alora_gguf.golden_from_peft(tiny_base(tmp_path / "base"), PROMPTS)
    with pytest.raises(ValueError, match="is bfloat16"):
        alora_gguf.golden_from_peft(adapted(tiny_base(tmp_path / "half", torch.bfloat16)), PROMPTS)
    model = adapted(tiny_base(tmp_path / "base"))
    for prompts, message in (([], "no prompts"), ([[]], "no tokens"), (["text"], "give a tokenizer")):
        with pytest.raises(ValueError, match=message):
            alora_gguf.golden_from_peft(model, prompts)
    outer = model.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return outer(*args, **kwargs)

    model.forward = forward
    with pytest.raises(ValueError, match="under autocast"):
        alora_gguf.golden_from_peft(model, PROMPTS)


class Tokens(torch.utils.data.Dataset):  # type: ignore[type-arg]
    def __len__(self) -> int:
        return 16

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        ids = torch.tensor([index % 60 + 1, 20, *INVOCATION, 11, 12, 13])
        return {"input_ids": ids, "labels": ids, "attention_mask": torch.ones_like(ids)}


def train(model: Any, directory: Path, callback: AloraCallback, **options: Any) -> None:
    arguments = transformers.TrainingArguments(
        output_dir=str(directory),
        max_steps=4,
        save_steps=2,
        per_device_train_batch_size=2,
        report_to=[],
        use_cpu=True,
        logging_steps=100,
        disable_tqdm=True,
        **{"learning_rate": 0.05} | options,
    )
    transformers.Trainer(model=model, args=arguments, train_dataset=Tokens(), callbacks=[callback]).train()


@pytest.mark.parametrize("options", [{}, {"bf16": True}, {"gradient_accumulation_steps": 2}])
def test_each_save_is_converted_and_proven(options: dict[str, Any], tmp_path: Path) -> None:
    callback = AloraCallback(prompts=PROMPTS)
    train(adapted(tiny_base(tmp_path / "base")), tmp_path / "out", callback, **options)
    assert [item.step for item in callback.saved] == [2, 4]
    for item in callback.saved:
        assert item.golden is not None
        assert item.conversion.invocation_tokens == tuple(INVOCATION)
        result = alora_gguf.verify(tmp_path / "base", item.conversion.outfile, golden=item.golden)
        assert result.passed, [proof for proof in result.proofs if not proof.passed]


def test_goldens_of_a_base_in_bfloat16_come_from_a_copy_in_float32(tmp_path: Path) -> None:
    model = adapted(tiny_base(tmp_path / "base", torch.bfloat16))
    callback = AloraCallback(prompts=PROMPTS)
    train(model, tmp_path / "out", callback)
    assert model.get_base_model().lm_head.weight.dtype == torch.bfloat16
    last = callback.saved[-1]
    result = alora_gguf.verify(tmp_path / "base", last.conversion.outfile, golden=last.golden)
    assert result.passed, [proof for proof in result.proofs if not proof.passed]


@pytest.mark.parametrize("on_failure", ["raise", "warn"])
def test_an_adapter_whose_update_is_zero_is_not_passed(on_failure: Any, tmp_path: Path) -> None:
    callback = AloraCallback(on_failure=on_failure)
    with pytest.raises(ZeroUpdateError, match="the update of all 6 modules is zero; train it first"):
        train(adapted(tiny_base(tmp_path / "base")), tmp_path / "out", callback, learning_rate=0.0)
    assert not callback.saved
    assert not list((tmp_path / "out").rglob("*.gguf"))


def test_a_zero_update_is_found_in_every_form(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = adapted(tiny_base(tmp_path / "base"))
    model.save_pretrained(tmp_path / "zero")
    alora_gguf.convert(tmp_path / "zero", base=tmp_path / "base", outfile=tmp_path / "zero.gguf")
    for name in ("zero", "zero.gguf", "zero/adapter_model.safetensors"):
        with pytest.raises(ZeroUpdateError):
            check_update(tmp_path / name)
    randomize(model)
    with torch.no_grad():
        next(value for name, value in model.named_parameters() if "lora_B" in name).zero_()
    model.save_pretrained(tmp_path / "partly")
    check_update(tmp_path / "partly")
    assert "the update of 1 of 6 modules is zero" in caplog.text


def test_a_save_that_cannot_be_converted_can_be_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    callback = AloraCallback(base=tmp_path / "nowhere", on_failure="warn")
    train(adapted(tiny_base(tmp_path / "base")), tmp_path / "out", callback)
    assert not callback.saved
    assert caplog.text.count("was not converted") == 2
    with pytest.raises(alora_gguf.FileAccessError):
        train(adapted(tiny_base(tmp_path / "base")), tmp_path / "again", AloraCallback(base=tmp_path / "nowhere"))


def test_metadata_says_what_made_the_goldens(tmp_path: Path) -> None:
    model = adapted(tiny_base(tmp_path / "base"))
    meta = json.loads(str(alora_gguf.golden_from_peft(model, PROMPTS)["meta"]))
    assert meta["invocation_tokens"] == INVOCATION
    assert set(meta["versions"]) == {"peft", "transformers", "torch"}
