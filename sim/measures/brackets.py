"""What brackets of collateral and limits of concentration come to, by account and by owner: both
are per account, and whoever has several goes round them.

Of the book after the opening, at the prices of the oracle then. With W_i(C) what collateral worth C
of asset i counts for in its brackets, and ltv_i / lt_i of the first, an account may borrow

    power = sum_i ltv_i / lt_i W_i(C_i)        without brackets sum_i ltv_i C_i,

and ltv_k C_i of what counts by the account's category k.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.measures import borrowers
from sim.protocol.brackets import weigh_all
from sim.tape import Frames

Floats = npt.NDArray[np.float64]
_BPS = 10_000


class Powers(NamedTuple):
    """Borrowing power of all accounts, USD."""

    flat: float
    """If all collateral counted in the first bracket."""
    by_account: float
    """As it is: every account has brackets of its own."""
    by_owner: float
    """If all accounts of an owner had them together."""
    in_halves: float
    """If everyone had half of his collateral in an account more."""


class Pledged(NamedTuple):
    """The collateral of a book."""

    symbols: Sequence[str]
    values: Floats
    """(accounts, assets), USD."""
    owners: Sequence[str]
    """Of each account."""
    reserves: Mapping[str, Any]
    """By symbol, as a scenario has them."""
    limits: Floats | None = None
    """(accounts, assets) fractions to be borrowed of what counts by its account's category, NaN
    elsewhere; None: nobody is in one."""


def powers(tape: Frames) -> Powers:
    """Of the book after the opening."""
    return powers_of(_opened(tape))


def powers_of(book: Pledged) -> Powers:
    """Of any book."""
    symbols, values, owners, reserves, limits = book
    in_categories = 0.0
    if limits is not None:
        in_categories = float(np.nansum(values * limits))
        values = np.where(np.isnan(limits), values, 0.0)

    def power(collateral: Floats, brackets: bool = True) -> float:
        columns = zip(symbols, collateral.T, strict=True)
        found = (_power(reserves[symbol], column, brackets) for symbol, column in columns)
        return in_categories + sum(found)

    return Powers(
        power(values, brackets=False),
        power(values),
        power(_gathered(values, owners)),
        2 * power(values / 2) - in_categories,
    )


class Share(NamedTuple):
    """The largest part of what is pledged of an asset in which shares are limited."""

    asset: str
    by_account: float
    by_owner: float


def largest_share(tape: Frames) -> Share | None:
    """Of one account and of one owner, after the opening; None if no share is limited."""
    return largest_share_of(_opened(tape))


def largest_share_of(book: Pledged) -> Share | None:
    """The same of any book."""
    symbols, values, owners, reserves, _ = book
    gathered, found = _gathered(values, owners), None
    for i, symbol in enumerate(symbols):
        total = values[:, i].sum()
        if not reserves[symbol].get("concentration_bps") or not total:
            continue
        share = Share(symbol, values[:, i].max() / total, gathered[:, i].max() / total)
        found = share if found is None or share.by_owner > found.by_owner else found
    return found


def has_tiers(tape: Frames) -> bool:
    """Whether any asset counts in brackets."""
    return any_tiers(borrowers.scenario_of(tape)["protocol"]["reserves"])


def any_tiers(reserves: Mapping[str, Any]) -> bool:
    """Whether any of these does."""
    return any(reserve.get("tiers") for reserve in reserves.values())


def _opened(tape: Frames) -> Pledged:
    book = borrowers.book(tape)
    owners = tape.accounts["owner"].to_list()[:: len(book.symbols)]
    reserves = borrowers.scenario_of(tape)["protocol"]["reserves"]
    limits = borrowers.by_category(tape, book.symbols, "ltv_bps")
    return Pledged(book.symbols, book.collateral * book.prices, owners, reserves, limits)


def _gathered(values: Floats, owners: Sequence[str]) -> Floats:
    """Rows of the same owner added up."""
    _, of_whom = np.unique(owners, return_inverse=True)
    together = np.zeros((of_whom.max() + 1, values.shape[1]))
    np.add.at(together, of_whom, values)
    return together


def _power(reserve: dict[str, Any], values: Floats, brackets: bool) -> float:
    tiers = reserve.get("tiers") or [] if brackets else []
    thresholds = [reserve["lt_bps"], *(tier["lt_bps"] for tier in tiers)]
    weighted = weigh_all(values, thresholds, [tier["above_usd"] for tier in tiers])
    of_limit = reserve["ltv_bps"] / reserve["lt_bps"] if reserve["lt_bps"] else 0.0
    return float(weighted.sum()) / _BPS * of_limit
