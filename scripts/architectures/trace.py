"""Fills a tiny model with distinct whole numbers, converts it, and reads back where each number went."""

import json
import os
import re
import shutil
import signal
import tempfile
import traceback
import warnings
from pathlib import Path

import numpy as np

import reference
import tiny
from symbols import segments

warnings.filterwarnings("ignore")
LIMIT = 1 << 24  # whole numbers that F32 holds


def pattern(name):
    """`model.layers.3.mlp.experts.7.w1` as (`model.layers.{layer}.mlp.experts.{expert}.w1`, 3, 7)."""
    numbers = re.findall(r"(?<=\.)\d+(?=\.|$)", "." + name)
    parts = ("." + name).split(".")[1:]
    layer = expert = None
    for index, part in enumerate(parts):
        if not part.isdigit():
            continue
        if layer is None:
            layer, parts[index] = int(part), "{layer}"
        elif expert is None:
            expert, parts[index] = int(part), "{expert}"
    del numbers
    return ".".join(parts), layer, expert


class Numbers:
    """Which element of which tensor each number is, under one way of naming the tensors."""

    def __init__(self, tensors, total):
        self.names = list(tensors)
        self.shapes = [tuple(tensors[n].shape) for n in self.names]
        self.owner = np.full(total, -1, np.int32)
        self.place = np.zeros(total, np.int64)
        for index, name in enumerate(self.names):
            values = np.rint(np.asarray(tensors[name], np.float64).reshape(-1)).astype(np.int64)
            self.owner[values] = index
            self.place[values] = np.arange(values.size)

    def explain(self, values):
        """(source, expert or None, transposed, source shape, rows, columns) for each part of a tensor, or None."""
        owners = self.owner[values]
        if (owners < 0).any():
            return None
        if values.ndim == 3:
            first = owners[:, :1, :1]
            if not (owners == first).all():
                return None
            which = first.reshape(-1)
            if len(set(which.tolist())) == 1:
                return self._stack(values, which[0])
            found = [self._matrix(values[e], which[e]) for e in range(values.shape[0])]
            if any(f is None for f in found):
                return None
            if len({json.dumps(f[1:], default=str) for f in found}) != 1:
                return None
            names = [pattern(f[0]) for f in found]
            if len({n[0] for n in names}) != 1 or [n[2] for n in names] != list(range(len(names))):
                return None
            return ("each", *found[0])
        if len(set(owners.reshape(-1).tolist())) != 1:
            return None
        found = self._matrix(values, owners.reshape(-1)[0])
        return found and ("one", *found)

    def _matrix(self, values, owner):
        shape = self.shapes[owner]
        if len(shape) != 2:
            return None
        rows, columns = np.divmod(self.place[values], shape[1])
        if (rows == rows[:, :1]).all() and (columns == columns[:1]).all():
            return self.names[owner], False, shape, rows[:, 0].tolist(), columns[0].tolist()
        if (rows == rows[:1]).all() and (columns == columns[:, :1]).all():
            return self.names[owner], True, (shape[1], shape[0]), columns[:, 0].tolist(), rows[0].tolist()
        return None

    def _stack(self, values, owner):
        shape = self.shapes[owner]
        if len(shape) != 3 or shape[0] != values.shape[0]:
            return None
        places = self.place[values]
        expert, rest = np.divmod(places, shape[1] * shape[2])
        if not (expert == np.arange(shape[0])[:, None, None]).all() or not (rest == rest[:1]).all():
            return None
        rows, columns = np.divmod(rest[0], shape[2])
        if (rows == rows[:, :1]).all() and (columns == columns[:1]).all():
            return "stack", self.names[owner], False, shape, rows[:, 0].tolist(), columns[0].tolist()
        if (rows == rows[:1]).all() and (columns == columns[:, :1]).all():
            flipped = (shape[0], shape[2], shape[1])
            return "stack", self.names[owner], True, flipped, columns[:, 0].tolist(), rows[0].tolist()
        return None


def fill(model):
    """Gives every weight matrix of a model numbers of its own; returns how many there are, plus one."""
    import torch

    total = 1
    with torch.no_grad():
        for _, parameter in model.named_parameters():
            if parameter.ndim >= 2:
                end = total + parameter.numel()
                parameter.copy_(torch.arange(total, end, dtype=torch.float32).reshape(parameter.shape))
                total = end
            else:
                parameter.copy_(torch.rand_like(parameter) * 0.4 + 0.1)
    if total >= LIMIT:
        raise ValueError(f"{total} weights are more than F32 counts")
    return total


