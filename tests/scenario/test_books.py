"""Synthetic books: the shape that was asked for, in accounts that the contracts would accept."""

import math
from collections.abc import Iterator

import numpy as np
import pytest

from sim.books import Book, describe, gini, synthetic
from sim.market.level_tables import price_table
from sim.scenario import Scenario, load, with_overrides

WAD = 10**18
BPS = 10_000


@pytest.fixture(scope="module")
def base() -> Scenario:
    return load("black-thursday")


@pytest.fixture(scope="module")
def large(base: Scenario) -> Scenario:
    """Accounts enough for statistics, with the limits far from where they would distort them."""
    return with_overrides(base, {"book.accounts": 8_000, "book.total_debt_usd": 1e9})


def start_prices(scenario: Scenario) -> list[int]:
    return list(price_table(scenario)[0])


def draw(scenario: Scenario, seed: int = 1) -> Book:
    return synthetic(scenario, start_prices(scenario), np.random.default_rng(seed))


def values(scenario: Scenario, book: Book) -> Iterator[tuple[list[int], list[int]]]:
    """Collateral and debt values of every account as the contracts have them: down and up."""
    prices = start_prices(scenario)
    units = [10**asset.decimals for asset in scenario.assets.values()]
    for collateral, debt in zip(book.collateral, book.debt, strict=True):
        yield (
            [a * p // u for a, p, u in zip(collateral, prices, units, strict=True)],
            [-(-a * p // u) for a, p, u in zip(debt, prices, units, strict=True)],
        )


def weighted(scenario: Scenario, collateral: list[int], field: str) -> int:
    reserves = [scenario.protocol.reserves[symbol] for symbol in scenario.symbols]
    return sum(c * getattr(r, field) for c, r in zip(collateral, reserves, strict=True))


def health_factors(scenario: Scenario, book: Book) -> list[int]:
    """floor(half(weighted, WAD, debt) / BPS), in WAD."""
    factors = []
    for collateral, debts in values(scenario, book):
        debt = sum(debts)
        factors.append((weighted(scenario, collateral, "lt_bps") * WAD + debt // 2) // debt // BPS)
    return factors


def test_shapes_and_types(base: Scenario) -> None:
    book = draw(base)
    shape = (base.book.accounts, len(base.assets))
    assert book.collateral.shape == book.debt.shape == shape
    assert book.collateral.dtype == book.debt.dtype == object
    assert {type(amount) for amount in [*book.collateral.flat, *book.debt.flat]} == {int}
    assert book.isolated.shape == shape[:1] and book.isolated.dtype == bool


@pytest.mark.parametrize("seed", range(20))
def test_total_debt_is_the_one_asked_for(base: Scenario, seed: int) -> None:
    """Each account is rounded down by less than one token unit, here of WBTC: 0.008 cents."""
    debts = [sum(debts) for _, debts in values(base, draw(base, seed))]
    assert sum(debts) / 1e8 == pytest.approx(base.book.total_debt_usd, abs=0.0001 * len(debts))
    assert min(debts) / 1e8 >= 2_500 - 0.001
    cap = base.book.max_account_share * base.book.total_debt_usd
    assert max(debts) / 1e8 <= cap * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_every_account_could_be_opened(base: Scenario, seed: int) -> None:
    """Debt within the borrow limit, in the integers of the contracts, with room to spare."""
    tight = with_overrides(base, {"book.health_quantiles": [[0, 1.0], [1, 1.2]]})
    for scenario in (base, tight):
        for collateral, debts in values(scenario, draw(scenario, seed)):
            limit = weighted(scenario, collateral, "ltv_bps") // BPS
            assert sum(debts) * 10_005 // 10_000 <= limit
    assert min(health_factors(tight, draw(tight, seed))) > WAD


@pytest.mark.parametrize("seed", range(5))
def test_assets_of_an_account(base: Scenario, seed: int) -> None:
    book = draw(base, seed)
    pledged, owed = book.collateral > 0, book.debt > 0
    assert (owed.sum(axis=1) == 1).all()
    assert not (pledged & owed).any(), "nobody pledges what he borrows"
    assert set(pledged.sum(axis=1)) == {1, 2}
    assert book.isolated.any()
    assert (pledged[book.isolated].sum(axis=1) == 1).all()


def test_shares_of_isolated_and_two_collateral_accounts(large: Scenario) -> None:
    """Within 5 standard errors of a binomial."""
    book = draw(large)
    two = (book.collateral > 0).sum(axis=1) == 2
    n = large.book.accounts
    for share, asked, size in (
        (book.isolated.mean(), large.book.isolated_share, n),
        (two[~book.isolated].mean(), large.book.two_collateral_share, (~book.isolated).sum()),
    ):
        assert abs(share - asked) < 5 * math.sqrt(asked * (1 - asked) / size)


@pytest.mark.parametrize(("isolated", "two"), [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_shares_at_their_ends(base: Scenario, isolated: int, two: int) -> None:
    book = draw(
        with_overrides(base, {"book.isolated_share": isolated, "book.two_collateral_share": two})
    )
    assert book.isolated.all() if isolated else not book.isolated.any()
    assert set((book.collateral > 0).sum(axis=1)) == {2 if two and not isolated else 1}


def test_two_collateral_assets_are_worth_the_same(base: Scenario) -> None:
    for collateral, _ in values(base, draw(base)):
        held = [value for value in collateral if value]
        assert max(held) - min(held) <= 0.01 * 1e8, "to the cent that a token unit may be worth"


@pytest.mark.parametrize("seed", range(20))
def test_debts_hold_their_weights_by_value(base: Scenario, seed: int) -> None:
    """To a thousandth of the total, however few accounts owe most of it."""
    owed = describe(draw(base, seed), base, start_prices(base))["debt_usd"]
    weights = base.book.debt_weights
    for symbol, weight in weights.items():
        share = weight / sum(weights.values())
        assert owed[symbol] / base.book.total_debt_usd == pytest.approx(share, abs=1e-3)


def test_collateral_leans_to_its_weights(large: Scenario) -> None:
    """Not exactly: two assets of one account differ, and some account can hold only the rest."""
    held = describe(draw(large), large, start_prices(large))["collateral_usd"]
    weights = large.book.collateral_weights
    by_weight = sorted(weights, key=weights.__getitem__)
    assert sorted(held, key=held.__getitem__) == by_weight


def test_assets_without_weight_are_absent(base: Scenario) -> None:
    only = with_overrides(
        base,
        {
            "book.debt_weights": {"WETH": 0, "WBTC": 0, "USDC": 0, "DAI": 1},
            "book.collateral_weights": {"WETH": 1, "WBTC": 1, "USDC": 0, "DAI": 0},
        },
    )
    book = draw(only)
    assert (book.debt > 0).any(axis=0).tolist() == [False, False, False, True]
    assert (book.collateral > 0).any(axis=0).tolist() == [True, True, False, False]


def test_health_has_the_quantiles_asked_for(large: Scenario) -> None:
    """Within 5 standard errors, above the health at which an account at its limit starts."""
    health = np.array(health_factors(large, draw(large))) / WAD
    lowest = max(1.001 * r.lt_bps / r.ltv_bps for r in large.protocol.reserves.values())
    checked = 0
    for probability, quantile in large.book.health_quantiles[:-1]:
        if quantile > lowest:
            error = math.sqrt(probability * (1 - probability) / len(health))
            assert abs((health <= quantile).mean() - probability) < 5 * error
            checked += 1
    assert checked >= 5
    assert health.max() <= large.book.health_quantiles[-1][1]


def test_health_between_quantiles_is_log_linear(large: Scenario) -> None:
    two_points = with_overrides(large, {"book.health_quantiles": [[0, 2.0], [1, 8.0]]})
    health = np.array(health_factors(two_points, draw(two_points))) / WAD
    assert np.median(health) == pytest.approx(4, rel=0.02)


def test_debts_are_as_unequal_as_measured_books(large: Scenario) -> None:
    """Compound v2, 4,793 accounts: Gini .985, top 1 / 10 / 100 with 13.5 / 50.4 / 92.1%.

    A Pareto sample has no dust, so its body is fatter and its Gini coefficient lower.
    """
    measured = {"book.accounts": 4_793, "book.total_debt_usd": 5.5e8, "book.debt_tail_index": 0.61}
    alike = with_overrides(large, measured)
    found = [describe(draw(alike, seed), alike, start_prices(alike)) for seed in range(5)]
    for figures in found:
        assert 0.92 < figures["gini"] < 0.99
        assert 0.05 < figures["top_1_debt_share"] <= 0.1350001
        assert 0.40 < figures["top_10_debt_share"] < 0.85
        assert 0.80 < figures["top_100_debt_share"] < 0.97


def test_the_tail_index_sets_the_inequality(large: Scenario) -> None:
    """A Pareto distribution with index a > 1 has Gini coefficient 1 / (2a - 1)."""
    for index in (2.0, 3.0):
        thin = with_overrides(large, {"book.debt_tail_index": index})
        figures = describe(draw(thin), thin, start_prices(thin))
        assert figures["gini"] == pytest.approx(1 / (2 * index - 1), rel=0.1)


def test_same_seed_same_book(base: Scenario) -> None:
    first, second, other = draw(base, 7), draw(base, 7), draw(base, 8)
    for one, same, different in zip(first[:3], second[:3], other[:3], strict=True):
        assert one.tolist() == same.tolist() != different.tolist()


def test_only_the_given_generator_is_used(base: Scenario) -> None:
    np.random.seed(1)
    state = np.random.get_state()[1].tolist()
    rng = np.random.default_rng(1)
    synthetic(base, start_prices(base), rng)
    assert np.random.get_state()[1].tolist() == state
    untouched = np.random.default_rng(1)
    untouched.random((base.book.accounts, 7))
    assert rng.random() == untouched.random(), "one row of seven draws per account"


def test_the_first_accounts_of_a_longer_book_have_the_same_character(base: Scenario) -> None:
    longer = with_overrides(base, {"book.accounts": 2 * base.book.accounts})
    n = base.book.accounts
    assert draw(longer).isolated[:n].tolist() == draw(base).isolated.tolist()


def test_smallest_and_most_crowded_books(base: Scenario) -> None:
    one = with_overrides(
        base,
        {"book.accounts": 1, "book.max_account_share": 1.0, "book.total_debt_usd": 2_500},
    )
    figures = describe(draw(one), one, start_prices(one))
    assert figures["accounts"] == 1 and figures["gini"] == 0
    assert figures["top_1_debt_share"] == figures["top_100_debt_share"] == 1
    assert figures["total_debt_usd"] == pytest.approx(2_500, abs=0.001)

    # Floors or caps alone make up the total: everyone owes the same.
    for equal in (
        {"book.accounts": 16, "book.total_debt_usd": 40_000},
        {"book.accounts": 8, "book.max_account_share": 0.125},
    ):
        same = with_overrides(base, equal)
        debts = [sum(debts) for _, debts in values(same, draw(same))]
        assert max(debts) == pytest.approx(min(debts), rel=1e-6)


def test_amounts_that_do_not_fit_the_contracts(base: Scenario) -> None:
    worthless = with_overrides(
        base, {"assets.DAI.price_usd": 1e-8, "book.total_debt_usd": 1e12, "book.accounts": 50}
    )
    with pytest.raises(ValueError, match=r"2\^112"):
        draw(worthless)


def test_description_of_a_book_by_hand(base: Scenario) -> None:
    """Two accounts: 2 WETH at 200 against 100 DAI, and 0.1 WBTC at 8,000 against 300 USDC."""
    simple = with_overrides(
        base,
        {
            "protocol.reserves.WETH.lt_bps": 8_000,
            "protocol.reserves.WBTC.lt_bps": 6_000,
            "protocol.reserves.WBTC.ltv_bps": 6_000,
        },
    )
    book = Book(
        collateral=np.array([[2 * 10**18, 0, 0, 0], [0, 10**7, 0, 0]], dtype=object),
        debt=np.array([[0, 0, 0, 100 * 10**18], [0, 0, 300 * 10**6, 0]], dtype=object),
        isolated=np.array([True, False]),
    )
    figures = describe(book, simple, [200 * 10**8, 8_000 * 10**8, 10**8, 10**8])
    quantiles = figures.pop("health_quantiles")
    assert figures.pop("sound_health_quantiles") == quantiles
    assert figures == {
        "accounts": 2,
        "isolated_accounts": 1,
        "debt_usd": {"WETH": 0, "WBTC": 0, "USDC": 300, "DAI": 100},
        "collateral_usd": {"WETH": 400, "WBTC": 800, "USDC": 0, "DAI": 0},
        "total_debt_usd": 400,
        "total_collateral_usd": 1_200,
        "top_1_debt_share": 0.75,
        "top_10_debt_share": 1,
        "top_100_debt_share": 1,
        "gini": 0.25,
        "under_water_accounts": 0,
        "under_water_usd": 0,
        "liquidatable_accounts": 0,
        "liquidatable_debt_usd": 0,
    }
    # 400 x 0.8 / 100 = 3.2 and 800 x 0.6 / 300 = 1.6
    assert quantiles[0] == pytest.approx(1.6)
    assert quantiles[50] == pytest.approx(2.4)
    assert quantiles[100] == pytest.approx(3.2)


def test_under_water_is_what_is_owed_beyond_the_collateral(base: Scenario) -> None:
    """By 40 of 240 USD against one WETH at 200, by 5 against nothing; not what backs no debt."""
    book = Book(
        collateral=np.array([[10**18, 0, 0, 0], [0, 0, 0, 0], [10**18, 0, 0, 0]], dtype=object),
        debt=np.array([[0, 0, 0, 240 * 10**18], [0, 0, 5 * 10**6, 0], [0] * 4], dtype=object),
        isolated=np.zeros(3, dtype=bool),
        unpledged=np.array([[0, 10**8, 0, 0], [0] * 4, [0] * 4], dtype=object),
    )
    figures = describe(book, base, [200 * 10**8, 8_000 * 10**8, 10**8, 10**8])
    assert figures["under_water_accounts"] == 2
    assert figures["under_water_usd"] == pytest.approx(45)


@pytest.mark.parametrize(("more", "below"), [(0, 0), (1, 1)])
def test_a_health_of_one_is_not_liquidatable(base: Scenario, more: int, below: int) -> None:
    """2 WETH at 200, of which 80% count, against 320 DAI; and one unit of a value more."""
    scenario = with_overrides(base, {"protocol.reserves.WETH.lt_bps": 8_000})
    book = Book(
        collateral=np.array([[2 * 10**18, 0, 0, 0]], dtype=object),
        debt=np.array([[0, 0, 0, 320 * 10**18 + more]], dtype=object),
        isolated=np.array([False]),
    )
    figures = describe(book, scenario, [200 * 10**8, 8_000 * 10**8, 10**8, 10**8])
    assert figures["liquidatable_accounts"] == below


def test_gini_of_known_distributions() -> None:
    assert gini([5, 5, 5, 5]) == 0
    assert gini([0, 0, 0, 8]) == pytest.approx(0.75)
    assert gini(np.arange(100_001)) == pytest.approx(1 / 3, abs=1e-4)
