"""Where blocks run: threads of this process, processes of this machine, or a dask cluster."""

from __future__ import annotations

import importlib
import logging
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker
from threading import Event
from typing import Any, TypeVar

from sim.sweeps.work import Floats, Task, run

Submit = Callable[[Task], "Future[Floats]"]
"""Hand a block to a worker."""
Job = TypeVar("Job")
Done = TypeVar("Done")

THREADS, LOCAL = "threads", "local"
"""The schedulers that are not the address of a dask scheduler."""
_PATIENCE_SECONDS = 5


class PoolError(Exception):
    """There are no workers: why, and what to do."""


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def pool(scheduler: str = THREADS, workers: int | None = None) -> Iterator[Submit]:
    """`pool_of` workers that run blocks of a sweep."""
    with pool_of(run, scheduler, workers) as submit:
        yield submit


@contextmanager
def pool_of(
    work: Callable[..., Done], scheduler: str = THREADS, workers: int | None = None
) -> Iterator[Callable[[Job], Future[Done]]]:
    """Workers for the time of the block: "threads", "local" processes or those of a scheduler.

    Each calls `work(job)`, or on threads `work(job, stopped)`, see `sim.sweeps.work.run`.

    `workers` is how many; as many as processors if None, and without meaning for the address of a
    scheduler (tcp://host:port). Blocks that are not finished when the block ends are given up.
    Raises `PoolError` if the scheduler does not answer.
    """
    if scheduler == THREADS:
        with _threads(work, workers or cores()) as submit:
            yield submit
        return
    address = None if scheduler == LOCAL else scheduler
    with _dask(work, address, workers or cores()) as submit:
        yield submit


@contextmanager
def _threads(work: Callable[..., Done], workers: int) -> Iterator[Callable[[Job], Future[Done]]]:
    stop = Event()
    executor = ThreadPoolExecutor(workers)
    try:
        yield lambda job: executor.submit(work, job, stop.is_set)
    finally:
        stop.set()
        executor.shutdown(cancel_futures=True)


@contextmanager
def _dask(
    work: Callable[..., Done], address: str | None, workers: int
) -> Iterator[Callable[[Job], Future[Done]]]:
    """Workers of the scheduler at an address, or of a cluster of processes for this time only."""
    # A second to import, and most sweeps do without. Annotated in part only.
    distributed: Any = importlib.import_module("distributed")

    # A worker that comes or goes is reported by what becomes of its blocks.
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
            yield lambda job: executor.submit(work, job)
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
