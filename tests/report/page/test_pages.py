"""Every kind of page, opened in a real browser: it works, and its numbers are those of the files.

The figures are computed here a second way: by SQL on the tape, by numpy on the paths, or read from
the made-up study.
"""

from __future__ import annotations

import io
import re
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pytest
from rich.console import Console

from sim.terminal.publish import publish, publish_comparison
from sim.tuning.result import short_path
from tests.report.page.browser import look
from tests.report.page.sources import crashed, played, swept, tuned
from tests.report.page.studies import BONUS, ENGINE, LT

KINDS = ("crash", "sweep", "tuning", "suite", "crashes", "sweeps", "tunings", "suites")
MOST_BYTES = 6_000_000
A4_PIXELS = (210 - 2 * 14) / 25.4 * 96  # between the margins of the style sheet
UNITS = re.compile(
    r"\((USD|%|gwei|h|start = 100|USD, log scale|%, log scale|UTC)\)$"
    r"|^(health factor|parameter|scenario|trial)$"  # have none
)


class Made(NamedTuple):
    """Pages, what a browser saw of them, and what they were made from."""

    files: dict[str, Path]
    seen: dict[str, dict[str, Any]]
    folder: Path
    losses: list[Any]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """All pages, opened in one browser."""
    folder = tmp_path_factory.mktemp("pages")
    console = Console(file=io.StringIO())
    runs = [
        crashed(folder / "run-a"),
        crashed(folder / "run-b", protocol__liquidation__engine="target-health"),
    ]
    sweeps = [
        swept(folder / "sweep-a", 1),
        swept(folder / "sweep-b", 2, protocol__liquidation__delay_seconds=600),
    ]
    studies = [tuned(folder / "study-a", True), tuned(folder / "study-b", False)]
    several = [
        played(folder / "suite-a", "close-factor"),
        played(folder / "suite-b", "target-health"),
    ]
    pairs = {
        "crash": runs,
        "sweep": [sweep for sweep, _ in sweeps],
        "tuning": studies,
        "suite": several,
    }
    files = {}
    for kind, (one, other) in pairs.items():
        two = "crashes" if kind == "crash" else f"{kind}s"
        files |= {kind: folder / f"{kind}.html", two: folder / f"{two}.html"}
        assert publish(one, files[kind], console) == 0
        assert publish_comparison(one, other, files[two], console) == 0
    seen = look(list(files.values()))
    by_kind = {kind: seen[path] for kind, path in files.items()}
    return Made(files, by_kind, folder, [losses for _, losses in sweeps])


# --- any page -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_opens_without_network_and_without_complaint(made: Made, kind: str) -> None:
    page = made.seen[kind]
    assert page["problems"] == []
    assert page["requests"] == []
    assert made.files[kind].stat().st_size < MOST_BYTES


@pytest.mark.parametrize("kind", KINDS)
def test_accessible(made: Made, kind: str) -> None:
    page = made.seen[kind]
    assert page["axe"] == []
    assert page["lang"] == "en"
    levels = [level for level, _ in page["headings"]]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(table["caption"] and all(table["header"]) for table in page["tables"])


@pytest.mark.parametrize("kind", KINDS)
def test_charts_are_drawn_with_units_and_source_tables(made: Made, kind: str) -> None:
    charts = made.seen[kind]["charts"]
    assert charts
    for chart in charts:
        assert chart["invalid"] == [], chart["id"]
        assert chart["drawn"] > 5, chart["id"]
        assert chart["source"] and len(chart["label"]) > 40, chart["id"]
        for title in chart["axes"].values():
            assert UNITS.search(title), (chart["id"], title)
        assert sum(trace["points"] for trace in chart["traces"]) > 0, chart["id"]
    assert len({chart["id"] for chart in charts}) == len(charts)


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_of_a_chart_covers_another(made: Made, kind: str) -> None:
    page = made.seen[kind]
    assert page["covered"] == []
    assert page["telephone"] == {"wide": 0, "covered": []}


