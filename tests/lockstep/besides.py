"""Random calls that are no operations of the twin: what governance sets, what third parties do with
tokens. Each is sent to the contracts as it is, and the twin is told what it should have come to;
the comparison after the next operation holds both against each other.
"""

from __future__ import annotations

from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import rule

from sim.engines.artifacts import contracts
from sim.engines.calldata import Encoder, actor_address, words
from sim.engines.chain import Call
from sim.protocol import hub
from sim.protocol import operations as op
from sim.protocol.records import copy
from sim.protocol.state import (
    ANCHOR,
    DUST_VALUE,
    HUB_SHARES,
    LIQUIDATION_DELAY,
    MARGIN_CALL_HEALTH,
    URGENT_HEALTH,
    WALLET,
)
from sim.protocol.units import USD
from tests.lockstep.categorised import CategorisedMachine
from tests.lockstep.machine import actors, assets
from tests.lockstep.side_by_side import SYMBOLS
from tests.lockstep.support import ACTORS, START_PRICES

vaults = st.integers(0, 1)


class Machine(CategorisedMachine):
    """What everyone may do, by operations and besides. WBTC is of another chain."""

    bridged: ClassVar[dict[int, tuple[int, int, int]]] = {1: (500 * 10**8, 3_600, 1_800)}
    messages = 64
    tiered = guarded = categorised = True

    # --- governance -------------------------------------------------------------------------------

    @rule(
        i=assets,
        model=st.sampled_from(
            [
                (1_000, 8_000, 100, 400, 20_000),
                (0, 9_000, 0, 1_000, 5_000),
                (5_000, 4_500, 200, 700, 30_000),
            ]
        ),
    )
    def set_rate_model(self, i: int, model: tuple[int, ...]) -> None:
        """Interest so far is booked at the old curve."""
        self.do(op.accrue, 1, i)
        d = self.lockstep.deployment
        self._sent(0, d.hub, "LiquidityHub", "setRateModel", d.tokens[i], *model)
        self.s.rates[i] = model
        hub.update_rate(self.s, i)

    @rule(
        v=vaults,
        delay=st.sampled_from([0, 300, 600, 3_600]),
        urgent=st.sampled_from([850, 900, 950]),
        dust=st.sampled_from([1, 5]),
        call=st.sampled_from([0, 1_000, 1_100, 1_500]),
    )
    def set_policy(self, v: int, delay: int, urgent: int, dust: int, call: int) -> None:
        """Delay, urgent health, dust line and health of margin calls; engine and guard stay."""
        d, columns = self.lockstep.deployment, (LIQUIDATION_DELAY, URGENT_HEALTH, DUST_VALUE)
        columns += (MARGIN_CALL_HEALTH,)
        values = delay, urgent * 10**15, dust * USD, call * 10**15
        policy = (d.engines[v], *values, d.guards[v])
        self._sent(0, d.vaults[v], "Vault", "setPolicy", *policy)
        for column, value in zip(columns, values, strict=True):
            self.s.policy[v, column] = value
        # An operation that sets one of them sends the others as its encoder knows them.
        approved = self.lockstep._encoder.approved
        self.lockstep._encoder = Encoder(copy(self.s), d)
        self.lockstep._encoder.approved = approved

    @rule(
        i=assets,
        v=vaults,
        heartbeat=st.sampled_from([3_600, 7_200, 90_000]),
        move=st.sampled_from([1_000, 3_000, 5_000]),
        hold_off=st.sampled_from([900, 1_800]),
    )
    def set_feed(self, i: int, v: int, heartbeat: int, move: int, hold_off: int) -> None:
        """Other bounds of the same feed: its anchor stays."""
        d = self.lockstep.deployment
        lowest, highest = START_PRICES[i] // 1_000, START_PRICES[i] * 1_000
        other: int | str = d.feeds[1][i] if i == 0 else 0
        bounds = (heartbeat, hold_off, lowest, highest, move)
        self._sent(
            0, d.routers[v], "OracleRouter", "setFeed", d.tokens[i], d.feeds[0][i], *bounds, other
        )
        self.s.oracle[v, i, :ANCHOR] = [heartbeat, lowest, highest, move, hold_off, int(i == 0)]

    # --- third parties ----------------------------------------------------------------------------

    @rule(actor=actors, i=assets, to=st.integers(0, 4), usd=st.sampled_from([1, 1_000, 500_000]))
    def donate(self, actor: int, i: int, to: int, usd: int) -> None:
        """Tokens that nobody asked for, to the hub, its fund, a vault, a pool or the liquidator:
        they belong to nobody, and change no number.
        """
        d = self.lockstep.deployment
        pair = next(p for p, tokens in enumerate(self.s.pair_tokens) if i in tokens)
        owners = {
            f"hub {SYMBOLS[i]}": d.hub,
            f"fund {SYMBOLS[i]}": d.fund,
            f"pair {pair} holding {SYMBOLS[i]}": d.pairs[pair],
            f"liquidator contract {SYMBOLS[i]}": d.liquidator,
        }
        label = list(owners)[to % len(owners)]
        amount = min(self.amount(i, usd), int(self.s.holding[actor, i, WALLET]))
        self._sent(actor, d.tokens[i], "TestToken", "transfer", owners[label], amount)
        self.s.holding[actor, i, WALLET] -= amount
        self.minted[i] -= amount  # of what the ledgers know
        for what in (label, f"{SYMBOLS[i]} supply"):
            self._unbooked(d.tokens[i], what, amount)

    @rule(actor=actors, i=assets, percent=st.integers(1, 100))
    def give_shares(self, actor: int, i: int, percent: int) -> None:
        """Shares change hands by an ERC-20 transfer."""
        other = (actor + 1) % ACTORS
        shares = int(self.s.holding[actor, i, HUB_SHARES]) * percent // 100
        share = self.lockstep.deployment.shares[i]
        self._sent(actor, share, "HubShare", "transfer", actor_address(other), shares)
        self.s.holding[actor, i, HUB_SHARES] -= shares
        self.s.holding[other, i, HUB_SHARES] += shares

    # --- how --------------------------------------------------------------------------------------

    def _sent(
        self, actor: int, to: str, contract: str, function: str, *arguments: int | str
    ) -> None:
        """A transaction of its own, which must succeed."""
        data = contracts()[contract].selector(function) + words(*arguments)
        call = Call(actor_address(actor), to, data)
        (receipt,) = self.lockstep.chain.block([call], int(self.s.clock[0]))
        assert receipt.ok, f"{function}: {receipt.output!r}"
        self.tally[f"{contract}.{function}", True] += 1
        self._look = None

    def _unbooked(self, token: str, label: str, amount: int) -> None:
        """More of a token than the ledgers know, in the word with this label."""
        known = self.lockstep._storage.words
        (word,) = (
            n
            for n, (place, parts) in enumerate(zip(known.places, known.parts, strict=True))
            if place[0] == token.lower() and f"{parts[0].label} ".startswith(f"{label} ")
        )
        known.expected[word] += amount
