"""The report of a suite: what every scenario comes to, side by side."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from sim.measures.registry import of_suites
from sim.report.page.content import (
    NONE,
    Cell,
    Chart,
    Commands,
    Page,
    Part,
    Section,
    Table,
    share,
)
from sim.report.page.plot import COLOURS, Trace, axis, figure, plain, share_axis
from sim.report.suite_rows import Row
from sim.report.suite_tables import cells, suite_table
from sim.report.text import counted, usd
from sim.version import VERSION


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
    return [said, suite_table(rows), _chart(done)]


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
    measures = of_suites("more")
    rows = [[row.key, *cells(row, measures)] for row in done]
    note = "All figures, unrounded, are in suite.csv."
    header = ["scenario", *(one.heading for one in measures.values())]
    return Table("More of every scenario", header, rows, note=note)


def _made(rows: Sequence[Row], folder: Path) -> list[Part]:
    measures = of_suites("played")
    facts: list[list[Cell]] = [
        [
            row.key,
            row.entry.named,
            row.entry.digest or NONE,
            row.entry.engine,
            *cells(row, measures),
        ]
        for row in rows
    ]
    header = [
        "scenario",
        "of",
        "hash (SHA-256)",
        "engine",
        *(one.heading for one in measures.values()),
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
