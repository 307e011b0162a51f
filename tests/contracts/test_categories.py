"""Efficiency modes, as whoever integrates the vault sees them: what moves together may be borrowed
against each other further, by accounts that opt in.
"""

import pytest

from tests.contracts.support import BPS, DAY, MAX_UINT, USD, WAD, YEAR, half, reverts

WETH, USDC, WBTC = 1, 2, 4
"""Bits of the reserves, in the order of listing."""
CONFIG = {
    "ltvBps": 9_000,
    "ltBps": 9_300,
    "maxBonusBps": 200,
    "collateralBits": WETH | WBTC,
    "borrowBits": USDC,
}
"""Beside a reserve's 75%, 80% and 5%; CloseFactor lets all be repaid at .95."""


@pytest.fixture
def configure(vault, admin):
    """configure(category=1, ramp=0, **changes): the category above, changed."""

    def configure(category=1, ramp=0, on=vault, **changes):
        assert changes.keys() <= CONFIG.keys()
        return on.setCategoryConfig(category, CONFIG | changes, ramp, sender=admin)

    return configure


@pytest.mark.parametrize(
    "changes",
    [
        {"category": 0},
        {"category": 2},
        {"category": 256},
        {"ltBps": 0, "ltvBps": 0},
        {"ltvBps": 9_301},
        {"maxBonusBps": 753},
        {"ltBps": 9_500, "maxBonusBps": 1},
        {"ltBps": 7_999, "ltvBps": 7_500},
        {"collateralBits": 8},
        {"borrowBits": 8},
    ],
    ids=str,
)
def test_set_category_config__unsound__is_refused(vault, configure, changes):
    """Each is off by one: 9,300 x 10,215 is .95 of all, at which splitting would begin to pay."""
    with reverts(vault.InvalidCategory, category=changes.get("category", 1)):
        configure(**changes)
    configure(maxBonusBps=215)
    configure(category=2, ltBps=8_000, ltvBps=8_000)
    seen = vault.categoryAt(1)
    assert (seen.config.ltBps, seen.ltFromBps, seen.rampEnd) == (9_300, 9_300, 0)
    assert vault.categoryAt(3).config.ltBps == 0


def test_set_category_config__only_the_admin(vault, stranger, admin):
    """Who may change reserves may not: of accounts it decides as much as listing one."""
    vault.grantRole(vault.PARAMETER_ROLE(), stranger, sender=admin)
    with reverts(vault.AccessControlUnauthorizedAccount):
        vault.setCategoryConfig(1, CONFIG, 0, sender=stranger)


def test_set_category_config__nobodys_collateral_counts_for_less_at_once(
    vault, configure, weth, set_reserve, chain
):
    """What is collateral stays it, what joins counts for no less, and a threshold ramps."""
    configure(collateralBits=WETH)
    with reverts(vault.InvalidCategory):
        configure(collateralBits=WBTC)
    lower = {"ltBps": 8_300, "ltvBps": 8_000, "collateralBits": WETH}
    for seconds in (10 * DAY - 1, YEAR + 1):
        with reverts(vault.InvalidCategory):
            configure(ramp=seconds, **lower)
    start = configure(ramp=10 * DAY, **lower).timestamp
    seen = vault.categoryAt(1)
    assert (seen.ltFromBps, seen.rampStart, seen.rampEnd) == (9_300, start, start + 10 * DAY)
    set_reserve(weth, ltBps=8_400)  # above what it will be, which a reserve may
    with reverts(vault.InvalidCategory):  # but nothing joins that counts for more without it
        configure(category=2, ltBps=8_399, ltvBps=8_000)
    configure(category=2, ltBps=8_400, ltvBps=8_000)


def test_set_policy__an_engine_that_a_category_does_not_suit__is_refused(
    vault, configure, deployed, admin, project, set_reserve, tokens
):
    """The category needs .9486; every reserve is content with .84."""
    configure()
    policy = list(vault.policy())
    policy[0] = admin.deploy(project.CloseFactor, 94 * 10**16)
    with reverts(vault.InvalidCategory, category=1):
        vault.setPolicy(policy, sender=admin)
    policy[0] = admin.deploy(project.CloseFactor, 949 * 10**15)
    vault.setPolicy(policy, sender=admin)


