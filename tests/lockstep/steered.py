"""Random operations that seek out what chance seldom finds: accounts of a chosen health, legs that
are nearly used up, the moments around a delay, cash that is gone, doors that open and close.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from sim.protocol import operations as op
from sim.protocol.fixed_point import BPS, max_uint, wad
from sim.protocol.records import copy
from sim.protocol.state import (
    CASH,
    COOLDOWN,
    COVERED_BY_FUND,
    DEFICIT_OWED,
    HUB_SHARES,
    IS_COLLATERAL,
    LEAVES_AT,
    LIQUIDATION_DELAY,
    PENDING_STAKE,
    POOL_ASSETS,
    POSITION_DEBT,
    STAKE,
    SUPPLIED,
    WALLET,
)
from sim.protocol.units import USD
from sim.protocol.vault_flags import is_flagged
from tests.lockstep.everyday import A_DAY, EverydayMachine
from tests.lockstep.machine import actors, assets
from tests.lockstep.side_by_side import ACCOUNTS, ASSETS
from tests.lockstep.support import START_PRICES

numbers = st.integers(0, ACCOUNTS)


class SteeredMachine(EverydayMachine):
    """What everyone may do, and these."""

    # --- what the rules are made of ---------------------------------------------------------------

    def _owner(self, a: int) -> int:
        return int(self.s.account_owner[a])

    def _settle(self, i: int, price: int) -> None:
        """A price that stays until it is believed."""
        price = min(max(price, START_PRICES[i] // 500), START_PRICES[i] * 500)
        for seconds in (0, 600, 600, 600):
            self.s.clock[0] += seconds
            self.do(op.post_price, 0, i, 0, price)
            for v in range(2):
                self.do(op.poke, 1, i, v)
        self._fresh()

    def _debts(self, a: int) -> list[int]:
        return [i for i in range(ASSETS) if self.s.position[a, i, POSITION_DEBT]]

    def _backing(self, a: int) -> list[int]:
        return [i for i in range(ASSETS) if self.s.position[a, i, IS_COLLATERAL]]

    def _indebted(self) -> list[int]:
        return [a for a in range(ACCOUNTS) if self._debts(a) and self._backing(a)]

    def _close(self, a: int) -> None:
        """The owner pays everything and takes everything."""
        owner = self._owner(a)
        for i in self._debts(a):
            self.do(op.repay, owner, a, i, max_uint())
        self._fresh()
        for i in range(ASSETS):
            if self.s.position[a, i, SUPPLIED]:
                self.do(op.withdraw, owner, a, i, max_uint())

    # --- liquidation ------------------------------------------------------------------------------

    @precondition(lambda self: self._indebted())
    @rule(
        n=numbers,
        health_bps=st.sampled_from([3_000, 6_000, 9_000, 9_550, 9_700, 9_850, 9_960, 10_050]),
        of=st.sampled_from(["all", "all", "half", "nearly", "nearly", "flash", "flash"]),
        shares=st.integers(0, 1),
    )
    def ill(self, n: int, health_bps: int, of: str, shares: int) -> None:
        """The price of a debt brings an account to a health; once the delay is over somebody takes
        all that he may, half, all but some hundred dollars of the collateral, or what a flash loan
        pays for.
        """
        indebted = self._indebted()
        a = indebted[n % len(indebted)]
        d, c = self._debts(a)[n % len(self._debts(a))], self._backing(a)[n % len(self._backing(a))]
        if d == c:
            return
        h = self.look().health(a)
        self._settle(d, self._price(d) * h.factor * BPS // (health_bps * wad()))
        liquidator = (self._owner(a) + 1) % 6
        self.do(op.flag, liquidator, a)
        self.s.clock[0] += int(self.s.policy[self.s.account_vault[a], LIQUIDATION_DELAY])
        if of == "flash":
            if self.s.pair_of[c, d] >= 0:
                self.do(op.flash_liquidate, liquidator, a, d, c, max_uint(), 0)
            return
        repay = max_uint()
        look = self.look()
        quote = look.quotes[look.vault[a]]
        if of == "half":
            repay = int(self.s.position[a, d, POSITION_DEBT]) // 2
        if of == "nearly":
            held = int(self.s.position[a, c, SUPPLIED])
            held = look.worth(c, held) if quote[c].lent else held
            left = held * quote[c].collateral_price // quote[c].unit - 500 * USD
            repay = max(left, 0) * quote[d].unit * 100 // (quote[d].debt_price * 106) + 1
        self.do(op.liquidate, liquidator, a, d, c, repay, 0, shares)
        if of == "all":
            self._clear(liquidator, a)

    def _clear(self, liquidator: int, a: int) -> None:
        """What is left of an account, by every pair of a debt and a collateral; the rest is a loss,
        which is borne once its time is up.
        """
        for d in self._debts(a):
            for c in self._backing(a):
                if self.s.position[a, d, POSITION_DEBT]:
                    self.do(op.liquidate, liquidator, a, d, c, max_uint(), 0, 0)
        if self._debts(a):
            self.do(op.write_off, liquidator, a)
            self._bear(liquidator, 0, 1)

    @precondition(lambda self: self._indebted())
    @rule(n=numbers, c=assets, usd=st.integers(2, 60), move=st.sampled_from([3_000, 500]))
    def sunk(self, n: int, c: int, usd: int, move: int) -> None:
        """An account of some dollars loses most of its collateral: is it hopeless? If so, what was
        forfeited is made good in two parts.
        """
        a, d, before = n % ACCOUNTS, (c + 1) % ASSETS, self._price(c)
        owner = self._owner(a)
        self._borrowed_of_next(a, c, usd)
        self._settle(c, before * move // BPS)
        payer = (owner + 1) % 6
        self.do(op.write_off, payer, a)
        for part in (3, 1):
            if owed := int(self.s.hub[d, DEFICIT_OWED]):
                self.do(op.claim_fees, 0, c)
                self.do(op.make_good, payer, d, owed // part)
        self._settle(c, before)

    def _borrowed_of_next(self, a: int, c: int, usd: int) -> None:
        """An account has so much of an asset and owes a part of it of the next one."""
        d, owner = (c + 1) % ASSETS, self._owner(a)
        self._close(a)
        self.do(op.supply, owner, a, c, self.amount(c, usd) * START_PRICES[c] // self._price(c))
        worth = self.amount(d, usd) * START_PRICES[d] // self._price(d)
        self.do(op.borrow, owner, a, d, worth * 6 // 10)

    @precondition(lambda self: self._unhealthy())
    @rule(n=numbers, actor=actors, seconds=st.sampled_from([299, 301, 599, 600]))
    def wait(self, n: int, actor: int, seconds: int) -> None:
        """A liquidator flags, and tries before and after the delay."""
        a, d, c = self._pick(n, 0, 0)
        self.do(op.flag, actor, a)
        self.s.clock[0] += seconds
        self.do(op.liquidate, actor, a, d, c, max_uint(), 0, 0)

    @precondition(lambda self: any(is_flagged(self.s, a) for a in range(ACCOUNTS)))
    @rule(n=numbers, gap=st.sampled_from([300, 600, 601]))
    def recover(self, n: int, gap: int) -> None:
        """The owner of a flagged account tops up, and somebody looks now and then."""
        flagged = [a for a in range(ACCOUNTS) if is_flagged(self.s, a)]
        a = flagged[n % len(flagged)]
        self._fresh()
        for c in self._backing(a)[:1]:
            self.do(op.supply, self._owner(a), a, c, 2 * self._units(c, 1_000))
        for _ in range(7):
            self._fresh()
            self.do(op.unflag, (self._owner(a) + 1) % 6, a)
            self.s.clock[0] += gap

    # --- positions --------------------------------------------------------------------------------

    @precondition(lambda self: self._indebted())
    @rule(n=numbers, part=st.integers(1, 3))
    def repay_own(self, n: int, part: int) -> None:
        """A part of a debt, or all of it."""
        indebted = self._indebted()
        a = indebted[n % len(indebted)]
        d = self._debts(a)[0]
        owed = int(self.s.position[a, d, POSITION_DEBT])
        self.do(op.repay, self._owner(a), a, d, max_uint() if part == 1 else owed // part)

    @rule(n=numbers, i=assets)
    def isolate(self, n: int, i: int) -> None:
        """An account is emptied, set apart, used and emptied again."""
        a = n % ACCOUNTS
        owner = self._owner(a)
        self._close(a)
        self.do(op.set_isolated, owner, a, 1)
        for c in (i, (i + 1) % ASSETS):
            self.do(op.supply, owner, a, c, self.amount(c, 2_000))
        self.do(op.borrow, owner, a, (i + 2) % ASSETS, self.amount((i + 2) % ASSETS, 100))
        self._close(a)
        self.do(op.set_isolated, owner, a, 0)

    # --- the hub and its fund ---------------------------------------------------------------------

    @rule(i=assets, seconds=st.sampled_from([1, 300, A_DAY, 30 * A_DAY]))
    def accrue(self, i: int, seconds: int) -> None:
        """Anyone books interest."""
        self.s.clock[0] += seconds
        self.do(op.accrue, 1, i)

    @rule(actor=actors, i=assets, left=st.integers(0, 20))
    def use_up(self, actor: int, i: int, left: int) -> None:
        """Somebody with plenty of another asset borrows the cash, but for some percent."""
        own, other = 3 * actor, (i + 1) % ASSETS
        self._fresh()
        self.do(op.supply, actor, own, other, int(self.s.holding[actor, other, WALLET]) // 2)
        self.do(op.borrow, actor, own, i, int(self.s.hub[i, CASH]) * (100 - left) // 100)

    @rule(actor=actors, i=assets, part=st.integers(1, 100))
    def redeem_own(self, actor: int, i: int, part: int) -> None:
        """A supplier leaves with a part of its shares."""
        self.do(op.redeem, actor, i, int(self.s.holding[actor, i, HUB_SHARES]) * part // 100)

    def _asked(self, actor: int, i: int, part: int) -> int:
        """A staker collects what has left and asks a part of the rest to: seconds until it does."""
        self.do(op.unstake, actor, i)
        self.do(op.stake, actor, i, self.amount(i, 100))
        if not self.s.holding[actor, i, PENDING_STAKE]:
            self.do(op.request_unstake, actor, i, int(self.s.holding[actor, i, STAKE]) // part)
        return max(int(self.s.holding[actor, i, LEAVES_AT]) - int(self.s.clock[0]), 0)

    @rule(
        actor=actors,
        i=assets,
        others=st.integers(0, 2),
        seconds=st.sampled_from([-1, 0, 1, A_DAY, 3 * A_DAY]),
    )
    def leave_fund(self, actor: int, i: int, others: int, seconds: int) -> None:
        """A staker asks to leave and tries around the moment at which he does; others ask in the
        same period and in the next, and what they do settles what he leaves with.
        """
        waits = [self._asked(actor, i, 2)]
        for k in range(others):
            self._asked((actor + 1) % 6, i, 3)
            self.do(op.request_unstake, actor, i, 1 + k)
            self.s.clock[0] += A_DAY // 2
            waits.append(waits[-1] - A_DAY // 2)
        self.s.clock[0] += max(waits[-1] + seconds, 0)
        if others == 2:
            self.do(op.stake, (actor + 2) % 6, i, self.amount(i, 10))
        self.do(op.unstake, actor, i)
        self.do(op.unstake, (actor + 1) % 6, i)
        self._fresh()

    @rule(
        n=numbers,
        c=assets,
        usd=st.sampled_from([2_000, 10_000, 100_000]),
        actor=actors,
        seconds=st.sampled_from([-1, 0, 1, A_DAY]),
    )
    def leave_around_a_loss(self, n: int, c: int, usd: int, actor: int, seconds: int) -> None:
        """A loss of which the fund pays a part or all is reported just before a staker leaves, or
        just after.
        """
        a, d, before = n % ACCOUNTS, (c + 1) % ASSETS, self._price(c)
        liquidator = (self._owner(a) + 1) % 6
        self._fresh()
        self._borrowed_of_next(a, c, usd)
        self.s.clock[0] += max(self._asked(actor, d, 2) - 1_800 + seconds, 0)
        self._settle(c, before * 50 // BPS)
        self.do(op.liquidate, liquidator, a, d, c, max_uint(), 0, 0)
        self.do(op.write_off, liquidator, a)
        self.do(op.unstake, actor, d)
        self._settle(c, before)

    @rule(
        n=numbers,
        c=assets,
        actor=actors,
        kept=st.lists(st.integers(0, 3), min_size=2, max_size=3),
        times=st.sampled_from([10, 10**6 - 1, 10**6, 10**6 + 1, 10**7]),
    )
    def ruin(self, n: int, c: int, actor: int, kept: list[int], times: int) -> None:
        """Everybody leaves the fund but for one, of whose stakes losses leave around a millionth,
        again and again; then another stakes around a million times what is left.
        """
        d = (c + 1) % ASSETS
        for k in range(6):
            self.do(op.unstake, k, d)
            self.do(op.request_unstake, k, d, int(self.s.holding[k, d, STAKE]))
        self.s.clock[0] += 2 * int(self.s.losses[COOLDOWN])
        self._fresh()
        for parts in kept:
            self._lose_of(n % ACCOUNTS, c, actor, parts)
        more = int(self.s.pool[d, POOL_ASSETS]) * times
        self.do(op.stake, (actor + 1) % 6, d, more + 1)
        self.do(op.unstake, actor, d)

    def _lose_of(self, a: int, c: int, staker: int, parts: int) -> None:
        """A loss that leaves so many millionths of it in the fund, which had about as much."""
        d, before = (c + 1) % ASSETS, self._price(c)
        payer = (self._owner(a) + 1) % 6
        self._borrowed_of_next(a, c, 12)
        self._settle(c, before // 20)
        dry = copy(self.s)
        op.stake(dry, staker, d, self.amount(d, 100))
        had = int(dry.hub[d, COVERED_BY_FUND])
        op.write_off(dry, payer, a)
        paid = int(dry.hub[d, COVERED_BY_FUND]) - had
        left = paid * parts // (10**6 - 1) + parts % 2
        self.do(op.stake, staker, d, max(paid + left - int(self.s.pool[d, POOL_ASSETS]), 0))
        self.do(op.write_off, payer, a)
        self._settle(c, before)
