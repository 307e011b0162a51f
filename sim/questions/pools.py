"""Where tasks run: threads of this process, processes of this machine, or a dask cluster.

with pool("threads", workers=2) as submit:
    for key, future in handed_out(submit, {"a": task, ...}.items()):
        future.result()                        # what a task comes to, in the order they end
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from multiprocessing import resource_tracker
from queue import SimpleQueue
from threading import Event
from typing import Any, TypeVar

from sim.questions.work import Done, Task, run

Submit = Callable[[Task], "Future[Done]"]
"""Hand a task to a worker."""
Key = TypeVar("Key")

THREADS, LOCAL = "threads", "local"
"""The schedulers that are not the address of a dask scheduler."""
_PATIENCE_SECONDS = 5
_IN_FLIGHT = 1_024  # tasks handed out at a time: enough for a large cluster, little to keep


class PoolError(Exception):
    """There are no workers: why, and what to do."""


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def pool(scheduler: str = THREADS, workers: int | None = None) -> Iterator[Submit]:
    """Workers for the time of the block: "threads", "local" processes or those of a scheduler.

    `workers` is how many; as many as processors if None, and without meaning for the address of a
    scheduler (tcp://host:port). Tasks that are not finished when the block ends are given up.
    Raises `PoolError` if the scheduler does not answer.
    """
    if scheduler == THREADS:
        with _threads(workers or cores()) as submit:
            yield submit
        return
    with _dask(None if scheduler == LOCAL else scheduler, workers or cores()) as submit:
        yield submit


def handed_out(
    submit: Submit, tasks: Iterable[tuple[Key, Task]]
) -> Generator[tuple[Key, Future[Done]], None, None]:
    """Hand out tasks, so many at a time; each is yielded under its key when it has ended, with what
    it came to or raised.

    Raises KeyboardInterrupt after Ctrl-C, between tasks.
    """
    waiting = iter(tasks)
    running: dict[Future[Done], Key] = {}
    ended: SimpleQueue[Future[Done] | None] = SimpleQueue()
    with _interrupts_as_news(ended):
        while True:
            for key, task in islice(waiting, _IN_FLIGHT - len(running)):
                future = submit(task)
                running[future] = key
                future.add_done_callback(ended.put)
            if not running:
                return
            news = ended.get()
            if news is None:
                raise KeyboardInterrupt
            yield running.pop(news), news


@contextmanager
def _interrupts_as_news(ended: SimpleQueue[Any]) -> Iterator[None]:
    """In the block, Ctrl-C puts None into the queue instead of raising just anywhere.

    Raised while a lock of the workers' futures is held, an interrupt would leave it held, and
    closing the pool would wait for it for ever.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # interrupts go to the main thread
        return
    before = signal.signal(signal.SIGINT, lambda *_: ended.put(None))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _threads(workers: int) -> Iterator[Submit]:
    stop = Event()
    executor = ThreadPoolExecutor(workers)
    try:
        yield lambda task: executor.submit(run, task, stop.is_set)
    finally:
        stop.set()
        executor.shutdown(cancel_futures=True)


@contextmanager
def _dask(address: str | None, workers: int) -> Iterator[Submit]:
    """Workers of the scheduler at an address, or of a cluster of processes for this time only."""
    # A second to import, and most do without. Annotated in part only.
    distributed: Any = importlib.import_module("distributed")

    # A worker that comes or goes is reported by what becomes of its tasks.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    cluster: Any = None
    try:
        if address is None:
            with _interrupts_blocked():
                cluster = distributed.LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    # None would still open a server, at a port that may be taken.
                    scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
                    silence_logs=logging.CRITICAL,
                )
        try:
            client = distributed.Client(cluster or address, timeout=_PATIENCE_SECONDS)
        except (OSError, ValueError) as error:
            raise PoolError(
                f"no scheduler answers at {address} ({error}); start one with `dask scheduler` and "
                "workers with `dask worker ADDRESS`, or leave --scheduler out to use threads"
            ) from error
        try:
            executor = client.get_executor(pure=False)
            yield lambda task: executor.submit(run, task)
            executor.shutdown(wait=False)
        finally:
            client.close()
    finally:
        if cluster is not None:
            cluster.close()


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Threads and processes started in the block never see Ctrl-C: it is for the coordinator.

    Whoever presses it reaches every process of the terminal, and workers would print their
    tracebacks. An interrupt during the block comes at its end.
    """
    resource_tracker.ensure_running()  # unblocks interrupts in the thread that starts it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
