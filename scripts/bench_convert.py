"""Conversion against `cp` and, where it is at hand, against llama.cpp's converter. Python's standard library only.

usage: bench_convert.py ALORA CACHE_DIRECTORY [--runs N] [--small-only]

Prints ratios of medians within this one run, and peak resident memory. `cp` alone leaves the bytes in the page cache; `cp` and
sync puts them on disk, as alora does before it renames. REFERENCE_CONVERTER=…/convert_lora_to_gguf.py and REFERENCE_PYTHON
name the reference.
"""
import argparse, json, os, pathlib, statistics, struct, subprocess, sys, time

ROOT = pathlib.Path(__file__).resolve().parent.parent
REAL = ROOT / "testdata/adapters/answerability"


def synthetic(directory):
    """A LoRA of rank 256 on q, k, v, o of 80 layers with hidden size 2048: 1.09 GB of F32."""
    adapter, base = directory / "synthetic", directory / "synthetic-base"
    if (adapter / "adapter_model.safetensors").exists():
        return adapter, base
    adapter.mkdir(parents=True, exist_ok=True)
    base.mkdir(exist_ok=True)
    rank, hidden, layers, kv = 256, 2048, 80, 512
    (base / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden, "num_attention_heads": 32,
        "num_key_value_heads": 8, "num_hidden_layers": layers, "intermediate_size": 8192, "vocab_size": 128256}))
    (adapter / "adapter_config.json").write_text(json.dumps({
        "peft_type": "LORA", "r": rank, "lora_alpha": 512, "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"],
        "alora_invocation_tokens": [128006, 78191, 128007]}))
    header, offset = {}, 0
    for layer in range(layers):
        for module, rows in (("q", hidden), ("k", kv), ("v", kv), ("o", hidden)):
            name = f"base_model.model.model.layers.{layer}.self_attn.{module}_proj"
            for factor, shape in (("A", [rank, hidden]), ("B", [rows, rank])):
                size = 4 * shape[0] * shape[1]
                header[f"{name}.lora_{factor}.weight"] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
                offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    block = struct.pack("<4096f", *[((i * 37) % 199 - 99) / 4096 for i in range(4096)]) * 64
    partial = adapter / "partial"
    with open(partial, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for start in range(0, offset, len(block)):
            file.write(block[: min(len(block), offset - start)])
    partial.rename(adapter / "adapter_model.safetensors")
    return adapter, base


def measure(command, outputs, runs):
    """Median seconds and the peak resident kilobytes of `command`."""
    times, peak = [], 0
    for run in range(runs + 1):
        for path in outputs:
            path.unlink(missing_ok=True)
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            sys.exit(f"failed: {' '.join(map(str, command))}")
        peak = max(peak, usage.ru_maxrss)
        if run > 0:  # the first one warms the caches
            times.append(time.perf_counter() - start)
    return statistics.median(times), peak


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("alora")
    parser.add_argument("cache", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--small-only", action="store_true")
    options = parser.parse_args()
    directory = options.cache / "bench"
    directory.mkdir(parents=True, exist_ok=True)
    cases = [("real, 9.8 MB", REAL / "adapter-bf16", REAL / "base-config", "bf16", 3 * options.runs)]
    if not options.small_only:
        cases.append(("synthetic, 1.09 GB", *synthetic(directory), "f32", options.runs))
    for label, adapter, base, outtype, runs in cases:
        source = adapter / "adapter_model.safetensors"
        copy, output = directory / "copy", directory / "out.gguf"
        cp, _ = measure(["cp", source, copy], [copy], runs)
        synced, _ = measure(["sh", "-c", f"cp '{source}' '{copy}' && sync '{copy}'"], [copy], runs)
        convert = [options.alora, "convert", adapter, "--base", base, "--outtype", outtype, "--outfile", output, "--quiet"]
        alora, peak = measure(convert, [output], runs)
        start, _ = measure([options.alora, "--version"], [], runs)
        print(f"{label}: alora {alora * 1e3:.1f} ms (starting the command: {start * 1e3:.1f} ms), peak resident {peak / 1e3:.1f} MB")
        print(f"  {alora / cp:.2f} x cp ({cp * 1e3:.1f} ms), {alora / synced:.2f} x cp and sync ({synced * 1e3:.1f} ms)")
        reference = os.environ.get("REFERENCE_CONVERTER")
        if reference and label.startswith("real"):
            python = os.environ.get("REFERENCE_PYTHON", "python3")
            command = [python, reference, adapter, "--base", base, "--outtype", outtype, "--outfile", output]
            seconds, memory = measure(command, [output], 2)
            print(f"  the reference converter: {seconds:.1f} s, {memory / 1e3:.0f} MB: {seconds / alora:.0f} x alora's time")
        for path in (copy, output):
            path.unlink(missing_ok=True)


main()
