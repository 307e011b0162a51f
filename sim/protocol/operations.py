"""The operations of the protocol, each declared once: its arguments, what it does, what other rooms
want to know of it. As transactions they are in `sim.engines.calldata`.

    from sim.protocol import operations as op

    code = op.borrow(s, actor, account, asset, amount)  # 0, or the place of a reason in `errors`

Each is all or nothing and leaves a row in the journal (`sim.protocol.transaction`). The order here
is the order of their numbers there.
"""

from __future__ import annotations

from sim.protocol import (
    bridge,
    hub,
    hub_losses,
    hub_share,
    insurance,
    liquidator,
    oracle,
    pair,
    risk_guard,
    steward,
    vault,
    vault_accounts,
    vault_deleveraging,
    vault_parameters,
)
from sim.protocol.errors import OK
from sim.protocol.fixed_point import zero
from sim.protocol.state import (
    ACTIVE,
    ADD_CAP,
    ANSWER,
    DRAW_CAP,
    HALTED,
    MODE,
    UPDATED_AT,
    WALLET,
    Entry,
    State,
)
from sim.protocol.transaction import (
    Account,
    Actor,
    Amount,
    Asset,
    Declared,
    Group,
    Option,
    Pair,
    Side,
    Slot,
    Spoke,
    Vault,
    declared_so_far,
    operation,
)

# --- tokens, feeds, accrual -----------------------------------------------------------------------


@operation(refusable=False)
def mint_token(s: State, actor: int, asset: Asset, amount: Amount) -> int:
    """Tokens out of nowhere into the actor's wallet."""
    s.holding[actor, asset, WALLET] += amount
    return OK


@operation(refusable=False)
def post_price(s: State, actor: int, asset: Asset, slot: Slot, answer: Amount) -> int:
    """A feed reports."""
    s.feed[slot, asset, ANSWER] = answer
    s.feed[slot, asset, UPDATED_AT] = s.clock[0]
    return OK


@operation(refusable=False)
def set_feed_mode(s: State, actor: int, asset: Asset, slot: Slot, mode: Option) -> int:
    """A feed breaks or works again: `oracle.FEED_NORMAL` and after."""
    s.feed[slot, asset, MODE] = mode
    return OK


@operation(refusable=False)
def poke(s: State, actor: int, asset: Asset, v: Vault) -> int:
    """Advance the deviation check of a vault's router."""
    oracle.poke(s, v, asset)
    return OK


@operation(refusable=False)
def accrue(s: State, actor: int, asset: Asset) -> int:
    """Book interest to now."""
    hub.accrue(s, asset)
    return OK


# --- the public share token, the insurance fund ---------------------------------------------------


@operation()
def deposit(s: State, actor: int, asset: Asset, amount: Amount) -> int:
    """Tokens for shares."""
    return hub_share.deposit(s, actor, asset, amount)


@operation()
def mint_shares(s: State, actor: int, asset: Asset, shares: Amount) -> int:
    """Exactly so many shares for what they cost."""
    return hub_share.mint(s, actor, asset, shares)


@operation(Group.WITHDRAWAL)
def withdraw_assets(s: State, actor: int, asset: Asset, amount: Amount) -> int:
    """Exactly so many tokens for the shares that they cost."""
    return hub_share.withdraw(s, actor, asset, amount)


@operation(Group.WITHDRAWAL)
def redeem(s: State, actor: int, asset: Asset, shares: Amount) -> int:
    """Shares for tokens."""
    return hub_share.redeem(s, actor, asset, shares)


@operation()
def stake(s: State, actor: int, asset: Asset, amount: Amount) -> int:
    """Tokens into the insurance fund."""
    return insurance.stake(s, actor, asset, amount)


@operation()
def request_unstake(s: State, actor: int, asset: Asset, shares: Amount) -> int:
    """Make stake shares leave at the end of the next cool-down period; final."""
    return insurance.request_withdrawal(s, actor, asset, shares)


@operation()
def unstake(s: State, actor: int, asset: Asset) -> int:
    """Collect what left, at what it was worth then."""
    return insurance.withdraw(s, actor, asset)


