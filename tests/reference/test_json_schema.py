"""The JSON schemas for editors say what the models say, of whole files and of parts."""

from __future__ import annotations

import copy
import datetime
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import ValidationError

import sim.scenario
import sim.tuning.preset
from sim.measures import published
from sim.reference.files import file_schema
from sim.scenario import Scenario
from sim.schema import yaml_file
from sim.schema.expected import Expected, of_today
from sim.schema.tuning import Preset
from sim.schema.yaml_file import read
from sim.tuning.preset import unmeasured
from tests.tape.storm import STORM

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "sim" / "scenarios"
TIMES = ("start", "at", "from", "until")
Path_ = tuple[str | int, ...]


def plain(value: Any) -> Any:
    """A document as an editor sees it: times are texts."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime.datetime) else value


@pytest.fixture(scope="module")
def validators() -> dict[str, Draft202012Validator]:
    found = {}
    for kind in ("scenario", "preset"):
        Draft202012Validator.check_schema(file_schema(kind))
        found[kind] = Draft202012Validator(file_schema(kind))
    return found


def faults(validator: Draft202012Validator, document: Any) -> list[str]:
    return [
        f"{one.json_path}: {one.message[:200]}" for one in validator.iter_errors(plain(document))
    ]


SHIPPED = [
    *(("scenario", path) for path in sorted(SCENARIOS.glob("*.yaml"))),
    *(("scenario", path) for path in sorted((SCENARIOS / "bases").glob("*.yaml"))),
    *(("preset", path) for path in sorted((SCENARIOS / "presets").glob("*.yaml"))),
    ("scenario", STORM),
]


def test_all_known_files_are_among_them() -> None:
    names = {path.stem for _, path in SHIPPED}
    assert names > {*sim.scenario.known(), *sim.tuning.preset.known(), "aave-v2", "aave-v3"}


@pytest.mark.parametrize(("kind", "file"), SHIPPED, ids=[path.stem for _, path in SHIPPED])
def test_accepts_what_is_shipped(
    validators: dict[str, Draft202012Validator], kind: str, file: Path
) -> None:
    assert faults(validators[kind], read(file)) == []


def examples() -> Iterator[tuple[str, int, Any]]:
    """(file, place, document) of the examples in YAML that are scenarios, presets or parts."""
    for file in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        blocks = re.findall(r"```ya?ml\n(.*?)```", file.read_text(), re.DOTALL)
        for place, document in enumerate(map(yaml_file.value, blocks)):
            if document is not None:  # a comment alone
                yield file.name, place, document


EXAMPLES = list(examples())


@pytest.mark.parametrize(
    ("name", "place", "document"), EXAMPLES, ids=[f"{name}-{place}" for name, place, _ in EXAMPLES]
)
def test_accepts_the_examples_of_the_documentation(
    validators: dict[str, Draft202012Validator], name: str, place: int, document: Any
) -> None:
    kind = "preset" if "tuning" in document else "scenario"
    fragment = {"name": "mine", "extends": "aave-v3"} if "name" not in document else {}
    assert faults(validators[kind], fragment | document) == []


def test_there_are_examples() -> None:
    assert {name for name, _, _ in EXAMPLES} >= {"README.md", "books.md", "prices.md", "agents.md"}


# --- as the models --------------------------------------------------------------------------------


def whole() -> dict[str, Any]:
    """A document that extends nothing and in which nearly every block occurs."""
    text = """
    hold_at_low: false
    blocks: {liquidation_calls_per_hour: 270, seconds: 13.2, gas_price_spread: 0.25}
    rate_response: {USDC: {supply_per_point: 0.3, borrowing_per_point: 0.15, half_life_hours: 24}}
    withdrawals: {USDC: {base_per_day: 1, branching_ratio: 0.5, half_life_seconds: 60, size_bps: 9}}
    reference_market: {assets: {WETH: {depth_usd_per_percent: 5.0e+6, half_life_hours: 2}}}
    agents: [{name: mine, path: "mine:Agent", capital_usd: {USDC: 5}, parameters: {much: 1.5}}]
    expected: [{measure: liquidations, low: 1, high: 2, source: nobody}]
    borrowers:
      - {name: a, kind: top-up, share: 0.1, below_health: 1.1, to_health: 1.2, review_seconds: 60,
         delay_seconds: 0, probability: 1, reserve_share: 0.1}
    """
    document: Any = sim.scenario.load(STORM).model_dump(mode="python", exclude_none=True)
    document |= yaml.safe_load(text)
    document["feeds"]["faults"] = [
        {"kind": "outage", "asset": "WETH"},
        {"kind": "spike", "asset": "WETH", "peak_factor": 1.5},
        {"kind": "rate-cap", "asset": "WETH", "of": "USDC", "ratio": 2000},
    ]
    return unfrozen(document)


def unfrozen(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: unfrozen(item) for key, item in value.items()}
    return [unfrozen(item) for item in value] if isinstance(value, list | tuple) else value


def nodes(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    yield path, value
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from nodes(item, (*path, key))


def changes(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The document with one thing changed: a field more, a field less, another value."""
    for path, value in nodes(document):
        if isinstance(value, dict):
            yield f"{path} with unheard_of", _changed(document, (*path, "unheard_of"), 1)
            yield (
                f"{path} with a key that is no symbol",
                _changed(document, (*path, "no symbol!"), 1),
            )
        if path and path != ("name",):  # a file without a name is one that others extend
            yield f"no {path}", _changed(document, path, None, remove=True)
            # An editor has the texts of times, so it cannot tell them from others.
            for wrong in () if path[-1] in TIMES else ("text", -1e30, 1e30, True, 1.5, [], {}):
                yield f"{path} = {wrong}", _changed(document, path, wrong)


