"""Vault.writeOff and what a liquidation leaves behind: no debt without collateral."""

import pytest

from tests.contracts.support import MAX_UINT, VIRTUAL_SHARES, WAD, ZERO_ADDRESS, reverts


@pytest.fixture
def worthless(vault, weth, usdc, open_position, set_price):
    """1 weth at $9, below the dust line of $10, owes 1,000 usdc."""
    account = open_position({weth: WAD}, {usdc: 1_000 * 10**6})
    set_price(weth, 9)
    return account


def test_write_off__collateral_is_dust__turns_debt_into_deficit(
    vault, hub, usdc, worthless, stranger
):
    """Anyone may; the loss is booked to the vault that drew it and stops bearing interest."""
    before = hub.totalAssets(usdc)
    tx = vault.writeOff(worthless, sender=stranger)
    assert vault.WrittenOff(worthless, usdc, 10**9, 10**9) in tx.events
    assert hub.DeficitReported(usdc, vault, 10**9, 10**9) in tx.events
    asset = hub.getAsset(usdc)
    assert (asset.scaledDebt, asset.deficit, asset.deficitSince) == (0, 10**9, tx.timestamp)
    assert hub.totalAssets(usdc) == before - 10**9
    assert vault.accountOf(worthless).debtBits == 0


def test_write_off__several_debts__all_go(
    vault, hub, weth, usdc, wbtc, open_position, set_price, stranger
):
    """Every debt asset of the account is reported, each to its own deficit."""
    account = open_position({weth: WAD}, {usdc: 500 * 10**6, wbtc: 10**6})
    set_price(weth, 9)
    vault.flag(account, sender=stranger)
    vault.writeOff(account, sender=stranger)
    assert hub.getAsset(usdc).deficit == 500 * 10**6
    assert hub.getAsset(wbtc).deficit == 10**6
    a = vault.accountOf(account)
    assert (a.debtBits, a.flaggedAt) == (0, 0)


def test_write_off__collateral_remains__is_refused(vault, weth, worthless, set_price, stranger):
    """At the dust line itself a liquidator may still come."""
    set_price(weth, 10)
    with reverts(vault.CollateralRemains):
        vault.writeOff(worthless, sender=stranger)


