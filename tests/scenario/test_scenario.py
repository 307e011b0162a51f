"""Scenario files: what is accepted, and that refusals name the field and what would be right."""

import copy
import csv
import hashlib
import pickle
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import yaml
from pydantic import BaseModel, ValidationError

from sim import scenario as scenario_module
from sim.market.tables import gas_table
from sim.protocol.liquidation import MIN_LEFTOVER
from sim.scenario import Scenario, ScenarioError, digest, known, load, with_overrides
from sim.schema.paths import Paths

ROOT = Path(__file__).parents[2]
NAME = "black-thursday"
FILE = ROOT / "sim" / "scenarios" / f"{NAME}.yaml"
REFERENCE = ROOT.parent / "shared" / "data"
REMOVE = object()


@pytest.fixture(scope="module")
def base() -> Scenario:
    return load(NAME)


@pytest.fixture
def document() -> Any:
    return yaml.safe_load(FILE.read_text())


def edit(document: Any, path: str, value: object) -> None:
    """Set (or REMOVE) what `path` leads to, creating it if needed."""
    *parents, last = [
        int(index) if index else name for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path)
    ]
    for part in parents:
        document = document[part]
    if value is REMOVE:
        del document[last]
    else:
        document[last] = value


def refusal_of_text(tmp_path: Path, text: str | bytes) -> ScenarioError:
    """The error that loading a file with this text raises; its message names the file."""
    file = tmp_path / "edited.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ScenarioError) as caught:
        load(file)
    assert caught.value.file == str(file)
    assert str(caught.value).startswith(f"{file}: {len(caught.value.problems)} problem")
    return caught.value


def refusal(tmp_path: Path, document: Any, edits: dict[str, object]) -> ScenarioError:
    for path, value in edits.items():
        edit(document, path, value)
    return refusal_of_text(tmp_path, yaml.safe_dump(document, sort_keys=False))


def at(hour: int, value: float = 100) -> dict[str, object]:
    return {"at": datetime(2020, 3, 12, hour, tzinfo=timezone.utc), "value": value}


# --- what is accepted -------------------------------------------------------------------------


def test_every_scenario_of_the_package_loads_under_its_own_name() -> None:
    assert NAME in known() and known() == sorted(known())
    assert [load(name).name for name in known()] == known()


def test_name_and_path_lead_to_the_same_scenario(base: Scenario) -> None:
    assert load(FILE) == load(str(FILE)) == base


def test_steps_and_column_order(base: Scenario) -> None:
    assert base.steps * base.step_seconds == base.duration_hours * 3600
    assert base.symbols == tuple(base.assets) == ("WETH", "WBTC", "USDC", "DAI")
    tenth = with_overrides(base, {"duration_hours": 0.1, "step_seconds": 120})
    assert tenth.steps == 3, "0.1 h is no binary number, but three steps of 120 s"


def test_scenarios_are_frozen(base: Scenario) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        base.seed = 1  # type: ignore[misc]


def test_whole_numbers_are_good_levels_and_amounts(base: Scenario) -> None:
    one = with_overrides(base, {"assets.WETH.price_usd": 200, "suppliers.DAI": 7})
    assert one.assets["WETH"].price_usd == 200.0
    assert isinstance(one.suppliers["DAI"], float)


def test_paths_are_optional(document: Any, base: Scenario) -> None:
    del document["paths"]
    bare = Scenario.model_validate(document)
    assert bare.paths is None
    assert with_overrides(bare, {}) == bare
    assert digest(bare) != digest(base)


def test_health_quantiles_default_to_the_measured_ones(document: Any) -> None:
    del document["book"]["health_quantiles"]
    default = Scenario.model_validate(document)
    assert {p: h for p, h in default.book.health_quantiles if 0 < p < 1} == {
        0.05: 1.098,
        0.10: 1.171,
        0.25: 1.383,
        0.50: 1.895,
        0.75: 2.733,
        0.90: 3.905,
    }


def test_every_field_says_what_would_be_right() -> None:
    def models(annotation: object) -> Iterator[type[BaseModel]]:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield annotation
            for field in annotation.model_fields.values():
                yield from models(field.annotation)
        for part in get_args(annotation):
            yield from models(part)

    fields = {
        f"{model.__name__}.{name}": field.description
        for model in models(Scenario)
        for name, field in model.model_fields.items()
    }
    assert len(fields) > 70
    assert [name for name, description in fields.items() if not description] == []


# --- fields that are refused ------------------------------------------------------------------

POSITIVE = "1e-8 to 1e+11"
TWICE = (("WETH", "WBTC"), ("WBTC", "WETH"))


