"""The largest cap whose stressed loss stays within a budget.

The loss is the ES 99 % of the scenario set with the cap used in full (`Amounts.filled`): the more
is under it, the more has to be sold into the same venues, so the loss grows with the cap and the
largest one is found by bisection. Budgets by custom: a share of what first-loss capital holds
(governance.aave.com/t/12842: 0.1 % of the safety module).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from sim.sweep.work import world_of
from sim.tuning.borrowing import Amounts
from sim.tuning.objectives import estimate
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
    """The cap that the preset asks for at this path, under these parameters."""
    setup = tuner.setup
    wanted = setup.preset.tuning.caps[path]
    world = world_of(setup.scenarios[0].model_dump_json())
    amounts = Amounts(world.scenario, world.book, list(world.market.price[0]))
    now = amounts.now_under(setup.under(0, values), path)

    def loss(tokens: float) -> float:
        (sample,) = tuner.samples([values], fill=(path, tokens))
        return estimate(MEASURE, sample).value

    most = now * wanted.largest
    found = largest_within(loss, wanted.budget_usd, now * wanted.least, most)
    at = found.value if found.value is not None else now * wanted.least
    (sample,) = tuner.samples([values], fill=(path, at))
    _, _, symbol, kind = path.split(".")
    return Cap(
        path=path,
        asset=symbol,
        current=getattr(setup.scenarios[0].protocol.reserves[symbol], kind),
        value=found.value,
        largest_tried=most,
        budget=wanted.budget_usd,
        loss=estimate(MEASURE, sample),
        evaluations=found.evaluations,
    )
