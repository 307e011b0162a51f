"""What is made of a finished search: choices, sensitivity, rules, and the contracts' word."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import sobol_indices

from scripts.tune import cli
from sim.engines.outcome import LOSS, OUTCOME
from sim.scenario import load as load_scenario
from sim.scenario import with_overrides
from sim.schema.tuning import Dimension
from sim.tuning import baselines, confirm, sensitivity
from sim.tuning.recommend import called, choices, one_by_one, picks, recommended, verdicts
from sim.tuning.result import Choice, Choices, Figure, ResultError, Trial
from sim.tuning.result import load as load_result
from sim.tuning.space import Space
from tests.tuning.small import R, setup, tuner


def _trials(*points: tuple[float, float]) -> list[Trial]:
    return [
        Trial(
            number=n,
            values={},
            objectives={
                "borrowed": Figure(value=b, low=b, high=b),
                "es_99": Figure(value=h, low=h, high=h),
            },
            state="complete",
            paths=1,
        )
        for n, (b, h) in enumerate(points)
    ]


def test_safest_most_efficient_and_knee() -> None:
    """A front with a corner: the knee is the corner. What beats the current setting in everything
    is an improvement, and of two the better one is; a point of the front has none."""
    objectives = ("borrowed", "es_99")
    trials = _trials((1, 0), (2, 0.2), (9, 1), (10, 10), (5, 8))
    ends = {"safest": 0, "most_efficient": 3, "knee": 2}
    assert picks(objectives, trials) == {"current": 0, **ends}
    trials = _trials((1.5, 0.5), (2, 0.2), (9, 1), (10, 10), (1.9, 0.1), (1, 0))
    ends = {"safest": 5, "most_efficient": 3, "knee": 2}
    assert picks(objectives, trials) == {"current": 0, **ends, "improvement": 1}


def _choice(**differences: tuple[float | None, float | None]) -> Choice:
    figures = {
        name: Figure(value=0.0, low=low, high=high) for name, (low, high) in differences.items()
    }
    return Choice(trial=1, values={}, measures={}, difference=figures, next_step={})


def test_fresh_paths_decide_what_is_recommended() -> None:
    """An improvement that they refute is none, and a knee that betters nothing is no reason."""
    objectives = ("borrowed", "es_99")
    current = _choice(borrowed=(0.0, 0.0), es_99=(0.0, 0.0))
    better = _choice(borrowed=(1.0, 2.0), es_99=(-1.0, 1.0))
    refuted = _choice(borrowed=(1.0, 2.0), es_99=(0.5, None))
    trade = _choice(borrowed=(-2.0, -1.0), es_99=(None, -1.0))
    useless = _choice(borrowed=(-2.0, -1.0), es_99=(None, None))
    assert verdicts(better, objectives) == {"borrowed": "better", "es_99": "not settled"}
    assert verdicts(refuted, objectives) == {"borrowed": "better", "es_99": "worse"}
    assert verdicts(trade, objectives) == {"borrowed": "worse", "es_99": "better"}
    assert set(verdicts(current, objectives).values()) == {"same"}

    def chosen(improvement: Choice | None, knee: Choice) -> str:
        found = Choices(
            current=current, safest=knee, most_efficient=knee, knee=knee, improvement=improvement
        )
        return recommended(found, objectives)

    assert chosen(better, trade) == "improvement"
    assert chosen(refuted, trade) == chosen(None, trade) == "knee"
    assert chosen(refuted, useless) == chosen(None, useless) == "current"


def test_calls_are_corrected_for_their_number() -> None:
    """Holm: of two with .03 and .04 neither is called, of .02 and .04 both. What is known exactly,
    or in a result without p-values, takes no part.
    """

    def said(*p_values: float) -> list[str]:
        figures = {
            f"m{i}": Figure(value=1.0, low=0.5, high=2.0, p_value=p) for i, p in enumerate(p_values)
        }
        figures["exact"] = Figure(value=-1.0, low=-1.0, high=-1.0)
        sides = {**dict.fromkeys(figures, "benefit"), "exact": "harm"}
        *others, exact = called(figures, sides).values()
        assert exact == "better"
        return others

    assert said(0.03, 0.04) == ["not settled", "not settled"]
    assert said(0.04, 0.02) == ["better", "better"]
    assert said(0.04) == ["better"]


def test_an_objective_that_no_path_tells_apart_is_no_doubt() -> None:
    """A safe market loses nothing under either setting: what betters the other is recommended."""
    same = Figure(value=0.0, low=None, high=None, agrees=True)
    unknown = Figure(value=0.0, low=None, high=None)
    current = _choice(borrowed=(0.0, 0.0), es_99=(0.0, 0.0))
    better = _choice(borrowed=(1.0, 2.0), es_99=(0.0, 0.0))
    for figure, name in ((same, "knee"), (unknown, "current")):
        knee = better.model_copy(update={"difference": {**better.difference, "es_99": figure}})
        found = Choices(current=current, safest=knee, most_efficient=knee, knee=knee)
        assert recommended(found, ("borrowed", "es_99")) == name
    assert verdicts(better, ("es_99",)) == {"es_99": "same"}


def test_two_harms_have_two_ends() -> None:
    """Of harms alone the first is for the safest, the last for the most efficient."""
    trials = [
        trial.model_copy(update={"objectives": {"p_loss": b, "es_99": h}})
        for trial, b, h in (
            (t, t.objectives["borrowed"], t.objectives["es_99"])
            for t in _trials((1, 9), (2, 4), (9, 1))
        )
    ]
    found = picks(("p_loss", "es_99"), trials)
    assert (found["safest"], found["most_efficient"]) == (0, 2)


def test_rules_of_practice() -> None:
    """SmartLTV's own example; the incentive of a 77 % threshold by hand; slippage by the pool."""
    assert baselines.smart_ltv(0.05, 10e6, 50e6, 0.05, c=7) == pytest.approx(0.4072, abs=5e-5)
    assert baselines.liquidation_incentive(0.77) == pytest.approx(1 / (0.3 * 0.77 + 0.7) - 1)
    assert baselines.liquidation_incentive(0.1) == 0.15
    sold = baselines.sellable_within(1e6, 0.05)
    assert (1e6 / (1e6 + sold)) ** 2 == pytest.approx(0.95)
    assert baselines.liquidity_cap(1e6, 0.05) == pytest.approx(2 * sold)
    found = list(baselines.baselines(load_scenario("lending-market")))
    assert {one.path for one in found} >= {f"{R}.WETH.ltv_bps", f"{R}.WBTC.supply_cap"}