@pytest.mark.parametrize(
    ("edits", "path", "problem", "remedy"),
    [
        # wrong type
        ({"name": 5}, "name", "valid string", "lower-case words"),
        ({"name": "Black Thursday"}, "name", "pattern", "lower-case words"),
        ({"seed": True}, "seed", "valid integer, got True", "whole number"),
        ({"seed": 1.0}, "seed", "valid integer, got 1.0", "whole number"),
        ({"seed": "7"}, "seed", "valid integer, got '7'", "without quotes"),
        ({"duration_hours": True}, "duration_hours", "valid number, got True", "hours"),
        ({"duration_hours": "010"}, "duration_hours", "got '010'", "without a leading 0"),
        ({"assets.WETH.price_usd": True}, "assets.WETH.price_usd", "got True", "waypoints"),
        ({"assets.WETH.price_usd": "200"}, "assets.WETH.price_usd", "got '200'", "waypoints"),
        ({"assets.WETH": 200}, "assets.WETH", "should be a mapping", "decimals, price_usd"),
        ({"venues": {}}, "venues", "should be a list", "a list of pairs"),
        ({"venues[1].assets": ["DAI"]}, "venues[1].assets[1]", "missing", "two different symbols"),
        ({"protocol.loss_mode": "never"}, "protocol.loss_mode", "'window'", "immediate"),
        (
            {"protocol.reserves.DAI.rehypothecate": 1},
            "protocol.reserves.DAI.rehypothecate",
            "valid boolean, got 1",
            "escrow",
        ),
        ({"start": "12 March"}, "start", "valid datetime", "2020-03-12T00:00:00Z"),
        ({"start": datetime(2020, 3, 12)}, "start", "timezone", "with its zone"),
        ({"start": datetime(2020, 3, 12).date()}, "start", "valid datetime", "with its zone"),
        (
            {"start": datetime(2020, 3, 12, 0, 0, 0, 5, timezone.utc)},
            "start",
            "whole second",
            "with its zone",
        ),
        (
            {"start": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=9)))},
            "start",
            "greater than",
            "with its zone",
        ),
        # not finite
        ({"suppliers.DAI": float("nan")}, "suppliers.DAI", "finite", "USD"),
        ({"assets.DAI.price_usd": float("inf")}, "assets.DAI.price_usd", "finite", "above 0"),
        ({"gas_price_gwei[1].value": float("nan")}, "gas_price_gwei[1].value", "finite", POSITIVE),
        # out of bounds
        ({"assets.WETH.price_usd": -1}, "assets.WETH.price_usd", "got -1", "above 0"),
        (
            {"assets.WETH.price_usd[2].value": -193.31},
            "assets.WETH.price_usd[2].value",
            "got -193.31",
            POSITIVE,
        ),
        ({"gas_price_gwei": 0}, "gas_price_gwei", "got 0", "above 0"),
        ({"assets.WETH.price_usd": []}, "assets.WETH.price_usd", "at least 1 item", "waypoints"),
        ({"assets.WETH.decimals": -1}, "assets.WETH.decimals", "got -1", "0..18"),
        ({"assets.WETH.decimals": 19}, "assets.WETH.decimals", "got 19", "0..18"),
        ({"venues[0].fee_bps": 1001}, "venues[0].fee_bps", "got 1001", "0..1000"),
        ({"venues[0].depth_usd_per_side": 0}, "venues[0].depth_usd_per_side", "got 0", "above 0"),
        (
            {"arbitrage.half_life_seconds": 0.5},
            "arbitrage.half_life_seconds",
            "got 0.5",
            "1 to 31536000",
        ),
        (
            {"protocol.reserves.WETH.lt_bps": 10001},
            "protocol.reserves.WETH.lt_bps",
            "got 10001",
            "0..10000",
        ),
        (
            {"protocol.reserves.WETH.supply_cap": 0},
            "protocol.reserves.WETH.supply_cap",
            "got 0",
            "absent: no cap",
        ),
        (
            {"protocol.rates.DAI.optimal_usage_bps": 10000},
            "protocol.rates.DAI.optimal_usage_bps",
            "got 10000",
            "1..9999",
        ),
        (
            {"protocol.liquidation.target_health": 0.99},
            "protocol.liquidation.target_health",
            "got 0.99",
            "1..2",
        ),
        (
            {"protocol.liquidation.hf_for_max_bonus": 1},
            "protocol.liquidation.hf_for_max_bonus",
            "got 1",
            "inside 0..1",
        ),
        (
            {"protocol.liquidation.dust_value_usd": 0},
            "protocol.liquidation.dust_value_usd",
            "got 0",
            "USD of collateral",
        ),
        (
            {"protocol.liquidation.dust_value_usd": 1000.01},
            "protocol.liquidation.dust_value_usd",
            "got 1000.01",
            "at most the 1000 that a partial liquidation leaves",
        ),
        ({"book.accounts": 0}, "book.accounts", "got 0", "1..100000"),
        ({"book.accounts": 100001}, "book.accounts", "got 100001", "1..100000"),
        ({"book.isolated_share": 1.1}, "book.isolated_share", "got 1.1", "0..1"),
        (
            {"liquidators[0].capacity_usd_per_step": 1e5},
            "liquidators[0].capacity_usd_per_step",
            "earlier version",
            "capacity_usd_per_hour: it times 3600 / step_seconds",
        ),
        (
            {"liquidators[0]": {"max_actions_per_step": 1}},
            "liquidators[0].max_actions_per_step",
            "earlier version",
            "call_usd",
        ),
        (
            {"liquidators[0].capacity_usd_per_hour": 0},
            "liquidators[0].capacity_usd_per_hour",
            "got 0",
            "above 0",
        ),
        # fields that are absent or unknown
        ({"book": REMOVE}, "book", "is missing", "the borrowers"),
        ({"feeds.DAI.heartbeat_seconds": REMOVE}, "feeds.DAI.heartbeat_seconds", "missing", "1.."),
        ({"gas_price_gwei[0].at": REMOVE}, "gas_price_gwei[0].at", "missing", "with its zone"),
        ({"seeds": 1}, "seeds", "unknown field", "did you mean seed or feeds?"),
        ({"book.account": 1}, "book.account", "unknown field", "did you mean accounts?"),
        ({"venues[2].fee": 1}, "venues[2].fee", "unknown field", "fee_bps"),
        # keys that are not the assets
        ({"feeds.WETHX": {}}, "feeds.WETHX.heartbeat_seconds", "missing", "1.."),
        ({"suppliers.WETHX": 1}, "suppliers.WETHX", "not an asset", "did you mean WETH?"),
        ({"suppliers.DAI": REMOVE}, "suppliers.DAI", "is missing", "every key of assets"),
        ({"feeds.USDC": REMOVE}, "feeds.USDC", "is missing", "every key of assets"),
        ({"protocol.rates.USDC": REMOVE}, "protocol.rates.USDC", "is missing", "every key"),
        ({"protocol.reserves.WBTC": REMOVE}, "protocol.reserves.WBTC", "is missing", "every key"),
        (
            {"protocol.insurance.capital_usd.X": 1},
            "protocol.insurance.capital_usd.X",
            "not an asset",
            "the assets are: WETH, WBTC",
        ),
        ({"book.debt_weights.dai": 1}, "book.debt_weights.dai", "not an asset", "DAI"),
        (
            {"book.collateral_weights.WBTC": REMOVE},
            "book.collateral_weights.WBTC",
            "is missing",
            "every key",
        ),
        ({"native_asset": "ETH"}, "native_asset", "not an asset", "did you mean WETH"),
        ({"venues[3].assets": ["WBTC", "DIA"]}, "venues[3].assets[1]", "not an asset", "DAI"),
        ({"assets.US dollar": {"decimals": 6, "price_usd": 1}}, "assets.US dollar", "pattern", "s"),
        # what is right alone but not together
        ({"duration_hours": 1.01}, "duration_hours", "whole steps of 300 s", "1.0, or another"),
        ({"duration_hours": 0.01}, "duration_hours", "whole steps of 300 s", f"{1 / 12!r}, or"),
        ({"venues[1].assets": ["DAI", "WETH"]}, "venues[1].assets", "venues[0]", "one venue per"),
        ({"venues[1].assets": ["DAI", "DAI"]}, "venues[1].assets[1]", "itself", "another asset"),
        ({"liquidators[1].name": "default keeper"}, "liquidators[1].name", "taken", "its own"),
        (
            {"feeds.DAI.min_price_usd": 2, "feeds.DAI.max_price_usd": 2},
            "feeds.DAI.min_price_usd",
            "2 is not below max_price_usd 2",
            "below 2",
        ),
        (
            {"assets.WETH.price_usd": [at(1), at(3), at(3)]},
            "assets.WETH.price_usd[2].at",
            "2020-03-12T03:00:00Z does not come after",
            "later than 2020-03-12T03:00:00Z",
        ),
        (
            {"gas_price_gwei": [at(2), at(1)]},
            "gas_price_gwei[1].at",
            "does not come after",
            "later than 2020-03-12T02:00:00Z",
        ),
        (
            {"start": datetime(2021, 3, 12, tzinfo=timezone.utc)},
            "assets.WETH.price_usd",
            "outside the run",
            "2021-03-12T00:00:00Z to 2021-03-14",
        ),
        (
            {"assets.USDC.price_usd": 1.1e7},
            "assets.USDC.decimals",
            "more than ten dollars",
            "more decimals",
        ),
        (
            {
                f"protocol.rates.DAI.{rate}_bps": 40_000
                for rate in ("base_rate", "slope1", "slope2")
            },
            "protocol.rates.DAI.slope2_bps",
            "= 120000 bps a year",
            "at most 100000",
        ),
        (
            {"protocol.reserves.DAI.ltv_bps": 8001, "protocol.reserves.DAI.lt_bps": 8000},
            "protocol.reserves.DAI.ltv_bps",
            "8001 is above the liquidation threshold 8000",
            "at most 8000",
        ),
        (
            {
                "protocol.reserves.DAI.min_bonus_bps": 600,
                "protocol.reserves.DAI.max_bonus_bps": 500,
            },
            "protocol.reserves.DAI.min_bonus_bps",
            "600 is above max_bonus_bps 500",
            "at most 500",
        ),
        (
            {
                "book.collateral_weights.DAI": 1,
                "protocol.reserves.DAI.collateral_enabled": False,
            },
            "book.collateral_weights.DAI",
            "nothing can be borrowed",
            "protocol.reserves.DAI with collateral_enabled",
        ),
        (
            {"book.collateral_weights.DAI": 1, "protocol.reserves.DAI.ltv_bps": 0},
            "book.collateral_weights.DAI",
            "nothing can be borrowed",
            "ltv_bps above 0",
        ),
        (
            {"book.debt_weights.DAI": 1, "protocol.reserves.DAI.borrow_enabled": False},
            "book.debt_weights.DAI",
            "cannot be borrowed",
            "protocol.reserves.DAI.borrow_enabled",
        ),
        (
            {"book.debt_weights": dict.fromkeys(("WETH", "WBTC", "USDC", "DAI"), 0)},
            "book.debt_weights",
            "no asset has a weight",
            "above 0",
        ),
        (
            {
                "book.collateral_weights": {"WETH": 1, "WBTC": 0, "USDC": 0, "DAI": 0},
                "book.two_collateral_share": 0,
            },
            "book.debt_weights.WETH",
            "fewer than 1 other",
            "more collateral assets",
        ),
        (
            {
                "book.collateral_weights": {"WETH": 1, "WBTC": 0, "USDC": 0, "DAI": 1},
                "book.two_collateral_share": 0.1,
            },
            "book.debt_weights.WETH",
            "fewer than 2 other",
            "more collateral assets",
        ),
        (
            {"book.accounts": 99_999, "book.total_debt_usd": 249_997_499},
            "book.total_debt_usd",
            "less than 2500 USD for each of 99999",
            "at least 249997500, or at most 99998 accounts",
        ),
        (
            {"book.accounts": 5, "book.max_account_share": 0.19},
            "book.max_account_share",
            "5 accounts of at most 0.19",
            "at least 0.2",
        ),
        (
            {"book.health_quantiles": [[0.1, 1.1], [1, 2]]},
            "book.health_quantiles[0][0]",
            "the first probability is 0.1",
            "0: ",
        ),
        (
            {"book.health_quantiles": [[0, 1.1], [0.9, 2]]},
            "book.health_quantiles[1][0]",
            "the last probability is 0.9",
            "1: ",
        ),
        (
            {"book.health_quantiles": [[0, 1.1], [0.5, 1.2], [0.5, 1.3], [1, 2]]},
            "book.health_quantiles[2][0]",
            "0.5 does not exceed 0.5",
            "above 0.5",
        ),
        (
            {"book.health_quantiles": [[0, 1.1], [0.5, 1.1], [1, 2]]},
            "book.health_quantiles[1][1]",
            "1.1 does not exceed 1.1",
            "above 1.1",
        ),
        (
            {"book.health_quantiles": [[0, 0.9], [1, 2]]},
            "book.health_quantiles[0][1]",
            "got 0.9",
            "health factor >= 1",
        ),
        # paths
        ({"paths.model": "garch"}, "paths.model", "'gbm', 'merton'", "replay: windows"),
        (
            {"paths.volatility_per_sqrt_year": {"WETH": 1, "WBTC": 1, "DAI": 0.1, "USDC": 0}},
            "paths.correlation",
            "is not given for [WETH, DAI], [WBTC, DAI]",
            "a value for each; 0 only if",
        ),
        (
            {"paths.model": "student-day"},
            "paths.copula",
            "undoes the days of model student-day",
            "gaussian",
        ),
        (
            {
                "paths.model": "student-day",
                "paths.copula": "gaussian",
                "paths.degrees_of_freedom": REMOVE,
            },
            "paths.degrees_of_freedom",
            "missing, and model student-day uses it",
            "above 2",
        ),
        ({"paths.model": "garch-t"}, "paths.garch", "missing, and model garch-t uses", "alpha"),
        (
            {"paths.model": "filtered-history"},
            "paths.history",
            "missing, and model filtered-history uses",
            "CSV",
        ),
        (
            {"paths.garch": {"alpha": {"WETH": 0.1, "WBTC": 0.1}, "beta": {"WETH": 0.9}}},
            "paths.garch.beta.WETH",
            "add up to 1 or more",
            "below 1",
        ),
        (
            {"paths.garch": {"alpha": {"WETH": 0.1, "WBTC": 0.1}, "beta": {"WETH": 0.8}}},
            "paths.garch.beta.WBTC",
            "is missing",
            "every key of volatility_per_sqrt_year",
        ),
        (
            {"paths.garch": {"alpha": {"WETHX": 0.1}, "beta": {"WETH": 0.8, "WBTC": 0.8}}},
            "paths.garch.alpha.WETHX",
            "without a volatility",
            "did you mean WETH?",
        ),
        ({"paths.volatility": {}}, "paths.volatility", "unknown field", "volatility_per_sqrt_year"),
        (
            {"paths.volatility_per_sqrt_year.WETH": -0.1},
            "paths.volatility_per_sqrt_year.WETH",
            "got -0.1",
            "0..100",
        ),
        (
            {"paths.volatility_per_sqrt_year.WETHX": 1},
            "paths.volatility_per_sqrt_year.WETHX",
            "not an asset",
            "did you mean WETH?",
        ),
        (
            {"paths.volatility_per_sqrt_year": {}, "paths.correlation": []},
            "paths.volatility_per_sqrt_year",
            "lists no asset",
            "one asset or more",
        ),
        ({"paths.degrees_of_freedom": 2}, "paths.degrees_of_freedom", "got 2", "above 2"),
        (
            {"paths.degrees_of_freedom": REMOVE},
            "paths.degrees_of_freedom",
            "missing, and copula student-t uses it",
            "above 2",
        ),
        ({"paths.model": "merton"}, "paths.jumps", "missing, and model merton uses", "mean_log"),
        ({"paths.model": "replay"}, "paths.history", "missing, and model replay uses", "CSV"),
        (
            {"paths.jumps": {"per_year": 1, "mean_log": {"WETH": 0.0}, "sd_log": {}}},
            "paths.jumps.sd_log.WETH",
            "is missing",
            "every key of mean_log",
        ),
        (
            {"paths.jumps": {"per_year": 1, "mean_log": {}, "sd_log": {"WETH": 0.1}}},
            "paths.jumps.mean_log.WETH",
            "is missing",
            "every key of sd_log",
        ),
        (
            {"paths.jumps": {"per_year": 1, "mean_log": {"DAI": 0}, "sd_log": {"DAI": 0}}},
            "paths.jumps.mean_log.DAI",
            "without a volatility",
            "are: WETH, WBTC",
        ),
        ({"paths.correlation[0].value": 1}, "paths.correlation[0].value", "got 1", "inside -1..1"),
        (
            {"paths.correlation[0].assets": ["WETH", "WETH"]},
            "paths.correlation[0].assets[1]",
            "paired with itself",
            "another asset",
        ),
        (
            {"paths.correlation[0].assets": ["WETH", "WBT"]},
            "paths.correlation[0].assets[1]",
            "without a volatility",
            "did you mean WBTC?",
        ),
        (
            {"paths.correlation": [{"assets": list(pair), "value": 0} for pair in TWICE]},
            "paths.correlation[1].assets",
            "the same pair as correlation[0]",
            "one value per pair",
        ),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)
