"""Libraries on threads, processes and executors that break: every adapter once, and the bytes of a serial run."""

import hashlib
import os
import shutil
import threading
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import alora_gguf
import numpy
import pytest
from alora_gguf import library
from alora_gguf.library import storage
from fleet import LLAMA, CountingCommand, assert_same_bytes, bytes_below, entries_of, make_library

BASE = LLAMA / "base"


class Serial(Executor):
    """Does each task when it is sent."""

    def submit(self, function: Any, /, *arguments: Any, **keywords: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments, **keywords))
        except Exception as error:
            future.set_exception(error)
        return future


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CountingCommand:
    (tmp_path / "bin").mkdir()
    command = CountingCommand(tmp_path / "bin", alora_gguf.find_alora())
    monkeypatch.setenv("ALORA_BINARY", str(command.path))
    return command


def test_every_executor_gives_the_bytes_of_a_serial_run(tmp_path: Path) -> None:
    tree = make_library(tmp_path / "tree", 24, broken=2)
    library.convert(tree, tmp_path / "serial", base=BASE, executor=Serial())
    library.convert(tree, tmp_path / "default", base=BASE)
    library.convert(tree, tmp_path / "batches", base=BASE, batch=5)
    with ThreadPoolExecutor(3) as threads, ProcessPoolExecutor(2) as processes:
        library.convert(tree, tmp_path / "threads", base=BASE, executor=threads, window=2)
        library.convert(tree, tmp_path / "processes", base=BASE, executor=processes)
        assert threads.submit(int, 1).result() == 1, "an executor of the caller's was shut down"
    for name in ("default", "batches", "threads", "processes"):
        assert_same_bytes(tmp_path / "serial", tmp_path / name)
    assert len(bytes_below(tmp_path / "serial")) == 22 + 1


def test_the_files_are_those_of_the_command(tmp_path: Path) -> None:
    tree = make_library(tmp_path / "tree", 3)
    library.convert(tree, tmp_path / "library", base=BASE)
    alora_gguf.convert_tree(tree, base=BASE, outdir=tmp_path / "command")
    (tmp_path / "library/manifest.json").unlink()
    assert_same_bytes(tmp_path / "command", tmp_path / "library")


def test_an_adapter_that_fails_stops_none_and_says_why(tmp_path: Path) -> None:
    tree = make_library(tmp_path / "tree", 5, broken=1)
    manifest = library.convert(tree, tmp_path / "out", base=BASE)
    [failed] = manifest.failed
    assert failed.adapter == "task-0/adapter-0000/alora"
    assert failed.error is not None
    assert (failed.error.kind, failed.error.exit_code) == ("InputRefusedError", 3)
    assert failed.error.path is not None
    assert failed.error.path.endswith("adapter_model.safetensors")
    for entry in manifest.entries:
        if entry.good:
            assert entry.output is not None
            data = (tmp_path / "out" / entry.output).read_bytes()
            assert (entry.byte_count, entry.sha256) == (len(data), hashlib.sha256(data).hexdigest())
            assert entry.invocation_tokens == (7, 9, 7)
    assert library.read_manifest(str(tmp_path / "out")) == manifest


def test_a_second_run_converts_only_what_changed_or_failed(tmp_path: Path, counted: CountingCommand) -> None:
    tree, target = make_library(tmp_path / "tree", 8, broken=1), tmp_path / "out"
    first = library.convert(tree, target, base=BASE)
    assert counted.conversions().total() == 8
    before = bytes_below(target)
    library.convert(tree, target, base=BASE)
    assert counted.conversions().total() == 9, "more than the failed one was tried again"
    assert bytes_below(target) == before

    def again(**options: Any) -> int:
        done = counted.conversions().total()
        library.convert(tree, target, base=BASE, **options)
        return counted.conversions().total() - done

    weights = sorted(tree.rglob("adapter_model.safetensors"))
    intact = next(path for path in weights if "adapter-0003" in str(path))
    intact.write_bytes(intact.read_bytes())
    assert again() == 2, "a changed adapter"
    outputs = [entry.output for entry in first.entries if entry.output]
    (target / outputs[0]).unlink()
    assert again() == 2, "a file that is gone"
    (target / outputs[1]).write_bytes(b"short")
    assert again() == 2, "a file of another size"
    data = (target / outputs[2]).read_bytes()
    (target / outputs[2]).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert again() == 1, "a size tells little"
    assert again(recheck=True) == 2, "a file with other bytes"
    assert (target / outputs[2]).read_bytes() == data
    assert again(outtype="f16") == 8, "other options"
    shutil.rmtree(tree / "task-1")
    assert again(outtype="f16") == 1
    assert not [entry for entry in entries_of(target) if str(entry["adapter"]).startswith("task-1")]


