"""Random operations of many actors on twin and EVM side by side: the Hypothesis state machine."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import max_uint, wad
from sim.protocol.hub import VIRTUAL_SHARES
from sim.protocol.state import (
    ANSWER,
    BORROW_CAP,
    CALLED_AT,
    CONCENTRATION,
    CONCENTRATION_FLOOR,
    DEFICIT,
    DUST_VALUE,
    IS_COLLATERAL,
    LIQUIDATION_DELAY,
    LT,
    LT_FROM,
    POSITION_DEBT,
    REHYPOTHECATE,
    SECOND_ABOVE,
    SECOND_LT,
    SUPPLY_CAP,
    THIRD_ABOVE,
    THIRD_LT,
    TIERED,
)
from sim.protocol.transaction import Operation
from sim.protocol.units import USD
from sim.protocol.vault_parameters import packed
from tests.lockstep.side_by_side import ACCOUNTS, ASSETS, POOLS, SideBySide
from tests.lockstep.support import ACTORS, START_PRICES, UNLIMITED

actors = st.integers(0, ACTORS - 1)
accounts = st.integers(0, ACCOUNTS - 1)
assets = st.integers(0, ASSETS - 1)
pools = st.integers(0, POOLS - 1)
adversarial = st.sampled_from([0, 1, 2, UNLIMITED, UNLIMITED + 1, max_uint()])
dollars = st.one_of(
    st.integers(1, 100), st.integers(100, 100_000), st.integers(100_000, 20_000_000)
)
TIME_JUMPS = [1, 12, 300, 3_600, 86_400, 30 * 86_400, 365 * 86_400]
LONG_RAMP = 100 * 86_400
"""In which any threshold may be lowered to anything."""
MOVES_BPS = [3_000, 7_100, 8_000, 8_500, 9_000, 9_500, 9_990, 10_010, 10_500, 12_000, 20_000]


class ProtocolMachine(SideBySide):
    """What everyone may do, in any order."""

    # --- the world
    # ----------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from(TIME_JUMPS), fresh=st.booleans())
    def time_passes(self, seconds: int, fresh: bool) -> None:
        """Time jumps up to a year; feeds usually report again."""
        self.s.clock[0] += seconds
        for i in range(ASSETS):
            if fresh or seconds > 3_600:
                self.do(op.post_price, 0, i, 0, int(self.s.feed[0, i, ANSWER]))

    @rule(i=assets, move=st.sampled_from(MOVES_BPS))
    def price_moves(self, i: int, move: int) -> None:
        """A price moves, from a tenth of a percent to double."""
        price = int(self.s.feed[0, i, ANSWER]) * move // 10_000
        lowest, highest = START_PRICES[i] // 500, START_PRICES[i] * 500
        self.do(op.post_price, 0, i, 0, min(max(price, lowest), highest))

    @rule(i=assets, price=st.sampled_from([0, 1, 2**63, 2**64]), slot=st.integers(0, 1))
    def price_is_nonsense(self, i: int, price: int, slot: int) -> None:
        """An answer that no router should believe, then a sound one."""
        last = int(self.s.feed[slot, i, ANSWER])
        self.do(op.post_price, 0, i, slot, price)
        self.do(op.poke, 1, i, 0)
        self.do(op.post_price, 0, i, slot, last)

    @rule(i=assets, mode=st.integers(0, 4), slot=st.integers(0, 1), actor=actors)
    def feed_breaks(self, i: int, mode: int, slot: int, actor: int) -> None:
        """A feed reverts, answers an incomplete round or garbage, or burns all gas; then works
        again.
        """
        self.do(op.set_feed_mode, 0, i, slot, mode)
        self.do(op.borrow, actor, 3 * actor, i, self.amount(i, 1))
        self.do(op.set_feed_mode, 0, i, slot, 0)

    @rule(i=assets, move=st.sampled_from([3_000, 5_000, 7_500]), actor=actors)
    def crash(self, i: int, move: int, actor: int) -> None:
        """A price falls far and stays there until it is believed."""
        price = max(int(self.s.feed[0, i, ANSWER]) * move // 10_000, START_PRICES[i] // 500)
        for seconds in (0, 600, 600, 600):
            self.s.clock[0] += seconds
            for j in range(ASSETS):
                answer = price if j == i else int(self.s.feed[0, j, ANSWER])
                self.do(op.post_price, 0, j, 0, answer)
            for v in range(2):
                self.do(op.poke, actor, i, v)

    @rule(
        i=assets,
        moves=st.lists(st.sampled_from([0, 4_000, 9_000, 16_000]), min_size=7, max_size=7),
        actor=actors,
    )
    def dispute(self, i: int, moves: list[int], actor: int) -> None:
        """A price jumps about every ten minutes, or there is none, and somebody looks each time."""
        price = int(self.s.feed[0, i, ANSWER])
        for move in moves:
            self.s.clock[0] += 600
            lowest, highest = START_PRICES[i] // 500, START_PRICES[i] * 500
            answer = min(max(price * move // 10_000, lowest), highest) if move else 0
            self.do(op.post_price, 0, i, 0, answer)
            for v in range(2):
                self.do(op.poke, actor, i, v)
        if answer == 0:
            self.do(op.post_price, 0, i, 0, price)

    @rule(i=assets, v=st.integers(0, 1))
    def poke(self, i: int, v: int) -> None:
        """Anyone advances a deviation check."""
        self.do(op.poke, 1, i, v)

    # --- suppliers, stakers, traders
    # ------------------------------------------------------------------

    @rule(
        operation=st.sampled_from([op.deposit, op.withdraw_assets]),
        actor=actors,
        i=assets,
        usd=dollars,
    )
    def share_token_by_assets(
        self, operation: Operation[...], actor: int, i: int, usd: int
    ) -> None:
        """Suppliers deposit and withdraw amounts of assets."""
        self.do(operation, actor, i, self.amount(i, usd))

    @rule(
        operation=st.sampled_from([op.mint_shares, op.redeem]), actor=actors, i=assets, usd=dollars
    )
    def share_token_by_shares(
        self, operation: Operation[...], actor: int, i: int, usd: int
    ) -> None:
        """Suppliers deposit and withdraw amounts of shares."""
        self.do(operation, actor, i, self.amount(i, usd) * VIRTUAL_SHARES)

    @rule(
        operation=st.sampled_from(
            [
                op.deposit,
                op.mint_shares,
                op.withdraw_assets,
                op.redeem,
                op.stake,
                op.request_unstake,
                op.remove_liquidity,
            ]
        ),
        actor=actors,
        i=assets,
        amount=adversarial,
    )
    def adversarial_amounts(
        self, operation: Operation[...], actor: int, i: int, amount: int
    ) -> None:
        """Nothing, one unit, and everything there could be."""
        self.do(operation, actor, i, amount)

    @rule(actor=actors, i=assets, usd=dollars)
    def stake(self, actor: int, i: int, usd: int) -> None:
        """Stakers come, ask to leave, and try to leave at once."""
        self.do(op.stake, actor, i, self.amount(i, usd))
        self.do(op.request_unstake, actor, i, self.amount(i, usd) * VIRTUAL_SHARES // 2)
        self.do(op.unstake, actor, i)

    @rule(actor=actors, i=assets)
    def unstake(self, actor: int, i: int) -> None:
        """Stakers leave if they may."""
        self.do(op.unstake, actor, i)

    @rule(actor=actors, p=pools, side=st.integers(0, 1), usd=dollars, exact_in=st.booleans())
    def swap(self, actor: int, p: int, side: int, usd: int, exact_in: bool) -> None:
        """Traders sell an amount or buy one."""
        sold = self.s.pair_tokens[p, side if exact_in else 1 - side]
        operation, limit = (op.swap_in, 0) if exact_in else (op.swap_out, max_uint())
        self.do(operation, actor, p, side, self.amount(int(sold), usd), limit)

    @rule(actor=actors, p=pools, usd=dollars)
    def provide(self, actor: int, p: int, usd: int) -> None:
        """Liquidity comes and goes."""
        amounts = [self.amount(int(i), usd) for i in self.s.pair_tokens[p]]
        self.do(op.add_liquidity, actor, p, *amounts)
        self.do(op.remove_liquidity, actor, p, int(self.s.lp[actor, p]) // 3)

    # --- borrowers
    # ------------------------------------------------------------------------------------

    @rule(account=accounts, c=assets, d=assets, usd=dollars, of_limit=st.integers(1, 100))
    def open_position(self, account: int, c: int, d: int, usd: int, of_limit: int) -> None:
        """Supply one asset, borrow another up to a share of the limit: most succeed."""
        owner = int(self.s.account_owner[account])
        self.do(op.supply, owner, account, c, self.amount(c, usd))
        h = self.look().health(account)
        limit, debt = h.weighted_limit, h.debt_value
        room = max(limit // 10_000 - debt, 0) * of_limit // 100
        price = int(self.s.feed[0, d, ANSWER])
        self.do(op.borrow, owner, account, d, int(room * self.s.unit[d] // price))

    @rule(
        operation=st.sampled_from([op.supply, op.withdraw, op.borrow, op.repay]),
        actor=actors,
        account=accounts,
        i=assets,
        usd=dollars,
    )
    def position(
        self, operation: Operation[...], actor: int, account: int, i: int, usd: int
    ) -> None:
        """Anyone tries anything with any account."""
        self.do(operation, actor, account, i, self.amount(i, usd))

    @rule(
        operation=st.sampled_from([op.supply, op.withdraw, op.borrow, op.repay]),
        account=accounts,
        i=assets,
        amount=adversarial,
    )
    def adversarial_position(
        self, operation: Operation[...], account: int, i: int, amount: int
    ) -> None:
        """Owners with nothing, one unit and everything."""
        self.do(operation, int(self.s.account_owner[account]), account, i, amount)

    @rule(account=accounts, i=assets, enabled=st.integers(0, 1))
    def set_collateral(self, account: int, i: int, enabled: int) -> None:
        """Owners switch collateral on and off."""
        self.do(op.set_collateral, int(self.s.account_owner[account]), account, i, enabled)

    @rule(actor=actors, account=accounts, isolated=st.integers(0, 1))
    def set_isolated(self, actor: int, account: int, isolated: int) -> None:
        """Accounts become isolated or cross while empty."""
        self.do(op.set_isolated, actor, account, isolated)

    @rule(actor=actors, account=accounts, manager=st.integers(-1, ACTORS - 1))
    def set_manager(self, actor: int, account: int, manager: int) -> None:
        """Owners delegate."""
        self.do(op.set_manager, actor, account, manager)

    # --- liquidation and losses
    # -----------------------------------------------------------------------

    def _unhealthy(self) -> list[int]:
        return [a for a in range(ACCOUNTS) if self.look().health(a).factor < wad()]

    @rule(
        operation=st.sampled_from(
            [op.flag, op.unflag, op.margin_call, op.end_margin_call, op.write_off]
        ),
        account=accounts,
    )
    def chore(self, operation: Operation[...], account: int) -> None:
        """Keepers flag, unflag, call, end calls and write off, whether it is due or not."""
        self.do(operation, 1, account)

    @rule(actor=actors, i=assets, d=assets, usd=dollars)
    def answer(self, actor: int, i: int, d: int, usd: int) -> None:
        """Everyone who is near is called; those who are try what a call forbids, answer it, and try
        again.
        """
        for a in self._called(actor):
            owner = int(self.s.account_owner[a])
            self.do(op.borrow, owner, a, d, self.amount(d, 2))
            self.do(op.withdraw, owner, a, i, self.amount(i, usd) // 1_000)
            self.do(op.supply, owner, a, i, self.amount(i, usd))
            self.do(op.withdraw, owner, a, i, self.amount(i, usd) // 2)
            self.do(op.end_margin_call, actor, a)

    @rule(actor=actors, n=accounts, d=assets, usd=dollars)
    def price_answers(self, actor: int, n: int, d: int, usd: int) -> None:
        """Everyone who is near is called; what backs one of them rises by a quarter and what he
        owes falls by as much, and somebody tells the vaults; those who are not called any more
        borrow; it is as before.
        """
        if not (called := self._called(actor)):
            return
        before, row = self.s.feed[0, :, ANSWER].copy(), self.s.position[called[n % len(called)]]
        for i in range(ASSETS):
            move = 4 + int(row[i, IS_COLLATERAL] != 0) - int(row[i, POSITION_DEBT] != 0)
            self.do(op.post_price, 0, i, 0, int(before[i]) * move // 4)
        for a in called:
            if self.do(op.end_margin_call, actor, a) == OK:
                self.do(op.borrow, int(self.s.account_owner[a]), a, d, self.amount(d, usd))
        for i in range(ASSETS):
            self.do(op.post_price, 0, i, 0, int(before[i]))

    def _called(self, actor: int) -> list[int]:
        """The accounts that are called, once everyone who may be is."""
        for a in range(ACCOUNTS):
            if wad() <= self.look().health(a).factor < 2 * wad():
                self.do(op.margin_call, actor, a)
        return [a for a in range(ACCOUNTS) if self.s.account[a, CALLED_AT]]

    @rule(actor=actors, account=accounts, d=assets, c=assets, usd=dollars)
    def liquidate_anyone(self, actor: int, account: int, d: int, c: int, usd: int) -> None:
        """Liquidators try accounts that may be healthy."""
        self.do(op.liquidate, actor, account, d, c, self.amount(d, usd), 0, 0)

    @precondition(lambda self: self._unhealthy())
    @rule(
        n=st.integers(0, ACCOUNTS),
        actor=actors,
        d=assets,
        c=assets,
        amount=st.one_of(dollars, st.just(max_uint())),
        shares=st.integers(0, 1),
    )
    def liquidate(self, n: int, actor: int, d: int, c: int, amount: int, shares: int) -> None:
        """Liquidators take a part of an unhealthy account, for cash or for shares."""
        a, d, c = self._pick(n, d, c)
        repay = amount if amount == max_uint() else self.amount(d, amount)
        self.do(op.liquidate, actor, a, d, c, repay, 0, shares)

    @precondition(lambda self: self._unhealthy())
    @rule(
        n=st.integers(0, ACCOUNTS),
        actor=actors,
        profit=st.sampled_from([0, 0, 0, 10**30]),
        waits=st.sampled_from([0, 1, 1]),
    )
    def flash_liquidate(self, n: int, actor: int, profit: int, waits: int) -> None:
        """Liquidators without capital take what pays, at once or once the delay is over."""
        a, d, c = self._pick(n, 0, 0)
        self.do(op.flag, actor, a)
        self.s.clock[0] += waits * int(self.s.policy[self.s.account_vault[a], LIQUIDATION_DELAY])
        if self.s.pair_of[c, d] >= 0:
            self.do(op.flash_liquidate, actor, a, d, c, max_uint(), profit)

    def _pick(self, n: int, d: int, c: int) -> tuple[int, int, int]:
        """An unhealthy account, one of its debts and one of its collaterals, if it has some."""
        unhealthy = self._unhealthy()
        a = unhealthy[n % len(unhealthy)]
        debts = [i for i in range(ASSETS) if self.s.position[a, i, POSITION_DEBT]]
        held = [i for i in range(ASSETS) if self.s.position[a, i, IS_COLLATERAL]]
        return a, debts[d % len(debts)] if debts else d, held[c % len(held)] if held else c

    @precondition(lambda self: self._unhealthy())
    @rule(actor=actors)
    def liquidate_everyone(self, actor: int) -> None:
        """A capable liquidator clears the book; what is left of debts is borne by someone."""
        for a in self._unhealthy():
            for d in range(ASSETS):
                for c in range(ASSETS):
                    owed = self.s.position[a, d, POSITION_DEBT]
                    if owed and self.s.position[a, c, IS_COLLATERAL]:
                        self.do(op.liquidate, actor, a, d, c, max_uint(), 0, 0)
            self.do(op.write_off, actor, a)
        self.losses(actor)

    @precondition(lambda self: self.s.hub[:, DEFICIT].any())
    @rule(actor=actors)
    def losses(self, actor: int) -> None:
        """Anyone closes what is open, and pays a dollar of what the protocol owes."""
        for i in range(ASSETS):
            self.do(op.make_good, actor, i, self.amount(i, 1))
            self.do(op.socialise, actor, i)

    @precondition(lambda self: self._unhealthy())
    @rule(n=st.integers(0, ACCOUNTS), i=assets, mode=st.integers(1, 4), actor=actors, d=assets)
    def shield(self, n: int, i: int, mode: int, actor: int, d: int) -> None:
        """An unhealthy account's owner supplies one unit of an asset whose feed is broken."""
        a, d, c = self._pick(n, d, i)
        for slot in range(2):
            self.do(op.set_feed_mode, 0, i, slot, mode)
        self.do(op.supply, int(self.s.account_owner[a]), a, i, 1)
        self.do(op.flag, actor, a)
        self.do(op.liquidate, actor, a, d, c, self.amount(d, 1_000), 0, 0)
        self.do(op.liquidate, actor, a, d, i, self.amount(d, 1_000), 0, 0)
        self.do(op.write_off, actor, a)
        self.do(op.unflag, actor, a)
        for slot in range(2):
            self.do(op.set_feed_mode, 0, i, slot, 0)

    # --- tokens of other chains
    # -----------------------------------------------------------------------

    @precondition(lambda self: self.bridged)
    @rule(
        nonce=st.integers(0, 63),
        to=actors,
        usd=dollars,
        age=st.sampled_from([-1, 0, 0, 600, 600, 1_800, 1_801]),
        by=st.sampled_from([0, 0, 0, 0, 0, 1]),
    )
    def message(self, nonce: int, to: int, usd: int, age: int, by: int) -> None:
        """Messages arrive in any order, again, too late, too large, and from who is no relayer."""
        for i in self.bridged:
            sent_at = int(self.s.clock[0]) - age
            for n, value in ((nonce, usd), (nonce + 1, 1 + usd % 1_000), (nonce, usd)):
                amount, number = self.amount(i, value), n % self.messages
                self.do(op.receive_message, by, i, to, amount, sent_at, number)

    @precondition(lambda self: self.bridged)
    @rule(actor=actors, usd=dollars)
    def send_back(self, actor: int, usd: int) -> None:
        """Tokens go back to where they come from."""
        for i in self.bridged:
            self.do(op.send_back, actor, i, self.amount(i, usd))

    # --- governance
    # -----------------------------------------------------------------------------------

    @rule(i=assets)
    def claim_fees(self, i: int) -> None:
        """The admin takes the fees."""
        self.do(op.claim_fees, 0, i)

    @rule(
        i=assets,
        v=st.integers(0, 1),
        lt=st.integers(5_000, 9_800),
        ramp=st.sampled_from([0, 1, 86_400, LONG_RAMP, 400 * 86_400]),
    )
    def set_threshold(self, i: int, v: int, lt: int, ramp: int) -> None:
        """The admin raises a threshold, or lowers it over time."""
        self.configure(i, v, {LT: lt}, ramp)

    @rule(
        i=assets,
        v=st.integers(0, 1),
        field=st.integers(0, SUPPLY_CAP - 1),
        value=st.sampled_from([0, 1, 100, 5_000, 9_000, 10_001, 65_535]),
        usd=dollars,
        actor=actors,
    )
    def reserve_is_restricted(
        self, i: int, v: int, field: int, value: int, usd: int, actor: int
    ) -> None:
        """The admin changes one field and the caps; someone runs into them; all is as before."""
        before, cap = self.s.reserve[v, i].copy(), self.amount(i, usd)
        value = min(value, 1) if field >= REHYPOTHECATE else value
        code = self.configure(i, v, {field: value, SUPPLY_CAP: cap, BORROW_CAP: cap}, LONG_RAMP)
        own = 3 * actor + 2 * v
        self.do(op.supply, actor, own, i, self.amount(i, usd))
        self.do(op.borrow, actor, own, i, self.amount(i, usd) // 2)
        self.do(op.set_collateral, actor, own, i, 1)
        self.do(op.withdraw, actor, own, i, self.amount(i, usd) // 4)
        if code == OK:
            self.configure(i, v, dict(enumerate(before[:LT_FROM])), LONG_RAMP)

    @rule(
        i=assets,
        v=st.integers(0, 1),
        on=st.sampled_from([1, 1, 1, 0]),
        falls=st.tuples(st.sampled_from([0, 1, 1_500, 9_000]), st.sampled_from([0, 2_000])),
        begin=st.tuples(dollars, dollars),
        ramp=st.sampled_from([0, 86_400, LONG_RAMP]),
    )
    def set_brackets(
        self, i: int, v: int, on: int, falls: tuple[int, int], begin: tuple[int, int], ramp: int
    ) -> None:
        """The admin lets large collateral count for less, over time, or for as much again; and half
        as large.
        """
        lt = int(self.s.reserve[v, i, LT])
        thresholds = lt - falls[0], lt - falls[0] - falls[1]
        above = [x * USD for x in sorted(begin)]
        changes = dict(zip((SECOND_LT, THIRD_LT), [max(x, 0) for x in thresholds], strict=True))
        for part in (1, 2):
            changes |= {SECOND_ABOVE: above[0] // part, THIRD_ABOVE: above[1] // part}
            self.configure(i, v, changes | {TIERED: on}, ramp)

    @rule(
        i=assets,
        v=st.integers(0, 1),
        most=st.sampled_from([1, 2_000, 5_000, 10_000]),
        floor=st.sampled_from([0, 30_000, 1_000_000]),
        usd=dollars,
        actor=actors,
    )
    def concentrate(self, i: int, v: int, most: int, floor: int, usd: int, actor: int) -> None:
        """The admin limits everyone's share; someone supplies, and turns off what backs him to
        supply more; the limit is lifted.
        """
        own = 3 * actor + 2 * v
        self.configure(i, v, {CONCENTRATION: most, CONCENTRATION_FLOOR: floor * USD}, LONG_RAMP)
        self.do(op.supply, actor, own, i, self.amount(i, usd))
        self.do(op.set_collateral, actor, own, i, 0)
        self.do(op.supply, actor, own, i, self.amount(i, usd))
        self.do(op.set_collateral, actor, own, i, 1)
        self.do(op.repay, actor, own, i, self.amount(i, usd))
        self.configure(i, v, {CONCENTRATION: 0, CONCENTRATION_FLOOR: 0}, LONG_RAMP)

    @rule(v=st.integers(0, 1), value=st.sampled_from([0, 1, 10**11, 10**11 + 1]), usd=dollars)
    def dust_line_moves(self, v: int, value: int, usd: int) -> None:
        """The admin sets the dust line; someone borrows little; it is as before."""
        before = int(self.s.policy[v, DUST_VALUE])
        self.do(op.set_dust_value, 0, v, value)
        for a in range(v, ACCOUNTS, 5):
            self.do(op.borrow, int(self.s.account_owner[a]), a, 2, self.amount(2, usd % 100))
        assert self.do(op.set_dust_value, 0, v, before) == OK

    def configure(self, i: int, v: int, changes: dict[int, int], ramp: int) -> int:
        """Set some fields of a reserve, by column."""
        row = self.s.reserve[v, i].copy()
        for field, value in changes.items():
            row[field] = value
        caps = row[SUPPLY_CAP], row[BORROW_CAP]
        return self.do(op.set_reserve, 0, i, v, *caps, packed(row, ramp))

    @rule(i=assets, v=st.integers(0, 1))
    def forget_anchor(self, i: int, v: int) -> None:
        """The admin lets a router believe what it sees next."""
        self.do(op.forget_anchor, 0, i, v)
        self.do(op.poke, 1, i, v)

    @rule(i=assets, spoke=st.integers(0, 2), usd=dollars, option=st.integers(0, 2), actor=actors)
    def spoke_is_restricted(self, i: int, spoke: int, usd: int, option: int, actor: int) -> None:
        """The admin caps or halts a spoke; someone runs into it; the limit is lifted."""
        cap = self.amount(i, usd)
        self.do(op.set_spoke, 0, i, spoke, cap, cap, option)
        self.do(op.supply, actor, 3 * actor, i, self.amount(i, usd))
        self.do(op.borrow, actor, 3 * actor, i, self.amount(i, usd) // 2)
        self.do(op.withdraw, actor, 3 * actor, i, self.amount(i, usd) // 4)
        self.do(op.repay, actor, 3 * actor, i, self.amount(i, usd) // 4)
        self.do(op.deposit, actor, i, self.amount(i, 10))
        assert self.do(op.set_spoke, 0, i, spoke, UNLIMITED, UNLIMITED, 0) == OK