def test_refusals_name_the_field_and_what_would_be_right(
    tmp_path: Path,
    document: Any,
    edits: dict[str, object],
    path: str,
    problem: str,
    remedy: str,
) -> None:
    error = refusal(tmp_path, document, edits)
    found = {p.path: p for p in error.problems}
    assert path in found, error
    assert problem in found[path].problem
    assert remedy in found[path].remedy
    assert f"  {path}: {found[path].problem}: {found[path].remedy}" in str(error)


def test_all_problems_are_told_at_once_and_long_lists_are_cut(
    tmp_path: Path, document: Any
) -> None:
    error = refusal(tmp_path, document, {"seed": -1, "book.accounts": True})
    assert [problem.path for problem in error.problems] == ["seed", "book.accounts"]
    many = refusal(tmp_path, document, {f"extra_{i}": i for i in range(50)})
    assert len(many.problems) == 52
    assert str(many).count("\n") == 21
    assert str(many).endswith("... and 32 more")


# --- threshold x (1 + bonus) ------------------------------------------------------------------


def reserve(symbol: str, **values: int) -> dict[str, object]:
    return {f"protocol.reserves.{symbol}.{name}": value for name, value in values.items()}


@pytest.mark.parametrize(
    ("lt", "bonus", "bonus_remedy", "lt_remedy"),
    [(9500, 600, 526, 9433), (8000, 2500, 2499, 7999), (10_000, 0, None, 9999)],
)
def test_threshold_times_bonus_stays_below_one(
    base: Scenario, lt: int, bonus: int, bonus_remedy: int | None, lt_remedy: int
) -> None:
    fields = {"ltv_bps": 100, "lt_bps": lt, "min_bonus_bps": 0, "max_bonus_bps": bonus}
    with pytest.raises(ScenarioError) as caught:
        with_overrides(base, reserve("WETH", **fields))
    (problem,) = caught.value.problems
    assert problem.path == "protocol.reserves.WETH.max_bonus_bps"
    assert f"lt {lt} x (1 + bonus {bonus}) >= 1" in problem.problem
    assert f"threshold to at most {lt_remedy}" in problem.remedy
    with_overrides(base, reserve("WETH", **{**fields, "lt_bps": lt_remedy}))
    if bonus_remedy is None:
        assert "bonus" not in problem.remedy
    else:
        assert f"bonus to at most {bonus_remedy} " in problem.remedy
        with_overrides(base, reserve("WETH", **{**fields, "max_bonus_bps": bonus_remedy}))
        with pytest.raises(ScenarioError):
            with_overrides(base, reserve("WETH", **{**fields, "max_bonus_bps": bonus_remedy + 1}))


