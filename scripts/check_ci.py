#!/usr/bin/env python3
"""Runs what action.yml and docs/examples/gitlab-ci.yml say, as a runner would, on a tiny model.

    check_ci.py ALORA [DIST]

The action's steps run in order, with GitHub's files and variables and the expressions that action.yml uses; `actions/cache/restore` is
played by its answer, `actions/cache/save` only counted. Nothing here is a mock of alora. With DIST, a directory with the
wheel alora-gguf, the wheel is installed and proves, too. Needs PyYAML and xmlschema.
"""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import xmlschema
import yaml

ROOT = Path(__file__).resolve().parent.parent
FIXTURE = ROOT / "testdata/inference/llama"
# A Makefile whose build is a copy.
STUB = "build:\n\techo built >> built.log\n\tmkdir -p .build/release\n\tcp '{}' .build/release/alora\n"
EXPRESSION = re.compile(r"\$\{\{\s*([a-z.0-9_-]+)\s*\}\}")


class Runner:
    """One job: the files and variables that GitHub gives to the steps of a composite action."""

    def __init__(self, directory, action_path=ROOT, cache_hit=False, path=None):
        self.directory, self.action_path, self.cache_hit = Path(directory), action_path, cache_hit
        self.workspace = self.directory / "workspace"
        for name in ("workspace", "temp", "home"):
            (self.directory / name).mkdir(exist_ok=True)
        self.path = path or os.environ["PATH"]
        self.values, self.log, self.steps_run = {}, "", []
        self.summary = self.directory / "summary.md"

    def run(self, action, inputs):
        """The exit code of the first step that fails, or 0."""
        unknown = set(inputs) - set(action["inputs"])
        assert not unknown, f"no such input: {unknown}"
        self.values = {"runner.os": "Linux", "runner.arch": "X64"}
        self.values |= {f"inputs.{k}": inputs.get(k, v.get("default", "")) for k, v in action["inputs"].items()}
        for step in action["runs"]["steps"]:
            if "if" in step and not self.condition(step["if"]):
                continue
            self.steps_run.append(step["id"])
            if "uses" in step:
                if step["uses"].startswith("actions/cache/restore@"):
                    self.values[f"steps.{step['id']}.outputs.cache-hit"] = "true" if self.cache_hit else ""
                continue
            status = self.step(step)
            if status != 0:
                return status
        return 0

    def expand(self, text):
        return EXPRESSION.sub(lambda match: self.values.get(match[1], ""), text)

    def condition(self, text):
        holds = True
        for part in text.split(" && "):
            match = re.fullmatch(r"([a-z.-]+) == '([^']*)'", part)
            assert match, f"this check does not know the condition {text}"
            holds = holds and self.values.get(match[1], "") == match[2]
        return holds

    def step(self, step):
        script, output, path = (self.directory / name for name in ("step.sh", "output.txt", "path.txt"))
        script.write_text(step["run"])
        output.write_text("")
        path.write_text("")
        environment = {
            "PATH": self.path, "HOME": str(self.directory / "home"), "CI": "true", "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(self.action_path), "GITHUB_OUTPUT": str(output), "GITHUB_PATH": str(path),
            "GITHUB_STEP_SUMMARY": str(self.summary), "RUNNER_TEMP": str(self.directory / "temp"),
        } | {name: self.expand(text) for name, text in step.get("env", {}).items()}
        # As GitHub calls bash where a step says `shell: bash`.
        result = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)], cwd=self.workspace, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.log += result.stdout
        for line in output.read_text().splitlines():
            name, _, value = line.partition("=")
            self.values[f"steps.{step['id']}.outputs.{name}"] = value
        for line in path.read_text().splitlines():
            self.path = line + ":" + self.path
        return result.returncode

    def outputs(self, action):
        return {name: self.expand(output["value"]) for name, output in action["outputs"].items()}


def check_form(action):
    """What GitHub refuses, and what would let an input be run as a script."""
    assert action["runs"]["using"] == "composite" and len(action["description"]) <= 125, "description"
    identifiers = [step["id"] for step in action["runs"]["steps"]]
    assert len(set(identifiers)) == len(identifiers)
    text = yaml.dump(action["runs"])
    for name, value in action["inputs"].items():
        assert value.get("description") and f"inputs.{name}" in text, f"input {name} is not described or not used"
        assert value.get("required") or "default" in value, f"input {name} is neither required nor has a default"
    restore, save = (step for step in action["runs"]["steps"] if "uses" in step)
    assert restore["uses"].replace("restore", "save") == save["uses"] and restore["with"] == save["with"], "cache"
    for step in action["runs"]["steps"]:
        if "run" in step:
            assert step["shell"] == "bash" and "${{" not in step["run"], f"step {step['id']}"
    for expression in EXPRESSION.findall(text + yaml.dump(action["outputs"])):
        scope = expression.split(".")
        known = scope[0] in ("inputs", "runner") or (scope[0] == "steps" and scope[1] in identifiers)
        assert known, f"unknown expression {expression}"


