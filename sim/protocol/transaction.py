"""One operation, all or nothing, written to the journal: what a transaction is on the EVM.

Whatever happens to the protocol happens through `execute`. A refused operation leaves no trace but
its journal row, so
the journal, read in order, is a transaction script that the lockstep engine plays on a chain.
"""

from __future__ import annotations

from sim.protocol import (
    hub,
    hub_share,
    insurance,
    liquidator,
    oracle,
    pair,
    vault,
    vault_reserves,
)
from sim.protocol.errors import OK
from sim.protocol.fixed_point import jitable, zero
from sim.protocol.state import (
    ACTIVE,
    ADD_CAP,
    ANSWER,
    DRAW_CAP,
    HALTED,
    MODE,
    UPDATED_AT,
    WALLET,
    State,
)

KINDS = (
    "mint_token",
    "post_price",
    "set_feed_mode",
    "poke",
    "accrue",
    "deposit",
    "mint_shares",
    "withdraw_assets",
    "redeem",
    "stake",
    "request_unstake",
    "unstake",
    "add_liquidity",
    "remove_liquidity",
    "swap_in",
    "swap_out",
    "supply",
    "withdraw",
    "borrow",
    "repay",
    "set_collateral",
    "set_isolated",
    "set_manager",
    "flag",
    "unflag",
    "liquidate",
    "flash_liquidate",
    "write_off",
    "cover",
    "socialise",
    "claim_fees",
    "set_threshold",
    "set_spoke",
)
"""The operations. Columns they use, besides the actor: x, y are assets unless said otherwise.

mint_token x amount; post_price x (y: feed slot) amount; set_feed_mode x (y: slot) option; poke x
(y: vault); accrue x;
deposit, withdraw_assets, stake x amount; mint_shares, redeem, request_unstake x amount (shares);
unstake x;
add_liquidity (x: pair) amount limit (the two maxima); remove_liquidity (x: pair) amount; swap_in,
swap_out (x: pair,
y: side of the token that goes in) amount limit (least out, most in); supply, withdraw, borrow,
repay account x amount;
set_collateral account x option; set_isolated account option; set_manager account (x: actor or -1);
flag, unflag,
write_off account; liquidate account x (debt) y (collateral) amount limit (least collateral) option
(take shares);
flash_liquidate account x y amount limit (least profit); cover, socialise, claim_fees x;
set_threshold x (y: vault)
amount (threshold) limit (ramp seconds); set_spoke x (y: spoke) amount (add cap) limit (draw cap)
option (0 normal,
1 not active, 2 halted).
"""
(
    MINT_TOKEN,
    POST_PRICE,
    SET_FEED_MODE,
    POKE,
    ACCRUE,
    DEPOSIT,
    MINT_SHARES,
    WITHDRAW_ASSETS,
    REDEEM,
    STAKE,
    REQUEST_UNSTAKE,
    UNSTAKE,
    ADD_LIQUIDITY,
    REMOVE_LIQUIDITY,
    SWAP_IN,
    SWAP_OUT,
    SUPPLY,
    WITHDRAW,
    BORROW,
    REPAY,
    SET_COLLATERAL,
    SET_ISOLATED,
    SET_MANAGER,
    FLAG,
    UNFLAG,
    LIQUIDATE,
    FLASH_LIQUIDATE,
    WRITE_OFF,
    COVER,
    SOCIALISE,
    CLAIM_FEES,
    SET_THRESHOLD,
    SET_SPOKE,
) = range(len(KINDS))

NOBODY = -1
"""The account column of operations that concern no account."""


@jitable
def execute(
    s: State,
    kind: int,
    actor: int,
    account: int,
    x: int,
    y: int,
    amount: int,
    limit: int,
    option: int,
) -> int:
    """Carry out one operation or nothing of it; write the journal row; return its code."""
    s.result[:] = zero()
    _remember(s, actor, account)
    code = _dispatch(s, kind, actor, account, x, y, amount, limit, option)
    if code != OK:
        _undo(s, actor, account)
        s.result[:] = zero()
    row = s.journal_length[0]
    s.journal_length[0] = row + 1
    if row < s.journal.shape[0]:
        s.journal[row, 0] = kind
        s.journal[row, 1] = actor
        s.journal[row, 2] = account
        s.journal[row, 3] = x
        s.journal[row, 4] = y
        s.journal[row, 5] = amount
        s.journal[row, 6] = limit
        s.journal[row, 7] = option
        s.journal[row, 8] = code
        s.journal[row, 9:12] = s.result
    return code


