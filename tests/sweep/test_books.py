"""Path k has the borrowers of book k mod B, whoever runs it and however many paths there are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sim.books.seeds import seed_of
from sim.engines.compiled import Compiled
from sim.market.paths import draw, observed
from sim.questions.store import QuestionError
from sim.scenario import Scenario
from sim.sweeps.outcome_columns import frame
from sim.sweeps.plan import Plan, usual_block, usual_books
from sim.sweeps.stored import begin
from sim.world import build
from tests.scenario.test_people import TOP_UP
from tests.sweep.repeats import estimates, holding
from tests.sweep.storms import bits, storms, swept

BOOKS = 7


def recorded(folder: Path) -> Scenario:
    """The storm on a book of one account in a file."""
    file = folder / "book.csv"
    file.write_text("account,asset,supplied,debt\na,WETH,10,0\na,USDC,0,5000\n")
    return storms(book={"file": str(file)})


# --- seeds ----------------------------------------------------------------------------------------


def test_the_first_book_is_that_of_a_single_run() -> None:
    assert [seed_of(root, 0) for root in (0, 8, 2**63 - 1)] == [0, 8, 2**63 - 1]


def test_books_have_seeds_of_their_own() -> None:
    """Whole numbers that a scenario takes; no two alike, neither within a root nor across them."""
    seeds = [seed_of(root, book) for root in range(5) for book in range(1, 200)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert min(seeds) < 2**60 and max(seeds) > 2**62, "of the whole range"


def test_streams_of_some_paths_are_theirs() -> None:
    whole = draw(storms(), "mc", 0, 20)
    assert (draw(storms(), "mc", 3, 3, 7) == whole[[3, 10, 17]]).all()
    with pytest.raises(ValueError, match=r"sobol.* every 7"):
        draw(storms(), "sobol", 0, 2, 7)


# --- the plan -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("paths", "block", "books"), [(100, 4, 7), (5, 2, 5), (12, 64, 3)])
def test_blocks_cover_every_path_once_on_its_book(paths: int, block: int, books: int) -> None:
    blocks = Plan(storms(), "mc", paths, block, books, 8).blocks()
    covered = [path for one in blocks for path in one.paths]
    assert sorted(covered) == list(range(paths))
    assert all(path % books == one.book for one in blocks for path in one.paths)
    assert all(one.size <= block for one in blocks)
    assert len({one.number for one in blocks}) == len(blocks)
    assert [one.book for one in blocks] == sorted(one.book for one in blocks), "book by book"


def test_a_larger_plan_keeps_what_is_done() -> None:
    small, large = (Plan(storms(), "mc", n, 2, 5, 8).blocks() for n in (20, 43))
    assert set(small) <= set(large)


def test_a_block_names_its_paths_and_book() -> None:
    assert str(Plan(storms(), "mc", 2_000, 64, 200, 8).blocks()[3]) == (
        "paths 3 to 1,803 of book 3"
    )


@pytest.mark.parametrize(
    ("accounts", "sampler", "paths", "books"),
    [
        (240, "mc", 2_000, 200),
        (240, "mc", 1_024, 200),
        (240, "mc", 100_000, 200),
        (240, "mc", 500, 100),
        (240, "mc", 4, 1),
        (20_000, "mc", 2_000, 20),
        (4_000, "mc", 2_000, 100),
        (100_000, "mc", 50, 10),
        (240, "sobol", 2_048, 1),
    ],
)
def test_how_many_books(accounts: int, sampler: str, paths: int, books: int) -> None:
    scenario = storms(book__accounts=accounts, book__total_debt_usd=1e9)
    assert usual_books(scenario, sampler, paths) == books  # type: ignore[arg-type]


def test_blocks_are_of_one_book() -> None:
    assert [usual_block(*n) for n in ((2_000, 200), (1_024, 1), (1_024, 200), (3, 3))] == [
        10,
        64,
        6,
        1,
    ]


def test_one_book_where_there_is_one(tmp_path: Path) -> None:
    scenario = recorded(tmp_path)
    assert usual_books(scenario, "mc", 1_000) == 1
    with pytest.raises(QuestionError, match=r"books 2: the book is recorded.*: 1, or leave it out"):
        begin(tmp_path / "out", scenario, paths=100, books=2)
    with pytest.raises(QuestionError, match=r"books 2: sobol spreads.*: 1, or leave it out"):
        begin(tmp_path / "out", storms(), "sobol", 64, books=2)
    with pytest.raises(QuestionError, match=r"books 5: more than there are paths; 4 or less"):
        begin(tmp_path / "out", storms(), paths=4, books=5)


# --- what is run ----------------------------------------------------------------------------------


@pytest.mark.compiled
def test_every_path_is_run_on_its_book(tmp_path: Path) -> None:
    """Without blocks, workers and files in between; and the numbers depend on the book."""
    found = swept(tmp_path, books=BOOKS, block=4).outcomes()
    scenario = storms()
    for path in (0, 1, 8, 55, 99):
        book = path % BOOKS
        prices = draw(scenario, "mc", path, 1)
        world = build(scenario, seed_of(scenario.seed, book))
        outcomes = Compiled(world).outcomes(prices, observed(scenario, prices))
        own = frame([path], book, outcomes, scenario.symbols).set_index("path")
        assert own.equals(found.loc[[path]])
    alone = swept(tmp_path / "one").outcomes()
    same = (alone["debt_usd"] == found["debt_usd"]).to_numpy()
    assert same[found["book"] == 0].all() and not same[found["book"] != 0].any()


@pytest.mark.compiled
def test_blocks_threads_and_growing_do_not_matter(tmp_path: Path) -> None:
    whole = bits(swept(tmp_path / "whole", books=BOOKS, block=64, workers=1))
    assert bits(swept(tmp_path / "parts", books=BOOKS, block=3)) == whole
    swept(tmp_path / "grown", paths=41, books=BOOKS, block=4)
    assert bits(swept(tmp_path / "grown", books=BOOKS, block=4, resume=True)) == whole


def test_more_paths_are_of_the_same_books(tmp_path: Path) -> None:
    begin(tmp_path, storms(), paths=50).start()
    assert begin(tmp_path, storms(), paths=1_000, resume=True).plan[2:5] == (1_000, 5, 10)


def test_the_path_seed_leaves_books_alone() -> None:
    """What is of the book: accounts, who reacts, when suppliers leave. Prices are of the path."""
    leaving = {"base_per_day": 9.0, "branching_ratio": 0.0, "half_life_seconds": 60}
    people = {"borrowers": [TOP_UP], "withdrawals": {"USDC": {**leaving, "size_bps": 100}}}
    one, other = (storms(seed=n, **people) for n in (1, 2))
    a, b = build(one, 5), build(other, 5)
    assert (a.book.debt == b.book.debt).all()
    here, there = a.market.actors, b.market.actors
    assert np.array_equal(here.suppliers.arrival, there.suppliers.arrival)
    assert np.array_equal(here.borrowers.account, there.borrowers.account)
    assert np.array_equal(here.borrowers.due, there.borrowers.due)
    assert not np.array_equal(draw(one, "mc", 0, 1), draw(other, "mc", 0, 1))
    c = build(one, 6)
    assert not (a.book.debt == c.book.debt).all()
    assert not np.array_equal(here.suppliers.arrival, c.market.actors.suppliers.arrival)


@pytest.mark.compiled
def test_the_interval_holds_over_books() -> None:
    """In 17 of 20 sweeps or more; that of one book does not. In full: tests/sweep/repeats.py."""
    scenario = storms(book__accounts=8)
    assert holding(list(estimates(scenario, 20, 200, 40))) >= 17
    assert holding(list(estimates(scenario, 20, 40, 1))) < 17
