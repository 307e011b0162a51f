"""How often intervals of losses hold the truth: `python -m tests.measures.coverage` prints the
tables of docs/coverage.md, in two to three minutes on an idle core.

Laws of the loss of one path have closed forms of their means, quantiles and shortfalls. A pair of
settings sees the same losses L:

    a tenth more     1.1 L against L
    noise on one     L N against L, N lognormal of mean 1 with sigma 1: noise proportional to the
                     loss, of one sign more often and of the other more at once
    noise on both    L N against L N', of one law
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import exp, inf

import numpy as np
from scipy.stats import norm

from sim.measures.intervals import Estimate
from sim.measures.losses import (
    expected_loss,
    expected_shortfall,
    loss_given_loss,
    paired_difference,
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


if __name__ == "__main__":
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    for cases in (MEASURES, PAIRS):
        for line in table(cases, repeats):
            print(line, flush=True)
        print()
