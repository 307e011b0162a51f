"""The three engines' quotes, asked directly."""

import pytest

from tests.contracts.support import BPS, MAX_UINT, USD, WAD, YEAR, down, half, reverts, up


def context(**changes) -> dict:
    """14,760 usdc owed against $18,000 of weth at a health of .9756."""
    c = {
        "healthFactor": 975_609_756_097_560_975,
        "pairDebt": 14_760 * 10**6,
        "pairDebtValue": 14_760 * USD,
        "pairCollateralValue": 18_000 * USD,
        "totalDebtValue": 14_760 * USD,
        "priceDebt": USD,
        "unitDebt": 10**6,
        "ltBps": 8_000,
        "minBonusBps": 200,
        "maxBonusBps": 500,
        "secondsFlagged": 0,
    }
    assert changes.keys() <= c.keys(), changes
    return c | changes


def quote(engine, **changes):
    answer = engine.quote(context(**changes))
    return answer.maxRepay, answer.bonusBps


@pytest.mark.parametrize(
    ("changes", "repay"),
    [
        ({}, 7_380 * 10**6),
        ({"healthFactor": 95 * WAD // 100 + 1}, 7_380 * 10**6),
        ({"healthFactor": 95 * WAD // 100}, 14_760 * 10**6),
        ({"pairDebtValue": 2_000 * USD, "totalDebtValue": 3_000 * USD}, 1_500 * 10**6),
        ({"pairDebtValue": 2_000 * USD - 1, "totalDebtValue": 3_000 * USD}, 14_760 * 10**6),
        ({"pairCollateralValue": 2_000 * USD}, 7_380 * 10**6),
        ({"pairCollateralValue": 2_000 * USD - 1}, 14_760 * 10**6),
        ({"pairDebtValue": 7_380 * USD}, 14_760 * 10**6),
        ({"pairDebtValue": 7_380 * USD + 1}, 7_380 * 10**6),
        ({"totalDebtValue": 14_760 * USD + 1}, 7_380 * 10**6),
        ({"priceDebt": 3 * USD, "unitDebt": WAD}, down(7_380 * USD, WAD, 3 * USD)),
    ],
    ids=str,
)
def test_close_factor__quote__follows_aaves_rule(close_factor, changes, repay):
    """Half of the total debt's value, or the whole pair at .95, below $2,000, within the half."""
    assert quote(close_factor, **changes) == (repay, 500)


def test_close_factor__half_of_an_odd_total__rounds_half_up(close_factor):
    """half(totalDebtValue, 5000, BPS): the odd hundred-millionth goes to the liquidator."""
    total = 14_760 * USD + 1
    repay = half(total, 5_000, BPS) * WAD // USD
    assert quote(close_factor, totalDebtValue=total, unitDebt=WAD)[0] == repay


@pytest.mark.parametrize(
    ("health", "bonus"),
    [
        (WAD - 1, 200),
        (99 * WAD // 100, 230),
        (95 * WAD // 100, 350),
        (9 * WAD // 10 + 1, 499),
        (9 * WAD // 10, 500),
        (WAD // 2, 500),
        (0, 500),
    ],
)
def test_target_health__bonus__is_linear_in_the_fall(target_health, health, bonus):
    """2% at a health of 1, 5% at .9 and below, down between."""
    assert quote(target_health, healthFactor=health)[1] == bonus


@pytest.mark.parametrize("health", [WAD - 1, 99 * WAD // 100, 96 * WAD // 100])
def test_target_health__repay__is_what_restores_the_target(target_health, health):
    """up(D (T - HF) / (T - (1 + b) lt)), turned into units, up."""
    repay, bonus = quote(target_health, healthFactor=health)
    value = up(14_760 * USD, WAD - health, WAD - (BPS + bonus) * 8_000 * 10**10)
    assert repay == up(value, 10**6, USD)


@pytest.mark.parametrize(
    "changes",
    [
        {"pairDebtValue": 3_000 * USD, "pairDebt": 3_000 * 10**6},
        {"pairCollateralValue": 3_000 * USD},
    ],
    ids=["debt", "collateral"],
)
def test_target_health__rest_would_be_dust__quotes_the_whole_pair(target_health, changes):
    """Less than $1,000 of either leg is not left: about 2,180 of 3,000 would leave 820."""
    c = context(**changes)
    assert quote(target_health, **changes)[0] == c["pairDebt"]


def test_target_health__of_one_of_many_debts__never_exceeds_the_pair(target_health):
    """Rounding the value up must not quote more than is owed."""
    changes = {"pairDebt": 5 * 10**9, "pairDebtValue": 5_000 * USD, "totalDebtValue": 10**5 * USD}
    assert quote(target_health, **changes)[0] == 5 * 10**9


@pytest.mark.parametrize(
    "args", [(WAD - 1, WAD // 2), (2 * WAD + 1, WAD // 2), (WAD, 0), (WAD, WAD)]
)
def test_target_health__deployed_out_of_bounds__is_refused(project, admin, target_health, args):
    """1 <= target <= 2, 0 < health of the largest bonus < 1."""
    with reverts(target_health.InvalidHealth):
        admin.deploy(project.TargetHealth, *args)


@pytest.mark.parametrize(
    ("seconds", "bonus"), [(0, 200), (11, 200), (12, 201), (1_800, 350), (3_599, 499), (3_600, 500)]
)
def test_dutch_bonus__quote__grows_with_time(dutch_bonus, seconds, bonus):
    """From least to largest in an hour, down; any size."""
    assert quote(dutch_bonus, secondsFlagged=seconds) == (14_760 * 10**6, bonus)
    assert quote(dutch_bonus, secondsFlagged=seconds + 10**7)[1] == 500


@pytest.mark.parametrize("duration", [0, YEAR + 1])
def test_dutch_bonus__deployed_out_of_bounds__is_refused(project, admin, dutch_bonus, duration):
    """An auction of no time divides by zero; one of years never ends."""
    with reverts(dutch_bonus.InvalidDuration):
        admin.deploy(project.DutchBonus, duration)


def test_engines__bonus_that_does_not_grow_with_the_fall__binds_no_threshold(
    close_factor, dutch_bonus, target_health
):
    """hfForMaxBonus is the no-split rule's bound, and only where splitting could pay."""
    assert close_factor.hfForMaxBonus() == dutch_bonus.hfForMaxBonus() == MAX_UINT
    assert target_health.hfForMaxBonus() == 9 * WAD // 10
