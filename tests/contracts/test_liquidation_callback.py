"""A malicious receiver of the liquidation callback."""

import pytest
from eth_abi import encode
from eth_utils import keccak

from tests.contracts.mocks import mock
from tests.contracts.support import MAX_UINT, REVERTS, WAD, account_id, reverts

GUARDED = keccak(text="ReentrancyGuardReentrantCall()")[:4]


@pytest.fixture
def puppet(admin, vault, usdc):
    """A contract with 100,000 usdc, 90,000 of it supplied, that liquidates and calls back."""
    puppet = admin.deploy(mock("Puppet"))
    usdc.mint(puppet, 10**11, sender=admin)
    puppet.act(usdc, usdc.approve.encode_input(vault, MAX_UINT), sender=admin)
    supply = vault.supply.encode_input(account_id(puppet), usdc, 9 * 10**10)
    puppet.act(vault, supply, sender=admin)
    return puppet


@pytest.fixture
def seize(puppet, vault, weth, usdc, stranger):
    """seize(account, target, payload): liquidates and calls `target` from the callback."""

    def seize(account, target, payload, repay=MAX_UINT):
        data = encode(["address", "bytes"], [target.address, payload])
        order = vault.liquidate.encode_input(account, usdc, weth, repay, 0, False, data)
        return puppet.act(vault, order, sender=stranger)

    return seize


@pytest.mark.parametrize(
    ("verb", "args"),
    [
        ("supply", ("own", "usdc", 1)),
        ("withdraw", ("own", "usdc", 1, "puppet")),
        ("borrow", ("own", "weth", 1, "puppet")),
        ("repay", ("victim", "usdc", 1)),
        ("setCollateral", ("own", "usdc", False)),
        ("flag", ("victim",)),
        ("unflag", ("victim",)),
        ("marginCall", ("victim",)),
        ("endMarginCall", ("victim",)),
        ("liquidate", ("victim", "usdc", "weth", 1, 0, True, b"")),
        ("writeOff", ("victim",)),
    ],
)
def test_callback__into_the_vault__is_refused(
    deployed, vault, usdc, weth, puppet, seize, unhealthy, verb, args
):
    """The liquidation goes on as if nothing had been tried."""
    account = unhealthy()
    names = {"own": account_id(puppet), "victim": account, "puppet": puppet}
    names |= {"usdc": usdc, "weth": weth}
    args = [names[a] if isinstance(a, str) else a for a in args]
    half = 7_380 * 10**6
    tx = seize(account, vault, getattr(vault, verb).encode_input(*args), repay=half)
    (answer,) = tx.decode_logs(puppet.CalledBack)
    assert (answer.succeeded, bytes(answer.answer)) == (False, GUARDED)
    assert vault.debtAssets(account, usdc) == half
    assert weth.balanceOf(puppet) == 41 * WAD // 10 * 10_450 // 10_000
    assert vault.suppliedAssets(account_id(puppet), usdc) == 9 * 10**10


def test_callback__without_paying__undoes_the_seizure(vault, weth, usdc, puppet, seize, unhealthy):
    """Collateral is handed over first, and taken back with everything else if no money comes."""
    account = unhealthy()
    with reverts(usdc.ERC20InsufficientAllowance, spender=vault, allowance=0):
        seize(account, usdc, usdc.approve.encode_input(vault, 0))
    assert weth.balanceOf(puppet) == 0
    assert vault.suppliedAssets(account, weth) == 10 * WAD


def test_callback__paying_from_what_it_seized__works(
    vault, shares, weth, usdc, puppet, seize, unhealthy
):
    """The callback may use any venue meanwhile, the hub's own share token included."""
    account, share = unhealthy(), shares[weth.address]
    tx = seize(account, weth, weth.approve.encode_input(share, MAX_UINT))
    (answer,) = tx.decode_logs(puppet.CalledBack)
    assert answer.succeeded


def test_callback__breaks_a_feed__writes_off_nothing(
    vault, hub, feeds, weth, usdc, wbtc, seize, open_position, set_price
):
    """Collateral whose price is down counts as nothing: its debts must not be forgiven for that."""
    account = open_position({weth: 10 * WAD, wbtc: 10**8}, {usdc: 40_000 * 10**6})
    set_price(weth, 100)
    feed = feeds[wbtc.address]
    seize(account, feed, feed.setMode.encode_input(REVERTS))
    assert hub.getAsset(usdc).deficit == 0
    assert vault.debtAssets(account, usdc) > 0
