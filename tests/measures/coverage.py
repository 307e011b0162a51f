"""How often intervals of losses hold the truth: the tables of docs/coverage.md (`make docs-slow`).

    python -m tests.measures.coverage                # all, three to four minutes on an idle core
    python -m tests.measures.coverage pairs          # one: settings, pairs or books
    python -m tests.measures.coverage pairs 400      # of 400 repeats instead of 2,000

Laws of the loss of one path have closed forms of their means, quantiles and shortfalls. A pair of
settings sees the same losses L:

    a tenth more     1.1 L against L
    noise on one     L N against L, N lognormal of mean 1 with sigma 1: noise proportional to the
                     loss, of one sign more often and of the other more at once
    noise on both    L N against L N', of one law

Paths of a book depend on each other: losses have a factor of the book's, or only some books lose at
all. The law of one path is then that of a hurdle, with its closed forms.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import exp, hypot, inf

import numpy as np
from scipy.stats import norm

from sim.measures.intervals import Estimate
from sim.measures.losses import (
    expected_loss,
    expected_shortfall,
    loss_given_loss,
    paired_difference,
    probability_of_loss,
    value_at_risk,
)

Sample = np.ndarray
PATHS = (200, 500, 2_000)


@dataclass(frozen=True)
class Law:
    """Of the loss of a path."""

    draw: Callable[[np.random.Generator, int], Sample]
    mean: float
    share: float
    """P(L > 0)."""
    quantile: Callable[[float], float]
    shortfall: Callable[[float], float]


def hurdle(mass: float, sigma: float = 1.0) -> Law:
    """Lost with probability `mass`, and then exp(sigma Z)."""
    mean = exp(sigma**2 / 2)

    def quantile(level: float) -> float:
        return exp(sigma * norm.isf((1 - level) / mass)) if mass > 1 - level else 0.0

    def shortfall(level: float) -> float:
        beyond = norm.isf((1 - level) / mass) if mass > 1 - level else -inf
        return float(mass * mean * norm.sf(beyond - sigma) / (1 - level))

    def draw(rng: np.random.Generator, n: int) -> Sample:
        return (rng.random(n) < mass) * rng.lognormal(0, sigma, n)

    return Law(draw, mass * mean, mass, quantile, shortfall)


def pareto(index: float) -> Law:
    """P(L > x) = x^-index from 1."""
    factor = index / (index - 1)

    def quantile(level: float) -> float:
        return float((1 - level) ** (-1 / index))

    return Law(
        lambda rng, n: rng.random(n) ** (-1 / index),
        factor,
        1.0,
        quantile,
        lambda level: factor * quantile(level),
    )


def atoms(losses: tuple[float, ...], chances: tuple[float, ...]) -> Law:
    """The losses, ascending, with their probabilities."""
    law = list(zip(losses, chances, strict=True))

    def quantile(level: float) -> float:
        below = np.cumsum(chances)
        return losses[int(np.argmax(below >= level - 1e-12))]

    def shortfall(level: float) -> float:
        left, total = 1 - level, 0.0
        for loss, chance in reversed(law):
            part = min(left, chance)
            left, total = left - part, total + part * loss
        return total / (1 - level)

    return Law(
        lambda rng, n: rng.choice(losses, n, p=chances),
        sum(loss * chance for loss, chance in law),
        sum(chance for loss, chance in law if loss),
        quantile,
        shortfall,
    )


LAWS = {
    "lognormal hurdle, 5 %": hurdle(0.05),
    "lognormal hurdle, 1 %": hurdle(0.01),
    "lognormal hurdle, .1 %": hurdle(0.001),
    "Pareto 1.5": pareto(1.5),
    "three atoms": atoms((0.0, 1.0, 10.0), (0.9, 0.08, 0.02)),
    "lognormal, every path": hurdle(1.0),
}


@dataclass(frozen=True)
class Nested:
    """Of losses of paths of several books."""

    of_books: float
    """Share of the books that can lose."""
    of_paths: float
    """Share of their paths that do."""
    sigma_book: float
    sigma_path: float

    @property
    def law(self) -> Law:
        """Of one path of a book nobody knows."""
        return hurdle(self.of_books * self.of_paths, hypot(self.sigma_book, self.sigma_path))

    def draw(self, rng: np.random.Generator, books: int, paths: int) -> tuple[Sample, Sample]:
        """Losses of so many paths of each book, and the numbers of the books."""
        book = np.repeat(np.arange(books), paths)
        size = rng.normal(0, self.sigma_book, books)[book]
        loses = (rng.random(books) < self.of_books)[book] & (rng.random(book.size) < self.of_paths)
        return loses * np.exp(size + rng.normal(0, self.sigma_path, book.size)), book


NESTED = {
    "every path": Nested(1.0, 1.0, 1.0, 0.5),
    "half the paths": Nested(1.0, 0.5, 1.0, 0.5),
    "5 % of the paths": Nested(1.0, 0.05, 1.0, 0.5),
    "three books in ten": Nested(0.3, 0.8, 1.0, 0.5),
    "one book in ten": Nested(0.1, 0.8, 1.0, 0.5),
    "6 % of the books": Nested(0.06, 1.0, 0.5, 0.5),
}
BOOKS = ((20, 50), (40, 10), (200, 10))
"""Books, and paths of each."""

Case = tuple[Callable[[np.random.Generator, Law, int], Estimate], Callable[[Law], float]]
"""An estimate from a sample of a law, and the truth."""


def _noise(rng: np.random.Generator, n: int) -> Sample:
    return rng.lognormal(-1 / 2, 1, n)


def _alone(measure: Callable[..., Estimate]) -> Callable[..., Estimate]:
    return lambda rng, law, n: measure(law.draw(rng, n))


def _pair(kind: str, level: float | None) -> Callable[..., Estimate]:
    def drawn(rng: np.random.Generator, law: Law, n: int) -> Estimate:
        loss = law.draw(rng, n)
        if kind == "a tenth more":
            return paired_difference(1.1 * loss, loss, level)
        other = loss * _noise(rng, n) if kind == "noise on both" else loss
        return paired_difference(loss * _noise(rng, n), other, level)

    return drawn


MEASURES: dict[str, Case] = {
    "expected loss": (_alone(expected_loss), lambda law: law.mean),
    "loss given a loss": (_alone(loss_given_loss), lambda law: law.mean / law.share),
    "VaR 99%": (_alone(partial(value_at_risk, level=0.99)), lambda law: law.quantile(0.99)),
    "ES 95%": (_alone(partial(expected_shortfall, level=0.95)), lambda law: law.shortfall(0.95)),
    "ES 99%": (_alone(partial(expected_shortfall, level=0.99)), lambda law: law.shortfall(0.99)),
}
PAIRS: dict[str, Case] = {
    "mean, a tenth more": (_pair("a tenth more", None), lambda law: 0.1 * law.mean),
    "mean, noise on one": (_pair("noise on one", None), lambda law: 0.0),
    "ES 95%, a tenth more": (_pair("a tenth more", 0.95), lambda law: 0.1 * law.shortfall(0.95)),
    "ES 95%, noise on both": (_pair("noise on both", 0.95), lambda law: 0.0),
    "ES 99%, a tenth more": (_pair("a tenth more", 0.99), lambda law: 0.1 * law.shortfall(0.99)),
    "ES 99%, noise on both": (_pair("noise on both", 0.99), lambda law: 0.0),
}


def coverage(case: Case, law: Law, paths: int, repeats: int, seed: int) -> tuple[float, float]:
    """Share of the repeats whose interval holds the truth, and of those with an infinite end."""
    estimate, truth = case[0], case[1](law)
    rng, held, unbounded = np.random.default_rng(seed), 0, 0
    for _ in range(repeats):
        found = estimate(rng, law, paths)
        # Sums of floats that are equal in exact arithmetic may differ by rounding.
        slack = 1e-9 * abs(truth)
        held += found.low - slack <= truth <= found.high + slack
        unbounded += found.low == -inf or found.high == inf
    return held / repeats, unbounded / repeats


NESTED_MEASURES: dict[str, tuple[Callable[..., Estimate], Callable[[Law], float]]] = {
    "chance of a loss": (probability_of_loss, lambda law: law.share),
    "expected loss": (expected_loss, lambda law: law.mean),
    "loss given a loss": (loss_given_loss, lambda law: law.mean / law.share),
    "VaR 95%": (partial(value_at_risk, level=0.95), lambda law: law.quantile(0.95)),
    "VaR 99%": (partial(value_at_risk, level=0.99), lambda law: law.quantile(0.99)),
    "ES 95%": (partial(expected_shortfall, level=0.95), lambda law: law.shortfall(0.95)),
    "ES 99%": (partial(expected_shortfall, level=0.99), lambda law: law.shortfall(0.99)),
}
NESTED_PAIRS = ("a tenth more", "noise on one")


def of_books(law: Nested, books: int, paths: int, repeats: int) -> dict[str, tuple[float, float]]:
    """By measure and pair: share of the repeats whose interval holds the truth, and of those with
    an infinite end. A pair sees the same books and paths; its noise is the book's.
    """
    rng, one = np.random.default_rng(books), law.law
    truths = {name: truth(one) for name, (_, truth) in NESTED_MEASURES.items()}
    truths |= {"mean, a tenth more": 0.1 * one.mean, "mean, noise on one": 0.0}
    held, unbounded = dict.fromkeys(truths, 0), dict.fromkeys(truths, 0)
    for _ in range(repeats):
        losses, book = law.draw(rng, books, paths)
        found = {
            name: measure(losses, replicates=book) for name, (measure, _) in NESTED_MEASURES.items()
        }
        noisy = losses * _noise(rng, books)[book]
        for name, other in (("a tenth more", 1.1 * losses), ("noise on one", noisy)):
            found[f"mean, {name}"] = paired_difference(other, losses, None, book)
        for name, estimate in found.items():
            slack = 1e-9 * abs(truths[name])
            held[name] += estimate.low - slack <= truths[name] <= estimate.high + slack
            unbounded[name] += estimate.low == -inf or estimate.high == inf
    return {name: (held[name] / repeats, unbounded[name] / repeats) for name in truths}


def table_of_books(repeats: int) -> Iterator[str]:
    """Rows of the table of books in Markdown."""
    names = [*NESTED_MEASURES, *(f"mean, {name}" for name in NESTED_PAIRS)]
    yield f"| law | books x paths | {' | '.join(names)} |"
    yield "|---|--:|" + "--:|" * len(names)
    for title, law in NESTED.items():
        for books, paths in BOOKS:
            found = of_books(law, books, paths, repeats)
            cells = [
                f"{found[n][0]:.3f}" + (f" ({found[n][1]:.2f})" if found[n][1] else "")
                for n in names
            ]
            yield f"| {title} | {books} x {paths} | {' | '.join(cells)} |"


def table(cases: dict[str, Case], repeats: int) -> Iterator[str]:
    """Rows of a table in Markdown: coverage, and in brackets the share that is unbounded."""
    yield f"| law | paths | {' | '.join(cases)} |"
    yield "|---|--:|" + "--:|" * len(cases)
    for name, law in LAWS.items():
        for paths in PATHS:
            cells = []
            for case in cases.values():
                held, unbounded = coverage(case, law, paths, repeats, seed=paths)
                cells.append(f"{held:.3f}" + (f" ({unbounded:.2f})" if unbounded else ""))
            yield f"| {name} | {paths:,} | {' | '.join(cells)} |"


TABLES: dict[str, Callable[[int], Iterator[str]]] = {
    "settings": partial(table, MEASURES),
    "pairs": partial(table, PAIRS),
    "books": table_of_books,
}
"""Of docs/coverage.md, of so many repeats."""


if __name__ == "__main__":
    named = [word for word in sys.argv[1:] if word in TABLES]
    (repeats,) = [int(word) for word in sys.argv[1:] if word not in TABLES] or [2_000]
    for name in named or TABLES:
        for line in TABLES[name](repeats):
            print(line, flush=True)
        if not named:
            print()
