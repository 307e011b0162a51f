"""Several vaults on one hub: how they and the rest of a scenario fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from sim.schema.book import BorrowerBook
from sim.schema.market import Feed
from sim.schema.problems import Problem, ScenarioError, nearest, unknown
from sim.schema.segment import otherwise

if TYPE_CHECKING:
    from sim.scenario.model import Scenario


def feed_in(s: Scenario, v: int, symbol: str) -> Feed:
    """The feed of an asset as the router of vault v reads it."""
    if not s.protocol.vaults:
        return s.feeds[symbol]
    name, one = list(s.protocol.vaults.items())[v]
    path = f"protocol.vaults.{name}.feeds.{symbol}"
    return otherwise(s.feeds[symbol], one.feeds.get(symbol, {}), path)


def problems(s: Scenario) -> Iterator[Problem]:
    """What is wrong between vaults, assets and book; paths are those of the file."""
    vaults = s.protocol.vaults
    for v, (name, one) in enumerate(vaults.items()):
        for path, symbol in one.symbols():
            yield from unknown(s.assets, f"protocol.vaults.{name}.{path}", symbol)
        for symbol in one.feeds:
            if symbol in s.assets:
                try:
                    feed_in(s, v, symbol)
                except ScenarioError as error:
                    yield from error.problems
    for name in s.book.vault_shares:
        if name not in vaults:
            remedy = nearest(name, vaults, "the names in protocol.vaults are")
            yield Problem(f"book.vault_shares.{name}", "no such vault", remedy)
    if s.book.vault_shares and s.book.split != "no":
        problem = "are of accounts that stay whole, and book.split splits them"
        yield Problem("book.vault_shares", problem, "one of the two")
    if vaults and isinstance(s.book, BorrowerBook):
        pledged, owed = s.book.collateral_weights, s.book.debt_weights
        yield from _nowhere("collateral", "takes", pledged, [one.takes for one in vaults.values()])
        yield from _nowhere("debt", "lends", owed, [one.lends for one in vaults.values()])


def _nowhere(
    side: str, verb: str, weights: Mapping[str, float], may: Sequence[Callable[[str], bool]]
) -> Iterator[Problem]:
    for symbol, weight in weights.items():
        if weight and not any(one(symbol) for one in may):
            remedy = f"0, or {symbol} in one of protocol.vaults"
            yield Problem(f"book.{side}_weights.{symbol}", f"no vault {verb} this asset", remedy)
