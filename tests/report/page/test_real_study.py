"""The page of a study that was really searched: all of its parts, with the numbers of result.json.

The file is read as plain JSON here, without the classes that the page is made with.
"""

from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from rich.console import Console

from sim.report.page.setting import settings
from sim.report.page.source import Tuning, open_source
from sim.terminal.publish import publish
from sim.tuning.result import short_path
from tests.report.page.browser import look
from tests.report.page.sources import searched

pytestmark = pytest.mark.compiled


class Made(NamedTuple):
    """A study, its page as a browser saw it, and what its file says."""

    folder: Path
    file: Path
    page: dict[str, Any]
    result: dict[str, Any]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = searched(tmp_path_factory.mktemp("real") / "study")
    file = folder / "report.html"
    assert publish(folder, None, Console(file=io.StringIO())) == 0
    page = look([file])[file]
    return Made(folder, file, page, json.loads((folder / "result.json").read_text()))


def table(made: Made, caption: str) -> list[list[str]]:
    (found,) = [one for one in made.page["tables"] if one["caption"].startswith(caption)]
    rows: list[list[str]] = found["rows"]
    return rows


def recommended(made: Made) -> dict[str, Any]:
    choice: dict[str, Any] = made.result["choices"][made.result["recommended"]]
    return choice


def numbers(text: str) -> list[float]:
    return [float(one.replace(",", "")) for one in re.findall(r"-?\$?[\d,.]*\d", plain(text))]


def plain(text: str) -> str:
    return text.replace("$", "")


