"""What faulty feeds do to the protocol: the consequence of every kind, with the run without it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.engines.chain import RevmChain
from sim.engines.compiled import Compiled
from sim.engines.exact import Step, run
from sim.engines.lockstep import Lockstep
from sim.health import watchers
from sim.health.census import census
from sim.market.level_tables import price_table
from sim.market.market import DEBT_VALUE, FACTOR, LIQUIDATIONS
from sim.market.paths import draw, observed
from sim.protocol import operations as op
from sim.protocol.errors import BORROW_LIMIT_EXCEEDED, OK, PRICE_NOT_OK
from sim.protocol.state import (
    ANSWER,
    DEFICIT_REPORTED,
    TOTAL_SHARES,
    State,
)
from sim.protocol.vault_accounts import health
from sim.scenario import load, with_overrides
from sim.simulation import step
from sim.world import World, build, on_path

START = datetime(2020, 3, 12, tzinfo=timezone.utc)
WETH, WBTC, USDC, DAI = range(4)
USD, WAD = 10**8, 10**18
ASSETS = ("WETH", "WBTC", "USDC", "DAI")
NO_INTEREST = {
    f"protocol.rates.{asset}.{rate}_bps": 0
    for asset in ASSETS
    for rate in ("base_rate", "slope1", "slope2")
}
CALM: dict[str, Any] = {
    **NO_INTEREST,
    "duration_hours": 4,
    "assets.WETH.price_usd": 200.0,
    "assets.WBTC.price_usd": 8_000.0,
    "gas_price_gwei": 1.0,
    "book.accounts": 40,
    "book.total_debt_usd": 4e6,
    "book.max_account_share": 0.3,
    **{f"feeds.{asset}.latency_seconds": 0 for asset in ASSETS},
}
WIDE = {
    f"feeds.{asset}.{bound}": value
    for asset in ("WETH", "WBTC")
    for bound, value in (
        ("min_price_usd", 1e-6),
        ("max_price_usd", 1e11),
        ("max_move_bps", 100_000),
        ("hold_off_seconds", 0),
    )
}


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def calm(*faults: dict[str, Any], **changes: object) -> World:
    """Four hours in which no price moves, with these faults."""
    overrides = {**CALM, **changes, "feeds.faults": list(faults)}
    return build(with_overrides(load("black-thursday"), overrides))


def storm(*faults: dict[str, Any], **changes: object) -> World:
    """Black Thursday with 40 accounts and these faults."""
    overrides = {
        "book.accounts": 40,
        "book.max_account_share": 0.3,
        "duration_hours": 24,
        **changes,
        "feeds.faults": list(faults),
    }
    return build(with_overrides(load("black-thursday"), overrides))


def liquidated(steps: list[Step]) -> dict[int, list[int]]:
    """Step -> accounts liquidated in it."""
    return {
        s.k: accounts
        for s in steps
        if (
            accounts := [
                row.account
                for row in s.rows
                if row.kind in (op.liquidate.kind, op.flash_liquidate.kind) and row.code == OK
            ]
        )
    }


def bring_and_borrow(s: State, collateral: int, amount: int, debt: int, wanted: int) -> int:
    """The first account's owner brings `amount` more of one asset and borrows `wanted` of another;
    the code of the borrowing.
    """
    owner = int(s.account_owner[0])
    assert op.mint_token(s, owner, collateral, amount) == OK
    assert op.supply(s, owner, 0, collateral, amount) == OK
    return op.borrow(s, owner, 0, debt, wanted)


# --- answers that are too high ----------------------------------------------------------------

ONE_ACCOUNT: dict[str, Any] = {
    **WIDE,
    "book.accounts": 1,
    "book.total_debt_usd": 2_500.0,
    "book.max_account_share": 1.0,
    "book.two_collateral_share": 0.0,
    "book.isolated_share": 0.0,
    "book.health_quantiles": [[0, 1.5], [1, 1.6]],
    "book.collateral_weights": {"WETH": 1, "WBTC": 0, "USDC": 0, "DAI": 0},
    "book.debt_weights": {"WETH": 0, "WBTC": 0, "USDC": 0, "DAI": 1},
}
LUNA = {
    **ONE_ACCOUNT,
    "assets.WBTC.price_usd": [
        {"at": START, "value": 1.0},
        {"at": at(3_600), "value": 0.1071},
        {"at": at(7_200), "value": 0.01},
    ],
    "feeds.WBTC.deviation_bps": 1,
}
STUCK = {"kind": "floor", "asset": "WBTC", "answer_usd": 0.107}


@pytest.mark.parametrize(
    ("faults", "changes", "code"),
    [
        ([STUCK], {}, OK),
        ([], {}, BORROW_LIMIT_EXCEEDED),
        ([STUCK], {"feeds.WBTC.min_price_usd": 0.107}, PRICE_NOT_OK),
    ],
    ids=["stuck", "right", "stuck, and the router knows the floor"],
)
def test_luna_at_one_cent_is_borrowed_against_at_its_stuck_floor(
    faults: list[dict[str, Any]], changes: dict[str, object], code: int
) -> None:
    """A million tokens of $0.01 count for $0.107 each: $107,000, of which 60% can be borrowed.

    With the right answer they count for $10,000. A bound at the floor takes the answer for what it
    is: none.
    """
    world = calm(*faults, **{**LUNA, **changes})
    for _ in run(world):
        pass
    s = world.state
    assert world.market.price[-1, WBTC] == USD // 100
    h = health(s, 0)
    limit, debt = h.weighted_limit, h.debt_value
    spare = limit * WAD // (10_000 * USD) - debt * WAD // USD
    most = spare + 64_200 * WAD
    assert bring_and_borrow(s, WBTC, 10**6 * 10**8, DAI, most - WAD) == code
    if code == OK:
        owner = int(s.account_owner[0])
        again = op.borrow(s, owner, 0, DAI, 2 * WAD)
        assert again == BORROW_LIMIT_EXCEEDED


def test_a_wrong_answer_leaves_bad_debt_and_a_hold_off_prevents_it() -> None:
    """wrsETH, November 2025: 1.65 million times the right price; .02 tokens carry $100,000 of debt.

    When the answer is right again they are worth $160. With a hold-off longer than the window
    nothing can be borrowed while the answer is wrong.
    """
    wrong = {"kind": "wrong-answer", "asset": "WBTC", "factor": 1.65e6}
    window = {"from": at(3_600), "until": at(5_400)}
    guarded = {"feeds.WBTC.max_move_bps": 3_000, "feeds.WBTC.hold_off_seconds": 3_600}
    shortfall = {}
    for name, guards in (("believed", {}), ("held off", guarded)):
        world = calm({**wrong, **window}, **{**ONE_ACCOUNT, **guards})
        s, w = world.state, world.market
        before = 0
        for k in range(1, world.scenario.steps + 1):
            step(s, w, k)
            if k == 14:
                before = int(census(s)[0, DEBT_VALUE])
                code = bring_and_borrow(s, WBTC, 2 * 10**6, DAI, 100_000 * WAD)
                assert code == (OK if name == "believed" else PRICE_NOT_OK)
                watchers.look_at(s, w, 0)
        assert before == 2_500 * USD
        shortfall[name] = int(s.hub[DAI, DEFICIT_REPORTED])
    assert shortfall["held off"] == 0
    # Lost is what was borrowed and owed before, less what its collateral brought.
    collateral = 2_500 * 1.6 / 0.8 + 160
    assert (102_500 - collateral) * WAD < shortfall["believed"] < 102_500 * WAD


# --- answers that are too low -----------------------------------------------------------------


@pytest.mark.parametrize(("heartbeat", "held_off"), [(300, 15), (3_600, None)])
def test_a_wrong_answer_liquidates_the_healthy_and_a_hold_off_postpones_it(
    heartbeat: int, held_off: int | None
) -> None:
    """Half the right price for half an hour while no market price moves, said again in every step,
    or once.
    """
    low = {
        "kind": "wrong-answer",
        "asset": "WETH",
        "factor": 0.5,
        "from": at(3_600),
        "until": at(5_400),
    }
    first = {}
    for hold_off in (0, 900, 3_600):
        guards = {"feeds.WETH.max_move_bps": 3_000, "feeds.WETH.hold_off_seconds": hold_off}
        guards["feeds.WETH.heartbeat_seconds"] = heartbeat
        world = calm(low, **{**WIDE, **guards})
        when = liquidated(list(run(world)))
        first[hold_off] = min(when, default=None)
        assert all(12 <= k < 18 for k in when)
    assert liquidated(list(run(calm(**WIDE)))) == {}, "without the fault nobody is liquidated"
    # At once; three steps of 300 s later, or not, for silence confirms nothing; not at all, the
    # window is shorter than the hold-off.
    assert first == {0: 12, 900: held_off, 3_600: None}


def test_a_rate_cap_makes_exactly_those_below_the_ratio_liquidatable() -> None:
    """Aave, March 2026: wstETH/ETH answered at 1.1939 while the market paid 1.228. Debts in ETH
    against wstETH with a health below 1.228 / 1.1939 = 1.02856 could be liquidated, no others.
    """
    changes = {
        **WIDE,
        "assets.WBTC.price_usd": 200 * 1.228,
        "book.health_quantiles": [[0, 1.005], [1, 1.06]],
        "protocol.reserves.WBTC.ltv_bps": 6_490,
        "book.drawn_under": None,
        "book.collateral_weights": {"WETH": 0, "WBTC": 1, "USDC": 0, "DAI": 0},
        "book.debt_weights": {"WETH": 1, "WBTC": 0, "USDC": 0, "DAI": 0},
        "book.two_collateral_share": 0.0,
        "suppliers.WETH": 2e7,
        "liquidators": [],
    }
    cap = {"kind": "rate-cap", "asset": "WBTC", "of": "WETH", "ratio": 1.1939, "from": at(3_600)}
    world = calm(cap, **changes)
    before: Any = None
    for k in range(1, 13):
        before = census(world.state)[:, FACTOR].copy()
        step(world.state, world.market, k)
    after = census(world.state)[:, FACTOR]
    assert (before >= WAD).all()
    expected = before * 11_939 < WAD * 12_280
    assert ((after < WAD) == expected).all()
    assert 5 < expected.sum() < 35
    hot = set(world.market.watchers.hot.nonzero()[0].tolist())
    assert hot == set(np.flatnonzero(expected).tolist())


# --- every engine -----------------------------------------------------------------------------

EVERY_KIND: list[dict[str, Any]] = [
    {"kind": "outage", "asset": "WETH", "from": at(18_000), "until": at(30_000)},
    {"kind": "delay", "asset": "WETH", "mean_seconds": 900},
    {"kind": "gas-delay", "asset": "WETH", "above_gwei": 50, "seconds_per_gwei": 5.0},
    {"kind": "floor", "asset": "WBTC", "answer_usd": 5_000.0},
    {
        "kind": "wrong-answer",
        "asset": "WETH",
        "factor": [{"at": at(3_600), "value": 1.0}, {"at": at(10_800), "value": 0.8}],
        "until": at(10_800),
    },
    {
        "kind": "wrong-decimals",
        "asset": "WBTC",
        "digits": -1,
        "from": at(7_200),
        "until": at(9_000),
    },
    {
        "kind": "spike",
        "asset": "DAI",
        "peak_factor": 1.3,
        "from": at(12_000),
        "until": at(18_000),
    },
    {"kind": "rate-cap", "asset": "WBTC", "of": "WETH", "ratio": 40.0, "growth_bps_per_year": 500},
    {"kind": "venue", "asset": "USDC", "venue": ["USDC", "DAI"], "from": at(20_000)},
    {"kind": "venue", "asset": "WETH", "venue": ["WBTC", "WETH"], "from": at(50_000)},
    {"kind": "sequencer-down", "from": at(37_000), "until": at(39_000), "grace_seconds": 3_000},
]


@pytest.fixture
def everything(tmp_path: Path) -> World:
    """20 hours with every kind of fault, DAI at a rate to USDC, and recorded rounds of WBTC: 2%
    below its price every 17 minutes.
    """
    price = price_table(load("black-thursday"))[:, WBTC]
    rounds = [
        f"{int(price[1_020 * n // 300] * 98 // 100)},{int(START.timestamp()) + 1_020 * n}"
        for n in range(72)
    ]
    file = tmp_path / "rounds.csv"
    file.write_text("\n".join(["answer,updatedAt", *rounds]))
    return storm(
        *EVERY_KIND,
        **{
            "duration_hours": 20,
            "book.accounts": 60,
            "feeds.DAI.rate_of": "USDC",
            "feeds.DAI.rate": [{"at": at(0), "value": 1.0}, {"at": at(72_000), "value": 1.05}],
            "feeds.DAI.rate_growth_cap_bps_per_year": 100_000,
            "feeds.WBTC.replay": {"file": str(file)},
            "paths.volatility_per_sqrt_year.WBTC": 0.0,
        },
    )


@pytest.mark.chain
def test_a_run_with_every_fault_agrees_with_the_contracts(everything: World) -> None:
    """Every step compared, in which all kinds of feeds and faults act."""
    world = everything
    lockstep = Lockstep(RevmChain(), world.genesis, world.symbols)
    steps = list(run(world, lockstep))
    assert lockstep.operations > 2_000
    assert sum(map(len, liquidated(steps).values())) > 20
    assert min(len(taken.rows) for taken in steps) == 0
    healthy = [0, 0, -1, 0, -1, WAD, 0, -1, 0]
    assert (world.market.feeds.fault != healthy).any(axis=(0, 1)).all(), "every column is used"


@pytest.mark.compiled
def test_a_run_with_every_fault_agrees_with_exact_arithmetic(everything: World) -> None:
    """The named path and a drawn one: the same liquidations, and amounts within 1e-9 of what there
    is of their asset, and a few whole units for every step and liquidation.
    """
    world, scenario = everything, everything.scenario
    drawn = draw(scenario, "mc", 3, 1)
    named = world.market.price.astype(float)[np.newaxis]
    compiled = Compiled(world)
    for prices, seen in (
        (named, world.market.feeds.observed.astype(float)[np.newaxis]),
        (drawn, observed(scenario, drawn)),
    ):
        exact = on_path(world, prices[0], seen[0])
        compiled.outcomes(prices, seen)
        floats = compiled.memory
        for k in range(1, scenario.steps + 1):
            step(exact.state, exact.market, k)
            exact.state.journal_length[0] = 0
        count = exact.market.tally[LIQUIDATIONS]
        assert floats.market.tally[LIQUIDATIONS] == count > 20
        # Whole units, and the same, but where a price comes from a pool: there a rounding of the
        # reserves can move it over the half of a unit, and DAI's follows that at a rate of 1.05.
        apart = np.abs(floats.state.feed - exact.state.feed.astype(float))
        assert (apart[0, [WETH, USDC, DAI], ANSWER] <= [1, 1, 2]).all()
        apart[0, [WETH, USDC, DAI], ANSWER] = 0
        assert (apart == 0).all()
        size = exact.state.hub[:, TOTAL_SHARES].astype(float)[:, np.newaxis]
        rounding = 2 * scenario.steps + 3 * count
        for name in ("position", "holding"):
            left = getattr(exact.state, name).astype(float)
            right = getattr(floats.state, name)
            assert (np.abs(left - right) <= 1e-9 * size + rounding).all(), name
