"""`ape run calibrate` as a user types it."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from scripts.calibrate import cli
from sim.scenario import load, with_overrides
from tests.scripts.commands import ape, here


@pytest.fixture(scope="module")
def closes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 days of two assets with a common part."""
    random = np.random.default_rng(4)
    common, own = random.standard_t(4, (2, 400, 2)) * 0.02
    days = np.exp(np.cumsum(0.8 * common[:, :1] + 0.6 * own, axis=0))
    lines = [
        f"{np.datetime64('2022-01-01') + day}T00:00:00Z,{a!r},{b!r}"
        for day, (a, b) in enumerate(days.tolist())
    ]
    file = tmp_path_factory.mktemp("prices") / "closes.csv"
    file.write_text("\n".join(["time,ETH,WBTC", *lines]))
    return file


def test_prints_the_data_beside_every_model_and_writes_a_section(
    closes: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "paths.yaml"
    columns = ["--column", "WETH=ETH", "--column", "WBTC"]
    done = ape("run", "calibrate", closes, *columns, "--years", "40", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "closes.csv: ETH, WBTC at time (zone as written); 400 rows 1 d apart" in done.stdout
    for words in ("Fitted to daily returns", "399 recorded, 40 years", "beyond 15%", "WETH, WBTC"):
        assert words in done.stdout
    for model in ("student-day", "garch-t", "filtered-history", "gbm"):
        assert done.stdout.count(f"\n  {model} ") == 2, "a row for each asset"
    text = out.read_text()
    assert "399 daily returns of closes.csv" in text and "WETH from ETH" in text
    paths = yaml.safe_load(text)["paths"]
    assert paths["model"] == "student-day"
    scenario = with_overrides(load("black-thursday"), {"paths": paths})
    assert scenario.paths is not None and scenario.paths.model == "student-day"

    again = ape("run", "calibrate", closes, *columns, "--out", out)
    assert again.returncode == 2 and "--overwrite replaces it" in again.stderr
    assert out.read_text() == text


def test_the_history_of_a_section_is_seen_from_its_file(closes: Path, tmp_path: Path) -> None:
    out = tmp_path / "paths.yaml"
    model = ["--model", "filtered-history", "--years", "20"]
    done = here("run", "calibrate", closes, *model, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "student-day" not in done.stdout
    history = yaml.safe_load(out.read_text())["paths"]["history"]
    assert (out.parent / history).resolve() == closes.resolve()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--column", "LINK"], 1, ["has no column 'LINK'", "the columns are: ETH, WBTC"]),
        (["--column", "A=ETH", "--column", "B=ETH"], 1, ["correlation[0].value", "inside -1..1"]),
        (["--column", "A/B=ETH"], 1, ["A/B", "should match pattern"]),
        (["--column", "=ETH"], 2, ["ASSET=COLUMN"]),
        (["--column", "ETH", "--column", "ETH"], 2, ["named twice"]),
        (["--years", "5"], 2, ["x>=20"]),
        (["--without", "LINK"], 1, ["column LINK: is not there", "the columns are: ETH, WBTC"]),
        (["--without", "ETH", "--without", "WBTC"], 1, ["no column is left"]),
        (["--without", "ETH", "--column", "WBTC"], 2, ["--column names those to read"]),
        (["--zone", "Mars"], 2, ["should be the name of a time zone"]),
        (["--zone", "Europe/Berlin"], 1, ["says its zone, so Europe/Berlin means nothing"]),
    ],
)
def test_refusals(closes: Path, arguments: list[str], code: int, words: list[str]) -> None:
    refused = CliRunner().invoke(cli, [str(closes), *arguments])
    said = " ".join(refused.output.split())
    assert refused.exit_code == code, said
    for word in words:
        assert word in said
    assert "Traceback" not in said


def test_a_column_with_gaps_can_be_left_out(closes: Path, tmp_path: Path) -> None:
    """Whose refusal says how; and the rest is fitted as if it had never been there."""
    lines = closes.read_text().splitlines()
    gappy = tmp_path / "gappy.csv"
    more = [f"{line},{'' if n in (9, 200) else 1 + n % 7}" for n, line in enumerate(lines[1:])]
    gappy.write_text("\n".join([f"{lines[0]},LINK", *more]))
    options = ["--model", "gbm", "--years", "20"]
    refused = here("run", "calibrate", gappy, *options)
    assert refused.returncode == 1
    said = " ".join(refused.stdout.split())
    assert "line 11, LINK: is empty; 1 more like it" in said
    assert "or leave the column out: --without LINK" in said
    done = here("run", "calibrate", gappy, *options, "--without", "LINK")
    whole = here("run", "calibrate", closes, *options)
    assert done.returncode == whole.returncode == 0, done.stdout
    assert done.stdout.splitlines()[1:] == whole.stdout.splitlines()[1:]


def test_naive_times_are_of_the_zone_that_is_named(closes: Path, tmp_path: Path) -> None:
    """Which the section says, too, so that a scenario plays the same days."""
    naive, out = tmp_path / "naive.csv", tmp_path / "paths.yaml"
    naive.write_text(closes.read_text().replace("T00:00:00Z", " 00:00"))
    options = ["--model", "filtered-history", "--years", "20", "--out", out]
    done = here("run", "calibrate", naive, *options, "--zone", "America/New_York")
    assert done.returncode == 0, done.stdout
    # Days of 23 and 25 hours, when clocks are set, are no gap.
    assert "at time (America/New_York); 400 rows" in done.stdout
    assert "2022-01-01T05:00:00Z to 2023-02-04T05:00:00Z" in done.stdout
    paths = yaml.safe_load(out.read_text())["paths"]
    assert paths["history_zone"] == "America/New_York"


def test_candles_need_a_name(closes: Path, tmp_path: Path) -> None:
    rows = [line.split(",") for line in closes.read_text().splitlines()[1:]]
    candles = tmp_path / "candles.csv"
    lines = [f"{time},{p},{p},{p},{p}" for time, p, _ in rows]
    candles.write_text("\n".join(["time,open,high,low,close", *lines]))
    refused = here("run", "calibrate", candles)
    assert refused.returncode == 1 and "ASSET=close" in refused.stdout
    done = here("run", "calibrate", candles, "--column", "WETH=close", "--years", "20")
    assert done.returncode == 0, done.stderr
    assert "WETH" in done.stdout and "joint tail" not in done.stdout