def written(value: Any) -> str:
    """A setting as a table has it."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else f"{value:,.10g}"


def test_a_page_like_any_other(made: Made) -> None:
    page = made.page
    assert page["problems"] == [] and page["requests"] == [] and page["axe"] == []
    assert page["covered"] == [] and page["telephone"] == {"wide": 0, "covered": []}
    assert page["wide"] <= 0 and made.file.stat().st_size < 6_000_000
    assert all(chart["source"] and not chart["invalid"] for chart in page["charts"])


def test_every_part_is_there(made: Made) -> None:
    sections = [text for level, text in made.page["headings"] if level == 2]
    assert [text.split(":")[0] for text in sections] == [
        "Summary",
        "Parameters",
        "Risk now and as proposed",
        "The Pareto front",
        "Sensitivity",
        "What falls of prices do to the book",
        "Liquidity and rates, before and after",
        "The largest accounts",
        "Baselines",
        "Provenance",
    ]
    charts = {chart["id"]: chart for chart in made.page["charts"]}
    assert list(charts) == [
        *("front-es_99", "front-borrower_loss", "sensitivity-es_99"),
        *("liquidations", "depths", "slippage", "rates"),
    ]
    names = {id: [trace["name"] for trace in chart["traces"]] for id, chart in charts.items()}
    assert names["liquidations"] == ["current setting", "recommended setting"]
    assert "now, pools as they are" in names["depths"] and len(names["depths"]) == 5
    assert any(name.startswith("bonus ") for name in names["slippage"])
    assert names["rates"][-2:] == ["at the start, now", "at the start, as proposed"]


def test_the_parameters(made: Made) -> None:
    choice = recommended(made)
    assert choice["values"] != made.result["choices"]["current"]["values"], "something to show"
    rows = table(made, "Parameters")
    assert [row[0] for row in rows] == [
        short_path(one["path"]) for one in made.result["parameters"]
    ]
    for row, one in zip(rows, made.result["parameters"], strict=True):
        wanted = [one["current"], choice["values"][one["path"]], choice["next_step"][one["path"]]]
        assert row[2:6] == [*map(written, wanted), written(one["bound"])]


def test_what_is_at_the_edge_of_the_search(made: Made) -> None:
    """In the file and in the summary."""
    values, said = recommended(made)["values"], []
    for one in made.result["parameters"]:
        if one["low"] is None:
            continue
        far = values[one["path"]] - one["low"], one["high"] - values[one["path"]]
        if min(far) <= one["step"] and far[0] != far[1]:
            said.append((one["path"], "low" if far[0] < far[1] else "high"))
    edges = made.result["edges"]
    assert sorted((edge["path"], edge["end"]) for edge in edges) == sorted(said)
    for edge in edges:
        assert f"{edge['end']} end" in edge["note"] and edge["note"] in made.page["paragraphs"]


def test_every_measure_now_and_as_proposed(made: Made) -> None:
    now, then, shown = made.result["choices"]["current"], recommended(made), made.page["data"]
    rows = {row[0]: row for row in table(made, "Now and as proposed")}
    assert len(rows) == len(made.result["measures"]) == len(now["measures"])
    for measure in made.result["measures"]:
        name, title = measure["name"], measure["title"]
        figures = now["measures"][name], then["measures"][name], then["difference"][name]
        row = rows[title[0].upper() + title[1:]]
        for k, (of, figure) in enumerate(
            zip(("now", "proposed", "difference"), figures, strict=True)
        ):
            assert shown[f"{of} {name}"][0] == pytest.approx(figure["value"], abs=0.005), (of, name)
            ends = row[2 + 2 * k]
            if measure["unit"] == "USD" and "to" in ends.split() and "unbounded" not in ends:
                assert numbers(ends) == pytest.approx([figure["low"], figure["high"]], abs=0.51)
        low, high = figures[2]["low"], figures[2]["high"]
        sign = 1 if measure["side"] == "benefit" else -1
        better = {"better": sign, "worse": -sign}.get(row[7], 0)
        if better:  # all of the interval on one side of 0
            assert (low if better > 0 else high) is not None and better * (
                low if better > 0 else high
            ) > 0, name
        else:
            assert low is None or high is None or low <= 0 <= high, name


def test_the_front_and_what_pointing_at_it_shows(made: Made) -> None:
    trials = {trial["number"]: trial for trial in made.result["trials"]}
    front = made.result["front"]
    for harm in ("es_99", "borrower_loss"):
        (chart,) = [one for one in made.page["charts"] if one["id"] == f"front-{harm}"]
        points = {trace["name"]: trace["points"] for trace in chart["traces"]}
        assert points["front"] == len(front) > 2
        tried = [n for n in trials if n not in front and trials[n]["state"] == "complete"]
        assert points.get("tried", 0) == len(tried)
        for number in front:
            value = trials[number]["objectives"][harm]["value"]
            assert made.page["data"][f"{harm} of {number}"][0] == pytest.approx(value, abs=0.005)
    said = made.page["hover"]
    (number,) = {int(line.removeprefix("trial ")) for line in said if line.startswith("trial ")}
    es = trials[number]["objectives"]["es_99"]["value"]
    (line,) = [line for line in said if line.startswith("loss, ES 99%")]
    assert numbers(line.partition(":")[2])[0] == pytest.approx(es, abs=0.51)
    for path, value in trials[number]["values"].items():
        assert f"{short_path(path)}: {written(value)}" in said


def test_sensitivity_caps_and_rules(made: Made) -> None:
    result, shown = made.result, made.page["data"]
    assert len(result["sensitivity"]) == len(result["parameters"])
    by_short = {name.split(" ", 1)[1]: v for name, (v, _) in shown.items() if name[:3] == "ST "}
    for one in result["sensitivity"]:
        assert by_short[one["path"]] == pytest.approx(one["total"]["value"], abs=1e-9)
    changes = table(made, "One change taken back")
    assert len(changes) == len(result["one_by_one"])
    for one in result["one_by_one"]:
        assert shown[f"old {one['path']}"][0] == pytest.approx(one["loss"]["value"], abs=0.005)
    (cap,), (row,) = result["caps"], table(made, "Largest caps")
    assert float(row[2].replace(",", "")) == pytest.approx(cap["value"])
    assert numbers(row[3])[0] == cap["budget"] == 40_000
    assert numbers(row[4])[0] == pytest.approx(cap["loss"]["value"], abs=0.51)
    assert len(result["baselines"]) >= 3
    for one in result["baselines"]:
        assert shown[f"{one['rule']} {one['path']}"][0] == one["value"]


def test_where_it_comes_from(made: Made) -> None:
    result = made.result
    facts = dict(table(made, "What was run"))
    assert facts["seed"] == "5" and facts["study"] == str(made.folder)
    for one in result["scenarios"]:
        assert facts[f"scenario {one['name']}"].endswith(one["digest"])
    assert (
        facts["numpy"] == np.__version__ and facts["Breakwater"] == result["versions"]["breakwater"]
    )
    said = result["confirmation"]
    assert said["differing"] == 0 and said["operations"] > 50
    words = (
        f"{said['operations']:,} operations, {said['values_compared']:,} values compared, 0 differ"
    )
    assert words in facts["confirmation"] and "inside the process" in facts["confirmation"]
    assert facts["state SHA-256"] == said["state_hash"]
    assert any(words in text for text in made.page["paragraphs"])
    (command,) = made.page["commands"]
    assert command == result["command"] and "--set book.total_debt_usd=1400000" in command


def test_the_books_are_those_of_the_search(made: Made) -> None:
    """The exact opening owes what the search on floats says that is borrowed, in both settings."""
    source = open_source(made.folder)
    assert isinstance(source, Tuning)
    both = settings(source)
    assert not isinstance(both, str)
    for one, choice in zip(
        both, (made.result["choices"]["current"], recommended(made)), strict=True
    ):
        owed = float((one.book.debt @ one.book.prices).sum())
        assert owed == pytest.approx(choice["measures"]["borrowed"]["value"], rel=1e-6)
        thresholds = dict(zip(one.book.symbols, one.book.thresholds, strict=True))
        lt = choice["values"]["protocol.reserves.WETH.lt_bps"]
        assert thresholds["WETH"] == pytest.approx(lt / 1e4)
    now, then = both
    assert (now.book.collateral == then.book.collateral).all()


def test_without_its_openings_the_page_says_what_is_missing(made: Made, tmp_path: Path) -> None:
    """The result alone; and beside the openings of another recommendation."""
    shutil.copy(made.folder / "result.json", tmp_path)
    assert publish(tmp_path, None, Console(file=io.StringIO())) == 0
    page = (tmp_path / "report.html").read_text()
    assert "Left out, as are slippage" in page and 'id="liquidations"' not in page
    assert "current.duckdb, which says how the market opens, is not in the folder" in page
    for name in ("current.duckdb", "recommended.duckdb"):
        shutil.copy(made.folder / "current.duckdb", tmp_path / name)
    assert publish(tmp_path, None, Console(file=io.StringIO())) == 0
    page = (tmp_path / "report.html").read_text()
    assert "recommended.duckdb is of another recommendation" in page