def test_the_highest_dust_line_is_that_of_the_contracts(base: Scenario) -> None:
    """What a partial liquidation leaves, to the cent."""
    path, most = "protocol.liquidation.dust_value_usd", MIN_LEFTOVER / 10**8
    assert with_overrides(base, {path: most}).protocol.liquidation.dust_value_usd == most
    with pytest.raises(ScenarioError):
        with_overrides(base, {path: most + 0.01})


def test_target_health_needs_the_no_split_rule(base: Scenario) -> None:
    """At 0.84 the nearest binary number would decide 8000 x 1.05 either way: the text decides."""
    edge = {
        **reserve("WETH", ltv_bps=7500, lt_bps=8000, min_bonus_bps=0, max_bonus_bps=500),
        **reserve("WBTC", ltv_bps=100, lt_bps=100, min_bonus_bps=0, max_bonus_bps=0),
        **reserve("USDC", ltv_bps=100, lt_bps=100, min_bonus_bps=0, max_bonus_bps=0),
        **reserve("DAI", ltv_bps=100, lt_bps=100, min_bonus_bps=0, max_bonus_bps=0),
        "protocol.liquidation.engine": "target-health",
        "protocol.liquidation.hf_for_max_bonus": 0.84,
    }
    with_overrides(base, edge)
    below = {**edge, "protocol.liquidation.hf_for_max_bonus": 0.8399}
    with pytest.raises(ScenarioError) as caught:
        with_overrides(base, below)
    (problem,) = caught.value.problems
    assert problem.path == "protocol.reserves.WETH.max_bonus_bps"
    assert "lt 8000 x (1 + bonus 500) is above hf_for_max_bonus 0.8399" in problem.problem
    assert "bonus to at most 498 or the threshold to at most 7999" in problem.remedy
    assert "hf_for_max_bonus to at least 0.84" in problem.remedy
    with_overrides(base, {**below, **reserve("WETH", max_bonus_bps=498)})
    for engine in ("close-factor", "dutch-bonus"):
        with_overrides(base, {**below, "protocol.liquidation.engine": engine})


