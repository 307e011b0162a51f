"""Whether the printed interval of the expected loss holds over books: sweeps with other seeds.

    python -m tests.sweep.repeats            # Black Thursday, 20 times 200 books x 10 paths
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
from sim.scenario import Scenario, load
from sim.sweeps.losses import loss_usd, replicates
from sim.sweeps.pools import pool
from sim.sweeps.run import run
from sim.sweeps.study import begin


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


def holding(found: list[Estimate]) -> int:
    """How many intervals hold the mean over all."""
    mean = float(np.mean([one.value for one in found]))
    return sum(one.low <= mean <= one.high for one in found)


if __name__ == "__main__":
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    found = []
    for one in estimates(load("black-thursday"), repeats, 2_000, 200):
        found.append(one)
        print(f"{one.value:12,.0f}   {one.low:12,.0f} to {one.high:12,.0f}", flush=True)
    print(f"{holding(found)} of {repeats} hold the mean, {np.mean([x.value for x in found]):,.0f}")