@pytest.mark.parametrize("kind", KINDS)
def test_fits_screen_and_paper(made: Made, kind: str) -> None:
    page = made.seen[kind]
    narrow, broad = page["letters"]
    assert 0 < 2 * narrow < broad, "the browser has a font"
    assert page["wide"] <= 0
    assert page["pdf"]["pages"] >= 2
    assert page["pdf"]["bytes"] > 20_000
    on_paper = page["paper"]
    assert on_paper["folded"] == 0, "source tables open on paper"
    assert 0 < max(on_paper["widths"]) <= A4_PIXELS


# --- a run ----------------------------------------------------------------------------------------


def sql(folder: Path, query: str) -> Any:
    with duckdb.connect(str(folder / "tape.duckdb"), read_only=True) as tape:
        return tape.execute(query).fetchall()


def test_figures_of_a_run_are_those_of_its_tape(made: Made) -> None:
    shown = made.seen["crash"]["data"]
    ((bad, short, suppliers),) = sql(
        made.folder / "run-a",
        """
        SELECT sum(deficit_reported / power(10::DOUBLE, decimals) * reference_price_usd),
               sum(shortfall / power(10::DOUBLE, decimals) * reference_price_usd),
               sum(socialised / power(10::DOUBLE, decimals) * reference_price_usd)
        FROM assets WHERE step = (SELECT max(step) FROM assets)
        """,
    )
    ((number, repaid, seized, profit, lowest),) = sql(
        made.folder / "run-a",
        """
        SELECT max(liquidations), max(repaid_usd), max(seized_usd),
               last(liquidator_profit_usd - gas_usd ORDER BY step), min(lowest_health) FROM steps
        """,
    )
    ((stuck, owed, most),) = sql(
        made.folder / "run-a",
        "SELECT last(unpaid ORDER BY step), last(unpaid_usd ORDER BY step), max(unpaid_usd) "
        "FROM steps",
    )
    wanted = {
        "unpaid": stuck,
        "unpaid_usd": owed,
        "most_unpaid_usd": most,
        "bad_debt_usd": bad,
        "shortfall_usd": short,
        "by_suppliers_usd": suppliers,
        "liquidations": number,
        "repaid_usd": repaid,
        "seized_usd": seized,
        "profit_usd": profit,
        "lowest_health": lowest,
    }
    assert bad > 1_000 and number > 10, "a storm that hurts"
    for name, value in wanted.items():
        number_shown, text = shown[name]
        assert number_shown == pytest.approx(value, rel=1e-9), name
        written = float(text.replace("$", "").replace(",", ""))
        assert written == pytest.approx(value, abs=0.5 if "usd" in name else 0.0005), name
    ((by_operations,),) = sql(
        made.folder / "run-a",
        "SELECT count(*) FROM operations WHERE verdict = 'ok' AND step > 0 "
        "AND kind IN ('liquidate', 'flash_liquidate')",
    )
    assert shown["liquidations"][0] == by_operations
    said = " ".join(made.seen["crash"]["paragraphs"])
    assert most > 0
    assert ("At the end nobody is paid to liquidate" in said) == (stuck > 0)
    assert f"${bad:,.0f} could not be paid" in said and f"acted {number:,} times" in said


def test_the_slider_shows_the_moment(made: Made) -> None:
    slider = made.seen["crash"]["slider"]
    steps = sql(
        made.folder / "run-a",
        "SELECT strftime(time_utc, '%Y-%m-%d %H:%M:%S'), liquidations, repaid_usd, unhealthy "
        "FROM steps ORDER BY step",
    )
    times = [row[0] for row in steps]
    first = times.index(slider["first"]["rule"])
    for moment, at in (("first", first), ("next", first + 1), ("last", len(steps) - 1)):
        time, liquidations, repaid, unhealthy = steps[at]
        found = slider[moment]
        assert found["rule"] == time, "the line in the chart moves"
        assert found["time"] == found["said"] == f"{time} UTC"
        assert found["readings"]["liquidations so far"] == f"{liquidations:,}"
        assert found["readings"]["accounts below 1"] == f"{unhealthy:,}"
        assert float(re.sub(r"[$,]", "", found["readings"]["debt repaid so far"])) == pytest.approx(
            repaid, abs=0.5
        )
        done = steps[at][1] - steps[at - 1][1]
        assert len(found["events"]) == min(done, 13) if done else found["events"] == ["none"]


