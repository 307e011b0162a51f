"""Books against a measured one; whales in one asset, and loops."""

import math

import numpy as np
import pytest

from sim.books import COMPOUND_2023, describe
from sim.scenario import Scenario, ScenarioError, load, with_overrides
from tests.scenario.test_books import WAD, draw, health_factors, start_prices, values


@pytest.fixture(scope="module")
def base() -> Scenario:
    return load("black-thursday")


@pytest.fixture(scope="module")
def large(base: Scenario) -> Scenario:
    """Accounts enough for statistics, with the limits far from where they would distort them."""
    return with_overrides(base, {"book.accounts": 8_000, "book.total_debt_usd": 1e9})


DEFAULT = {
    "accounts": 4_793,
    "total_debt_usd": 5.5e8,
    "collateral_weights": {"WETH": 1, "WBTC": 1, "USDC": 0, "DAI": 0},
    "debt_weights": {"WETH": 0, "WBTC": 0, "USDC": 1, "DAI": 1},
    "two_collateral_share": 0.0,
    "isolated_share": 0.0,
}
"""What a scenario must say of a book; its shape is left to the defaults."""


@pytest.mark.parametrize("seed", range(3))
def test_defaults_are_those_of_a_measured_book(base: Scenario, seed: int) -> None:
    """Compound v2, May 2023. The debt floor of 2,500 USD lifts the 3,700 smallest, who owe less in
    reality, to 1.7% of the debt: that is the bound of the shares, and what the Gini lacks. Health
    within 5 standard errors of the quantiles, at asset thresholds that do not bind.
    """
    free = {f"protocol.reserves.{s}.{f}": 7_990 for s in ("WETH", "WBTC") for f in ("lt_bps",)}
    free |= {f"protocol.reserves.{s}.ltv_bps": 7_980 for s in ("WETH", "WBTC")}
    scenario = with_overrides(base, {"book": DEFAULT, **free})
    figures = describe(draw(scenario, seed), scenario, start_prices(scenario))
    for n in (1, 10, 100):
        name = f"top_{n}_debt_share"
        assert figures[name] == pytest.approx(COMPOUND_2023[name], abs=0.017)
    assert figures["gini"] == pytest.approx(COMPOUND_2023["gini"], abs=0.03)
    quantiles = dict(scenario.book.health_quantiles)  # type: ignore[union-attr]
    probabilities = sorted(quantiles)
    for percent, measured in COMPOUND_2023["health_quantiles"].items():
        p = percent / 100
        after = probabilities[probabilities.index(p) + 1]
        # d log health / d p, on the steeper side of the quantile.
        before = probabilities[probabilities.index(p) - 1]
        slope = max(
            math.log(quantiles[after] / quantiles[p]) / (after - p),
            math.log(quantiles[p] / quantiles[before]) / (p - before),
        )
        error = slope * math.sqrt(p * (1 - p) / 4_793)
        assert abs(math.log(figures["health_quantiles"][percent] / measured)) < 5 * error


def test_top_shares_are_met(base: Scenario) -> None:
    """Of the accounts that there are, and where the floor does not bind exactly."""
    asked = {**DEFAULT, "accounts": 100, "total_debt_usd": 1e9}
    scenario = with_overrides(base, {"book": asked})
    debts = sorted((sum(debts) for _, debts in values(scenario, draw(scenario))), reverse=True)
    for n, share in ((1, 0.135), (10, 0.504)):
        # Where slopes change, at 10, the next account is larger by a little and changes places.
        assert sum(debts[:n]) / sum(debts) == pytest.approx(share / 0.921, abs=1e-3)
    asked["debt_top_shares"] = [[1, 0.3], [2, 0.5], [4, 0.8]]
    scenario = with_overrides(base, {"book": {**asked, "accounts": 4}})
    debts = sorted((sum(debts) for _, debts in values(scenario, draw(scenario))), reverse=True)
    # Linear in log n: three hold .5 + .3 log2(3/2).
    shares = [0.3, 0.2, 0.3 * math.log2(1.5), 0.3 - 0.3 * math.log2(1.5)]
    assert [debt / sum(debts) for debt in debts] == pytest.approx([s / 0.8 for s in shares])


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_same_asset_share(large: Scenario, share: float) -> None:
    """Accounts of equal health and single collaterals have the asset of the next larger one with
    probability

        share + (1 - share) sum of w_k^2

    within 5 standard errors, while no asset has its share already: looked at for the larger
    quarter. And the mix holds by value.
    """
    weights = {"WETH": 60, "WBTC": 40, "USDC": 0, "DAI": 0}
    scenario = with_overrides(
        large,
        {
            "book.same_asset_share": share,
            "book.collateral_weights": weights,
            "book.debt_weights": {"WETH": 0, "WBTC": 0, "USDC": 1, "DAI": 1},
            "book.debt_tail_index": 5.0,
            "book.health_quantiles": [[0, 2.0], [1, 2.0001]],
            "book.two_collateral_share": 0,
        },
    )
    book = draw(scenario)
    debts = [sum(debts) for _, debts in values(scenario, book)]
    order = np.argsort(debts)[::-1]
    asset = (book.collateral[order] > 0).argmax(axis=1)
    n = len(asset) // 4
    same = (asset[1:n] == asset[: n - 1]).mean()
    expected = share + (1 - share) * (0.6**2 + 0.4**2)
    assert abs(same - expected) < 5 * math.sqrt(expected * (1 - expected) / n)
    owed = np.array(debts, dtype=float)[order]
    assert owed[asset == 0].sum() / owed.sum() == pytest.approx(0.6, abs=0.002)