# --- pairs ----------------------------------------------------------------------------------------


@operation()
def add_liquidity(s: State, actor: int, p: Pair, most0: Amount, most1: Amount) -> int:
    """Both tokens in the proportion of the pair, at most so much of each."""
    return pair.add_liquidity(s, actor, p, most0, most1)


@operation()
def remove_liquidity(s: State, actor: int, p: Pair, shares: Amount) -> int:
    """LP shares for both tokens."""
    return pair.remove_liquidity(s, actor, p, shares)


@operation()
def swap_in(s: State, actor: int, p: Pair, side: Side, amount: Amount, least: Amount) -> int:
    """Exactly `amount` of side `side` for the other token, refused for less than `least` of it."""
    return pair.swap_exact_in(s, actor, p, side, amount, least)


@operation()
def swap_out(s: State, actor: int, p: Pair, side: Side, amount: Amount, most: Amount) -> int:
    """So much of side `side` as exactly `amount` of the other token costs, refused above `most`."""
    return pair.swap_exact_out(s, actor, p, side, amount, most)


# --- accounts -------------------------------------------------------------------------------------


@operation()
def supply(s: State, actor: int, account: Account, asset: Asset, amount: Amount) -> int:
    """From the actor's wallet into an account that is his or that he manages."""
    return vault_accounts.supply(s, actor, account, asset, amount)


@operation(Group.WITHDRAWAL)
def withdraw(s: State, actor: int, account: Account, asset: Asset, amount: Amount) -> int:
    """Out of it, to the actor's wallet; the largest integer takes everything."""
    return vault_accounts.withdraw(s, actor, account, asset, amount)


@operation()
def borrow(s: State, actor: int, account: Account, asset: Asset, amount: Amount) -> int:
    """Against what it has, to the actor's wallet."""
    return vault_accounts.borrow(s, actor, account, asset, amount)


@operation()
def repay(s: State, actor: int, account: Account, asset: Asset, amount: Amount) -> int:
    """Up to `amount` of anybody's debt."""
    return vault_accounts.repay(s, actor, account, asset, amount)


@operation()
def set_collateral(s: State, actor: int, account: Account, asset: Asset, enabled: Option) -> int:
    """Whether (1 or 0) a supplied asset backs the account's debts."""
    return vault_accounts.set_collateral(s, actor, account, asset, enabled)


@operation()
def set_isolated(s: State, actor: int, account: Account, isolated: Option) -> int:
    """Whether (1 or 0) the account is one of one collateral and one debt."""
    return vault_accounts.set_isolated(s, actor, account, isolated)


@operation()
def set_manager(s: State, actor: int, account: Account, manager: Actor) -> int:
    """Who else may act on the account; -1 for nobody."""
    return vault_accounts.set_manager(s, actor, account, manager)


@operation(Group.DECISION)
def flag(s: State, actor: int, account: Account) -> int:
    """Start an unhealthy account's liquidation delay."""
    return vault.flag(s, account)


@operation(Group.DECISION)
def unflag(s: State, actor: int, account: Account) -> int:
    """End the flag of one that recovered."""
    return vault.unflag(s, account)


@operation(Group.DECISION)
def margin_call(s: State, actor: int, account: Account) -> int:
    """Call for margin of an account that is healthy, but not by much."""
    return vault.margin_call(s, account)


@operation(Group.DECISION)
def end_margin_call(s: State, actor: int, account: Account) -> int:
    """End the call of one that is healthier."""
    return vault.end_margin_call(s, account)


@operation(Group.DECISION, Group.LIQUIDATION)
def liquidate(
    s: State,
    actor: int,
    account: Account,
    debt: Asset,
    collateral: Asset,
    amount: Amount,
    least: Amount,
    as_shares: Option,
) -> int:
    """Repay up to `amount` of a debt from the wallet for collateral, refused for less than `least`
    of it; `as_shares` (1 or 0) into the actor's own account instead of his wallet.
    """
    return vault.liquidate(s, actor, account, debt, collateral, amount, least, as_shares)


