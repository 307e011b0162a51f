"""No account is too expensive to liquidate: how many assets it may have is bounded, on contract and
twin alike, and so is the gas that all their feeds may burn.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sim.engines.anvil import AnvilChain
from sim.engines.chain import Chain, RevmChain
from sim.engines.exact import journal_rows
from sim.engines.lockstep import Lockstep
from sim.protocol import operations as op
from sim.protocol.errors import OK, TOO_MANY_ASSETS
from sim.protocol.fixed_point import max_uint
from sim.protocol.oracle import FEED_BURNS
from sim.protocol.soundness import MOST_ASSETS
from sim.protocol.state import (
    COLLATERAL_ENABLED,
    IS_COLLATERAL,
    POSITION_DEBT,
    SUPPLIED,
    State,
)
from tests.lockstep.support import START
from tests.lockstep.wide import BORROWER, LIQUIDATOR, PRICE, WHOLE, done, stock, wide

pytestmark = pytest.mark.chain

FEED_GAS = 200_000
"""What `OracleRouter` gives a feed."""
BLOCK = 30_000_000
"""Gas of a block."""
HALF = MOST_ASSETS // 2
NINTH = MOST_ASSETS
THEIRS = 1
"""The liquidator's account, after the borrower's."""


class Market:
    """The twin and a chain side by side, one block for each operation."""

    def __init__(
        self, tweak: Callable[[State], None] = lambda s: None, chain: Chain | None = None
    ) -> None:
        self.s = wide(MOST_ASSETS + 2, 1, fallback=True)
        tweak(self.s)
        symbols = [f"A{i}" for i in range(MOST_ASSETS + 2)]
        self.lockstep = Lockstep(chain or RevmChain(), self.s, symbols)
        self.s.clock[0] += 1
        stock(self.s)
        self.played()

    def played(self) -> int:
        """Gas of what the twin did since."""
        return sum(self.lockstep.play(journal_rows(self.s), int(self.s.clock[0]), self.s))

    def do(self, operation: Callable[..., int], *arguments: int) -> int:
        """The verdict, which both must come to."""
        self.s.clock[0] += 12
        code = operation(self.s, *arguments)
        self.played()
        return code

    def full(self) -> None:
        """The borrower's account has as many assets as it may, half of them owed."""
        for i in range(HALF):
            assert self.do(op.supply, BORROWER, 0, i, 1_000 * WHOLE) == OK
        for i in range(HALF, MOST_ASSETS):
            assert self.do(op.borrow, BORROWER, 0, i, 740 * WHOLE) == OK

    def falls(self) -> None:
        """The first collateral is worth a quarter less, the first debt a quarter more."""
        for i, percent in ((0, 75), (HALF, 125)):
            for slot in range(2):
                self.do(op.post_price, 0, i, slot, PRICE * percent // 100)


def test_a_ninth_asset_is_refused() -> None:
    """As collateral and as a debt, whichever way; more of those that are there is not."""
    market = Market()
    market.full()
    assert market.do(op.supply, BORROWER, 0, NINTH, WHOLE) == TOO_MANY_ASSETS
    assert market.do(op.borrow, BORROWER, 0, NINTH, 10 * WHOLE) == TOO_MANY_ASSETS
    for i in range(MOST_ASSETS):
        assert market.do(op.supply, BORROWER, 0, i, 10 * WHOLE) == OK
        assert market.do(op.borrow, BORROWER, 0, i, WHOLE) == OK
    market.lockstep.conclude(market.s)


@pytest.mark.parametrize("leaves", ["debt", "collateral"])
def test_there_is_room_for_another_once_one_is_gone(leaves: str) -> None:
    """Repaid or withdrawn."""
    market = Market()
    market.full()
    if leaves == "debt":
        assert market.do(op.repay, BORROWER, 0, HALF, max_uint()) == OK
    else:
        for i in range(HALF, MOST_ASSETS):
            assert market.do(op.repay, BORROWER, 0, i, 700 * WHOLE) == OK
        assert market.do(op.withdraw, BORROWER, 0, 1, max_uint()) == OK
    assert market.do(op.supply, BORROWER, 0, NINTH, WHOLE) == OK
    assert market.do(op.supply, BORROWER, 0, NINTH + 1, WHOLE) == TOO_MANY_ASSETS


def test_what_is_no_collateral_takes_no_room() -> None:
    """Where the vault takes no collateral of an asset, and where the owner does not want it to be;
    it cannot become collateral later.
    """

    def disabled(s: State) -> None:
        s.reserve[0, NINTH, COLLATERAL_ENABLED] = 0

    market = Market(disabled)
    assert market.do(op.supply, BORROWER, 0, NINTH + 1, WHOLE) == OK
    assert market.do(op.set_collateral, BORROWER, 0, NINTH + 1, 0) == OK
    market.full()
    assert market.do(op.supply, BORROWER, 0, NINTH, WHOLE) == OK
    assert market.do(op.supply, BORROWER, 0, NINTH + 1, WHOLE) == OK
    assert market.do(op.set_collateral, BORROWER, 0, NINTH + 1, 1) == TOO_MANY_ASSETS


def test_a_liquidator_with_a_full_account_takes_shares() -> None:
    """They are his, and back nothing: whoever heals another is not refused for what he has."""
    market = Market()
    for i in range(2, MOST_ASSETS + 2):
        assert market.do(op.supply, LIQUIDATOR, THEIRS, i, 100 * WHOLE) == OK
    market.full()
    market.falls()
    assert market.do(op.liquidate, LIQUIDATOR, 0, HALF, 0, 50 * WHOLE, 0, 1) == OK
    assert market.s.position[THEIRS, 0, SUPPLIED] > 0 == market.s.position[THEIRS, 0, IS_COLLATERAL]
    assert market.do(op.set_collateral, LIQUIDATOR, THEIRS, 0, 1) == TOO_MANY_ASSETS
    assert market.do(op.withdraw, LIQUIDATOR, THEIRS, 2, max_uint()) == OK
    assert market.do(op.set_collateral, LIQUIDATOR, THEIRS, 0, 1) == OK
    market.lockstep.conclude(market.s)


@pytest.mark.parametrize("shares", [0, 1])
def test_an_account_whose_feeds_burn_all_they_get_is_liquidated_within_a_third_of_a_block(
    shares: int,
) -> None:
    """All feeds of a full account, second ones included, but those of the debt and the collateral
    that it is about: 4 million gas at most, of a whole transaction whose slots are cold.
    """
    with AnvilChain(START - 20_000) as chain:
        market = Market(chain=chain)
        market.full()
        market.falls()
        for i in range(MOST_ASSETS):
            for slot in range(2):
                if i not in (0, HALF):
                    market.do(op.set_feed_mode, 0, i, slot, FEED_BURNS)
        before = market.s.position[0, HALF, POSITION_DEBT]
        market.s.clock[0] += 12
        done(op.liquidate(market.s, LIQUIDATOR, 0, HALF, 0, 50 * WHOLE, 0, shares))
        gas = market.played()
        assert market.s.position[0, HALF, POSITION_DEBT] < before
        burnt = 2 * FEED_GAS * (MOST_ASSETS - 2)
        assert burnt < gas < 4_000_000 < BLOCK // 3
