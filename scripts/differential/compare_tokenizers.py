"""Compare `alora tokenize` with transformers 4 and 5 over generated tokenizer directories.

usage: compare_tokenizers.py --alora BINARY --python4 PYTHON --python5 PYTHON [--count N] [--seed S]

alora's tokens are to be those of transformers 4, and its `transformers_5` those of transformers 5. What transformers refuses
is counted, not compared. Exits with 1 where something differs.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alora", default=".build/debug/alora")
    parser.add_argument("--python4", required=True)
    parser.add_argument("--python5", required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script = str(HERE / "tokenizer_cases.py")
        subprocess.run([arguments.python5, script, "write", name, "--count", str(arguments.count), "--seed", str(arguments.seed)], check=True)
        answers = {}
        for version, python in (("4", arguments.python4), ("5", arguments.python5)):
            subprocess.run([python, script, "encode", name, f"{name}/answers{version}.json"], check=True,
                           stderr=subprocess.DEVNULL)
            answers[version] = json.loads((folder / f"answers{version}.json").read_text())
        print("transformers", answers["4"]["transformers"], "and", answers["5"]["transformers"])
        counts = {"compared": 0, "differs from 4": 0, "differs from 5": 0, "4 refuses": 0, "5 refuses": 0, "alora refuses": 0,
                  "versions differ": 0}
        for index, case in enumerate(json.loads((folder / "cases.json").read_text())):
            old, new = answers["4"]["answers"][index], answers["5"]["answers"][index]
            counts["4 refuses"] += "error" in old
            counts["5 refuses"] += "error" in new
            for number, text in enumerate(case["texts"]):
                if text == "":
                    continue
                run = subprocess.run([arguments.alora, "tokenize", "--model", str(folder / f"case{index}"), f"--text={text}", "--no-special",
                                      "--json", "-q"], capture_output=True, text=True)
                if run.returncode:
                    counts["alora refuses"] += 1
                    print("alora:", run.stderr.strip(), json.dumps(case["files"]))
                    break
                result = json.loads(run.stdout)
                ours = {"4": result["tokens"], "5": (result["transformers_5"] or result)["tokens"]}
                counts["compared"] += 1
                for version, answer in (("4", old), ("5", new)):
                    if "error" in answer or answer["ids"][number] == ours[version]:
                        continue
                    counts[f"differs from {version}"] += 1
                    print(f"\n{case['case']} {text!r}, transformers {version} ({answer['class']}): {answer['ids'][number]}\n"
                          f"  alora: {ours[version]}\n  {json.dumps(case['files'])}")
                if "error" not in old and "error" not in new and old["ids"][number] != new["ids"][number]:
                    counts["versions differ"] += 1
        print(counts)
        sys.exit(1 if counts["differs from 4"] or counts["differs from 5"] or counts["alora refuses"] else 0)


if __name__ == "__main__":
    main()
