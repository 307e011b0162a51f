"""Paths of one book: what they say together, by hand, by brute force, on laws of closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, t

from sim.measures.clusters import effective, linearised, means, split
from sim.measures.exceedance import exceedance
from sim.measures.losses import (
    expected_loss,
    probability_of_loss,
    value_at_risk,
)
from tests.measures.coverage import NESTED, of_books

REPEATS = 400
LEAST = 0.92
BOOKS = np.repeat(np.arange(40), 10)


@pytest.mark.parametrize(("books", "paths"), [(20, 50), (40, 10)])
@pytest.mark.parametrize("name", NESTED)
def test_coverage_over_books(name: str, books: int, paths: int) -> None:
    """20 books of 50 paths, 40 of 10: in .92 of all samples or more, by what a binomial law may
    show once in a thousand times; as independent paths the same losses are not (below).
    """
    least = binom.ppf(0.001, REPEATS, LEAST) / REPEATS
    for measure, (held, _) in of_books(NESTED[name], books, paths, REPEATS).items():
        assert held >= least, measure


def test_paths_of_a_book_are_not_independent() -> None:
    """What the clusters are there for: without them the mean is held in less than .8."""
    law, rng, held = NESTED["every path"], np.random.default_rng(1), 0
    for _ in range(REPEATS):
        losses, _ = law.draw(rng, 40, 10)
        found = expected_loss(losses)
        held += found.low <= law.law.mean <= found.high
    assert held / REPEATS < 0.8


def test_equal_paths_of_a_book_are_one_path() -> None:
    """Ten times the same: everything is as of the 40 alone, and no more is known."""
    rng = np.random.default_rng(2)
    alone = rng.lognormal(0, 1, 40) * (rng.random(40) < 0.6)
    losses = alone[BOOKS]
    assert linearised(losses, BOOKS) == pytest.approx(alone)
    assert means(losses, BOOKS) == pytest.approx(alone)
    assert expected_loss(losses, BOOKS) == pytest.approx(expected_loss(alone))
    known = (t.ppf(0.975, 399) / t.ppf(0.975, 39)) ** 2
    assert effective(1.0 * (losses > 0), BOOKS) == pytest.approx(39 * known)
    assert probability_of_loss(losses, BOOKS).low < probability_of_loss(alone).low
    assert not np.isfinite(value_at_risk(losses, 0.95, BOOKS).high), "40 are less than 51"
    assert np.isfinite(value_at_risk(losses, 0.95).high)


def test_books_that_do_not_matter_cost_little() -> None:
    """Independent paths count as nearly all of them."""
    rng = np.random.default_rng(3)
    found = [effective(1.0 * (rng.random(2_000) < 0.3), np.arange(2_000) % 200) for _ in range(50)]
    assert 1_500 < np.mean(found) <= 2_000
    hits = np.tile([1.0, 0.0], 200)
    assert effective(hits, np.arange(400) // 10) == 400, "never more than there are"
    assert effective(np.ones(400), BOOKS) == effective(np.zeros(400), BOOKS) == 40


def test_the_number_of_a_book_does_not_matter() -> None:
    rng = np.random.default_rng(4)
    losses, other = rng.lognormal(0, 1, 400), rng.permutation(1_000)[:40][BOOKS]
    for measure in (expected_loss, probability_of_loss, lambda *a: value_at_risk(a[0], 0.95, a[1])):
        assert measure(losses, BOOKS) == pytest.approx(measure(losses, other))
    some = rng.permutation(400)
    assert expected_loss(losses[some], BOOKS[some]) == pytest.approx(expected_loss(losses, BOOKS))


def test_the_band_is_that_of_every_share() -> None:
    """Of unequal books, ties and losses of 0: counted one threshold after the other."""
    rng = np.random.default_rng(5)
    books = rng.integers(0, 12, 150)
    losses = np.round(rng.lognormal(0, 1, 12)[books] * rng.random(150), 1)
    curve = exceedance(losses, clusters=books)
    for row in curve.itertuples():
        found = probability_of_loss(np.where(losses > row.loss, 1.0, 0.0), books)
        assert (row.probability, row.low, row.high) == pytest.approx(
            (found.value, found.low, found.high), rel=1e-9
        )
    assert (curve["high"] - curve["low"] > 0).all()


def test_split_by_hand() -> None:
    """Books 1, 3 and 5, 9: means 2 and 7, within 1^2 + 1^2 + 2^2 + 2^2 of 2 degrees of freedom."""
    found = split([1.0, 3.0, 5.0, 9.0], np.array([0, 0, 1, 1]))
    assert found.of_path == pytest.approx(10 / 2)
    assert found.of_book == pytest.approx((2 * 2 * 2.5**2 - 5) / 2)
    assert found.share_of_mean == pytest.approx(found.of_book * 2 / (found.of_book * 2 + 5))


def test_split_finds_what_was_put_in() -> None:
    """Books of 5 to 9 paths with a variance of 4, paths of 9."""
    rng = np.random.default_rng(6)
    books = np.repeat(np.arange(3_000), rng.integers(5, 10, 3_000))
    found = split(20 + rng.normal(0, 2, 3_000)[books] + rng.normal(0, 3, books.size), books)
    assert found.of_book == pytest.approx(4, rel=0.1)
    assert found.of_path == pytest.approx(9, rel=0.05)
    assert found.share_of_one == pytest.approx(4 / 13, rel=0.1)
    assert found.share_of_mean == pytest.approx(4 / (4 + 9 / 7.1), rel=0.1)


def test_split_is_never_negative() -> None:
    found = split(np.tile([1.0, 2.0], 50), np.repeat(np.arange(50), 2))
    assert found.of_book == 0 and found.share_of_one == found.share_of_mean == 0
    nothing = split(np.ones(10), np.repeat(np.arange(5), 2))
    assert nothing == (0, 0, 0) and nothing.share_of_one == 0


@pytest.mark.parametrize("books", [np.zeros(4, dtype=int), np.arange(4)])
def test_no_split_of_one_book_or_of_single_paths(books: np.ndarray) -> None:
    with pytest.raises(ValueError, match="two clusters and two paths of one"):
        split(np.arange(4.0), books)
