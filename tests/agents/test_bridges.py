"""Tokens of other chains in runs: against those of this chain, closed forms, what is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sim
from sim.agents.start import owner
from sim.engines.compiled import Compiled
from sim.engines.exact import run
from sim.engines.outcome import names
from sim.engines.reopening import Reopening
from sim.market.bridges import supply
from sim.market.market import (
    BACKING,
    DELIVERED,
    FORGED,
    FORGED_DEBT_VALUE,
    LAG,
    MINTED,
    REFUSED,
    SENT,
    VANISHED,
)
from sim.market.paths import draw, observed
from sim.measures.parties import lost_units, profit_and_loss
from sim.measures.registry import figure
from sim.protocol import operations as op
from sim.protocol.errors import MESSAGE_TOO_OLD, MINT_LIMITED, OK
from sim.scenario import Scenario, with_overrides
from sim.world import World, build, on_path
from sim.world.bridges import bridges
from tests.agents.bridged import SYMBOL, bridged

HOUR, STEP = 3_600, 300
START = 1_767_225_600
"""2026-01-01T00:00:00Z."""


def at(hours: float) -> str:
    """A time of the run."""
    minutes = round(hours * 60)
    return f"2026-01-01T{minutes // 60:02d}:{minutes % 60:02d}:00Z"


def of_this_chain(scenario: Scenario) -> Scenario:
    """The same market with the same token, of this chain."""
    return with_overrides(scenario, {"bridges": {}})


def messages(world: World) -> list[tuple[int, Any]]:
    """(time, row) of all messages that the relayer came with, the world run to its end."""
    kind = op.receive_message.kind
    return [
        (int(world.market.time[step.k]), row)
        for step in run(world)
        for row in step.rows
        if row.kind == kind
    ]


def ledger(world: World, column: int) -> int:
    return int(world.market.bridges.ledger[0, column])


def elsewhere(world: World) -> int:
    """Token units that borrowers have on the other chain, and on the way."""
    own, i = world.market.bridges, world.symbols.index(SYMBOL)
    purses = world.market.actors.borrowers.purse[:, i]
    return int(purses.sum() + own.under_way.sum())


# --- without lag and without anything that goes wrong ---------------------------------------------


def test_without_lag_it_is_the_token_of_this_chain_number_for_number() -> None:
    """Prices, health, losses, every account, everyone's profit: but for the messages themselves."""
    there, here = (sim.run(s).raw.tape for s in (bridged(), of_this_chain(bridged())))
    skipped = ["operations", "gas_used"]
    assert there.steps.drop(columns=skipped).equals(here.steps.drop(columns=skipped))
    assert there.assets.equals(here.assets)
    assert there.venues.equals(here.venues)
    assert there.accounts.equals(here.accounts)
    assert profit_and_loss(there).equals(profit_and_loss(here))
    kinds = there.operations["kind"]
    came = int((kinds == "receive_message").sum())
    assert came == figure(there, "messages_delivered") == figure(there, "messages_sent") > 10
    assert there.steps["topped_up_usd"].iloc[-1] > 1e5
    after = [int(one["operations"].iloc[1:].sum()) for one in (there.steps, here.steps)]
    assert after[0] == after[1] + came


def test_without_lag_a_sweep_comes_to_the_same_on_every_path() -> None:
    """The prices of the original, noise and all: every number of every path, in doubles."""
    scenario = bridged()
    prices = draw(scenario, "mc", 0, 12)
    of, column = (scenario.symbols.index(one) for one in ("WETH", SYMBOL))
    assert (prices[:, :, of] == prices[:, :, column]).all()
    assert len({path.tobytes() for path in prices}) == 12
    seen = observed(scenario, prices)
    there, here = (
        Compiled(build(one)).outcomes(prices, seen) for one in (scenario, of_this_chain(scenario))
    )
    operations = names(scenario.symbols).index("operations")
    expected = pytest.approx(np.delete(here, operations, axis=1), rel=1e-12)
    assert np.delete(there, operations, axis=1) == expected
    assert there[:, names(scenario.symbols).index("liquidations")].all()


