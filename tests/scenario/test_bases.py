"""A base stands in the scenario that extends it, as far as the scenario has its assets."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from sim import scenario as scenario_module
from sim.report.caveats import of_scenario
from sim.scenario import Scenario, ScenarioError, digest, load
from sim.schema.bases import extended
from tests.tape.storm import STORM

BASE = """
assets:
  WETH: {decimals: 18}
  WBTC: {decimals: 8}
gas_price_gwei: [{at: 1, value: 2}]
venues:
  - {assets: [WETH, WBTC], fee_bps: 30}
  - {assets: [WETH, USDC], fee_bps: 5}
feeds:
  WETH: {latency_seconds: 60, deviation_bps: 50}
  WBTC: {latency_seconds: 60, deviation_bps: 100}
liquidators: [{name: keeper}]
"""


@pytest.fixture
def bases(tmp_path: Path) -> Path:
    folder = tmp_path / "bases"
    folder.mkdir()
    (folder / "plain.yaml").write_text(BASE)
    return folder


def merged(bases: Path, text: str, own: tuple[str, ...] = ()) -> Any:
    file = bases / "mine.yaml"
    file.write_text(text)
    named = {path.stem: path for path in bases.glob("*.yaml") if path != file}
    document, _ = extended(file, named, own, lambda document, folder: None)
    return document


def refusal(bases: Path, text: str) -> ScenarioError:
    with pytest.raises(ScenarioError) as caught:
        merged(bases, text)
    return caught.value


def test_mappings_merge_and_everything_else_replaces(bases: Path) -> None:
    found = merged(
        bases,
        """
        extends: plain
        name: mine
        gas_price_gwei: 7
        feeds: {WETH: {deviation_bps: 20}}
        liquidators: []
        """,
    )
    assert found["name"] == "mine" and "extends" not in found
    assert found["gas_price_gwei"] == 7
    assert found["feeds"]["WETH"] == {"latency_seconds": 60, "deviation_bps": 20}
    assert found["feeds"]["WBTC"] == {"latency_seconds": 60, "deviation_bps": 100}
    assert found["liquidators"] == []
    assert len(found["venues"]) == 2
    assert list(found["assets"]) == ["WETH", "WBTC"]


def test_assets_of_the_file_are_all_there_are(bases: Path) -> None:
    """Fields and list items of the base that are about another asset are left out."""
    found = merged(bases, "{extends: plain, assets: {WETH: {price_usd: 5}, USDC: {decimals: 6}}}")
    assert found["assets"] == {"WETH": {"decimals": 18, "price_usd": 5}, "USDC": {"decimals": 6}}
    assert list(found["feeds"]) == ["WETH"]
    assert found["venues"] == [{"assets": ["WETH", "USDC"], "fee_bps": 5}]


def test_a_file_without_a_base_is_itself(bases: Path) -> None:
    for text, document in (("name: mine", {"name": "mine"}), ("[a, list]", ["a", "list"])):
        assert merged(bases, text) == document


def test_null_removes(bases: Path) -> None:
    text = "{extends: plain, gas_price_gwei: null, feeds: {WETH: {latency_seconds: null}}}"
    found = merged(bases, text)
    assert "gas_price_gwei" not in found
    assert found["feeds"]["WETH"] == {"deviation_bps": 50}


def test_assets_that_are_null_go_and_the_others_stay(bases: Path) -> None:
    found = merged(bases, "{extends: plain, assets: {WBTC: null}}")
    assert list(found["assets"]) == list(found["feeds"]) == ["WETH"]
    assert found["venues"] == [{"assets": ["WETH", "USDC"], "fee_bps": 5}]


def test_another_file_is_another_source(bases: Path) -> None:
    """A mapping that names one replaces the base's: no field of a drawn book is left in it."""
    (bases / "drawn.yaml").write_text("{book: {accounts: 5, debt_tail_index: 0.8}}")
    found = merged(bases, "{extends: drawn, book: {file: mine.csv, units: base}}")
    assert found["book"] == {"file": "mine.csv", "units": "base"}


@pytest.mark.parametrize("name", ["plane", "bases", "[plain]", "5", "''"])
def test_a_base_that_is_not_there(bases: Path, name: str) -> None:
    error = refusal(bases, f"extends: {name}")
    assert error.file.endswith("mine.yaml")
    (problem,) = error.problems
    assert problem.path == "extends" and problem.remedy.endswith("or one of: plain")


