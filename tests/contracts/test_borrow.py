"""Vault.borrow: lends up to the borrow limit and books the debt up."""

from tests.contracts.support import WAD, account_id, reverts


def test_borrow__up_to_the_limit__books_the_debt(
    vault, hub, weth, usdc, borrower, stranger, open_position
):
    """10 weth at $2,000 and 75% carry 15,000 usdc, not a unit more."""
    account, before = open_position({weth: 10 * WAD}, {}), usdc.balanceOf(stranger)
    with reverts(vault.BorrowLimitExceeded):
        vault.borrow(account, usdc, 15_000 * 10**6 + 1, borrower, sender=borrower)
    tx = vault.borrow(account, usdc, 15_000 * 10**6, stranger, sender=borrower)
    assert vault.Borrowed(account, usdc, stranger, 15_000 * 10**6, 15_000 * 10**6) in tx.events
    assert usdc.balanceOf(stranger) == before + 15_000 * 10**6
    assert vault.debtAssets(account, usdc) == 15_000 * 10**6
    assert vault.accountOf(account).debtBits == 0b010
    assert hub.getSpoke(usdc, vault).drawnScaled == vault.positionOf(account, usdc).scaledDebt
    h = vault.health(account)
    assert (h.collateralValue, h.debtValue) == (20_000 * 10**8, 15_000 * 10**8)
    assert h.factor == 16 * WAD // 15


def test_borrow__several_assets_each_side__limits_add_up(
    vault, weth, usdc, wbtc, borrower, open_position
):
    """.75 x ($20,000 + $40,000) = $45,000 = 22.5 weth at $2,000, whichever asset it is."""
    account = open_position({weth: 10 * WAD, wbtc: 10**8}, {usdc: 25_000 * 10**6})
    vault.borrow(account, weth, 10 * WAD, borrower, sender=borrower)
    with reverts(vault.BorrowLimitExceeded):
        vault.borrow(account, usdc, 1, borrower, sender=borrower)
    h = vault.health(account)
    assert h.weightedLimit == h.debtValue * 10**4 == 45_000 * 10**12


def test_borrow__five_loops__reach_the_published_leverage(vault, usdc, borrower, set_reserve):
    """(1 - .805^6) / (1 - .805) = 3.732670328128125 (vector leverage_loop), here to the unit."""
    set_reserve(usdc, ltvBps=8_050, ltBps=8_300)
    account, amount = account_id(borrower), 10**15
    vault.supply(account, usdc, amount, sender=borrower)
    for _ in range(5):
        amount = amount * 805 // 1_000
        vault.borrow(account, usdc, amount, borrower, sender=borrower)
        vault.supply(account, usdc, amount, sender=borrower)
    assert vault.suppliedAssets(account, usdc) == 3_732_670_328_128_125


def test_borrow__reserve_not_for_borrowing__is_refused(
    vault, weth, usdc, borrower, open_position, set_reserve
):
    """Existing debts stay; new ones are refused."""
    account = open_position({weth: WAD}, {usdc: 10**7})
    set_reserve(usdc, borrowEnabled=False)
    with reverts(vault.BorrowDisabled):
        vault.borrow(account, usdc, 10**6, borrower, sender=borrower)
    vault.repay(account, usdc, 10**6, sender=borrower)


def test_borrow__cap_of_the_vault__holds_to_the_unit(
    vault, weth, usdc, borrower, open_position, set_reserve
):
    """The cap bounds the debt of all accounts together."""
    set_reserve(usdc, borrowCap=1_000 * 10**6)
    open_position({weth: WAD}, {usdc: 400 * 10**6})
    other = open_position({weth: WAD}, {}, sub=1)
    with reverts(vault.BorrowCapExceeded):
        vault.borrow(other, usdc, 600 * 10**6 + 1, borrower, sender=borrower)
    vault.borrow(other, usdc, 600 * 10**6, borrower, sender=borrower)


def test_borrow__draw_cap_of_the_hub__holds_to_the_unit(
    vault, hub, weth, usdc, admin, borrower, open_position
):
    """The firewall binds whatever the vault's own configuration says."""
    account = open_position({weth: 10 * WAD}, {})
    hub.setSpoke(usdc, vault, 0, 1_000 * 10**6, True, False, sender=admin)
    with reverts(hub.DrawCapExceeded):
        vault.borrow(account, usdc, 1_000 * 10**6 + 1, borrower, sender=borrower)
    vault.borrow(account, usdc, 1_000 * 10**6, borrower, sender=borrower)


def test_borrow__more_than_the_cash__is_refused(vault, hub, weth, usdc, borrower, open_position):
    """Collateral alone is not enough: the tokens must be there."""
    account = open_position({weth: 10**5 * WAD}, {})
    cash = hub.getAsset(usdc).cash
    with reverts(hub.InsufficientCash):
        vault.borrow(account, usdc, cash + 1, borrower, sender=borrower)
    vault.borrow(account, usdc, cash, borrower, sender=borrower)


def test_borrow__nothing__is_refused(vault, hub, weth, usdc, borrower, open_position):
    """A zero leg never moves."""
    account = open_position({weth: WAD}, {})
    with reverts(hub.ZeroAmount):
        vault.borrow(account, usdc, 0, borrower, sender=borrower)


def test_borrow__spoke_inactive_or_halted__is_refused(
    vault, hub, weth, usdc, admin, borrower, open_position
):
    """Either switch of the hub stops new debt."""
    account = open_position({weth: WAD}, {})
    for halted, error in ((False, hub.SpokeNotActive), (True, hub.SpokeHalted)):
        hub.setSpoke(usdc, vault, 0, 10**18, halted, halted, sender=admin)
        with reverts(error):
            vault.borrow(account, usdc, 1, borrower, sender=borrower)


def test_borrow__by_anyone_else__is_refused(vault, weth, usdc, borrower, stranger, open_position):
    """A stranger can neither draw on an account nor name himself the receiver."""
    account = open_position({weth: WAD}, {})
    with reverts(vault.NotAuthorised):
        vault.borrow(account, usdc, 1, stranger, sender=stranger)


def test_borrow__asset_not_listed__is_refused(vault, asset, borrower):
    """An unknown asset is named in the error."""
    with reverts(vault.ReserveNotListed, asset=asset):
        vault.borrow(account_id(borrower), asset, 1, borrower, sender=borrower)


def test_borrow__against_supply_that_is_not_collateral__is_refused(
    vault, weth, usdc, borrower, open_position
):
    """Only assets switched on as collateral carry debt."""
    account = open_position({weth: WAD}, {})
    vault.setCollateral(account, weth, False, sender=borrower)
    with reverts(vault.BorrowLimitExceeded):
        vault.borrow(account, usdc, 1, borrower, sender=borrower)
