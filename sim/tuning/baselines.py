"""Rules of risk practice in closed form, next to what a search finds.

They know one asset at a time, and no borrowers, liquidators or paths.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from sim.market.calibration import depth_usd
from sim.market.level_tables import price_table
from sim.protocol.fixed_point import YEAR
from sim.protocol.units import BPS, USD
from sim.scenario import Scenario
from sim.schema.book import BorrowerBook
from sim.tuning.result import Baseline

SMART_LTV_C = 7.0
"""1 / risk level of SmartLTV: the value of its repository's example."""
_DAY = 86_400


def smart_ltv(
    volatility: float, liquidity: float, debt: float, bonus: float, c: float = SMART_LTV_C
) -> float:
    """LTV = exp(-c sigma / sqrt(l / d)) - beta, 0 if that is negative.

    `volatility` of the pair over a day; `liquidity` l sellable at a price impact of beta and `debt`
    (or cap) d in one unit; beta the liquidation bonus. Source: B.Protocol, smart-ltv,
    src/core/SmartLTV.sol.
    """
    return max(0.0, math.exp(-c * volatility / math.sqrt(liquidity / debt)) - bonus)


def liquidation_incentive(threshold: float, most: float = 0.15, b: float = 0.3) -> float:
    """LI = min(M, 1 / (b LLTV + 1 - b) - 1): a bonus from a threshold (Morpho Blue)."""
    return min(most, 1 / (b * threshold + 1 - b) - 1)


def sellable_within(depth: float, impact: float) -> float:
    """What a constant-product pool of `depth` a side buys before its price is down by `impact`.

    The price falls as (R / (R + x))^2, so x = R (1 / sqrt(1 - impact) - 1); fees left out.
    """
    return depth * (1 / math.sqrt(1 - impact) - 1)


def liquidity_cap(depth: float, bonus: float) -> float:
    """Twice what can be sold with less slippage than the liquidation bonus (new listings, Venus and
    Aave forums), in the unit of depth.
    """
    return 2 * sellable_within(depth, bonus)


def baselines(scenario: Scenario) -> Iterator[Baseline]:
    """What the rules say about every collateral that is volatile, has a venue and backs debt.

    The depth is that of all its venues together; the debt against it its share of the book's.
    """
    protocol, book = scenario.protocol, scenario.book
    volatility = scenario.paths.volatility_per_sqrt_year if scenario.paths else {}
    if not isinstance(book, BorrowerBook):
        return
    weights = book.collateral_weights
    prices = price_table(scenario)[0]
    for symbol, reserve in protocol.reserves.items():
        depth = sum(depth_usd(venue) for venue in scenario.venues if symbol in venue.assets)
        sigma = volatility.get(symbol, 0.0) * math.sqrt(_DAY / YEAR)
        debt = book.total_debt_usd * weights[symbol] / sum(weights.values())
        if not (depth and sigma and debt and reserve.ltv_bps):
            continue
        bonus, threshold = reserve.max_bonus_bps / BPS, reserve.lt_bps / BPS
        liquidity = sellable_within(depth, bonus)
        path = f"protocol.reserves.{symbol}"
        yield Baseline(
            rule="SmartLTV",
            path=f"{path}.ltv_bps",
            value=smart_ltv(sigma, liquidity, debt, bonus) * BPS,
            unit="bps",
            source="backstop-protocol/smart-ltv, src/core/SmartLTV.sol",
            inputs={
                "volatility_per_day": sigma,
                "liquidity_usd": liquidity,
                "debt_usd": debt,
                "bonus": bonus,
                "c": SMART_LTV_C,
            },
        )
        yield Baseline(
            rule="liquidation incentive",
            path=f"{path}.max_bonus_bps",
            value=liquidation_incentive(threshold) * BPS,
            unit="bps",
            source="morpho-org/morpho-blue-lltv-recommendation",
            inputs={"threshold": threshold, "most": 0.15, "b": 0.3},
        )
        price = prices[scenario.symbols.index(symbol)] / USD
        yield Baseline(
            rule="2 x liquidity inside the bonus",
            path=f"{path}.supply_cap",
            value=liquidity_cap(depth, bonus) / price,
            unit="tokens",
            source="community.venus.io/t/3642; governance.aave.com, new listings",
            inputs={"depth_usd": depth, "bonus": bonus, "price_usd": price},
        )