# --- messages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("lag", [1, 300, 1_500])
def test_a_message_arrives_in_the_first_step_after_its_lag(lag: int) -> None:
    world = build(bridged(lag_seconds=lag))
    came = messages(world)
    assert len(came) > 10
    for time, row in came:
        assert row.code == OK
        assert lag <= time - row.limit < lag + STEP


def test_lags_are_lognormal_of_the_mean_that_is_said() -> None:
    """E l = 1800, the median exp(-sd^2 / 2) of it; of 60,000 draws, up to the whole second."""
    scenario = bridged(lag_seconds=1_800, lag_sd_log=0.8, duration_hours=160)
    many = with_overrides(scenario, {"borrowers[0].review_seconds": 300})
    lags = bridges(many, 30).message[0, :, LAG].astype(float) - 0.5
    assert len(lags) > 50_000
    spread = 1_800 * np.sqrt(np.expm1(0.8**2))
    assert abs(lags.mean() - 1_800) < 4 * spread / np.sqrt(len(lags))
    median = 1_800 * np.exp(-(0.8**2) / 2)
    assert abs(np.median(lags) / median - 1) < 4 * 0.8 * np.sqrt(np.pi / 2 / len(lags))


def test_what_was_sent_first_may_arrive_last() -> None:
    world = build(bridged(lag_seconds=1_800, lag_sd_log=1.0))
    numbers = [row.option for _, row in messages(world) if row.code == OK]
    assert sorted(numbers) != numbers and len(set(numbers)) == len(numbers)


def test_nobody_has_two_messages_for_the_same() -> None:
    """A price that falls once and stands still: he looks four times while the message is on its
    way, and sends once; the message is all that he was short of.
    """
    fall = [{"at": at(1), "value": 3_000.0}, {"at": at(1.05), "value": 2_600.0}]
    world = build(bridged(lag_seconds=HOUR, assets__WETH__price_usd=fall))
    came = messages(world)
    senders = [row.y for _, row in came]
    assert len(senders) > 5 and len(set(senders)) == len(senders)


def test_nobody_gets_more_than_his_purse() -> None:
    """In a fall that goes on, and more messages with it."""
    world = build(bridged(lag_seconds=1_500))
    purse = world.market.actors.borrowers.purse[:, world.symbols.index(SYMBOL)].copy()
    had = dict.fromkeys(range(len(purse)), 0)
    first = owner(world.scenario, 0)
    for _, row in messages(world):
        had[row.y - first] += row.amount
    assert any(had.values())
    accounts = world.market.actors.borrowers.account
    assert all(had[int(a)] <= most for a, most in zip(accounts, purse, strict=True))


def test_in_an_outage_nothing_arrives_and_what_is_too_old_then_is_refused_once() -> None:
    """The purse over there has it back, and sends it anew."""
    world = build(
        bridged(
            lag_seconds=300,
            max_age_seconds=HOUR,
            outages=[{"from": at(1), "until": at(4)}],
        )
    )
    before, came = elsewhere(world), messages(world)
    begin, end = START + HOUR, START + 4 * HOUR
    assert not any(begin <= time < end for time, _ in came)
    for time, row in came:
        assert (row.code == MESSAGE_TOO_OLD) == (time - row.limit > HOUR)
    old = [row.option for _, row in came if row.code == MESSAGE_TOO_OLD]
    assert old and len(set(old)) == len(old) == ledger(world, REFUSED)
    delivered = sum(row.amount for _, row in came if row.code == OK)
    assert before == elsewhere(world) + delivered
    assert ledger(world, SENT) >= ledger(world, DELIVERED) + ledger(world, REFUSED)


def test_an_outage_costs_collateral_in_a_crash() -> None:
    """Top-ups that do not arrive: less is topped up, and more accounts are liquidated."""
    open_, closed = (
        sim.run(bridged(lag_seconds=300, outages=outages)).raw.tape for outages in ([], [{}])
    )
    assert figure(closed, "messages_delivered") == 0 < figure(open_, "messages_delivered")
    assert figure(closed, "topped_up_usd") < figure(open_, "topped_up_usd")
    assert figure(closed, "liquidated_accounts") > figure(open_, "liquidated_accounts")