def test_a_base_may_be_a_file_beside_and_extend_another(bases: Path) -> None:
    (bases / "sub").mkdir()
    (bases / "sub" / "deep.yaml").write_text("{extends: plain, gas_price_gwei: 1, seed: 4}")
    found = merged(bases, "{extends: sub/deep.yaml, seed: 5}")
    assert (found["gas_price_gwei"], found["seed"], found["liquidators"]) == (
        1,
        5,
        [{"name": "keeper"}],
    )


def test_own_fields_are_not_taken_over(bases: Path) -> None:
    (bases / "event.yaml").write_text("{name: event, expected: [1], title: a fall}")
    assert merged(bases, "{extends: event, seed: 1}", ("name", "expected")) == {
        "title": "a fall",
        "seed": 1,
    }


def test_a_circle_is_refused(bases: Path) -> None:
    (bases / "a.yaml").write_text("extends: mine.yaml\n")
    error = refusal(bases, "extends: ./a.yaml")
    assert error.file.endswith("a.yaml")
    assert error.problems[0].path == "extends" and "itself" in error.problems[0].problem


def test_a_base_that_is_no_mapping(bases: Path) -> None:
    (bases / "list.yaml").write_text("- 1\n")
    error = refusal(bases, "extends: list")
    assert error.file.endswith("list.yaml") and "mapping" in error.problems[0].problem


@pytest.fixture
def split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The storm in two files, half of it in a base."""
    whole = yaml.safe_load(STORM.read_text())
    half = {key: whole.pop(key) for key in ("protocol", "feeds", "liquidators", "seed")}
    (tmp_path / "bases").mkdir()
    (tmp_path / "bases" / "half.yaml").write_text(yaml.safe_dump(half))
    monkeypatch.setattr(scenario_module, "_FOLDER", tmp_path)
    file = tmp_path / "storm.yaml"
    file.write_text(yaml.safe_dump({"extends": "half", **whole}, sort_keys=False))
    return file


def test_in_two_files_or_in_one_a_scenario_is_the_same(split: Path) -> None:
    one, two = load(STORM), load(split)
    assert two == one and digest(two) == digest(one)
    assert isinstance(two, Scenario)


def test_bases_are_no_scenarios(split: Path) -> None:
    assert scenario_module.known() == ["storm"]


def test_refusals_name_file_base_and_field(split: Path) -> None:
    split.write_text(split.read_text().replace("step_seconds: 600", "step_seconds: 0"))
    base = split.parent / "bases" / "half.yaml"
    base.write_text(base.read_text().replace("cover_window_hours: 2", "cover_window_hours: -2"))
    with pytest.raises(ScenarioError) as caught:
        load(split)
    assert caught.value.file == f"{split} (extends half)"
    assert {problem.path for problem in caught.value.problems} == {
        "step_seconds",
        "protocol.cover_window_hours",
    }


def test_a_shipped_scenario_is_a_base(tmp_path: Path) -> None:
    """With the levels of the event, another name, and nothing that was published of it."""
    file = tmp_path / "mine.yaml"
    file.write_text("{name: mine, extends: black-thursday, seed: 3, book: {accounts: 10}}")
    found, event = load(file), load("black-thursday")
    assert (found.name, found.seed, found.expected) == ("mine", 3, ())
    assert found.assets == event.assets and event.expected
    assert found.book.model_dump() == {**event.book.model_dump(), "accounts": 10}


def test_files_are_beside_the_file_that_names_them_or_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of a base beside the base."""
    for folder in ("here", "there", "base"):
        (tmp_path / folder).mkdir()
    head = "account,asset,supplied,debt\n"
    for name in ("here/a.csv", "there/b.csv", "here/b.csv", "base/c.csv"):
        (tmp_path / name).write_text(head)
    monkeypatch.chdir(tmp_path / "here")
    base = tmp_path / "base" / "base.yaml"
    base.write_text("{name: base, extends: black-thursday, book: {file: c.csv}}")
    mine = tmp_path / "there" / "mine.yaml"
    for written, found in (
        ("book: {file: a.csv}", "here/a.csv"),
        ("book: {file: b.csv}", "there/b.csv"),
        ("book: {file: d.csv}", "there/d.csv"),  # nowhere: named where it should be
        ("seed: 1", "base/c.csv"),
    ):
        mine.write_text(f"{{name: mine, extends: ../base/base.yaml, {written}}}")
        book = load(mine).model_dump()["book"]
        assert os.path.samefile(os.path.dirname(book["file"]), tmp_path / os.path.dirname(found))
        assert os.path.basename(book["file"]) == os.path.basename(found)


# --- kinds ----------------------------------------------------------------------------------------

