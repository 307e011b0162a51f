"""An attacker: buys an asset on a venue, which raises its price there, and borrows against it what
a feed that follows the venue, or is wrong for another reason, lets it.

With reserves x of the asset and y of what it pays, a price raised by e costs

    q = y (sqrt(1 + e) - 1)

and yields x (1 - 1 / sqrt(1 + e)). If the feed follows, that is collateral of q sqrt(1 + e), so
with borrow limit LTV and neither fee nor arbitrage

    profit = q (LTV sqrt(1 + e) - 1)         above 0 exactly if 1 + e > 1 / LTV^2

It spends its capital at once, waits, and then decides once: to borrow and never repay, if that is
worth more at reference prices than selling back; otherwise to sell back. It buys on one venue, and
sells back on all of them that trade the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from sim.agents.sales import sell
from sim.agents.start import Start, integers, owner
from sim.health.watchers import look_at
from sim.market import feeds
from sim.market.market import Market
from sim.protocol import hub, oracle, split
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import (
    BPS,
    div_down,
    jitable,
    max_uint,
    mul_div_down,
    mul_div_up,
    ray,
    zero,
)
from sim.protocol.state import (
    ADDED_SHARES,
    BORROW_CAP,
    BORROW_INDEX,
    COLLATERAL_ENABLED,
    DRAW_CAP,
    DRAWN_SCALED,
    ESCROWED,
    REHYPOTHECATE,
    SUPPLY_CAP,
    WALLET,
    Array,
    State,
)
from sim.protocol.vault_accounts import collateral_value, debt_assets, health
from sim.protocol.vault_reserves import weigh
from sim.scenario import Scenario
from sim.schema.venues import place_of

NAME = "attacker"

ATTACKER = ("actor", "account", "asset", "target", "pair", "side", "stage")
"""Asset: what is bought and pledged; target: what is borrowed; side: of the pair, on which the
attacker pays."""
(
    ATTACKER_ACTOR,
    ATTACKER_ACCOUNT,
    ATTACKED_ASSET,
    ATTACK_TARGET,
    ATTACK_PAIR,
    ATTACK_SIDE,
    ATTACK_STAGE,
) = range(len(ATTACKER))
WAITING, BOUGHT, DONE = range(3)

ATTACK_TIME = ("at", "borrow_from")
ATTACK_AT, BORROW_FROM = range(len(ATTACK_TIME))


class Attacker(NamedTuple):
    """What the attacker knows; empty without one."""

    who: Array  # (ATTACKER,) int64
    times: Array  # (ATTACK_TIME,) timestamps

    @classmethod
    def of(cls, start: Start) -> Attacker:
        """Who attacks, and when."""
        scenario, attack = start.scenario, start.scenario.attack
        if attack is None:
            return cls(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=object))
        account = start.own_account[NAME]
        pair = place_of(scenario.venues, attack.venue, attack.venue_name)
        pays_on = 1 - scenario.venues[pair].assets.index(attack.asset)
        asset, target = (scenario.symbols.index(name) for name in (attack.asset, attack.borrow))
        row = [owner(scenario, account), account, asset, target, pair, pays_on, WAITING]
        at = int(attack.at.timestamp())
        return cls(np.array(row, dtype=np.int64), integers([at, at + attack.wait_seconds]))


def capital(scenario: Scenario) -> Mapping[str, float] | None:
    """USD of each asset that the attacker owns at the start; None if there is none."""
    if (attack := scenario.attack) is None:
        return None
    return {attack.venue[1 - attack.venue.index(attack.asset)]: attack.capital_usd}


def vault(scenario: Scenario) -> int:
    """The first that takes what the attacker pledges and lends what it borrows, if one does."""
    vaults, attack = scenario.protocol.vaults.values(), scenario.attack
    may = [attack and v.takes(attack.asset) and v.lends(attack.borrow) for v in vaults]
    return may.index(True) if True in may else 0


@jitable
def act(s: State, w: Market, k: int, own: Attacker) -> None:
    """Buy at the time of the attack, decide when the wait is over."""
    if own.who.shape[0] == 0 or own.who[ATTACK_STAGE] == DONE:
        return
    if own.who[ATTACK_STAGE] == WAITING and s.clock[0] >= own.times[ATTACK_AT]:
        _buy(s, own)
        own.who[ATTACK_STAGE] = BOUGHT
    waits = s.clock[0] < own.times[BORROW_FROM] or feeds.in_grace(w, k)
    if own.who[ATTACK_STAGE] == BOUGHT and not waits:
        own.who[ATTACK_STAGE] = DONE
        if _borrowing_pays(s, w, k, own):
            _borrow(s, w, own)
        _sell_back(s, own)  # whatever is not pledged


@jitable
def _buy(s: State, own: Attacker) -> None:
    """Spend everything on the venue attacked."""
    actor, p, side = own.who[ATTACKER_ACTOR], own.who[ATTACK_PAIR], own.who[ATTACK_SIDE]
    held = s.holding[actor, s.pair_tokens[p, side], WALLET]
    if held > 0:
        op.swap_in(s, actor, p, side, held, zero())


@jitable
def _sell_back(s: State, own: Attacker) -> None:
    """Sell what was bought, on every venue of the two assets."""
    actor, i = own.who[ATTACKER_ACTOR], own.who[ATTACKED_ASSET]
    held = s.holding[actor, i, WALLET]
    if held > 0:
        quote = s.pair_tokens[own.who[ATTACK_PAIR], own.who[ATTACK_SIDE]]
        sell(s, actor, i, quote, held, False)


@jitable
def _borrowing_pays(s: State, w: Market, k: int, own: Attacker) -> bool:
    """Whether what can be borrowed is worth more than what selling back brings.

    Collateral beyond a supply cap is sold in either case: left out.
    """
    row = own.who
    i, target, p, side = (
        row[ATTACKED_ASSET],
        row[ATTACK_TARGET],
        row[ATTACK_PAIR],
        row[ATTACK_SIDE],
    )
    v = s.account_vault[row[ATTACKER_ACCOUNT]]
    pledged = room_to_supply(s, row[ATTACKER_ACTOR], row[ATTACKER_ACCOUNT], i)
    if pledged == 0:
        return False
    seen = oracle.read(s, v, i)
    status_of_target = oracle.read(s, v, target).status
    if seen.status != oracle.STATUS_OK or status_of_target != oracle.STATUS_OK:
        return False
    value = collateral_value(pledged, seen.price, s.unit[i])
    limit = weigh(s, row[ATTACKER_ACCOUNT], i, value)[1]
    most = most_debt(s, row[ATTACKER_ACCOUNT], target, limit)
    borrowed = mul_div_down(most, w.price[k, target], s.unit[target])
    quote = s.pair_tokens[p, side]
    code, out = split.proceeds(s, i, quote, pledged)
    if code != OK:
        return True
    return borrowed > mul_div_down(out, w.price[k, quote], s.unit[quote])


@jitable
def _borrow(s: State, w: Market, own: Attacker) -> None:
    """Supply what was bought and borrow the most that is allowed; undone if that is refused."""
    row = own.who
    actor, a, i, target = (
        row[ATTACKER_ACTOR],
        row[ATTACKER_ACCOUNT],
        row[ATTACKED_ASSET],
        row[ATTACK_TARGET],
    )
    if op.supply(s, actor, a, i, room_to_supply(s, actor, a, i)) != OK:
        return
    amount = most_debt(s, a, target, health(s, a).weighted_limit)
    if op.borrow(s, actor, a, target, amount) != OK:
        op.withdraw(s, actor, a, i, max_uint())
    look_at(s, w, a)


@jitable
def room_to_supply(s: State, actor: int, a: int, i: int) -> int:
    """What an actor has of an asset, at most what the supply cap of his account's vault has room
    for; 0 where it cannot be pledged.
    """
    v = s.account_vault[a]
    if s.reserve[v, i, COLLATERAL_ENABLED] == 0:
        return zero()
    there = s.spoke[v, i, ESCROWED]
    if s.reserve[v, i, REHYPOTHECATE] != 0:
        there = hub.to_assets_down(s, i, s.spoke[v, i, ADDED_SHARES])
    room = max(zero(), s.reserve[v, i, SUPPLY_CAP] - there)
    return min(s.holding[actor, i, WALLET], room)


@jitable
def most_debt(s: State, a: int, target: int, limit: int) -> int:
    """The most that an account can borrow besides, within a weighted limit (USD with 8 decimals x
    BPS) that all it owes is in `target`, the cash of the hub and the caps, down.

    The vault accepts debt_value BPS <= limit with debt_value rounded up, so V = floor(limit / BPS)
    and V unit / price, down, is accepted; less what rounding adds to a debt on the ledger, which is
    below a unit of scaled debt and one of rounding up.
    """
    v = s.account_vault[a]
    price = oracle.read(s, v, target).price
    if price == 0:
        return zero()
    margin = mul_div_up(s.hub[target, BORROW_INDEX], 1, ray()) + 1
    most = mul_div_down(div_down(limit, BPS), s.unit[target], price) - debt_assets(s, a, target)
    drawn = hub.debt_of(s, target, s.spoke[v, target, DRAWN_SCALED])
    cap = min(s.reserve[v, target, BORROW_CAP], s.spoke[v, target, DRAW_CAP])
    return max(zero(), min(most - margin, min(cap - drawn - margin, hub.available(s, target))))