@jitable
def _dispatch(
    s: State,
    kind: int,
    actor: int,
    account: int,
    x: int,
    y: int,
    amount: int,
    limit: int,
    option: int,
) -> int:
    if kind == MINT_TOKEN:
        s.holding[actor, x, WALLET] += amount
    elif kind == POST_PRICE:
        s.feed[y, x, ANSWER] = amount
        s.feed[y, x, UPDATED_AT] = s.clock[0]
    elif kind == SET_FEED_MODE:
        s.feed[y, x, MODE] = option
    elif kind == POKE:
        oracle.poke(s, y, x)
    elif kind == ACCRUE:
        hub.accrue(s, x)
    elif kind == DEPOSIT:
        return hub_share.deposit(s, actor, x, amount)
    elif kind == MINT_SHARES:
        return hub_share.mint(s, actor, x, amount)
    elif kind == WITHDRAW_ASSETS:
        return hub_share.withdraw(s, actor, x, amount)
    elif kind == REDEEM:
        return hub_share.redeem(s, actor, x, amount)
    elif kind == STAKE:
        return insurance.stake(s, actor, x, amount)
    elif kind == REQUEST_UNSTAKE:
        return insurance.request_withdrawal(s, actor, x, amount)
    elif kind == UNSTAKE:
        return insurance.withdraw(s, actor, x)
    elif kind == ADD_LIQUIDITY:
        return pair.add_liquidity(s, actor, x, amount, limit)
    elif kind == REMOVE_LIQUIDITY:
        return pair.remove_liquidity(s, actor, x, amount)
    elif kind == SWAP_IN:
        return pair.swap_exact_in(s, actor, x, y, amount, limit)
    elif kind == SWAP_OUT:
        return pair.swap_exact_out(s, actor, x, y, amount, limit)
    elif kind == SUPPLY:
        return vault.supply(s, actor, account, x, amount)
    elif kind == WITHDRAW:
        return vault.withdraw(s, actor, account, x, amount)
    elif kind == BORROW:
        return vault.borrow(s, actor, account, x, amount)
    elif kind == REPAY:
        return vault.repay(s, actor, account, x, amount)
    elif kind == SET_COLLATERAL:
        return vault.set_collateral(s, actor, account, x, option)
    elif kind == SET_ISOLATED:
        return vault.set_isolated(s, actor, account, option)
    elif kind == SET_MANAGER:
        return vault.set_manager(s, actor, account, x)
    elif kind == FLAG:
        return vault.flag(s, account)
    elif kind == UNFLAG:
        return vault.unflag(s, account)
    elif kind == LIQUIDATE:
        return vault.liquidate(s, actor, account, x, y, amount, limit, option)
    elif kind == FLASH_LIQUIDATE:
        return liquidator.liquidate(s, actor, account, x, y, amount, limit)
    elif kind == WRITE_OFF:
        return vault.write_off(s, account)
    elif kind == COVER:
        return hub.cover(s, x)
    elif kind == SOCIALISE:
        return hub.socialise(s, x)
    elif kind == CLAIM_FEES:
        return hub.claim_fees(s, actor, x)
    elif kind == SET_THRESHOLD:
        return vault_reserves.set_threshold(s, y, x, amount, limit)
    elif kind == SET_SPOKE:
        s.spoke[y, x, ADD_CAP] = amount
        s.spoke[y, x, DRAW_CAP] = limit
        s.spoke[y, x, ACTIVE] = zero() + (option != 1)
        s.spoke[y, x, HALTED] = zero() + (option == 2)
    return OK


@jitable
def _remember(s: State, actor: int, account: int) -> None:
    """Keep what the operation may change: all that is small, and the rows of the account and of the
    actor.
    """
    u = s.undo
    u.hub[:] = s.hub
    u.spoke[:] = s.spoke
    u.oracle[:] = s.oracle
    u.pool[:] = s.pool
    u.pair[:] = s.pair
    u.holding[:] = s.holding[actor]
    u.lp[:] = s.lp[actor]
    if account >= 0:
        own = s.own_account[s.account_vault[account], actor]
        u.account[:] = s.account[account]
        u.position[0] = s.position[account]
        if own >= 0:
            u.position[1] = s.position[own]


@jitable
def _undo(s: State, actor: int, account: int) -> None:
    u = s.undo
    s.hub[:] = u.hub
    s.spoke[:] = u.spoke
    s.oracle[:] = u.oracle
    s.pool[:] = u.pool
    s.pair[:] = u.pair
    s.holding[actor] = u.holding
    s.lp[actor] = u.lp
    if account >= 0:
        own = s.own_account[s.account_vault[account], actor]
        if own >= 0:
            s.position[own] = u.position[1]
        s.account[account] = u.account
        s.position[account] = u.position[0]