# --- names and files --------------------------------------------------------------------------


def test_unknown_names_get_the_close_matches_and_the_known_ones() -> None:
    with pytest.raises(ScenarioError) as caught:
        load("black-tuesday")
    assert str(caught.value).startswith("scenario 'black-tuesday': 1 problem")
    assert f"did you mean {NAME}? the known ones are: " in caught.value.problems[0].remedy
    with pytest.raises(ScenarioError, match="is not known: the known ones are: "):
        load("")


def test_known_names_can_be_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(scenario_module, "_FOLDER", tmp_path)
    assert known() == []
    with pytest.raises(ScenarioError, match="the known ones are: none"):
        load(NAME)


@pytest.mark.parametrize("path", ["absent.yaml", "absent/black-thursday", "sub"])
def test_files_that_cannot_be_read(tmp_path: Path, path: str) -> None:
    (tmp_path / "sub").mkdir()
    with pytest.raises(ScenarioError, match=re.escape(f"{tmp_path / path}")) as caught:
        load(str(tmp_path / path))
    assert caught.value.problems[0].problem.startswith("cannot be read")


def test_duplicate_keys(tmp_path: Path) -> None:
    text = FILE.read_text()
    double = text.replace("    engine:", "    engine: dutch-bonus\n    engine:")
    (problem,) = refusal_of_text(tmp_path, double).problems
    assert problem.path == "protocol.liquidation.engine"
    line = text[: text.index("    engine:")].count("\n") + 1
    assert problem.problem == f"appears on lines {line} and {line + 1}"

    in_list = text.replace("    gas_used:", "    name: again\n    gas_used:", 1)
    assert refusal_of_text(tmp_path, in_list).problems[0].path == "liquidators[0].name"
    (root,) = refusal_of_text(tmp_path, text + "\nseed: 1\n").problems
    assert root.path == "seed"


