"""Events tell everything: what they say, added up, is the state."""

import pytest

from tests.contracts.replay import Ledger
from tests.contracts.support import (
    DAY,
    MAX_CAP,
    MAX_UINT,
    WAD,
    ZERO_ADDRESS,
    account_id,
    deleveraging_terms,
    rate_model,
)


@pytest.fixture
def scenario(
    deployed, project, admin, supplier, borrower, liquidator, stranger, set_price, make_vault, chain
):
    """Three vaults, lent and escrowed collateral, interest, liquidations, losses, cover."""
    d = deployed
    hub, vault, weth, usdc, wbtc = d.hub, d.vault, d.weth, d.usdc, d.wbtc
    escrow = make_vault(rehypothecate=False)
    model = rate_model(reserve_factor=1_000, base=100, slope1=400, slope2=6_000)
    for token in d.tokens:
        hub.setRateModel(token, model, sender=admin)
    slow = make_vault(delay=60, urgent=9 * WAD // 10, calls=1_083 * WAD // 1_000)
    one, two, three, four = (account_id(borrower, sub) for sub in range(4))

    def later(days):
        chain.pending_timestamp += int(days * DAY)

    hub.setOutflowLimit(wbtc, 10_000, 0, DAY, sender=admin)
    vault.setManager(one, stranger, sender=borrower)
    vault.setIsolated(two, True, sender=borrower)
    vault.supply(one, weth, 10 * WAD, sender=borrower)
    vault.supply(one, wbtc, 10**7, sender=borrower)
    vault.borrow(one, usdc, 14_000 * 10**6, stranger, sender=stranger)
    later(3)
    vault.supply(two, wbtc, 10**8, sender=borrower)
    vault.borrow(two, weth, 12 * WAD, borrower, sender=borrower)
    vault.setCollateral(one, wbtc, False, sender=borrower)
    vault.setCollateral(one, wbtc, True, sender=borrower)
    for each in (one, three):
        escrow.supply(each, weth, 10 * WAD, sender=borrower)
    for each in (vault, escrow):
        each.supply(four, weth, WAD // 100, sender=borrower)
        each.borrow(four, usdc, 10 * 10**6, borrower, sender=borrower)
    escrow.borrow(one, usdc, 14_000 * 10**6, borrower, sender=borrower)
    escrow.borrow(one, wbtc, 10**5, borrower, sender=borrower)
    later(30)
    vault.repay(two, weth, 2 * WAD, sender=stranger)
    vault.withdraw(one, wbtc, MAX_UINT, borrower, sender=borrower)
    escrow.withdraw(three, weth, WAD, borrower, sender=borrower)
    d.shares[usdc.address].withdraw(10**9, supplier, supplier, sender=supplier)
    slow.supply(one, weth, WAD, sender=borrower)
    slow.borrow(one, usdc, 1_480 * 10**6, borrower, sender=borrower)
    slow.marginCall(one, sender=stranger)
    deleverage(d, vault, one, stranger, supplier, chain, admin)
    set_price(weth, 1_600)
    for amount in (100, 200):  # from a health of .86 to .93, then to 1.085: the call ends
        slow.repay(one, usdc, amount * 10**6, sender=borrower)
    slow.setCategoryConfig(1, (9_000, 9_300, 200, 0b1, 0b11), 0, sender=admin)
    slow.setCategory(one, 1, sender=borrower)
    vault.flag(one, sender=stranger)
    escrow.flag(one, sender=stranger)
    take = (MAX_UINT, 0)
    vault.liquidate(one, usdc, weth, 3_000 * 10**6, 0, False, b"", sender=liquidator)
    escrow.setPolicy((d.close_factor, 0, 0, 1_000 * 10**8, 0, ZERO_ADDRESS), sender=admin)
    later(1)
    vault.liquidate(one, usdc, weth, 4_000 * 10**6, 0, True, b"", sender=liquidator)
    escrow.liquidate(one, usdc, weth, 4_000 * 10**6, 0, True, b"", sender=liquidator)
    set_price(weth, 600)
    escrow.flag(one, sender=stranger)
    vault.liquidate(one, usdc, weth, *take, False, b"", sender=liquidator)
    escrow.liquidate(one, usdc, weth, *take, False, b"", sender=liquidator)
    usdc.approve(d.fund, MAX_UINT, sender=supplier)
    d.fund.stake(usdc, 10 * 10**6, sender=supplier)
    vault.writeOff(four, sender=stranger)
    escrow.writeOff(four, sender=stranger)
    usdc.approve(hub, MAX_UINT, sender=supplier)
    hub.makeGood(usdc, MAX_UINT, sender=supplier)
    vault.withdraw(account_id(liquidator), weth, WAD, liquidator, sender=liquidator)
    later(1)
    hub.setSpoke(usdc, vault, MAX_CAP, 10**12, True, False, sender=admin)
    hub.setRateModel(usdc, rate_model(), sender=admin)
    later(4)
    hub.accrue(usdc, sender=stranger)
    hub.socialise(usdc, sender=stranger)
    hub.claimFees(weth, admin, sender=admin)
    return [vault, escrow, slow], [one, two, three, four, account_id(liquidator)]


def deleverage(d, vault, account, stranger, supplier, chain, admin):
    """The mode begins, a lender takes collateral for a tenth of his shares, and it ends."""
    share = d.shares[d.usdc.address]
    share.approve(vault, MAX_UINT, sender=supplier)
    terms = deleveraging_terms(share, usageBps=1, usageFor=600, ramp=0, maxHealth=2 * WAD)
    vault.setDeleveraging(d.usdc, terms, sender=admin)
    for _ in range(3):
        chain.pending_timestamp += 400
        vault.pokeDeleveraging(d.usdc, sender=stranger)
    vault.deleverage(account, d.usdc, d.weth, 100 * 10**6, True, sender=supplier)
    vault.deleverage(account, d.usdc, d.weth, 100 * 10**6, False, sender=stranger)
    chain.pending_timestamp += 700
    vault.pokeDeleveraging(d.usdc, sender=stranger)


def replayed(hub, vaults, chain) -> Ledger:
    """Every log of hub and vaults since the first block, applied in order."""
    web3 = chain.provider.web3
    contracts = {c.address: c for c in (hub, *vaults)}
    ledger, times = Ledger(), {}
    logs = web3.eth.get_logs({"fromBlock": 0, "address": list(contracts)})
    for log in sorted(logs, key=lambda entry: (entry["blockNumber"], entry["logIndex"])):
        number = log["blockNumber"]
        if number not in times:
            times[number] = web3.eth.get_block(number)["timestamp"]
        events = contracts[log["address"]].contract_type.events
        ecosystem = chain.provider.network.ecosystem
        for decoded in ecosystem.decode_logs([dict(log)], *events):
            ledger.apply(decoded, times[number])
    return ledger


def fields(struct, names) -> dict:
    return {name: getattr(struct, name) for name in names}


def test_events__of_a_whole_scenario__rebuild_every_balance(deployed, hub, spoke, scenario, chain):
    """Hub, spokes, accounts and positions, word for word."""
    vaults, accounts = scenario
    ledger = replayed(hub, vaults, chain)
    spokes = [*vaults, *deployed.shares.values()]
    declared = {e.name for c in (hub, *vaults) for e in c.contract_type.events}
    assert declared - ledger.seen == {"RoleAdminChanged", "RoleRevoked"}
    for token in deployed.tokens:
        row = ledger.assets[token.address]
        assert row == fields(hub.getAsset(token), row)
        for each in spokes:
            row = ledger.spokes[token.address, each.address]
            assert row == fields(hub.getSpoke(token, each), row)
    for vault in vaults:
        for account in accounts:
            row = ledger.accounts[vault.address, account]
            assert row == fields(vault.accountOf(account), row)
            for token in deployed.tokens:
                mode = ledger.modes[vault.address, token.address]
                assert mode == fields(vault.deleveragingOf(token), mode)
                row = ledger.positions[vault.address, account, token.address]
                assert row == fields(vault.positionOf(account, token), row)
    balance_the_books(deployed, hub, vaults, ledger)


def balance_the_books(deployed, hub, vaults, ledger):
    """Accounts sum to their vault, vaults to the hub: shares, debts, escrow (invariants 3, 4)."""
    for token in deployed.tokens:
        asset, share = hub.getAsset(token), deployed.shares[token.address]
        spokes = {each: hub.getSpoke(token, each) for each in (*vaults, share)}
        assert sum(s.drawnScaled for s in spokes.values()) == asset.scaledDebt
        assert sum(s.escrowed for s in spokes.values()) == asset.escrow
        claims = sum(s.addedShares for s in spokes.values())
        assert claims + asset.feeShares == asset.totalShares
        assert spokes[share].addedShares == share.totalSupply()
        for vault in vaults:
            here = vault.address, token.address
            mine = [p for (v, _, t), p in ledger.positions.items() if (v, t) == here]
            held = spokes[vault].addedShares + spokes[vault].escrowed
            assert sum(p["supplied"] for p in mine) == held
            assert sum(p["scaledDebt"] for p in mine) == spokes[vault].drawnScaled