def _changed(document: dict[str, Any], path: Path_, value: Any, remove: bool = False) -> Any:
    changed = copy.deepcopy(document)
    inside: Any = changed
    for key in path[:-1]:
        inside = inside[key]
    if remove:
        del inside[path[-1]]
    else:
        inside[path[-1]] = value
    return changed


def structural(model: type[Scenario] | type[Preset], document: Any) -> list[str]:
    """What a model refuses by the shape and range of single fields, or who reads it by a name that
    only the registry of measures knows.
    """
    try:
        found = model.model_validate(document)
    except ValidationError as error:
        wrong = [f"{one['loc']}: {one['msg']}" for one in error.errors() if _is_structural(one)]
        return wrong or _unmeasured(document.get("expected", ()))
    if isinstance(found, Preset):
        return [str(one) for one in unmeasured(found)]
    return [str(one) for one in published.unmeasured(found.expected)]


def _unmeasured(expected: Any) -> list[str]:
    """Of a document that is refused for something else, too."""
    figures = [Expected.model_construct(measure=of_today(one["measure"])) for one in expected]
    return [str(one) for one in published.unmeasured(figures)]


def _is_structural(error: Any) -> bool:
    of_a_kind = re.search("kind: is (missing|no kind of fault)", error["msg"])
    return not error["type"].startswith("value_error") or of_a_kind is not None


def test_it_refuses_what_the_model_refuses(validators: dict[str, Draft202012Validator]) -> None:
    document = whole()
    assert structural(Scenario, document) == [] and faults(validators["scenario"], document) == []
    refused = 0
    for what, changed in changes(document):
        wrong = structural(Scenario, changed)
        found = faults(validators["scenario"], changed)
        assert bool(wrong) == bool(found), f"{what}: {wrong} against {found}"
        refused += bool(wrong)
    assert refused > 1_500


def test_a_preset_likewise(validators: dict[str, Draft202012Validator]) -> None:
    document: Any = plain(read(SCENARIOS / "presets" / "current-market.yaml"))
    document["tuning"]["caps"] = {"protocol.reserves.WETH.supply_cap": {"budget_usd": 5}}
    refused = 0
    for what, changed in changes(document):
        wrong, found = structural(Preset, changed), faults(validators["preset"], changed)
        assert bool(wrong) == bool(found), f"{what}: {wrong} against {found}"
        refused += bool(wrong)
    assert refused > 50


# --- parts ----------------------------------------------------------------------------------------

MINE = "{name: mine, extends: lending-market}"


@pytest.mark.parametrize(
    "text",
    [
        MINE,
        "{name: mine, extends: mine/base.yaml, assets: {WETH: null}, arbitrage: null}",
        "{name: mine, extends: a, arbitrage: {half_life_seconds: null}, book: {units: base}}",
        "{name: mine, extends: a, assets: {WETH: {price_usd: {column: WETH}}}}",
        "{name: mine, extends: a, protocol: {reserves: {WETH: {lt_bps: 8000}}}}",
        "{name: mine, extends: a, book: {file: a.csv, columns: {account: user}}}",
        "{extends: a, rate_response: {USDC: {half_life_hours: 5}}}",
        "{gas_price_gwei: 5}",
        "{name: mine, assets: {NEW: {kind: volatile, decimals: 18, price_usd: 5}}}",
    ],
)
def test_parts_need_hardly_anything(validators: dict[str, Draft202012Validator], text: str) -> None:
    document = yaml.safe_load(text)
    if document.keys() == {"extends", "rate_response"}:
        assert faults(validators["scenario"], document) == [
            "$: 'name' is a dependency of 'extends'"
        ]
        document["name"] = "mine"
    assert faults(validators["scenario"], document) == []


@pytest.mark.parametrize(
    "text",
    [
        "unheard_of: 5",
        "assets: {WETH: {decimal: 18}}",
        "assets: {'no symbol!': {decimals: 18}}",
        "feeds: {WETH: {heartbeat: 5}}",
        "book: {borrowerz: 5}",
        "book: {file: a.csv, columns: {accnt: user}}",
        "protocol: {liquidation: {engine: closefactor}}",
        "protocol: {reserves: {WETH: {lt_bps: 10001}}}",
        "venues: [{assets: [WETH, USDC]}]",  # a list replaces: its items are whole
        "liquidators: [{name: keeper}]",
        "feeds: {faults: [{kind: outtage, asset: WETH}]}",
        "gas_price_gwei: [{at: 2020-03-12T10:30:00Z}]",
    ],
)
def test_but_what_they_say_must_be_right(
    validators: dict[str, Draft202012Validator], text: str
) -> None:
    document = yaml.safe_load(MINE) | yaml.safe_load(text)
    assert faults(validators["scenario"], document)


@pytest.mark.parametrize("limits", ["[7000, 8800]", "[close-factor, target-health]"])
def test_short_forms_of_dimensions(
    validators: dict[str, Draft202012Validator], limits: str
) -> None:
    text = f"{{extends: aggressive, tuning: {{dimensions: {{protocol.x: {limits}}}}}}}"
    document = yaml.safe_load(text) | {"name": "a", "title": "b", "story": "c", "sources": ["d"]}
    assert faults(validators["preset"], document) == []
    document["tuning"]["dimensions"]["protocol.x"] = [1, "two"]
    assert faults(validators["preset"], document)
