"""Answers of `alora run --schema`, judged by Python's jsonschema: every whole answer has to be JSON that fits its schema.

    compare_schemas.py --alora .build/debug/alora --model M.gguf [--count 60] [--seed 1]

Needs jsonschema. Numbers are read as decimals, as JSON has them. An answer that the limit of tokens cut short is counted apart.
"""
import argparse
import decimal
import json
import random
import subprocess
import sys

import jsonschema

from schema_cases import WRITTEN, generated


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--alora", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=int, default=120)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    schemas = WRITTEN + [generated(chance) for _ in range(options.count)]
    chance.shuffle(schemas)
    whole = cut = refused = wrong = 0
    for schema in schemas[: options.count]:
        given = schema if isinstance(schema, dict) else {"allOf": [schema]}
        given = json.dumps(given)
        run = subprocess.run(
            [options.alora, "run", "--json", "--model", options.model, "--chat", "--prompt", "Make up an example in JSON. Be brief.", "--schema", given,
             "--temperature", str(chance.choice([0.3, 0.8, 1.5])), "--seed", str(chance.randrange(10**6)), "-n", str(options.limit)],
            capture_output=True, text=True)
        if run.returncode == 3:
            refused += 1
            print("refused:", run.stderr.strip()[:160], given[:200])
            continue
        if run.returncode:
            sys.exit(f"exit {run.returncode}: {run.stderr}")
        answer = json.loads(run.stdout)["turns"][0]
        if answer["end"] == "limit":
            cut += 1
            continue
        try:
            value = json.loads(answer["text"], parse_float=decimal.Decimal)
            # Not FormatChecker(): that has draft 3's times, without a zone.
            draft = jsonschema.Draft202012Validator
            draft(schema, format_checker=draft.FORMAT_CHECKER).validate(value)
            whole += 1
        except (ValueError, jsonschema.ValidationError) as error:
            wrong += 1
            print("wrong:", given, answer["text"], str(error).splitlines()[0], flush=True)
    print(f"{whole} whole answers that fit, {wrong} that don't, {cut} cut short, {refused} schemas refused")
    sys.exit(1 if wrong or not whole else 0)


if __name__ == "__main__":
    main()
