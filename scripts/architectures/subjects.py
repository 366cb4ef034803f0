"""Tiny models with adapters on everything that an adapter can change, for the oracles.

Every number is a multiple of a power of two and small, so that F32 holds each product and sum exactly: what PEFT merges
into a weight is scaling · B · A without rounding, and what an oracle compares is the conversion alone.
"""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import reference
import tiny
import trace

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "Sources" / "CArchitectureTable" / "architectures.json"
# Parts that PEFT's "all-linear" finds and llama.cpp keeps elsewhere, or that no LoRA of a language model is on.
LEFT_OUT = ("vision", "visual", "audio", "multi_modal", "projector", "merger", "lm_head", "embed", "altup", "conv1d")
KEPT_SETTINGS = (
    "peft_type", "r", "lora_alpha", "target_modules", "target_parameters", "task_type", "peft_version", "rank_pattern",
    "alpha_pattern", "use_rslora",
)


def number(name, count):
    """Element k of a tensor of an adapter: exact in BF16, and the same everywhere."""
    seed = sum(name.encode())
    return (((np.arange(count, dtype=np.int64) * 37 + seed) % 251) - 125).astype(np.float32) / 64


def base_number(shape, seed):
    """Weights of a base: multiples of 1/512."""
    return np.random.default_rng(seed).integers(-64, 64, shape).astype(np.float32) / 512 + np.float32(1 / 32)


def refused_modules(class_name):
    """The modules, as patterns, whose tensors llama.cpp never applies an adapter to."""
    table = json.loads(TABLE.read_text())
    never = {item["neverApplied"]: set(item["tensors"]) for item in table["neverApplied"]}
    result = set()
    for row in table["classes"]:
        for index in row["rules"] if row["class"] == class_name else []:
            rule = table["rules"][index]
            if any(t["tensor"] in never.get(row["architecture"], ()) for t in rule["targets"]):
                result.add(rule["module"])
    return result


def tabled_modules(class_name):
    """The modules of a class that the table has, as patterns."""
    table = json.loads(TABLE.read_text())
    return {
        table["rules"][index]["module"]
        for row in table["classes"] if row["class"] == class_name
        for index in row["rules"] if table["rules"][index].get("kind") not in ("embedding", "output")
    }


def prepare(base, spec):
    """Gives a saved model the configuration and files that the reference expects."""
    tiny.complete(base, spec, spec["class"], spec.get("size", 0))
    for name, text in spec.get("files", {}).items():
        (base / name).write_text(text)


class Subject:
    """A base in `directory / "base"`; `adapt` adds an adapter and the merged model.

    Attributes: `spec`, `directory`.
    """

    def __init__(self, spec, directory):
        self.spec, self.directory = spec, directory
        self.base = directory / "base"

    def save_adapter(self, name, tensors, settings):
        from safetensors.numpy import save_file

        folder = self.directory / name
        folder.mkdir(exist_ok=True)
        save_file({n: np.ascontiguousarray(t) for n, t in tensors.items()}, folder / "adapter_model.safetensors", {"format": "pt"})
        (folder / "adapter_config.json").write_text(json.dumps(settings))
        return folder

    def copy_configuration(self, part):
        for f in self.base.iterdir():
            if f.suffix != ".safetensors" and not f.name.endswith(".index.json"):
                shutil.copy(f, part / f.name)

    def write_models(self, name, fuse=()):
        """The architecture and the F32 tensors of the base and of a merged model, as llama.cpp converts them."""
        written = {}
        for part in ("base", name):
            output = self.directory / f"{part}{'-fused' if fuse else ''}.gguf"
            if not output.exists():
                reference.write_model(self.spec["class"], self.directory / part, output, fuse)
            architecture, written[part] = reference.read_tensors(output)
        return architecture, written["base"], written[name]