def _ishigami(v: dict[str, Any], paths: list[str]) -> float:
    x, y, z = (math.pi * (2 * float(v[path]) - 3) for path in paths)  # each is from 1 to 2
    return math.sin(x) + 7 * math.sin(y) ** 2 + 0.1 * z**4 * math.sin(x)


def test_sobol_indices_of_a_known_function() -> None:
    """Ishigami and Homma's sin x + a sin² y + b z⁴ sin x on [-π, π]³: V_x = (1 + b π⁴ / 5)² / 2,
    V_y = a² / 8, V_xz = b² π⁸ (1/18 - 1/50), and z does nothing by itself.
    """
    base = with_overrides(load_scenario("black-thursday"), {"book.accounts": 20})
    paths = ["protocol.cover_window_hours", "protocol.liquidation.dust_value_usd"]
    paths.append("arbitrage.half_life_seconds")
    space = Space({path: Dimension(low=1, high=2) for path in paths}, base)
    alone = np.array([(1 + 0.1 * math.pi**4 / 5) ** 2 / 2, 49 / 8, 0.0])
    together = 0.01 * math.pi**8 * (1 / 18 - 1 / 50) * np.array([1, 0, 1])
    variance = alone.sum() + together[0]
    hits = []
    for seed, points in ((0, 1_024), *((seed, 32) for seed in range(1, 41))):
        wanted = sensitivity.settings(space, seed, points)
        assert len(wanted) == 5 * points
        harms = [_ishigami(v, paths) for v in wanted]
        found = sensitivity.indices(space, "es_99", harms, seed)
        assert [one.path for one in found] == [axis.path for axis in space.axes]
        by_path = {one.path: one for one in found}
        for n, path in enumerate(paths):
            one = by_path[path]
            for figure, share in ((one.first_order, alone[n]), (one.total, (alone + together)[n])):
                assert points == 32 or figure.value == pytest.approx(share / variance, abs=0.02)
                low, high = figure.ends
                assert low is not None and high is not None
                hits.append(low <= share / variance <= high)
    assert (
        0.85 < np.mean(hits) <= 1
    )  # of 95% intervals, whose bootstrap takes points as independent
    assert found == sensitivity.indices(space, "es_99", harms, seed)
    assert sensitivity.indices(space, "es_99", np.ones(len(wanted)), 1) == ()


