"""One protocol on twin and EVM side by side, operation by operation.

Every operation is carried out by the twin and by the real bytecode on revm; after each one storage,
verdict and its reason are compared, and the invariants are checked. In the end everything is
compared.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

from hypothesis.stateful import RuleBasedStateMachine

from sim.engines.chain import RevmChain
from sim.engines.exact import journal_rows
from sim.engines.lockstep import Lockstep
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.records import copy
from sim.protocol.state import (
    BUCKET_FILLED,
    HOLD_OFF,
    LT_FROM,
    SECOND_ABOVE,
    SECOND_FROM,
    THIRD_FROM,
    TIERED,
    State,
)
from sim.protocol.transaction import Operation
from sim.protocol.units import USD
from sim.protocol.vault_accounts import health
from tests.lockstep import categories, deleveraging, naive, sales, stewardship
from tests.lockstep.invariants import check, check_state
from tests.lockstep.look import Look
from tests.lockstep.stakers import Stakers
from tests.lockstep.support import ACTORS, START_PRICES, SYMBOLS, genesis, guard, opening

ACCOUNTS = 3 * ACTORS
ASSETS = len(SYMBOLS)
POOLS = len(genesis().pair)
GUARDED_VAULT = 1
CATEGORIES = 3
"""The most of a vault, in which there may be some."""
VIEWS_EVERY = 8
"""Operations from one look at what the contracts work out of their storage to the next."""


class SideBySide(RuleBasedStateMachine):
    """Two vaults, every engine, escrow and lent collateral, on a protocol that is deployed once."""

    tally: ClassVar[Counter[tuple[str, bool]]] = Counter()
    """How many operations of a name were carried out, and refused."""
    cases: ClassVar[Counter[tuple[str, bool]]] = Counter()
    """The same of what is to be seen often besides."""
    engines = (0, 1)
    delay = 600
    policy: ClassVar[dict[int, int]] = {}
    """Columns that are otherwise than in `genesis`, in both vaults."""
    hold_off = 1_800
    """0: every price is believed at once."""
    bridged: ClassVar[dict[int, tuple[int, int, int]]] = {}
    """Assets of another chain: the most that messages mint, in how many seconds that drains, how
    old they may be."""
    messages = 0
    """How many each of these can have."""
    tiered = False
    """Whether in the second vault large collateral in WETH counts for less."""
    guarded = False
    """Whether the second vault has a guard."""
    categorised = False
    """Whether there may be categories, and the first of both vaults is one of USDC and DAI."""
    _opened: ClassVar[dict[tuple[Any, ...], Any]] = {}

    def __init__(self) -> None:
        super().__init__()
        bridges = tuple(self.bridged.items())
        key = (
            *(self.engines, self.delay, tuple(self.policy.items()), self.hold_off),
            *(bridges, self.messages, self.tiered, self.guarded, self.categorised),
        )
        if key not in self._opened:
            s, lockstep, minted = _open(*key)
            self._opened[key] = [s, lockstep, minted, lockstep.chain.snapshot()]
        s, lockstep, minted, snapshot = self._opened[key]
        lockstep.chain.revert(snapshot)
        self._opened[key][3] = lockstep.chain.snapshot()
        self.s: State = copy(s)
        self.lockstep: Lockstep = lockstep.copy()
        self.minted: list[int] = minted.copy()
        self.stakers = Stakers(s)
        self._look: Look | None = None

    def teardown(self) -> None:
        """In the end everything is compared, what the twin never heard of included."""
        self.lockstep.play([], int(self.s.clock[0]), self.s)  # time may have passed since
        self.lockstep.conclude(self.s)
        for a in range(ACCOUNTS):
            assert self.look().health(a) == health(self.s, a)

    def do(self, operation: Operation[...], actor: int, *arguments: int) -> int:
        """One operation on both sides."""
        before = self.look()
        code = operation(self.s, actor, *arguments)
        rows = journal_rows(self.s)
        self.lockstep.play(rows, int(self.s.clock[0]), self.s)
        (row,) = rows
        if code == OK and row.kind == op.receive_message.kind:
            self.minted[row.x] += row.amount
        if code == OK and row.kind == op.send_back.kind:
            self.minted[row.x] -= row.amount
        own = -1
        if row.account >= 0:
            own = int(self.s.own_account[self.s.account_vault[row.account], actor])
        self._look = Look(self.s, before)
        check(before, self._look, row, own, self.minted)
        naive.check(before, self._look, row)
        stewardship.check(before, self._look, row)
        deleveraging.check(before, self._look, row)
        sales.check(before, self._look, row)
        categories.check(before, self._look, row)
        self.stakers.follow(before, self._look, row)
        self.tally[operation.declared.name, code == OK] += 1
        return code

    def look(self) -> Look:
        """The state of this moment."""
        if self._look is None or self._look.clock != self.s.clock[0]:
            before, self._look = self._look, Look(self.s, self._look)
            if before is not None:
                stewardship.passes(before, self._look)
        return self._look

    def amount(self, i: int, usd: int) -> int:
        """Token units worth `usd` at start prices."""
        return int(usd * 10**8 * self.s.unit[i] // START_PRICES[i])


def _open(
    engines: tuple[int, int],
    delay: int,
    policy: tuple[tuple[int, int], ...],
    hold_off: int,
    bridges: tuple[tuple[int, tuple[int, int, int]], ...],
    messages: int,
    tiered: bool,
    guarded: bool,
    categorised: bool,
) -> tuple[State, Lockstep, list[int]]:
    """Tokens, prices, liquidity and positions, compared once; how much of each token was minted."""
    s = genesis(engines, delay, messages=messages, categories=CATEGORIES if categorised else 0)
    for column, value in policy:
        s.policy[:, column] = value
    s.oracle[:, :, HOLD_OFF] = hold_off
    for i, limits in bridges:
        s.bridge[i, :BUCKET_FILLED] = limits
    if tiered:
        s.reserve[1, 0, TIERED] = 1
        s.reserve[1, 0, SECOND_ABOVE:LT_FROM] = [40_000 * USD, 120_000 * USD, 7_000, 5_000]
        s.reserve[1, 0, [SECOND_FROM, THIRD_FROM]] = [7_000, 5_000]
    if categorised:
        s.category[:, 1] = [9_000, 9_300, 200, 9_300, 0, 0]
        s.member[:, 1, 2:] = 1
    if guarded:
        guard(s, GUARDED_VAULT)
    lockstep = Lockstep(RevmChain(), s, SYMBOLS, views_every=VIEWS_EVERY)
    s.clock[0] += 1
    opening(s)
    rows = journal_rows(s)
    minted = [0] * ASSETS
    for row in rows:
        if row.kind == op.mint_token.kind:
            minted[row.x] += row.amount
    lockstep.play(rows, int(s.clock[0]), s)
    check_state(s, minted)
    return s, lockstep, minted