def flat_fields(configuration):
    """Every integer field of a configuration; those of the text part go over the others."""
    inner = configuration
    for key in ("text_config", "llm_config", "language_config"):
        if isinstance(configuration.get(key), dict):
            inner = {**configuration, **configuration[key]}
    result = {}
    for key, value in inner.items():
        if isinstance(value, list) and value and all(v == value[0] for v in value):
            value = value[0]
        if isinstance(value, int) and not isinstance(value, bool):
            result[key] = value
        elif isinstance(value, dict) and key in ("attn_config", "ffn_config", "attention_other_setting", "linear_attn_config"):
            result |= {f"{key}.{k}": v for k, v in value.items() if isinstance(v, int) and not isinstance(v, bool)}
    return result


def inferred_fields(configuration_class, size, over):
    """What transformers makes of a field that is left out."""
    result = {}
    for field in ("head_dim", "num_key_value_heads", "num_kv_heads", "n_inner"):
        try:
            arguments = tiny.arguments(configuration_class, size, over)
            place = arguments["text_config"] if "text_config" in arguments else arguments
            place = dict(place)
            place.pop(field, None)
            made = configuration_class(**({**arguments, "text_config": place} if "text_config" in arguments else place))
            value = flat_fields(made.to_dict()).get(field)
            if value is not None:
                result[field] = value
        except Exception:
            continue
    return result


def transpose_on_disk(path, endings):
    """Gives parameters the layout of published checkpoints, where transformers transposes them as it loads them."""
    if not endings:
        return
    from safetensors.numpy import load_file, save_file

    tensors = load_file(path)
    for name in tensors:
        if name.endswith(tuple(endings)):
            tensors[name] = np.ascontiguousarray(tensors[name].transpose(0, 2, 1))
    save_file(tensors, path, {"format": "pt"})


def rename_on_disk(path, renames):
    """Gives tensors the names of published checkpoints, where transformers saves others."""
    if not renames:
        return
    from safetensors.numpy import load_file, save_file

    tensors = load_file(path)
    for old, new in renames:
        tensors = {re.sub(old, new, name): tensor for name, tensor in tensors.items()}
    save_file(tensors, path, {"format": "pt"})


