#!/usr/bin/env python3
"""Builds the fuzzer (Fuzz/), seeds it from testdata/ and runs it; what it finds is kept under <home>/<target>/findings.

    scripts/robustness fuzz [--target NAME …] [--seconds S] [--lanes N] [--rounds R | --until HH:MM] [--home DIR] [--merge] [--binary FILE]
    scripts/robustness fuzz --archive [--target NAME …] [--home DIR]
    scripts/robustness fuzz --table [--home DIR]

Each target's corpus goes on from run to run; so that they outlive a checkout, give a --home outside of it (otherwise
.cache/fuzz). With --lanes, so many targets run at once; with --rounds, all are gone through so many times; with --until, the
target that has had the least of the processor's time is next, up to that time of the day (UTC). An input over
10 s of the processor, over 1 GiB, or that ends the process is a finding. Address sanitizer is on. Totals are appended to
<home>/totals.jsonl, and --table adds them up. --binary is a copy of the fuzzer, which a build meanwhile does not change.

testdata/fuzz/<target>.gz is the small corpus that is committed: it is among the seeds, and the tests read it. --archive makes
it anew: the least inputs that reach what the corpus reaches (libFuzzer's set cover), the shortest first, as far as there is room.
"""

import argparse
import concurrent.futures
import json
import math
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from fuzz_seeds import archive, archived, seeds, words
from shared import DATA, ROOT

BUILD = ROOT / ".build-fuzz"
# What is committed of each target's corpus, altogether.
CORPUS_BYTES = 400_000
# The greatest risks first: what comes from strangers most often, and is the least regular.
TARGETS = ["gguf", "safetensors", "npz", "tokenizer", "template", "convert", "adapter", "shards", "model", "json", "golden", "cache",
           "response", "script", "card", "pattern", "graph", "prompts", "baseline", "engine", "schema", "intrinsic",
           "request", "merge", "composed", "graniteswitch"]
LOCK = threading.Lock()
# Swift's own backtracer waits for ever on a process that a sanitizer has ended.
QUIET = {"SWIFT_BACKTRACE": "enable=no"}
# An input that takes longer is a finding.
SLOW_SECONDS = 10
# The greatest input, in bytes: seeds beyond are left out.
GREATEST = {"tokenizer": 60_000, "model": 80_000, "convert": 40_000, "gguf": 40_000, "npz": 20_000, "shards": 60_000, "golden": 20_000,
            "cache": 30_000, "pattern": 3_000, "merge": 45_000, "composed": 20_000, "graniteswitch": 20_000}


def build():
    """Builds the fuzzer and tells where it is."""
    flags = ["-Xswiftc", "-sanitize=fuzzer,address", "-Xcc", "-fsanitize=fuzzer-no-link,address", "-Xlinker", "-lstdc++", "-Xswiftc", "-Xclang-linker",
             "-Xswiftc", "-fuse-ld=lld"]
    subprocess.run([os.environ.get("SWIFT", "swift"), "build", "-c", "release", "--scratch-path", str(BUILD), "--product", "AloraFuzz", *flags],
                   cwd=ROOT, env=os.environ | {"ALORA_FUZZ": "1"}, check=True, stdout=sys.stderr)
    return BUILD / "release" / "AloraFuzz"


def prove(binary):
    """Whether the fuzzer finds the fault that is planted for it."""
    with tempfile.TemporaryDirectory(prefix="alora-fuzz-") as directory:
        environment = os.environ | {"ALORA_FUZZ_TARGET": "proof", "ALORA_FUZZ_DIRECTORY": directory, **QUIET}
        command = [str(binary), "-runs=3000000", f"-artifact_prefix={directory}/", "-max_len=64"]
        result = subprocess.run(command, env=environment, capture_output=True)
        found = [path.read_bytes() for path in pathlib.Path(directory).glob("crash-*")]
    return result.returncode != 0 and len(found) == 1 and found[0].startswith(b"alor")


