"""Operations, all or nothing, written to the journal: what transactions are on the EVM.

Whatever happens to the protocol happens through an operation. A refused one leaves no trace but its
journal row, so the journal, read in order, is a transaction script that the lockstep engine plays
on a chain.
"""

from __future__ import annotations

from collections.abc import Callable

from sim.protocol import (
    hub,
    hub_share,
    insurance,
    liquidator,
    oracle,
    pair,
    vault,
    vault_accounts,
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
    assign,
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
    "set_reserve",
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
set_reserve x (y: vault)
amount (supply cap) limit (borrow cap) option (the rest, as `vault_reserves.packed`);
set_spoke x (y: spoke) amount (add cap) limit (draw cap) option (0 normal,
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
    SET_RESERVE,
    SET_SPOKE,
) = range(len(KINDS))

NOBODY = -1
"""The account column of operations that concern no account."""

Operation = Callable[[State, int, int, int, int, int, int, int], int]
"""(state, actor, account, x, y, amount, limit, option) -> code of `errors`."""


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
    """Carry out an operation by its kind, as journals name it; return its code."""
    return OPERATIONS[kind](s, actor, account, x, y, amount, limit, option)


def _operation(kind: int, transition: Operation, can_fail: bool = True) -> Operation:
    """The transition as an operation: all of it or nothing, and its row in the journal.

    One function per kind instead of one for all: what calls it compiles only what it needs.
    """
    jitable(transition)

    @jitable
    def carry_out(
        s: State, actor: int, account: int, x: int, y: int, amount: int, limit: int, option: int
    ) -> int:
        s.result.fill(zero())
        if can_fail:
            _remember(s, actor, account)
        code = transition(s, actor, account, x, y, amount, limit, option)
        if can_fail and code != OK:
            _undo(s, actor, account)
            s.result.fill(zero())
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
            for n in range(3):
                s.journal[row, 9 + n] = s.result[n]
        return code

    return carry_out


@jitable
def _remember(s: State, actor: int, account: int) -> None:
    """Keep what the operation may change: all that is small, and the rows of the account and of the
    actor.
    """
    u = s.undo
    assign(u.hub, s.hub)
    assign(u.spoke, s.spoke)
    assign(u.oracle, s.oracle)
    assign(u.pool, s.pool)
    assign(u.pair, s.pair)
    assign(u.holding, s.holding[actor])
    assign(u.lp, s.lp[actor])
    if account >= 0:
        own = s.own_account[s.account_vault[account], actor]
        assign(u.account, s.account[account])
        assign(u.position[0], s.position[account])
        if own >= 0:
            assign(u.position[1], s.position[own])


@jitable
def _undo(s: State, actor: int, account: int) -> None:
    u = s.undo
    assign(s.hub, u.hub)
    assign(s.spoke, u.spoke)
    assign(s.oracle, u.oracle)
    assign(s.pool, u.pool)
    assign(s.pair, u.pair)
    assign(s.holding[actor], u.holding)
    assign(s.lp[actor], u.lp)
    if account >= 0:
        own = s.own_account[s.account_vault[account], actor]
        if own >= 0:
            assign(s.position[own], u.position[1])
        assign(s.account[account], u.account)
        assign(s.position[account], u.position[0])


# --- transitions in the shape of an operation -----------------------------------------------------


def _mint_token(s: State, actor: int, a: int, x: int, y: int, n: int, limit: int, opt: int) -> int:
    s.holding[actor, x, WALLET] += n
    return OK


def _post_price(s: State, actor: int, a: int, x: int, y: int, n: int, limit: int, opt: int) -> int:
    s.feed[y, x, ANSWER] = n
    s.feed[y, x, UPDATED_AT] = s.clock[0]
    return OK


def _set_feed_mode(
    s: State, actor: int, a: int, x: int, y: int, n: int, limit: int, opt: int
) -> int:
    s.feed[y, x, MODE] = opt
    return OK


def _poke(s: State, actor: int, a: int, x: int, y: int, n: int, limit: int, opt: int) -> int:
    oracle.poke(s, y, x)
    return OK


def _accrue(s: State, actor: int, a: int, x: int, y: int, n: int, limit: int, opt: int) -> int:
    hub.accrue(s, x)
    return OK


def _set_spoke(s: State, actor: int, a: int, x: int, y: int, n: int, limit: int, opt: int) -> int:
    s.spoke[y, x, ADD_CAP] = n
    s.spoke[y, x, DRAW_CAP] = limit
    s.spoke[y, x, ACTIVE] = zero() + (opt != 1)
    s.spoke[y, x, HALTED] = zero() + (opt == 2)
    return OK


# --- the operations, by kind ----------------------------------------------------------------------
# In the lambdas: s state, by actor, a account, x and y as in KINDS, n amount, m limit, o option.

mint_token = _operation(MINT_TOKEN, _mint_token, can_fail=False)
post_price = _operation(POST_PRICE, _post_price, can_fail=False)
set_feed_mode = _operation(SET_FEED_MODE, _set_feed_mode, can_fail=False)
poke = _operation(POKE, _poke, can_fail=False)
accrue = _operation(ACCRUE, _accrue, can_fail=False)
set_spoke = _operation(SET_SPOKE, _set_spoke, can_fail=False)
deposit = _operation(DEPOSIT, lambda s, by, a, x, y, n, m, o: hub_share.deposit(s, by, x, n))
mint_shares = _operation(MINT_SHARES, lambda s, by, a, x, y, n, m, o: hub_share.mint(s, by, x, n))
withdraw_assets = _operation(
    WITHDRAW_ASSETS, lambda s, by, a, x, y, n, m, o: hub_share.withdraw(s, by, x, n)
)
redeem = _operation(REDEEM, lambda s, by, a, x, y, n, m, o: hub_share.redeem(s, by, x, n))
stake = _operation(STAKE, lambda s, by, a, x, y, n, m, o: insurance.stake(s, by, x, n))
request_unstake = _operation(
    REQUEST_UNSTAKE, lambda s, by, a, x, y, n, m, o: insurance.request_withdrawal(s, by, x, n)
)
unstake = _operation(UNSTAKE, lambda s, by, a, x, y, n, m, o: insurance.withdraw(s, by, x))
add_liquidity = _operation(
    ADD_LIQUIDITY, lambda s, by, a, x, y, n, m, o: pair.add_liquidity(s, by, x, n, m)
)
remove_liquidity = _operation(
    REMOVE_LIQUIDITY, lambda s, by, a, x, y, n, m, o: pair.remove_liquidity(s, by, x, n)
)
swap_in = _operation(SWAP_IN, lambda s, by, a, x, y, n, m, o: pair.swap_exact_in(s, by, x, y, n, m))
swap_out = _operation(
    SWAP_OUT, lambda s, by, a, x, y, n, m, o: pair.swap_exact_out(s, by, x, y, n, m)
)
supply = _operation(SUPPLY, lambda s, by, a, x, y, n, m, o: vault_accounts.supply(s, by, a, x, n))
withdraw = _operation(
    WITHDRAW, lambda s, by, a, x, y, n, m, o: vault_accounts.withdraw(s, by, a, x, n)
)
borrow = _operation(BORROW, lambda s, by, a, x, y, n, m, o: vault_accounts.borrow(s, by, a, x, n))
repay = _operation(REPAY, lambda s, by, a, x, y, n, m, o: vault_accounts.repay(s, by, a, x, n))
set_collateral = _operation(
    SET_COLLATERAL, lambda s, by, a, x, y, n, m, o: vault_accounts.set_collateral(s, by, a, x, o)
)
set_isolated = _operation(
    SET_ISOLATED, lambda s, by, a, x, y, n, m, o: vault_accounts.set_isolated(s, by, a, o)
)
set_manager = _operation(
    SET_MANAGER, lambda s, by, a, x, y, n, m, o: vault_accounts.set_manager(s, by, a, x)
)
flag = _operation(FLAG, lambda s, by, a, x, y, n, m, o: vault.flag(s, a))
unflag = _operation(UNFLAG, lambda s, by, a, x, y, n, m, o: vault.unflag(s, a))
liquidate = _operation(
    LIQUIDATE, lambda s, by, a, x, y, n, m, o: vault.liquidate(s, by, a, x, y, n, m, o)
)
flash_liquidate = _operation(
    FLASH_LIQUIDATE, lambda s, by, a, x, y, n, m, o: liquidator.liquidate(s, by, a, x, y, n, m)
)
write_off = _operation(WRITE_OFF, lambda s, by, a, x, y, n, m, o: vault.write_off(s, a))
cover = _operation(COVER, lambda s, by, a, x, y, n, m, o: hub.cover(s, x))
socialise = _operation(SOCIALISE, lambda s, by, a, x, y, n, m, o: hub.socialise(s, x))
claim_fees = _operation(CLAIM_FEES, lambda s, by, a, x, y, n, m, o: hub.claim_fees(s, by, x))
set_reserve = _operation(
    SET_RESERVE, lambda s, by, a, x, y, n, m, o: vault_reserves.set_reserve(s, y, x, n, m, o)
)

OPERATIONS: tuple[Operation, ...] = tuple(globals()[name] for name in KINDS)
"""By kind: OPERATIONS[BORROW] is `borrow`."""
