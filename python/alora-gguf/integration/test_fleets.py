"""1,000 adapters on real local clusters whose workers are killed, and a store that speaks S3."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import alora_gguf
import pytest
from alora_gguf import library

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from fleet import LLAMA, CountingCommand, assert_same_bytes, bytes_below, make_library

BASE = LLAMA / "base"
COUNT = int(os.environ.get("FLEET_COUNT", "1000"))
BROKEN = 3


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_library(tmp_path_factory.mktemp("library") / "tree", COUNT, broken=BROKEN)


@pytest.fixture(scope="module")
def serial(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one thread makes of the library."""
    from concurrent.futures import ThreadPoolExecutor

    target = tmp_path_factory.mktemp("serial") / "out"
    start = time.monotonic()
    with ThreadPoolExecutor(1) as one:
        library.convert(tree, target, base=BASE, executor=one)
    print(f"serial: {(time.monotonic() - start) / COUNT * 1000:.1f} ms an adapter")
    return target


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CountingCommand:
    (tmp_path / "bin").mkdir()
    command = CountingCommand(tmp_path / "bin", alora_gguf.find_alora())
    monkeypatch.setenv("ALORA_BINARY", str(command.path))
    return command


class Killer:
    """Kills a worker each time that some more adapters are done."""

    def __init__(self, pids: Any, times: int) -> None:
        self.pids, self.times, self.killed = pids, times, []

    def __call__(self, done: int, count: int, entry: library.Entry) -> None:
        if len(self.killed) < self.times and done >= (len(self.killed) + 1) * count // (self.times + 2):
            alive = [pid for pid in self.pids() if pid not in self.killed]
            if alive:
                assert alive[0] > 1, "that would be a group of processes"
                os.kill(alive[0], signal.SIGKILL)
                self.killed.append(alive[0])


def check(
    manifest: library.Manifest, target: Path, serial: Path, counted: CountingCommand, killer: Killer, tasks_per_worker: int
) -> None:
    """The bytes of the serial run, and nothing converted twice but what was on its way when its worker was killed."""
    assert len(killer.killed) == killer.times
    assert len(manifest.failed) == BROKEN
    assert_same_bytes(serial, target)
    begun = counted.conversions()
    assert len(begun) == COUNT
    twice = [name for name, times in begun.items() if times > 1]
    assert len(twice) <= len(killer.killed) * tasks_per_worker, twice


def test_dask_with_workers_killed_gives_the_bytes_of_a_serial_run(
    tree: Path, serial: Path, counted: CountingCommand, tmp_path: Path
) -> None:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=3, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        killer = Killer(lambda: [nanny.pid for nanny in cluster.workers.values() if nanny.pid], 4)
        manifest = library.convert(tree, tmp_path / "out", base=BASE, executor=client, progress=killer)
    check(manifest, tmp_path / "out", serial, counted, killer, tasks_per_worker=1)


def test_ray_with_workers_killed_gives_the_bytes_of_a_serial_run(
    tree: Path, serial: Path, counted: CountingCommand, tmp_path: Path
) -> None:
    import ray

    tests = str(Path(__file__).resolve().parents[1] / "src")
    environment = {"ALORA_BINARY": str(counted.path), "PYTHONPATH": tests}
    ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": environment})
    try:

        def pids() -> list[int]:
            listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
            workers = [line.split(None, 1) for line in listed.splitlines() if "ray::perform" in line]
            return [int(pid) for pid, _ in workers if _is_ours(int(pid))]

        killer = Killer(pids, 4)
        manifest = library.convert(
            tree, tmp_path / "out", base=BASE, executor=library.RayExecutor(), window=64, progress=killer
        )
    finally:
        ray.shutdown()
    check(manifest, tmp_path / "out", serial, counted, killer, tasks_per_worker=1)


def _is_ours(pid: int) -> bool:
    """Whether a process was started, in the end, by this one: only those may be killed."""
    while pid > 1:
        if pid == os.getpid():
            return True
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False


@pytest.fixture
def store() -> Iterator[dict[str, Any]]:
    """A server on this machine that speaks S3."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    options = {"key": "test", "secret": "test", "endpoint_url": url, "client_kwargs": {"region_name": "eu-west-1"}}
    try:
        import s3fs

        for _ in range(100):
            try:
                s3fs.S3FileSystem(**options, skip_instance_cache=True).mkdir("models")
                break
            except Exception:
                time.sleep(0.1)
        yield options
    finally:
        server.terminate()
        server.wait()


def test_a_library_in_a_store_gives_the_bytes_of_a_local_one(
    store: dict[str, Any], tmp_path: Path, counted: CountingCommand
) -> None:
    import s3fs
    from distributed import Client, LocalCluster

    tree = make_library(tmp_path / "tree", 60, broken=1)
    filesystem = s3fs.S3FileSystem(**store)
    filesystem.put(str(tree), "models/tree", recursive=True)
    filesystem.put(str(BASE), "models/base", recursive=True)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        killer = Killer(lambda: [nanny.pid for nanny in cluster.workers.values() if nanny.pid], 1)
        options: dict[str, Any] = {"base": "s3://models/base", "executor": client, "storage_options": store}
        manifest = library.convert("s3://models/tree", "s3://models/out", progress=killer, **options)
        assert len(manifest.failed) == 1
        assert len(killer.killed) == 1
        begun = counted.conversions().total()
        assert 60 <= begun <= 61
        assert library.convert("s3://models/tree", "s3://models/out", **options) == manifest
        assert counted.conversions().total() == begun + 1, "more than the failed one was tried again"
        proven = library.verify(
            "s3://models/tree", "s3://models/out", model="s3://models/base", executor=client, storage_options=store
        )
        assert [entry.status for entry in proven.failed] == ["failed"]
    library.convert(tree, tmp_path / "local", base=BASE)
    filesystem.invalidate_cache()
    filesystem.get("models/out", str(tmp_path / "got"), recursive=True)
    local, got = (bytes_below(tmp_path / name) for name in ("local", "got"))
    assert got.keys() == local.keys() | {"verification.json"}
    # The keys in the manifests are of local files, and of objects.
    assert [name for name in local if name != "manifest.json" and local[name] != got[name]] == []


def test_an_interrupted_run_goes_on_with_another_executor(
    tree: Path, serial: Path, counted: CountingCommand, tmp_path: Path
) -> None:
    from distributed import Client, LocalCluster

    class StopError(Exception): ...

    stopped = threading.Event()

    def stop(done: int, count: int, _: library.Entry) -> None:
        if done > count // 3:
            stopped.set()
            raise StopError

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
        pytest.raises(StopError),
    ):
        library.convert(tree, tmp_path / "out", base=BASE, executor=client, window=100, progress=stop)
    assert stopped.is_set()
    library.convert(tree, tmp_path / "out", base=BASE)
    assert_same_bytes(serial, tmp_path / "out")
    twice = [name for name, times in counted.conversions().items() if times > 1]
    # A failed adapter is tried again; what was on its way at the end may have been cut off.
    assert len(twice) <= 2 + BROKEN, twice