def processor_seconds(process):
    """Of a running process, or one that has ended and was not waited for."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def finish(process, seconds, end):
    """Waits for the fuzzer and interrupts it when it has had its time of the processor; its usage."""
    interrupted = False
    while True:
        found, status, usage = os.wait4(process.pid, os.WNOHANG)
        if found:
            # libFuzzer's own code where it was interrupted.
            process.returncode = os.waitstatus_to_exitcode(status) if not interrupted or status != 72 << 8 else 0
            return usage
        if time.time() >= end or (seconds and processor_seconds(process) >= seconds):
            process.send_signal(signal.SIGINT)
            interrupted, end, seconds = True, time.time() + 60, 0
        time.sleep(0.2)


def starved(findings, before, command, environment):
    """Whether the only finding is an input over its time that takes less than that of the processor's: another's fault."""
    found = [path for path in findings.iterdir() if path.name not in before]
    if not found or not all(path.name.startswith("timeout-") for path in found):
        return False
    for path in found:
        again = subprocess.Popen([*command, str(path)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        usage = finish(again, 30, time.time() + 3600)
        if again.returncode != 0 or usage.ru_utime + usage.ru_stime >= SLOW_SECONDS:
            return False
        path.unlink()
    return True


def run(target, seconds, seed, merge, top, binary, end=math.inf):
    home = top / target
    corpus, given, findings = home / "corpus", home / "seeds", home / "findings"
    for directory in (corpus, findings):
        directory.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(given, ignore_errors=True)
    given.mkdir()
    limit, count = GREATEST.get(target, 16_000), 0
    for number, data in enumerate(seeds(target) + archived(target)):
        if len(data) <= limit:
            (given / str(number)).write_bytes(data)
            count += 1
    if not count:
        sys.exit(f"{target}: no seeds")
    quoted = ["".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\x{b:02x}" for b in word) for word in words(target)]
    (home / "words").write_text("".join(f'"{word}"\n' for word in quoted))
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="alora-fuzz-", dir=memory) as directory:
        options = [f"-max_len={limit}", f"-timeout={SLOW_SECONDS}", "-report_slow_units=3600", "-rss_limit_mb=1024", "-malloc_limit_mb=1024",
                   f"-seed={seed}", "-print_final_stats=1", f"-artifact_prefix={findings}/", f"-dict={home / 'words'}", "-detect_leaks=0"]
        command = [str(binary), *options, str(corpus), str(given)]
        if merge:
            smaller = home / "merged"
            shutil.rmtree(smaller, ignore_errors=True)
            smaller.mkdir()
            command = [command[0], "-set_cover_merge=1", *options, str(smaller), str(corpus), str(given)]
        start = time.monotonic()
        environment = os.environ | {"ALORA_FUZZ_TARGET": target, "ALORA_FUZZ_DIRECTORY": directory, "ALORA_FUZZ_DATA": str(DATA), **QUIET,
                                    "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=16"}
        before = {path.name for path in findings.iterdir()}
        with open(home / "log", "wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=log)
            usage = finish(process, 0 if merge else seconds, end)
        # Seconds of the clock go by where the machine does something else, too.
        ok = process.returncode == 0 or starved(findings, before, [str(binary), "-timeout=3600", "-detect_leaks=0"], environment)
    text = (home / "log").read_text("utf-8", "replace")
    found = re.search(r"stat::number_of_executed_units: (\d+)", text)
    coverage = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", text)
    peak = re.search(r"stat::peak_rss_mb: +(\d+)", text)
    slowest = re.search(r"stat::slowest_unit_time_sec: +(\d+)", text)
    # A machine's other work takes time from it: the processor's own seconds are what executions should be held against.
    total = {"target": target, "fuzzer": binary.name, "seconds": round(time.monotonic() - start), "cpu_seconds": round(usage.ru_utime + usage.ru_stime),
             "slowest_seconds": int(slowest[1]) if slowest else 0, "executions": int(found[1]) if found else 0,
             "edges": int(coverage[-1][0]) if coverage else 0, "corpus": int(coverage[-1][2]) if coverage else 0,
             "peak_mib": int(peak[1]) if peak else 0, "ok": ok}
    if not merge:
        with LOCK, open(top / "totals.jsonl", "a") as file:
            file.write(json.dumps(total) + "\n")
    print(f"{target}: {total['executions']} executions in {total['seconds']} s, {total['edges']} edges, "
          f"corpus {total['corpus']}, peak {total['peak_mib']} MiB" + ("" if total["ok"] else ", FAILED"), flush=True)
    if not total["ok"]:
        print("\n".join(text.splitlines()[-60:]), file=sys.stderr)
    return total["ok"]


def totals(top):
    """What has run so far, by target."""
    runs, path = {}, top / "totals.jsonl"
    for line in path.read_text().splitlines() if path.exists() else []:
        total = json.loads(line)
        runs.setdefault(total["target"], []).append(total)
    return runs


def run_until(end, targets, lanes, top, one):
    """Runs the targets in turns up to a time, so that each gets as much of the processor's time."""
    running, results = set(), []

    def next_target():
        with LOCK:
            runs = totals(top)
            free = [target for target in targets if target not in running]
            chosen = min(free, key=lambda target: sum(total["cpu_seconds"] for total in runs.get(target, [])))
            running.add(chosen)
        return chosen

    def lane():
        while time.time() < end:
            target = next_target()
            results.append(one(target, len(results), end))
            running.discard(target)

    threads = [threading.Thread(target=lane) for _ in range(min(lanes, len(targets)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def put_away(target, top):
    """Writes the committed corpus from the merged one."""
    inputs = sorted((path.read_bytes() for path in (top / target / "merged").iterdir()), key=lambda data: (len(data), data))
    low, high = 0, len(inputs)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if len(archive(inputs[:middle])) <= CORPUS_BYTES // len(TARGETS) else (low, middle - 1)
    (DATA / "fuzz").mkdir(exist_ok=True)
    data = archive(inputs[:low])
    (DATA / "fuzz" / f"{target}.gz").write_bytes(data)
    print(f"{target}: {low} of {len(inputs)} inputs, {len(data)} bytes")


def table(top):
    """The totals of all runs so far, as a table of the documentation."""
    runs = totals(top)
    print("| target | wall s | CPU s | executions | per CPU s | edges | peak MiB | slowest s | findings |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    whole = [0, 0, 0, 0]
    for target in [target for target in TARGETS if target in runs]:
        seconds, processor, executions = (sum(r[name] for r in runs[target]) for name in ("seconds", "cpu_seconds", "executions"))
        edges, peak, slowest = (max(r[name] for r in runs[target]) for name in ("edges", "peak_mib", "slowest_seconds"))
        failed = sum(not r["ok"] for r in runs[target])
        whole = [a + b for a, b in zip(whole, (seconds, processor, executions, failed))]
        limit = f"< {slowest + 1}"
        print(f"| {target} | {seconds} | {processor} | {executions} | {executions / max(processor, 1):.0f} | {edges} | {peak} | {limit} | {failed} |")
    print(f"| all | {whole[0]} | {whole[1]} | {whole[2]} | {whole[2] / max(whole[1], 1):.0f} | | | | {whole[3]} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", action="append", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60, help="of the processor's time, for each target")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--merge", action="store_true", help="only make the corpora smaller, into merged/")
    parser.add_argument("--archive", action="store_true", help="make the committed corpora anew")
    parser.add_argument("--binary", type=pathlib.Path, help="this fuzzer instead of one built now")
    parser.add_argument("--lanes", type=int, default=1, help="targets at once")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--until", help="HH:MM of today, UTC; instead of rounds")
    parser.add_argument("--home", type=pathlib.Path, default=ROOT / ".cache" / "fuzz", help="for corpora, findings and totals")
    parser.add_argument("--table", action="store_true", help="only add up what has run")
    options = parser.parse_args()
    top = options.home.resolve()
    if options.table:
        table(top)
        return 0
    binary = options.binary or build()
    if not prove(binary):
        print("the planted fault was not found", file=sys.stderr)
        return 1
    top.mkdir(parents=True, exist_ok=True)
    targets, merge = options.target or TARGETS, options.merge or options.archive

    def one(target, number, end=math.inf):
        return run(target, options.seconds, options.seed + number, merge, top, binary, end)

    if options.until:
        hour, minute = map(int, options.until.split(":"))
        end = time.time() // 86400 * 86400 + hour * 3600 + minute * 60
        results = run_until(end, targets, options.lanes, top, one)
    else:
        with concurrent.futures.ThreadPoolExecutor(options.lanes) as pool:
            runs = [pool.submit(one, target, number) for number in range(options.rounds) for target in targets]
            results = [future.result() for future in runs]
    if options.archive and all(results):
        for target in targets:
            put_away(target, top)
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