def test_loops(large: Scenario) -> None:
    """Their share within 5 standard errors; pair, health and the weights of debts as asked."""
    scenario = with_overrides(
        large,
        {
            "book.loop_share": 0.2,
            "book.loop_pair": ["WBTC", "WETH"],
            "book.loop_health": [1.2, 1.3],
            "book.debt_weights": {"WETH": 40, "WBTC": 0, "USDC": 30, "DAI": 30},
            "book.collateral_weights": {"WETH": 0, "WBTC": 40, "USDC": 30, "DAI": 30},
            "book.debt_tail_index": 5.0,
        },
    )
    book = draw(scenario)
    health = np.array(health_factors(scenario, book)) / WAD
    n = scenario.book.accounts  # type: ignore[union-attr]
    looped = (book.debt[:, 0] > 0) & (book.collateral[:, 1] > 0)
    looped &= (book.collateral > 0).sum(axis=1) == 1
    near = looped & (health > 1.2 - 1e-6) & (health < 1.3 + 1e-6)
    # Some others have the pair as well, at a health between the two by chance: 1.2 to 1.3 is about
    # 11% of the accounts, a seventh of which owe WETH against WBTC alone.
    assert 0.2 - 5 * math.sqrt(0.16 / n) < near.mean() < 0.2 + 0.8 * 0.11 / 4
    owed = describe(book, scenario, start_prices(scenario))["debt_usd"]
    assert owed["WETH"] / 1e9 == pytest.approx(0.4, abs=0.01)


def test_loops_at_their_ends(base: Scenario) -> None:
    """All loops: one pair, none of two collaterals, log-uniform health."""
    scenario = with_overrides(
        base,
        {
            "book.accounts": 2_000,
            "book.loop_share": 1.0,
            "book.loop_pair": ["DAI", "USDC"],
            "book.loop_health": [1.1, 1.3],
            "book.two_collateral_share": 1.0,
        },
    )
    book = draw(scenario)
    assert (book.collateral > 0).sum(axis=0).tolist() == [0, 0, 0, 2_000]
    assert (book.debt > 0).sum(axis=0).tolist() == [0, 0, 2_000, 0]
    spread = np.log(np.array(health_factors(scenario, book)) / WAD / 1.1) / math.log(1.3 / 1.1)
    assert spread.min() > -1e-6 and spread.max() < 1 + 1e-6
    assert abs(spread.mean() - 0.5) < 5 * math.sqrt(1 / 12 / 2_000)


@pytest.mark.parametrize(
    ("overrides", "path", "problem"),
    [
        ({"book.loop_share": 0.1}, "book.loop_pair", "is missing, and loop_share uses it"),
        ({"book.loop_pair": ["WETH", "WETH"]}, "book.loop_pair[1]", "paired with itself"),
        ({"book.loop_pair": ["stETH", "WETH"]}, "book.loop_pair[0]", "not an asset"),
        ({"book.loop_health": [1.2, 1.1]}, "book.loop_health[1]", "1.1 is below 1.2"),
        ({"book.loop_health": [0.9, 1.1]}, "book.loop_health[0]", "greater than or equal to 1"),
        ({"book.same_asset_share": 1.1}, "book.same_asset_share", "less than or equal to 1"),
        ({"book.debt_top_shares": [[2, 0.5]]}, "book.debt_top_shares[0][0]", "2 largest"),
        (
            {"book.debt_top_shares": [[1, 0.5], [2, 0.5]]},
            "book.debt_top_shares[1][1]",
            "does not exceed",
        ),
        (
            {
                "book.loop_pair": ["WETH", "DAI"],
                "protocol.reserves.WETH.ltv_bps": 0,
                "book.drawn_under": None,
            },
            "book.loop_pair[0]",
            "nothing can be borrowed",
        ),
    ],
)
def test_shapes_that_are_refused(
    base: Scenario, overrides: dict[str, object], path: str, problem: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        with_overrides(base, overrides)
    assert any(one.path == path and problem in one.problem for one in caught.value.problems)
