"""The largest cap whose stressed loss stays within a budget.

The loss is the ES 99 % of the scenario set with the cap used in full (`Amounts.filled`): of the
whole market, so where the rest of it loses more than the budget no cap is small enough, and the
answer is none. Budgets by custom: a share of what first-loss capital holds
(governance.aave.com/t/12842: 0.1 % of the safety module).

The more is under a cap, the more has to be sold into the same venues, so the loss grows with the
cap, and the edge is found by bisection. How far that holds was looked at on grids of 15 caps from a
twentieth to four times today's use (lending-market, 1,000 accounts, 500 paths of three scenarios):

* borrow cap of USDC, supply cap of wstETH: the loss rises at every point;
* supply cap of WETH: it rises from a quarter of today's use on. Below that the loss is that of the
  other collaterals and falls by up to 4 % in all where accounts that pledge two assets have less of
  this one. With 2,000 paths it rises there too;
* supply cap of WBTC, borrow cap of WETH: hardly any loss depends on them. It rises with the first
  and stays with the second, but for falls of 0.05 % at most.

So where a budget lies in such a dip there may be several edges, and one of them is found. What
holds without exception is that the cap returned has been evaluated and is within the budget, and
that one at most `ACCURACY` above it has been and is not (or is larger than the largest asked for).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

from sim.books.borrowing import Amounts
from sim.questions.work import world_of
from sim.tuning.objectives import Sample, estimate, value
from sim.tuning.result import Cap, Value
from sim.tuning.study import Tuner

ACCURACY = 0.02
"""Of a cap, relative."""
MEASURE = "es_99"


class Found(NamedTuple):
    """Where a search ended."""

    value: float | None
    """The largest argument found within the budget; None: not even the least."""
    evaluations: int


def largest_within(
    loss: Callable[[float], float],
    budget: float,
    least: float,
    most: float,
    accuracy: float = ACCURACY,
) -> Found:
    """The largest x in least..most with loss(x) <= budget, for a loss that does not fall.

    Within `accuracy` (relative) below the true one, and never above it. Bisection in logarithms:
    2 + log2(log(most / least) / log(1 + accuracy)) evaluations.
    """
    if loss(most) <= budget:
        return Found(most, 1)
    if loss(least) > budget:
        return Found(None, 2)
    evaluations = 2
    while most / least > 1 + accuracy:
        middle = math.sqrt(least * most)
        evaluations += 1
        least, most = (middle, most) if loss(middle) <= budget else (least, middle)
    return Found(least, evaluations)


def solve(tuner: Tuner, values: Mapping[str, Value], path: str) -> Cap:
    """The cap that the preset asks for at this path, under these parameters.

    Bisected on the paths that are worst today first: the loss on them alone is a bound of the whole
    from below. Where it is within the budget at last, all paths are run. They say the same unless
    others have become the worst; then the search goes on below, on all of them.

    Raises `ScenarioError` if nobody has what the cap counts.
    """
    setup = tuner.setup
    wanted = setup.preset.tuning.caps[path]
    world = world_of(setup.scenarios[0])
    debts = setup.preset.tuning.debts
    amounts = Amounts(world.scenario, world.book, list(world.market.price[0]), debts)
    now = amounts.now_under(setup.under(0, values), path)
    least, most = now * wanted.least, now * wanted.largest

    @cache
    def sample(tokens: float) -> Sample:
        (one,) = tuner.samples([values], fill=(path, tokens))
        return one

    def loss(tokens: float) -> float:
        return value(MEASURE, sample(tokens))

    def bound(tokens: float) -> float:
        (one,) = tuner.samples([values], worst_only=True, fill=(path, tokens))
        return value(MEASURE, one)

    found = largest_within(bound, wanted.budget_usd, least, most)
    evaluations = found.evaluations
    if found.value is not None:
        found = largest_within(loss, wanted.budget_usd, least, found.value)
        evaluations += found.evaluations
    _, _, symbol, kind = path.split(".")
    return Cap(
        path=path,
        asset=symbol,
        current=getattr(setup.scenarios[0].protocol.reserves[symbol], kind),
        value=found.value,
        largest_tried=most,
        budget=wanted.budget_usd,
        loss=estimate(MEASURE, sample(least if found.value is None else found.value)),
        evaluations=evaluations,
    )
