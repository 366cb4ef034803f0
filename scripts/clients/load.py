#!/usr/bin/env python3
"""Many callers at once: mixed adapters, prompts of 100 to 8,000 tokens, and callers who go away. Python's standard library only.

    scripts/clients/load.py ALORA MODEL ADAPTER [--clients 64] [--seconds 60] [--longest 8000] [--requests 24]

The digest of each answer's logits is compared with that of the same request alone, on a server without a cache. Some callers wait
for a whole answer, some take a stream, some want JSON, and a fifth goes away. Prints the numbers of answers and of callers who went
away, and the largest memory. Exit code 1: an answer differs, memory grows beyond the limits, a request stays, or an error that nobody
asked for.
"""

import argparse
import collections
import http.client
import json
import pathlib
import random
import sys
import tempfile
import threading
import time

from server import metrics, serving, variant

CACHE_MEGABYTES = 1000
# Besides the cache and the texts being computed: buffers of a pass, connections, answers.
REST_MEGABYTES = 400
WORDS = " the house was on a small island where many people came to see how long it had been there and what they said".split(" ")[1:]


def requests(seed, longest, count):
    """Different requests, the first of about 100 tokens and the second of about `longest`."""
    chance = random.Random(seed)
    for number in range(count):
        length = {0: 100, 1: longest}.get(number) or int(100 * (longest / 100) ** chance.random())
        body = {
            "model": ["base", "check", "second", "plain"][number % 4], "temperature": number % 2, "seed": number, "max_tokens": 24,
            # A chat's frame takes about forty.
            "messages": [{"role": "user", "content": " ".join(chance.choice(WORDS) for _ in range(max(1, length - 40)))}],
        }
        if number % 3 == 1:
            body |= {"stream": True}
        if number % 5 == 2:
            body |= {"response_format": {"type": "json_object"}}
        if number % 5 == 3:
            body |= {"logprobs": True, "top_logprobs": 5}
        yield body


def last_event(text):
    """The last event of a complete stream; an event that is an error raises."""
    lines = [line.removeprefix("data: ") for line in text.split("\n") if line]
    assert lines[-1] == "[DONE]", text[-300:]
    events = [json.loads(line) for line in lines[:-1]]
    assert not any("error" in event for event in events), text[-300:]
    return events[-1]


def ask(port, body, patience=None):
    """The answer's digest and prompt length; None if the caller goes away after `patience` seconds; the status for an error."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=patience or 900)
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"X-Alora-Debug": "logits"})
        response = connection.getresponse()
        if patience and body.get("stream"):
            # Takes a part of the stream.
            response.read(200)
            return None
        text = response.read().decode()
        if response.status != 200:
            return response.status
        answer = last_event(text) if body.get("stream") else json.loads(text)
        return answer["alora"]["logits_digest"]
    except TimeoutError:
        return None
    finally:
        connection.close()


def memory(pid, what="VmHWM"):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().split("\n"):
        if line.startswith(what):
            return int(line.split()[1]) * 1024


def load(server, options, bodies, alone):
    """Calls until the time is over. The counts of outcomes, and what was wrong."""
    counts, wrong, lock = collections.Counter(), [], threading.Lock()
    end = time.monotonic() + options.seconds

    def call(number):
        chance = random.Random(number)
        while time.monotonic() < end:
            index = chance.randrange(len(bodies))
            patience = chance.uniform(0.05, 2) if chance.random() < 0.2 else None
            try:
                found = ask(server["port"], bodies[index], patience)
            except Exception as error:
                found = repr(error)
            with lock:
                counts["gone" if found is None else "answers" if found == alone[index] else str(found)] += 1
                if found is not None and found != alone[index]:
                    wrong.append((index, found))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(options.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counts, wrong


def idle(port):
    """What the server counts once it does nothing any more."""
    for _ in range(100):
        counted = metrics(port)
        if counted["requests_active"] == counted["requests_waiting"] == 0:
            break
        time.sleep(0.1)
    return counted


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ["alora", "model", "adapter"]:
        parser.add_argument(name)
    for name, value in [("clients", 64), ("seconds", 60), ("longest", 8000), ("requests", 24)]:
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    bodies = list(requests(1, options.longest, options.requests))
    with tempfile.TemporaryDirectory() as folder:
        adapters = {
            "check": options.adapter, "second": variant(options.adapter, folder + "/second", lora_alpha=20),
            "plain": variant(options.adapter, folder + "/plain", alora_invocation_tokens=None),
        }
        with serving(options.alora, options.model, adapters, "--alias", "base", "--cache-limit", "0") as server:
            alone = [ask(server["port"], body) for body in bodies]
            print(f"{len(alone)} answers alone", flush=True)
            lengths = metrics(server["port"])["prompt_tokens_total"]
        assert len({*alone}) == len(alone) and all(isinstance(digest, str) for digest in alone), alone
        limit = ["--cache-limit", str(CACHE_MEGABYTES), "--time-limit", "900"]
        with serving(options.alora, options.model, adapters, "--alias", "base", *limit) as server:
            before = memory(server["pid"])
            counts, wrong = load(server, options, bodies, alone)
            counted, peak = idle(server["port"]), memory(server["pid"])
    print(
        f"{options.clients} clients, {options.seconds} s, prompts of {lengths / len(bodies):.0f} tokens on average: {dict(counts)}; "
        f"{counted['prompt_tokens_total']:.0f} prompt tokens, {counted['prompt_tokens_cached_total']:.0f} of them cached; "
        f"{peak / 1e6:.0f} MB at most, {before / 1e6:.0f} MB at the start; {counted['requests_cancelled_total']:.0f} cancelled"
    )
    bound = before + (2 * CACHE_MEGABYTES + REST_MEGABYTES) * 10**6
    faults = [f"request {index}: {found}, alone {alone[index]}" for index, found in wrong[:5]]
    if peak > bound:
        faults.append(f"memory: more than {bound / 1e6:.0f} MB")
    if counted["requests_active"] or counted["requests_waiting"] or counted["requests_failed_total"]:
        faults.append(f"left over: {counted}")
    if not counts["answers"] or not counts["gone"]:
        faults.append("nothing compared, or nobody went away")
    print(*faults, sep="\n", end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
