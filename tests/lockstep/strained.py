"""Random operations around auto-deleveraging: cash that is gone for long enough, sightings at and
around the moments that count, whoever is levered enough, or nearly.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from sim.protocol import operations as op
from sim.protocol.fixed_point import max_uint
from sim.protocol.state import ADL_ON_SINCE, ADL_RAMP, ADL_USAGE_FOR, CASH
from tests.lockstep.governed import GovernedMachine
from tests.lockstep.machine import actors, assets
from tests.lockstep.side_by_side import ASSETS
from tests.lockstep.steered import numbers

vaults = st.integers(0, 1)


class StrainedMachine(GovernedMachine):
    """What everyone may do, and these."""

    @rule(i=assets, v=vaults)
    def look_at_strain(self, i: int, v: int) -> None:
        """Anyone, at any time."""
        self.do(op.poke_deleveraging, 1, i, v)

    @rule(n=numbers, actor=actors, d=assets, c=assets, usd=st.integers(0, 20_000))
    def deleverage_anyone(self, n: int, actor: int, d: int, c: int, usd: int) -> None:
        """Whether a mode is on or not."""
        self.do(op.deleverage, actor, n % len(self.s.account), d, c, self.amount(d, usd), usd % 2)

    @precondition(lambda self: self._indebted())
    @rule(
        n=numbers,
        actor=actors,
        late=st.sampled_from([-1, 0, 1]),
        gap=st.sampled_from([300, 600, 600, 601]),
        ramped=st.integers(0, 4),
        usd=st.sampled_from([1, 500, 5_000, 10**6]),
        same=st.booleans(),
    )
    def strain(
        self, n: int, actor: int, late: int, gap: int, ramped: int, usd: int, same: bool
    ) -> None:
        """What somebody owes is lent out, and stays so about as long as it takes; some of the ramp
        later he and all others who owe it are deleveraged, in shares and in tokens.
        """
        indebted = self._indebted()
        a = indebted[n % len(indebted)]
        d, v = self._debts(a)[n % len(self._debts(a))], int(self.s.account_vault[a])
        self._fresh()
        self.do(op.deposit, actor, d, self.amount(d, 10_000))
        lender = (self._owner(a) + 3) % 6
        self._lend_out(lender, d)
        terms = self.s.adl[v, d]
        waits = int(terms[ADL_USAGE_FOR])
        for rest in (waits + late, int(terms[ADL_RAMP]) * ramped // 4):
            self._watch(d, v, rest, gap)
        others = [b for b in indebted if d in self._debts(b) and self.s.account_vault[b] == v]
        for b in [a, *others]:
            for c in self._backing(b):
                if c == d and not same:
                    continue
                amount = max_uint() if usd == 10**6 else self.amount(d, usd)
                self.do(op.deleverage, actor, b, d, c, amount, 1)
                self.do(op.deleverage, (actor + 1) % 6, b, d, c, amount, 0)
        if self.s.adl[v, d, ADL_ON_SINCE] and late > 0:  # and it ends
            self.do(op.deposit, (lender + 1) % 6, d, self.amount(d, 2_000_000))
            self._watch(d, v, waits + late, gap)

    def _watch(self, d: int, v: int, seconds: int, gap: int) -> None:
        """Sightings every so many seconds, and one at the end."""
        self.do(op.poke_deleveraging, 1, d, v)
        while seconds > 0:
            self.s.clock[0] += min(gap, seconds)
            seconds -= gap
            self.do(op.poke_deleveraging, 1, d, v)
        self._fresh()

    def _lend_out(self, actor: int, d: int) -> None:
        """Somebody borrows what cash there is, for as much as he can back."""
        c = next(i for i in range(ASSETS) if i != d)
        own = 3 * actor
        self.do(op.supply, actor, own, c, self.amount(c, 3_000_000))
        h, cash = self.look().health(own), int(self.s.hub[d, CASH])
        room = max(h.weighted_limit // 10_000 - h.debt_value, 0) * 98 // 100
        most = int(room * self.s.unit[d] // max(self._price(d), 1))
        self.do(op.borrow, actor, own, d, min(cash, most))
