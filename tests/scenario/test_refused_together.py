"""Fields of a scenario that are right alone and refused together, and laws of prices."""

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.scenario.test_overrides import at
from tests.scenario.test_refused_fields import REMOVE, check_refused, refusal
from tests.scenario.test_scenario import FILE

TWICE = (("WETH", "WBTC"), ("WBTC", "WETH"))


@pytest.fixture
def document() -> Any:
    return yaml.safe_load(FILE.read_text())


@pytest.mark.parametrize(
    ("edits", "path", "problem", "remedy"),
    [
        # what is right alone but not together
        ({"duration_hours": 1.01}, "duration_hours", "whole steps of 300 s", "1.0, or another"),
        ({"duration_hours": 0.01}, "duration_hours", "whole steps of 300 s", f"{1 / 12!r}, or"),
        ({"venues[1].assets": ["DAI", "WETH"]}, "venues[1].name", "venues[0]", "a name for each"),
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
def test_refusals_of_what_does_not_go_together(
    tmp_path: Path,
    document: Any,
    edits: dict[str, object],
    path: str,
    problem: str,
    remedy: str,
) -> None:
    check_refused(refusal(tmp_path, document, edits), path, problem, remedy)
