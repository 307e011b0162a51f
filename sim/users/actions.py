"""What a Python agent can ask for. Amounts are whole numbers of the smallest token unit.

Each is one of `sim.protocol.operations` by the agent's own actor, all or nothing. What
the protocol refuses changes nothing and is recorded with the reason; what could not even be asked
for, an unknown asset or a negative amount, raises `OperationError`.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

from sim.market.venue import best_venue
from sim.protocol import operations as op
from sim.protocol import transaction
from sim.protocol.fixed_point import max_uint
from sim.protocol.soundness import MOST_CATEGORIES
from sim.protocol.state import State

EVERYTHING = max_uint()
"""As the amount of `Withdraw` or `Repay`."""
Asked = tuple[transaction.Operation[...], tuple[int, ...]]
"""An operation of the protocol, and its arguments."""


class OperationError(ValueError):
    """Not an operation: what was asked for cannot be written as one."""


def _whole(value: object) -> int | None:
    """A whole number from 0 to 2^256 - 1 as an integer, also one of numpy; None for all else."""
    try:
        whole = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None
    return None if isinstance(value, bool) or not 0 <= whole <= EVERYTHING else whole


class Names(NamedTuple):
    """What the words of an operation stand for in a run."""

    state: State
    symbols: list[str]
    account: int
    """The agent's own."""

    @classmethod
    def of(cls, s: State, symbols: Sequence[str], account: int) -> Names:
        return cls(s, list(symbols), account)

    def asset(self, symbol: str) -> int:
        """The asset's number."""
        if symbol not in self.symbols:
            raise OperationError(f"{symbol!r} is not an asset: {', '.join(self.symbols)}")
        return self.symbols.index(symbol)

    def pair(self, one: str, other: str) -> int:
        """The number of the first venue that trades them."""
        p = int(self.state.pair_of[self.asset(one), self.asset(other)])
        if p < 0:
            raise OperationError(f"no venue trades {one} against {other}")
        return p

    def cheapest(self, sold: str, wanted: str, amount: int, *, exact_out: bool) -> tuple[int, int]:
        """The venue that gives most for an amount of `sold`, or takes least for one of `wanted`,
        and which of its sides is sold: where several trade them, one operation is on one.
        """
        self.pair(sold, wanted)
        return best_venue(self.state, self.asset(sold), self.asset(wanted), amount, exact_out)

    def some_account(self, account: int) -> int:
        """An account that there is."""
        last = len(self.state.account) - 1
        whole = _whole(account)
        if whole is None or whole > last:
            raise OperationError(f"{account!r} is not an account: 0 to {last}")
        return whole


@dataclass(frozen=True)
class Operation:
    """What all have in common: whole numbers, none negative."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type == "int":
                whole = _whole(value)
                if whole is None:
                    raise OperationError(
                        f"{type(self).__name__}.{field.name} is {value!r}: "
                        "should be a whole number of at least 0, below 2^256"
                    )
                object.__setattr__(self, field.name, whole)

    def asked(self, names: Names) -> Asked:
        """The operation as the protocol takes it."""
        raise NotImplementedError


# --- the own account ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Supply(Operation):
    """Tokens from the wallet into the own account, where they back its debts if they can."""

    asset: str
    amount: int

    def asked(self, names: Names) -> Asked:
        return op.supply, (names.account, names.asset(self.asset), self.amount)


@dataclass(frozen=True)
class Withdraw(Operation):
    """Out of the own account into the wallet."""

    asset: str
    amount: int = EVERYTHING

    def asked(self, names: Names) -> Asked:
        return op.withdraw, (names.account, names.asset(self.asset), self.amount)


@dataclass(frozen=True)
class Borrow(Operation):
    """Into the wallet, against the own account."""

    asset: str
    amount: int

    def asked(self, names: Names) -> Asked:
        return op.borrow, (names.account, names.asset(self.asset), self.amount)


@dataclass(frozen=True)
class Repay(Operation):
    """Up to `amount` of a debt, from the wallet; of the own account unless another is named."""

    asset: str
    amount: int = EVERYTHING
    account: int | None = None

    def asked(self, names: Names) -> Asked:
        a = names.account if self.account is None else names.some_account(self.account)
        return op.repay, (a, names.asset(self.asset), self.amount)


@dataclass(frozen=True)
class SetCollateral(Operation):
    """Whether a supplied asset backs the own account's debts."""

    asset: str
    enabled: bool

    def asked(self, names: Names) -> Asked:
        x = names.asset(self.asset)
        return op.set_collateral, (names.account, x, int(self.enabled))


