"""THE LOOP. One step, in order; nothing else decides what happens when.

    1  reference prices move          the market's tables: row k, and reference.move: what was
                                      sold in the last step is passed on to the market outside;
                                      bridges.move: what backs tokens of other chains
    2  liquidity goes or comes back,  liquidity_providers.act
       arbitrage pulls the venues     arbitrageurs.act
    3  feeds report, routers notice   feeds.report, keepers.poke, keepers.trip, keepers.watch_strain
       who may brake the vault        guardian.act
    4  ratios follow risk,            risk_desk.act: before anyone looks at what they allow
       everyone looks                 watchers.look: at accounts that may have become unhealthy
    5  messages of other chains come  relayer.act
       borrowers and suppliers react  borrowers.act, suppliers.act, rate_response.act
    6  attacker, users' agents act    attacker.act, forger.act, users: in the order of the scenario
    7  keepers flag, liquidators act  keepers.flag, liquidators.act: sales move the venues; where a
                                      step is long, arbitrage pulls them back and it begins again
    8  losses are borne               keepers.write_off, settle_losses: fees, fund, suppliers

While the sequencer is down, only time and reference prices move: no transaction is included, and
liquidators rest. In the grace period after that nobody takes a price for good: nobody borrows,
flags, liquidates or writes off.

Everything that happens to the protocol is an operation of `sim.protocol.operations`, so the
journal of a step is the list of transactions that does the same on a chain. The same source runs
compiled on floats, over thousands of price paths (`sim.engines.compiled`).
"""

from __future__ import annotations

from sim.agents import (
    arbitrageurs,
    attacker,
    borrowers,
    forger,
    guardian,
    keepers,
    liquidators,
    liquidity_providers,
    rate_response,
    relayer,
    risk_desk,
    suppliers,
)
from sim.agents.actors import Actors
from sim.health import watchers
from sim.market import bridges, feeds, lost_before, reference
from sim.market.market import Market
from sim.protocol.fixed_point import jitable
from sim.protocol.state import State
from sim.users.user_agents import Users, nobody


@jitable
def step(s: State, w: Market, k: int, users: Users = nobody) -> None:
    """Step k of the run, at time `w.time[k]`; `users` is what the users' own agents do in it."""
    actors: Actors = w.actors
    s.clock[0] = w.time[k]
    reference.move(s, w, k)
    bridges.move(s, w, k)
    liquidators.rest(w, k)
    if feeds.is_halted(w, k):
        return
    keepers.accrue(s)
    lost_before.accrue(s, w)
    liquidity_providers.act(s, w, k, actors.liquidity_providers)
    # Parts of the step that are left to its end: only where somebody sells are they worth the work.
    grace, parts = feeds.in_grace(w, k), arbitrageurs.parts(actors.arbitrageurs)
    left = parts - 1 if w.liquidators.lively[0] != 0 and not grace else 0
    arbitrageurs.act(s, w, k, actors.arbitrageurs, parts - left)
    reference.remember(s, w)
    feeds.report(s, w, k)
    keepers.poke(s)
    keepers.trip(s)
    keepers.watch_strain(s)
    guardian.act(s, w, k, actors.guardian)
    risk_desk.act(s, w, k, actors.risk_desk)
    watchers.look(s, w)
    relayer.act(s, w, k, actors.borrowers)
    borrowers.act(s, w, k, actors.borrowers)
    suppliers.act(s, w, k, actors.suppliers)
    rate_response.act(s, w, k, actors.rate_response)
    attacker.act(s, w, k, actors.attacker)
    forger.act(s, w, k, actors.forger)
    users(s, w, k)
    if grace:
        keepers.settle_losses(s, w)
        return
    keepers.flag(s, w)
    sold, part = liquidators.act(s, w, k), 1
    w.liquidators.lively[0] = 1 if sold else 0
    while left > 0:
        # What does not pay after a part may pay after more of them; for nobody one look is enough.
        part = 1 if sold else min(2 * part, left)
        part = part if liquidators.are_free(s, w, k) else left
        reference.collect(s, w)
        arbitrageurs.act(s, w, k, actors.arbitrageurs, part)
        reference.remember(s, w)
        sold = liquidators.act(s, w, k)
        w.liquidators.lively[0] = 1 if sold else w.liquidators.lively[0]
        left -= part
    keepers.write_off(s, w)
    keepers.settle_losses(s, w)
