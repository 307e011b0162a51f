"""Runs what a study lacks, block by block, and puts every finished block on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import islice

from sim.sweep.origin import origin
from sim.sweep.plan import Block
from sim.sweep.pools import Submit
from sim.sweep.study import Study
from sim.sweep.work import Floats, Task

_IN_FLIGHT = 1_024  # blocks handed out at a time: enough for a large cluster, little to keep


class BlockError(Exception):
    """A block could not be run: its paths, and why."""

    def __init__(self, block: Block, cause: BaseException) -> None:
        self.block = block
        super().__init__(f"{block}: {type(cause).__name__}: {cause}")


def run(study: Study, submit: Submit) -> Iterator[Block]:
    """Run the blocks that the study lacks; each is yielded when its file is on the disk.

    Raises `BlockError` for the first block that fails, and OSError if a file cannot be written.
    """
    scenario, sampler = study.plan.scenario, study.plan.sampler
    scenario_json, here = scenario.model_dump_json(), origin(scenario)
    missing = iter(study.missing())
    running: dict[Future[Floats], Block] = {}
    while True:
        for block in islice(missing, _IN_FLIGHT - len(running)):
            task = Task(scenario_json, here, sampler, block.first, block.size)
            running[submit(task)] = block
        if not running:
            return
        finished, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in finished:
            block = running.pop(future)
            try:
                outcomes = future.result()
            except Exception as error:
                raise BlockError(block, error) from error
            study.write(block, outcomes)
            yield block
