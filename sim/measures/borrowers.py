"""The borrowers' book as a run began with it or ended, as arrays: accounts x assets.

Tokens are whole, prices USD at the oracle; all floats. A health factor is that of the protocol,

    HF = sum_i collateral_i p_i LT_i / sum_i debt_i p_i

to the rounding of doubles.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.protocol.brackets import weigh_all
from sim.tape import Frames

Floats = npt.NDArray[np.float64]
_BPS = 10_000


class Pools(NamedTuple):
    """Exit liquidity: constant-product pools, one row each."""

    names: list[str]
    """Of the venues: the pair, and what it is called if that is said."""
    pairs: list[tuple[str, str]]
    reserves: Floats
    """(pools, 2) whole tokens."""
    fees: Floats
    """(pools,) of what is sold, a fraction."""


class Brackets(NamedTuple):
    """An asset of which large collateral counts for less."""

    asset: int
    thresholds: list[float]
    """Fractions, falling."""
    above: list[float]
    """USD, where the second begins and those after it."""
    here: npt.NDArray[np.bool_]
    """(accounts,): of those in whose vault it is so."""


class Book(NamedTuple):
    """Who has pledged and owes what."""

    symbols: list[str]
    prices: Floats
    """(assets,) at the oracle, USD."""
    thresholds: Floats
    """(assets,) LT, a fraction, of the first bracket; (accounts, assets) with several vaults, or
    categories.
    """
    collateral: Floats
    """(accounts, assets) tokens that back debt."""
    debt: Floats
    """(accounts, assets) tokens."""
    brackets: tuple[Brackets, ...] = ()
    """Of the assets that have several."""

    def weighted(self, prices: Floats, accounts: npt.NDArray[np.intp] | None = None) -> Floats:
        """What the collateral of every account, or of some, counts for, USD; of `prices` (steps,
        assets) too, then (steps, accounts).
        """
        rows = slice(None) if accounts is None else accounts
        tokens = self.collateral[rows]
        if self.thresholds.ndim == 1:
            worth = prices * self.thresholds
            found: Floats = tokens @ worth if worth.ndim == 1 else worth @ tokens.T
        else:
            counted = tokens * self.thresholds[rows]
            found = counted @ prices if prices.ndim == 1 else prices @ counted.T
        for i, thresholds, above, here in self.brackets:
            values: Floats = np.multiply.outer(prices[..., i], tokens[:, i])
            less = weigh_all(values, thresholds, above) - values * thresholds[0]
            found = found + less * here[rows]
        return found

    def values(self, prices: Floats) -> tuple[Floats, Floats]:
        """Collateral and debt of every account in USD."""
        return self.collateral @ prices, self.debt @ prices

    def health(self, prices: Floats) -> Floats:
        """Health factor of every account; infinite without debt."""
        weighted, owed = self.weighted(prices), self.debt @ prices
        return np.divide(weighted, owed, out=np.full(len(owed), np.inf), where=owed > 0)


def scenario_of(tape: Frames) -> dict[str, Any]:
    """The scenario that a tape was made from, as JSON says it."""
    scenario: dict[str, Any] = json.loads(tape.run["scenario_json"].iloc[0])
    return scenario


def book(tape: Frames, when: Literal["start", "end"] = "start") -> Book:
    """The book after the opening of the protocol or after the last step."""
    step = tape.assets["step"].min() if when == "start" else tape.assets["step"].max()
    assets = tape.assets[tape.assets["step"] == step]
    symbols = assets["asset"].tolist()
    units = 10.0 ** assets["decimals"].to_numpy(dtype=np.float64)
    column = "is_collateral_start" if when == "start" else "is_collateral"
    backs = tape.accounts[column].to_numpy(dtype=bool).reshape(-1, len(symbols))

    def tokens(column: str) -> Floats:
        amounts: Floats = tape.accounts[f"{column}_{when}"].astype(float).to_numpy()
        whole: Floats = amounts.reshape(-1, len(symbols)) / units
        return whole

    return Book(
        symbols,
        assets["oracle_price_usd"].to_numpy(dtype=np.float64),
        _thresholds(tape, symbols),
        tokens("supplied") * backs,
        tokens("debt"),
        tuple(_brackets(tape, symbols)),
    )


def _of(tiers: list[dict[str, float]], name: str) -> list[float]:
    return [tier[name] for tier in tiers]


def _reserves(tape: Frames) -> list[tuple[npt.NDArray[np.bool_], dict[str, Any]]]:
    """Of every vault: which accounts are in it, and its reserves by asset."""
    protocol = scenario_of(tape)["protocol"]
    own: dict[str, Any] = protocol["reserves"]
    first = tape.accounts.iloc[:: tape.accounts["asset"].nunique()]
    if not protocol.get("vaults"):
        return [(np.ones(len(first), dtype=bool), own)]
    named = first["vault"].to_numpy()
    return [
        (named == name, {s: {**own[s], **vault["reserves"].get(s, {})} for s in own})
        for name, vault in protocol["vaults"].items()
    ]


def _thresholds(tape: Frames, symbols: list[str]) -> Floats:
    vaults = _reserves(tape)
    found: Floats = np.zeros((len(vaults[0][0]), len(symbols)))
    for here, reserves in vaults:
        found[here] = [reserves[symbol]["lt_bps"] / _BPS for symbol in symbols]
    own = by_category(tape, symbols, "lt_bps")
    found = np.where(np.isnan(own), found, own)
    return found if len(vaults) > 1 or np.isfinite(own).any() else found[0]


def by_category(tape: Frames, symbols: list[str], field: str) -> Floats:
    """(accounts, assets) `lt_bps` or `ltv_bps` of what counts by the account's category, as a
    fraction; else NaN.
    """
    first = tape.accounts.iloc[:: tape.accounts["asset"].nunique()]
    found: Floats = np.full((len(first), len(symbols)), np.nan)
    for name, category in scenario_of(tape)["protocol"].get("categories", {}).items():
        counts = [symbol in category["collateral"] for symbol in symbols]
        found[np.outer(first["category"] == name, counts)] = category[field] / _BPS
    return found


def _brackets(tape: Frames, symbols: list[str]) -> Iterator[Brackets]:
    for here, reserves in _reserves(tape):
        for i, symbol in enumerate(symbols):
            if tiers := reserves[symbol].get("tiers"):
                thresholds = [reserves[symbol]["lt_bps"], *_of(tiers, "lt_bps")]
                above = _of(tiers, "above_usd")
                tiered = here & np.isnan(by_category(tape, symbols, "lt_bps")[:, i])
                yield Brackets(i, [lt / _BPS for lt in thresholds], above, tiered)


def pools(tape: Frames) -> Pools:
    """The venues as the run began with them."""
    decimals = dict(zip(tape.assets["asset"], tape.assets["decimals"].astype(int), strict=True))
    first = tape.venues[tape.venues["step"] == tape.venues["step"].min()]
    pairs: list[tuple[str, str]] = [tuple(pair.split("/")) for pair in first["pair"]]
    reserves = [
        (float(row.reserve0) / 10.0 ** decimals[a], float(row.reserve1) / 10.0 ** decimals[b])
        for (a, b), row in zip(pairs, first.itertuples(), strict=True)
    ]
    return Pools(
        first["venue"].tolist(),
        pairs,
        np.array(reserves, dtype=np.float64).reshape(-1, 2),
        np.array([venue["fee_bps"] / _BPS for venue in scenario_of(tape)["venues"]]),
    )


def moving(tape: Frames, by: float = 0.02) -> list[str]:
    """The assets whose price leaves its start by more than a share `by` in the run."""
    return [
        str(asset)
        for asset, rows in tape.assets.groupby("asset", sort=False)
        if (rows["reference_price_usd"] / rows["reference_price_usd"].iloc[0] - 1).abs().max() > by
    ]
