"""Texts as instants, read by pandas: ISO 8601, dates of other orders, seconds since 1970 and their
thousandths.

    epoch     in seconds, ms, us or ns, by magnitude: of 2009 to 2100 only one of them can be meant
    zone      Z, +01:00 or UTC behind the time; times without are of a stated zone, or else of UTC
    dates     ISO, or the first of `_DATES` that all follow. Whether 02/04/2025 is in February or in
              April is seen from a number above 12 in either place, or else from the spacing: one
              of the two orders is even
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

_UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_EARLIEST, _LATEST = 1_230_940_800, 4_102_444_800  # 2009-01-03 to 2100: what a scenario may name
_ISO = r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?!\d)|\d{8}(?!\d)"
_ZONED = r"\d:?\d\d[\d.,]*\s*(?:Z|[+-]\d\d(?::?\d\d)?)$"
_MONTH_FIRST, _DAY_FIRST = ("%m/%d/%Y", "%m-%d-%Y"), ("%d/%m/%Y", "%d-%m-%Y")
_DATES = (
    "%Y-%m-%d",  # with an hour of one digit: not ISO
    "%Y/%m/%d",
    "%Y.%m.%d",
    *_MONTH_FIRST,
    *_DAY_FIRST,
    "%d.%m.%Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%Y",
)
_HOURS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
_ZONES = ("", "%z", " %z")
_SAMPLE = 50


class Instants(NamedTuple):
    """When the rows of a file are."""

    seconds: Floats
    """Since 1970-01-01T00:00:00Z; NaN where the text is no time, (rows,)."""
    unit: str
    """How they are written: epoch us, dates month first, or nothing for ISO 8601."""
    naive: npt.NDArray[np.bool_]
    """Where the text says no zone, (rows,)."""


class AmbiguousError(ValueError):
    """Dates that mean one thing with the month first and another with the day first."""


def instants(texts: pd.Series[str], zone: str | None = None) -> Instants:
    """The instants that stripped texts name; those without a zone in `zone`, a name such as
    Europe/Berlin, by default UTC.

    Raises AmbiguousError.
    """
    numbers = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
    seconds = np.full(numbers.shape, np.nan)
    units = []
    for unit, scale in _UNITS.items():
        of_unit = (numbers >= _EARLIEST * scale) & (numbers <= _LATEST * scale)
        seconds[of_unit] = numbers[of_unit] / scale
        units += [unit] if of_unit.any() else []
    if units:
        return Instants(seconds, f"epoch {' and '.join(units)}", np.zeros(len(texts), np.bool_))
    if any(name in "\n".join(texts) for name in ("UTC", "GMT")):
        texts = texts.str.replace(r"\s*\b(?:UTC|GMT)(?=[+-]\d)", "", regex=True)
        texts = texts.str.replace(r"\s*\b(?:UTC|GMT)$", "Z", regex=True)
    naive = ~texts.str.contains(_ZONED).to_numpy(dtype=np.bool_)
    iso = texts.str.match(_ISO)
    unit = ""
    if iso.any():
        found = pd.to_datetime(texts.where(iso), format="ISO8601", utc=True, errors="coerce")
    if not iso.any() or found.isna().any():
        others, order = _other_dates(texts)
        if not iso.any() or others.notna().sum() > found.notna().sum():
            found, unit = others, order
    if zone:
        clock = found[naive].dt.tz_localize(None)
        # An hour that the clocks show twice, or never, is no instant.
        there = clock.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
        found = found.where(~naive, there.dt.tz_convert("UTC").reindex(found.index))
    return Instants(_seconds(found), unit, naive)


def is_time(text: str) -> bool:
    """Whether a text names an instant."""
    if not any(map(str.isdigit, text)):
        return False
    try:
        return not np.isnan(instants(pd.Series([text.strip()], dtype=str)).seconds[0])
    except AmbiguousError:
        return True


def _other_dates(texts: pd.Series[str]) -> tuple[pd.Series[pd.Timestamp], str]:
    """Instants in UTC by the format that most texts follow, and whether month or day is first."""
    sample = texts[:_SAMPLE]
    formats = [date + hour + end for date, hour, end in product(_DATES, _HOURS, _ZONES)]
    followed = {format: int(_parsed(sample, format).notna().sum()) for format in formats}
    most = max(followed.values())
    if not most:
        return pd.Series(pd.NaT, index=texts.index).dt.tz_localize("UTC"), ""
    # What follows a format in the sample need not do so later: 13/02 comes after 12/02.
    found = {format: _parsed(texts, format) for format, n in followed.items() if n == most}
    most = max(int(times.notna().sum()) for times in found.values())
    left = {format: times for format, times in found.items() if int(times.notna().sum()) == most}
    by_order = {_order(format): times for format, times in left.items()}
    if len(by_order) > 1:
        uneven = {order: _unevenness(times) for order, times in by_order.items()}
        least = min(uneven.values())
        by_order = {order: by_order[order] for order in by_order if uneven[order] == least}
    (order, times), *others = by_order.items()
    if not all(times.equals(other) for _, other in others):
        raise AmbiguousError
    return times, "" if others else order


def _parsed(texts: pd.Series[str], format: str) -> pd.Series[pd.Timestamp]:
    return pd.to_datetime(texts, format=format, utc=True, errors="coerce")


def _order(format: str) -> str:
    if format.startswith(_MONTH_FIRST):
        return "month first"
    return "day first" if format.startswith(_DAY_FIRST) else ""


def _unevenness(times: pd.Series[pd.Timestamp]) -> float:
    """The longest time between two by the shortest."""
    apart = np.diff(np.unique(_seconds(times.dropna())))
    return float(apart.max() / apart.min()) if len(apart) else 1.0


def _seconds(times: pd.Series[pd.Timestamp]) -> Floats:
    known = times.notna().to_numpy()
    nanoseconds = times.astype("int64").to_numpy(dtype=np.float64)
    return np.where(known, nanoseconds / 1e9, np.nan)