def check_action(action, alora, directory):
    inputs = {"model": str(FIXTURE / "base"), "adapter": str(FIXTURE / "adapter"), "binary": alora}
    golden = str(FIXTURE / "golden.npz")
    count = 0

    def job(status, changes, **options):
        nonlocal count
        count += 1
        (directory / f"job-{count}").mkdir()
        runner = Runner(directory / f"job-{count}", **options)
        found = runner.run(action, inputs | changes)
        assert found == status, f"{changes}: exit code {found}, expected {status}\n{runner.log}"
        return runner

    good = job(0, {"golden": golden, "reports": "junit=alora.xml\n\njson=r e p.json\n", "args": "--threads\n1\n"})
    assert good.outputs(action) == {"exit-code": "0", "passed": "true"}, good.outputs(action)
    assert good.summary.read_text().startswith("### ✅ alora verify")
    assert json.loads((good.workspace / "r e p.json").read_text())["passed"] is True
    assert check_junit(good.workspace / "alora.xml") >= 5 and good.steps_run == ["prepare", "install", "verify"]

    bad = job(1, {"golden": golden, "tolerance": "1e-12", "reports": "junit=alora.xml"})
    check_junit(bad.workspace / "alora.xml")
    assert bad.outputs(action) == {"exit-code": "1", "passed": "false"} and "::error title=alora verify%3A" in bad.log
    assert bad.summary.read_text().startswith("### ❌ alora verify")

    # A baseline that is not there is no success, and one that is there is compared with.
    baseline = {"baseline": "bits.json", "reports": "junit=alora.xml"}
    assert "it doesn't exist" in job(4, baseline).log
    recorded = job(0, baseline | {"args": "--accept"})
    assert "::warning title=alora verify%3A baseline::" in recorded.log and check_junit(recorded.workspace / "alora.xml") >= 6
    held = job(0, baseline | {"baseline": str(recorded.workspace / "bits.json")})
    assert "::warning" not in held.log and "✓ baseline" in held.log
    assert "✗ baseline" in job(1, baseline | {"baseline": str(recorded.workspace / "bits.json"), "golden": golden}).log

    # Inputs are text, whatever they hold.
    for text in ("$(touch ran)", "`touch ran`", "'; touch ran; '", "-h", "a\n--help"):
        hostile = job(4, {"adapter": text})
        assert not (hostile.workspace / "ran").exists() and "::error title=alora verify::" in hostile.log
    assert job(2, {"args": "--no-such-flag"}).outputs(action) == {"exit-code": "2", "passed": "false"}

    # A binary from elsewhere is the one that was meant.
    digest = hashlib.sha256(Path(alora).read_bytes()).hexdigest()
    job(0, {"binary-sha256": digest})
    wrong = job(3, {"binary-sha256": "0" * 64})
    assert digest in wrong.log and "verify" not in wrong.steps_run
    job(2, {"binary": "https://example.com/alora"})

    # From sources: what `make build` leaves is taken, and not built again when the cache has it.
    sources = directory / "action"
    for name in ("Sources", "scripts"):
        shutil.copytree(ROOT / name, sources / name)
    for name in ("Package.swift", "action.yml"):
        shutil.copy(ROOT / name, sources / name)
    (sources / "Makefile").write_text(STUB.format(alora))
    first = job(0, {"binary": ""}, action_path=sources)
    assert first.steps_run == ["prepare", "cache", "install", "save", "verify"] and (sources / "built.log").exists()
    (sources / "built.log").unlink()
    key = first.values["steps.prepare.outputs.key"]
    again = Runner(directory / f"job-{count}", action_path=sources, cache_hit=True)
    assert again.run(action, inputs | {"binary": ""}) == 0 and not (sources / "built.log").exists(), again.log
    assert "save" not in again.steps_run
    assert again.values["steps.prepare.outputs.key"] == key
    with open(sources / "Package.swift", "a") as package:
        package.write("// changed\n")
    changed = job(0, {"binary": ""}, action_path=sources)
    assert changed.values["steps.prepare.outputs.key"] != key, "other sources, the same key"
    (sources / "Package.resolved").write_text("{}\n")
    pinned = job(0, {"binary": ""}, action_path=sources)
    assert pinned.values["steps.prepare.outputs.key"] != changed.values["steps.prepare.outputs.key"], "other dependencies"
    # What was built is kept also where the adapter fails.
    assert "save" in job(1, {"binary": "", "golden": golden, "tolerance": "1e-12"}, action_path=sources).steps_run
    return count + 1


