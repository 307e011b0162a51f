"""What the user's price files come to: a level per asset, and a time that all of them know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

from sim.market.history import recorded, recorded_at
from sim.market.price_files.columns import CANDLE
from sim.market.price_files.reading import Reading, Request, read_prices, utc
from sim.schema.price_file import PriceFile
from sim.schema.problems import Problem, ScenarioError, nearest
from sim.starter.symbols import is_symbol

LONGEST_HOURS = 48


class Priced(NamedTuple):
    """The levels of some assets."""

    levels: dict[str, dict[str, Any]]
    """Asset -> its price_usd; the file by its absolute path."""
    at_start: dict[str, float]
    """Asset -> USD at the start."""
    start: datetime
    hours: float
    """At most `LONGEST_HOURS`, the last that all files know."""
    known: tuple[str, str]
    """From when to when all files know the prices."""
    lines: tuple[str, ...]
    """What was understood of every file."""


def priced(
    files: Sequence[tuple[str | None, Path]], spelt: Mapping[str, str], step_seconds: int
) -> Priced:
    """The levels in `files`, each with the asset that it is of; None: its columns name assets.

    `spelt`: an asset's symbol in lower case -> as the base has it. Raises `ScenarioError`.
    """
    levels: dict[str, dict[str, Any]] = {}
    lines = []
    for asset, path in files:
        read = _read(path, asset)
        lines.append(read.line(path.name))
        for symbol, column in _columns(read, asset, path).items():
            name = spelt.get(symbol.lower(), symbol)
            if name in levels:
                twice = Problem("--prices", f"{name} is priced by two files", "one of them")
                raise ScenarioError(str(path), [twice])
            levels[name] = {"file": str(path.absolute()), **({"column": column} if column else {})}
    series = {name: recorded(PriceFile.model_validate(level)) for name, level in levels.items()}
    first = max(float(times[0]) for times, _ in series.values())
    last = min(float(times[-1]) for times, _ in series.values())
    steps = int((last - ceil(first)) // step_seconds)
    if steps < 1:
        problem = f"prices known together reach from {utc(first)} to {utc(last)}"
        remedy = f"files that share a time of {step_seconds} s or more"
        raise ScenarioError(str(files[-1][1]), [Problem("--prices", problem, remedy)])
    steps = min(steps, LONGEST_HOURS * 3600 // step_seconds)
    start = max(ceil(first), int(last) - steps * step_seconds)
    return Priced(
        levels,
        {
            name: float(recorded_at(PriceFile.model_validate(level), start, [0.0])[0])
            for name, level in levels.items()
        },
        datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=start),
        steps * step_seconds / 3600,
        (utc(first), utc(last)),
        tuple(lines),
    )


def _read(path: Path, asset: str | None) -> Reading:
    """The price or candles of an asset, or all columns of a file."""
    if asset is not None:
        try:
            return read_prices(path, Request())
        except ScenarioError as error:
            every = _every(path, error)
            return read_prices(path, Request(column=_named(asset, every, path)))
    return read_prices(path, Request(every=True))


def _every(path: Path, error: ScenarioError) -> Sequence[str]:
    """The columns of a file that has several; raises `error` if it cannot be read at all."""
    try:
        return read_prices(path, Request(every=True)).names
    except ScenarioError:
        raise error from None


def _named(asset: str, names: Sequence[str], path: Path) -> str:
    """The column of an asset."""
    for name in names:
        if name.lower() == asset.lower():
            return name
    remedy = nearest(asset, names, "the columns of prices are")
    raise ScenarioError(str(path), [Problem("--prices", f"no column {asset}", remedy)])


def _columns(read: Reading, asset: str | None, path: Path) -> dict[str, str | None]:
    """Asset -> its column; None where there is one price only."""
    if asset is not None:
        several = read.names != CANDLE and read.names[0].lower() == asset.lower()
        return {asset: read.names[0] if several else None}
    wrong = [name for name in read.names if not is_symbol(name)]
    if read.names == CANDLE or wrong or read.names == ("price",):
        problem = "names no asset" if not wrong else f"column '{wrong[0]}' is no symbol of an asset"
        raise ScenarioError(str(path), [Problem("--prices", problem, f"WETH={path.name}")])
    return dict(zip(read.names, read.names, strict=True))