def test_write_off__healthy__is_refused(vault, weth, usdc, open_position, stranger):
    """Small is not unhealthy: $20 of collateral carry $10 of debt."""
    account = open_position({weth: WAD // 100}, {usdc: 10**7})
    with reverts(vault.AccountHealthy):
        vault.writeOff(account, sender=stranger)
    with reverts(vault.AccountHealthy):
        vault.writeOff(0, sender=stranger)


@pytest.mark.parametrize(("price", "solvent"), [(90, True), (89.99, False)])
def test_write_off__small_but_solvent__is_refused(
    make_vault, hub, weth, usdc, borrower, open_position, set_price, stranger, price, solvent
):
    """.1 weth at $90 covers a debt of 9 usdc: nobody may take it. Below that he who lent loses."""
    vault = make_vault()
    account = open_position({weth: WAD // 10}, {usdc: 10**7}, on=vault)
    vault.repay(account, usdc, 10**6, sender=borrower)
    set_price(weth, price)
    assert vault.health(account).factor < WAD
    if solvent:
        with reverts(vault.CollateralRemains):
            vault.writeOff(account, sender=stranger)
        assert vault.suppliedAssets(account, weth) == WAD // 10
    else:
        vault.writeOff(account, sender=stranger)
        assert hub.getAsset(usdc).deficit == 9 * 10**6


def test_liquidate__rest_below_the_dust_line__writes_off_the_rest(
    vault, hub, weth, usdc, wbtc, open_position, liquidate, set_price, wait_long
):
    """$9 of wbtc remain: they are forfeited, and the rest of the debt with them (invariant 20)."""
    account = open_position({weth: WAD, wbtc: 22_500}, {usdc: 1_200 * 10**6})
    set_price(weth, 1_000)
    wait_long(account)
    liquidate(account)
    assert vault.suppliedAssets(account, weth) == 0
    h = vault.health(account)
    assert (h.collateralValue, h.debtValue, h.factor) == (0, 0, MAX_UINT)
    assert hub.getAsset(wbtc).feeShares == 22_500 * VIRTUAL_SHARES
    assert hub.getAsset(usdc).deficit == 1_200 * 10**6 - -(-1_000 * 10**6 * 100 // 105)


# --- what a write-off is worth to the borrower ----------------------------------------------------


@pytest.fixture
def dust_line(close_factor, admin):
    """dust_line(vault, usd): moves it, when there are accounts that owe less."""

    def dust_line(vault, usd):
        policy = (close_factor, 0, 0, usd * 10**8, 0, ZERO_ADDRESS)
        vault.setPolicy(policy, sender=admin)

    return dust_line


@pytest.fixture
def wealth(weth, usdc, borrower):
    """wealth(price): the borrower's tokens in dollars."""

    def wealth(price):
        return usdc.balanceOf(borrower) * 10**2 + weth.balanceOf(borrower) * price * 10**8 // WAD

    return wealth


@pytest.mark.parametrize("lent", [True, False], ids=["lent", "escrow"])
def test_write_off__what_is_left__goes_to_the_protocol(
    make_vault, hub, weth, usdc, wbtc, borrower, stranger, open_position, set_price, lent
):
    """Collateral is forfeited as fees, lent or escrowed; a supply that backed nothing stays."""
    vault = make_vault(rehypothecate=lent)
    account = open_position({weth: WAD, wbtc: 10**6}, {usdc: 1_000 * 10**6}, on=vault)
    vault.setCollateral(account, wbtc, False, sender=borrower)
    set_price(weth, 9)
    tx = vault.writeOff(account, sender=stranger)
    shares = WAD * VIRTUAL_SHARES
    assert vault.Forfeited(account, weth, shares if lent else WAD) in tx.events
    a, s = hub.getAsset(weth), hub.getSpoke(weth, vault)
    assert (a.feeShares, a.escrow, s.addedShares, s.escrowed) == (shares, 0, 0, 0)
    assert vault.suppliedAssets(account, weth) == 0
    assert vault.suppliedAssets(account, wbtc) == 10**6


def test_write_off__by_the_borrowers_friend__does_not_pay(
    make_vault, dust_line, hub, weth, usdc, borrower, stranger, open_position, set_price, wealth
):
    """675 borrowed against $900 are not forgiven for the $841.50 left after a fall of 6.5%. At
    $1,499 they are, for the $674.55 behind them: he is up by as much as if he had just left.
    """
    vault = make_vault()
    start = wealth(1_499)
    account = open_position({weth: 45 * WAD // 100}, {usdc: 675 * 10**6}, on=vault)
    dust_line(vault, 1_000)
    set_price(weth, 1_870)
    with reverts(vault.CollateralRemains):
        vault.writeOff(account, sender=stranger)
    set_price(weth, 1_499)
    vault.writeOff(account, sender=stranger)
    with reverts(hub.ZeroAmount):
        vault.withdraw(account, weth, MAX_UINT, borrower, sender=borrower)
    assert wealth(1_499) - start == 675 * 10**8 - 67_455 * 10**6


def test_liquidate__of_a_crumb__does_not_pay_the_borrower(
    make_vault,
    dust_line,
    hub,
    weth,
    usdc,
    wbtc,
    borrower,
    open_position,
    set_price,
    liquidate,
    wealth,
):
    """Having $0.40 of wbtc seized ends neither the debt of 675 nor the weth behind it."""
    vault = make_vault()
    start = wealth(1_870)
    account = open_position({weth: 45 * WAD // 100, wbtc: 1_000}, {usdc: 675 * 10**6}, on=vault)
    dust_line(vault, 1_000)
    set_price(weth, 1_870)
    liquidate(account, repay=10**6, collateral=wbtc, on=vault)
    assert (vault.accountOf(account).collateralBits, hub.getAsset(usdc).deficit) == (0b001, 0)
    assert vault.suppliedAssets(account, weth) == 45 * WAD // 100
    paid = 675 * 10**6 - vault.debtAssets(account, usdc)
    assert 38 * 10**4 <= paid < 40 * 10**4
    h = vault.health(account)
    assert wealth(1_870) + h.collateralValue - h.debtValue <= start + 40 * 10**6


def test_liquidate__account_healthy_again__keeps_its_other_debt(
    make_vault, dust_line, hub, weth, usdc, wbtc, open_position, set_price, liquidate
):
    """With 280 of usdc repaid, $552 of weth carry $400 of wbtc at a health of 1.1."""
    vault = make_vault()
    debts = {usdc: 280 * 10**6, wbtc: 10**6}
    account = open_position({weth: 46 * WAD // 100}, debts, on=vault)
    dust_line(vault, 1_000)
    set_price(weth, 1_840)
    liquidate(account, on=vault)
    assert vault.debtAssets(account, usdc) == 0
    assert vault.debtAssets(account, wbtc) == 10**6
    assert hub.getAsset(wbtc).deficit == 0
