"""Whether the printed interval of the expected loss holds over books: sweeps with other seeds.

    python -m tests.sweep.repeats            # Black Thursday, 20 times 200 books x 10 paths, and 1
    python -m tests.sweep.repeats 5          # fewer times

Every sweep draws all of it anew, prices and books. Their mean is as good as the truth: it has a
quarter of the error of one of 20.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sim.measures.intervals import Estimate
from sim.measures.losses import expected_loss
from sim.questions.pools import pool
from sim.scenario import Scenario, load
from sim.sweeps.loss_table import loss_usd, replicates
from sim.sweeps.run import run
from sim.sweeps.stored import begin

PATHS, BOOKS = 2_000, 200


def estimates(
    scenario: Scenario, repeats: int, paths: int, books: int, seed: int = 1
) -> Iterator[Estimate]:
    """The expected loss of each sweep, with its interval."""
    for n in range(repeats):
        own = scenario.model_copy(update={"seed": seed + n})
        with tempfile.TemporaryDirectory() as folder, pool() as submit:
            study = begin(Path(folder), own, paths=paths, books=books)
            study.start()
            for _ in run(study, submit):
                pass
            outcomes = study.outcomes()
        yield expected_loss(loss_usd(outcomes), replicates(outcomes, "mc"))


def holding(found: list[Estimate], mean: float | None = None) -> int:
    """How many intervals hold the mean over all, or another."""
    value = float(np.mean([one.value for one in found])) if mean is None else mean
    return sum(one.low <= value <= one.high for one in found)


def _printed(repeats: int, books: int) -> list[Estimate]:
    found = []
    for one in estimates(load("black-thursday"), repeats, PATHS, books):
        found.append(one)
        print(f"{one.value:12,.0f}   {one.low:12,.0f} to {one.high:12,.0f}", flush=True)
    return found


if __name__ == "__main__":
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    of_books = _printed(repeats, BOOKS)
    of_one = _printed(repeats, 1)
    losses = [one.value for one in of_books]
    mean = float(np.mean(losses))
    print(
        f"{repeats} sweeps of {BOOKS} books x {PATHS // BOOKS} paths: expected losses of "
        f"${min(losses):,.0f} to ${max(losses):,.0f}, ${mean:,.0f} in the mean,"
    )
    print(f"which {holding(of_books)} of {repeats} intervals hold")
    held = holding(of_one, mean)
    of_all = f"{held} of {repeats} intervals hold that mean"
    print(f"{repeats} sweeps of 1 book x {PATHS:,} paths: {of_all}")