def check_wheel(action, wheel, directory):
    """The action with a wheel, where nothing is but Python and what every runner has: no Swift and no compiler."""
    tools = directory / "tools"
    tools.mkdir()
    for name in ("bash", "cat", "chmod", "cp", "cut", "env", "find", "ln", "mkdir", "rm", "sha256sum", "sort", "tr", "xargs"):
        (tools / name).symlink_to(shutil.which(name))
    # Itself, and not a virtual environment's.
    (tools / "python3").symlink_to(Path(sys.executable).resolve())
    # Plays the network: an address ends with the file's name.
    (tools / "curl").write_text(f'#!{shutil.which("bash")}\nwhile [ $# -gt 1 ]; do [ "$1" != --output ] || cp "{wheel}" "$2"; shift; done\n')
    (tools / "curl").chmod(0o755)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    inputs = {"model": str(FIXTURE / "base"), "adapter": str(FIXTURE / "adapter"), "golden": str(FIXTURE / "golden.npz")}
    address = f"https://example.com/releases/{wheel.name}?download=1"
    count, seconds = 0, 0

    def job(status, changes):
        nonlocal count, seconds
        count += 1
        (directory / f"wheel-{count}").mkdir()
        runner = Runner(directory / f"wheel-{count}", path=str(tools))
        start = time.monotonic()
        found = runner.run(action, inputs | changes)
        seconds = time.monotonic() - start
        assert found == status, f"{changes}: exit code {found}, expected {status}\n{runner.log}"
        return runner

    good = job(0, {"wheel": str(wheel)})
    print(f"action.yml with a wheel: proven {seconds:.1f} s after its start, without a compiler")
    assert good.steps_run == ["prepare", "install", "verify"] and "✓ after-activation" in good.log
    assert good.outputs(action) == {"exit-code": "0", "passed": "true"}
    job(0, {"wheel": str(wheel), "wheel-sha256": digest})
    job(0, {"wheel": address, "wheel-sha256": digest})
    assert job(1, {"wheel": str(wheel), "tolerance": "1e-12"}).outputs(action)["passed"] == "false"
    assert "has to say what is expected" in job(2, {"wheel": address}).log
    for form in (address, str(wheel)):
        wrong = job(3, {"wheel": form, "wheel-sha256": "0" * 64})
        assert digest in wrong.log and "verify" not in wrong.steps_run
    assert "not both" in job(2, {"wheel": str(wheel), "binary": "alora"}).log
    for text in ("--index-url=https://example.com/", "$(touch ran)", "a b", "git+https://example.com/x", "alora-gguf>=0"):
        hostile = job(2, {"wheel": text})
        assert not (hostile.workspace / "ran").exists() and "or a requirement such as" in hostile.log
    return count


def check_workflow(path):
    """A workflow for a release, which can't run here: its form, and the syntax of its scripts."""
    document = yaml.safe_load(path.read_text())
    jobs, scripts = document["jobs"], 0
    for name, job in jobs.items():
        needs = job.get("needs", [])
        assert all(other in jobs for other in ([needs] if isinstance(needs, str) else needs)), f"job {name} needs what is not there"
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step), f"job {name}: a step is one of run and uses"
            if "run" in step:
                assert "${{" not in step["run"], f"job {name}: an expression in a script is run as text"
                subprocess.run(["bash", "-n"], input=step["run"], text=True, check=True)
                scripts += 1
    return scripts


def check_gitlab_wheel(path, wheel, directory):
    """The script of the GitLab example that installs a wheel, after its preparation."""
    document = yaml.safe_load(path.read_text())
    job = document["verify-adapter"]
    work = directory / "gitlab-wheel"
    work.mkdir()
    variables = {k: str(v) for k, v in document["variables"].items()}
    variables |= {"ALORA_MODEL": str(FIXTURE / "base"), "ALORA_ADAPTER": str(FIXTURE / "adapter")}
    variables |= {"ALORA_GOLDEN": str(FIXTURE / "golden.npz"), "ALORA_WHEEL": str(wheel)}
    lines = "\n".join(job["before_script"] + job["script"])
    environment = {"PATH": os.environ["PATH"], "HOME": str(work)} | variables

    def run(changes):
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail"], input=lines, text=True, cwd=work, env=environment | changes,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    result = run({"ALORA_WHEEL_SHA256": hashlib.sha256(wheel.read_bytes()).hexdigest()})
    assert result.returncode == 0, result.stdout
    assert run({"ALORA_WHEEL_SHA256": "0" * 64}).returncode != 0
    return check_junit(work / job["artifacts"]["reports"]["junit"])


