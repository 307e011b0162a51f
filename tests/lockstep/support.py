"""A small protocol with everything switched on: two vaults, four assets, every engine, escrow and
rehypothecation.
"""

from __future__ import annotations

from sim.protocol import hub
from sim.protocol import operations as op
from sim.protocol.state import ADL_ON_SINCE, ANCHOR, GUARD, LTV, State, empty

SYMBOLS = ["WETH", "WBTC", "USDC", "DAI"]
DECIMALS = [18, 8, 6, 18]
START_PRICES = [200 * 10**8, 8_000 * 10**8, 10**8, 10**8]
START = 1_700_000_000
ACTORS = 6
"""0 is the admin."""
UNLIMITED = (1 << 112) - 1
GUARDIAN = 2
"""The actor who may pause where there is a guard."""

#            ltv   lt    max   min  fee conc rehyp coll borrow tiered
RESERVES = [
    [7_500, 8_000, 500, 100, 1_000, 0, 1, 1, 1, 0],
    [6_500, 7_000, 1_000, 200, 2_000, 0, 0, 1, 1, 0],
    [8_000, 8_500, 450, 50, 0, 0, 1, 1, 1, 0],
    [7_000, 7_500, 750, 100, 1_000, 0, 1, 1, 1, 0],
]
NO_BRACKETS = [0, 0, 0, 0, 0]
"""Nor a floor of concentration."""

ADL_TERMS = [9_000, 1_800, 3_600, 1_250 * 10**15, 1_400 * 10**15]
"""Deleveraging of who owes what is lent out to more than 90% for half an hour: within an hour of
all below a health of 1.25, to one of 1.4. In all of vault 1, for the two dollars of vault 0."""


def genesis(
    engines: tuple[int, int] = (0, 1),
    delay: int = 0,
    loss_window: int = 3_600,
    messages: int = 0,
    categories: int = 0,
) -> State:
    """Two vaults on one hub; every actor owns two accounts in the first, one in the second."""
    owners, vaults = [], []
    for actor in range(ACTORS):
        for v in (0, 0, 1):
            owners.append(actor)
            vaults.append(v)
    pairs = [(0, 3), (0, 2), (1, 3), (2, 3), (2, 0)]  # the last: the second pool of its pair
    s = empty(
        units=[10**d for d in DECIMALS],
        vaults=2,
        account_owner=owners,
        account_vault=vaults,
        actors=ACTORS,
        pair_tokens=pairs,
        now=START,
        journal_capacity=256,
        messages=messages,
        categories=categories,
    )
    for i in range(4):
        s.rates[i] = [1_000, 8_000, 100, 400, 20_000]
        hub.update_rate(s, i)
        s.spoke[:, i] = [UNLIMITED, UNLIMITED, 0, 0, 0, 0, 1, 0]
        for v in range(2):
            caps = [UNLIMITED, UNLIMITED]
            s.reserve[v, i] = [*RESERVES[i], *caps, *NO_BRACKETS, RESERVES[i][1], 0, 0, 0, 0]
            bounds = [START_PRICES[i] // 1_000, START_PRICES[i] * 1_000]
            s.oracle[v, i, :ANCHOR] = [3_600, *bounds, 3_000, 1_800, int(i == 0)]
    for v, engine in enumerate(engines):
        # engine, target health, hf for max bonus, full close, auction, delay, urgent, dust, calls
        s.policy[v] = [
            engine,
            1_050 * 10**15,
            950 * 10**15,
            950 * 10**15,
            3_600,
            delay * v,
            900 * 10**15,
            10**8,
            1_200 * 10**15 * v,
        ]
    s.bounds[:] = [100, 2_000, 90_000, 86_400]
    s.adl[1, :, :ADL_ON_SINCE] = s.adl[0, 2:, :ADL_ON_SINCE] = ADL_TERMS
    s.losses[:] = [loss_window, 0, 86_400]
    s.pair[:, 6] = [30, 30, 30, 30, 5]
    return s


def guard(s: State, v: int, **changes: int) -> None:
    """Put a guard on a vault: pauses of an hour, an hour apart, ten minutes of grace; a fifth
    within an hour trips its breaker for half an hour.
    """
    terms = {
        "guarded": 1,
        "guardian": GUARDIAN,
        "max_pause": 3_600,
        "pause_gap": 3_600,
        "grace": 600,
        "trip_window": 3_600,
        "cool_off": 1_800,
        "trip_bps": 2_000,
        "breaker_stops_liquidation": 0,
        "urgent_exempt": 1,
        "sequencer_feed": 1,
        "stress_bps": 10_000,
    }
    assert changes.keys() <= terms.keys()
    s.guard[v] = [(terms | changes)[column] for column in GUARD]


def opening(s: State) -> None:
    """Prices, tokens for everyone, liquidity everywhere, and leveraged positions."""
    for i in range(4):
        op.accrue(s, 0, i)
        for slot in range(2):
            op.post_price(s, 0, i, slot, START_PRICES[i])
        for actor in range(ACTORS):
            amount = 10**7 * 10**8 * 10 ** DECIMALS[i] // START_PRICES[i]
            op.mint_token(s, actor, i, amount)
        worth = 10**6 * 10**8 * 10 ** DECIMALS[i] // START_PRICES[i]
        op.deposit(s, 1, i, worth)
        op.stake(s, 1, i, worth // 100)
    for p, (a, b) in enumerate(s.pair_tokens):
        amounts = [10**6 * 10**8 * 10 ** DECIMALS[i] // START_PRICES[i] for i in (a, b)]
        op.add_liquidity(s, 1, p, *amounts)
    for a in range(len(s.account)):
        _open_position(s, a, c=a % 4, d=(a + 1 + a // 4) % 4)


def _open_position(s: State, a: int, c: int, d: int) -> None:
    """$50,000 of one asset against 90% of what may be borrowed of another."""
    owner = int(s.account_owner[a])
    worth = [50_000 * 10**8 * 10 ** DECIMALS[i] // START_PRICES[i] for i in range(4)]
    op.supply(s, owner, a, c, worth[c])
    limit = int(s.reserve[s.account_vault[a], c, LTV])
    op.borrow(s, owner, a, d, worth[d] * limit * 9 // 100_000)