def test_set_category__counts_with_its_values(
    vault, configure, weth, usdc, borrower, stranger, open_position
):
    """10 weth at $2,000 owe 14,500 usdc: .8 x 20 / 14.5 becomes .93 x 20 / 14.5."""
    configure()
    account = open_position({weth: 10 * WAD}, {usdc: 14_500 * 10**6})
    with reverts(vault.BorrowLimitExceeded):
        vault.borrow(account, usdc, 600 * 10**6, borrower, sender=borrower)
    with reverts(vault.NotAuthorised):
        vault.setCategory(account, 1, sender=stranger)
    receipt = vault.setCategory(account, 1, sender=borrower)
    assert [(e.accountId, e.category) for e in receipt.events] == [(account, 1)]
    assert vault.accountOf(account).category == 1
    h = vault.health(account)
    assert h.weightedCollateral == 20_000 * USD * 9_300
    assert h.weightedLimit == 20_000 * USD * 9_000
    assert h.factor == half(h.weightedCollateral, WAD, h.debtValue) // BPS
    vault.borrow(account, usdc, 3_500 * 10**6, borrower, sender=borrower)  # 18,000: all of it
    with reverts(vault.BorrowLimitExceeded):
        vault.borrow(account, usdc, 10**6, borrower, sender=borrower)
    with reverts(vault.BorrowLimitExceeded):
        vault.setCategory(account, 0, sender=borrower)
    vault.repay(account, usdc, 3_000 * 10**6, sender=borrower)
    vault.setCategory(account, 0, sender=borrower)
    assert vault.health(account).weightedCollateral == 20_000 * USD * 8_000


def test_set_category__other_collateral_counts_with_its_own(
    vault, configure, weth, wbtc, usdc, borrower, open_position
):
    configure(collateralBits=WETH)
    account = open_position({weth: 10 * WAD, wbtc: 10**8}, {usdc: 1_000 * 10**6})
    own = vault.health(account)
    vault.setCategory(account, 1, sender=borrower)
    h = vault.health(account)
    assert h.collateralValue == own.collateralValue
    assert h.weightedCollateral - own.weightedCollateral == 20_000 * USD * (9_300 - 8_000)


def test_set_category__what_it_does_not_lend__is_not_owed_in_it(
    vault, configure, weth, usdc, wbtc, borrower, open_position
):
    configure(collateralBits=WETH)
    account = open_position({weth: 10 * WAD}, {wbtc: 10**6})
    for category in (1, 2):
        with reverts(vault.NotInCategory):
            vault.setCategory(account, category, sender=borrower)
    vault.repay(account, wbtc, MAX_UINT, sender=borrower)
    vault.setCategory(account, 1, sender=borrower)
    with reverts(vault.NotInCategory):
        vault.borrow(account, wbtc, 10**6, borrower, sender=borrower)
    vault.borrow(account, usdc, 1_000 * 10**6, borrower, sender=borrower)
    configure(collateralBits=WETH, borrowBits=WBTC)  # who owes it goes on owing it
    with reverts(vault.NotInCategory):
        vault.borrow(account, usdc, 10**6, borrower, sender=borrower)
    assert vault.debtAssets(account, usdc) == 1_000 * 10**6


def test_liquidate__in_a_category__pays_its_bonus(
    vault, configure, weth, usdc, borrower, liquidator, open_position, set_price
):
    """2% of $1,800 a weth, a tenth of it to the protocol, instead of 5%: 1.018 / 1,800 a usdc."""
    configure()
    account = open_position({weth: 10 * WAD}, {})
    vault.setCategory(account, 1, sender=borrower)
    vault.borrow(account, usdc, 17_500 * 10**6, borrower, sender=borrower)
    set_price(weth, 1_850)
    assert vault.health(account).factor == half(18_500 * USD * 9_300, WAD, 17_500 * USD) // BPS
    before = weth.balanceOf(liquidator)
    vault.liquidate(account, usdc, weth, 1_850 * 10**6, 0, False, b"", sender=liquidator)
    assert weth.balanceOf(liquidator) - before == pytest.approx(1.018 * WAD, abs=10**10)


def test_liquidate__after_a_tier__counts_flat_in_a_category(
    vault, configure, weth, usdc, borrower, open_position, set_reserve, chain
):
    """Brackets of the reserve are of accounts that are in none."""
    configure()
    tiers = dict(zip(("secondAbove", "thirdAbove"), (10_000 * USD, 15_000 * USD), strict=True))
    tiers |= {"secondLtBps": 7_000, "thirdLtBps": 5_000}
    start = set_reserve(weth, ramp=30 * DAY, tiered=True, tiers=tiers).timestamp
    account = open_position({weth: 10 * WAD}, {usdc: 5_000 * 10**6})
    chain.pending_timestamp = start + 30 * DAY
    vault.setCategory(account, 1, sender=borrower)
    assert vault.health(account).weightedCollateral == 20_000 * USD * 9_300


def test_code__called_by_itself__sets_what_nobody_reads(project, vault, stranger):
    """Whoever configures the code has configured no vault."""
    code = project.VaultParameters.at(vault.parameters())
    assert code.liquidation() == vault.liquidation()
    assert code.hub() == vault.hub() and code.oracle() == vault.oracle()
    before = vault.policy()
    code.setPolicy(before, sender=stranger)
    code.setCategoryConfig(1, CONFIG | {"collateralBits": 0, "borrowBits": 0}, 0, sender=stranger)
    assert vault.policy() == before
    assert vault.categoryAt(1).config.ltBps == 0