def check_gitlab(path, alora, directory):
    document = yaml.safe_load(path.read_text())
    job = document["verify-adapter"]
    assert set(document) == {"variables", "verify-adapter"}
    assert set(job) <= {"image", "cache", "before_script", "script", "artifacts"}
    assert all(isinstance(line, str) for line in job["before_script"] + job["script"])
    subprocess.run(["bash", "-n"], input="\n".join(job["before_script"]), text=True, check=True)
    # A repository that "builds" in no time, and an apt-get that is only counted.
    sources, binaries, work = directory / "repository", directory / "bin", directory / "gitlab"
    for path in (sources, binaries, work):
        path.mkdir()
    (sources / "Makefile").write_text(STUB.format(alora))
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "a"]):
        subprocess.run(["git", *words], cwd=sources, check=True)
    (binaries / "apt-get").write_text(f"#!/bin/sh\necho $* >>'{directory}/apt.log'\n")
    (binaries / "apt-get").chmod(0o755)
    variables = {k: str(v) for k, v in document["variables"].items()}
    variables |= {"ALORA_MODEL": str(FIXTURE / "base"), "ALORA_ADAPTER": str(FIXTURE / "adapter")}
    variables |= {"ALORA_GOLDEN": str(FIXTURE / "golden.npz")}

    def run(more, check=True):
        """As GitLab's runner does: one shell, which ends at the first command that fails."""
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail"], input="\n".join(job["before_script"] + job["script"]), text=True, check=check, cwd=work,
            env={"PATH": f"{binaries}:{os.environ['PATH']}"} | variables | more, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    refusal = run({}, check=False)
    assert refusal.returncode != 0 and "ALORA_REPOSITORY" in refusal.stderr, refusal.stderr
    run({"ALORA_REPOSITORY": str(sources), "ALORA_REF": "HEAD"})
    assert (directory / "apt.log").read_text().startswith("update")
    # The next job finds the cached path only, and installs nothing.
    (directory / "apt.log").unlink()
    shutil.rmtree(work / ".alora/source")
    assert job["cache"]["paths"] == [".alora/bin/"] and "$ALORA_REF" in job["cache"]["key"]
    run({"ALORA_REPOSITORY": str(sources), "ALORA_REF": "HEAD"})
    assert not (directory / "apt.log").exists() and not (work / ".alora/source").exists(), "the cached binary was not taken"
    kept = job["artifacts"]["paths"] + [job["artifacts"]["reports"]["junit"]]
    assert job["artifacts"]["when"] == "always" and all((work / name).stat().st_size > 0 for name in kept), kept
    return check_junit(work / kept[-1])


def check_junit(path):
    """The number of test cases in a file that conforms to our schema, which says more than Jenkins' does."""
    xmlschema.XMLSchema(ROOT / "schemas/verify-junit.xsd").validate(path)
    return len(list(ElementTree.parse(path).iter("testcase")))


def main():
    alora = str(Path(sys.argv[1]).resolve())
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    check_form(action)
    released = set(re.findall(r"^## \[?(\d[\d.]*)", (ROOT / "CHANGELOG.md").read_text(), re.M)) if (ROOT / "CHANGELOG.md").exists() else set()
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("docs/examples/*")]:
        for version in re.findall(r"alora@v(\d[\w.]*)", path.read_text()):
            assert version in released, f"{path.name}: the version {version} was never released"
    with tempfile.TemporaryDirectory() as directory:
        jobs = check_action(action, alora, Path(directory))
        cases = check_gitlab(ROOT / "docs/examples/gitlab-ci.yml", alora, Path(directory))
        scripts = check_workflow(ROOT / ".github/workflows/release.yml")
        if len(sys.argv) > 2:
            [wheel] = Path(sys.argv[2]).resolve().glob("alora_gguf-*.whl")
            jobs += check_wheel(action, wheel, Path(directory))
            cases += check_gitlab_wheel(ROOT / "docs/examples/gitlab-ci-wheel.yml", wheel, Path(directory))
    print(f"release.yml: {scripts} scripts have the form of scripts; the workflow itself can't run here")
    print(f"action.yml: {jobs} jobs ended as they should; gitlab-ci.yml: its script ran, {cases} test cases")


if __name__ == "__main__":
    main()