def test_a_message_beyond_the_cap_waits_for_room() -> None:
    """Of any window no more than the cap and what drained in it, and whoever waits comes later."""
    cap, window = 200, 7_200
    world = build(bridged(cap_tokens=cap, window_seconds=window))
    came = messages(world)
    refused = {row.option for _, row in came if row.code == MINT_LIMITED}
    later = {row.option for _, row in came if row.code == OK}
    assert refused & later
    done = [(time, row.amount) for time, row in came if row.code == OK]
    for begin, _ in done:
        for end in {time for time, _ in done if time >= begin}:
            minted = sum(amount for time, amount in done if begin <= time <= end)
            assert minted <= cap * 10**18 * (window + end - begin) // window + 1


# --- what never happened --------------------------------------------------------------------------


def test_a_reorganisation_takes_its_share_of_the_price_at_once_and_of_the_feed_later() -> None:
    """Exactly a fifth; the feed has it from its report on, a latency of 600 s later."""
    scenario = bridged(
        reorganisation={"at": at(1), "share": 0.2},
        borrowers=[],  # what is sent afterwards is backed in full
        **{f"feeds__{SYMBOL}__latency_seconds": 600},
    )
    tape = sim.run(scenario).raw.tape
    price, oracle = (
        tape.assets.pivot(index="step", columns="asset", values=column)
        for column in ("reference_price_usd", "oracle_price_usd")
    )
    k = HOUR // STEP
    units = np.rint(price["WETH"] * 1e8).astype(int)
    expected = np.where(price.index < k, units, units * 8 // 10)
    assert (np.rint(price[SYMBOL] * 1e8).astype(int) == expected).all()
    seen = oracle[SYMBOL] / price["WETH"].shift(2)
    assert seen.iloc[k] == pytest.approx(1, abs=0.01)
    assert seen.iloc[k + 1] == pytest.approx(1, abs=0.01)
    assert seen.iloc[k + 2] == pytest.approx(0.8, abs=0.01)
    assert figure(tape, "unbacked_share") == pytest.approx(0.2, abs=1e-6)


def test_doubtful_deposits_unback_what_was_delivered_when_they_should_be_final() -> None:
    """With p = 1 every message: B = S - sum of those past their finality, after every step."""
    world = build(bridged(lag_seconds=300, finality_seconds=HOUR, reorganisation_probability=1.0))
    i, delivered, dropped = world.symbols.index(SYMBOL), {}, set()
    begin, purses = supply(world.state, i), elsewhere(world)
    for step in run(world):
        now = int(world.state.clock[0])
        for row in step.rows:
            if row.kind == op.receive_message.kind:
                assert row.code == OK
                delivered[row.option] = (row.limit, row.amount)
        gone = {n for n, (sent_at, _) in delivered.items() if now >= sent_at + HOUR}
        dropped |= gone
        if step.k:
            total = begin + sum(amount for _, amount in delivered.values())
            assert supply(world.state, i) == ledger(world, MINTED) == total
            lost = sum(delivered[n][1] for n in gone)
            assert ledger(world, VANISHED) == lost == total - ledger(world, BACKING)
    assert len(dropped) > 5
    kept = sum(amount for n, (_, amount) in delivered.items() if n not in dropped)
    assert elsewhere(world) == purses - kept, "what never left is there again"
    assert world.market.price[-1, i] < world.market.price[-1, world.symbols.index("WETH")]


def test_who_waits_for_finality_takes_no_harm() -> None:
    """Messages that are not delivered before it: those whose deposit vanishes mint nothing."""
    world = build(bridged(lag_seconds=HOUR, finality_seconds=HOUR, reorganisation_probability=1.0))
    assert messages(world) == [] and ledger(world, SENT) > 0
    assert ledger(world, VANISHED) == 0
    i, of = (world.symbols.index(one) for one in (SYMBOL, "WETH"))
    assert (world.market.price[:, i] == world.market.price[:, of]).all()


# --- forgery --------------------------------------------------------------------------------------


def forged(**overrides: Any) -> Scenario:
    plan = {"at": at(2), "borrow": "USDC", "noticed_seconds": HOUR}
    return bridged(**{"forgery": plan, "cap_tokens": 1_000, "window_seconds": 7_200, **overrides})


def test_a_forger_mints_a_cap_and_its_drainage_until_somebody_notices() -> None:
    """C (1 + t / W) in all, with t from his first message to his last; and nothing afterwards."""
    world = build(forged(borrowers=[]))
    came = messages(world)
    assert [time for time, _ in came] == [START + 2 * HOUR + n * STEP for n in range(HOUR // STEP)]
    minted = sum(row.amount for _, row in came)
    most = 1_000 * 10**18 * (7_200 + HOUR - STEP) // 7_200
    assert 0 <= most - minted < len(came), "less a unit of rounding each"
    assert minted == ledger(world, FORGED)
    i, of = (world.symbols.index(one) for one in (SYMBOL, "WETH"))
    share = ledger(world, BACKING) * 10**18 // ledger(world, MINTED)
    noticed = 3 * HOUR // STEP
    for k in range(1, world.scenario.steps + 1):
        whole = world.market.price[k, of]
        expected = whole if k < noticed else whole * share // 10**18
        assert world.market.price[k, i] == expected


def test_a_forger_borrows_what_a_cap_is_good_for_and_not_more() -> None:
    """LTV x minted at the price the vault goes by, to a thousandth; and more caps are more."""
    small, large = (sim.run(forged(cap_tokens=cap)).raw.tape for cap in (200, 1_000))
    for tape in (small, large):
        owed = figure(tape, "borrowed_by_forger_usd")
        own = tape.operations[tape.operations["actor_name"] == "forger"]
        pledged = own[(own["kind"] == "supply") & (own["verdict"] == "ok")]
        seen = tape.assets[tape.assets["asset"] == SYMBOL].set_index("step")["oracle_price_usd"]
        last = int(pledged["step"].iloc[-1])
        tokens = sum(map(int, pledged["amount"])) / 1e18
        assert owed <= 0.76 * tokens * seen.loc[2 * HOUR // STEP :].max()
        assert owed >= 0.999 * 0.76 * tokens * seen[last]
    ratio = figure(large, "borrowed_by_forger_usd") / figure(small, "borrowed_by_forger_usd")
    assert 4 < ratio < 6


def test_a_pause_of_borrowing_ends_what_a_forger_can_have() -> None:
    """Who watches the cash leave stops it sooner than those who watch the bridge."""
    guarded = forged(
        cap_tokens=3_000,
        protocol__guard={},
        guardian={
            "outflow_bps": 1_000,
            "window_seconds": HOUR,
            "delay_seconds": 600,
            "pauses": ["borrow"],
        },
    )
    alone, watched = (sim.run(one).raw.tape for one in (forged(cap_tokens=3_000), guarded))
    refused = watched.operations[
        (watched.operations["actor_name"] == "forger")
        & (watched.operations["verdict"] == "ActionPaused")
    ]
    assert len(refused) > 3
    assert figure(watched, "borrowed_by_forger_usd") < figure(alone, "borrowed_by_forger_usd")


# --- what is kept ---------------------------------------------------------------------------------

EVERYTHING: dict[str, Any] = {
    "lag_seconds": 600,
    "lag_sd_log": 0.7,
    "max_age_seconds": 2_400,
    "cap_tokens": 400,
    "window_seconds": 3_600,
    "finality_seconds": 1_800,
    "reorganisation_probability": 0.3,
    "outages": [{"from": at(1.5), "until": at(2.5)}],
    "reorganisation": {"at": at(2), "share": 0.1},
    "forgery": {"at": at(3), "borrow": "USDC", "noticed_seconds": 2_700},
}
"""All that can go wrong, one after the other."""


def unbooked(world: World, begin: int, delivered: int) -> tuple[int, int]:
    """Units that are here and that no message explains, and that nothing backs for no reason."""
    there = supply(world.state, world.symbols.index(SYMBOL))
    made = begin + delivered
    backing = there - ledger(world, FORGED) - ledger(world, VANISHED)
    return there - made, ledger(world, BACKING) - backing


def test_supply_and_backing_are_what_messages_made_them_after_every_step() -> None:
    world = build(bridged(**EVERYTHING))
    i = world.symbols.index(SYMBOL)
    begin, delivered = supply(world.state, i), 0
    for step in run(world):
        delivered += sum(
            row.amount
            for row in step.rows
            if row.kind == op.receive_message.kind and row.code == OK
        )
        if step.k:
            assert unbooked(world, begin, delivered) == (0, 0)
    assert all(ledger(world, column) for column in (DELIVERED, REFUSED, FORGED, VANISHED))
    # It bites: a message that nobody sent, and a deposit that vanishes for no reason.
    nonce = int(world.market.bridges.sent[0])
    op.receive_message(world.state, 0, i, 2, 7, int(world.state.clock[0]), nonce)
    world.market.bridges.ledger[0, BACKING] -= 5
    assert unbooked(world, begin, delivered) == (7, -5 - 7)


def test_everyones_profits_sum_to_zero_whatever_happens_there() -> None:
    tape = sim.run(bridged(**EVERYTHING)).raw.tape
    assert set(lost_units(tape).values()) == {(0, 0)}
    table = profit_and_loss(tape)
    assert table.sum().tolist() == [0, 0, 0]
    assert table.loc["forger", "profit"] > 0


def test_what_is_forged_dilutes_and_is_nobodys_gift() -> None:
    """S p F / (S + F) that holders lose is F p S / (S + F) that the forger has: the outside market,
    who minted all of it, is where it was but for what ether did.
    """
    level = {"assets__WETH__price_usd": 3_000.0, "borrowers": []}
    table = profit_and_loss(sim.run(forged(**level)).raw.tape)
    outside = table.loc["outside market", "profit"]
    assert abs(outside) < 1e-9 * table.loc["outside market", "price_moves"]


# --- engines --------------------------------------------------------------------------------------


def test_compiled_paths_come_to_what_exact_runs_do() -> None:
    scenario = bridged(**EVERYTHING)
    world = build(scenario)
    prices = draw(scenario, "mc", 0, 4)
    seen = observed(scenario, prices)
    compiled = Compiled(world, 10_000)
    columns = names(scenario.symbols)
    numbers = compiled.outcomes(prices, seen)
    for path, table, feed in zip(numbers, prices, seen, strict=True):
        exact = on_path(world, table, feed)
        rows = [row for step in run(exact) if step.k for row in step.rows]
        came = [row for row in rows if row.kind == op.receive_message.kind]
        steps = list(compiled.journal(table, feed))
        floats = [row for step in steps for row in step if row[0] == op.receive_message.kind]
        assert [row.code for row in came] == [int(row[8]) for row in floats]
        amounts = [row[5] for row in floats]
        assert [float(row.amount) for row in came] == pytest.approx(amounts, rel=1e-6)
        assert path[columns.index("operations")] == len(rows)
        refused = sum(row.code != OK for row in came)
        assert path[columns.index("messages_refused")] == refused
        owed = path[columns.index("borrowed_by_forger")]
        assert owed == pytest.approx(float(exact.market.tally[FORGED_DEBT_VALUE]), rel=1e-9)
        assert owed > 0 < refused
        end = exact.market.bridges.ledger.astype(float)
        assert compiled.memory.market.bridges.ledger == pytest.approx(end, rel=1e-6)
        assert compiled.memory.market.price == pytest.approx(exact.market.price.astype(float))


@pytest.mark.chain
def test_twin_and_contracts_agree_whatever_happens_there() -> None:
    """A difference raises: every word of storage, the numbers of the messages among them."""
    played = sim.run(bridged(**EVERYTHING), engine="revm")
    assert played.compared > 50_000
    verdicts = played.raw.tape.operations.query("kind == 'receive_message'")["verdict"]
    assert {"ok", "MessageTooOld", "MintLimited"} <= set(verdicts)


def test_a_search_opens_the_same_market() -> None:
    """Opened again for the same amounts, the same paths come to the same."""
    scenario = bridged(**{**EVERYTHING, "forgery": None})
    world = build(scenario)
    amounts = (array.astype(np.float64) for array in (world.book.collateral, world.book.debt))
    again = Compiled.at(Reopening(world).at(scenario, *amounts), scenario.steps)
    prices = draw(scenario, "mc", 0, 4)
    seen = observed(scenario, prices)
    expected = Compiled(world).outcomes(prices, seen)
    assert again.outcomes(prices, seen) == pytest.approx(expected, rel=1e-9)
    assert expected[:, names(scenario.symbols).index("messages_refused")].all()