def test_a_run_that_is_interrupted_goes_on_from_where_it_was(tmp_path: Path, counted: CountingCommand) -> None:
    tree = make_library(tmp_path / "tree", 12)

    class StopError(Exception): ...

    def stop(done: int, count: int, entry: library.Entry) -> None:
        assert count == 12
        if done == 5:
            raise StopError

    with pytest.raises(StopError):
        library.convert(tree, tmp_path / "out", base=BASE, executor=Serial(), window=1, progress=stop)
    assert not (tmp_path / "out/manifest.json").exists()
    assert counted.conversions().total() == 5
    library.convert(tree, tmp_path / "out", base=BASE, executor=Serial())
    assert set(counted.conversions().values()) == {1}, "an adapter was converted twice"
    library.convert(tree, tmp_path / "serial", base=BASE, executor=Serial())
    assert_same_bytes(tmp_path / "serial", tmp_path / "out")


def test_a_broken_pool_is_an_error_and_what_was_done_is_kept(tmp_path: Path, counted: CountingCommand) -> None:
    tree = make_library(tmp_path / "tree", 30)
    killed = threading.Event()

    def kill(done: int, _: int, __: library.Entry) -> None:
        if done == 3 and not killed.is_set():
            killed.set()
            os.kill(next(iter(pool._processes)), 9)

    with ProcessPoolExecutor(1) as pool, pytest.raises(library.LibraryError, match="start the same run again"):
        library.convert(tree, tmp_path / "out", base=BASE, executor=pool, progress=kill)
    done = counted.conversions("end").total()
    assert 3 <= done < 30
    library.convert(tree, tmp_path / "out", base=BASE)
    # What was on its way when the worker was killed has left no entry.
    assert counted.conversions().total() <= 30 + 1
    library.convert(tree, tmp_path / "serial", base=BASE, executor=Serial())
    assert_same_bytes(tmp_path / "serial", tmp_path / "out")


def test_a_task_that_an_executor_loses_is_a_failed_entry(tmp_path: Path) -> None:
    class Losing(Serial):
        def submit(self, function: Any, /, *arguments: Any, **keywords: Any) -> Future[Any]:
            if "adapter-0001" in arguments[0][0].adapter:
                future: Future[Any] = Future()
                future.set_exception(RuntimeError("the worker is gone"))
                return future
            return super().submit(function, *arguments, **keywords)

    manifest = library.convert(make_library(tmp_path / "tree", 3), tmp_path / "out", base=BASE, executor=Losing())
    [lost] = manifest.failed
    assert lost.error is not None
    assert lost.error.message == "the worker is gone"
    assert not library.convert(tmp_path / "tree", tmp_path / "out", base=BASE).failed


def test_proofs_of_a_library(tmp_path: Path) -> None:
    tree, target = make_library(tmp_path / "tree", 4), tmp_path / "out"
    with pytest.raises(alora_gguf.FileAccessError, match="convert the library first"):
        library.verify(tree, target, model=BASE)
    manifest = library.convert(tree, target, base=BASE)
    good, bad = manifest.entries[0].adapter, manifest.entries[1].adapter
    assert manifest.entries[0].output is not None
    prompts = [{"tokens": [5, 20, 7, 9, 7, 11]}]
    alora_gguf.record_golden(BASE, target / manifest.entries[0].output, prompts, tree / good / "golden.npz")
    with numpy.load(tree / good / "golden.npz") as arrays:
        changed = {
            name: arrays[name] * 1.5 if name.startswith("adapted") else arrays[name] for name in arrays if name != "meta"
        }
    numpy.savez(tree / bad / "golden.npz", **changed)
    (tree / manifest.entries[2].adapter / "golden.npz").write_bytes(b"PK")
    proven = library.verify(tree, target, model=BASE)
    assert [entry.status for entry in proven.entries] == ["passed", "rejected", "failed", "passed"]
    assert any("after-activation" in text for text in proven.entries[1].proofs)
    assert proven.entries[2].error is not None
    assert proven.entries[2].error.exit_code == 3
    assert library.read_manifest(str(target), "verify") == proven
    assert library.read_manifest(str(target)) == manifest


def test_what_is_not_an_adapter_of_the_tree_is_left_alone(tmp_path: Path) -> None:
    tree = make_library(tmp_path / "tree", 1)
    make_library(tree / ".hidden", 1)
    make_library(tree / "out" / "old", 1)
    manifest = library.convert(tree, tree / "out", base=BASE)
    assert [entry.adapter for entry in manifest.entries] == ["task-0/adapter-0000/alora"]


