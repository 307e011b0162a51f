"""The columns of a block's file, one row per path, with their meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from sim.engines.outcome import names
from sim.protocol.units import USD

FORMAT = 3
"""Of the files of a study; a study of another format is not read."""

NUMBERS = {"path": "number of the path", "book": "number of the book that its borrowers are of"}
"""Column -> its meaning, of those that are no outcome."""
_VALUE = 1 / USD

_AT_THE_END = "USD at the reference prices of the last step"
_OF_THEIR_TIME = "USD, each at the prices of its step"
COLUMNS = {
    "bad_debt_usd": ("bad_debt", f"debt written off because nothing backs it, {_AT_THE_END}"),
    "by_fees_usd": ("by_fees", f"the part of bad_debt borne by accrued fees, {_AT_THE_END}"),
    "by_fund_usd": ("by_fund", f"the part borne by the insurance fund, {_AT_THE_END}"),
    "by_suppliers_usd": ("by_suppliers", f"the part borne by all suppliers, {_AT_THE_END}"),
    "still_open_usd": ("still_open", f"the part that nobody has borne yet, {_AT_THE_END}"),
    "shortfall_usd": (
        "shortfall",
        f"debt beyond its collateral that is not written off, {_AT_THE_END}",
    ),
    "loss_usd": (
        "loss",
        f"what the path adds to what was lost before it: both, if nothing was, {_AT_THE_END}",
    ),
    "repaid_usd": ("repaid", f"debt repaid by liquidators, {_OF_THEIR_TIME}"),
    "seized_usd": ("seized", f"collateral they took, {_OF_THEIR_TIME}"),
    "profit_usd": ("profit", f"what they gained after gas, {_OF_THEIR_TIME}"),
    "gas_usd": ("gas", f"their gas, {_OF_THEIR_TIME}"),
    "debt_usd": ("debt", f"all debt left, {_AT_THE_END}"),
    "liquidations": ("liquidations", "number of liquidations"),
    "unhealthy": ("unhealthy", "accounts with a health factor below 1 after the last step"),
    "operations": ("operations", "operations after the opening, refused ones included"),
    "largest_usage": (
        "largest_usage",
        "largest debt / (cash + debt) of any asset after any step, a ratio",
    ),
    "revenue_usd": (
        "revenue",
        f"what fees took in, the part that bore losses included, {_AT_THE_END}",
    ),
    "steps_without_cash": (
        "steps_without_cash",
        "steps after which suppliers of some asset found less than a thousandth in cash",
    ),
    "peak_loss_usd": (
        "peak_loss",
        "largest loss, by bad debt so far and shortfall, after any step, USD at the prices of it",
    ),
    "peak_shortfall_usd": (
        "peak_shortfall",
        "largest part of one that is shortfall after any step, USD at the prices of it",
    ),
    "steps_run_out": (
        "steps_run_out",
        "steps after which arbitrageurs had less than a thousandth of their first of some token",
    ),
    "steps_pool_off": (
        "steps_pool_off",
        "steps after which some pool was more than 2% off its reference price",
    ),
}
"""Column -> what it is in `sim.engines.outcome.OUTCOME`, and its meaning with its unit."""

BY_ASSET = {
    "bad_debt_usd": ("bad_debt", f"of bad_debt_usd, that of debts in this asset, {_AT_THE_END}"),
    "shortfall_usd": ("shortfall", f"of shortfall_usd, that of debts in this asset, {_AT_THE_END}"),
    "loss_usd": ("loss", f"of loss_usd, that of debts in this asset, {_AT_THE_END}"),
    "bearable_usd": (
        "bearable",
        f"what fees and insurance fund of this asset bore and have left, {_AT_THE_END}",
    ),
}
"""The same of `sim.engines.outcome.BY_ASSET`; of asset WETH the column is "bad_debt_usd.WETH"."""


def columns(symbols: Sequence[str]) -> dict[str, tuple[str, str]]:
    """All columns of a scenario with these assets, see `COLUMNS`."""
    by_asset = {
        f"{name}.{symbol}": (f"{source}.{symbol}", meaning)
        for symbol in symbols
        for name, (source, meaning) in BY_ASSET.items()
    }
    return COLUMNS | by_asset


def schema(symbols: Sequence[str]) -> Any:
    """Of a block's file; every field says its meaning in its metadata."""
    fields = [
        pa.field(name, pa.int64(), False, {"meaning": meaning}) for name, meaning in NUMBERS.items()
    ]
    for name, (_, meaning) in columns(symbols).items():
        kind = pa.float64() if _is_float(name) else pa.int64()
        fields.append(pa.field(name, kind, False, {"meaning": meaning}))
    return pa.schema(fields)


def frame(
    paths: Sequence[int], book: int, outcomes: npt.NDArray[np.float64], symbols: Sequence[str]
) -> pd.DataFrame:
    """What `Compiled.outcomes` returns of these paths of a book as columns of a block."""
    found: dict[str, npt.NDArray[Any]] = {
        "path": np.array(paths, dtype=np.int64),
        "book": np.full(len(paths), book, dtype=np.int64),
    }
    sources = names(symbols)
    for name, (source, _) in columns(symbols).items():
        values = outcomes[:, sources.index(source)]
        if _in_usd(name):
            found[name] = values * _VALUE
        else:
            found[name] = values if _is_float(name) else values.astype(np.int64)
    return pd.DataFrame(found)


def _in_usd(name: str) -> bool:
    return name.partition(".")[0].endswith("_usd")


def _is_float(name: str) -> bool:
    return _in_usd(name) or name == "largest_usage"