@dataclass(frozen=True)
class SetCategory(Operation):
    """By which of `protocol.categories` the own account counts: its place from 1; 0 by none."""

    category: int

    def asked(self, names: Names) -> Asked:
        if self.category > MOST_CATEGORIES:
            raise OperationError(f"{self.category} is not a category: 0 to {MOST_CATEGORIES}")
        return op.set_category, (names.account, self.category)


# --- venues, the public share tokens, the insurance fund ------------------------------------------


@dataclass(frozen=True)
class Sell(Operation):
    """Exactly `amount` of `asset` for `wanted`, or nothing below `least`; of several venues of the
    two on the one that gives most for it.
    """

    asset: str
    wanted: str
    amount: int
    least: int = 0

    def asked(self, names: Names) -> Asked:
        p, side = names.cheapest(self.asset, self.wanted, self.amount, exact_out=False)
        return op.swap_in, (p, side, self.amount, self.least)


@dataclass(frozen=True)
class Buy(Operation):
    """Exactly `amount` of `asset`, paid in `paid`, or nothing above `most`; of several venues of
    the two on the one that takes least for it.
    """

    asset: str
    paid: str
    amount: int
    most: int = EVERYTHING

    def asked(self, names: Names) -> Asked:
        p, side = names.cheapest(self.paid, self.asset, self.amount, exact_out=True)
        return op.swap_out, (p, side, self.amount, self.most)


@dataclass(frozen=True)
class Deposit(Operation):
    """Into the asset's public share token: earns interest, backs nothing, bears haircuts."""

    asset: str
    amount: int

    def asked(self, names: Names) -> Asked:
        return op.deposit, (names.asset(self.asset), self.amount)


@dataclass(frozen=True)
class Redeem(Operation):
    """Shares of that token for what they are worth, while there is cash."""

    asset: str
    shares: int

    def asked(self, names: Names) -> Asked:
        return op.redeem, (names.asset(self.asset), self.shares)


@dataclass(frozen=True)
class Stake(Operation):
    """Into the asset's insurance pool, which bears losses before suppliers do."""

    asset: str
    amount: int

    def asked(self, names: Names) -> Asked:
        return op.stake, (names.asset(self.asset), self.amount)


@dataclass(frozen=True)
class RequestUnstake(Operation):
    """So many stake shares leave at the end of the next cool-down period, between one and two
    cool-downs from now: that is final.
    """

    asset: str
    shares: int

    def asked(self, names: Names) -> Asked:
        return op.request_unstake, (names.asset(self.asset), self.shares)


@dataclass(frozen=True)
class Unstake(Operation):
    """Collect what has left, at what it was worth when it did."""

    asset: str

    def asked(self, names: Names) -> Asked:
        return op.unstake, (names.asset(self.asset),)


# --- other accounts -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Flag(Operation):
    """Start an unhealthy account's liquidation delay."""

    account: int

    def asked(self, names: Names) -> Asked:
        return op.flag, (names.some_account(self.account),)


@dataclass(frozen=True)
class Liquidate(Operation):
    """Repay up to `amount` of an account's debt from the wallet for its collateral, to the wallet
    or, `as_shares`, into the own account; nothing for less than `least` of it.
    """

    account: int
    debt: str
    collateral: str
    amount: int
    least: int = 0
    as_shares: bool = False

    def asked(self, names: Names) -> Asked:
        d, c = names.asset(self.debt), names.asset(self.collateral)
        a = names.some_account(self.account)
        return op.liquidate, (a, d, c, self.amount, self.least, int(self.as_shares))


@dataclass(frozen=True)
class FlashLiquidate(Operation):
    """The same without capital: the collateral is sold on the venues of the two in the same
    transaction; nothing for less than `least_profit` units of the debt.
    """

    account: int
    debt: str
    collateral: str
    amount: int
    least_profit: int = 0

    def asked(self, names: Names) -> Asked:
        names.pair(self.debt, self.collateral)
        d, c = names.asset(self.debt), names.asset(self.collateral)
        a = names.some_account(self.account)
        return op.flash_liquidate, (a, d, c, self.amount, self.least_profit)
