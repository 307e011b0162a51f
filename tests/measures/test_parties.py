"""Profit and loss of all parties: a sum of zero, to the unit, and what it finds if it is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sim.agents.start import STAKERS, SUPPLIERS
from sim.engines.exact import run
from sim.measures.agents import agent_outcomes
from sim.measures.attack import attack_outcome
from sim.measures.parties import (
    COLUMNS,
    OUTSIDE,
    PER_USD,
    VALIDATORS,
    holdings,
    in_usd,
    lost_units,
    profit_and_loss,
)
from sim.measures.solvency import losses
from sim.protocol import operations as op
from sim.protocol.hub import VIRTUAL_SHARES
from sim.protocol.pair import MINIMUM_LIQUIDITY
from sim.protocol.state import (
    CASH,
    DEFICIT,
    ESCROW,
    HUB_SHARES,
    LP_SUPPLY,
    POOL_ASSETS,
    RESERVE0,
    WALLET,
    State,
)
from sim.scenario import Scenario
from sim.tape import Frames, Tape, frames
from sim.tape.parties import PARTIES
from sim.world import World, build
from tests.agents.thin import attacked
from tests.scenarios.library import CALM, EVENTS, SYNTHETIC, small
from tests.tape.storm import play, storm
from tests.tape.test_shortfall import STUCK

ACCOUNTS = 24
WETH, WBTC, USDC = range(3)


def played(
    scenario: Scenario, steps: int | None = None, change: Callable[[State], None] | None = None
) -> tuple[World, Frames]:
    """A run on the twin and its tape; `change` is done to the state before the last step is
    recorded.
    """
    world = build(scenario)
    tape = Tape(world, "exact")
    last = scenario.steps if steps is None else steps
    for step in run(world):
        if step.k == last and change:
            change(world.state)
        tape.record(step.k, step.rows, step.gas)
        if step.k == last:
            break
    return world, frames(tape.tables(complete=True))


def nobodys(s: State, i: int) -> tuple[int, int]:
    """Least and most that the contracts can leave to nobody of asset i, token units: a unit per
    rounded claim or debt, what virtual shares of hub and fund gain or lose, locked liquidity.
    """
    claims = 2 * len(s.account) + (2 + len(s.pair)) * len(s.holding) + 1
    virtual = 4  # two units, and what they earned
    locked = sum(
        MINIMUM_LIQUIDITY * s.pair[p, RESERVE0 + side] // s.pair[p, LP_SUPPLY] + 1
        for p, tokens in enumerate(s.pair_tokens)
        for side in range(2)
        if tokens[side] == i
    )
    return -virtual, claims + virtual + locked


@pytest.mark.parametrize("name", EVENTS + SYNTHETIC + CALM)
def test_it_sums_to_zero_to_the_unit(name: str) -> None:
    """Every scenario, every column in integers of 10^-26 USD, and every asset in token units."""
    world, tape = played(small(name, ACCOUNTS))
    table = profit_and_loss(tape)
    assert {type(cell) for cell in table.to_numpy().flat} == {int}
    assert [table[column].sum() for column in COLUMNS] == [0, 0, 0]
    assert set(lost_units(tape)) == set(world.symbols)
    assert set(lost_units(tape).values()) == {(0, 0)}
    assert table.loc["borrowers", "dealings"] != 0, "they owe interest"
    rest = tape.parties[tape.parties["party"] == "rounding"].set_index("asset")["held_end"]
    for i, symbol in enumerate(world.symbols):
        least, most = nobodys(world.state, i)
        assert least <= rest[symbol] <= most, f"{symbol}: nothing hides in what is nobody's"


@pytest.mark.parametrize("steps", [0, 1, 18])
def test_it_sums_to_zero_on_tapes_that_end_early(steps: int) -> None:
    """At step 18 prices are lowest, and a feed that stands still keeps liquidators away: what is
    missing is nobody's yet.
    """
    _, tape = played(storm(**STUCK), steps)
    table = profit_and_loss(tape)
    assert [table[column].sum() for column in COLUMNS] == [0, 0, 0]
    assert (table.loc["nobody yet", "dealings"] < 0) == (steps == 18)
    assert steps or not table.any(axis=None)


def _take(array: str, *where: int) -> Callable[[State], None]:
    def change(s: State) -> None:
        assert getattr(s, array)[where] > 0
        getattr(s, array)[where] -= 1

    return change


PLACES = {
    "cash": (_take("hub", USDC, CASH), "USDC"),
    "escrow": (_take("hub", WBTC, ESCROW), "WBTC"),
    "a pair": (_take("pair", 0, RESERVE0), "WETH"),
    "a wallet": (_take("holding", 4, WETH, WALLET), "WETH"),
    "the fund": (_take("pool", USDC, POOL_ASSETS), "USDC"),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_unit_lost_is_found(place: str) -> None:
    """Wherever tokens lie: one unit less, and the sum says which asset and how many."""
    change, asset = PLACES[place]
    world, tape = played(storm(), 6, change)
    found = lost_units(tape)
    assert found.pop(asset) == (0, 1)
    assert set(found.values()) == {(0, 0)}
    i = world.symbols.index(asset)
    worth = int(world.market.price[6, i]) * 10**18 // int(world.state.unit[i])
    table = profit_and_loss(tape)
    assert [table[column].sum() for column in COLUMNS] == [0, -worth, -worth]


def test_a_claim_that_vanishes_is_nobodys() -> None:
    """Shares burnt without a withdrawal take from their owner and give to no other party."""
    lost = 10**9

    def burn(s: State) -> None:
        s.holding[SUPPLIERS, USDC, HUB_SHARES] -= lost * VIRTUAL_SHARES

    (world, tape), (_, as_it_was) = played(storm(), 6, burn), played(storm(), 6)
    change = _held_end(tape) - _held_end(as_it_was)
    assert set(lost_units(tape).values()) == {(0, 0)}
    moved = {party: units for party, units in change.loc[:, "USDC"].items() if units}
    assert set(moved) == {"suppliers", "rounding"} and moved["rounding"] >= lost
    assert moved["rounding"] > nobodys(world.state, USDC)[1], "the bound of the test above bites"


def _held_end(tape: Frames) -> pd.Series[Any]:
    return tape.parties.set_index(["party", "asset"])["held_end"]


def test_who_bears_losses_loses_them() -> None:
    """The fund of a storm stakes nothing more and earns nothing: it loses what it paid."""
    world, tape = played(storm())
    paid = losses(tape).loc["USDC", "fund"]
    assert paid == 2_000 * 10**6, "all that it had"
    held = holdings(tape).set_index(["party", "asset"]).loc[("insurance fund", "USDC")]
    assert held["held_start"] - held["held_end"] == pytest.approx(paid, abs=2)
    assert world.state.holding[STAKERS].any(axis=None) == (held["held_end"] > 0)
    assert world.state.hub[:, DEFICIT].sum() > 0, "which suppliers bear, and not nobody"
    assert -_held_end(tape).loc["nobody yet"].sum() == sum(losses(tape)["shortfall"])


def test_gas_goes_to_validators() -> None:
    _, tape = played(storm())
    spent = float(tape.steps["gas_usd"].iloc[-1])
    table = profit_and_loss(tape)
    assert spent > 0 and table.loc[VALIDATORS, "profit"] == round(spent * 10**8) * 10**18
    dealt = holdings(tape).set_index(["party", "asset"]).loc["liquidators"]
    last = tape.assets[tape.assets["step"] == tape.assets["step"].max()].set_index("asset")
    usd = sum(
        (row["held_end"] - row["held_start"])
        / 10 ** int(last.loc[asset, "decimals"])
        * last.loc[asset, "reference_price_usd"]
        for asset, row in dealt.iterrows()
    )
    assert float(table.loc["liquidators", "dealings"] / PER_USD) == pytest.approx(usd - spent)


def test_the_attackers_profit_is_that_of_its_own_table() -> None:
    """Which comes from its row of table `agents`, step by step, in floats."""
    _, tape = attacked()
    found = attack_outcome(tape)
    assert found is not None and found.profit > 1_000
    usd = in_usd(profit_and_loss(tape))
    assert float(usd.loc["attacker", "profit"]) == pytest.approx(found.profit, rel=1e-9)
    assert "users' agents" not in usd.index, "who is not there has no row"


def test_so_is_that_of_a_users_agent() -> None:
    agent = {
        "name": "treasury",
        "path": "sim.examples.treasury:Treasury",
        "capital_usd": {"USDC": 1e6},
        "parameters": {"least_usd": 100_000},
    }
    _, tape = played(storm(agents=[agent]))
    (own,) = agent_outcomes(tape)
    usd = in_usd(profit_and_loss(tape))
    assert own.done > 0 and own.profit_usd < -1_000, "what it stakes pays for losses"
    assert float(usd.loc["users' agents", "profit"]) == pytest.approx(own.profit_usd, rel=1e-9)


def test_the_outside_market_is_the_other_side_of_every_price_move() -> None:
    """With prices that stand still nobody gains or loses by them; with nobody trading, nothing is
    dealt but interest. Of the tokens that were minted, at what their prices did, to the unit.
    """
    _, still = played(storm(assets__WETH__price_usd=2000, assets__WBTC__price_usd=30_000))
    assert not profit_and_loss(still)["price_moves"].any()
    world, recorded = play(storm())
    table = profit_and_loss(frames(recorded.tables(complete=True)))
    minted = [0] * len(world.symbols)
    for block in world.opening:
        for row in block.rows:
            if row.kind == op.mint_token.kind:
                minted[row.x] += row.amount
    moved = world.market.price[-1] - world.market.price[0]
    scale = np.array([10**18 // int(unit) for unit in world.state.unit], dtype=object)
    expected = -sum(np.array(minted, dtype=object) * moved * scale)
    assert table.loc[OUTSIDE].tolist() == [expected, 0, expected] and expected > 0
    assert table.index.tolist() == [*PARTIES, OUTSIDE, VALIDATORS]
