#!/usr/bin/env python3
"""Many callers at once: mixed adapters, prompts of different lengths, and callers who go away. Python's standard library only.

    scripts/clients/load.py ALORA MODEL ADAPTER [--clients 64] [--seconds 60] [--longest 2000]

The digest of each answer's logits is compared with that of the same request alone, on a server of its own. Prints the numbers of
answers and of callers who went away, and the largest memory. Exit code 1: an answer differs, or an error that nobody asked for.
"""

import argparse
import collections
import http.client
import json
import pathlib
import random
import sys
import threading
import time

from server import serving


def requests(seed, longest):
    """Thirty different requests."""
    chance = random.Random(seed)
    words = "the lighthouse keeper paints white metres high island storm who where when".split()
    for number in range(30):
        text = " ".join(chance.choice(words) for _ in range(chance.choice([10, 50, 200, longest])))
        yield {
            "model": ["base", "check", "second"][number % 3], "temperature": number % 2, "seed": number, "max_tokens": 24,
            "messages": [{"role": "user", "content": text}],
        }


def ask(port, body, patience=None):
    """The digest of an answer; None if the caller goes away after `patience` seconds; the status for an error."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=patience or 600)
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"X-Alora-Debug": "logits"})
        response = connection.getresponse()
        answer = json.loads(response.read())
        return answer["alora"]["logits_digest"] if response.status == 200 else response.status
    except TimeoutError:
        return None
    finally:
        connection.close()


def memory(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().split("\n"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ["alora", "model", "adapter"]:
        parser.add_argument(name)
    for name, value in [("clients", 64), ("seconds", 60), ("longest", 2000)]:
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    adapters = {"check": options.adapter, "second": options.adapter}
    bodies = list(requests(1, options.longest))
    with serving(options.alora, options.model, adapters, "--cache-limit", "0") as server:
        alone = [ask(server["port"], body) for body in bodies]
    counts, wrong, lock = collections.Counter(), [], threading.Lock()
    with serving(options.alora, options.model, adapters, "--cache-limit", "1000") as server:
        end = time.monotonic() + options.seconds

        def call(number):
            chance = random.Random(number)
            while time.monotonic() < end:
                index = chance.randrange(len(bodies))
                patience = chance.uniform(0.05, 2) if chance.random() < 0.2 else None
                found = ask(server["port"], bodies[index], patience)
                with lock:
                    counts["gone" if found is None else "answers" if isinstance(found, str) else str(found)] += 1
                    if found is not None and found != alone[index]:
                        wrong.append((index, found))

        threads = [threading.Thread(target=call, args=(number,)) for number in range(options.clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        peak = memory(server["pid"])
    print(f"{options.clients} clients, {options.seconds} s: {dict(counts)}; {len(wrong)} wrong; {peak / 1e6:.0f} MB at most")
    return 1 if wrong or not counts["answers"] else 0


if __name__ == "__main__":
    sys.exit(main())
