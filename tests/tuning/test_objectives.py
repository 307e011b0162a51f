"""Measures against closed forms, their intervals against repetition, racing against the whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sim.engines.outcome import BAD_DEBT, OUTCOME, REPAID, REVENUE, SEIZED, SHORTFALL
from sim.measures.losses import expected_shortfall
from sim.tuning.objectives import BY_NAME, MEASURES, Sample, difference, estimate, value
from sim.tuning.race import CONFIDENCE, RUNGS, Course, dominated_by, front

REPEATS = 200
USD = 1e8


def _sample(*losses: np.ndarray, weights: tuple[float, ...] | None = None) -> Sample:
    """Scenarios in which only shortfall happens."""
    outcomes = []
    for loss in losses:
        rows = np.zeros((len(loss), len(OUTCOME)))
        rows[:, SHORTFALL] = loss * USD
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
    rows[:, BAD_DEBT] = [0, 0, 4 * USD, 0]
    rows[:, OUTCOME.index("by_suppliers")] = [0, 0, 3 * USD, 0]
    rows[:, REPAID] = [0, 10 * USD, 20 * USD, 30 * USD]
    rows[:, SEIZED] = [0, 11 * USD, 23 * USD, 30 * USD]
    rows[:, REVENUE] = [USD, USD, 2 * USD, 0]
    rows[:, OUTCOME.index("steps_without_cash")] = [0, 0, 24, 0]
    sample = Sample((1.0,), (rows,), (200.0,), (50.0,), (300,))
    wanted = {
        "borrowing_power": 200,
        "borrowed": 50,
        "borrow_usage": 0.25,
        "revenue": 1,
        "net_revenue": 0,
        "es_99": 4,
        "expected_loss": 1,
        "p_loss": 0.25,
        "lar_95": 30,
        "borrower_loss": 1,
        "haircut": 0.75,
        "hours_without_cash": 0.5,  # 24 steps of 300 s on one path of four
    }
    assert {one.name: value(one.name, sample) for one in MEASURES} == pytest.approx(wanted)


@pytest.mark.parametrize("name", ["es_99", "expected_loss", "p_loss", "lar_95"])
def test_identical_settings_differ_by_nothing(name: str) -> None:
    """Same paths, other labels: the paired difference is exactly 0, 200 times of 200."""
    rng = np.random.default_rng(1)
    for _ in range(REPEATS):
        sample = _sample(*(np.maximum(rng.standard_t(4, 300), 0) for _ in range(2)))
        figure = difference(name, sample, sample)
        assert (figure.value, figure.low, figure.high) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("name", "least"), [("expected_loss", 0.92), ("es_99", 0.90), ("p_loss", 0.92)]
)
def test_paired_intervals_cover_a_null_difference(name: str, least: float) -> None:
    """Two settings with the same law on other paths: the 95 % interval of the difference holds 0
    between `least` and .99 of the time, over 200 repeats of 1,000 paths of two scenarios. (.92 is
    three standard deviations of 200 repeats below .95 less .02; the tail of a hundredth has ten
    paths, where .90 is what `sim.measures.losses` states.)"""
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(REPEATS):
        a, b = (
            _sample(*(np.maximum(rng.standard_t(5, 1_000), 0) for _ in range(2))) for _ in range(2)
        )
        figure = difference(name, a, b)
        assert figure.low is not None and figure.high is not None
        covered += figure.low <= 0 <= figure.high
    assert least <= covered / REPEATS <= 0.99


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


def test_too_few_paths_bound_no_tail() -> None:
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


def test_racing_keeps_the_front_of_a_recorded_study() -> None:
    """A hundred recorded settings: full evaluation's front, and what racing would have stopped.

    The record has, of each setting, what was borrowed and the loss on each of 200 paths of two
    scenarios (tests/tuning/record.py made it).
    """
    record = np.load(Path(__file__).with_name("recorded.npz"))
    names = ("borrowed", "es_99")
    borrowed, losses = record["borrowed"], record["losses"].astype(np.float64)
    samples = [
        _sample(*losses[n])._replace(borrowed=tuple(borrowed[n])) for n in range(len(borrowed))
    ]
    values = {n: {name: value(name, one) for name in names} for n, one in enumerate(samples)}
    kept = front(names, values)
    course = Course(samples[0], seed=1)
    stopped: dict[int, int] = {}
    for n, sample in enumerate(samples[1:], start=1):
        rivals = {m: values[m] for m in range(n) if m not in stopped}
        for rung in range(len(RUNGS) - 1):
            part = [np.zeros_like(rows) for rows in sample.outcomes]
            for i, rows in enumerate(part):
                for seen in range(rung + 1):
                    paths = course.paths_of(seen, i)
                    rows[paths] = sample.outcomes[i][paths]
            partial = sample._replace(outcomes=tuple(part))
            best = {name: course.at_best(name, partial, rung) for name in names}
            if dominated_by(names, best, rivals) is not None:
                stopped[n] = rung
                break
    assert not set(stopped) & set(kept)
    assert len(stopped) > len(samples) // 5, "nothing was stopped: the test shows nothing"
    assert 3 <= len(kept) < len(samples)


def test_racing_on_revenue_keeps_its_confidence() -> None:
    """Of a thousand settings whose revenue is truly above a rival's by a hair, racing stops about
    1 - CONFIDENCE at most; and it does stop hopeless ones."""
    rng = np.random.default_rng(5)
    wrong = hopeless = 0
    reference = _sample(np.maximum(rng.standard_normal(500), 0))
    course = Course(reference, seed=1)
    for _ in range(1_000):
        rows = np.zeros((500, len(OUTCOME)))
        rows[:, REVENUE] = rng.lognormal(0, 0.5, 500) * USD
        sample = reference._replace(outcomes=(rows,))
        seen = np.zeros((500, len(OUTCOME)))
        paths = course.paths_of(0, 0)
        seen[paths] = rows[paths]
        best = course.at_best("revenue", sample._replace(outcomes=(seen,)), 0)
        wrong += best < value("revenue", sample)
        hopeless += best < 3 * value("revenue", sample)
    assert wrong <= 5  # expected (1 - CONFIDENCE) x 1,000 = 1
    assert CONFIDENCE == 0.999
    assert hopeless == 1_000


def test_domination() -> None:
    names = ("borrowed", "es_99")
    assert [BY_NAME[name].side for name in names] == ["benefit", "harm"]
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
