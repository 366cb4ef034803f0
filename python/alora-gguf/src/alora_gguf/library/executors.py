"""Where the work is done: `concurrent.futures` executors, Dask's client, Ray."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

__all__ = ["RayExecutor", "executor_of"]

# How often a task is tried again on another worker when its own is gone.
RETRIES = 3


def executor_of(executor: Any) -> AbstractContextManager[Executor]:
    """The executor to use, and what has to be closed after it.

    None is as many threads as there are processors: processes of the command do the work. A Dask client is asked for its own
    executor. Anything else that has `submit` is used as it is, and left open.
    """
    if executor is None:
        return ThreadPoolExecutor(os.cpu_count())
    if hasattr(executor, "get_executor") and hasattr(executor, "scheduler_info"):
        # Not pure: two tasks with equal arguments are still two. Dask itself moves a dead worker's tasks to others.
        dask: AbstractContextManager[Executor] = executor.get_executor(retries=RETRIES, pure=False)
        return dask
    if not hasattr(executor, "submit"):
        raise TypeError(
            f"{type(executor).__name__} is not an executor; give one of concurrent.futures, a Dask client, or RayExecutor()"
        )
    return nullcontext(executor)


class RayExecutor(Executor):
    """Runs tasks on a Ray cluster that `ray.init` has connected to.

    Args:
        num_cpus: The processors that a task takes.
        max_retries: How often a task is tried again when its worker is gone.

    Examples:
        >>> ray.init()  # doctest: +SKIP
        >>> library.convert("adapters", "gguf", base="base-config", executor=RayExecutor())  # doctest: +SKIP
    """

    def __init__(self, *, num_cpus: float = 1, max_retries: int = RETRIES) -> None:
        self._options = {"num_cpus": num_cpus, "max_retries": max_retries}
        self._remote: dict[Any, Any] = {}
        self._references: dict[Future[Any], Any] = {}

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Future[Any]:
        """Sends a task to the cluster."""
        import ray

        if function not in self._remote:
            self._remote[function] = ray.remote(function).options(**self._options)
        reference = self._remote[function].remote(*arguments, **keywords)
        future: Future[Any] = reference.future()
        # Ray cancels what nobody refers to any more.
        self._references[future] = reference
        future.add_done_callback(self._references.pop)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Waits for the tasks, or cancels them. The cluster goes on."""
        import ray

        for future, reference in list(self._references.items()):
            if cancel_futures:
                ray.cancel(reference)
            elif wait:
                future.exception()
