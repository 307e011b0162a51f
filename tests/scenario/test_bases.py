"""A base stands in the scenario that extends it, as far as the scenario has its assets."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sim import scenario as scenario_module
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


def merged(bases: Path, text: str) -> Any:
    document, _ = extended(yaml.safe_load(text), bases / "mine.yaml", bases)
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
    for document in ({"name": "mine"}, ["a", "list"], None):
        assert extended(document, bases / "mine.yaml", bases) == (
            document,
            str(bases / "mine.yaml"),
        )


@pytest.mark.parametrize("name", ["plane", "../bases/plain", "[plain]", "5", "''"])
def test_a_base_that_is_not_there(bases: Path, name: str) -> None:
    error = refusal(bases, f"extends: {name}")
    assert error.file.endswith("mine.yaml")
    (problem,) = error.problems
    assert problem.path == "extends" and "the bases are: plain" in problem.remedy


def test_a_base_extends_nothing(bases: Path) -> None:
    """So there is no circle, and one file more to read at most."""
    (bases / "deep.yaml").write_text("extends: plain\n")
    error = refusal(bases, "extends: deep")
    assert error.file.endswith("deep.yaml")
    assert error.problems[0].path == "extends"


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