class TransformersSubject(Subject):
    """A model that transformers builds and PEFT adapts and merges."""

    def __init__(self, spec, directory, weights=None):
        super().__init__(spec, directory)
        import torch
        import transformers

        if spec.get("raw_configuration"):
            reference.use_raw_configuration()
        torch.manual_seed(0)
        torch.set_num_threads(1)
        model_class = getattr(transformers, spec.get("build", spec["class"]))
        # For this process only.
        tiny.FIELDS.update(spec.get("fields", {}))
        settings = tiny.configuration(model_class.config_class, spec.get("size", 0), spec.get("over", {}))
        self.model = model_class(settings).eval().float()
        with torch.no_grad():
            for index, (name, parameter) in enumerate(self.model.named_parameters()):
                parameter.copy_(torch.tensor((weights or (lambda n, s, i: base_number(s, i)))(name, tuple(parameter.shape), index)))
        self.state = {n: t.detach().clone() for n, t in self.model.state_dict().items()}
        self.model.save_pretrained(self.base)
        prepare(self.base, spec)
        self._correct(self.base)

    def _correct(self, part):
        for file in part.glob("*.safetensors"):
            trace.transpose_on_disk(file, self.spec.get("transposed_on_disk", ()))
            trace.rename_on_disk(file, self.spec.get("renamed_on_disk", ()))

    def targets(self, experts=True):
        import torch

        refused = refused_modules(self.spec["class"])
        linear = sorted(
            name for name, module in self.model.named_modules()
            if (isinstance(module, torch.nn.Linear) or type(module).__name__ == "Conv1D")
            and not any(word in name for word in LEFT_OUT) and trace.pattern(name)[0] not in refused
            and not any(re.search(p, name) for p in self.spec.get("unadapted", ()))
        )
        parameters = sorted({
            ".".join(name.split(".")[-2:]) for name, p in self.model.named_parameters()
            if p.ndim == 3 and "experts" in name and not any(word in name for word in LEFT_OUT)
            and trace.pattern(name)[0] not in refused
        })
        return linear, parameters if experts else []

    def adapted(self, rank, alpha, experts=True, **more):
        import peft

        linear, parameters = self.targets(experts)
        arguments = {"target_modules": linear}
        if parameters:
            arguments["target_parameters"] = parameters
        task = "CAUSAL_LM" if hasattr(self.model, "prepare_inputs_for_generation") else None

        def wrapped():
            configuration = peft.LoraConfig(
                r=rank, lora_alpha=alpha, init_lora_weights=False, task_type=task, **arguments, **more
            )
            return peft.get_peft_model(self.model, configuration)

        try:
            adapted = wrapped()
        except ValueError as error:
            if "Incompatible modules" not in str(error):
                raise
            # PEFT refuses the output of Mamba layers.
            arguments["target_modules"] = [n for n in linear if not n.endswith("out_proj")]
            adapted = wrapped()
        adapted.peft_config["default"].base_model_name_or_path = "test/base"
        return adapted

    def adapt(self, rank, alpha, name, **more):
        import peft
        import torch
        from safetensors.numpy import load_file

        adapted = self.adapted(rank, alpha, **more)
        adapted.save_pretrained(self.directory / name, save_embedding_layers=False)
        path = self.directory / name / "adapter_model.safetensors"
        tensors = {n: number(n, t.size).reshape(t.shape) for n, t in load_file(path).items()}
        loaded = peft.utils.set_peft_model_state_dict(adapted, {n: torch.tensor(t) for n, t in tensors.items()})
        assert not loaded.unexpected_keys, f"PEFT doesn't load the names that it saved: {loaded.unexpected_keys[0]}"
        merged = adapted.merge_and_unload()
        part = self.directory / f"merged-{name}"
        merged.save_pretrained(part)
        self.copy_configuration(part)
        self._correct(part)
        self.model = merged
        self.model.load_state_dict(self.state, strict=False)
        settings = json.loads((self.directory / name / "adapter_config.json").read_text())
        settings = {k: v for k, v in settings.items() if k in KEPT_SETTINGS and v}
        if isinstance(settings.get("target_modules"), list):
            settings["target_modules"] = sorted({m.rpartition(".")[2] for m in settings["target_modules"]})
        self.save_adapter(name, tensors, settings)
        return tensors, settings


