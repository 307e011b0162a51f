"""Random operations on categories: who opts in and out, what governance makes of them."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from sim.protocol import operations as op
from sim.protocol.fixed_point import BPS, max_uint
from sim.protocol.state import BACKS_IN, CATEGORY_LT
from sim.protocol.vault_accounts import health
from sim.protocol.vault_parameters import word_of
from sim.protocol.vault_reserves import threshold
from tests.lockstep.brakes import BrakedMachine
from tests.lockstep.machine import LONG_RAMP, accounts, actors, assets, dollars
from tests.lockstep.side_by_side import ASSETS, CATEGORIES

DAI, USDC = 3, 2
vaults = st.integers(0, 1)
bits = st.integers(1, 2**ASSETS - 1)


class CategorisedMachine(BrakedMachine):
    """What everyone may do, and these."""

    @rule(a=accounts, k=st.integers(0, CATEGORIES), stranger=st.sampled_from([0, 0, 0, 1]))
    def opt(self, a: int, k: int, stranger: int) -> None:
        """Into a category that there may not be, or out of it."""
        self.do(op.set_category, (a // 3 + stranger) % 6, a, k)

    @rule(actor=actors, own=st.integers(0, 2), usd=dollars, part=st.integers(90, 101), i=assets)
    def lever(self, actor: int, own: int, usd: int, part: int, i: int) -> None:
        """USDC against DAI in the first category, up to what is allowed, and something else."""
        a = 3 * actor + own
        self.do(op.supply, actor, a, USDC, self.amount(USDC, usd))
        self.do(op.set_collateral, actor, a, USDC, 1)
        self.do(op.set_category, actor, a, 1)
        h = health(self.s, a)
        room = max(h.weighted_limit - h.debt_value * BPS, 0) // BPS * part // 100
        self.do(op.borrow, actor, a, DAI, room * 10**10)
        self.do(op.borrow, actor, a, i, self.amount(i, 10))

    @rule(a=accounts, actor=actors, move=st.sampled_from([300, 500, 900]), part=st.integers(1, 4))
    def depeg(self, a: int, actor: int, move: int, part: int) -> None:
        """DAI rises until the account is ill, is believed, and somebody liquidates it."""
        h = health(self.s, a)
        if h.factor >= 10**19:
            return
        price = int(self.s.feed[0, DAI, 0])
        self._settle(DAI, price * int(h.factor) // 10**18 * (BPS + move) // BPS)
        if health(self.s, a).factor < 10**18:
            self.do(op.flag, actor, a)
            self._fresh()
            amount = max_uint() if part == 4 else self.amount(DAI, 2_000 * part)
            self.do(op.liquidate, actor, a, DAI, USDC, amount, 0, part % 2)

    @rule(
        v=vaults,
        k=st.integers(0, CATEGORIES),
        lt=st.one_of(st.none(), st.none(), st.integers(7_000, 9_400), st.sampled_from([0, 9_990])),
        gap=st.sampled_from([0, 100, 500]),
        bonus=st.sampled_from([0, 50, 200]),
        members=st.tuples(bits, bits),
        keep=st.sampled_from([True, True, False]),
        ramp=st.sampled_from([0, LONG_RAMP, LONG_RAMP]),
    )
    def configure_category(
        self,
        v: int,
        k: int,
        lt: int | None,
        gap: int,
        bonus: int,
        members: tuple[int, int],
        keep: bool,
        ramp: int,
    ) -> None:
        """The admin adds a category, or changes one: with what was collateral of it, or without."""
        collateral, lent = members
        if keep:
            collateral |= sum(int(x) << i for i, x in enumerate(self.s.member[v, k, :, BACKS_IN]))
        if lt is None:  # as little as may be
            joins = [i for i in range(ASSETS) if collateral >> i & 1]
            lt = max(int(threshold(self.s, v, i)) for i in joins)
        word = word_of([max(lt - gap, 0), lt, bonus, collateral, lent, ramp])
        self.do(op.set_category_config, 0, v, word, k)
        if k == 1 and self.s.category[v, 1, CATEGORY_LT] < 8_600:  # as it was, for others to use
            word = word_of([9_000, 9_300, 200, collateral | 12, 12, LONG_RAMP])
            self.do(op.set_category_config, 0, v, word, 1)
