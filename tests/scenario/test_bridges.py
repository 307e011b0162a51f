"""The section `bridges` of a scenario: what is assumed of a token, the haircut, what is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from sim.market.paths import draw
from sim.scenario import Scenario, ScenarioError, digest, load, of_json, with_overrides
from sim.schema.bridge import LagHaircut
from tests.agents.bridged import FILE, SYMBOL, bridged
from tests.scenario.test_refused_fields import check_refused, edit

AT_THREE = "2026-01-01T03:00:00Z"
BRIDGE = f"bridges.{SYMBOL}"


def _forgery(**own: object) -> dict[str, object]:
    return {"at": "2026-01-01T02:00:00Z", "borrow": "USDC", "noticed_seconds": 3_600, **own}


def refusal(folder: Path, document: Any, edits: dict[str, object]) -> ScenarioError:
    """Of the document with these edits, in a file of its own."""
    for path, value in edits.items():
        edit(document, path, value)
    file = folder / "edited.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    with pytest.raises(ScenarioError) as refused:
        load(file)
    assert refused.value.file == f"{file} (extends aave-v3)"
    return refused.value


@pytest.fixture
def document() -> Any:
    return yaml.safe_load(FILE.read_text())


def test_where_nothing_is_said_of_it_it_is_as_what_it_stands_for() -> None:
    scenario = load(FILE)
    assert scenario.symbols == ("WETH", "USDC", SYMBOL)
    assert scenario.assets[SYMBOL].price_usd == scenario.assets["WETH"].price_usd
    assert scenario.feeds[SYMBOL] == scenario.feeds["WETH"]
    assert scenario.protocol.rates[SYMBOL] == scenario.protocol.rates["WETH"]
    mine, original = (scenario.protocol.reserves[one] for one in (SYMBOL, "WETH"))
    assert mine == original.model_copy(update={"ltv_bps": 7_600, "lt_bps": 7_900})
    assert scenario.suppliers[SYMBOL] == 0
    assert of_json(scenario.model_dump_json()) == scenario


def test_it_follows_another_price_and_only_its_own_is_refused() -> None:
    scenario = with_overrides(load(FILE), {"assets.WETH.price_usd": 1_234.5})
    assert scenario.assets[SYMBOL].price_usd == 1_234.5
    with pytest.raises(ScenarioError) as refused:
        with_overrides(load(FILE), {f"assets.{SYMBOL}.price_usd": 1.0})
    remedy = f"leave assets.{SYMBOL}.price_usd out"
    check_refused(refused.value, f"{BRIDGE}.of", "says another", remedy)


def test_its_fields_are_a_part_of_what_is_asked() -> None:
    """Another lag is another scenario, with results of its own."""
    assert digest(load(FILE)) != digest(bridged(lag_seconds=1))


@pytest.mark.parametrize("lag", [1, 900, 86_400, 604_800])
@pytest.mark.parametrize("sigma", [0.3, 0.89])
def test_the_haircut_is_what_the_closed_form_says(lag: int, sigma: float) -> None:
    """h = 1 - exp(-z sigma sqrt(l / year)); and P(log return < log(1 - h)) is that of -z."""
    cut = LagHaircut(z=2.0).of(lag, sigma)
    assert cut == pytest.approx(1 - math.exp(-2.0 * sigma * (lag / 31_536_000) ** 0.5), rel=1e-12)
    moves = np.random.default_rng(1).standard_normal(400_000) * sigma * (lag / 31_536_000) ** 0.5
    beyond, expected = (moves < math.log(1 - cut)).mean(), 0.5 * math.erfc(2.0 / math.sqrt(2))
    assert abs(beyond - expected) < 4 * math.sqrt(expected / len(moves))


def test_a_threshold_up_to_the_haircut_is_taken_and_one_more_is_refused() -> None:
    """8300 of WETH, an hour, .89, z = 3: 8300 exp(-3 x .89 x sqrt(3600 / year)), down."""
    most = math.floor(8_300 * math.exp(-3 * 0.89 * math.sqrt(3_600 / 31_536_000)))
    fields: dict[str, Any] = {"lag_seconds": 3_600, "lag_haircut": {"z": 3.0}}
    lt = f"protocol__reserves__{SYMBOL}__lt_bps"
    assert bridged(**fields, **{lt: most}).bridges[SYMBOL].lag_haircut
    with pytest.raises(ScenarioError) as refused:
        bridged(**fields, **{lt: most + 1})
    remedy = f"protocol.reserves.{SYMBOL}.lt_bps of at most {most}"
    check_refused(refused.value, f"{BRIDGE}.lag_haircut", f"is above {most}", remedy)
    higher = {"z": 3.0, "volatility_per_sqrt_year": 2.0}
    with pytest.raises(ScenarioError, match="at a volatility of 2"):
        bridged(**{**fields, "lag_haircut": higher}, **{lt: most})


@pytest.mark.parametrize(
    ("edits", "path", "problem", "remedy"),
    [
        ({f"{BRIDGE}.of": "WBTC"}, f"{BRIDGE}.of", "not an asset", "WETH"),
        ({f"{BRIDGE}.of": SYMBOL}, f"{BRIDGE}.of", "is bridged itself", "of this chain"),
        ({f"{BRIDGE}.of": 7}, f"{BRIDGE}.of", "", "another key of assets"),
        ({f"{BRIDGE}.lag_seconds": -1}, f"{BRIDGE}.lag_seconds", "", "whole seconds"),
        ({f"{BRIDGE}.lag_seconds": 1.5}, f"{BRIDGE}.lag_seconds", "", "whole seconds"),
        ({f"{BRIDGE}.lag_seconds": "soon"}, f"{BRIDGE}.lag_seconds", "", "whole seconds"),
        (
            {f"{BRIDGE}.lag_seconds": 700_000},
            f"{BRIDGE}.lag_seconds",
            "every message is refused",
            "at most 604800",
        ),
        ({f"{BRIDGE}.lag_sd_log": 4}, f"{BRIDGE}.lag_sd_log", "", "0 to 3"),
        ({f"{BRIDGE}.lag_sd_log": math.nan}, f"{BRIDGE}.lag_sd_log", "", "0 to 3"),
        ({f"{BRIDGE}.max_age_seconds": 0}, f"{BRIDGE}.max_age_seconds", "", "1..604800"),
        ({f"{BRIDGE}.max_age_seconds": 604_801}, f"{BRIDGE}.max_age_seconds", "", "1..604800"),
        ({f"{BRIDGE}.cap_tokens": 0}, f"{BRIDGE}.cap_tokens", "", "above 0"),
        ({f"{BRIDGE}.cap_tokens": 1e-20}, f"{BRIDGE}.cap_tokens", "0.01 units", "one unit"),
        ({f"{BRIDGE}.cap_tokens": math.inf}, f"{BRIDGE}.cap_tokens", "", "above 0"),
        ({f"{BRIDGE}.window_seconds": 0}, f"{BRIDGE}.window_seconds", "", "1..2592000"),
        (
            {f"{BRIDGE}.reorganisation_probability": 0.1},
            f"{BRIDGE}.reorganisation_probability",
            "certain at once",
            "finality_seconds above 0",
        ),
        (
            {f"{BRIDGE}.reorganisation_probability": 1.1, f"{BRIDGE}.finality_seconds": 1},
            f"{BRIDGE}.reorganisation_probability",
            "",
            "0..1",
        ),
        (
            {f"{BRIDGE}.outages": [{"from": AT_THREE, "until": "2026-01-01T02:00:00Z"}]},
            f"{BRIDGE}.outages[0].until",
            "not after from",
            "after 2026-01-01T03:00:00Z",
        ),
        (
            {f"{BRIDGE}.outages": [{"from": "2027-01-01T03:00:00Z"}]},
            f"{BRIDGE}.outages[0]",
            "outside the run",
            "2026-01-01T06:00:00Z",
        ),
        (
            {f"{BRIDGE}.reorganisation": {"at": "2026-01-02T00:00:00Z", "share": 0.2}},
            f"{BRIDGE}.reorganisation.at",
            "outside the run",
            "2026-01-01T06:00:00Z",
        ),
        (
            {f"{BRIDGE}.reorganisation": {"at": "2026-01-01T02:00:00Z", "share": 2}},
            f"{BRIDGE}.reorganisation.share",
            "",
            "0..1",
        ),
        (
            {f"{BRIDGE}.reorganisation": {"at": "2026-01-01T02:00:00Z"}},
            f"{BRIDGE}.reorganisation.share",
            "is missing",
            "0..1",
        ),
        (
            {f"{BRIDGE}.forgery": _forgery(borrow=SYMBOL)},
            f"{BRIDGE}.forgery.borrow",
            "is what is pledged",
            "another asset",
        ),
        (
            {f"{BRIDGE}.forgery": _forgery(borrow="DAI")},
            f"{BRIDGE}.forgery.borrow",
            "not an asset",
            "USDC",
        ),
        (
            {f"{BRIDGE}.forgery": _forgery(noticed_seconds=299)},
            f"{BRIDGE}.forgery.noticed_seconds",
            "less than a step of 300 s",
            "at least 300",
        ),
        (
            {f"{BRIDGE}.lag_haircut": {"z": 0}},
            f"{BRIDGE}.lag_haircut.z",
            "",
            "above 0 to 10",
        ),
        (
            {f"{BRIDGE}.lag_haircut": {"z": 1}, f"{BRIDGE}.of": "USDC"},
            f"{BRIDGE}.lag_haircut.volatility_per_sqrt_year",
            "no volatility of USDC",
            "above 0",
        ),
        ({f"{BRIDGE}.paused": True}, f"{BRIDGE}.paused", "", "window_seconds"),
        ({"bridges": [1]}, "bridges", "", "per token of another chain"),
        ({BRIDGE: None}, BRIDGE, "", ""),
        (
            {"borrowers[0].review_seconds": 1, "step_seconds": 1},
            BRIDGE,
            "messages",
            "review_seconds",
        ),
    ],
)
def test_it_is_refused(
    tmp_path: Path, document: Any, edits: dict[str, object], path: str, problem: str, remedy: str
) -> None:
    check_refused(refusal(tmp_path, document, edits), path, problem, remedy)


def test_what_would_give_it_a_price_of_its_own_is_refused(tmp_path: Path, document: Any) -> None:
    document["paths"] = {"volatility_per_sqrt_year": {SYMBOL: 0.9}}
    document["reference_market"] = {"assets": {SYMBOL: {"depth_usd_per_percent": 1.0e6}}}
    error = refusal(tmp_path, document, {})
    found = [one.remedy for one in error.problems if one.path == f"{BRIDGE}.of"]
    assert any(f"paths.volatility_per_sqrt_year.{SYMBOL}" in one for one in found), error
    assert any(f"reference_market.assets.{SYMBOL}" in one for one in found), error


def test_there_is_one_thief(tmp_path: Path, document: Any) -> None:
    document["bridges"]["bUSDC"] = {**document["bridges"][SYMBOL], "of": "USDC"}
    document["bridges"]["bUSDC"]["forgery"] = _forgery(borrow="WETH")
    document["bridges"][SYMBOL]["forgery"] = _forgery()
    error = refusal(tmp_path, document, {})
    check_refused(error, f"{BRIDGE}.forgery", "there is one of bUSDC too", "one thief")


def test_a_history_with_the_token_in_it_is_refused(tmp_path: Path) -> None:
    history = tmp_path / "history.csv"
    rows = [f"2026-01-{day:02d}T00:00:00Z,3000,2990" for day in range(1, 8)]
    history.write_text("\n".join([f"time,WETH,{SYMBOL}", *rows]))
    paths = {"model": "replay", "history": str(history), "history_max_gap_seconds": 86_400}
    scenario: Scenario = with_overrides(load(FILE), {"paths": paths})
    with pytest.raises(ScenarioError, match=f"{SYMBOL} is bridged: a history without it"):
        draw(scenario, "mc", 0, 1)
