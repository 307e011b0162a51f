"""Calls from inside: whatever holds a lock refuses them, and what goes through harms nobody."""

import pytest
from eth_utils import keccak

from tests.contracts.reentry import (
    LOCKS,
    NEEDS,
    OPEN,
    SOME,
    THOROUGH,
    arm,
    attacks,
    hooked_world,
)
from tests.contracts.support import MAX_UINT, USD, VIRTUAL_SHARES, WAD, account_id, assets_down

GUARDED = keccak(text="ReentrancyGuardReentrantCall()")[:4]


@pytest.fixture(scope="module")
def world(project, deployed, admin, borrower, liquidator):
    return hooked_world(project, deployed, admin, borrower, liquidator)


@pytest.fixture(scope="module")
def accounts_of(world, borrower, liquidator):
    """Everyone whose claims a re-entrant call could touch."""
    return [account_id(borrower, 1), account_id(borrower), account_id(liquidator), world.mine]


def claims(w, accounts) -> dict:
    """What everyone holds and what the books say about it: all but clocks and rates."""
    tokens, pool = (w.token, w.usdc), w.fund.poolOf(w.token)
    holders = [*(f"0x{a >> 8:040x}" for a in accounts), w.hub, w.fund, w.pair]
    hub = [w.hub.getAsset(t) for t in tokens]
    for asset in hub:
        asset.lastAccrual = 0
    return {
        "hub": hub,
        "balances": w.lens.balances(holders, [*tokens, w.share]),
        "positions": [w.vault.positionOf(a, t) for a in accounts for t in tokens],
        "stake": assets_down(
            w.fund.stakeOf(w.token, w.token) + w.fund.requestOf(w.token, w.token).shares,
            pool.totalShares,
            pool.assets,
        ),
        "pair": w.lens.pairs([w.pair])[:2],
    }


