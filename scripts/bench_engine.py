"""Prefill and decoding of models, beside llama.cpp's where LLAMA_BENCH names its llama-bench. Python's standard library only.

usage: bench_engine.py ALORA MODEL.gguf… [--rounds N] [--threads N] [--json FILE] [--plot FILE.svg]
                       [--prefill N] [--decode N] [--context N] [--sequences N,N]

--sequences also decodes so many sequences at once, beside the llama-batched-bench that LLAMA_BATCHED_BENCH names. 0 leaves a task
out. Long contexts use llama.cpp's flash attention.

Each round measures every model with one engine and then with the other, so that what slows the machine slows both; medians over the
rounds. Each measures twice, after llama-bench's warm-up, and the better one counts. No number here is compared with another run's.
"""
import argparse, html, json, os, pathlib, statistics, subprocess, sys

LONG = 4096


def output(command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"bench_engine: {' '.join(command)} ended with {result.returncode}: {result.stderr.strip()[-300:]}")
    return result.stdout


def tasks(options):
    """Each is a name, and the tokens, the context before them and the sequences at once."""
    found = {}
    if options.prefill:
        found["prefill"] = (options.prefill, 0, 1)
    if options.decode:
        found["decode"] = (options.decode, options.context, 1)
    for count in filter(None, options.sequences.split(",")):
        found[f"decode {count} at once"] = (options.decode or 64, options.context, int(count))
    return found


def alora(binary, model, task, threads):
    tokens, context, sequences = task
    command = [binary, "bench", "decode" if context else "prefill", "--model", model, "--tokens", str(tokens), "--threads", str(threads)]
    if context:
        command += ["--context", str(context), "--sequences", str(sequences)]
    repeats = "1" if tokens + context > LONG else "2"
    return json.loads(output(command + ["--repeats", repeats, "--json", "--quiet", "--beyond-context"]))


def llama(model, task, threads):
    """Tokens per second, or None without the program."""
    tokens, context, sequences = task
    batched = os.environ.get("LLAMA_BATCHED_BENCH")
    if sequences > 1:
        if not batched:
            return None
        room = str((tokens + context) * sequences)
        lines = output([batched, "-m", model, "-t", str(threads), "-c", room, "-npp", str(context), "-ntg", str(tokens),
                        "-npl", str(sequences), "--output-format", "jsonl"]).splitlines()
        return next(json.loads(line)["speed_tg"] for line in lines if line.startswith("{"))
    binary = os.environ.get("LLAMA_BENCH")
    if not binary:
        return None
    counts = ["-p", "0", "-n", str(tokens), "-d", str(context)] if context else ["-p", str(tokens), "-n", "0"]
    long = ["-r", "1", "-fa", "1"] if tokens + context > LONG else ["-r", "2"]
    return max(json.loads(output([binary, "-m", model, "-t", str(threads), "-o", "json", *counts, *long]))[0]["samples_ts"])


def plot(rows):
    """Two rows of bars: tokens per second of each model, alora's beside the other's."""
    models = list(dict.fromkeys(row["model"] for row in rows))
    names = list(dict.fromkeys(row["task"] for row in rows))
    width, height, left, top = 90 * len(models) + 60, 220 * len(names) + 20, 50, 30
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height}" fill="white"/>']
    for place, task in enumerate(names):
        of_task = {row["model"]: row for row in rows if row["task"] == task}
        most = max(row.get(f"{name}_median", 0) for row in of_task.values() for name in ("alora", "llama.cpp"))
        base = top + 160 + place * 220
        parts.append(f'<text x="{left}" y="{base - 170}">{task}, tokens/s: alora (blue), llama.cpp (grey)</text>')
        for number, model in enumerate(models):
            x = left + 90 * number
            for side, (name, color) in enumerate((("alora", "#2563eb"), ("llama.cpp", "#9ca3af"))):
                value = of_task[model].get(f"{name}_median")
                if value is None:
                    continue
                bar = 150 * value / most
                parts.append(f'<rect x="{x + 36 * side}" y="{base - bar:.1f}" width="32" height="{bar:.1f}" fill="{color}"/>')
                parts.append(f'<text x="{x + 36 * side + 16}" y="{base - bar - 3:.1f}" text-anchor="middle" font-size="10">{value:.0f}</text>')
            parts.append(f'<text x="{x + 34}" y="{base + 15}" text-anchor="middle">{html.escape(model)}</text>')
    return "\n".join(parts) + "\n</svg>\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("alora")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--json")
    parser.add_argument("--plot")
    parser.add_argument("--prefill", type=int, default=512)
    parser.add_argument("--decode", type=int, default=64)
    parser.add_argument("--context", type=int, default=64)
    parser.add_argument("--sequences", default="")
    options = parser.parse_args()
    found = {}
    for number in range(options.rounds):
        for model in options.models:
            for name, task in tasks(options).items():
                values = found.setdefault((pathlib.Path(model).stem, name), {"alora": [], "llama.cpp": [], "fma_share": [], "load": []})
                mine = alora(options.alora, model, task, options.threads)
                values["alora"].append(mine["tokens_per_second"])
                values["fma_share"].append(mine["gflops"] / mine["peak_gflops"])
                values["load"].append(mine["load_seconds"])
                theirs = llama(model, task, options.threads)
                if theirs is not None:
                    values["llama.cpp"].append(theirs)
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    rows = []
    for (model, task), values in found.items():
        row = {"model": model, "task": task, "threads": options.threads, "rounds": options.rounds}
        row |= {f"{name}_median": statistics.median(samples) for name, samples in values.items() if samples}
        if "llama.cpp_median" in row:
            row["ratio"] = row["alora_median"] / row["llama.cpp_median"]
        rows.append(row | {"samples": values})
    print("| model | task | alora, tokens/s | llama.cpp, tokens/s | ratio | share of FMA peak | load, s |\n|---|---|---|---|---|---|---|")
    for row in rows:
        other = f"{row['llama.cpp_median']:.1f} | {row['ratio']:.2f}" if "ratio" in row else "– | –"
        print(f"| {row['model']} | {row['task']} | {row['alora_median']:.1f} | {other} | {row['fma_share_median']:.0%} "
              f"| {row['load_median']:.2f} |")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rows, indent=1) + "\n")
    if options.plot:
        pathlib.Path(options.plot).write_text(plot(rows))


if __name__ == "__main__":
    main()
