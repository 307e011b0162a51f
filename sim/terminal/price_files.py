"""What was understood of price files, for someone who watches: a line for each, and a picture."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml
from rich.console import Console
from rich.markup import escape

from sim.market.history import reading, recorded
from sim.market.price_files.columns import CANDLE
from sim.market.price_files.reading import Reading, Request, read_prices, utc
from sim.scenario import Scenario
from sim.schema.price_file import PriceFile
from sim.schema.problems import ScenarioError

Floats = npt.NDArray[np.float64]

_BLOCKS = " ▁▂▃▄▅▆▇█"
_WIDTH = 72
_ROWS, _ROWS_OF_MANY = 6, 2


def price_lines(scenario: Scenario) -> list[str]:
    """What was understood of every file of prices and feeds that the scenario names, one line for
    each.
    """
    named: list[object] = [asset.price_usd for asset in scenario.assets.values()]
    named += [level for _, feed in scenario.feeds.items() for level in (feed.rate, feed.replay)]
    return reading_lines((one.file, reading(one)) for one in named if isinstance(one, PriceFile))


def history_lines(scenario: Scenario) -> list[str]:
    """The same of the history that paths are drawn from, if there is one."""
    if not scenario.paths or not scenario.paths.history:
        return []
    file, gap = scenario.paths.history, scenario.paths.history_max_gap_seconds
    wanted = Request(zone=scenario.paths.history_zone, max_gap_seconds=gap, every=True)
    return reading_lines([(file, read_prices(file, wanted))])


def reading_lines(readings: Iterable[tuple[str, Reading]]) -> list[str]:
    """One line for each file; columns that are alike in the rest share it."""
    names: dict[tuple[str, str], dict[str, None]] = {}
    by_key: dict[tuple[str, str], Reading] = {}
    for file, read in readings:
        key = (file, read.how)
        by_key.setdefault(key, read)
        names.setdefault(key, {}).update(dict.fromkeys(read.names))
    return [read.line(Path(key[0]).name, list(names[key])) for key, read in by_key.items()]


def show(
    file: Path,
    column: str | None,
    zone: str | None,
    max_gap: int | None,
    decimals: int | None,
    console: Console,
) -> None:
    """Print how a price file is read, a picture of every price in it, and how a scenario names it.

    Raises ScenarioError if it cannot be right.
    """
    wanted = Request(column, zone, max_gap, decimals)
    with console.status(f"Reading {escape(file.name)}."):
        read = _read(file, wanted)
    console.print(read.line(file.name), markup=False, soft_wrap=True)
    given = {"zone": zone, "max_gap_seconds": max_gap, "decimals": decimals, "column": column}
    level = {"file": str(file), **{k: value for k, value in given.items() if value is not None}}
    one = len(read.names) == 1 or read.names == CANDLE
    series = [level] if one else [{**level, "column": name} for name in read.names]
    for options in series:
        times, prices = recorded(PriceFile.model_validate(options))
        name = "" if one else f"{options['column']}: "
        console.print(f"\n{name}{_extremes(times, prices)}", markup=False)
        rows = _ROWS if one else _ROWS_OF_MANY
        for line in picture(times, prices, min(_WIDTH, console.width), rows):
            console.print(line, markup=False, highlight=False)
    text = yaml.safe_dump(series[0], default_flow_style=True, sort_keys=False, width=1_000).strip()
    console.print(f"\nIn a scenario: price_usd: {text}", soft_wrap=True, markup=False)


def picture(times: Floats, prices: Floats, width: int, rows: int) -> list[str]:
    """Bars up to the lowest price in each of `width` equal parts of the time, or to the last one
    before where there is none; the scale is from the lowest to the highest of them.
    """
    length = float(times[-1] - times[0]) or 1.0
    part = np.minimum((times - times[0]) / length * width, width - 1).astype(np.intp)
    lows = np.full(width, np.inf)
    np.minimum.at(lows, part, prices)
    for n in range(1, width):
        lows[n] = lows[n - 1] if np.isinf(lows[n]) else lows[n]
    span = lows.max() - lows.min()
    steps = rows * (len(_BLOCKS) - 1) - 1
    height = 1 + np.rint((lows - lows.min()) / span * steps if span else np.zeros(width))
    full = len(_BLOCKS) - 1
    return [
        "".join(_BLOCKS[int(np.clip(one - row * full, 0, full))] for one in height)
        for row in reversed(range(rows))
    ]


def _read(file: Path, wanted: Request) -> Reading:
    """The price or candles of a file; if it has several prices and none is named, all of them."""
    try:
        return read_prices(file, wanted)
    except ScenarioError:
        if wanted.column is not None:
            raise
        return read_prices(file, wanted._replace(every=True))


def _extremes(times: Floats, prices: Floats) -> str:
    low, high = int(prices.argmin()), int(prices.argmax())
    return (
        f"{prices[0]:,.10g} first, {prices[low]:,.10g} lowest ({utc(times[low])}), "
        f"{prices[high]:,.10g} highest ({utc(times[high])}), {prices[-1]:,.10g} last"
    )