def test_anchors_and_merges_are_no_duplicates(tmp_path: Path, base: Scenario) -> None:
    text = FILE.read_text()
    whole = yaml.safe_load(text)
    start, end = text.index("  USDC:\n    heartbeat"), text.index("# Exit liquidity")
    lines = "".join(f"    {k}: {v}\n" for k, v in whole["feeds"]["USDC"].items())
    merged = f"  USDC: &usdc\n{lines}  DAI:\n    <<: *usdc\n    latency_seconds: 61\n"
    file = tmp_path / "merged.yaml"
    file.write_text(text[:start] + merged + text[end:])
    feeds = load(file).feeds
    assert feeds["USDC"] == base.feeds["USDC"]
    assert feeds["DAI"] == feeds["USDC"].model_copy(update={"latency_seconds": 61})


@pytest.mark.parametrize("text", ["1:30", "010", "0x10", "0b1", "1e", "_1", "yes"])
def test_numbers_that_older_yaml_reads_otherwise_are_refused(tmp_path: Path, text: str) -> None:
    whole = FILE.read_text()
    assert "\nduration_hours: 48" in whole
    changed = whole.replace("\nduration_hours: 48", f"\nduration_hours: {text}")
    (problem,) = refusal_of_text(tmp_path, changed).problems
    assert problem.path == "duration_hours"


@pytest.mark.parametrize("text", ["48", "4.8e1", "48.0", "480e-1", "+48", "4_8"])
def test_numbers_mean_what_they_look_like(tmp_path: Path, base: Scenario, text: str) -> None:
    file = tmp_path / "same.yaml"
    whole = FILE.read_text().replace("\nduration_hours: 48", f"\nduration_hours: {text}")
    file.write_text(whole)
    assert load(file) == base


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("- 1\n", "should be a mapping"),
        ("a: [1", "is not YAML: line 1, column 6: while parsing a flow sequence"),
        ("a:\n\tb: 1", "is not YAML: line 2, column 1: while scanning"),
        ("a: 1\n---\na: 2\n", "is not YAML"),
        ("a: !!python/object/apply:os.getcwd []\n", "is not YAML"),
        ("start: 2020-13-45T00:00:00Z\n", "month must be in 1..12"),
        ("seed: " + "9" * 5_000 + "\n", "is not YAML"),
        ("{[1]: 2}\n", "is not YAML"),
        (b"name: \xff\xfe\xff", "is not YAML"),
        ("[" * 1_500, "nested too deeply"),
        ("#" * 1_000_001, "larger than 1 MB"),
    ],
    ids=(
        "empty",
        "comment",
        "list",
        "open bracket",
        "tab",
        "two documents",
        "python object",
        "no such month",
        "number of 5000 digits",
        "list as key",
        "not UTF-8",
        "1500 brackets",
        "too large",
    ),
)
def test_texts_that_are_no_scenario(tmp_path: Path, text: str | bytes, problem: str) -> None:
    (found,) = refusal_of_text(tmp_path, text).problems
    assert found.path == "(file)"
    assert problem in found.problem
    assert len(str(found)) < 1_000


