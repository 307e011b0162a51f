"""The three engines' quotes, asked directly."""

import pytest

from tests.contracts.support import BPS, HOUR, MAX_UINT, USD, WAD, half, reverts, up


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
        "priceCollateral": 1_800 * USD,
        "unitCollateral": WAD,
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


def heals(c) -> int:
    """up(D (1 - HF) / (1 - (1 + b) lt)), and what roundings may take."""
    gap = WAD - (BPS + c["maxBonusBps"]) * c["ltBps"] * 10**10
    rounded = up(3, c["priceDebt"], c["unitDebt"]) + 2
    rounded += up(1, c["priceCollateral"], c["unitCollateral"])
    return up(c["totalDebtValue"], WAD - c["healthFactor"], gap) + up(rounded, WAD, gap)


def allowed(c) -> int:
    """What heals and half of the rest, in units, up."""
    value = heals(c) + half(c["totalDebtValue"] - heals(c), 5_000, BPS)
    return up(value, c["unitDebt"], c["priceDebt"])


SMALL = 2_000 * USD + heals(context())
"""A pair of which no more than $2,000 are left once the account is healed."""
SMALL_COLLATERAL = 2_000 * USD + up(heals(context()), 10_500, BPS)


@pytest.mark.parametrize(
    ("changes", "whole"),
    [
        ({}, False),
        ({"healthFactor": 95 * WAD // 100 + 1}, False),
        ({"healthFactor": 95 * WAD // 100}, True),
        ({"pairDebtValue": SMALL}, False),
        ({"pairDebtValue": SMALL - 1}, True),
        ({"pairCollateralValue": SMALL_COLLATERAL}, False),
        ({"pairCollateralValue": SMALL_COLLATERAL - 1}, True),
        ({"pairDebt": 8_000 * 10**6, "pairDebtValue": 8_000 * USD}, True),
        ({"totalDebtValue": 14_760 * USD + 1}, False),
        ({"priceDebt": 3 * USD, "unitDebt": WAD, "pairDebt": 5_000 * WAD}, False),
    ],
    ids=str,
)
def test_close_factor__quote__is_what_heals_and_half_of_the_rest(close_factor, changes, whole):
    """$2,250 and half of $12,510; or the whole pair at .95, where it is small, within that."""
    c = context(**changes)
    assert 8_505 * USD <= allowed(context()) * 100 < 8_505 * USD + 2_000
    assert quote(close_factor, **changes) == (c["pairDebt"] if whole else allowed(c), 500)


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
    """up(D (T - HF) / (T - (1 + b) lt)), turned into units, up; and what roundings may take: three
    units of the debt, one of the collateral, 300 and 1, and 2 of value.
    """
    repay, bonus = quote(target_health, healthFactor=health)
    gap = WAD - (BPS + bonus) * 8_000 * 10**10
    value = up(14_760 * USD, WAD - health, gap) + up(303, WAD, gap)
    assert repay == up(value, 10**6, USD)


@pytest.mark.parametrize(
    ("percent", "whole"),
    [(99.85, False), (98, False), (97.3, False), (97.1, True), (96.72, True), (96, True)],
)
def test_close_factor__where_little_would_be_left__is_all(close_factor, percent, whole):
    """At a threshold of 93% and a bonus of 4% .9672 of what is repaid come out: D (1 - HF) / .0328
    heals, $12,150 at .973, all of it where repaying lowers health.
    """
    changes = {"healthFactor": round(percent * 100) * WAD // 10_000, "ltBps": 9_300}
    c = context(**changes, maxBonusBps=400)
    found = quote(close_factor, **changes, maxBonusBps=400)
    assert found == (c["pairDebt"] if whole else allowed(c), 400)


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


@pytest.mark.parametrize("health", [0, WAD])
def test_close_factor__deployed_out_of_bounds__is_refused(project, admin, close_factor, health):
    """0 < health of a full close < 1."""
    with reverts(close_factor.InvalidHealth):
        admin.deploy(project.CloseFactor, health)


@pytest.mark.parametrize(
    ("seconds", "bonus"), [(0, 200), (11, 200), (12, 201), (1_800, 350), (3_599, 499), (3_600, 500)]
)
def test_dutch_bonus__quote__grows_with_time(dutch_bonus, seconds, bonus):
    """From least to largest in an hour, down; any size."""
    assert quote(dutch_bonus, secondsFlagged=seconds) == (14_760 * 10**6, bonus)
    assert quote(dutch_bonus, secondsFlagged=seconds + 10**7)[1] == 500


@pytest.mark.parametrize("duration", [0, 5 * HOUR + 1])
def test_dutch_bonus__deployed_out_of_bounds__is_refused(project, admin, dutch_bonus, duration):
    """An auction of no time divides by zero; one that outlasts the flag never ends."""
    with reverts(dutch_bonus.InvalidDuration):
        admin.deploy(project.DutchBonus, duration)
    assert admin.deploy(project.DutchBonus, 5 * HOUR).duration() == dutch_bonus.MAX_DURATION()


def test_engines__that_allow_more_as_health_falls__bind_thresholds(
    close_factor, dutch_bonus, target_health
):
    """hfForMaxBonus is the no-split rule's bound, and only where splitting could pay."""
    assert dutch_bonus.hfForMaxBonus() == MAX_UINT
    assert close_factor.hfForMaxBonus() == close_factor.fullCloseHealth() == 95 * WAD // 100
    assert target_health.hfForMaxBonus() == 9 * WAD // 10
