"""Overrides of a scenario's fields, and what identifies it."""

import copy
import hashlib
import re
from datetime import datetime, timedelta, timezone
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from sim import scenario as scenario_module
from sim.scenario import Scenario, ScenarioError, digest, known, load, with_overrides
from sim.schema.paths import Paths
from tests.scenario.test_scenario import FILE, NAME


@pytest.fixture(scope="module")
def base() -> Scenario:
    return load(NAME)


@pytest.fixture
def document() -> Any:
    return yaml.safe_load(FILE.read_text())


def at(hour: int, value: float = 100) -> dict[str, object]:
    return {"at": datetime(2020, 3, 12, hour, tzinfo=timezone.utc), "value": value}


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
        section = yaml.safe_load(base.read_text()).get("paths")
        if section is not None:  # else it has those of the base that it extends
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