def test_a_batch_that_is_lost_is_converted_once(tmp_path: Path, counted: CountingCommand) -> None:
    class Crashing(Serial):
        """Loses the first batch after its work, as a worker does that is killed before it answers."""

        sent = 0

        def submit(self, function: Any, /, *arguments: Any, **keywords: Any) -> Future[Any]:
            self.sent += 1
            if self.sent == 1:
                function(*arguments, **keywords)
            return super().submit(function, *arguments, **keywords)

    tree = make_library(tmp_path / "tree", 10)
    manifest = library.convert(tree, tmp_path / "out", base=BASE, executor=Crashing(), batch=4)
    assert not manifest.failed
    assert sorted(counted.conversions().values()) == [1] * 10


def test_an_adapter_may_be_the_tree_itself(tmp_path: Path) -> None:
    manifest = library.convert(LLAMA / "adapter", tmp_path / "out", base=BASE / "config.json")
    assert [entry.adapter for entry in manifest.entries] == [""]
    assert library.verify(LLAMA / "adapter", tmp_path / "out", model=BASE).entries[0].status == "passed"


def test_names_of_every_kind_are_kept(tmp_path: Path) -> None:
    names = ["with space", "ünï-ç", "a:b", "100%", "q?#[1]*", "x" * 200, "-dash"]
    [source] = make_library(tmp_path / "one", 1).rglob("alora")
    for name in names:
        shutil.copytree(source, tmp_path / "tree" / name)
    manifest = library.convert(tmp_path / "tree", tmp_path / "out", base=BASE)
    assert sorted(entry.adapter for entry in manifest.entries) == sorted(names)
    assert not manifest.failed


def test_trees_and_targets_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for tree in ("empty", "missing"):
        with pytest.raises(alora_gguf.FileAccessError, match=r"no directory in it has an adapter_config\.json"):
            library.convert(tmp_path / tree, tmp_path / "out", base=BASE)
    tree = make_library(tmp_path / "tree", 1)
    with pytest.raises(alora_gguf.FileAccessError, match="there is no base model"):
        library.convert(tree, tmp_path / "out", base=tmp_path / "missing")
    with pytest.raises(TypeError, match="not an executor"):
        library.convert(tree, tmp_path / "out", base=BASE, executor=3)
    (tmp_path / "out/manifest.json").parent.mkdir(exist_ok=True)
    (tmp_path / "out/manifest.json").write_text('{"alora_library": 99}')
    with pytest.raises(ValueError, match="is not a manifest of this version"):
        library.convert(tree, tmp_path / "out", base=BASE)


def test_a_worker_with_another_version_converts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alora_gguf.library import tasks

    versions = iter(["1.0", "2.0", "2.0"])
    monkeypatch.setattr(tasks, "command_version", lambda: next(versions))
    monkeypatch.setattr("alora_gguf.library.run.command_version", tasks.command_version)
    manifest = library.convert(make_library(tmp_path / "tree", 1), tmp_path / "out", base=BASE, executor=Serial())
    assert manifest.entries[0].error is not None
    assert "this worker has alora 2.0, and the run began with 1.0" in manifest.entries[0].error.message


def test_a_cache_that_somebody_else_could_have_made_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage.tempfile, "gettempdir", lambda: str(tmp_path))
    cache = storage._private_cache()
    assert cache.stat().st_mode & 0o777 == 0o700
    cache.chmod(0o777)
    with pytest.raises(PermissionError):
        storage._private_cache()
    cache.rmdir()
    cache.symlink_to(tmp_path)
    with pytest.raises(PermissionError):
        storage._private_cache()


def test_a_remote_library_is_read_and_written_through_fsspec(tmp_path: Path) -> None:
    import fsspec

    tree = make_library(tmp_path / "tree", 4, broken=1)
    memory = fsspec.filesystem("memory")
    memory.put(str(tree), "/lib/tree", recursive=True)
    memory.put(str(BASE), "/lib/base", recursive=True)
    # Memory belongs to this process, so a thread; only one, because all readers of such a file share its position.
    one = ThreadPoolExecutor(1)
    manifest = library.convert("memory://lib/tree", "memory://lib/out", base="memory://lib/base", executor=one)
    [failed] = manifest.failed
    assert failed.error is not None
    assert failed.error.path == "memory://lib/tree/task-0/adapter-0000/alora/adapter_model.safetensors"
    assert failed.error.message.startswith(failed.error.path)
    library.convert(tree, tmp_path / "local", base=BASE)
    memory.get("/lib/out", str(tmp_path / "got"), recursive=True)
    local = {name: data for name, data in bytes_below(tmp_path / "local").items() if name != "manifest.json"}
    assert {name: data for name, data in bytes_below(tmp_path / "got").items() if name != "manifest.json"} == local
    proven = library.verify("memory://lib/tree", "memory://lib/out", model="memory://lib/base", executor=one)
    assert sorted(entry.status for entry in proven.entries) == ["failed"] + ["passed"] * 3
    memory.rm("/lib", recursive=True)
