"""A token that calls back, given a life of its own: the attacker of the re-entrancy tests.

HookToken calls a target of the attacker's choosing, as itself, in the middle of its next transfer.
Here it also owns an account with collateral, shares, stake and liquidity, so that most of what it
calls would succeed at any other moment.
"""

from types import SimpleNamespace

from tests.contracts.deployment import approve, feed_settings, list_asset
from tests.contracts.support import (
    MAX_CAP,
    MAX_UINT,
    USD,
    VIRTUAL_SHARES,
    WAD,
    account_id,
    reserve_config,
)

# Which guards an operation holds while the token moves. Tokens come in before the hub is called and
# go out from inside it.
LOCKS = {
    "supply": {"vault"},
    "repay": {"vault"},
    "withdraw": {"vault", "hub"},
    "borrow": {"vault", "hub"},
    "liquidate for it": {"vault", "hub"},
    "liquidate with it": {"vault"},
    "deposit": set(),
    "redeem": {"hub"},
    "stake": {"fund"},
    "unstake": {"fund"},
    "report a loss": {"hub"},
    "claim fees": {"hub"},
    "add liquidity": {"pair"},
    "remove liquidity": {"pair"},
    "swap": {"pair"},
}
# Which guards a call from inside has to pass.
NEEDS = {
    "supply": {"vault", "hub"},
    "withdraw": {"vault", "hub"},
    "borrow": {"vault", "hub"},
    "repay": {"vault", "hub"},
    "liquidate": {"vault"},
    "deposit": {"hub"},
    "redeem": {"hub"},
    "socialise": {"hub"},
    "stake": {"fund"},
    "ask": set(),
    "swap": {"pair"},
}
# The ones tried during every operation: one behind each lock ...
SOME = {"borrow", "liquidate", "deposit", "stake", "swap"}
# ... all of them during these two ...
THOROUGH = {"supply", "withdraw"}
# ... and, where no lock is in the way, those that move value.
OPEN = {"borrow", "redeem", "stake", "ask", "swap"}


def hooked_world(project, d, admin, borrower, liquidator) -> SimpleNamespace:
    """The token, listed everywhere at $1, and the positions of attacker, borrower, liquidator."""
    w = SimpleNamespace(**vars(d))
    token = w.token = admin.deploy(project.HookToken)
    w.feed = admin.deploy(project.PriceFeed, 8)
    w.feed.post(USD, sender=admin)
    w.oracle.setFeed(token, feed_settings(w.feed), sender=admin)
    w.share = list_asset(project, w.hub, token, admin)
    w.pair = admin.deploy(project.ConstantProductPair, token, w.usdc, 30)
    w.hub.setSpoke(token, w.vault, MAX_CAP, MAX_CAP, True, False, sender=admin)
    w.hub.setSpoke(token, borrower, MAX_CAP, MAX_CAP, True, False, sender=admin)
    w.vault.setReserve(token, reserve_config(), 0, sender=admin)
    for actor in (borrower, liquidator, token):
        token.mint(actor, 10**6 * WAD, sender=admin)
    w.usdc.mint(token, 10**12, sender=admin)
    approve(w.vault, [token], [borrower, liquidator])
    for spender in (w.share, w.fund, w.pair):
        token.approve(spender, MAX_UINT, sender=borrower)
    w.usdc.approve(w.pair, MAX_UINT, sender=borrower)
    w.mine = account_id(token)  # the attacker's account
    for target, call, args in [
        *((token, token.approve, (s, MAX_UINT)) for s in (w.vault, w.share, w.fund, w.pair)),
        *((w.usdc, w.usdc.approve, (s, MAX_UINT)) for s in (w.vault, w.pair)),
        (w.vault, w.vault.supply, (w.mine, token, 10_000 * WAD)),
        (w.vault, w.vault.borrow, (w.mine, w.usdc, 1_000 * 10**6, token)),
        (w.share, w.share.deposit, (10_000 * WAD, token)),
        (w.fund, w.fund.stake, (token, 1_000 * WAD)),
        (w.pair, w.pair.addLiquidity, (10_000 * WAD, 10_000 * 10**6)),
    ]:
        arm(w, target, call.encode_input(*args), admin)
        token.transfer(token, 0, sender=borrower)
        assert token.hookSucceeded(), (call, token.hookResult())
    return w


def arm(w, target, payload, sender):
    """The next transfer of the token calls `target` with `payload`."""
    w.token.setHook(target, payload, sender=sender)


def attacks(w, victim: int) -> dict:
    """name -> (target, payload): what the attacker tries from inside, as itself."""
    t, v = w.token, w.vault
    return {
        "supply": (v, v.supply.encode_input(w.mine, w.token, WAD)),
        "withdraw": (v, v.withdraw.encode_input(w.mine, t, WAD, t)),
        "borrow": (v, v.borrow.encode_input(w.mine, w.usdc, 10**6, t)),
        "repay": (v, v.repay.encode_input(w.mine, w.usdc, 10**6)),
        "liquidate": (v, v.liquidate.encode_input(victim, w.usdc, t, 10**6, 0, False, b"")),
        "deposit": (w.share, w.share.deposit.encode_input(WAD, t)),
        "redeem": (w.share, w.share.redeem.encode_input(WAD * VIRTUAL_SHARES, t, t)),
        "socialise": (w.hub, w.hub.socialise.encode_input(t)),
        "stake": (w.fund, w.fund.stake.encode_input(t, WAD)),
        "ask": (w.fund, w.fund.requestWithdrawal.encode_input(t, 100 * WAD)),
        "swap": (w.pair, w.pair.swapExactIn.encode_input(t, WAD, 0, t)),
    }