def worth(w, c) -> int:
    """Everything the attacker, last of the accounts, has less what it owes: 1e-18 dollars."""
    tokens, dollars, shares = c["balances"][9:12]
    (supplied, _), (_, owed) = ((p.supplied, p.scaledDebt) for p in c["positions"][-2:])
    lp, supply = w.pair.balanceOf(w.token), w.pair.totalSupply()
    tokens += c["stake"] + (supplied + shares) // VIRTUAL_SHARES + lp * c["pair"][0] // supply
    return tokens + (dollars - owed + lp * c["pair"][1] // supply) * 10**12


@pytest.fixture
def operation(world, request, borrower, liquidator, admin, chain):
    """operation(name): prepares it and returns the transaction to send."""
    w, t, v = world, world.token, world.vault
    own, unhealthy = account_id(borrower), account_id(borrower, 1)

    def ill(collateral, debt, falls, to):
        """The borrower's second account, made liquidatable by one price."""
        v.supply(unhealthy, collateral, 20_000 * 10 ** collateral.decimals(), sender=borrower)
        v.borrow(unhealthy, debt, 14_000 * 10 ** debt.decimals(), borrower, sender=borrower)
        falls.post(to, sender=admin)

    def operation(name):
        if name in {"withdraw", "redeem", "claim fees"}:
            v.supply(own, t, 5_000 * WAD, sender=borrower)
            w.share.deposit(5_000 * WAD, borrower, sender=borrower)
        elif name in {"borrow", "repay"}:
            v.supply(own, w.weth, 10 * WAD, sender=borrower)
            if name == "repay":
                v.borrow(own, t, 5_000 * WAD, borrower, sender=borrower)
        elif name == "unstake":
            w.fund.stake(t, 1_000 * WAD, sender=borrower)
            w.fund.requestWithdrawal(t, 1_000 * WAD * VIRTUAL_SHARES, sender=borrower)
            chain.mine(timestamp=w.fund.requestOf(t, borrower).leavesAt)
        elif name == "remove liquidity":
            w.pair.addLiquidity(1_000 * WAD, 1_000 * 10**6, sender=borrower)
        elif name == "liquidate for it":
            ill(t, w.usdc, w.feed, USD * 4 // 5)
        elif name == "liquidate with it":
            ill(w.usdc, t, w.feed, USD * 5 // 4)
        if name == "report a loss":
            w.fund.stake(t, 500 * WAD, sender=borrower)
            t.transfer(w.hub, 100 * WAD, sender=borrower)
            w.hub.add(t, 100 * WAD, 100 * WAD * VIRTUAL_SHARES, sender=borrower)
            w.hub.draw(t, 100 * WAD, borrower, sender=borrower)
        if name == "claim fees":
            t.transfer(w.hub, 100 * WAD, sender=borrower)
            w.hub.add(t, 100 * WAD, 100 * WAD * VIRTUAL_SHARES, sender=borrower)
            w.hub.addFee(t, 100 * WAD * VIRTUAL_SHARES, sender=borrower)
        seize = (MAX_UINT, 0, False, b"")
        return {
            "supply": lambda: v.supply(own, t, 7 * WAD, sender=borrower),
            "repay": lambda: v.repay(own, t, 7 * WAD, sender=borrower),
            "withdraw": lambda: v.withdraw(own, t, 7 * WAD, borrower, sender=borrower),
            "borrow": lambda: v.borrow(own, t, 70 * WAD, borrower, sender=borrower),
            "liquidate for it": lambda: v.liquidate(
                unhealthy, w.usdc, t, *seize, sender=liquidator
            ),
            "liquidate with it": lambda: v.liquidate(
                unhealthy, t, w.usdc, *seize, sender=liquidator
            ),
            "deposit": lambda: w.share.deposit(7 * WAD, borrower, sender=borrower),
            "redeem": lambda: w.share.redeem(
                7 * WAD * VIRTUAL_SHARES, borrower, borrower, sender=borrower
            ),
            "stake": lambda: w.fund.stake(t, 7 * WAD, sender=borrower),
            "unstake": lambda: w.fund.withdraw(t, sender=borrower),
            "report a loss": lambda: w.hub.reportDeficit(t, 100 * WAD, 0, sender=borrower),
            "claim fees": lambda: w.hub.claimFees(t, borrower, sender=admin),
            "add liquidity": lambda: w.pair.addLiquidity(7 * WAD, 10**9, sender=borrower),
            "remove liquidity": lambda: w.pair.removeLiquidity(10**9, sender=borrower),
            "swap": lambda: w.pair.swapExactIn(w.usdc, 10**6, 0, borrower, sender=borrower),
        }[name]

    return operation


@pytest.fixture
def disturbed(world, accounts_of, operation, admin, borrower, chain):
    """disturbed(name, locked): the operation with each attack inside it, and what it leaves."""

    def disturbed(name, locked):
        w, run = world, operation(name)
        start = chain.snapshot()
        run()
        undisturbed = claims(w, accounts_of)
        least = worth(w, undisturbed)
        for attack, (target, payload) in attacks(w, account_id(borrower, 1)).items():
            tried = OPEN
            if locked:
                tried = NEEDS if name in THOROUGH else SOME
            if attack in tried and bool(LOCKS[name] & NEEDS[attack]) == locked:
                chain.restore(start)
                start = chain.snapshot()
                arm(w, target, payload, admin)
                run()
                yield attack, undisturbed, least

    return disturbed


@pytest.mark.parametrize("name", LOCKS)
def test_hook__against_a_held_lock__is_refused(world, accounts_of, disturbed, name):
    """Every attack that needs the lock fails for that reason and leaves no trace."""
    for attack, undisturbed, _ in disturbed(name, locked=True):
        assert not world.token.hookSucceeded(), attack
        assert bytes(world.token.hookResult())[:4] == GUARDED, attack
        assert claims(world, accounts_of) == undisturbed, attack


@pytest.mark.parametrize("name", LOCKS)
def test_hook__past_the_locks__takes_nothing_from_anyone(world, accounts_of, disturbed, name):
    """What no lock stops is an operation like any other: others keep theirs, it gains nothing."""
    w, supply = world, world.token.totalSupply()
    for attack, undisturbed, gain_nothing in disturbed(name, locked=False):
        assert w.token.hookSucceeded(), attack
        after = claims(w, accounts_of)
        assert after["positions"][:-2] == undisturbed["positions"][:-2], attack
        assert after["balances"][:9] == undisturbed["balances"][:9], attack
        assert worth(w, after) <= gain_nothing, attack
        in_hub, in_fund, in_pair = after["balances"][12::3]
        assert after["hub"][0].cash + after["hub"][0].escrow == in_hub, attack
        pool = w.fund.poolOf(w.token)
        assert (pool.assets + pool.uncollected, after["pair"][0]) == (in_fund, in_pair), attack
        assert w.token.totalSupply() == supply


SEEN = {
    "supply": "before",
    "repay": "before",
    "withdraw": "after",
    "borrow": "after",
    "liquidate for it": "after",
    "liquidate with it": "after",
    "deposit": "before",
    "redeem": "after",
    "report a loss": "before",
}
"""What comes in is booked once it is there, what goes out before it leaves."""


@pytest.mark.parametrize("name", SEEN)
def test_hook__that_looks__never_sees_what_is_half_done(
    world, operation, borrower, admin, chain, name
):
    """Health, and what shares are worth, are in the middle of a transfer what they are at one end
    of the operation: never collateral without its debt, or tokens without their shares.
    """
    w, run = world, operation(name)
    account = account_id(borrower, int(name.startswith("liquidate")))
    start = chain.snapshot()
    for look in (
        (w.vault, w.vault.health.encode_input(account)),
        (w.share, w.share.totalAssets.encode_input()),
        (w.share, w.share.convertToAssets.encode_input(WAD)),
        (w.hub, w.hub.totalAssets.encode_input(w.token)),
    ):
        chain.restore(start)
        start = chain.snapshot()
        w.token.setHook(*look, sender=admin)
        w.token.transfer(w.token, 0, sender=borrower)
        ends = {"before": w.token.hookResult()}
        w.token.setHook(*look, sender=admin)
        run()
        assert w.token.hookSucceeded()
        seen = w.token.hookResult()
        w.token.setHook(*look, sender=admin)
        w.token.transfer(w.token, 0, sender=borrower)
        ends["after"] = w.token.hookResult()
        assert seen == ends[SEEN[name]]