class StateSubject(Subject):
    """A model whose code isn't part of transformers: its tensors by hand, and PEFT's merge of linear layers by hand."""

    def __init__(self, spec, directory):
        super().__init__(spec, directory)
        from safetensors.numpy import save_file

        reference.use_raw_configuration()
        size = spec.get("size", 0)
        configuration = {k: tiny.at(v, size) for k, v in spec["configuration"].items()}
        configuration["architectures"] = [spec["class"]]
        self.base.mkdir()
        (self.base / "config.json").write_text(json.dumps(configuration))
        for name, text in spec.get("files", {}).items():
            (self.base / name).write_text(text)
        entries = spec["tensors"](configuration)
        self.kinds = {n: k for n, _, k in entries}
        self.tensors = {n: base_number(s, i) for i, (n, s, _) in enumerate(entries)}
        save_file(self.tensors, self.base / "model.safetensors", {"format": "pt"})

    def adapt(self, rank, alpha, name):
        from safetensors.numpy import save_file

        refused, tabled = refused_modules(self.spec["class"]), tabled_modules(self.spec["class"])
        factors, merged, leaves, parameters = {}, dict(self.tensors), set(), set()
        for weight, kind in self.kinds.items():
            module = weight.removesuffix(".weight")
            leaf = module.rpartition(".")[2]
            if kind == "experts":
                count, out, columns = self.tensors[weight].shape
                a_name, b_name = (f"base_model.model.{module}.lora_{x}.weight" for x in "AB")
                a = factors[a_name] = number(a_name, rank * count * columns).reshape(rank * count, columns)
                b = factors[b_name] = number(b_name, out * rank * count).reshape(out, rank * count)
                # Source: PEFT tuners/lora/layer.py (`ParamWrapper.get_delta_weight`).
                update = np.einsum("ore,eri->eoi", b.reshape(out, rank, count), a.reshape(count, rank, columns))
                merged[weight] = merged[weight] + update * np.float32(alpha / rank)
                parameters.add(".".join(weight.split(".")[-3:]))
                continue
            if kind not in ("linear", "conv1d") or not weight.endswith(".weight") or {trace.pattern(module)[0], module} & refused:
                continue
            if trace.pattern(module)[0] not in tabled and module not in tabled or any(word in module for word in LEFT_OUT):
                continue
            if any(re.search(p, module) for p in self.spec.get("unadapted", ())):
                continue
            out, columns = self.tensors[weight].shape[:: -1 if kind == "conv1d" else 1]
            a_name, b_name = (f"base_model.model.{module}.lora_{x}.weight" for x in "AB")
            a = factors[a_name] = number(a_name, rank * columns).reshape(rank, columns)
            b = factors[b_name] = number(b_name, out * rank).reshape(out, rank)
            update = np.matmul(b, a) * np.float32(alpha / rank)
            merged[weight] = merged[weight] + (update.T if kind == "conv1d" else update)
            leaves.add(leaf)
        assert factors, "nothing to adapt"
        part = self.directory / f"merged-{name}"
        part.mkdir()
        save_file({n: np.ascontiguousarray(t) for n, t in merged.items()}, part / "model.safetensors", {"format": "pt"})
        self.copy_configuration(part)
        settings = {
            "peft_type": "LORA", "r": rank, "lora_alpha": alpha, "target_modules": sorted(leaves), "task_type": "CAUSAL_LM",
            "peft_version": "0.21.2", **({"target_parameters": sorted(parameters)} if parameters else {}),
        }
        self.save_adapter(name, factors, settings)
        return factors, settings


def subject(spec, directory):
    return (StateSubject if "tensors" in spec else TransformersSubject)(spec, directory)


def is_expert(name):
    """Whether a factor is of experts: a parameter of all of them, or the module of one."""
    return re.search(r"experts(\.\d+\.|\.base_layer|\.lora_)|\.moe\.\w+_proj\.", name) is not None
