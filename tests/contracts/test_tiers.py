"""Brackets of collateral and limits of concentration, as whoever integrates the vault sees them."""

import pytest

from tests.contracts.support import BPS, DAY, USD, WAD, account_id, half, reverts

TIERS = {
    "secondAbove": 10_000 * USD,
    "thirdAbove": 15_000 * USD,
    "secondLtBps": 7_000,
    "thirdLtBps": 5_000,
}
"""Beside 80% up to $10,000; the borrow limit is 75%, of 80%."""


@pytest.mark.parametrize(
    "changes",
    [
        {"secondLtBps": 8_001},
        {"thirdLtBps": 7_001},
        {"secondAbove": 0},
        {"secondAbove": 15_000 * USD + 1},
    ],
    ids=str,
)
def test_set_reserve__brackets_that_rise_or_overlap__are_refused(vault, weth, set_reserve, changes):
    with reverts(vault.InvalidReserve, asset=weth):
        set_reserve(weth, ramp=100 * DAY, tiered=True, tiers=TIERS | changes)


def test_set_reserve__brackets_of_nothing__are_refused(make_vault, weth, set_reserve):
    """The borrow limit is in proportion to the first threshold."""
    none = dict.fromkeys(("ltBps", "ltvBps", "maxBonusBps", "minBonusBps"), 0)
    tiers = TIERS | {"secondLtBps": 0, "thirdLtBps": 0}
    vault = make_vault()
    with reverts(vault.InvalidReserve, asset=weth):
        set_reserve(weth, on=vault, ramp=100 * DAY, tiered=True, tiers=tiers, **none)


def test_set_reserve__concentration_above_all__is_refused(vault, weth, set_reserve):
    set_reserve(weth, concentrationBps=BPS)
    with reverts(vault.InvalidReserve, asset=weth):
        set_reserve(weth, concentrationBps=BPS + 1)


def test_set_reserve__brackets__ramp_each_from_what_is_in_force(vault, weth, set_reserve, chain):
    """The third falls by 30%: in 30 days at least."""
    with reverts(vault.InvalidReserve, asset=weth):
        set_reserve(weth, ramp=30 * DAY - 1, tiered=True, tiers=TIERS)
    start = set_reserve(weth, ramp=30 * DAY, tiered=True, tiers=TIERS).timestamp
    chain.pending_timestamp = start + 15 * DAY
    chain.mine()
    values = 10_000 * USD, 10_000 * USD + 1, 15_000 * USD, 15_000 * USD + 1
    assert [vault.marginalThreshold(0, x) for x in values] == [8_000, 7_500, 7_500, 6_500]
    chain.pending_timestamp = start + 30 * DAY
    chain.mine()
    assert [vault.marginalThreshold(0, x) for x in values] == [8_000, 7_000, 7_000, 5_000]
    assert vault.liquidationThreshold(0) == 8_000
    seen = vault.reserveAt(0)
    assert (seen.secondFromBps, seen.thirdFromBps) == (8_000, 8_000)
    set_reserve(weth)
    assert vault.marginalThreshold(0, 10**15) == 8_000
    assert vault.reserveAt(0).secondFromBps == 0


def test_health__in_brackets__is_the_sum_of_their_parts(
    vault, weth, usdc, set_reserve, open_position, set_price, chain
):
    """$18,000 of weth: 10 x .8 + 5 x .7 + 3 x .5 = $13,000, and of that 75 / 80."""
    start = set_reserve(weth, ramp=30 * DAY, tiered=True, tiers=TIERS).timestamp
    account = open_position({weth: 10 * WAD}, {usdc: 5_000 * 10**6})
    chain.pending_timestamp = start + 30 * DAY
    set_price(weth, 1_800)
    set_price(usdc, 1)
    h = vault.health(account)
    assert h.collateralValue == 18_000 * USD
    assert h.weightedCollateral == 13_000 * USD * BPS
    assert h.weightedLimit == 13_000 * USD * BPS * 75 // 80
    assert h.factor == half(13_000 * USD * BPS, WAD, h.debtValue) // BPS


def test_supply__beyond_the_share_of_the_vault__is_refused(
    vault, weth, borrower, liquidator, supplier, admin, set_reserve
):
    """Alone an account has all of it: up to the floor of $3,600, which is 1.8 weth."""
    set_reserve(weth, concentrationBps=5_000, concentrationFloor=3_600 * USD)
    account = account_id(borrower)
    vault.supply(account, weth, 18 * WAD // 10, sender=borrower)
    with reverts(vault.ConcentrationExceeded):
        vault.supply(account, weth, 10**12, sender=borrower)
    set_reserve(weth, concentrationBps=0)
    vault.supply(account, weth, 10**12, sender=borrower)