@operation(Group.DECISION, Group.LIQUIDATION)
def flash_liquidate(
    s: State,
    actor: int,
    account: Account,
    debt: Asset,
    collateral: Asset,
    amount: Amount,
    least_profit: Amount,
) -> int:
    """The same without capital: what is seized pays for itself on the pair of the two."""
    return liquidator.liquidate(s, actor, account, debt, collateral, amount, least_profit)


@operation(Group.DECISION)
def write_off(s: State, actor: int, account: Account) -> int:
    """Take the debt of an account without collateral off the books; who bears it does at once."""
    return vault.write_off(s, account)


@operation()
def poke_deleveraging(s: State, actor: int, asset: Asset, v: Vault) -> int:
    """See whether a vault's debt asset is strained, so that its mode begins or ends."""
    return vault_deleveraging.poke_deleveraging(s, v, asset)


@operation(Group.DECISION)
def deleverage(
    s: State,
    actor: int,
    account: Account,
    debt: Asset,
    collateral: Asset,
    amount: Amount,
    in_shares: Option,
) -> int:
    """Repay up to `amount` of a levered account's debt from the wallet, or (`in_shares` 1) by
    burning hub shares, for collateral of equal value.
    """
    return vault_deleveraging.deleverage(s, actor, account, debt, collateral, amount, in_shares)


# --- losses, the admin ----------------------------------------------------------------------------


@operation(Group.DECISION)
def socialise(s: State, actor: int, asset: Asset) -> int:
    """After the window, close an open deficit: suppliers bore it for good."""
    return hub_losses.socialise(s, asset)


@operation(Group.DECISION)
def make_good(s: State, actor: int, asset: Asset, amount: Amount) -> int:
    """Pay what the protocol owes for collateral that it kept: out of its fees of the asset, then
    the actor's wallet.
    """
    return hub_losses.make_good(s, actor, asset, amount)


@operation()
def claim_fees(s: State, actor: int, asset: Asset) -> int:
    """All accrued fees to the actor, who is the admin."""
    return hub_losses.claim_fees(s, actor, asset)


@operation()
def set_reserve(
    s: State,
    actor: int,
    asset: Asset,
    v: Vault,
    supply_cap: Amount,
    borrow_cap: Amount,
    fields: Option,
) -> int:
    """A vault's parameters of an asset; `fields` are the rest, as `vault_parameters.packed`."""
    return vault_parameters.set_reserve(s, v, asset, supply_cap, borrow_cap, fields)


@operation(refusable=False)
def set_spoke(
    s: State,
    actor: int,
    asset: Asset,
    spoke: Spoke,
    add_cap: Amount,
    draw_cap: Amount,
    mode: Option,
) -> int:
    """A spoke's caps of an asset, below 2^112, and whether it works: `mode` 0 normal, 1 not active,
    2 halted.
    """
    s.spoke[spoke, asset, ADD_CAP] = add_cap
    s.spoke[spoke, asset, DRAW_CAP] = draw_cap
    s.spoke[spoke, asset, ACTIVE] = zero() + (mode != 1)
    s.spoke[spoke, asset, HALTED] = zero() + (mode == 2)
    return OK


@operation()
def set_dust_value(s: State, actor: int, v: Vault, value: Amount) -> int:
    """A vault's dust line, USD with 8 decimals."""
    return vault_parameters.set_dust_value(s, v, value)


@operation(refusable=False)
def forget_anchor(s: State, actor: int, asset: Asset, v: Vault) -> int:
    """A vault's router begins with a feed anew: what it sees next is believed."""
    oracle.forget_anchor(s, v, asset)
    return OK


@operation()
def update_parameter(
    s: State,
    actor: int,
    asset: Asset,
    v: Vault,
    value: Amount,
    published_at: Amount,
    parameter: Option,
) -> int:
    """The steward's council changes one parameter of an asset in a vault; behind the last vault is
    the hub. `parameter` is a place in `state.PARAMETERS`, `published_at` a timestamp.
    """
    return steward.update(s, actor, v, asset, parameter, value, published_at)


