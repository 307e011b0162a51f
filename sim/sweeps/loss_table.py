"""What the paths of a sweep lost: the loss table, and who bore it.

    L = bad_debt + shortfall,   USD at the end of the path

bad_debt was realised and borne by someone; shortfall is debt beyond the collateral of its account,
at reference prices, that is not written off. What of both was lost before the path began is no part
of L (`sim.market.lost_before`).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sim.market.draws import REPLICATES, Sampler
from sim.measures.clusters import Clusters, Split, split
from sim.measures.intervals import Replicates
from sim.measures.losses import (
    expected_loss,
    expected_shortfall,
    value_at_risk,
)
from sim.measures.registry import of_paths
from sim.sweeps.outcome_columns import NotSweptError, paths_of

BEFORE = "before"
"""In tables of bearers: what of their parts was lost before."""
BEARERS = {
    "fees": "by_fees_usd",
    "fund": "by_fund_usd",
    "suppliers": "by_suppliers_usd",
    "open": "still_open_usd",
    "shortfall": "shortfall_usd",
}
"""Who bears a loss, in the order of the waterfall -> column of the outcomes."""


def loss_usd(outcomes: pd.DataFrame) -> npt.NDArray[np.float64]:
    """The loss of each path, (paths,), USD."""
    if "loss_usd" in outcomes:  # sweeps of before bad debt from before was kept apart lack it
        return np.asarray(outcomes["loss_usd"], dtype=np.float64)
    return _both_usd(outcomes)


def before_usd(outcomes: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Of each path, (paths,), USD: bad debt and shortfall that were there before."""
    return np.maximum(_both_usd(outcomes) - loss_usd(outcomes), 0.0)


def _both_usd(outcomes: pd.DataFrame) -> npt.NDArray[np.float64]:
    return np.asarray(outcomes["bad_debt_usd"] + outcomes["shortfall_usd"], dtype=np.float64)


def replicates(outcomes: pd.DataFrame, sampler: Sampler) -> Replicates:
    """What the paths depend on each other by: scramblings, books, or nothing (None)."""
    if sampler == "sobol":
        return REPLICATES
    return book_of(outcomes)


def book_of(outcomes: pd.DataFrame) -> Clusters | None:
    """(paths,): the number of the book of each path; None if there is one."""
    books = outcomes["book"].to_numpy(dtype=np.intp)
    return books if books.any() else None


def loss_table(outcomes: pd.DataFrame, sampler: Sampler, step_seconds: int) -> pd.DataFrame:
    """The measures of the registry that are of losses, rows by name: columns of an `Estimate`, unit
    and needs. Levels beyond 99% only where the paths are enough for them; without what an earlier
    version did not keep.

    `needs` says what would bound an interval that the sample cannot bound: "284 paths" of a
    quantile, "more paths" where no number of them is known to do, "more books" where the paths are
    enough but their books too much alike; None for an interval that has both ends.
    """
    paths, parts = paths_of(outcomes, step_seconds), replicates(outcomes, sampler)
    rows: dict[str, dict[str, Any]] = {}
    for name, measure in of_paths("losses").items():
        assert measure.of_paths  # or it were not there
        kind, level = measure.of_paths.kind, measure.of_paths.level
        if level > 0.99 and len(outcomes) < paths_needed(level):
            continue
        try:
            amounts = measure.on(paths)
        except NotSweptError:
            continue
        if measure.only_if_any and not amounts.any():
            continue
        estimate = measure.estimate(amounts, parts)
        needs = None
        if math.isinf(estimate.high):
            needed = paths_needed(level, is_mean=kind == "ES") if level else 0
            too_few = f"{needed:,} paths" if len(outcomes) < needed else "more paths"
            is_enough = len(outcomes) >= needed and isinstance(parts, np.ndarray)
            needs = "more books" if is_enough else too_few
        rows[name] = {**estimate._asdict(), "unit": measure.unit, "needs": needs}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("measure")


def variance(outcomes: pd.DataFrame) -> Split | None:
    """What of the variance of losses is due to the draw of the book; None if that cannot be told:
    of one book, or one path of each.
    """
    books = book_of(outcomes)
    if books is None or len(np.unique(books)) == len(books):
        return None
    return split(loss_usd(outcomes), books)


def borne_by(outcomes: pd.DataFrame, sampler: Sampler) -> pd.DataFrame:
    """The mean bad debt and shortfall by who bears it: rows `BEARERS`, and what of it was there
    before if any was; columns of an `Estimate` and share of it.
    """
    rows: dict[str, dict[str, Any]] = {}
    mean = float(_both_usd(outcomes).mean())
    parts = {name: outcomes[column] for name, column in BEARERS.items()}
    if _is_any_from_before(outcomes):
        parts[BEFORE] = pd.Series(before_usd(outcomes))
    for name, part in parts.items():
        estimate = expected_loss(part, replicates(outcomes, sampler))
        share = estimate.value / mean if mean else math.nan
        rows[name] = {**estimate._asdict(), "share": share}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("bearer")


def _is_any_from_before(outcomes: pd.DataFrame) -> bool:
    """Whether more of it than sums of doubles are off by."""
    both = _both_usd(outcomes)
    return bool((before_usd(outcomes) > 1e-9 * both).any())


def as_one(
    table: pd.DataFrame, bearers: pd.DataFrame, assets: pd.DataFrame, vaults: pd.DataFrame
) -> pd.DataFrame:
    """The tables as one for a file: the bearers as rows "borne_by_...", the measures of
    `sim.sweeps.reserves.by_asset` as "reserve_es_99.WETH", those of `sim.sweeps.vaults.by_vault` as
    "vault_es_99.majors".
    """
    below = bearers.drop(columns="share").assign(unit="USD", needs=None)
    below.index = [f"borne_by_{name}" for name in below.index]
    each = assets.assign(needs=None)
    each.index = [f"{measure}.{asset}" for asset, measure in assets.index]
    own = vaults.assign(needs=None)
    own.index = [f"vault_{measure}.{vault}" for vault, measure in vaults.index]
    parts = [part for part in (table, below, each, own) if len(part)]
    return pd.concat(parts).rename_axis("measure")


def worst_paths(outcomes: pd.DataFrame, count: int) -> list[int]:
    """The paths that lose most, the worst first; of equal ones the first."""
    order = np.argsort(-loss_usd(outcomes), kind="stable")
    return [int(path) for path in outcomes.index[order[:count]]]


@lru_cache
def paths_needed(level: float, is_mean: bool = False) -> int:
    """The fewest independent paths for which the interval of a VaR at this level has an end; of the
    mean beyond it, an ES, with `is_mean`.
    """
    few, enough = 0, 1
    while not _bounded(enough, level, is_mean):
        few, enough = enough, 2 * enough
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if _bounded(middle, level, is_mean) else (middle, enough)
    return enough


def _bounded(paths: int, level: float, is_mean: bool) -> bool:
    measure = expected_shortfall if is_mean else value_at_risk
    return math.isfinite(measure(np.arange(paths), level).high)
