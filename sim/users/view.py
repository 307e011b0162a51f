"""What a Python agent sees: the world at one moment, read-only.

Everything is of the moment at which the agent is asked: prices of the step have moved, feeds have
reported and interest is booked; keepers and liquidators come after it. Amounts are whole numbers
of the smallest token unit, prices and values USD with 8 decimals, times seconds since 1970, health
factors WAD (1e18 is 1). An asset is named by its symbol; one that is not there raises KeyError.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

from sim.health.census import census
from sim.market.market import (
    COLLATERAL_VALUE,
    DEBT_VALUE,
    FACTOR,
    LIQUIDATABLE,
    Market,
)
from sim.market.venue import best_venue
from sim.protocol import hub, insurance, oracle, pair, risk_guard, vault_accounts
from sim.protocol.errors import OK
from sim.protocol.fixed_point import BPS
from sim.protocol.records import mapped
from sim.protocol.split import side_of
from sim.protocol.state import (
    BORROW_INDEX,
    BORROW_RATE,
    CASH,
    DEFICIT,
    GRACE,
    HUB_SHARES,
    PAUSED_UNTIL,
    RESERVE0,
    RESERVE1,
    SCALED_DEBT,
    STAKE,
    STRESS,
    WALLET,
    Array,
    State,
)
from sim.users.actions import Operation

PAUSES = ("borrow", "withdraw", "liquidate")
"""In the order of `RiskGuard.Action`."""
STATUS = ("ok", "stale", "deviated", "down")


class Answer(NamedTuple):
    """What became of an operation that the agent asked for."""

    operation: Operation
    verdict: str
    """ok, or the name of the error for which the protocol refused it."""


class Accounts(NamedTuple):
    """Every account's margin, at oracle prices: columns by account, which cannot be written to."""

    health: Array
    """WAD; 2^256 - 1 without debt."""
    collateral: Array
    """USD with 8 decimals; 0 without debt."""
    debt: Array
    """USD with 8 decimals."""
    liquidatable: Array
    """1 where a liquidation would be accepted now."""


