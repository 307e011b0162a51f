"""One state of the twin as the invariants look at it: plain lists, and what is worked out of them.

Most operations change little, so a look takes over from the one before whatever was worked out of
the same numbers: prices and shares of an asset, the health of an account.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from sim.protocol import hub, insurance, oracle
from sim.protocol.fixed_point import BPS, div_down, max_uint, mul_div_half, ray, wad
from sim.protocol.state import (
    BACKS_IN,
    CALLED_AT,
    CATEGORY,
    CATEGORY_LT,
    CATEGORY_LT_FROM,
    CATEGORY_LTV,
    CATEGORY_MAX_BONUS,
    CATEGORY_RAMP_END,
    CATEGORY_RAMP_START,
    FLAGGED_AT,
    GUARDED,
    IS_COLLATERAL,
    LIQUIDATION_DELAY,
    LT,
    LTV,
    MARGIN_CALL_HEALTH,
    MAX_BONUS,
    POSITION_DEBT,
    REHYPOTHECATE,
    SECOND_ABOVE,
    SECOND_LT,
    STRESS,
    THIRD_ABOVE,
    THIRD_LT,
    TIERED,
    URGENT,
    URGENT_HEALTH,
    State,
)
from sim.protocol.vault_accounts import Health
from sim.protocol.vault_reserves import marginal_threshold, threshold, weigh_by_reserve

ROWS = ("hub", "rates", "oracle", "feed", "reserve", "spoke", "pool", "pair", "policy")
ROWS += ("adl", "account", "position", "holding", "lp", "bridge", "received", "changes")
ROWS += ("outflow", "guard", "brake", "sequencer", "category", "member")


class Quote(NamedTuple):
    """An asset in a vault, now."""

    price: int
    """USD, 8 decimals."""
    usable: bool
    ok: bool
    collateral_price: int
    debt_price: int
    forfeit_price: int
    for_sale_for: int
    threshold: int
    limit: int
    brackets: tuple[tuple[int, int, int], ...]
    """Where each begins, its threshold in force, the one configured."""
    counts: tuple[tuple[int, int, int], ...]
    """(value, what it counts for, for the borrow limit), where brackets begin and between."""
    lent: bool
    unit: int
    shares: hub.Preview

    def weighted(self, value: int) -> tuple[int, int]:
        """By the thresholds in force and as configured, what is in each bracket times its own."""
        ends = [begins for begins, _, _ in self.brackets[1:]] + [max(value, 1)]
        inside = [
            max(min(value, end) - begins, 0)
            for (begins, _, _), end in zip(self.brackets, ends, strict=True)
        ]
        rows = list(zip(inside, self.brackets, strict=True))
        return sum(x * now for x, (_, now, _) in rows), sum(x * lt for x, (_, _, lt) in rows)

    def reached(self, value: int) -> int:
        """The threshold of the highest bracket with anything of a value in it."""
        return [now for begins, now, _ in self.brackets if value > begins or begins == 0][-1]


def _brackets(s: State, v: int, i: int) -> tuple[tuple[int, int, int], ...]:
    row = s.reserve[v, i].tolist()
    begin = [(0, row[LT])]
    if row[TIERED]:
        begin += [(row[SECOND_ABOVE], row[SECOND_LT]), (row[THIRD_ABOVE], row[THIRD_LT])]
    return tuple((x, int(marginal_threshold(s, v, i, x + 1)), lt) for x, lt in begin)


def _around(row: list[int]) -> tuple[int, ...]:
    """Values where the brackets of a reserve begin, beside them and between; none without."""
    if not row[TIERED]:
        return ()
    second, third = row[SECOND_ABOVE], row[THIRD_ABOVE]
    near = {x + by for x in (second, third) for by in (-1, 0, 1)}
    return tuple(sorted({0, 1, second // 3, (second + third) // 2, 3 * third} | near))


class Look:
    """A state, after another at the same or an earlier time."""

    hub: list[list[int]]
    rates: list[list[int]]
    oracle: list[list[list[int]]]
    feed: list[list[list[int]]]
    reserve: list[list[list[int]]]
    spoke: list[list[list[int]]]
    pool: list[list[int]]
    pair: list[list[int]]
    policy: list[list[int]]
    adl: list[list[list[int]]]
    account: list[list[int]]
    position: list[list[list[int]]]
    holding: list[list[list[int]]]
    lp: list[list[int]]
    bridge: list[list[int]]
    received: list[list[int]]
    changes: list[list[list[int]]]
    outflow: list[list[int]]
    guard: list[list[int]]
    brake: list[list[list[int]]]
    sequencer: list[int]
    category: list[list[list[int]]]
    member: list[list[list[list[int]]]]

    def __init__(self, s: State, last: Look | None = None) -> None:
        for name in ROWS:
            setattr(self, name, getattr(s, name).tolist())
        self.clock = int(s.clock[0])
        self.vault = s.account_vault.tolist() if last is None else last.vault
        self.pair_tokens = s.pair_tokens.tolist() if last is None else last.pair_tokens
        self.assets, self.vaults = range(len(s.unit)), range(len(self.policy))
        self.shares = [self._shares(s, last, i) for i in self.assets]
        self.insures = [int(insurance.assets_of(s, i)) for i in self.assets]
        """What of every pool of the insurance fund bears losses now."""
        self.quotes = [[self._quote(s, last, v, i) for i in self.assets] for v in self.vaults]
        self._healths: list[Health | None] = [None] * len(self.account)
        same = ("guard", "category", "member")
        if last is not None and all(getattr(last, name) == getattr(self, name) for name in same):
            self._take_over(last)

    def _shares(self, s: State, last: Look | None, i: int) -> hub.Preview:
        if last is None or (last.hub[i], last.rates[i]) != (self.hub[i], self.rates[i]):
            return hub.preview(s, i)
        return last.shares[i] if last.clock == self.clock else hub.preview(s, i)

    def _quote(self, s: State, last: Look | None, v: int, i: int) -> Quote:
        if (
            last is not None
            and last.clock == self.clock
            and last.shares[i] == self.shares[i]
            and last.oracle[v][i] == self.oracle[v][i]
            and last.reserve[v][i] == self.reserve[v][i]
            and last.feed[0][i] == self.feed[0][i]
            and last.feed[1][i] == self.feed[1][i]
        ):
            return last.quotes[v][i]
        seen, lent = oracle.read(s, v, i), self.reserve[v][i][REHYPOTHECATE] != 0
        return Quote(
            price=seen.price,
            usable=seen.usable,
            ok=seen.status == oracle.STATUS_OK,
            collateral_price=seen.collateral_price,
            debt_price=seen.debt_price,
            forfeit_price=seen.forfeit_price,
            for_sale_for=seen.for_sale_for,
            threshold=threshold(s, v, i),
            limit=self.reserve[v][i][LTV],
            brackets=_brackets(s, v, i),
            counts=tuple(
                (x, *map(int, weigh_by_reserve(s, v, i, x))) for x in _around(self.reserve[v][i])
            ),
            lent=lent,
            unit=int(s.unit[i]),
            shares=self.shares[i],
        )

    def _take_over(self, last: Look) -> None:
        new = [
            [i for i in self.assets if quotes[i] is not before[i]]
            for quotes, before in zip(self.quotes, last.quotes, strict=True)
        ]
        for a, (position, before) in enumerate(zip(self.position, last.position, strict=True)):
            moved = new[self.vault[a]]
            stays = position == before and self.category_of(a) == last.category_of(a)
            if stays and not (
                moved
                and any(position[i][POSITION_DEBT] or position[i][IS_COLLATERAL] for i in moved)
            ):
                self._healths[a] = last._healths[a]

    def health(self, a: int) -> Health:
        """How healthy an account is, by the same formulas written once more."""
        found = self._healths[a]
        if found is None:
            found = self._healths[a] = self._health(a, self.quotes[self.vault[a]])
        return found

    def health_at(self, a: int, quotes: list[Quote]) -> Health:
        """The same at other prices: those that an operation found once it had shown them to the
        router.
        """
        own = self.quotes[self.vault[a]]
        return self._health(
            a, [q._replace(shares=mine.shares) for q, mine in zip(quotes, own, strict=True)]
        )

    def _health(self, a: int, quotes: list[Quote]) -> Health:
        weighted = limit = collateral = sold = forfeited = 0
        debts = []
        ok = usable = True
        for i, (supplied, scaled, backs) in enumerate(self.position[a]):
            if not (scaled or backs):
                continue
            q = quotes[i]
            ok, usable = ok and q.ok, usable and q.usable
            if scaled:
                owed = -(-scaled * q.shares.borrow_index // ray())
                debts.append(-(-owed * q.debt_price // q.unit))
            if backs:
                held = self.worth(i, supplied) if q.lent else supplied
                value = held * q.collateral_price // q.unit
                collateral += value
                sold += value if q.usable else 0
                forfeited += held * q.forfeit_price // q.unit
                if k := self.counted_by(a, i):
                    weighted += value * self.in_force(self.vault[a], k)
                    limit += value * self.category[self.vault[a]][k][CATEGORY_LTV]
                    continue
                counted, configured = q.weighted(value)
                weighted += counted
                limit += configured * q.limit // q.brackets[0][2] if configured else 0
        terms = self.guard[self.vault[a]]
        if terms[GUARDED]:
            limit = limit * terms[STRESS] // BPS
        debt, least = sum(debts), min(debts, default=max_uint())
        factor = div_down(mul_div_half(weighted, wad(), debt), BPS) if debt else max_uint()
        values = (weighted, limit, collateral, sold, forfeited, debt, least)
        return Health(*values, factor, ok, usable)

    def category_of(self, a: int) -> int:
        """The category that the account is in, 0 for none."""
        return self.account[a][CATEGORY]

    def counted_by(self, a: int, i: int) -> int:
        """The category by which its collateral i counts, 0: by its reserve."""
        k = self.category_of(a)
        return k if k and self.member[self.vault[a]][k][i][BACKS_IN] else 0

    def in_force(self, v: int, k: int) -> int:
        """The threshold of a category now: a straight line in time, down."""
        row = self.category[v][k]
        to, left = row[CATEGORY_LT], max(row[CATEGORY_RAMP_END] - self.clock, 0)
        whole = row[CATEGORY_RAMP_END] - row[CATEGORY_RAMP_START]
        return to + (row[CATEGORY_LT_FROM] - to) * left // whole if left else to

    def max_bonus(self, a: int, c: int) -> int:
        """The largest of the account's collateral c, BPS."""
        v, k = self.vault[a], self.counted_by(a, c)
        return self.category[v][k][CATEGORY_MAX_BONUS] if k else self.reserve[v][c][MAX_BONUS]

    def reached(self, a: int, c: int, value: int) -> int:
        """The threshold of the last unit of the account's collateral c, worth so much."""
        v, k = self.vault[a], self.counted_by(a, c)
        return self.in_force(v, k) if k else self.quotes[v][c].reached(value)

    def worth(self, i: int, shares: int) -> int:
        """What shares of an asset's hub are worth, down."""
        now = self.shares[i]
        held = now.total_assets + hub.VIRTUAL_ASSETS
        return shares * held // (now.total_shares + hub.VIRTUAL_SHARES)

    def owed(self, i: int, scaled: int) -> int:
        """What a scaled debt is, up."""
        return -(-scaled * self.shares[i].borrow_index // ray())

    def is_eligible(self, a: int, quotes: list[Quote] | None = None) -> bool:
        """Whether a liquidator may begin."""
        h = self.health_at(a, quotes) if quotes else self.health(a)
        return h.factor < wad() and self.delay_passed(a, h.factor)

    def delay_passed(self, a: int, factor: int) -> bool:
        """Whether the time to react is over, or does not count."""
        policy, row = self.policy[self.vault[a]], self.account[a]
        if policy[LIQUIDATION_DELAY] == 0 or factor < policy[URGENT_HEALTH]:
            return True
        served = row[URGENT] != 0 or self.clock - row[FLAGGED_AT] >= policy[LIQUIDATION_DELAY]
        return self.is_flagged(a) and served

    def is_due_and_thin(self, a: int, quotes: list[Quote]) -> bool:
        """Whether a liquidator may begin, and would get less than debts and bonus for all that can
        be sold: that of some collateral.
        """
        h = self.health_at(a, quotes)
        bonus = [
            self.max_bonus(a, i) for i, row in enumerate(self.position[a]) if row[IS_COLLATERAL]
        ]
        poor = bonus and h.usable_value * BPS < h.debt_value * (BPS + max(bonus))
        return bool(poor) and self.is_eligible(a, quotes)

    def is_flagged(self, a: int) -> bool:
        """Whether a flag was set, at most the delay and six hours ago."""
        at, policy = self.account[a][FLAGGED_AT], self.policy[self.vault[a]]
        return at > 0 and self.clock - at < policy[LIQUIDATION_DELAY] + 6 * 3_600

    def is_called(self, a: int) -> bool:
        """Whether a margin call stands, in a vault that has them."""
        return self.account[a][CALLED_AT] > 0 and self.policy[self.vault[a]][MARGIN_CALL_HEALTH] > 0

    def has_debt(self, a: int) -> bool:
        """Whether an account owes anything."""
        return any(row[POSITION_DEBT] for row in self.position[a])

    def changed(self, last: Look | None) -> tuple[set[int], set[int], set[int], set[int]]:
        """Assets, accounts, actors and pairs of which something is other than it was."""
        if last is None:
            every = (self.assets, self.account, self.holding, self.pair)
            assets, accounts, actors, pairs = (set(range(len(rows))) for rows in every)
            return assets, accounts, actors, pairs
        accounts = {
            a
            for a, row in enumerate(self.position)
            if row != last.position[a] or self.account[a] != last.account[a]
        }
        actors = {
            k
            for k, row in enumerate(self.holding)
            if row != last.holding[k] or self.lp[k] != last.lp[k]
        }
        pairs = {p for p, row in enumerate(self.pair) if row != last.pair[p]}
        assets = {
            i
            for i in self.assets
            if self.shares[i] != last.shares[i]
            or self.hub[i] != last.hub[i]
            or self.rates[i] != last.rates[i]
            or self.pool[i] != last.pool[i]
            or any(spokes[i] != last.spoke[k][i] for k, spokes in enumerate(self.spoke))
            or any(reserves[i] != last.reserve[v][i] for v, reserves in enumerate(self.reserve))
        }
        assets |= {
            i
            for rows, before, changed in (
                (self.position, last.position, accounts),
                (self.holding, last.holding, actors),
            )
            for k, i in product(changed, self.assets)
            if rows[k][i] != before[k][i]
        }
        assets |= {i for p in pairs for i in self.pair_tokens[p]}
        return assets, accounts, actors, pairs
