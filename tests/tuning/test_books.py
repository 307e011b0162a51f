"""A search over books: paths on their own, fresh ones on fresh books, and intervals over them."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from sim.books.seeds import seed_of
from sim.engines.compiled import Compiled
from sim.engines.outcome import LOSS, OUTCOME
from sim.market.paths import draw, observed
from sim.questions.work import Subject
from sim.scenario import ScenarioError
from sim.tuning.confirm import confirmation, verifications, worst
from sim.tuning.evaluate import PATHS_OF_A_TASK, tasks
from sim.tuning.objectives import Sample, difference, estimate, measures, value
from sim.tuning.preset import PATHS_APART, Setup, nested
from sim.world import build
from tests.tuning.small import searched, setup, tuner

PATHS, BOOKS = 50, 6  # nine paths of a book, five of the last


def over_books(**tuning: object) -> Setup:
    return nested(setup(**tuning), PATHS, BOOKS)


def test_how_many_books() -> None:
    one = setup()
    assert nested(one, 500, None).paths_of_a_book == 10
    assert nested(one, 16, None).paths_of_a_book is None, "one book"
    assert nested(one, 10_000, None).paths_of_a_book == 50
    assert nested(one._replace(accounts=10_000), 2_000, None).paths_of_a_book == 100
    assert nested(one, 500, 1).paths_of_a_book is None
    with pytest.raises(ScenarioError, match="books: 17 are more than 16 paths"):
        nested(one, 16, 17)


def test_tasks_say_the_book_of_every_path() -> None:
    asked = over_books()
    rows = [0, 3, 8, 9, 40, 49]
    one, two = map(Subject.of, asked.scenarios)
    (task,) = tasks(asked, two, asked.space.current, 1, rows, at_start_of=range(BOOKS))
    assert task.subject.scenario == asked.scenarios[1] and task.sampler == "mc"
    root = asked.scenarios[1].seed
    assert [part.seed for part in task.parts] == [seed_of(root, book) for book in range(BOOKS)]
    assert [[k - PATHS_APART for k in part.paths] for part in task.parts] == [
        [0, 3, 8],
        [9],
        [],
        [],
        [40],
        [49],
    ]
    many = tasks(asked, one, asked.space.current, 0, range(1_000))
    sizes = [sum(len(part.paths) for part in one.parts) for one in many]
    assert sum(sizes) == 1_000 and max(sizes) <= PATHS_OF_A_TASK
    whole = tasks(setup(), one, asked.space.current, 0, range(1_000))
    assert {part.book for one in whole for part in one.parts} == {0}


@pytest.mark.compiled
def test_every_path_is_run_on_its_book(tmp_path: Path) -> None:
    """As a world that was built with the book, to rounding; fresh paths on books of their own."""
    asked = over_books(debts="same-positions", objectives=["borrowing_power", "es_99"])
    with tuner(tmp_path, asked, paths=PATHS) as one:
        now, (fresh,) = one.reference, one.fresh_samples([asked.space.current])
    assert now.books is not None and now.books.tolist() == [k // 9 for k in range(PATHS)]
    assert fresh.books is not None and fresh.first == 54
    assert not set(now.books) & set(fresh.books) and fresh.trials == 23
    scenario = asked.scenarios[1]
    for sample, row in ((now, 0), (now, 44), (fresh, 0), (fresh, 150)):
        path = asked.first_path(1) + sample.first + row
        prices = draw(scenario, "mc", path, 1)
        world = build(scenario, seed_of(scenario.seed, (sample.first + row) // 9))
        found = Compiled(world).outcomes(prices, observed(scenario, prices))[0, : len(OUTCOME)]
        assert sample.outcomes[1][row] == pytest.approx(found, rel=1e-6, abs=1e3)
    (other,) = (x for x in now.borrowed[:1])
    assert len(np.unique(other)) == BOOKS, "known at the start: of every book"
    assert estimate("borrowed", now).low < value("borrowed", now)


@pytest.mark.compiled
@pytest.mark.chain
def test_the_worst_paths_are_confirmed_on_their_books(tmp_path: Path) -> None:
    """What the search saw of them is what the contracts do, to rounding."""
    asked = over_books()
    with tuner(tmp_path, asked, paths=PATHS) as one:
        sample = one.reference
    paths = worst(sample, 2)
    assert {asked.book_of(k) for _, k in paths} != {0}
    found = list(verifications(asked, asked.space.current, paths, "revm"))
    said = confirmation(asked, "current", paths, found, sample, time.monotonic())
    assert said.holds and said.loss_error is not None and abs(said.loss_error) < 1e-6
    assert found[0].loss_usd > 1_000


@pytest.mark.compiled
def test_trials_do_not_depend_on_workers(tmp_path: Path) -> None:
    asked, found = over_books(), []
    for n in (1, 2):
        (tmp_path / str(n)).mkdir()
        found.append(searched(tmp_path / str(n), 9, asked=asked, paths=PATHS, workers=n))
    one, two = found
    assert one == two
    exact = [trial for trial in one if trial.state == "complete"]
    assert all(trial.objectives["borrowed"].low is not None for trial in exact)


def _sample(losses: np.ndarray, power: np.ndarray, books: np.ndarray) -> Sample:
    rows = np.zeros((len(losses), len(OUTCOME)))
    rows[:, LOSS] = losses * 1e8
    return Sample((1.0,), (rows,), (power,), (power / 2,), (300,), 0, books)


def test_intervals_are_over_books() -> None:
    """Ten equal paths of each of 40 books are 40 paths: for every measure and difference."""
    rng = np.random.default_rng(1)
    books = np.repeat(np.arange(40), 10)
    losses, power = rng.lognormal(0, 1, 40), 100 + rng.random(40)
    many = _sample(losses[books], power[books], books)
    few = _sample(losses, power, np.arange(40))
    other = _sample(1.2 * losses[books], 1.1 * power[books], books)
    alone = _sample(1.2 * losses, 1.1 * power, np.arange(40))
    for name in measures():
        a, b = estimate(name, many), estimate(name, few)
        assert (a.low, a.high) == pytest.approx((b.low, b.high)), name
        x, y = difference(name, other, many), difference(name, alone, few)
        assert (x.low, x.high) == pytest.approx((y.low, y.high)), name
    power_now = estimate("borrowing_power", many)
    assert power_now.low is not None and power_now.low < power_now.value == power.mean()
    usage = difference("borrow_usage", other, many)
    assert usage.value == usage.low == usage.high == 0