def test_self_containing_and_exploding_documents_are_refused_briefly(tmp_path: Path) -> None:
    error = refusal_of_text(tmp_path, "name: x\nbook: &b {accounts: *b}\n")
    assert "book.accounts" in {problem.path for problem in error.problems}
    levels = [f"  - &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 30)]
    bomb = "title:\n  - &l0 [ha]\n" + "\n".join(levels) + "\n"
    assert len(str(refusal_of_text(tmp_path, bomb))) < 10_000


def test_numbers_too_long_to_print(base: Scenario) -> None:
    with pytest.raises(ScenarioError) as caught:
        with_overrides(base, {"gas_price_gwei": 16**5_000})
    (problem,) = caught.value.problems
    assert problem.path == "gas_price_gwei"
    assert "got a number of thousands of digits" in problem.problem


def test_errors_survive_pickling(tmp_path: Path) -> None:
    """Sweeps report from other processes."""
    error = refusal_of_text(tmp_path, "name: x\n")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


# --- overrides --------------------------------------------------------------------------------


def test_overrides_replace_fields_and_leave_the_rest(base: Scenario) -> None:
    before = digest(base)
    changed = with_overrides(
        base,
        {
            "protocol.liquidation.delay_seconds": 600,
            "book.accounts": 50,
            "venues[1].fee_bps": 5,
            "assets.WETH.price_usd[0].value": 200,
            "assets.WBTC.price_usd": [at(1, 8_000.0), at(2, 7_000.0)],
            "protocol.reserves.DAI.supply_cap": 1e6,
        },
    )
    assert changed.protocol.liquidation.delay_seconds == 600
    assert changed.book.accounts == 50
    assert changed.venues[1].fee_bps == 5
    assert changed.assets["WETH"].price_usd[0].value == 200  # type: ignore[index]
    assert [w.value for w in changed.assets["WBTC"].price_usd] == [8_000, 7_000]  # type: ignore[union-attr]
    assert changed.protocol.reserves["DAI"].supply_cap == 1e6
    assert changed.feeds == base.feeds
    assert digest(base) == before
    assert with_overrides(base, {}) == base


def test_remedies_that_are_numbers_are_accepted(base: Scenario) -> None:
    """Also where the number is not exact in binary: 49 x (1 / 49) < 1, 1 / 12 h x 3600 s."""
    for accounts in (49, 103, 240):
        with pytest.raises(ScenarioError, match=r"at least \S+, or more") as caught:
            with_overrides(base, {"book.accounts": accounts, "book.max_account_share": 1e-4})
        share = float(caught.value.problems[0].remedy.split()[2].rstrip(","))
        with_overrides(base, {"book.accounts": accounts, "book.max_account_share": share})
    with pytest.raises(ScenarioError) as caught:
        with_overrides(base, {"duration_hours": 0.09})
    hours = float(caught.value.problems[0].remedy.split(",")[0])
    assert with_overrides(base, {"duration_hours": hours}).steps == 1


def test_overrides_reach_the_paths(base: Scenario) -> None:
    """A sweep may change the model and leave what other models use where it is."""
    jumps = {"per_year": 12, "mean_log": {"WETH": -0.1}, "sd_log": {"WETH": 0.05}}
    merton = with_overrides(
        base,
        {
            "paths.model": "merton",
            "paths.jumps": jumps,
            "paths.jumps.per_year": 6,
            "paths.volatility_per_sqrt_year.WETH": 0.9,
            "paths.correlation[0].value": -0.3,
        },
    )
    assert merton.paths is not None and merton.paths.jumps is not None
    assert merton.paths.jumps.per_year == 6
    assert merton.paths.volatility_per_sqrt_year == {"WETH": 0.9, "WBTC": 0.77}
    matrix = merton.paths.correlation_matrix(("USDC", "WBTC", "WETH"))
    assert matrix.tolist() == [[1, 0, 0], [0, 1, -0.3], [0, -0.3, 1]]
    again = with_overrides(merton, {"paths.model": "bridge", "paths.copula": "gaussian"})
    assert again.paths is not None and again.paths.model == "bridge"
    assert len({digest(base), digest(merton), digest(again)}) == 3


def test_correlations_that_no_prices_can_have(base: Scenario) -> None:
    """A and B with C, but against each other; the remedy's factor is accepted."""
    paths = {
        "paths.volatility_per_sqrt_year": {"WETH": 1, "WBTC": 1, "DAI": 1},
        "paths.correlation": [
            {"assets": ["WETH", "WBTC"], "value": 0.9},
            {"assets": ["WETH", "DAI"], "value": 0.9},
            {"assets": ["WBTC", "DAI"], "value": -0.9},
        ],
    }
    with pytest.raises(ScenarioError, match="not positive definite") as caught:
        with_overrides(base, paths)
    (problem,) = caught.value.problems
    assert problem.path == "paths.correlation"
    factor = float(re.findall(r"[\d.]+", problem.remedy)[0])
    smaller = {
        f"paths.correlation[{i}].value": sign * 0.9 * factor for i, sign in enumerate((1, 1, -1))
    }
    with_overrides(base, {**paths, **smaller})


def test_every_shipped_pair_has_a_correlation_and_the_matrices_are_possible() -> None:
    """Of all scenarios that draw paths, and of the bases with all their assets."""
    folder = Path(scenario_module.__file__).parents[1] / "scenarios"
    sections = {name: load(name).paths for name in known()}
    for base in sorted((folder / "bases").glob("*.yaml")):
        section = yaml.safe_load(base.read_text())["paths"]
        sections[base.stem] = Paths.model_validate(section)
    assert {"aave-v2", "aave-v3", "black-thursday", "lending-market"} <= sections.keys()
    for name, paths in sections.items():
        assert paths is not None, name
        varied = sorted(symbol for symbol, sd in paths.volatility_per_sqrt_year.items() if sd)
        given = [tuple(sorted(pair.assets)) for pair in paths.correlation]
        assert set(combinations(varied, 2)) <= set(given), name
        assert len(given) == len(set(given)), name
        assert np.linalg.eigvalsh(paths.correlation_matrix(varied))[0] > 1e-5, name


def test_overrides_apply_in_order(base: Scenario) -> None:
    book = {**base.book.model_dump(), "accounts": 60}
    assert with_overrides(base, {"book": book, "book.accounts": 50}).book.accounts == 50
    assert with_overrides(base, {"book.accounts": 50, "book": book}).book.accounts == 60


@pytest.mark.parametrize(
    ("path", "named", "remedy"),
    [
        ("book.account", "book.account", "did you mean accounts? the fields of book are: accounts"),
        ("book2.accounts", "book2", "did you mean book? the fields of a scenario are: name"),
        ("venues[6].fee_bps", "venues[6]", "the fields of venues are: 0, 1, 2, 3, 4, 5"),
        ("venues.0.fee_bps", "venues.0", "the fields of venues are"),
        ("seed.value", "seed.value", "the fields of seed are: none"),
        ("suppliers.LINK", "suppliers.LINK", "the fields of suppliers are: WETH"),
        ("book..accounts", "book..accounts", "a path such as"),
        ("", "(path)", "a path such as"),
    ],
)
def test_overrides_of_what_does_not_exist(
    base: Scenario, path: str, named: str, remedy: str
) -> None:
    with pytest.raises(ScenarioError, match="scenario 'black-thursday' with overrides") as caught:
        with_overrides(base, {path: 1})
    (problem,) = caught.value.problems
    assert problem.path == named
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("book.accounts", True),
        ("book.accounts", np.float64(5)),
        ("suppliers.DAI", float("nan")),
        ("suppliers.DAI", "5"),
        ("protocol.reserves.WETH.lt_bps", 10_001),
    ],
)
def test_overrides_are_validated(base: Scenario, path: str, value: object) -> None:
    with pytest.raises(ScenarioError) as caught:
        with_overrides(base, {path: value})
    assert [problem.path for problem in caught.value.problems] == [path]


