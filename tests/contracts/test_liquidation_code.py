"""VaultLiquidation: code that a vault runs on its own accounts, and nobody's by itself."""

import pytest

from tests.contracts.support import MAX_UINT, WAD, account_id, reverts


@pytest.fixture
def code(project, vault):
    return project.VaultLiquidation.at(vault.liquidation())


def test_code__is_for_the_hub_and_oracle_of_its_vault(code, vault, hub, oracle):
    assert code.hub() == vault.hub() == hub.address
    assert code.oracle() == vault.oracle() == oracle.address


def test_code__called_by_itself__finds_nothing_and_moves_nothing(
    code, hub, vault, weth, usdc, borrower, liquidator, unhealthy
):
    """It has no accounts, no reserves, and is no spoke of the hub."""
    account = unhealthy()
    books = [hub.getAsset(t) for t in (weth, usdc)]
    for call in (code.flag, code.writeOff, code.marginCall):
        with reverts(code.AccountHealthy):
            call(account, sender=liquidator)
    with reverts(code.NotFlagged):
        code.unflag(account, sender=liquidator)
    with reverts(code.NotCalled):
        code.endMarginCall(account, sender=liquidator)
    usdc.approve(code, MAX_UINT, sender=liquidator)
    with reverts(code.AccountHealthy):
        code.liquidate(account, usdc, weth, MAX_UINT, 0, False, b"", sender=liquidator)
    assert code.health(account).factor == MAX_UINT
    assert vault.health(account).factor < WAD
    now = [hub.getAsset(t) for t in (weth, usdc)]
    assert [(a.cash, a.scaledDebt) for a in now] == [(a.cash, a.scaledDebt) for a in books]


def test_vault__liquidates_in_one_of_several_steps__on_its_own_accounts(
    vault, weth, usdc, liquidator, unhealthy
):
    """Flagged and liquidated in one transaction: what the code writes, the vault has."""
    account = unhealthy()
    before = vault.debtAssets(account, usdc)
    steps = [
        vault.flag.encode_input(account),
        vault.liquidate.encode_input(account, usdc, weth, 10**9, 0, True, b""),
    ]
    vault.multicall(steps, sender=liquidator)
    assert vault.isFlagged(account)
    assert before - vault.debtAssets(account, usdc) == 10**9
    assert vault.suppliedAssets(account_id(liquidator), weth) > 0


def test_vault__refused_by_its_code__refuses_with_the_same_reason(
    vault, weth, usdc, open_position, liquidator
):
    account = open_position({weth: 10 * WAD}, {usdc: 1_000 * 10**6})
    with reverts(vault.AccountHealthy):
        vault.liquidate(account, usdc, weth, MAX_UINT, 0, False, b"", sender=liquidator)