def test_the_largest_accounts_are_those_that_owe_most(made: Made) -> None:
    rows = sql(
        made.folder / "run-a",
        """
        SELECT name, sum(debt_start / power(10::DOUBLE, decimals) * oracle_price_usd) AS owed
        FROM accounts JOIN assets USING (asset) WHERE step = 0
        GROUP BY account, name ORDER BY round(owed, 2) DESC, account LIMIT 20
        """,
    )
    (table,) = [t for t in made.seen["crash"]["tables"] if "owe most" in t["caption"]]
    assert [row[0] for row in table["rows"]] == [name for name, _ in rows]
    for name, owed in rows:
        assert made.seen["crash"]["data"][f"debt of {name}"][0] == pytest.approx(owed)


# --- a sweep --------------------------------------------------------------------------------------


def test_figures_of_a_sweep_are_those_of_its_paths(made: Made) -> None:
    shown, lost = made.seen["sweep"]["data"], made.losses[0]
    tail = np.sort(lost)[-20:]  # a twentieth of 400 paths
    wanted = {
        "p_loss": (lost > 0).mean(),
        "expected_loss": lost.mean(),
        "var_95": np.quantile(lost, 0.95, method="inverted_cdf"),
        "es_95": tail.mean(),
        "mean by fund": lost.mean(),
        f"loss of {lost.argmax()}": lost.max(),
    }
    for name, value in wanted.items():
        assert shown[name][0] == pytest.approx(value, rel=1e-9), name
    for name in ("p_loss", "expected_loss", "var_95"):
        assert shown[f"{name} low"][0] < shown[name][0] < shown[f"{name} high"][0]
    (curve,) = [c for c in made.seen["sweep"]["charts"] if c["id"] == "exceedance"]
    points = {trace["name"]: trace["points"] for trace in curve["traces"]}
    # A step at zero and one per loss, and the end of the page.
    assert points["400 paths"] == len(np.unique(lost[lost > 0])) + 2


# --- a study --------------------------------------------------------------------------------------


def test_a_study_says_what_to_change(made: Made) -> None:
    page = made.seen["tuning"]
    shown = page["data"]
    assert shown[f"current {LT}"] == [8000, "8,000"]
    assert shown[f"recommended {LT}"] == [7600, "7,600"]
    assert shown[f"next {LT}"] == [7900, "7,900"]
    (parameters,) = [t for t in page["tables"] if t["caption"].startswith("Parameters")]
    (engine,) = [row for row in parameters["rows"] if row[0] == short_path(ENGINE)]
    assert engine[2:5] == ["close-factor", "target-health", "target-health"]
    assert shown["now es_99"][0] == 523_000 and shown["proposed es_99"][0] == 244_000
    assert shown["difference es_99"] == [-279_000, "-$279,000"]
    assert shown[f"ST {LT}"][1] == "68.00%" and shown[f"S {BONUS}"][1] == "13.00%"
    assert shown["SmartLTV protocol.reserves.WETH.lt_bps"][0] == 7777
    assert shown["cap protocol.reserves.WETH.supply_cap"][0] == 123_456
    said = " ".join(page["paragraphs"])
    assert "12,345 operations, 6,789,012 values compared, 0 differ" in said
    values = [cell for table in page["tables"] for row in table["rows"] for cell in row]
    assert "5c" * 32 in values


