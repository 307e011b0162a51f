"""`ape run import prices` as a user types it: what is shown, and 30 files that cannot be right."""

from __future__ import annotations

import runpy
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from tests.scripts.commands import ROOT, ape

HOURS = ["2025-02-02T00:00:00Z", "2025-02-02T01:00:00Z", "2025-02-02T02:00:00Z"]
GOOD = "time,WETH,WBTC\n" + "".join(
    f"{at},{p},{10 * p}\n" for at, p in zip(HOURS, (3, 1, 2), strict=True)
)
CANDLES = "time,open,high,low,close\n" + "".join(f"{at},5,6,4,5\n" for at in HOURS)


@pytest.fixture(scope="module")
def command() -> click.Command:
    """The group `import`: its file cannot be imported by that name."""
    found = runpy.run_path(str(ROOT / "scripts" / "import.py"))["cli"]
    assert isinstance(found, click.Command)
    return found


def run(command: click.Command, file: Path, text: str | bytes, *options: str) -> Result:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return CliRunner(mix_stderr=False).invoke(command, ["prices", str(file), *options])


def test_shows_the_reading_a_picture_and_the_level(command: click.Command, tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    done = run(command, file, GOOD, "--column", "WETH")
    assert done.exit_code == 0 and not done.stderr
    line, _, extremes, *picture, _, level = done.stdout.splitlines()
    assert line == (
        "prices.csv: WETH at time (zone as written); 3 rows 1 h apart, 2025-02-02T00:00:00Z to "
        "2025-02-02T02:00:00Z"
    )
    assert extremes.startswith("3 first, 1 lowest (2025-02-02T01:00:00Z), 3 highest (")
    assert level == f"In a scenario: price_usd: {{file: {file}, column: WETH}}"
    bars = [row for row in picture if set(row) <= set(" ▁▂▃▄▅▆▇█")]
    heights = [
        sum(column.count(block) for block in "▁▂▃▄▅▆▇█") for column in zip(*bars, strict=True)
    ]
    # From 3 to 1 in the middle, to 2 at the end: halfway up.
    assert len(bars) == 6 and heights[0] == 6 and heights[36] == 1 and heights[71] in (3, 4)


def test_all_columns_are_shown_where_none_is_named(command: click.Command, tmp_path: Path) -> None:
    done = run(command, tmp_path / "prices.csv", GOOD)
    assert done.exit_code == 0
    assert "prices.csv: WETH, WBTC at time" in done.stdout
    assert "\nWETH: 3 first" in done.stdout and "\nWBTC: 30 first" in done.stdout


WRONG: dict[str, tuple[str | bytes, list[str], str, str, str]] = {
    # name: (content, options, where, what is wrong, what to do)
    "empty": ("", [], "(file)", "is empty", "CSV like time,WETH,WBTC"),
    "blank": ("\n \n\n", [], "(file)", "is empty", "CSV like"),
    "packed": (b"PK\x03\x04....", [], "(file)", "it is a zip archive", "the file inside it"),
    "no text": (b"time,X\n\xff\xfe,1\n", [], "(file)", "byte 7 is not UTF-8", "CSV in UTF-8"),
    "not a table": ("hello world\n", [], "line 1", "is no header of times", "CSV like"),
    "header only": ("time,WETH\n", [], "line 2", "there are no prices", "a row per time"),
    "no times": ("asset,price\nWETH,3\nWETH,4\n", [], "line 1", "no header of times", "CSV like"),
    "no header": (GOOD.split("\n", 1)[1], [], "line 1", "3 columns and no header", "a header"),
    "no header, price first": (
        "3085,1738454400\n3057,1738458000\n",
        [],
        "line 1",
        "has 2 columns and no header",
        "a header",
    ),
    "no prices": (
        "time,volume\n2025-02-02,1\n",
        [],
        "line 1",
        "has no column of prices",
        "the columns are: volume",
    ),
    "no such column": (GOOD, ["--column", "WETHH"], "line 1", "no column 'WETHH'", "mean WETH?"),
    "two of a name": (
        "time,X,X\n2025-02-02,1,2\n",
        ["--column", "X"],
        "line 1",
        "columns 2 and 3 are both named 'X'",
        "a name of its own",
    ),
    "candles without a low": (
        CANDLES.replace("low", "Lower"),
        [],
        "line 1",
        "are candles without low",
        "open, high, low and close",
    ),
    "candles of two": (
        "time,open,high,low,close,high\n2025-02-02,1,2,1,2,2\n",
        [],
        "line 1",
        "columns 3 and 6 are both high",
        "candles of one asset",
    ),
    "a longer line": (GOOD.replace(",1,", ",1,7,"), [], "line 3", "has 4 cells", "as many cells"),
    "an open quote": (GOOD.replace(",1,", ',"1,'), [], "(file)", "EOF inside string", "closed on"),
    "a quote over lines": (
        'time,X\n2025-02-02,"1\n"\n',
        [],
        "(file)",
        "quotes over several lines",
        "each row on its line",
    ),
    "no time": (GOOD.replace("T01:00", "T25:00"), [], "line 3, time", "is no time", "2020-03-12"),
    "a time of no zone": (
        GOOD.replace("T01:00:00Z", "T01:00:00"),
        [],
        "line 3, time",
        "says no zone, other rows do",
        "zone in the scenario",
    ),
    "a zone too many": (
        GOOD,
        ["--column", "WETH", "--zone", "UTC"],
        "time",
        "so UTC means nothing",
        "leave out zone",
    ),
    "an hour that is not": (
        "time,X\n2025-03-30 02:30,1\n",
        ["--zone", "Europe/Berlin"],
        "line 2, time",
        "not once in Europe/Berlin",
        "a time like",
    ),
    "day or month": (
        "date,price\n02/03/2025,1\n03/03/2025,1\n",
        [],
        "line 2, date",
        "has the month or the day first cannot be told",
        "dates like 2025-02-04",
    ),
    "a gap": (
        GOOD.replace("T02", "T06"),
        ["--column", "WETH"],
        "line 4, time",
        "is 18000 s after the time before it (line 3), a gap of more than 16200 s",
        "max_gap_seconds",
    ),
    "a stated gap": (
        GOOD,
        ["--column", "WETH", "--max-gap-seconds", "60"],
        "line 3, time",
        "a gap of more than 60 s; 1 more like it",
        "the missing rows",
    ),
    "a tie that differs": (
        GOOD + f"{HOURS[0]},4,5\n",
        ["--column", "WETH"],
        "line 5, time",
        "comes twice, with another price on line 2",
        "one of the two",
    ),
    "zero": (
        GOOD.replace(",1,", ",0,"),
        ["--column", "WETH"],
        "line 3, WETH",
        "'0' is no price",
        "a number from 1e-8",
    ),
    "negative": (
        GOOD.replace(",1,", ",-1,"),
        ["--column", "WETH"],
        "line 3, WETH",
        "'-1' is no price",
        "a number from 1e-8",
    ),
    "NaN": (
        GOOD.replace(",1,", ",NaN,"),
        ["--column", "WETH"],
        "line 3, WETH",
        "'NaN' is no",
        "a number",
    ),
    "no price": (
        GOOD.replace(",1,", ",,"),
        ["--column", "WETH"],
        "line 3, WETH",
        "is empty",
        "leaves a gap",
    ),
    "too large": (
        GOOD.replace(",1,", ",1e12,"),
        ["--column", "WETH"],
        "line 3, WETH",
        "'1e12' is",
        "1e+11",
    ),
    "commas": (
        'time,X\n2025-02-02,"3,085"\n2025-02-03,"3,057"\n',
        [],
        "line 2, X",
        "'3,085' has a comma for a decimal mark or between thousands",
        "prices like 3085.42",
    ),
    "bars of zero": (
        CANDLES.replace("01:00:00Z,5,6,4,5", "01:00:00Z,0,0,0,0"),
        [],
        "line 3, open",
        "'0' is no price",
        "a number from 1e-8",
    ),
    "a low above": (
        CANDLES.replace("01:00:00Z,5,6,4,5", "01:00:00Z,5,6,5.1,5"),
        [],
        "line 3",
        "open or close lies outside low to high",
        "low <= open, close <= high",
    ),
    "no JSON": ('{"prices": [[1,', [], "line 1", "is no JSON", '"prices"'),
    "JSON of no list": ('{"a": 1, "b": 2}', [], "(file)", "no list of prices", '"prices"'),
    "JSON of other things": ("[[1738454400000, 5], 7]", [], "entry 2", "7 is not like", '"prices"'),
    "JSON with a bad time": (
        "[[1738454400000, 5], [12, 5]]",
        [],
        "entry 2, time",
        "'12' is no time",
        "a time like",
    ),
    "control characters": (
        "time,X\n2025-02-02,\x1b[2J\x07boo\n",
        [],
        "line 2, X",
        "'?[2J?boo' is no price",
        "a number",
    ),
    "half a character": (
        '[[1738454400000, "\\ud800"]]',
        [],
        "entry 1, price",
        "'?' is no price",
        "a number",
    ),
    "a long cell": (
        f"time,X\n2025-02-02,{'9' * 1_000}x\n",
        [],
        "line 2, X",
        f"'{'9' * 57}...' is no price",
        "a number",
    ),
    "many columns": (
        "time" + ",X" * 2_000 + "\n",
        [],
        "(file)",
        "has 2,001 columns",
        "1,000 at most",
    ),
    "nested JSON": ("[" * 100_000, [], "(file)", "is nested too deeply", '"prices"'),
    "objects in lists": ('[{"a":' * 60, [], "(file)", "is nested too deeply", '"prices"'),
    "brackets in a word": ('["' + "[" * 200 + '"]', [], "entry 1", "is not like", '"prices"'),
    "decimals that change": (
        "answer,updatedAt,decimals\n1,1738454400,8\n1,1738458000,6\n",
        [],
        "line 3, decimals",
        "does not do",
        "one number for all rows",
    ),
    "a round in the middle": (
        "answer,updatedAt\n100000000,1738454400\n0,0\n100000000,1738458000\n",
        [],
        "line 3, updatedAt",
        "'0' is no time",
        "seconds since 1970",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_right_is_refused(name: str, command: click.Command, tmp_path: Path) -> None:
    """In two lines: the file; then where, what is wrong, and what to do."""
    text, options, where, problem, remedy = WRONG[name]
    file = tmp_path / "prices.csv"
    refused = run(command, file, text, *options)
    assert refused.exit_code == 1 and isinstance(refused.exception, SystemExit)
    assert not refused.stdout
    head, reason = refused.stderr.splitlines()
    assert head == f"{file}: 1 problem"
    assert reason.startswith(f"  {where}: ")
    assert problem in reason and remedy in reason.split(problem)[1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--zone", "Berlin"], "like Europe/Berlin"),
        (["--max-gap-seconds", "0"], "x>=1"),
        (["--decimals", "37"], "0<=x<=36"),
    ],
)
def test_wrong_usage(
    options: list[str], words: str, command: click.Command, tmp_path: Path
) -> None:
    refused = run(command, tmp_path / "prices.csv", GOOD, *options)
    assert refused.exit_code == 2 and words in refused.stderr


def test_ape_knows_the_command(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text(CANDLES)
    done = ape("run", "import", "prices", file)
    assert done.returncode == 0, done.stderr
    assert "open, high, low, close at time" in done.stdout
    file.write_text(CANDLES.replace("6,4", "0,4"))
    refused = ape("run", "import", "prices", file)
    assert refused.returncode == 1 and "line 2, high: '0' is no price" in refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr
