"""A protocol of one vault and as many assets as wanted, all alike: what an account costs by the
number of its assets.
"""

from __future__ import annotations

from sim.protocol import hub
from sim.protocol import operations as op
from sim.protocol.errors import NAMES, OK
from sim.protocol.state import ANCHOR, State, empty
from tests.lockstep.support import START, UNLIMITED

WHOLE = 10**18
"""Every asset has 18 decimals ..."""
PRICE = 100 * 10**8
"""... and a price of $100."""
SUPPLIER, BORROWER, LIQUIDATOR = 1, 2, 3


def wide(
    assets: int, accounts: int, engine: int = 0, fallback: bool = False, delay: int = 0
) -> State:
    """Priced, with cash of every asset; the borrower has `accounts` accounts, the liquidator the
    one after them, and every first two assets a pair.
    """
    s = empty(
        units=[WHOLE] * assets,
        vaults=1,
        account_owner=[BORROWER] * accounts + [LIQUIDATOR],
        account_vault=[0] * (accounts + 1),
        actors=4,
        pair_tokens=[(0, 1)],
        now=START,
        journal_capacity=1_024,
    )
    for i in range(assets):
        s.rates[i] = [1_000, 8_000, 100, 400, 20_000]
        hub.update_rate(s, i)
        s.spoke[:, i] = [UNLIMITED, UNLIMITED, 0, 0, 0, 0, 1, 0]
        s.reserve[0, i] = [
            7_500,
            8_000,
            500,
            500,
            1_000,
            *(0, 1, 1, 1, 0),
            UNLIMITED,
            UNLIMITED,
            *(0, 0, 0, 0, 0),
            8_000,
            *(0, 0, 0, 0),
        ]
        s.oracle[0, i, :ANCHOR] = [86_400, 0, 10**15, 3_000, 1_800, int(fallback)]
    # Engine, target, health of the largest bonus and of a full close, auction, delay, urgent, dust.
    healths = [1_050 * 10**15, 950 * 10**15, 950 * 10**15]
    s.policy[0] = [engine, *healths, 3_600, delay, 900 * 10**15, 10**8, 0]
    s.losses[:] = [3_600, 0, 86_400]
    s.pair[:, 6] = 30
    return s


def stock(s: State) -> None:
    """Prices and tokens for everyone, cash in the hub and depth in the pair."""
    for i in range(len(s.unit)):
        for slot in range(2):
            op.post_price(s, 0, i, slot, PRICE)
        for actor in (SUPPLIER, BORROWER, LIQUIDATOR):
            op.mint_token(s, actor, i, 10**6 * WHOLE)
        done(op.deposit(s, SUPPLIER, i, 10**5 * WHOLE))
    done(op.add_liquidity(s, SUPPLIER, 0, 10**5 * WHOLE, 10**5 * WHOLE))


def done(code: int) -> None:
    """It must have been."""
    assert code == OK, NAMES[code]
