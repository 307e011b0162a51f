"""What every party of a run owns, less what it owes, in token units: every token has one owner.

A token lies in a wallet, in the hub's cash or escrow, in the insurance fund or in a pair.
What lies in a wallet is its actor's. The rest belongs to those whose claims the contracts would pay
with it, and what they owe the hub counts against them. Per asset, interest to now included,

    cash + escrow + fund + pairs = shares + deposits + fees + stakes + liquidity - debts + rounding

A claim is rounded down and a debt up, as the contracts do; `rounding` is what that and the virtual
and locked shares leave: nobody can have it. A debt beyond its collateral is left behind by who owes
it (accounts are without recourse), so the shortfall at reference prices is that of `nobody yet`,
who owns less than nothing: it is lost, and borne by no one so far. So all parties together own the
tokens that are there, to the unit, whatever happened.
"""

from __future__ import annotations

import numpy as np

from sim.agents.actors import ROLES
from sim.protocol import hub
from sim.protocol.state import (
    CASH,
    ESCROW,
    HUB_SHARES,
    PENDING_STAKE,
    POOL_ASSETS,
    RESERVE0,
    STAKE,
    UNCOLLECTED,
    WALLET,
    Array,
    State,
)
from sim.scenario import Scenario
from sim.tape.exact_shortfall import shortfall
from sim.tape.positions import amounts
from sim.tape.wealth import invested
from sim.world.actors import first_own_account, own

PARTIES = (
    "borrowers",
    "suppliers",
    "protocol",
    "insurance fund",
    "liquidators",
    "liquidity providers",
    "arbitrageurs",
    *(role.name for role in ROLES),
    "users' agents",
    "nobody yet",
    "rounding",
)
"""In the order of a report. The protocol's is what its fees are worth."""
(
    BORROWERS,
    SUPPLIERS,
    PROTOCOL,
    FUND,
    LIQUIDATORS,
    LIQUIDITY_PROVIDERS,
    ARBITRAGEURS,
) = range(7)
USERS, NOBODY_YET, ROUNDING = range(len(PARTIES) - 3, len(PARTIES))


def held(s: State, scenario: Scenario, prices: Array) -> Array:
    """Token units of every party, (parties, assets); `prices` (assets,), USD with 8 decimals, say
    which debts exceed their collateral.
    """
    owned = np.full((len(PARTIES), len(s.unit)), 0, dtype=object)
    claims = owned[0].copy()  # on what does not lie in wallets, less debts
    party = of_actors(scenario, len(s.account))
    np.add.at(owned, party, s.holding[:, :, WALLET])
    shares_of = (HUB_SHARES, STAKE, PENDING_STAKE)
    invests = (s.holding[:, :, shares_of] != 0).any(axis=(1, 2)) | (s.lp != 0).any(axis=1)
    for actor in np.flatnonzero(invests):
        shares = np.array(invested(s, actor), dtype=object)
        owned[party[actor]] += shares
        claims += shares
    short = shortfall(s, prices)
    missing = np.full(s.position.shape[:2], 0, dtype=object)
    missing[short.accounts] = short.parts
    supplied, owed = amounts(s)
    of_account = np.asarray(party)[s.account_owner]
    np.add.at(owned, of_account, supplied - owed + missing)
    claims += (supplied - owed).sum(axis=0)
    there = s.hub[:, CASH] + s.hub[:, ESCROW] + s.pool[:, POOL_ASSETS] + s.pool[:, UNCOLLECTED]
    for p, tokens in enumerate(s.pair_tokens):
        for side, i in enumerate(tokens):
            there[i] += s.pair[p, RESERVE0 + side]
    for i in range(len(s.unit)):
        fee_shares = hub.preview(s, i).fee_shares
        fees = hub.to_assets_down(s, i, fee_shares)
        owned[PROTOCOL, i] += fees
        owned[NOBODY_YET, i] -= missing[:, i].sum()
        owned[ROUNDING, i] += there[i] - (claims[i] + fees)
    return owned


def of_actors(scenario: Scenario, accounts: int) -> list[int]:
    """The party of every actor; `accounts` is the number of all accounts."""
    return [
        *(PROTOCOL, SUPPLIERS, LIQUIDITY_PROVIDERS, FUND, ARBITRAGEURS),  # as in sim.agents.start
        *([LIQUIDATORS] * len(scenario.liquidators)),
        *([BORROWERS] * first_own_account(scenario, accounts)),
        *(USERS if one.is_users else PARTIES.index(one.name) for one in own(scenario)),
    ]
