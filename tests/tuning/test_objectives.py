"""Measures against closed forms, their intervals against repetition, racing against the whole."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from scipy.stats import binom, norm

from sim.engines.outcome import LOSS, OUTCOME, REPAID, REVENUE, SEIZED
from sim.measures.losses import expected_shortfall
from sim.tuning.objectives import Sample, difference, estimate, measures, value
from sim.tuning.race import CONFIDENCE, RUNGS, Course, dominated_by, front
from sim.tuning.result import Figure
from tests.tuning.record import FILE

REPEATS = 200
USD = 1e8


def _sample(*losses: np.ndarray, weights: tuple[float, ...] | None = None) -> Sample:
    """Scenarios in which nothing but losses happens."""
    outcomes = []
    for loss in losses:
        rows = np.zeros((len(loss), len(OUTCOME)))
        rows[:, LOSS] = loss * USD
        outcomes.append(rows)
    n = len(losses)
    return Sample(weights or (1 / n,) * n, tuple(outcomes), (100.0,) * n, (50.0,) * n, (300,) * n)


def test_the_exact_case() -> None:
    """Losses 1..1000: ES 99 % is the mean of the ten largest, 995.5; of two scenarios with weights
    .75 and .25, the weighted mean."""
    ladder = np.arange(1.0, 1001.0)
    assert value("es_99", _sample(ladder)) == pytest.approx(995.5)
    both = _sample(ladder, 2 * ladder[::-1], weights=(0.75, 0.25))
    assert value("es_99", both) == pytest.approx(0.75 * 995.5 + 0.25 * 1991)
    assert value("expected_loss", both) == pytest.approx(1.25 * 500.5)
    assert value("p_loss", _sample(np.array([0.0, 0.0, 1.0, 5.0]))) == pytest.approx(0.5)
    alone = expected_shortfall(ladder, 0.99)
    assert estimate("es_99", _sample(ladder)).low == pytest.approx(alone.low)


def test_every_measure_by_hand() -> None:
    rows = np.zeros((4, len(OUTCOME)))
    rows[:, LOSS] = [0, 0, 4 * USD, 0]
    rows[:, OUTCOME.index("by_suppliers")] = [0, 0, 3 * USD, 0]
    rows[:, REPAID] = [0, 10 * USD, 20 * USD, 30 * USD]
    rows[:, SEIZED] = [0, 11 * USD, 23 * USD, 30 * USD]
    rows[:, REVENUE] = [USD, USD, 2 * USD, 0]
    rows[:, OUTCOME.index("steps_without_cash")] = [0, 0, 24, 0]
    rows[:, OUTCOME.index("peak_loss")] = [0, 2 * USD, 6 * USD, 0]
    sample = Sample((1.0,), (rows,), (200.0,), (50.0,), (300,))
    wanted = {
        "borrowing_power": 200,
        "borrowed": 50,
        "borrow_usage": 0.25,
        "revenue": 1,
        "net_revenue": 0,
        "es_99": 4,
        "expected_loss": 1,
        "peak_loss": 2,
        "p_loss": 0.25,
        "lar_95": 30,
        "borrower_loss": 1,
        "haircut": 0.75,
        "hours_without_cash": 0.5,  # 24 steps of 300 s on one path of four
    }
    assert {name: value(name, sample) for name in measures()} == pytest.approx(wanted)


@pytest.mark.parametrize("name", ["es_99", "expected_loss", "p_loss", "lar_95"])
def test_identical_settings_differ_by_nothing(name: str) -> None:
    """Same paths, other labels: the paired difference is exactly 0, 200 times of 200."""
    rng = np.random.default_rng(1)
    for _ in range(REPEATS):
        sample = _sample(*(np.maximum(rng.standard_t(4, 300), 0) for _ in range(2)))
        figure = difference(name, sample, sample)
        assert (figure.value, figure.low, figure.high) == (0.0, 0.0, 0.0)


def _market(
    rng: np.random.Generator, chance: float, sigma: float, stress: np.ndarray
) -> np.ndarray:
    """Outcomes of a lending protocol: most paths lose nothing, the others a lognormal amount.

    `stress` has three standard normals a path; each setting adds noise of its own, a tenth as
    large. Liquidated is a superset of the paths that lose, and pays the protocol.
    """
    z = (stress + 0.1 * rng.standard_normal(stress.shape)) / np.sqrt(1.01)
    is_lost, is_liquidated = z[0] > norm.isf(chance), z[0] > norm.isf(3 * chance + 0.1)
    rows = np.zeros((stress.shape[1], len(OUTCOME)))
    loss = is_lost * np.exp(sigma * z[1])
    repaid = is_liquidated * 10 * np.exp(0.7 * (z[0] + z[2]))
    rows[:, LOSS] = loss * USD
    rows[:, OUTCOME.index("by_suppliers")] = np.maximum(loss - 1, 0) * USD
    rows[:, REPAID], rows[:, SEIZED] = repaid * USD, repaid * (1.02 + 0.03 * norm.cdf(z[2])) * USD
    rows[:, REVENUE] = (np.exp(0.1 * z[2]) + 0.005 * repaid) * USD
    rows[:, OUTCOME.index("steps_without_cash")] = is_lost * np.minimum(np.ceil(20 * loss), 576)
    return rows


def ends(figure: Figure) -> tuple[float, float]:
    """Of the interval; infinite where it is not bounded."""
    return (
        -np.inf if figure.low is None else figure.low,
        np.inf if figure.high is None else figure.high,
    )


@pytest.mark.parametrize("how", ["other seeds", "other labels"])
@pytest.mark.parametrize(
    ("name", "chance", "sigma", "paths", "weights"),
    [
        ("es_99", 0.1, 1.0, 1_000, (0.6, 0.4)),
        ("es_99", 0.03, 1.5, 2_000, (0.5, 0.3, 0.2)),
        ("expected_loss", 0.01, 1.5, 2_000, (1.0,)),
        ("expected_loss", 0.3, 1.5, 500, (1.0,)),
        ("p_loss", 0.01, 1.0, 2_000, (0.5, 0.3, 0.2)),
        ("lar_95", 0.1, 1.0, 500, (0.6, 0.4)),
        ("borrower_loss", 0.03, 1.0, 1_000, (1.0,)),
        ("revenue", 0.1, 1.0, 500, (0.6, 0.4)),
        ("net_revenue", 0.1, 1.0, 1_000, (0.5, 0.3, 0.2)),
        ("haircut", 0.1, 1.0, 2_000, (1.0,)),
        ("hours_without_cash", 0.03, 1.0, 2_000, (0.6, 0.4)),
    ],
)
def test_paired_intervals_cover_a_null_difference(
    name: str, chance: float, sigma: float, paths: int, weights: tuple[float, ...], how: str
) -> None:
    """Two settings with one law: the 95 % interval of their difference holds 0 in no fewer of 200
    repeats than a binomial law with .95 has but for one time in ten thousand, and is bounded in
    a third of them or more.

    Other seeds: on paths of their own. Other labels: on the same paths, where which of the two is
    called which says nothing.
    """
    rng = np.random.default_rng(2)
    covered, bounded, ones = 0, 0, (1.0,) * len(weights)
    for _ in range(REPEATS):
        a, b = [], []
        for _scenario in weights:
            stress = rng.standard_normal((3, paths))
            a.append(_market(rng, chance, sigma, stress))
            if how == "other seeds":
                stress = rng.standard_normal((3, paths))
            b.append(_market(rng, chance, sigma, stress))
        pair = [Sample(weights, tuple(rows), ones, ones, (300,) * len(weights)) for rows in (a, b)]
        low, high = ends(difference(name, *pair))
        covered += low <= 0 <= high
        bounded += np.isfinite(low) and np.isfinite(high)
    assert covered >= binom.ppf(1e-4, REPEATS, 0.95)
    assert bounded > REPEATS / 3


def test_paired_intervals_cover_a_known_difference() -> None:
    """Common paths, and one setting loses a tenth more on each: E is .1 E[L], with E[L+] of a
    standard normal 1/sqrt(2 pi)."""
    rng = np.random.default_rng(3)
    truth, covered, widths = 0.1 / np.sqrt(2 * np.pi), 0, []
    for _ in range(REPEATS):
        loss = np.maximum(rng.standard_normal(500), 0)
        figure = difference("expected_loss", _sample(1.1 * loss), _sample(loss))
        assert figure.low is not None and figure.high is not None
        covered += figure.low <= truth <= figure.high
        widths.append(figure.high - figure.low)
    assert 0.92 <= covered / REPEATS <= 0.98
    apart = difference("expected_loss", _sample(1.1 * loss), _sample(rng.permutation(loss)))
    assert apart.high is not None and apart.low is not None
    assert np.mean(widths) < (apart.high - apart.low) / 5  # what pairing is for


def test_too_few_paths_that_differ_bound_no_amount() -> None:
    """Five that all speak for one setting are no evidence at 95 % (2 / 2^5 = .06), six are."""
    loss = np.where(np.arange(1_000) < 5, 10.0, 0.0)
    few = difference("expected_loss", _sample(loss), _sample(0 * loss))
    assert (few.value, few.low, few.high) == (0.05, None, None)
    loss[5] = 10.0
    enough = difference("expected_loss", _sample(loss), _sample(0 * loss))
    assert enough.low is not None and enough.high is not None
    assert 0 < enough.low < 0.06 < enough.high
    share = difference("p_loss", _sample(loss), _sample(0 * loss))
    assert share.value == pytest.approx(0.006) and share.high is not None


def test_too_few_paths_bound_no_tail() -> None:
    few, other = np.arange(50.0), np.arange(50.0)[::-1] + 1
    for name in ("es_99", "lar_95"):
        a, b = (_sample(rows) for rows in (few, other))
        for one, repaid in ((a, few), (b, other)):
            one.outcomes[0][:, REPAID] = repaid * USD
        assert estimate(name, a).high is None
        assert (difference(name, a, b).low, difference(name, a, b).high) == (None, None)
        assert difference(name, a, a).high == 0
    figure = estimate("es_99", _sample(np.arange(50.0)))
    assert figure.high is None
    unseen = estimate("expected_loss", _sample(np.zeros(50)))
    assert (unseen.value, unseen.high) == (0.0, None)
    assert estimate("p_loss", _sample(np.zeros(50))).high == pytest.approx(1 - 0.05 ** (1 / 50))


@pytest.mark.parametrize("name", ["es_99", "expected_loss", "p_loss", "lar_95", "borrower_loss"])
def test_a_part_of_the_paths_never_overstates_a_harm(name: str) -> None:
    """With zeros for what was not run, the harm is a lower bound of the whole, always."""
    rng = np.random.default_rng(4)
    for _ in range(100):
        whole = _sample(*(np.maximum(rng.standard_t(3, 200) - 1, 0) for _ in range(3)))
        for rows in whole.outcomes:
            rows[:, REPAID] = rng.exponential(1, 200)
            rows[:, SEIZED] = rows[:, REPAID] * rng.uniform(0.9, 1.2, 200)
        run = rng.random(200) < rng.random()
        part = whole._replace(outcomes=tuple(rows * run[:, None] for rows in whole.outcomes))
        assert value(name, part) <= value(name, whole) * (1 + 1e-12)


def _looks(course: Course, sample: Sample, names: tuple[str, ...]) -> Iterator[dict[str, float]]:
    """What racing knows of a trial after each rung but the last."""
    seen = [np.zeros_like(rows) for rows in sample.outcomes]
    for rung in range(len(RUNGS) - 1):
        for i, rows in enumerate(seen):
            paths = course.paths_of(rung, i)
            rows[paths] = sample.outcomes[i][paths]
        partial = sample._replace(outcomes=tuple(seen))
        yield {name: course.at_best(name, partial, rung) for name in names}


def _recorded() -> list[Sample]:
    """A hundred settings on 200 paths of two scenarios."""
    record = np.load(FILE)
    samples = []
    for borrowed, *rows in zip(
        *(record[name] for name in ("borrowed", "losses", "taken", "revenue")), strict=True
    ):
        outcomes = np.zeros((*rows[0].shape, len(OUTCOME)))
        for column, values in zip((LOSS, SEIZED, REVENUE), rows, strict=True):
            outcomes[..., column] = values.astype(np.float64) * USD
        samples.append(
            Sample((0.5, 0.5), tuple(outcomes), (100.0, 100.0), tuple(borrowed), (300, 300))
        )
    return samples


@pytest.mark.parametrize(
    ("names", "least"),
    [
        (("borrowed", "es_99"), 0.5),
        (("borrowed", "borrower_loss"), 0.5),
        (("borrowed", "es_99", "borrower_loss"), 0.1),
        (("revenue", "es_99"), 0.1),
        (("revenue", "es_99", "borrower_loss"), 0.1),
    ],
)
def test_racing_keeps_the_front_of_a_recorded_study(names: tuple[str, ...], least: float) -> None:
    """Against full evaluation of every setting, in ten orders of settings and of paths: no trial of
    the front is stopped, but for one look in 1 / (1 - CONFIDENCE) with a revenue among the
    objectives; and a share of the others, `least`, is.
    """
    samples, looks, stopped, wrong, others = _recorded(), 0, 0, 0, 0
    values = {n: {name: value(name, one) for name in names} for n, one in enumerate(samples)}
    kept = set(front(names, values))
    assert 3 <= len(kept) < len(samples)
    for seed in range(10):
        course = Course(samples[0], seed)
        rivals: dict[int, dict[str, float]] = {}
        for n in np.random.default_rng(seed).permutation(len(samples)).tolist():
            others += n not in kept
            for best in _looks(course, samples[n], names):
                looks += 1
                if dominated_by(names, best, rivals) is not None:
                    stopped, wrong = stopped + 1, wrong + (n in kept)
                    break
            else:
                rivals[n] = values[n]
    most = binom.isf(1e-4, looks, 1 - CONFIDENCE) if "revenue" in names else 0
    assert wrong <= most
    assert stopped - wrong >= least * others


@pytest.mark.parametrize(("paths", "sigma"), [(200, 0.35), (500, 0.5)])
def test_racing_on_revenue_keeps_its_confidence(paths: int, sigma: float) -> None:
    """A setting whose revenue is equal to a rival's, all else the rival's favour, is stopped by a
    look once in 1 / (1 - CONFIDENCE) times at most; one with a third less is, by the second look.
    """
    names, rng = ("borrowed", "revenue"), np.random.default_rng(5)
    course = Course(_sample(np.maximum(rng.standard_normal(paths), 0)), seed=1)
    wrong, repeats, hopeless = np.zeros(2, dtype=int), 5_000, 0
    for _ in range(repeats):
        rows = np.zeros((paths, len(OUTCOME)))
        rows[:, REVENUE] = rng.lognormal(0, sigma, paths) * USD
        sample = Sample((1.0,), (rows,), (100.0,), (50.0,), (300,))
        equal = {0: {"borrowed": 60.0, "revenue": value("revenue", sample)}}
        above = {0: {"borrowed": 60.0, "revenue": 1.5 * value("revenue", sample)}}
        looks = list(_looks(course, sample, names))
        wrong += [dominated_by(names, best, equal) is not None for best in looks]
        hopeless += any(dominated_by(names, best, above) is not None for best in looks)
    assert wrong.max() <= binom.isf(1e-4, repeats, 1 - CONFIDENCE)
    assert hopeless > 0.95 * repeats


def test_domination() -> None:
    names = ("borrowed", "es_99")
    assert [measures()[name].side for name in names] == ["benefit", "harm"]
    trials = {
        0: {"borrowed": 1.0, "es_99": 1.0},
        1: {"borrowed": 2.0, "es_99": 2.0},
        2: {"borrowed": 1.0, "es_99": 1.5},  # dominated by 0
        3: {"borrowed": 1.0, "es_99": 1.0},  # equal to 0
        4: {"borrowed": 2.5, "es_99": 1.9},  # dominates 1
    }
    assert front(names, trials) == [0, 4]
    assert dominated_by(names, trials[0], {3: trials[3]}) is None
    assert json.dumps(front(names, {})) == "[]"


def test_a_scenario_in_which_every_path_loses_is_not_known_to_be_lost() -> None:
    """The mirror of nobody loses: of a scenario with half the weight, half the bound."""
    every, none, some = np.ones(50), np.zeros(50), np.arange(50.0) % 2
    bound = 1 - 0.05 ** (1 / 50)
    sure = estimate("p_loss", _sample(every))
    assert (sure.value, sure.high) == (1, 1) and sure.low == pytest.approx(1 - bound)
    assert estimate("p_loss", _sample(none)).high == pytest.approx(bound)
    alone, both = (estimate("p_loss", _sample(*each)) for each in ((some,), (some, every)))
    assert alone.low is not None and both.low is not None
    assert both.low == pytest.approx(0.5 + alone.low / 2 - bound / 2)


@pytest.mark.parametrize("losses", [np.zeros(200), np.arange(200.0)])
def test_settings_that_come_to_the_same_on_every_path(losses: np.ndarray) -> None:
    """Two samples, not one: other paths may differ, a share of 1 - .05^(1/200) of them at most, and
    then by any amount. A setting and itself differ by nothing.
    """
    a, b = _sample(losses), _sample(losses.copy())
    share = difference("p_loss", a, b)
    bound = 1 - 0.05 ** (1 / 200)
    assert share.agrees and (share.value, share.p_value) == (0, None)
    assert (share.low, share.high) == pytest.approx((-bound, bound))
    for name in ("expected_loss", "es_99", "haircut", "borrower_loss", "lar_95"):
        amount = difference(name, a, b)
        assert amount.agrees and (amount.value, amount.low, amount.high) == (0, None, None)
        assert difference(name, a, a) == Figure(value=0, low=0, high=0)
    assert difference("borrowed", a, b).low == 0


def test_a_p_value_is_that_of_the_interval() -> None:
    """Below .05 where the 95 % interval leaves out 0, and only there."""
    rng, below = np.random.default_rng(6), 0
    for _ in range(60):
        loss = np.maximum(rng.standard_normal(300), 0)
        figure = difference("expected_loss", _sample(loss * rng.lognormal(0.03, 0.3, 300)),
                            _sample(loss))  # fmt: skip
        low, high = ends(figure)
        assert figure.p_value is not None
        assert (figure.p_value < 0.05) == (low > 0 or high < 0)
        below += figure.p_value < 0.05
    assert 10 < below < 50
