"""The measures of one asset of a run: what scenarios of events say as `lowest_price.WETH`."""

from __future__ import annotations

import pandas as pd

from sim.measures.activity import repaid_tokens, seized_tokens
from sim.measures.facts import Facts
from sim.measures.measure import Measure

FULL_USAGE = 0.9995
"""Published usages have three decimals."""


def _oracle_price(run: Facts, asset: str) -> pd.Series[float]:
    """The prices that the vault went by; 0 says that the feed was down."""
    seen = run.of(asset)["oracle_price_usd"]
    return seen[seen > 0]


def _loss_tokens(run: Facts, asset: str) -> float:
    row = run.losses.loc[asset]
    unit: int = 10 ** int(row["decimals"])
    return int(row["added"]) / unit


def _hours_at_full_usage(run: Facts, asset: str) -> float:
    """Every step counts for the time until the next."""
    times = run.tape.steps["time_utc"]
    hours = (times.iloc[1] - times.iloc[0]).total_seconds() / 3_600 if len(times) > 1 else 0.0
    return float((run.of(asset)["usage"].iloc[1:] >= FULL_USAGE).sum() * hours)


def _supply_left(run: Facts, asset: str) -> float:
    total = run.of(asset)["total_assets"]
    return float(total.iloc[-1] / total.iloc[0]) if total.iloc[0] else float("nan")


OF_ASSETS = (
    Measure(
        name="loss_tokens",
        title="bad debt and shortfall",
        unit="tokens",
        meaning="written off until the end, and owed beyond collateral then, of debts in the asset",
        of_asset=_loss_tokens,
    ),
    Measure(
        name="repaid_tokens",
        title="debt repaid by liquidators",
        short="debt repaid",
        unit="tokens",
        of_asset=lambda run, asset: repaid_tokens(run.tape, asset),
    ),
    Measure(
        name="seized_tokens",
        title="collateral they took",
        unit="tokens",
        of_asset=lambda run, asset: seized_tokens(run.tape, asset),
    ),
    Measure(
        name="lowest_price",
        title="lowest price",
        unit="price",
        meaning="reference price",
        is_input=True,
        of_asset=lambda run, asset: float(run.of(asset)["reference_price_usd"].min()),
    ),
    Measure(
        name="highest_price",
        title="highest price",
        unit="price",
        meaning="reference price",
        is_input=True,
        of_asset=lambda run, asset: float(run.of(asset)["reference_price_usd"].max()),
    ),
    Measure(
        name="oracle_lowest",
        title="lowest price of the oracle",
        unit="price",
        meaning="that the vault went by while its feed was not down",
        is_input=True,
        of_asset=lambda run, asset: float(_oracle_price(run, asset).min()),
    ),
    Measure(
        name="oracle_highest",
        title="highest price of the oracle",
        unit="price",
        meaning="that the vault went by while its feed was not down",
        is_input=True,
        of_asset=lambda run, asset: float(_oracle_price(run, asset).max()),
    ),
    Measure(
        name="hours_at_full_usage",
        title="hours at full usage",
        unit="hours",
        digits=1,
        meaning="time with a usage that rounds to 1.000",
        of_asset=_hours_at_full_usage,
    ),
    Measure(
        name="highest_borrow_rate",
        title="highest borrow rate",
        unit="share",
        meaning="per year",
        of_asset=lambda run, asset: float(run.of(asset)["borrow_rate_per_year"].max()),
    ),
    Measure(
        name="supply_left",
        title="supply left",
        unit="share",
        meaning="cash and debt at the end over what they were at the start",
        of_asset=_supply_left,
    ),
)
