"""The optimiser finds what is known in closed form."""

from __future__ import annotations

import numpy as np
import optuna
import pytest

from sim.questions.pools import pool
from sim.schema.tuning import SamplerName
from sim.tuning.study import BATCH, Tuner, directions, sampler
from tests.tuning.newsvendor import HIGH, LOW, best_ltv_bps, setup

PATH = "protocol.reserves.WETH.ltv_bps"


@pytest.mark.compiled
@pytest.mark.parametrize("name", ["cma-es", "tpe"])
def test_the_best_borrow_limit_against_one_fall_of_known_law(name: SamplerName) -> None:
    """Within 1 % of the range, 60 bps, by the loop on 12,000 paths.

    The sample's own optimum is off by 31 bps, one standard deviation; here it is by 7, and what
    the searches find is up to 10 from that. A loss wrong by a tenth would move the answer by 107
    or 124.
    """
    asked = setup(name)
    study = optuna.create_study(directions=directions(asked.preset.tuning.objectives))
    study.enqueue_trial(asked.space.positions(asked.space.current))
    with pool(workers=2) as submit:
        trials = list(Tuner(asked, 12_000, 1, study, submit).run(48))
    best = max(trials, key=lambda trial: trial.objectives["net_revenue"].value)
    found = best.values[PATH]
    assert isinstance(found, int)
    assert abs(found - best_ltv_bps()) <= 0.01 * (HIGH - LOW)
    for wrong in (0.9, 1.1):
        assert abs(found - best_ltv_bps(wrong)) > 0.01 * (HIGH - LOW)


def _zdt1(x: list[float]) -> tuple[float, float]:
    """Zitzler, Deb, Thiele (2000): the front is f2 = 1 - sqrt(f1), where x2... are 0."""
    g = 1 + 9 * float(np.mean(x[1:]))
    return x[0], g * (1 - np.sqrt(x[0] / g))


def _hypervolume(points: list[tuple[float, float]], reference: float = 1.1) -> float:
    """Area that some point dominates, below the reference in both."""
    area, lowest = 0.0, reference
    for first, second in sorted(points):
        if first < reference and second < lowest:
            area += (reference - first) * (lowest - second)
            lowest = second
    return area


@pytest.mark.filterwarnings("ignore:NSGAIIISampler is experimental")
@pytest.mark.parametrize(
    ("name", "trials", "gap"), [("tpe", 400, 0.25), ("nsga2", 800, 0.3), ("nsga3", 800, 0.25)]
)
def test_the_front_of_a_known_problem(name: SamplerName, trials: int, gap: float) -> None:
    """ZDT1 in five dimensions, asked for and told as the study does: the hypervolume is within the
    stated gap of the true front's, 2/3 + .1 + .11. At random it is off by 96 % after 400 trials.

    Gaps are of other seeds than this one, rounded up: the largest of ten for nsga2 (mean .19,
    deviation .05, largest .27) and nsga3 (.16, .04, .23); for tpe the largest but one of twenty
    (.16, .10, .20), as one of them was off by .55 after 400 trials and .32 after 600.
    """
    study = optuna.create_study(directions=["minimize", "minimize"])
    done: list[tuple[float, float]] = []
    while len(done) < trials:
        batch = []
        for _ in range(BATCH):
            study.sampler = sampler(name, 7, len(study.get_trials(deepcopy=False)))
            trial = study.ask()
            batch.append((trial, [trial.suggest_float(f"x{i}", 0, 1) for i in range(5)]))
        for trial, x in batch:
            done.append(_zdt1(x))
            study.tell(trial, done[-1])
    true = 2 / 3 + 0.1 + 0.11
    assert 1 - _hypervolume(done) / true < gap
