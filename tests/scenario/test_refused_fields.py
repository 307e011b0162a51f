"""Fields of a scenario that are refused: which, why, and what would be right."""

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from sim.protocol.liquidation import MIN_LEFTOVER
from sim.scenario import Scenario, ScenarioError, load, with_overrides
from tests.scenario.test_scenario import FILE, NAME, refusal_of_text

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


def refusal(tmp_path: Path, document: Any, edits: dict[str, object]) -> ScenarioError:
    for path, value in edits.items():
        edit(document, path, value)
    return refusal_of_text(tmp_path, yaml.safe_dump(document, sort_keys=False))


def check_refused(error: ScenarioError, path: str, problem: str, remedy: str) -> None:
    """The refusal names the field, what is wrong with it and what would be right."""
    found = {p.path: p for p in error.problems}
    assert path in found, error
    assert problem in found[path].problem
    assert remedy in found[path].remedy
    assert f"  {path}: {found[path].problem}: {found[path].remedy}" in str(error)


POSITIVE = "1e-8 to 1e+11"


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
        (
            {"protocol.reserves.WETH.tiers": [{"above_usd": 1e6, "lt_bps": 8_001}]},
            "protocol.reserves.WETH.tiers[0].lt_bps",
            "8001 is above the 8000 of the bracket below it",
            "at most 8000",
        ),
        (
            {
                "protocol.reserves.WETH.tiers": [
                    {"above_usd": 1e6, "lt_bps": 7_000},
                    {"above_usd": 1e6, "lt_bps": 6_000},
                ]
            },
            "protocol.reserves.WETH.tiers[1].above_usd",
            "is not above 1e+06, where the last begins",
            "more than 1e+06",
        ),
        (
            {"protocol.reserves.WETH.tiers": [{"above_usd": 0.5, "lt_bps": 7_000}]},
            "protocol.reserves.WETH.tiers[0].above_usd",
            "greater than or equal to 1",
            "USD",
        ),
        (
            {"protocol.reserves.WETH.concentration_bps": 10_001},
            "protocol.reserves.WETH.concentration_bps",
            "less than or equal to 10000",
            "0: all",
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
            {"protocol.liquidation.dust_value_usd": 1000},
            "protocol.liquidation.dust_value_usd",
            "got 1000",
            "below the 1000 that a partial liquidation leaves",
        ),
        (
            {"protocol.liquidation.margin_call_health": 0.99},
            "protocol.liquidation.margin_call_health",
            "got 0.99",
            "1..2; absent: nobody is called",
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
    check_refused(refusal(tmp_path, document, edits), path, problem, remedy)


def test_all_problems_are_told_at_once_and_long_lists_are_cut(
    tmp_path: Path, document: Any
) -> None:
    error = refusal(tmp_path, document, {"seed": -1, "book.accounts": True})
    assert [problem.path for problem in error.problems] == ["seed", "book.accounts"]
    many = refusal(tmp_path, document, {f"extra_{i}": i for i in range(50)})
    assert len(many.problems) == 52
    assert str(many).count("\n") == 21
    assert str(many).endswith("... and 32 more")


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


def test_the_highest_dust_line_is_below_what_a_partial_liquidation_leaves(base: Scenario) -> None:
    """By a cent: the contracts allow as much, but doubles may leave a rounding less than it."""
    path, most = "protocol.liquidation.dust_value_usd", MIN_LEFTOVER / 10**8
    assert with_overrides(base, {path: most - 0.01})
    with pytest.raises(ScenarioError):
        with_overrides(base, {path: most})


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


def test_close_factor_closes_all_no_earlier_than_splitting_allows(base: Scenario) -> None:
    """.95, or the largest lt x (1 + bonus) if more; what is said must not be below that."""
    engine = {"protocol.liquidation.engine": "close-factor"}
    usual = with_overrides(base, engine).protocol.policy()
    assert usual["full_close_health"] == 95 * 10**16
    high = {
        **engine,
        **reserve("WETH", ltv_bps=9_000, lt_bps=9_300, min_bonus_bps=0, max_bonus_bps=400),
    }
    assert with_overrides(base, high).protocol.policy()["full_close_health"] == 9_672 * 10**14
    said = {**high, "protocol.liquidation.full_close_health": 0.9672}
    with_overrides(base, said)
    with pytest.raises(ScenarioError) as caught:
        with_overrides(base, {**said, "protocol.liquidation.full_close_health": 0.9671})
    (problem,) = caught.value.problems
    assert "lt 9300 x (1 + bonus 400) is above full_close_health 0.9671" in problem.problem
