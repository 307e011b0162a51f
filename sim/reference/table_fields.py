"""The tables that runs and sweeps write as blocks, a field per column."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from sim.reference.field_blocks import Block, Entry
from sim.reference.units import unit_of
from sim.sweeps.outcome_columns import schema
from sim.tape.columns import COUNT, PRICE, TABLE_MEANINGS, TABLES, TIME, TOKENS

_TYPES = (
    (TIME, "time", "UTC"),
    (TOKENS, "whole number", "token units"),
    (PRICE, "decimal of 8 digits", "USD per token"),
    (COUNT, "whole number", ""),
    (pa.float64(), "number", ""),
    (pa.bool_(), "true or false", ""),
    (pa.string(), "text", ""),
)
"""Types of columns, each in words and with its unit where that goes with the type."""
_ANY_ASSET = "SYMBOL"


def tape_blocks() -> list[Block]:
    """Every table of a tape, then the blocks of a sweep."""
    blocks = [
        Block(
            table,
            "",
            TABLE_MEANINGS[table],
            tuple(_entry(name, kind, meaning) for name, kind, meaning in columns),
        )
        for table, columns in TABLES.items()
    ]
    text = "Of a sweep, blocks/*.parquet: a row per path; columns of an asset for each of them"
    fields = [
        (one.name, one.type, one.metadata[b"meaning"].decode()) for one in schema([_ANY_ASSET])
    ]
    return [*blocks, Block("paths", "", text, tuple(_entry(*field) for field in fields))]


def _entry(name: str, kind: Any, meaning: str) -> Entry:
    words, unit = next((words, unit) for one, words, unit in _TYPES if one == kind)
    is_quantity = kind in (COUNT, pa.float64())
    named = unit_of(name.removesuffix(f".{_ANY_ASSET}")) if is_quantity else ""
    return Entry(name, words, unit or named, "", "", meaning)