def test_sobol_indices_are_those_of_scipy() -> None:
    """Of the same harms, of any number of points: scipy takes powers of 2 only."""
    base = with_overrides(load_scenario("black-thursday"), {"book.accounts": 20})
    paths = ["protocol.cover_window_hours", "protocol.liquidation.dust_value_usd"]
    space = Space({path: Dimension(low=1, high=2) for path in paths}, base)
    harms = np.random.default_rng(3).random(4 * 16)
    a, b, *crossed = harms.reshape(4, 1, 16)
    theirs = sobol_indices(func={"f_A": a, "f_B": b, "f_AB": np.array(crossed)}, n=16)
    ours = sensitivity.indices(space, "es_99", harms, 1)
    for n, one in enumerate(ours):
        assert one.first_order.value == pytest.approx(theirs.first_order[n])
        assert one.total.value == pytest.approx(theirs.total_order[n])
    assert len(sensitivity.settings(space, 1, 5)) == 20


@pytest.mark.compiled
def test_a_search_from_end_to_end(tmp_path: Path) -> None:
    """Choices on common paths, old values one by one, the worst path on the contracts."""
    asked = setup()
    with tuner(tmp_path, asked, paths=64) as one:
        trials = list(one.run(12))
        found, samples = choices(one, trials)
        assert found.current.values == asked.space.current
        assert all(f.value == 0 for f in found.current.difference.values())
        for name in ("safest", "most_efficient", "knee"):
            choice = getattr(found, name)
            assert asked.space.accepts(choice.next_step)
            for measure, figure in choice.difference.items():
                now = found.current.measures[measure].value
                assert figure.value == pytest.approx(choice.measures[measure].value - now, abs=1e-6)
        changed = one_by_one(one, found.knee.values, samples["knee"], "es_99")
        for row in changed:
            assert row.old != row.new
            loss = found.knee.measures["es_99"].value + row.difference.value
            assert row.loss.value == pytest.approx(loss, rel=1e-9, abs=1e-6)
        worst = confirm.worst(samples["knee"], 1)
        began = time.monotonic()
        (checked,) = confirm.verifications(asked, found.knee.values, worst, "revm")
        (i, k), sample = worst[0], samples["knee"]
        assert 64 <= k < 64 + sample.paths  # none of the search's
        row = sample.outcomes[i][k - 64]
        assert checked.on_floats["loss"] == pytest.approx(row[LOSS], rel=1e-6)
        said = confirm.confirmation(asked, "knee", worst, [checked], sample, began)
        row[OUTCOME.index("repaid")] = 0
        other = confirm.confirmation(asked, "knee", worst, [checked], sample, began)
    assert said.holds and abs(said.loss_error or 1) < 1e-6
    assert not other.holds and "repaid by liquidators is $0 on floats" in other.apart[0]
    assert said.differing == 0 and said.operations > 50 and len(said.state_hash) == 64


@pytest.mark.compiled
def test_the_command_writes_a_result_and_refuses_to_overwrite_it(tmp_path: Path) -> None:
    words = ["current-market", "--trials", "4", "--paths", "16", "--accounts", "200"]
    words += ["--sensitivity", "0", "--out", str(tmp_path)]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    assert "The front" in done.output and "next step" in done.output
    result = load_result(tmp_path)
    assert len(result.caps) == 3 and "Largest caps" in done.output
    assert len(result.trials) == 4 and result.trials[0].values == result.choices.current.values
    assert json.loads((tmp_path / "tuning.json").read_text())["paths"] == 16
    again = CliRunner().invoke(cli, words)
    assert again.exit_code == 1 and "resume it" in again.output
    more = [word if word != "4" else "6" for word in words]
    assert CliRunner().invoke(cli, [*more, "--resume"]).exit_code == 0
    assert len(load_result(tmp_path).trials) == 6
    with pytest.raises(ResultError, match="ape run tune"):
        load_result(tmp_path / "nowhere")
