"""The outcomes of a sweep as one table that stays on the disk: a file of columns without a name,
mapped into memory, of which the system keeps as much at hand as it has room for.

A frame of ten million paths takes no more memory than one block and the columns that are asked for.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as parquet


def on_disk(files: Sequence[Path], paths: npt.NDArray[np.int64]) -> pd.DataFrame:
    """The rows of Parquet files of one schema, int64 and float64, by their column path: `paths`,
    ascending, and perhaps others after the last of these. Index path, other columns as there.
    """
    schema = parquet.read_schema(files[0])
    kinds = {field.name: field.type.to_pandas_dtype() for field in schema if field.name != "path"}
    columns = _columns(files[0].parent, kinds, len(paths))
    for file in files:
        block = parquet.read_table(file)
        rows = np.searchsorted(paths, block["path"].to_numpy())
        wanted = rows < len(paths)
        for name, column in columns.items():
            column[rows[wanted]] = block[name].to_numpy()[wanted]
    for column in columns.values():
        column.flags.writeable = False  # whoever has a frame of them has the same bytes
    return pd.DataFrame(columns, index=pd.Index(paths, name="path"), copy=False)


def _columns(folder: Path, kinds: dict[str, Any], length: int) -> dict[str, npt.NDArray[Any]]:
    """Columns of zeros in a file that goes when the last of them does."""
    where = folder if os.access(folder, os.W_OK) else None
    with TemporaryFile(dir=where) as file:
        shape = (len(kinds), length)
        words = np.memmap(file, dtype=np.int64, mode="w+", shape=shape)  # mapped after it is closed
    return {
        name: np.asarray(row.view(kind))
        for (name, kind), row in zip(kinds.items(), words, strict=True)
    }