NEW = """
name: mine
extends: aave-v3
title: t
story: s
sources: [s]
start: 2025-02-02T00:00:00Z
duration_hours: 1
step_seconds: 600
seed: 1
gas_price_gwei: 1
assets:
  WETH: {price_usd: 3000}
  USDC: {}
  NEW: {kind: KIND, decimals: 18, price_usd: 5}
  NEW2: {kind: KIND, decimals: 18, price_usd: 5}
protocol: {reserves: {NEW: {ltv_bps: 5000, lt_bps: 6000}, NEW2: {ltv_bps: 0, lt_bps: 0}}}
suppliers: {WETH: 1, USDC: 1}
book:
  total_debt_usd: 1.0e+6
  collateral_weights: {WETH: 1, NEW: 1, USDC: 1}
  debt_weights: {WETH: 0, USDC: 1}
"""


@pytest.mark.parametrize("kind", ["volatile", "stable", "lst", "lrt", "other"])
def test_a_new_asset_needs_five_things(tmp_path: Path, kind: str) -> None:
    """Everything else is assumed, and said; what the file says is not replaced."""
    file = tmp_path / "mine.yaml"
    file.write_text(NEW.replace("KIND", kind))
    found = load(file)
    reserve = found.protocol.reserves["NEW"]
    assert (reserve.ltv_bps, reserve.lt_bps) == (5_000, 6_000)
    assert (found.suppliers["NEW"], found.protocol.insurance.capital_usd["NEW"]) == (0, 0)
    lines = [line for line in of_scenario(found.model_dump(mode="json")) if "Assumed" in line]
    assert [line.split()[2] for line in lines] == ["NEW,", "NEW2,"]
    assert f"max_bonus_bps {reserve.max_bonus_bps}" in lines[0] and "ltv_bps" not in lines[0]
    assert found.paths is not None
    moving = [s for s, sigma in found.paths.volatility_per_sqrt_year.items() if sigma]
    assert ("NEW" in moving) == (kind != "stable")
    matrix = found.paths.correlation_matrix(moving)
    assert len(moving) == 1 or np.abs(matrix[np.triu_indices(len(moving), 1)]).min() > 0.7
    if kind in ("lst", "lrt"):
        tied = matrix[moving.index("WETH"), moving.index("NEW")]
        between = matrix[moving.index("NEW"), moving.index("NEW2")]
        assert between == pytest.approx(tied**2), "discounts of their own"


def test_what_is_said_of_a_new_asset_is_not_assumed(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(NEW.replace("KIND", "lrt") + "feeds: {NEW: {heartbeat_seconds: 60}}\n")
    found = load(file)
    assert found.feeds["NEW"].heartbeat_seconds == 60
    assert found.feeds["NEW2"].heartbeat_seconds == 3_600
    first, second, *_ = of_scenario(found.model_dump(mode="json"))
    assert "heartbeat_seconds" not in first and "heartbeat_seconds 3600" in second
    rate = "feeds: {NEW: {rate_of: WETH, rate: 1.1}}\n"
    file.write_text(NEW.replace("KIND", "lst") + rate)
    feed = load(file).feeds["NEW"]
    assert (feed.rate_of, feed.rate, feed.heartbeat_seconds) == ("WETH", 1.1, 3_600)


def test_an_asset_that_nobody_knows_and_no_kind(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(NEW.replace("kind: KIND, ", ""))
    with pytest.raises(ScenarioError) as caught:
        load(file)
    found = caught.value.problems  # not one for each field of which the file never spoke
    assert [one.path for one in found] == ["assets.NEW", "assets.NEW2"]
    assert "6 fields about it are missing, protocol.reserves.NEW." in found[0].problem
    assert found[0].remedy.startswith("kind: one of volatile, stable, lst")
    file.write_text(NEW.replace("KIND", "memecoin"))
    with pytest.raises(
        ScenarioError, match=r"assets\.NEW\.kind: .*volatile, stable, lst"
    ) as caught:
        load(file)
    assert "missing" not in str(caught.value)


def test_a_scenario_is_called_by_its_name_and_not_by_what_it_extends(tmp_path: Path) -> None:
    file = tmp_path / "night.yaml"
    file.write_text("{name: my-night, extends: single-crash}\n")
    found, base = load(file), load("single-crash")
    assert (found.title, found.sources) == ("my-night", ("night.yaml",))
    assert found.story == "As single-crash, but for what night.yaml says."
    assert not base.expected and found.assets == base.assets
    file.write_text("{name: my-night, extends: single-crash, title: Mine, sources: [me]}\n")
    assert (load(file).title, load(file).sources) == ("Mine", ("me",))