class View:
    """The world as one agent sees it. There is nothing to assign to: an attempt raises."""

    _s: State
    _w: Market
    _number: dict[str, int]
    _actor: int
    _vault: int

    answers: tuple[Answer, ...]
    """What became of what the agent asked for last."""

    def __init__(
        self, s: State, w: Market, symbols: Sequence[str], actor: int, account: int
    ) -> None:
        self.__dict__.update(
            _s=mapped(s, _read_only),
            _w=mapped(w, _read_only),
            _number={symbol: i for i, symbol in enumerate(symbols)},
            _actor=actor,
            _vault=int(s.account_vault[account]),
            answers=(),
            assets=tuple(symbols),
            account=account,
            step=0,
        )

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a view is read-only: {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a view is read-only: {name} cannot be deleted")

    # --- the moment -------------------------------------------------------------------------------

    assets: tuple[str, ...]
    """All symbols."""
    step: int
    """1 is the first step of the run."""

    @property
    def time(self) -> int:
        """Seconds since 1970, UTC."""
        return int(self._s.clock[0])

    @property
    def gas_price(self) -> int:
        """Wei per gas."""
        return int(self._w.gas_price[self.step])

    # --- assets -----------------------------------------------------------------------------------

    def unit(self, asset: str) -> int:
        """Smallest units per token: 10^decimals."""
        return int(self._s.unit[self._number[asset]])

    def price(self, asset: str) -> int:
        """What a token costs on the market: its reference price."""
        return int(self._w.price[self.step, self._number[asset]])

    def oracle_price(self, asset: str) -> int:
        """What the vault of the agent's account goes by; 0 when the feed is down."""
        return int(oracle.read(self._s, self._vault, self._number[asset]).price)

    def oracle_status(self, asset: str) -> str:
        """ok, stale, deviated or down. Nothing can be borrowed unless it is ok."""
        return STATUS[oracle.read(self._s, self._vault, self._number[asset]).status]

    def value(self, asset: str, amount: int) -> int:
        """USD (8 decimals) of an amount at the reference price, down."""
        return amount * self.price(asset) // self.unit(asset)

    def amount(self, asset: str, value: int) -> int:
        """The amount that is worth `value` USD (8 decimals) at the reference price, down."""
        return value * self.unit(asset) // self.price(asset)

    # --- what the agent owns ----------------------------------------------------------------------

    account: int
    """The agent's own account in the vault."""

    def wallet(self, asset: str) -> int:
        """Tokens in the agent's wallet."""
        return int(self._s.holding[self._actor, self._number[asset], WALLET])

    def shares(self, asset: str) -> int:
        """Its shares of the asset's public share token, see `Deposit`."""
        return int(self._s.holding[self._actor, self._number[asset], HUB_SHARES])

    def stake(self, asset: str) -> int:
        """Its shares of the asset's insurance pool, see `Stake`; without those that it asked to
        leave.
        """
        return int(self._s.holding[self._actor, self._number[asset], STAKE])

    # --- accounts in the vault --------------------------------------------------------------------

    def supplied(self, asset: str, account: int | None = None) -> int:
        """What an account has supplied, interest included; the agent's own unless one is named."""
        return int(vault_accounts.supplied_assets(self._s, self._of(account), self._number[asset]))

    def debt(self, asset: str, account: int | None = None) -> int:
        """What an account owes, interest included; the agent's own unless one is named."""
        return int(vault_accounts.debt_assets(self._s, self._of(account), self._number[asset]))

    def health(self, account: int | None = None) -> int:
        """An account's health factor; 2^256 - 1 without debt."""
        return int(vault_accounts.health(self._s, self._of(account)).factor)

    @cached_property
    def accounts(self) -> Accounts:
        """The margin of every account, the book's first."""
        watch = census(self._s)
        columns = (FACTOR, COLLATERAL_VALUE, DEBT_VALUE, LIQUIDATABLE)
        return Accounts(*(_read_only(watch[:, column]) for column in columns))

    def _of(self, account: int | None) -> int:
        return self.account if account is None else account

    # --- venues -----------------------------------------------------------------------------------

    def reserves(self, one: str, other: str) -> tuple[int, int]:
        """What their venues hold of both; (0, 0) if none trades them."""
        first, second = self._number[one], self._number[other]
        held, p = [0, 0], int(self._s.pair_of[first, second])
        while p >= 0:
            row, side = self._s.pair[p], side_of(self._s, p, first)
            held[0] += int(row[RESERVE0 + side])
            held[1] += int(row[RESERVE1 - side])
            p = int(self._s.next_pair[p])
        return held[0], held[1]

    def proceeds(self, sold: str, wanted: str, amount: int) -> int:
        """What selling an amount would bring now, fee and impact included, as `Sell` does it: on
        the venue that gives most; 0 if it cannot be.
        """
        first, second = self._number[sold], self._number[wanted]
        p, side = best_venue(self._s, first, second, amount, False)
        if p < 0:
            return 0
        code, out = pair.amount_out(self._s, p, side, amount)
        return int(out) if code == OK else 0

    # --- the hub ----------------------------------------------------------------------------------

    def available(self, asset: str) -> int:
        """What can leave now: be borrowed or withdrawn."""
        return int(hub.available(self._s, self._number[asset]))

    def is_paused(self, asset: str, action: str) -> bool:
        """Whether the guard of the agent's vault lets nobody `borrow`, `withdraw` or `liquidate`
        the asset now: a pause, or of liquidations the grace after one.
        """
        k, i, s = PAUSES.index(action), self._number[asset], self._s
        until = s.brake[self._vault, i, PAUSED_UNTIL + k]
        grace = s.guard[self._vault, GRACE] if action == "liquidate" else 0
        return bool(until != 0 and s.clock[0] < until + grace)

    def is_breaker_open(self, asset: str) -> bool:
        """Whether its accepted price moved so far lately that nobody borrows it, or against it."""
        return bool(risk_guard.is_open(self._s, self._vault, self._number[asset]))

    @property
    def stress_bps(self) -> int:
        """What borrow limits of the agent's vault are multiplied by; 10000 where nobody lowered
        them.
        """
        guarded = risk_guard.is_guarded(self._s, self._vault)
        return int(self._s.guard[self._vault, STRESS]) if guarded else BPS

    def cash(self, asset: str) -> int:
        """What is not lent out."""
        return int(self._s.hub[self._number[asset], CASH])

    def borrowed(self, asset: str) -> int:
        """Owed by everyone, interest included."""
        row = self._s.hub[self._number[asset]]
        return int(hub.debt_at(row[SCALED_DEBT], row[BORROW_INDEX]))

    def usage(self, asset: str) -> float:
        """borrowed / (cash + borrowed); 0 for an empty asset."""
        lendable = self.cash(asset) + self.borrowed(asset)
        return self.borrowed(asset) / lendable if lendable else 0.0

    def borrow_rate(self, asset: str) -> float:
        """Per year: 0.05 is 5%."""
        return float(self._s.hub[self._number[asset], BORROW_RATE] / 10**27)

    def borrow_index(self, asset: str) -> int:
        """What one unit of debt of the start has become, RAY (1e27 is 1)."""
        return int(self._s.hub[self._number[asset], BORROW_INDEX])

    def deficit(self, asset: str) -> int:
        """Bad debt that nobody has borne yet."""
        return int(self._s.hub[self._number[asset], DEFICIT])

    def fund(self, asset: str) -> int:
        """What is left in the asset's insurance pool."""
        return int(insurance.assets_of(self._s, self._number[asset]))


def at(view: View, k: int, answers: tuple[Answer, ...]) -> View:
    """The same eyes at step k, with what became of the agent's last wishes."""
    view.__dict__.update(step=k, answers=answers)
    view.__dict__.pop("accounts", None)
    return view


def _read_only(array: Any) -> Any:
    """The same numbers under a name through which they cannot be changed."""
    seen = array.view()
    seen.flags.writeable = False
    return seen
