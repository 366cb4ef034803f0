"""Prefill and decoding of models, beside llama.cpp's where LLAMA_BENCH names its llama-bench. Python's standard library only.

usage: bench_engine.py ALORA MODEL.gguf… [--rounds N] [--threads N] [--json FILE] [--plot FILE.svg]

Each round measures every model with one engine and then with the other, so that what slows the machine slows both; medians over the
rounds. Each measures twice, after llama-bench's warm-up, and the better one counts. No number here is compared with another run's.
"""
import argparse, html, json, os, pathlib, statistics, subprocess, sys

TASKS = {"prefill": 512, "decode": 64}
CONTEXT = 64


def output(command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"bench_engine: {' '.join(command)} ended with {result.returncode}: {result.stderr.strip()[-300:]}")
    return json.loads(result.stdout)


def alora(binary, model, task, threads):
    command = [binary, "bench", task, "--model", model, "--tokens", str(TASKS[task]), "--threads", str(threads), "--repeats", "2"]
    if task == "decode":
        command += ["--context", str(CONTEXT)]
    return output(command + ["--json", "--quiet"])


def llama(binary, model, task, threads):
    counts = ["-p", str(TASKS[task]), "-n", "0"] if task == "prefill" else ["-p", "0", "-n", str(TASKS[task]), "-d", str(CONTEXT)]
    return max(output([binary, "-m", model, "-t", str(threads), "-r", "2", "-o", "json", *counts])[0]["samples_ts"])


def plot(rows):
    """Two rows of bars: tokens per second of each model, alora's beside the other's."""
    models = list(dict.fromkeys(row["model"] for row in rows))
    width, height, left, top = 90 * len(models) + 60, 460, 50, 30
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height}" fill="white"/>']
    for place, task in enumerate(TASKS):
        of_task = {row["model"]: row for row in rows if row["task"] == task}
        most = max(row.get(f"{name}_median", 0) for row in of_task.values() for name in ("alora", "llama.cpp"))
        base = top + 160 + place * 220
        parts.append(f'<text x="{left}" y="{base - 170}">{task}, {TASKS[task]} tokens, tokens/s: alora (blue), llama.cpp (grey)</text>')
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
    options = parser.parse_args()
    reference = os.environ.get("LLAMA_BENCH")
    found = {}
    for number in range(options.rounds):
        for model in options.models:
            for task in TASKS:
                values = found.setdefault((pathlib.Path(model).stem, task), {"alora": [], "llama.cpp": [], "fma_share": [], "load": []})
                mine = alora(options.alora, model, task, options.threads)
                values["alora"].append(mine["tokens_per_second"])
                values["fma_share"].append(mine["gflops"] / mine["peak_gflops"])
                values["load"].append(mine["load_seconds"])
                if reference:
                    values["llama.cpp"].append(llama(reference, model, task, options.threads))
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    rows = []
    for (model, task), values in found.items():
        row = {"model": model, "task": task, "threads": options.threads, "rounds": options.rounds}
        row |= {f"{name}_median": statistics.median(samples) for name, samples in values.items() if samples}
        if reference:
            row["ratio"] = row["alora_median"] / row["llama.cpp_median"]
        rows.append(row | {"samples": values})
    print("| model | task | alora, tokens/s | llama.cpp, tokens/s | ratio | share of FMA peak | load, s |\n|---|---|---|---|---|---|---|")
    for row in rows:
        other = f"{row['llama.cpp_median']:.0f} | {row['ratio']:.2f}" if reference else "– | –"
        print(f"| {row['model']} | {row['task']} | {row['alora_median']:.0f} | {other} | {row['fma_share_median']:.0%} "
              f"| {row['load_median']:.2f} |")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rows, indent=1) + "\n")
    if options.plot:
        pathlib.Path(options.plot).write_text(plot(rows))


if __name__ == "__main__":
    main()
