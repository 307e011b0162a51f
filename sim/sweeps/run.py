"""Runs what a sweep lacks, block by block, and puts every finished block on the disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

import numpy as np

from sim.questions.pools import Submit, handed_out
from sim.questions.work import Part, Subject, Task
from sim.sweeps.plan import Block, Pace, Plan
from sim.sweeps.stored import StoredSweep

_TRIED = 4  # paths that are timed


class BlockError(Exception):
    """Blocks could not be run: their paths, and why."""

    def __init__(self, blocks: Sequence[Block], cause: BaseException) -> None:
        more = f" and {len(blocks) - 1} more blocks" if len(blocks) > 1 else ""
        super().__init__(f"{blocks[0]}{more}: {type(cause).__name__}: {cause}")


def pace(plan: Plan, submit: Submit) -> Pace | None:
    """How long a worker takes for a path, by a few of the first book whose outcomes are not kept.

    None if that fails: whatever it is, the run of the same paths says it.
    """
    own = range(0, plan.paths, plan.books)[:_TRIED]
    # The first by itself: it waits for the world, and for code to be loaded.
    parts = tuple(Part(0, plan.seed_of(0), some) for some in (own[:1], own))
    task = Task(Subject.of(plan.scenario), plan.sampler, parts)
    with closing(handed_out(submit, [(None, task)])) as ended:
        ((_, future),) = ended
        if future.exception():
            return None
        first, rest = future.result().seconds
    return Pace(rest / len(own), max(first - rest / len(own), 0.0))


def run(stored: StoredSweep, submit: Submit, at_once: int = 1) -> Iterator[Block]:
    """Run the blocks that the sweep lacks; each is yielded when its file is on the disk. A worker
    takes one at a time, or as many as have `at_once` paths.

    Raises `BlockError` for the first that fail, OSError if a file cannot be written, and
    KeyboardInterrupt after Ctrl-C, between blocks.
    """
    plan, subject = stored.plan, Subject.of(stored.plan.scenario)

    def task(blocks: Sequence[Block]) -> Task:
        parts = (Part(block.book, plan.seed_of(block.book), block.paths) for block in blocks)
        return Task(subject, plan.sampler, tuple(parts))

    tasks = ((blocks, task(blocks)) for blocks in _together(stored.missing(), at_once))
    with closing(handed_out(submit, tasks)) as ended:
        for blocks, future in ended:
            try:
                outcomes = future.result().outcomes
            except Exception as error:
                raise BlockError(blocks, error) from error
            ends = np.cumsum([block.size for block in blocks])
            for block, own in zip(blocks, np.split(outcomes, ends[:-1]), strict=True):
                stored.write(block, own)
                yield block


def _together(blocks: Iterable[Block], at_once: int) -> Iterator[tuple[Block, ...]]:
    """Neighbours, of `at_once` paths or the last block more."""
    found: list[Block] = []
    for block in blocks:
        found.append(block)
        if sum(one.size for one in found) >= at_once:
            yield tuple(found)
            found = []
    if found:
        yield tuple(found)