# --- digest -----------------------------------------------------------------------------------


def test_digest_is_of_the_content_and_not_of_the_text(
    tmp_path: Path, document: Any, base: Scenario
) -> None:
    def of(changed: Any) -> str:
        file = tmp_path / "changed.yaml"
        file.write_text(yaml.safe_dump(changed, sort_keys=False))
        return digest(load(file))

    same = copy.deepcopy(document)
    same["suppliers"] = dict(reversed(same["suppliers"].items()))
    same["book"]["health_quantiles"] = [list(point) for point in base.book.health_quantiles]
    same["start"] = same["start"].astimezone(timezone(timedelta(hours=5)))
    same["suppliers"]["DAI"] = float(same["suppliers"]["DAI"])
    assert of(document) == of(same) == digest(base)
    assert len(digest(base)) == len(hashlib.sha256().hexdigest())

    reordered = copy.deepcopy(document)
    reordered["assets"] = dict(reversed(reordered["assets"].items()))
    assert of(reordered) != digest(base), "the order of assets is the order of the columns"


def test_digest_sees_every_change(base: Scenario) -> None:
    changes: list[dict[str, object]] = [
        {"seed": base.seed + 1},
        {"book.isolated_share": 0.0123},
        {"gas_price_gwei[1].value": 225.3},
        {"liquidators": []},
    ]
    digests = {digest(base), *(digest(with_overrides(base, change)) for change in changes)}
    assert len(digests) == 5


# --- the figures of black-thursday ------------------------------------------------------------


@pytest.mark.parametrize(("symbol", "reference"), [("WETH", "ETH"), ("WBTC", "BTC")])
def test_prices_agree_with_the_reference_data(base: Scenario, symbol: str, reference: str) -> None:
    file = REFERENCE / "event_waypoints.csv"
    if not file.exists():
        pytest.skip(f"reference data not available: ../shared/data/{file.name}")
    with file.open(newline="") as rows:
        expected = {
            datetime.fromisoformat(row["timestamp"].replace("Z", "+00:00")): float(row["value"])
            for row in csv.DictReader(rows)
            if (row["event"], row["asset"]) == ("black_thursday", reference)
        }
    level = base.assets[symbol].price_usd
    assert isinstance(level, tuple)
    # The series starts half an hour later than the run.
    assert {w.at: w.value for w in level if w.at > base.start} == expected


def test_gas_reaches_the_measured_levels(base: Scenario) -> None:
    """12 March: 9.9 gwei at midnight, 225.2 at 17:50, 82.2 on average; 400 on the 13th."""
    gwei = gas_table(base).astype(float) / 1e9
    day = 86_400 // base.step_seconds
    assert gwei[0] == 9.9
    # 17:50 is a multiple of the ten minutes that were measured.
    assert gwei[(17 * 3600 + 50 * 60) // base.step_seconds] == pytest.approx(225.2, rel=1e-3)
    assert gwei[:day].max() == pytest.approx(225.2, rel=1e-3)
    assert gwei[:day].mean() == pytest.approx(82.2, rel=0.01)
    assert gwei[day:].max() == pytest.approx(400, rel=0.01)


def test_keepers_give_up_one_after_the_other(base: Scenario) -> None:
    """The story: who does not raise his gas price is gone when he is needed; one stays."""
    highest = max(gas_table(base)) / 1e9
    ceilings = [liquidator.max_gas_price_gwei for liquidator in base.liquidators]
    assert all(a < b for a, b in pairwise(ceilings))
    assert ceilings[-2] < highest < ceilings[-1]


def test_volatility_and_correlation_are_those_of_the_days_before(base: Scenario) -> None:
    """Hourly log returns of closes, 8 to 11 March, to the two decimals that the scenario quotes."""
    file = REFERENCE / "prices_1h_event_windows.csv"
    if not file.exists():
        pytest.skip(f"reference data not available: ../shared/data/{file.name}")
    closes: dict[str, list[float]] = {"ETHUSDT": [], "BTCUSDT": []}
    with file.open(newline="") as rows:
        for row in csv.DictReader(rows):
            before = row["timestamp"] < f"{base.start:%Y-%m-%d}"
            if row["event"] == "black_thursday" and before and row["symbol"] in closes:
                closes[row["symbol"]].append(float(row["close"]))
    returns = np.diff(np.log(list(closes.values())), axis=1)
    assert returns.shape == (2, 95)
    assert base.paths is not None
    volatility = returns.std(axis=1, ddof=1) * np.sqrt(365 * 24)
    assert volatility.round(2).tolist() == list(base.paths.volatility_per_sqrt_year.values())
    assert np.corrcoef(returns)[0, 1].round(2) == base.paths.correlation[0].value
