"""The columns of a block's file, one row per path, with their meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from sim.engines.outcome import (
    NUMBERS,
    NUMBERS_BY_ASSET,
    NUMBERS_BY_VAULT,
    Number,
    names,
)
from sim.measures.measure import Paths
from sim.protocol.units import USD

FORMAT = 3
"""Of the files of a sweep; a sweep of another format is not read."""

WHICH = {"path": "number of the path", "book": "number of the book that its borrowers are of"}
"""Column -> its meaning, of those that are no outcome."""
_VALUE = 1 / USD


class NotSweptError(Exception):
    """A number of a path that the version which swept it did not keep."""


def column(name: str, number: Number) -> str:
    """The column of a number of `sim.engines.outcome`: a value is in USD, and says so."""
    return f"{name}_usd" if number.unit == "USD" else name


COLUMNS = {column(name, one): (name, one.meaning) for name, one in NUMBERS.items()}
"""Column -> what it is in `sim.engines.outcome.OUTCOME`, and its meaning with its unit."""

BY_ASSET = {column(name, one): (name, one.meaning) for name, one in NUMBERS_BY_ASSET.items()}
"""The same of `sim.engines.outcome.BY_ASSET`; of asset WETH the column is "bad_debt_usd.WETH"."""

BY_VAULT = {column(name, one): (name, one.meaning) for name, one in NUMBERS_BY_VAULT.items()}
"""The same of `sim.engines.outcome.BY_VAULT`, where there are several vaults."""


def paths_of(outcomes: pd.DataFrame, step_seconds: int) -> Paths:
    """Outcomes of a sweep for measures. A number that an earlier version did not keep raises
    `NotSweptError` when it is asked for; a loss was bad debt and shortfall then.
    """

    def number(name: str) -> npt.NDArray[np.float64]:
        wanted = column(name, NUMBERS[name])
        if name == "loss" and wanted not in outcomes:
            return number("bad_debt") + number("shortfall")
        if wanted not in outcomes:
            raise NotSweptError(wanted)
        return outcomes[wanted].to_numpy(dtype=np.float64)

    return Paths(number, step_seconds)


def columns(symbols: Sequence[str], vaults: Sequence[str] = ()) -> dict[str, tuple[str, str]]:
    """All columns of a scenario with these assets and vaults, see `COLUMNS`."""
    several = vaults if len(vaults) > 1 else ()
    parts = {
        f"{name}.{one}": (f"{source}.{one}", meaning)
        for ones, of_one in ((symbols, BY_ASSET), (several, BY_VAULT))
        for one in ones
        for name, (source, meaning) in of_one.items()
    }
    return COLUMNS | parts


def schema(symbols: Sequence[str], vaults: Sequence[str] = ()) -> Any:
    """Of a block's file; every field says its meaning in its metadata."""
    fields = [
        pa.field(name, pa.int64(), False, {"meaning": meaning}) for name, meaning in WHICH.items()
    ]
    for name, (_, meaning) in columns(symbols, vaults).items():
        kind = pa.float64() if _is_float(name) else pa.int64()
        fields.append(pa.field(name, kind, False, {"meaning": meaning}))
    return pa.schema(fields)


def frame(
    paths: Sequence[int],
    book: int,
    outcomes: npt.NDArray[np.float64],
    symbols: Sequence[str],
    vaults: Sequence[str] = (),
) -> pd.DataFrame:
    """What `Compiled.outcomes` returns of these paths of a book as columns of a block."""
    found: dict[str, npt.NDArray[Any]] = {
        "path": np.array(paths, dtype=np.int64),
        "book": np.full(len(paths), book, dtype=np.int64),
    }
    sources = names(symbols, vaults)
    for name, (source, _) in columns(symbols, vaults).items():
        values = outcomes[:, sources.index(source)]
        if _in_usd(name):
            found[name] = values * _VALUE
        else:
            found[name] = values if _is_float(name) else values.astype(np.int64)
    return pd.DataFrame(found)


def _in_usd(name: str) -> bool:
    return name.partition(".")[0].endswith("_usd")


def _is_float(name: str) -> bool:
    known = {column(one, number): number for one, number in NUMBERS.items()}
    return _in_usd(name) or known[name].unit == "ratio"
