"""The table that `make conformance` writes."""

import dataclasses
import datetime
import platform

CACHE_CHECKS = {
    "base-adapter": "base, adapter",
    "adapter-base": "adapter, base",
    "other-adapter": "another, adapter",
    "other-adapter-2": "a second, adapter",
    "other-adapter-3": "a third, adapter",
    "adapter-twice": "adapter twice",
    "adapter-further-on": "adapter, later again",
    "base-adapter-at-start": "base, at index 0",
}


@dataclasses.dataclass
class Result:
    title: str
    origin: str
    reports: dict
    # The engine's words, if it doesn't load an Activated LoRA.
    refusal: str | None = None
    # If the server doesn't report it.
    version: str | None = None


def checks_of(report):
    return {check["check"]: check for check in report["checks"]}


def fault(check):
    """What the answers of a check that didn't pass fit."""
    if check["conclusion"] == "other":
        return check["compatible"][0]["text"]
    words = {
        "unexplained": "unexplained",
        "ambiguous": "undecided",
        "other-base": "another base",
        "differs-from-fresh": "keys and values of the other adapter kept",
    }
    return words.get(check["conclusion"], check["detail"])


def cell(check, right):
    if check is None:
        return "–"
    if check["outcome"] == "skipped":
        return "not asked"
    if check["conclusion"] == "refused":
        return "refused"
    return right if check["outcome"] == "passed" else f"**{fault(check)}**"


def first_token(checks):
    check = checks["middle"]
    shown = cell(check, "the invocation's first")
    return shown.replace("activation one token", "one token").replace("activation two tokens", "two tokens")


def scaling(checks):
    check = checks.get("scaling")
    return "–" if not check or not check["scaling"] else f"× {check['scaling']['value']:.2f}"


def last_match(checks):
    """Both ways to get it wrong: the invocation twice, and one that is followed by its own last token."""
    twice, repeated = checks.get("twice"), checks.get("own-last-token")
    if twice is None:
        return "–"
    parts = [] if twice["outcome"] == "passed" or fault(twice) == fault(checks["middle"]) else [f"twice: **{fault(twice)}**"]
    if repeated["outcome"] != "passed" and fault(repeated) != fault(checks["middle"]):
        parts.append(f"before its own last token: **{fault(repeated)}**")
    return "; ".join(parts) or ("found" if twice["outcome"] == "passed" else "found, with the same fault")


def cache(checks):
    """The orders with a fault that isn't there without a cache."""
    asked = [name for name in CACHE_CHECKS if name in checks and checks[name]["outcome"] != "skipped"]
    wrong = [name for name in asked if checks[name]["outcome"] != "passed" and "same-without-cache" not in checks[name]["notes"]]
    own = {"adapter-further-on": "twice", "base-adapter-at-start": "at-start"}
    wrong = [name for name in wrong if checks[name]["conclusion"] != "other" or fault(checks[name]) != fault(checks[own.get(name, "middle")])]
    unused = [name for name in asked if "nothing-reused" in checks[name]["notes"]]
    if not wrong:
        return f"all {len(asked)} right" + (f"; {'all' if len(unused) == len(asked) else len(unused)} reused nothing" if unused else "")
    return f"{len(asked) - len(wrong)} of {len(asked)}; wrong: " + "; ".join(f"{CACHE_CHECKS[name]}: **{fault(checks[name])}**" for name in wrong)


def engine(result):
    server = next(iter(result.reports.values()))["server"]
    return f"{result.title} {result.version or server['build'] or ''}".strip()


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def summary(report):
    checks = checks_of(report)
    return f"{cell(checks['middle'], 'as PEFT')}; scaling {scaling(checks)}; cache: {cache(checks)}; noise {report['noise']:.4f}"


def text(results, missing):
    activated, plain = [], []
    for result in results:
        if "answerability" not in result.reports:
            activated.append([engine(result), "not loaded: " + result.refusal.replace("|", "/"), *["–"] * 6])
        else:
            checks = checks_of(result.reports["answerability"])
            activated.append([engine(result), first_token(checks), scaling(checks), last_match(checks), cell(checks.get("at-start"), "right"), cache(checks),
                              cell(checks.get("none"), "base"), f"{result.reports['answerability']['noise']:.4f}"])
        checks = checks_of(result.reports["plain"])
        plain.append([engine(result), cell(checks["base"], "right"), cell(checks["middle"], "from the first token"), scaling(checks), cache(checks)])
    origins = [f"- {engine(result)}: {result.origin}" for result in results]
    today = datetime.date.today().isoformat()
    return f"""# What engines do with an Activated LoRA

`make conformance` starts each engine, asks it with [`alora verify --server`](engines.md) and writes this page. This one is of {today}, on
{platform.system()} {platform.machine()} without a GPU. The model is SmolLM2-135M-Instruct, the adapter that of `testdata/adapters/answerability`. Two more are
loaded: an Activated LoRA with another invocation and the opposite weights, and the first one's weights as an ordinary LoRA. All
answers are compared with the exact engine's. Deviations from PEFT are bold.

## An Activated LoRA

{table(["engine", "first adapted token", "scaling", "last match", "invocation at index 0", "orders of requests on one cache", "invocation not found", "noise (nats)"], activated)}

- *First adapted token*: PEFT adapts from the first token of the invocation's last occurrence.
- *Scaling*: the factor of the adapter's scaling that fits best.
- *Last match*: the invocation occurs twice, or its last token follows it.
- *Orders of requests*: base and adapter, another adapter and this one, and so on. A fault that the check without a cache has, too, is not repeated.
  An order that *reused nothing* had no cached tokens, by the engine's count: it shows no fault of the cache, and could not.
- *Invocation not found*: PEFT answers as the base. A server may refuse the request instead.
- *Noise*: how far the engine's base answers are from the exact ones. llama.cpp rounds activations to 8 bits.

## An ordinary LoRA

{table(["engine", "base", "adapted", "scaling", "orders of requests on one cache"], plain)}

## Where the engines are from

{chr(10).join(origins)}

## Not run

{chr(10).join(f"- {title}: {reason}" for title, reason in missing) or "Nothing."}
"""