def test_the_front_of_a_study(made: Made) -> None:
    page = made.seen["tuning"]
    (front,) = [chart for chart in page["charts"] if chart["id"] == "front-es_99"]
    points = {trace["name"]: trace["points"] for trace in front["traces"]}
    assert points["front"] == 12 and points["stopped early, dominated"] == 2
    assert points["knee (recommended)"] == 1
    assert {"rates", "slippage", "liquidations", "depths", "sensitivity-es_99"} <= {
        chart["id"] for chart in page["charts"]
    }
    (rates,) = [chart for chart in page["charts"] if chart["id"] == "rates"]
    names = [trace["name"] for trace in rates["traces"]]
    assert sum("DAI now (" in name or "DAI proposed (" in name for name in names) == 2


def test_fronts_of_two_studies(made: Made) -> None:
    """B has a third objective, which A has not: its front is points, with the same trials."""
    (front,) = made.seen["tunings"]["charts"]
    points = {trace["name"]: trace["points"] for trace in front["traces"]}
    assert points["front of A"] == points["front of B"] == 12


# --- a suite --------------------------------------------------------------------------------------


def test_figures_of_a_suite_are_those_of_its_tapes(made: Made) -> None:
    page = made.seen["suite"]
    for name in ("storm", "twice"):
        ((number, repaid, most, warned),) = sql(
            made.folder / "suite-a" / name,
            "SELECT max(liquidations), max(repaid_usd), max(debt_usd), max(unpaid_usd) FROM steps",
        )
        for figure, value in {
            "liquidations": number,
            "repaid_usd": repaid,
            "most_debt_usd": most,
            "most_unpaid_usd": warned,
        }.items():
            assert page["data"][f"{figure} of {name}"][0] == pytest.approx(value, rel=1e-9), figure
    (table,) = [t for t in page["tables"] if t["caption"] == "What every scenario comes to"]
    assert [row[0] for row in table["rows"]] == ["storm", "wrong", "twice"]
    assert table["rows"][1][1] == "failed"
    (failed,) = [t for t in page["tables"] if t["caption"] == "Scenarios that were not played"]
    assert failed["rows"][0][0] == "wrong" and "cannot be read" in failed["rows"][0][1]
    (bars,) = page["charts"]
    assert {trace["points"] for trace in bars["traces"]} == {2}


def test_two_suites_differ_in_what_was_set(made: Made) -> None:
    page = made.seen["suites"]
    (fields,) = [t for t in page["tables"] if t["caption"].startswith("Fields")]
    assert fields["rows"] == [
        ["protocol.liquidation.engine", "close-factor", "target-health", "all"]
    ]
    (table,) = [t for t in page["tables"] if t["caption"] == "Liquidations"]
    a, b, more = (int(cell.replace(",", "")) for cell in table["rows"][0][1:])
    assert more == b - a != 0
    assert page["data"]["liquidations of storm of A"][0] == a


# --- comparisons ----------------------------------------------------------------------------------


def test_two_runs_differ_in_what_was_set(made: Made) -> None:
    page = made.seen["crashes"]
    (fields,) = [t for t in page["tables"] if t["caption"].startswith("Fields")]
    assert fields["rows"] == [["protocol.liquidation.engine", "close-factor", "target-health"]]
    (figures,) = [t for t in page["tables"] if t["caption"] == "Key figures of the run"]
    assert figures["header"] == ["figure", "A", "B", "B less A"]
    numbers = {name: cells for name, *cells in figures["rows"]}
    a, b, more = (int(cell.replace(",", "")) for cell in numbers["liquidations"])
    assert more == b - a != 0
    assert page["data"]["liquidations of A"][0] == made.seen["crash"]["data"]["liquidations"][0]


def test_two_sweeps_are_compared_path_by_path(made: Made) -> None:
    shown, (a, b) = made.seen["sweeps"]["data"], made.losses
    assert shown["paired expected_loss"][0] == pytest.approx((b - a).mean(), rel=1e-9)
    assert shown["expected_loss of B"][0] == pytest.approx(b.mean(), rel=1e-9)
    (fields,) = [t for t in made.seen["sweeps"]["tables"] if t["caption"].startswith("Fields")]
    assert fields["rows"] == [["protocol.liquidation.delay_seconds", "0", "600"]]
