"""The unit of a quantity by its name: names here end in their unit, or say what is counted."""

from __future__ import annotations

import re

_UNITS = (
    (r"(^|_)price_usd$|^(min|max)_price_usd$|^answer_usd$", "USD per token"),
    (r"^price_token1_per_token0$", "token1 per token0"),
    (r"^simulated$", "that of the measure"),
    (r"_usd_per_percent$", "USD per percent"),
    (r"_usd_per_hour$", "USD per hour"),
    (r"_usd(_per_side)?$", "USD"),
    (r"_bps_per_year$", "bps per year"),
    (r"_bps$", "bps"),
    (r"_per_gwei$", "s per gwei"),
    (r"_gwei$", "gwei per gas"),
    (r"(^|_)seconds$", "s"),
    (r"(^|_)hours$", "h"),
    (r"(^|_)minutes$", "min"),
    (r"_calls_per_hour$", "calls per hour"),
    (r"_per_sqrt_year$", "per square root of a year"),
    (r"per_year$", "per year"),
    (r"_per_day$", "per day"),
    (r"_per_point$", "share per percentage point"),
    (r"^gas(_used)?$", "gas"),
    (r"(^|_)health(_|$)|^hf_", "health factor"),
    (r"(^|_)shares?$|^probability$|(^|_)usage$", "share"),
    (r"(^|_)weights?$", "weight"),
    (r"(^|_)(ratio|factor)$|^impact$", "ratio"),
    (r"^decimals$|^digits$", "decimal digits"),
)
"""Patterns of names and units; the first that fits counts."""


def unit_of(name: str) -> str:
    """The unit of a quantity of that name; empty where the name does not say."""
    return next((unit for pattern, unit in _UNITS if re.search(pattern, name)), "")