def trace_size(spec, size, directory):
    """One model at one size: what its weights are and where each goes."""
    import torch
    import transformers
    from safetensors.numpy import load_file

    if spec.get("raw_configuration"):
        reference.use_raw_configuration()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    class_name = spec["class"]
    base = directory / "base"
    base.mkdir(parents=True)
    kinds = {}
    transposed = []
    if "tensors" in spec:
        from safetensors.numpy import save_file

        configuration = {k: tiny.at(v, size) for k, v in spec["configuration"].items()}
        tensors, total = {}, 1
        for name, shape, kind in spec["tensors"](configuration):
            count = int(np.prod(shape))
            if len(shape) >= 2 and kind != "ignored":
                tensors[name] = np.arange(total, total + count, dtype=np.float32).reshape(shape)
                total += count
                kinds[name.removesuffix(".weight")] = kind
            else:
                tensors[name] = np.random.default_rng(0).random(shape).astype(np.float32) * 0.4 + 0.1
        assert total < LIMIT
        configuration["architectures"] = [class_name]
        (base / "config.json").write_text(json.dumps(configuration))
        save_file(tensors, base / "model.safetensors", {"format": "pt"})
        memory = {n: t for n, t in tensors.items() if n.removesuffix(".weight") in kinds}
        saved = {}
        defaults, inferred = spec.get("defaults", {}), {}
        ties = bool(spec.get("ties", False))
        model_type = configuration.get("model_type")
    else:
        model_class = getattr(transformers, spec.get("build", class_name))
        configuration_class = model_class.config_class
        settings = tiny.configuration(configuration_class, size, spec.get("over", {}))
        model = model_class(settings).eval().float()
        total = fill(model)
        for name, module in model.named_modules():
            kind = type(module).__name__
            if isinstance(module, torch.nn.Linear):
                kinds[name] = "linear"
            elif isinstance(module, torch.nn.Embedding):
                kinds[name] = "embedding"
            elif kind == "Conv1D":
                kinds[name] = "conv1d"
            if getattr(module, "is_transposed", False) is True:
                transposed.append(pattern(name)[0])
        model.save_pretrained(base)
        memory = {n: p.detach().numpy() for n, p in model.named_parameters() if p.ndim >= 2}
        saved = {}
        for path in sorted(base.glob("*.safetensors")):
            transpose_on_disk(path, spec.get("transposed_on_disk", ()))
            rename_on_disk(path, spec.get("renamed_on_disk", ()))
            saved.update({n: t for n, t in load_file(path).items() if t.ndim >= 2 and n not in memory})
        configuration = tiny.complete(base, spec, class_name, size)
        model_type = configuration.get("model_type")
        plain = configuration_class().to_dict()
        defaults = flat_fields(plain)
        inferred = inferred_fields(configuration_class, size, spec.get("over", {}))
        ties = bool((plain.get("text_config") or plain).get("tie_word_embeddings", plain.get("tie_word_embeddings")))
    for name, text in spec.get("files", {}).items():
        (base / name).write_text(text)
    order = list(memory)
    conv = {n + ".weight" for n, k in kinds.items() if k == "conv1d"}
    memory = {n: (t.T if n in conv else t) for n, t in memory.items()}
    reference.write_model(class_name, base, directory / "base.gguf")
    architecture, tensors = reference.read_tensors(directory / "base.gguf")
    namings = {"memory": Numbers(memory, total), "saved": Numbers(saved, total) if saved else None}
    found, unexplained = [], []
    reached = set()
    for target, values in tensors.items():
        if values.ndim < 2 or values.ndim > 3 or not target.endswith((".weight", "_a", "_d")) and values.ndim < 2:
            continue
        if spec.get("signed"):
            values = np.abs(values)
        whole = np.rint(values)
        if np.abs(values - whole).max() > 1e-3 or whole.min() < 1 or whole.max() >= total:
            unexplained.append(target)
            continue
        whole = whole.astype(np.int64)
        any_found = False
        for naming, numbers in namings.items():
            result = numbers and numbers.explain(whole)
            if not result:
                continue
            any_found = True
            form, source, flipped, shape, rows, columns = result
            name, layer, expert = pattern(source)
            if form == "one" and expert is not None:
                # A numbered module that is not an expert keeps its number.
                name = re.sub(r"\.%d\." % layer, ".{layer}.", source, count=1)
            row_runs, column_runs = segments(rows), segments(columns)
            if row_runs is None or column_runs is None:
                any_found = False
                continue
            found.append({
                "naming": naming, "form": form, "source": name, "layer": layer, "transposed": flipped,
                "shape": list(shape), "rows": row_runs, "columns": column_runs, "target": pattern(target)[0],
                "size": [len(rows), len(columns)], **({"count": len(values)} if form == "each" else {}),
            })
            if naming == "memory":
                reached.add(source)
        if not any_found:
            unexplained.append(target)
    return {
        "architecture": architecture, "modelType": model_type, "fields": flat_fields(configuration), "found": found,
        "unexplained": sorted({pattern(n)[0] for n in unexplained}),
        "unreached": sorted({pattern(n)[0] for n in memory if n not in reached}),
        "kinds": {pattern(n)[0]: k for n, k in kinds.items()}, "defaults": defaults, "ties": ties, "inferred": inferred,
        "order": list(dict.fromkeys(pattern(n)[0] for n in order)), "transposed": sorted(set(transposed)),
    }


def isolated(function, *arguments, seconds=120):
    """Runs a function in a process of its own, since tracing changes global state of the libraries."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        signal.alarm(seconds)
        null = os.open(os.environ.get("TRACE_LOG", os.devnull), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(null, 1)
        os.dup2(null, 2)
        try:
            result = function(*arguments)
        except BaseException as error:
            frames = traceback.extract_tb(error.__traceback__)[-3:]
            places = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames))
            result = {"error": f"{type(error).__name__}: {str(error)[:300]} at {places}"}
        with os.fdopen(writer, "w") as file:
            file.write(json.dumps(result))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        text = file.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else {"error": "the process died or took too long"}


def trace(spec):
    """The traces of a model at every size, or an error. Embeddings are untied where the reference can map the output."""
    result = trace_sizes(spec)
    if "error" in result and "tensors" not in spec:
        tied = {**spec, "over": {**spec.get("over", {}), "tie_word_embeddings": None}}
        tied["over"]["_text"] = {**tied["over"].get("_text", {}), "tie_word_embeddings": None}
        again = trace_sizes(tied)
        return result if "error" in again else again
    return result


def trace_sizes(spec):
    sizes = []
    for size in range(3):
        directory = Path(tempfile.mkdtemp(prefix="trace-"))
        try:
            result = isolated(trace_size, spec, size, directory)
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        if "error" in result:
            return {"error": f"size {size}: {result['error']}"}
        sizes.append(result)
    return {"sizes": sizes}
