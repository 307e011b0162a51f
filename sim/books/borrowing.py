"""Who has and owes what when parameters change: one of two conventions.

`same-positions`: everyone has what he has now, as in `ape run crash` and `ape run sweep`.
Whom lower thresholds leave below a health of 1 is liquidatable at the start; what a higher limit
would let people borrow, they do not. It is the day of a change.

`follow-limit`: they pledge the same collateral and use the same share of their borrow limit. With
V_ac the value of collateral c of account a at the start,

    debt_a = debt_a(now) * sum_c V_ac ltv_c / sum_c V_ac ltv_c(now)

So a higher borrow limit means more debt on the same collateral, which is the benefit of it, and a
higher liquidation threshold alone means more distance between the two. It is the long run. What
cannot be had is shared out: a supply or borrow cap that binds, or cash that does not last, cuts
everyone's amount of that asset by the same share.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from sim.books import Book
from sim.protocol.units import USD
from sim.scenario import Scenario, ScenarioError, with_overrides
from sim.schema.deployment import Reserve
from sim.schema.problems import Problem
from sim.schema.tuning import Debts

Floats = npt.NDArray[np.float64]
Rows = slice | npt.NDArray[np.bool_]

SAID: Mapping[Debts, str] = {
    "same-positions": "positions are the same under every setting: whom a lower threshold leaves "
    "below a health of 1 is liquidatable at the start, and nobody uses a higher limit",
    "follow-limit": "under every setting borrowers pledge the same and use the same share of their "
    "borrow limit: a higher one is more debt",
}
"""The conventions in a line each, for whoever reads figures."""
_ROOM = 0.999
"""Of a cap that is filled: amounts are rounded."""
_CASH = 0.98
"""Of the cash that is lent out at most at the start."""


class Amounts:
    """The amounts of a book under any parameters of its scenario."""

    def __init__(self, scenario: Scenario, book: Book, prices: Sequence[int], debts: Debts) -> None:
        """`prices` are those of the start, `scenario` has the parameters that the book is of."""
        self._scenario, self.book, self._debts = scenario, book, debts
        units = [10**asset.decimals for asset in scenario.assets.values()]
        self.value = np.array(prices, dtype=np.float64) / np.array(units, dtype=np.float64) / USD
        """USD per token unit."""
        self._units = np.array(units, dtype=np.float64)
        self.collateral = book.collateral.astype(np.float64)
        self.debt = book.debt.astype(np.float64)
        self._idle = book.supplied - book.collateral
        self._limit = self._limits(scenario, self.collateral)

    def under(self, scenario: Scenario) -> tuple[Floats, Floats]:
        """(collateral, debt), both (accounts, assets) in whole token units."""
        if self._debts == "same-positions":
            return self.collateral.copy(), self.debt.copy()
        share = _ratio(self._limits(scenario, self.collateral), self._limit)
        return self._had(scenario, self.collateral, self.debt * share)

    def book_under(self, scenario: Scenario) -> Book:
        """The same as `sim.world.build` takes it: to the unit, where positions are the same."""
        if self._debts == "same-positions":
            return self.book
        collateral, debt = (_whole(amounts) for amounts in self.under(scenario))
        return self.book._replace(collateral=collateral, debt=debt)

    def filled(
        self, scenario: Scenario, path: str, tokens: float
    ) -> tuple[Scenario, Floats, Floats]:
        """The market with a cap that is used in full, and amounts that add up to `tokens` under it.

        A supply cap: everyone's collateral of the asset grows or shrinks alike, and his debt with
        his limit, by either convention. A borrow cap: everyone who owes the asset grows or shrinks,
        collateral and debt. Suppliers of what is lent grow or shrink with it, so that usage is as
        before. Where another cap binds, or cash does not last, there is less of everything that it
        counts.

        Raises `ScenarioError` if nobody has what the cap counts.
        """
        i, kind = self._counted(path)
        collateral, debt = self.under(scenario)
        if not (collateral if kind == "supply_cap" else debt)[:, i].any():
            problem = Problem(path, "nobody in the book has what it counts", "more accounts")
            raise ScenarioError(f"scenario '{scenario.name}'", [problem])
        if kind == "supply_cap":
            before = self._limits(scenario, collateral)
            # What backs no debt takes up room under the cap, and stays what it is.
            room = max(tokens * self._units[i] - self._idling(i), 0.0)
            collateral[:, i] *= room / collateral[:, i].sum()
            changed = debt * _ratio(self._limits(scenario, collateral), before)
        else:
            share = tokens * self._units[i] / debt[:, i].sum()
            grows = np.where(debt[:, i] > 0, share, 1.0)[:, None]
            collateral, changed = collateral * grows, debt * grows
        now, then = debt.sum(axis=0), changed.sum(axis=0)
        suppliers = {
            name: scenario.suppliers[name] * (then[n] / now[n] if now[n] else 1.0)
            for n, name in enumerate(scenario.symbols)
        }
        market = with_overrides(scenario, {path: None, "suppliers": suppliers})
        return market, *self._had(market, collateral, changed)

    def now_under(self, scenario: Scenario, path: str) -> float:
        """Tokens that a cap counts today."""
        i, kind = self._counted(path)
        collateral, debt = self.under(scenario)
        counted = (
            collateral[:, i].sum() + self._idling(i) if kind == "supply_cap" else debt[:, i].sum()
        )
        return float(counted / self._units[i])

    def borrowing_power(self, scenario: Scenario, collateral: Floats) -> float:
        """What could be borrowed against all of the collateral, USD."""
        return float(self._limits(scenario, collateral).sum())

    def _counted(self, path: str) -> tuple[int, str]:
        """What the cap at a path counts: the asset's column, and supply_cap or borrow_cap."""
        _, _, symbol, kind = path.split(".")
        return self._scenario.symbols.index(symbol), kind

    def _had(self, scenario: Scenario, collateral: Floats, debt: Floats) -> tuple[Floats, Floats]:
        """What can be had of these amounts, in whole token units; debt follows its limit."""
        wanted = self._limits(scenario, collateral)
        collateral = collateral * self._fit(scenario, "supply_cap", collateral)
        debt = debt * _ratio(self._limits(scenario, collateral), wanted)
        debt = debt * self._fit(scenario, "borrow_cap", debt)
        debt = debt * self._cash(scenario, collateral, debt)
        return np.floor(collateral), np.floor(debt)

    def _limits(self, scenario: Scenario, collateral: Floats) -> Floats:
        """What each account may borrow, USD."""
        limits = np.zeros(len(collateral))
        for rows, reserves in self._vaults(scenario):
            ltv = np.array([one.ltv_bps * one.collateral_enabled / 1e4 for one in reserves])
            limits[rows] = collateral[rows] @ (self.value * ltv)
            for i, one in enumerate(reserves):
                if one.tiers:
                    flat = collateral[rows, i] * self.value[i]
                    lost = flat - one.weigh(flat * USD) / (one.lt_bps * USD)
                    limits[rows] -= lost * ltv[i]
        return limits

    def _idling(self, i: int, rows: Rows = slice(None)) -> float:
        """Token units of asset i that are supplied and back no debt."""
        return float(self._idle[rows, i].sum())

    def _vaults(self, scenario: Scenario) -> Iterator[tuple[Rows, list[Reserve]]]:
        """Of every vault: its accounts, and its reserves in the order of the assets."""
        for v, one in enumerate(scenario.protocol.each):
            rows = slice(None) if self.book.vault is None else self.book.vault == v
            yield rows, [one.reserves[symbol] for symbol in scenario.symbols]

    def _fit(self, scenario: Scenario, name: str, amounts: Floats) -> Floats:
        """By account and asset: the share of the amounts that its vault's cap leaves room for."""
        share = np.ones_like(amounts)
        for rows, reserves in self._vaults(scenario):
            for i, reserve in enumerate(reserves):
                cap, total = getattr(reserve, name), amounts[rows, i].sum()
                if cap is None:
                    continue
                room = _ROOM * cap * self._units[i]
                if name == "supply_cap":
                    room = max(room - self._idling(i, rows), 0.0)
                if total > room:
                    share[rows, i] = room / total
        return share

    def _cash(self, scenario: Scenario, collateral: Floats, debt: Floats) -> Floats:
        """By asset: the share of the debt for which cash lasts; everyone supplies first."""
        share = np.ones(len(self._units))
        for i, symbol in enumerate(scenario.symbols):
            lent_on = sum(
                collateral[rows, i].sum() * reserves[i].rehypothecate
                for rows, reserves in self._vaults(scenario)
            )
            supplied = scenario.suppliers[symbol] / self.value[i]
            there, owed = supplied + lent_on, debt[:, i].sum()
            if owed > _CASH * there:
                share[i] = _CASH * there / owed
        return share


def _ratio(limits: Floats, before: Floats) -> Floats:
    """(accounts, 1): how everyone's limit has changed; 1 for those who never had one."""
    one = np.ones_like(limits)
    return np.asarray(np.divide(limits, before, out=one, where=before > 0)[:, None])


def _whole(amounts: Floats) -> npt.NDArray[np.object_]:
    """Rounded down to Python integers."""
    whole = np.zeros(amounts.shape, dtype=object)
    for where in zip(*np.nonzero(amounts), strict=True):
        whole[where] = int(amounts[where])
    return whole
