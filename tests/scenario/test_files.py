"""Files that a scenario names: seen from its own folder, and identified by what is in them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from sim.market.level_tables import price_table
from sim.scenario import Scenario, ScenarioError, digest, files, load, with_overrides
from sim.tape import Tape
from sim.world import build

BOOK = "account,asset,supplied,debt\na,WETH,10,0\na,DAI,0,1000\n"
PRICES = "time,WETH\n" + "".join(f"2020-03-{day}T00:00:00Z,200\n" for day in range(12, 15))


def folder_with(folder: Path) -> Path:
    """A scenario file that names all three kinds of files by relative paths."""
    document = yaml.safe_load((Path("sim/scenarios") / "black-thursday.yaml").read_text())
    document["book"] = {"file": "books/real.csv"}
    document["assets"]["WETH"]["price_usd"] = {"file": "eth.csv"}
    document["paths"] = {"model": "replay", "history": "eth.csv"}
    (folder / "books").mkdir(parents=True)
    (folder / "books/real.csv").write_text(BOOK)
    (folder / "eth.csv").write_text(PRICES)
    (folder / "mine.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    return folder / "mine.yaml"


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])


def test_paths_are_seen_from_the_scenario_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = folder_with(tmp_path / "a")
    expected = {
        "book.file": tmp_path / "a/books/real.csv",
        "paths.history": tmp_path / "a/eth.csv",
        "assets.WETH.price_usd.file": tmp_path / "a/eth.csv",
    }
    assert files(load(mine)) == expected
    monkeypatch.chdir(tmp_path)
    scenario = load("a/mine.yaml")
    assert files(scenario) == expected, "also if its own path is relative"
    monkeypatch.chdir("/")
    assert len(build(scenario).book.debt) == 1 and price_table(scenario)[0, 0] == 200 * 10**8
    assert files(with_overrides(scenario, {"seed": 7})) == expected


def test_paths_of_overrides_are_seen_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = load(folder_with(tmp_path / "a"))
    monkeypatch.chdir(tmp_path)
    moved = with_overrides(scenario, {"book.file": "other.csv"})
    assert files(moved)["book.file"] == tmp_path / "other.csv"


def test_scenarios_without_files_name_none() -> None:
    assert files(load("black-thursday")) == {}


@pytest.mark.parametrize("name", ["books/real.csv", "eth.csv"])
def test_the_digest_is_of_the_contents(tmp_path: Path, name: str) -> None:
    """Equal wherever the files are, other when one byte is."""
    one, other = load(folder_with(tmp_path / "a")), load(folder_with(tmp_path / "b"))
    assert one != other and digest(one) == digest(other)
    file = tmp_path / "b" / name
    file.write_text(file.read_text() + "\n")
    assert digest(one) != digest(other)


def test_a_digest_of_a_file_that_is_gone(tmp_path: Path) -> None:
    scenario = load(folder_with(tmp_path / "a"))
    (tmp_path / "a/eth.csv").unlink()
    with pytest.raises(ScenarioError, match=r"paths\.history: cannot be read: No such file"):
        digest(scenario)


def test_a_tape_outlives_the_files_of_its_scenario(tmp_path: Path) -> None:
    """A file that goes while a run takes place does not take what was recorded with it."""
    scenario: Scenario = with_overrides(
        load(folder_with(tmp_path / "a")), {"duration_hours": 1, "step_seconds": 3_600}
    )
    world = build(scenario)
    tape, before = Tape(world, "exact"), digest(scenario)
    (tmp_path / "a/eth.csv").unlink()
    tape.record(0, [], [])
    assert tape.tables(complete=True)["run"].column("digest").to_pylist() == [before]
