"""Who of a drawn book is in which category, and what that lets him owe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from sim.books.book import Floats
from sim.scenario import Scenario
from sim.schema.category import Category

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]


def opted(scenario: Scenario, pledges: Flags, owes: Flags, willing: Flags) -> Numbers:
    """(accounts,) the place from 1 in `scenario.categories` of the first that lends all that an
    account owes and counts some of what it pledges, of the `willing`; 0 for none. Flags are
    (accounts, assets), and (accounts,).
    """
    found = np.zeros(len(willing), dtype=np.int64)
    for k, category in enumerate(scenario.categories.values(), start=1):
        counts, lends = members(scenario.symbols, category)
        fits = (pledges & counts).any(axis=1) & ~(owes & ~lends).any(axis=1)
        found[willing & fits & (found == 0)] = k
    return found


def members(symbols: Sequence[str], category: Category) -> tuple[Flags, Flags]:
    """(assets,) twice: what is collateral of it, what it lends."""
    counts = np.array([category.counts(one) for one in symbols])
    return counts, np.array([category.lends(one) for one in symbols])


def terms_of(
    symbols: Sequence[str], categories: Mapping[str, Category], category: Numbers
) -> tuple[Floats, Floats]:
    """(accounts, assets) twice, BPS: threshold and limit of what counts by the account's category;
    NaN where it counts by its reserve.
    """
    lt, ltv = np.full((2, len(category), len(symbols)), np.nan)
    for k, one in enumerate(categories.values(), start=1):
        here = np.outer(category == k, members(symbols, one)[0])
        lt[here], ltv[here] = one.lt_bps, one.ltv_bps
    return lt, ltv


def as_now(
    category: Numbers, drawn: Mapping[str, Category], now: Mapping[str, Category]
) -> Numbers:
    """The same by their places in `now`; 0 for those that there no longer are."""
    names = list(now)
    place = [0, *(names.index(name) + 1 if name in now else 0 for name in drawn)]
    return np.array(place, dtype=np.int64)[category]