# --- tokens of other chains -----------------------------------------------------------------------


@operation()
def receive_message(
    s: State, actor: int, asset: Asset, to: Actor, amount: Amount, sent_at: Amount, nonce: Option
) -> int:
    """The relayer brings a message: mint what `to` locked at `sent_at`, a timestamp."""
    return bridge.receive_message(s, actor, asset, nonce, to, amount, sent_at)


@operation()
def send_back(s: State, actor: int, asset: Asset, amount: Amount) -> int:
    """Burn tokens of another chain for as much on it."""
    return bridge.send_back(s, actor, asset, amount)


# --- brakes ---------------------------------------------------------------------------------------


@operation()
def set_outflow_limit(
    s: State, actor: int, asset: Asset, limit: Amount, floor: Amount, window: Option
) -> int:
    """What may leave the hub, net of what comes: at once `limit` bps of all there is, or `floor`
    token units, and that again in every `window` seconds; 0 for no limit.
    """
    return hub_losses.set_outflow_limit(s, asset, limit, floor, window)


@operation()
def pause(s: State, actor: int, asset: Asset, v: Vault, seconds: Amount, bits: Option) -> int:
    """A vault's guardian stops borrowing (1), withdrawing (2), liquidating (4) for a while."""
    return risk_guard.pause(s, actor, v, asset, bits, seconds)


@operation()
def unpause(s: State, actor: int, asset: Asset, v: Vault, bits: Option) -> int:
    """The owner of a vault's guard ends pauses."""
    return risk_guard.unpause(s, actor, v, asset, bits)


@operation(refusable=False)
def note_price(s: State, actor: int, asset: Asset, v: Vault) -> int:
    """A vault's guard notes the price that the router accepts."""
    risk_guard.poke(s, v, asset)
    return OK


@operation(Group.DECISION)
def trip(s: State, actor: int, asset: Asset, v: Vault) -> int:
    """Open a vault's breaker of an asset whose price moved far."""
    return risk_guard.trip(s, v, asset)


@operation()
def set_stress(s: State, actor: int, v: Vault, bps: Amount) -> int:
    """The owner of a vault's guard sets what borrow limits are multiplied with."""
    return risk_guard.set_stress(s, actor, v, bps)


@operation()
def lower_stress(s: State, actor: int, v: Vault, bps: Amount) -> int:
    """Its guardian lowers it."""
    return risk_guard.lower_stress(s, actor, v, bps)


@operation(refusable=False)
def post_sequencer(s: State, actor: int, status: Option) -> int:
    """The sequencer's feed reports that it is up (0) or down (1), from now on."""
    s.sequencer[ANSWER] = status
    s.sequencer[UPDATED_AT] = s.clock[0]
    return OK


# --- categories -----------------------------------------------------------------------------------


@operation()
def set_category(s: State, actor: int, account: Account, category: Option) -> int:
    """By which category the account counts, 0: by none."""
    return vault_accounts.set_category(s, actor, account, category)


@operation()
def set_category_config(s: State, actor: int, v: Vault, fields: Amount, category: Option) -> int:
    """What accounts in it count by; `fields` as `vault_parameters.word_of`, CATEGORY_WORDS."""
    return vault_parameters.set_category_config(s, v, category, fields)


# --- all of them ----------------------------------------------------------------------------------

DECLARED: tuple[Declared, ...] = tuple(declared_so_far)
"""By kind."""
BY_NAME = {one.name: one for one in DECLARED}


def names(group: Group) -> tuple[str, ...]:
    """The operations of a group, as tapes call them."""
    return tuple(one.name for one in DECLARED if group in one.groups)


LIQUIDATIONS = names(Group.LIQUIDATION)
WITHDRAWALS = names(Group.WITHDRAWAL)


def execute(s: State, row: Entry) -> int:
    """Carry out what a journal row asks for; return the code."""
    declared = DECLARED[row.kind]
    return declared.carry_out(s, row.actor, *declared.taken(row))
