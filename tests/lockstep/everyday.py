"""What succeeds as a rule: everybody does with what is theirs what they may. In a thousand purely
random operations most kinds are refused, and some never come to anything.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from sim.protocol import operations as op
from sim.protocol.fixed_point import max_uint
from sim.protocol.hub import VIRTUAL_SHARES
from sim.protocol.state import (
    ANSWER,
    CASH,
    COVER_WINDOW,
    DEFICIT,
    HUB_SHARES,
    IS_COLLATERAL,
    POSITION_DEBT,
    RESERVE0,
    SUPPLIED,
    UPDATED_AT,
)
from tests.lockstep.machine import ProtocolMachine, actors, assets
from tests.lockstep.side_by_side import ASSETS
from tests.lockstep.support import ACTORS, START_PRICES

A_DAY = 86_400


class EverydayMachine(ProtocolMachine):
    """Several of the deeds at a time, by any actor with any asset."""

    @rule(
        deeds=st.lists(st.integers(0, 11), min_size=3, max_size=5),
        actor=actors,
        i=assets,
        percent=st.integers(1, 100),
    )
    def everyday(self, deeds: list[int], actor: int, i: int, percent: int) -> None:
        """Each with so many percent of what there is."""
        self._fresh()
        for deed in deeds:
            self._DEEDS[deed](self, actor, i, percent)

    def _deposit(self, actor: int, i: int, percent: int) -> None:
        self.do(op.deposit, actor, i, self._units(i, percent))
        self.do(op.mint_shares, actor, i, self._units(i, percent) * VIRTUAL_SHARES // 2)

    def _leave(self, actor: int, i: int, percent: int) -> None:
        """After having come, with what cash there is, in shares and in assets."""
        self.do(op.deposit, actor, i, self._units(i, percent))
        shares, cash = int(self.s.holding[actor, i, HUB_SHARES]), int(self.s.hub[i, CASH])
        for of, operation in ((shares, op.redeem), (cash, op.withdraw_assets)):
            look = self.look()
            most = min(look.worth(i, shares), cash) * percent // 300
            whole = look.worth(i, shares)
            amount = shares * most // whole if operation is op.redeem and whole else most
            if of and most:
                self.do(operation, actor, i, amount)
                shares, cash = int(self.s.holding[actor, i, HUB_SHARES]), int(self.s.hub[i, CASH])

    def _book(self, actor: int, i: int, percent: int) -> None:
        """Interest of some days; the admin takes what it came to."""
        self.s.clock[0] += A_DAY * percent // 10
        self.do(op.accrue, actor, i)
        self.do(op.claim_fees, 0, i)
        self._fresh()

    def _trade(self, actor: int, i: int, percent: int) -> None:
        pair = i % len(self.s.pair_tokens)
        for side in range(2):
            reserve = int(self.s.pair[pair, RESERVE0 + side])
            self.do(op.swap_in, actor, pair, side, reserve * percent // 5_000 + 1_000, 0)
            self.do(op.swap_out, actor, pair, side, reserve * percent // 5_000 + 1_000, max_uint())

    def _provide(self, actor: int, i: int, percent: int) -> None:
        pair = i % len(self.s.pair_tokens)
        amounts = [self._units(int(token), percent) for token in self.s.pair_tokens[pair]]
        self.do(op.add_liquidity, actor, pair, *amounts)
        self.do(op.remove_liquidity, actor, pair, int(self.s.lp[actor, pair]) * percent // 101)

    def _insure(self, actor: int, i: int, percent: int) -> None:
        """Coming, going, and what has gone."""
        self.do(op.unstake, actor, i)
        self.do(op.stake, actor, i, self._units(i, percent))
        self.do(op.request_unstake, actor, i, self._units(i, percent) * VIRTUAL_SHARES // 2)

    def _borrow(self, actor: int, i: int, percent: int) -> None:
        own, d = self._own(actor, percent), (i + 1) % ASSETS
        self.do(op.supply, actor, own, i, self._units(i, percent))
        self.do(op.borrow, actor, own, d, self._units(d, percent) // 3)

    def _repay(self, actor: int, i: int, percent: int) -> None:
        for own in self._owned(actor):
            for d in range(ASSETS):
                if owed := int(self.s.position[own, d, POSITION_DEBT]):
                    self.do(op.repay, actor, own, d, owed * percent // 99)
                    return

    def _withdraw(self, actor: int, i: int, percent: int) -> None:
        own = self._own(actor, percent)
        if held := int(self.s.position[own, i, SUPPLIED]):
            held = self.look().worth(i, held) if held > 10**20 else held
            self.do(op.withdraw, actor, own, i, held * percent // 1_000)

    def _switch(self, actor: int, i: int, percent: int) -> None:
        """Collateral of an account without debt, or what it owes nothing against, off and on."""
        for own in self._owned(actor):
            if self.s.position[own, i, SUPPLIED]:
                self.do(
                    op.set_collateral, actor, own, i, 1 - self.s.position[own, i, IS_COLLATERAL]
                )

    def _delegate(self, actor: int, i: int, percent: int) -> None:
        own, other = self._own(actor, percent), (actor + 1) % ACTORS
        self.do(op.set_manager, actor, own, other)
        self.do(op.withdraw, other, own, i, self._units(i, 1))
        self.do(op.set_manager, actor, own, -1)

    def _bear(self, actor: int, i: int, percent: int) -> None:
        """Losses whose time is up, and what the protocol owes of them."""
        for d in range(ASSETS):
            if self.s.hub[d, DEFICIT]:
                self.s.clock[0] += int(self.s.losses[COVER_WINDOW]) + 1
                self.do(op.make_good, actor, d, int(self.s.hub[d, DEFICIT]) * percent // 100)
                self.do(op.socialise, actor, d)

    _DEEDS = (
        *(_deposit, _leave, _book, _trade, _provide, _insure),
        *(_borrow, _repay, _withdraw, _switch, _delegate, _bear),
    )

    # --- what these and steered rules are made of -------------------------------------------------

    def _price(self, i: int) -> int:
        return int(self.s.feed[0, i, ANSWER])

    def _fresh(self) -> None:
        """Every feed that said nothing for half an hour says again what it said."""
        for i in range(ASSETS):
            if self.s.clock[0] - self.s.feed[0, i, UPDATED_AT] >= 1_800:
                self.do(op.post_price, 0, i, 0, self._price(i))

    def _units(self, i: int, hundreds: int) -> int:
        """Of a token, worth so many hundred dollars now."""
        return self.amount(i, hundreds * 100) * START_PRICES[i] // self._price(i)

    def _owned(self, actor: int) -> range:
        return range(3 * actor, 3 * actor + 3)

    def _own(self, actor: int, n: int) -> int:
        return self._owned(actor)[n % 3]
