"""Sending tasks to an executor and taking in what they give, with a bounded number on the way."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from typing import TypeVar

__all__ = ["LibraryError", "outcomes"]

T = TypeVar("T")
R = TypeVar("R")


class LibraryError(RuntimeError):
    """The executor broke before all adapters were done. What was done is kept: the same call goes on from there."""


def outcomes(
    executor: Executor, function: Callable[[T], R], tasks: Iterable[T], *, window: int
) -> Iterator[tuple[T, R | BaseException]]:
    """What each task gives, in the order in which they end. A task that is lost with its worker gives the exception.

    Raises:
        LibraryError: The executor takes no more tasks.
    """
    done: queue.SimpleQueue[Future[R]] = queue.SimpleQueue()
    running: dict[Future[R], T] = {}
    waiting = iter(tasks)
    exhausted = False
    try:
        while True:
            while not exhausted and len(running) < window:
                task = next(waiting, None)
                if task is None:
                    exhausted = True
                    break
                try:
                    future = executor.submit(function, task)
                except RuntimeError as error:
                    raise LibraryError(
                        f"the executor takes no more tasks: {error}; start the same run again to go on"
                    ) from error
                running[future] = task
                future.add_done_callback(done.put)
            if not running:
                return
            future = done.get()
            task = running.pop(future)
            outcome: R | BaseException
            try:
                outcome = future.result()
            except BrokenExecutor as error:
                raise LibraryError(f"the executor broke: {error}; start the same run again to go on") from error
            except (Exception, CancelledError) as error:  # noqa: BLE001 - what executors say of a lost task has no common type
                outcome = error
            yield task, outcome
    finally:
        for future in running:
            future.cancel()
