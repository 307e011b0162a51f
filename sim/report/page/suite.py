"""The report of a suite: what every scenario comes to, side by side."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sim.measures.registry import MEASURES
from sim.report.page.content import (
    NONE,
    Cell,
    Chart,
    Commands,
    Page,
    Part,
    Section,
    Table,
    Value,
    share,
)
from sim.report.page.plot import COLOURS, Trace, axis, figure, plain, share_axis
from sim.report.run_tables import explained, of_whom
from sim.report.suite_rows import OF_THE_RUN, Row
from sim.report.text import counted, usd
from sim.version import VERSION

_SUMMARY = (
    "bad_debt_usd",
    "shortfall_usd",
    "peak_loss_usd",
    "liquidations",
    "induced",
    "branching_ratio",
)
_MORE = (
    "most_debt_usd",
    "by_suppliers_usd",
    "solvency_lowest",
    "lowest_health",
    "largest_usage",
    "repaid_usd",
    "profit_usd",
    "most_unpaid_usd",
)


def page(rows: Sequence[Row], folder: Path) -> Page:
    """All scenarios of a suite, in the order in which they were asked."""
    done = [row for row in rows if not row.entry.why]
    failed = [row for row in rows if row.entry.why]
    engines = ", ".join(dict.fromkeys(row.entry.engine for row in rows))
    sections = [Section("summary", "Summary", _summary(rows, done))]
    if failed:
        sections.append(Section("failed", "What failed, and why", [_failures(failed)]))
    if done:
        sections += [
            Section("warnings", "What to know of each", [_known_table(done)]),
            Section("more", "Market, solvency and liquidators", [_more_table(done)]),
        ]
    made = _made(rows, folder)
    sections.append(Section("provenance", "Provenance: how to get these numbers again", made))
    subtitle = f"{len(done):,} done, {len(failed):,} failed, engine {engines}, Breakwater {VERSION}"
    return Page(f"Suite of {counted(len(rows), 'scenario')}", "suite", subtitle, sections)


def _summary(rows: Sequence[Row], done: Sequence[Row]) -> list[Part]:
    if not done:
        return ["Nothing could be played."]
    losing = [row for row in done if _number(row, "peak_loss_usd") > 0]
    said = (
        f"In {len(losing):,} of {counted(len(done), 'scenario')} something was lost at some time. "
    )
    if losing:
        worst = max(losing, key=lambda row: row.lost_share(at_its_peak=True))
        said += (
            f"Worst was {worst.key}: {usd(_number(worst, 'peak_loss_usd'))} at its peak, "
            f"{worst.lost_share(at_its_peak=True):.2%} of the most that was owed. "
        )
    said += "Each is of one book and its own prices: the figures do not add up to anything."
    if failed := len(rows) - len(done):
        said += f" {counted(failed, 'scenario')} failed and took no part."
    table = Table(
        "What every scenario comes to",
        ["scenario", *(MEASURES[name].title for name in _SUMMARY), "warnings", "differ", "time"],
        [_row(row) for row in rows],
        note=f"{explained([MEASURES[name] for name in _SUMMARY])} No "
        "branching ratio where no sale left a trace in a reference price. Differ: values in which "
        "chain and twin were not equal; a dash where all was played on the twin alone.",
    )
    return [said, table, _chart(done)]


def _row(row: Row) -> list[Cell]:
    if row.entry.why:
        return [row.key, "failed", *[NONE] * (len(_SUMMARY) + 2)]
    return [
        row.key,
        *cells(row, [name for name in _SUMMARY if name != "branching_ratio"]),
        _cascade(row),
        Value(f"{len(row.warnings)}", len(row.warnings), f"warnings of {row.key}"),
        *(cells(row, ["differences"]) if row.entry.engine != "exact" else [NONE]),
        *cells(row, ["seconds"]),
    ]


def _chart(done: Sequence[Row]) -> Chart:
    shares = {
        "at the end: bad debt and shortfall": [row.lost_share() for row in done],
        "at its peak": [row.lost_share(at_its_peak=True) for row in done],
    }
    reading = (
        "Two bars a scenario: what was lost or not covered at the end, and when that was most. A "
        "second bar that is longer than the first was forgiven by a rebound."
    )
    return share_chart(reading, [row.key for row in done], shares)


def share_chart(reading: str, keys: list[str], shares: Mapping[str, list[float]]) -> Chart:
    """Losses of every scenario over the most that was owed in it, two bars each."""
    title = "Losses as a share of the most that was owed"
    rows: list[list[Cell]] = [
        [key, *map(share, both)] for key, *both in zip(keys, *shares.values(), strict=True)
    ]
    return Chart(
        "losses",
        title,
        reading,
        figure(
            [_bars(name, keys, values, n) for n, (name, values) in enumerate(shares.items())],
            share_axis("share of the most that was owed (%)", rangemode="tozero"),
            axis("scenario", type="category", autorange="reversed"),
            barmode="group",
        ),
        Table(title, ["scenario", *shares], rows),
        height=160 + 34 * len(keys),
    )


def _bars(name: str, keys: list[str], values: list[float], n: int) -> Trace:
    hatch = {"pattern": {"shape": "/", "bgcolor": COLOURS[n], "fgcolor": "#FFFFFF"}} if n else {}
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "y": keys,
        "x": plain(values),
        "marker": {"color": COLOURS[n], **hatch},
        "hovertemplate": "%{y}: %{x:.2%}",
    }


def _failures(failed: Sequence[Row]) -> Table:
    rows = [[row.key, row.reason] for row in failed]
    return Table("Scenarios that were not played", ["scenario", "why"], rows, words=(0, 1))


def _known_table(done: Sequence[Row]) -> Table:
    rows = [[row.key, line] for row in done for line in (row.given, *row.warnings)]
    note = "Of each first what its figures are conditional on, then its warnings."
    return Table("Given, and warnings", ["scenario", "line"], rows, words=(0, 1), note=note)


def _more_table(done: Sequence[Row]) -> Table:
    rows = [[row.key, *cells(row, _MORE)] for row in done]
    note = "All figures, unrounded, are in suite.csv."
    header = ["scenario", *(MEASURES[name].heading for name in _MORE)]
    return Table("More of every scenario", header, rows, note=note)


def _cascade(row: Row) -> Cell:
    """The branching ratio with the asset that it is of."""
    (cell,) = cells(row, ["branching_ratio"])
    return cell._replace(text=f"{cell.text} {row.asset}") if isinstance(cell, Value) else cell


def cells(row: Row, names: Iterable[str]) -> list[Cell]:
    """Figures of a scenario, which say whose they are."""
    return [of_whom(row.cell(name), row.key) for name in names]


def _made(rows: Sequence[Row], folder: Path) -> list[Part]:
    facts: list[list[Cell]] = [
        [
            row.key,
            row.entry.named,
            row.entry.digest or NONE,
            row.entry.engine,
            *cells(row, OF_THE_RUN),
        ]
        for row in rows
    ]
    header = [
        "scenario",
        "of",
        "hash (SHA-256)",
        "engine",
        "operations",
        "values compared",
        "differ",
    ]
    why = (
        "Every run is in a folder of its own. Its page has seed, versions and the command that "
        "plays it again:"
    )
    lines = [
        f"ape run report {shlex.quote(str(folder / row.key))}" for row in rows if not row.entry.why
    ]
    return [
        Table("What was played", header, facts, words=(0, 1, 2, 3)),
        *([Commands(why, lines)] if lines else []),
    ]


def _number(row: Row, name: str) -> float:
    return float(row.figures[name].number)
