"""Random operations around auto-deleveraging: cash that is gone for long enough, sightings at and
around the moments that count, whoever is levered enough, or nearly.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import BPS, max_uint, wad
from sim.protocol.state import (
    ADL_MAX_HEALTH,
    ADL_ON_SINCE,
    ADL_RAMP,
    ADL_TARGET,
    ADL_USAGE,
    ADL_USAGE_FOR,
    CASH,
    HUB_SHARES,
    POSITION_DEBT,
    WINDOW,
)
from tests.lockstep import deleveraging
from tests.lockstep.governed import GovernedMachine
from tests.lockstep.machine import actors, assets
from tests.lockstep.side_by_side import ASSETS
from tests.lockstep.steered import numbers
from tests.lockstep.support import ACTORS

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

    @precondition(lambda self: self._strainable())
    @rule(
        n=st.integers(0, 10**6),
        actor=actors,
        late=st.sampled_from([-1, 0, 1, 1]),
        gap=st.sampled_from([300, 600, 600, 601]),
        ramped=st.integers(0, 4),
        usd=st.sampled_from([1, 500, 5_000, 10**6]),
        same=st.booleans(),
    )
    def strain(
        self, n: int, actor: int, late: int, gap: int, ramped: int, usd: int, same: bool
    ) -> None:
        """What somebody owes is lent out, and stays so about as long as it takes; some of the ramp
        later he and others who owe it are deleveraged, in shares and in tokens.
        """
        a, d, _ = self._strainable()[n % len(self._strainable())]
        v = int(self.s.account_vault[a])
        self._fresh()
        self.do(op.deposit, actor, d, self.amount(d, 10_000))
        lender = (self._owner(a) + 3) % ACTORS
        self._lend_out(lender, d)
        self._run_on(d, v, actor)
        terms = self.s.adl[v, d]
        waits = int(terms[ADL_USAGE_FOR])
        for rest in (waits + late, int(terms[ADL_RAMP]) * ramped // 4):
            self._watch(d, v, rest, gap)
        indebted = [b for b in self._indebted() if d in self._debts(b) and b != a]
        others = [b for b in indebted if self.s.account_vault[b] == v]
        for b in [a, *others[:3]] if self.s.adl[v, d, ADL_ON_SINCE] else [a]:
            for c in self._backing(b):
                if c == d and not same:
                    continue
                amount = max_uint() if usd == 10**6 else self.amount(d, usd)
                self.do(op.deleverage, actor, b, d, c, amount, 1)
                self.do(op.deleverage, (actor + 1) % ACTORS, b, d, c, amount, 0)
        if self.s.adl[v, d, ADL_ON_SINCE] and late > 0:  # and it ends
            self.do(op.deposit, (lender + 1) % ACTORS, d, self.amount(d, 2_000_000))
            self._watch(d, v, waits + late, gap)

    def _strainable(self) -> list[tuple[int, int, int]]:
        """Accounts, what they owe that others may repay for them and does not back them, and what
        does.
        """
        return [
            (a, d, c)
            for a in self._indebted()
            for d in self._debts(a)
            for c in self._backing(a)
            if d not in self._backing(a) and self.s.adl[self.s.account_vault[a], d, ADL_TARGET]
        ]

    @precondition(lambda self: self._strainable())
    @rule(
        n=st.integers(0, 10**6),
        quarters=st.integers(1, 4),
        off=st.sampled_from([-300, -100, -100, -10, 20]),
        parts=st.lists(st.sampled_from([1, 300, 2_000, 10**6]), min_size=4, max_size=8),
    )
    def squeeze(self, n: int, quarters: int, off: int, parts: list[int]) -> None:
        """The price of a debt leaves somebody with a health just below the line that it takes so
        many quarters of the ramp to reach, or just above it, and lenders of it run. Once they are
        stuck for long enough one of them takes of him, part by part, in tokens and in shares.
        """
        a, d, c = self._strainable()[n % len(self._strainable())]
        v, payer = int(self.s.account_vault[a]), (self._owner(a) + 1) % ACTORS
        terms = self.s.adl[v, d]
        line = BPS + int(terms[ADL_MAX_HEALTH] - wad()) * BPS * quarters // (4 * wad())
        self._settle(d, self._price_for(a, d, line + off))
        self.do(op.deposit, payer, d, self._units(d, 300))
        self._run_on(d, v, payer)
        for seconds in (int(terms[ADL_USAGE_FOR]) + 1, int(terms[ADL_RAMP]) * quarters // 4):
            self._watch(d, v, seconds, 600)
        for k, usd in enumerate(parts):
            amount = max_uint() if usd == 10**6 else self._units(d, 1) * usd // 100
            if self.do(op.deleverage, payer, a, d, c, amount, k % 2) != OK:
                return

    def _price_for(self, a: int, d: int, health_bps: int) -> int:
        """Of what an account owes, for which it has this health; at least that of a tenth of it."""
        look, price = self.look(), self._price(d)
        h, owed = look.health(a), look.owed(d, int(self.s.position[a, d, POSITION_DEBT]))
        mine = owed * price // int(self.s.unit[d])
        others = max(h.debt_value - mine, 0)
        wanted = h.weighted_collateral // max(health_bps, 1) - others
        return price * max(wanted, mine // 10) // max(mine, 1)

    def _run_on(self, d: int, v: int, stays: int) -> None:
        """Everybody but one takes out what cash there is; what is left then somebody borrows."""
        if self.s.outflow[d, WINDOW]:
            self.do(op.set_outflow_limit, 0, d, 0, 0, 0)
        leaving = [k for k in range(ACTORS) if k != stays]
        for k in leaving:
            worth = self.look().worth(d, int(self.s.holding[k, d, HUB_SHARES]))
            if amount := min(worth, int(self.s.hub[d, CASH])):
                self.do(op.withdraw_assets, k, d, amount)
        for k in leaving:
            usage = int(self.s.adl[v, d, ADL_USAGE])
            if not deleveraging.strain(self.look(), d, usage)[0]:
                self._lend_out(k, d)

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
