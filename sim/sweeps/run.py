"""Runs what a study lacks, block by block, and puts every finished block on the disk."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import islice
from queue import SimpleQueue
from typing import Any

from sim.sweeps.origin import origin
from sim.sweeps.plan import Block
from sim.sweeps.pools import Submit
from sim.sweeps.study import Study
from sim.sweeps.work import Floats, Task

_IN_FLIGHT = 1_024  # blocks handed out at a time: enough for a large cluster, little to keep


class BlockError(Exception):
    """A block could not be run: its paths, and why."""

    def __init__(self, block: Block, cause: BaseException) -> None:
        self.block = block
        super().__init__(f"{block}: {type(cause).__name__}: {cause}")


def run(study: Study, submit: Submit) -> Iterator[Block]:
    """Run the blocks that the study lacks; each is yielded when its file is on the disk.

    Raises `BlockError` for the first block that fails, OSError if a file cannot be written, and
    KeyboardInterrupt after Ctrl-C, between blocks.
    """
    plan, scenario = study.plan, study.plan.scenario
    scenario_json, here = scenario.model_dump_json(), origin(scenario)
    missing = iter(study.missing())
    running: dict[Future[Floats], Block] = {}
    finished: SimpleQueue[Future[Floats] | None] = SimpleQueue()
    with interrupts_as_news(finished):
        while True:
            for block in islice(missing, _IN_FLIGHT - len(running)):
                seed = plan.seed_of(block.book)
                task = Task(
                    scenario_json, here, plan.sampler, seed, block.first, block.size, block.every
                )
                future = submit(task)
                running[future] = block
                future.add_done_callback(finished.put)
            if not running:
                return
            news = finished.get()
            if news is None:
                raise KeyboardInterrupt
            block = running.pop(news)
            try:
                outcomes = news.result()
            except Exception as error:
                raise BlockError(block, error) from error
            study.write(block, outcomes)
            yield block


@contextmanager
def interrupts_as_news(finished: SimpleQueue[Any]) -> Iterator[None]:
    """In the block, Ctrl-C puts None into the queue instead of raising just anywhere.

    Raised while a lock of the workers' futures is held, an interrupt would leave it held, and
    closing the pool would wait for it for ever.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # interrupts go to the main thread
        return
    before = signal.signal(signal.SIGINT, lambda *_: finished.put(None))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
