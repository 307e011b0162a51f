"""Lens: flat rows of words, each equal to what the contracts themselves answer."""

from dataclasses import astuple, is_dataclass

import pytest

from sim.protocol.state import HUB, OUTFLOW, SPOKE
from tests.contracts.support import (
    BPS,
    DAY,
    MAX_UINT,
    WAD,
    ZERO_ADDRESS,
    account_id,
    rate_model,
)


def words(struct) -> list:
    """A struct's fields in order, booleans as 0 and 1."""
    values = astuple(struct) if is_dataclass(struct) else struct.items()
    return [int(v[1] if isinstance(v, tuple) else v) for v in values]


def columns(struct, names) -> list:
    """A struct's fields in the order in which the twin has them, called as there; whether there is
    a limit, it has in another array.
    """
    found = {"".join(name.lower().split("_")): name for name in names}
    values = {
        found[name.lower()]: int(value) for name, value in struct.items() if name != "limited"
    }
    return [values[name] for name in names]


@pytest.fixture
def busy(deployed, hub, fund, pair, vault, weth, usdc, admin, supplier, unhealthy, chain):
    """Interest, a flagged account, stake on its way out, a pool that has been used."""
    account = unhealthy()
    hub.setRateModel(usdc, rate_model(reserve_factor=1_000, base=1_000), sender=admin)
    vault.flag(account, sender=admin)
    usdc.approve(fund, MAX_UINT, sender=supplier)
    fund.stake(usdc, 10**9, sender=supplier)
    fund.requestWithdrawal(usdc, 10**8, sender=supplier)
    pair.addLiquidity(100 * WAD, 180_000 * 10**6, sender=supplier)
    chain.pending_timestamp += DAY
    pair.swapExactIn(weth, WAD, 0, supplier, sender=supplier)
    hub.accrue(usdc, sender=admin)
    return account


def test_lens__assets_and_spokes__are_the_hubs_words(lens, hub, vault, shares, tokens, busy):
    """The structs field by field, in the order of the twin, then the tokens really held."""
    rows = lens.assets(hub, tokens)
    expected = [[*columns(hub.getAsset(t), HUB), t.balanceOf(hub)] for t in tokens]
    assert rows == [word for row in expected for word in row]
    pairs = [(vault, t) for t in tokens] + [(shares[t.address], t) for t in tokens]
    rows = lens.spokes(hub, [s for s, _ in pairs], [t for _, t in pairs])
    assert rows == [word for s, t in pairs for word in columns(hub.getSpoke(t, s), SPOKE)]


def test_lens__outflows_and_brakes__are_the_hubs_and_the_guards_words(
    project, lens, hub, oracle, make_vault, set_feed, set_price, weth, usdc, tokens, admin, stranger
):
    """What can leave, then the struct; a pause and a trip as of when they end; nothing of a vault
    without a guard.
    """
    hub.setOutflowLimit(usdc, 0, 7 * 10**6, DAY, sender=admin)
    terms = (DAY, DAY, 0, DAY, 700, 1_000, False, False, ZERO_ADDRESS)
    guard = admin.deploy(project.RiskGuard, oracle, terms, admin, stranger)
    vault = make_vault(guard=guard)
    until = guard.pause(weth, 0b101, 500, sender=stranger).timestamp + 500
    guard.lowerStress(6_000, sender=stranger)
    set_feed(weth, holdOff=0)
    guard.poke(weth, sender=admin)
    set_price(weth, 1_000)
    open_until = guard.trip(weth, sender=admin).timestamp + 700
    expected = [[hub.available(t), *columns(hub.getOutflow(t), OUTFLOW)] for t in tokens]
    assert lens.outflows(hub, tokens) == [word for row in expected for word in row]
    assert [row[4] for row in expected] == [DAY * (t == usdc) for t in tokens]
    brakes = lens.brakes(vault, [weth, usdc])
    assert brakes == [until, 0, until, open_until, 6_000, 0, 0, 0, 0, 6_000]
    assert lens.brakes(make_vault(), [weth]) == [0, 0, 0, 0, BPS]


def test_lens__prices_and_thresholds__are_the_routers_and_vaults_words(
    lens, oracle, vault, tokens, busy
):
    """What the router answers, then its anchor; thresholds in force."""
    expected = []
    for token in tokens:
        expected += [*words(oracle.read(token)), *words(oracle.getAnchor(token))]
    assert lens.prices(oracle, tokens) == expected
    assert lens.thresholds(vault) == [vault.liquidationThreshold(i) for i in range(len(tokens))]


def test_lens__accounts__are_the_vaults_words(lens, vault, tokens, borrower, busy):
    """Bits, flag, isolation, health, verdict, then the positions."""
    ids = [busy, account_id(borrower, 9)]
    expected = []
    for each in ids:
        a, h = vault.accountOf(each), vault.health(each)
        expected += [a.collateralBits, a.debtBits, a.flaggedAt, int(a.isolated)]
        expected += [h.factor, h.collateralValue, h.debtValue, int(h.pricesUsable)]
        expected.append(int(vault.isLiquidatable(each)))
        for token in tokens:
            expected += words(vault.positionOf(each, token))
    assert expected[2] > 0
    assert expected[8] == 1
    assert lens.accounts(vault, ids, tokens) == expected


def test_lens__balances_pools_stakes_pairs__are_their_owners_words(
    lens, hub, fund, pair, tokens, supplier, borrower, busy
):
    """The rest of the state, in the order the columns are named."""
    holders = [supplier, borrower, hub]
    expected = [t.balanceOf(h) for h in holders for t in tokens]
    assert lens.balances(holders, tokens) == expected
    pools = [fund.poolOf(t) for t in tokens]
    expected = [word for p in pools for word in words(p)]
    assert lens.pools(fund, tokens) == expected
    expected = []
    for staker in (supplier, borrower):
        for t in tokens:
            request = fund.requestOf(t, staker)
            left = fund.exitOf(t, request.epoch, request.leavesAt)
            expected += [fund.stakeOf(t, staker), *words(request), left.assets, left.shares]
    assert expected.count(10**8) == 1
    assert lens.stakes(fund, [supplier, borrower], tokens) == expected
    assert lens.pairs([pair]) == [
        pair.reserve0(),
        pair.reserve1(),
        pair.cumulative0(),
        pair.cumulative1(),
        pair.lastUpdate(),
        pair.totalSupply(),
    ]
