"""Whole runs in lockstep, and proof that the comparison notices what it should."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from sim.engines import exact
from sim.engines import lockstep as module
from sim.engines.anvil import AnvilChain
from sim.engines.by_name import follower
from sim.engines.chain import Chain, RevmChain
from sim.engines.exact import journal_rows, run
from sim.engines.failures import LockstepError
from sim.engines.lockstep import Lockstep
from sim.engines.recorded import recorded
from sim.market.market import TALLY
from sim.protocol import hub, oracle, vault_accounts
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.state import CASH, DEFICIT_REPORTED, POSITION_DEBT, SEEN_AT, State
from sim.protocol.transaction import entries
from sim.scenario import load, with_overrides
from sim.simulation import step
from sim.tape import Tape
from sim.world import World, build
from tests.simulation.runs import PEOPLE

pytestmark = pytest.mark.chain

TINY: dict[str, Any] = {
    "book.accounts": 24,
    "book.total_debt_usd": 20_000_000.0,
    "book.max_account_share": 0.3,
}


def _world(**overrides: Any) -> World:
    return build(with_overrides(load("black-thursday"), {**TINY, **overrides}))


def _follow(world: World, chain: Chain) -> Lockstep:
    lockstep = Lockstep(chain, world.genesis, world.symbols)
    for _ in run(world, lockstep):
        pass
    return lockstep


def test_black_thursday_agrees_on_revm() -> None:
    """Two days, every step compared, bad debt included."""
    world = _world()
    lockstep = _follow(world, RevmChain())
    assert lockstep.operations > 2_000 and lockstep.values > 150_000
    assert sum(world.state.hub[:, DEFICIT_REPORTED]) > 0


def test_venues_that_leave_a_mark_and_dry_up_agree_on_revm() -> None:
    """Prices moved by sales, liquidity taken out and brought back, to the wei."""
    start = load("black-thursday").start
    back = [(8, 1.0), (12, 0.2), (16, 0.7)]
    world = _world(
        duration_hours=26,
        reference_market={
            "assets": {
                "WETH": {"depth_usd_per_percent": 4e5, "half_life_hours": 6.0},
                "WBTC": {"depth_usd_per_percent": 2e5},
            }
        },
        **{f"venues[{p}].depth_by_drawdown": [[0.0, 1.0], [0.3, 0.4]] for p in (0, 1)},
        **{
            "venues[3].depth_over_time": [
                {"at": start + timedelta(hours=hours), "value": value} for hours, value in back
            ]
        },
    )
    lockstep = Lockstep(RevmChain(), world.genesis, world.symbols)
    kinds = [row.kind for step in run(world, lockstep) if step.k for row in step.rows]
    assert kinds.count(op.remove_liquidity.kind) > 20 and kinds.count(op.add_liquidity.kind) > 20
    assert lockstep.operations > 1_000
    assert (world.market.reference.impact[-1] < 10**18).any()


@pytest.mark.parametrize("engine", ["target-health", "dutch-bonus"])
def test_other_engines_with_a_delay_agree_on_revm(engine: str) -> None:
    """Flags, delays, growing bonuses and escrowed collateral."""
    world = _world(
        duration_hours=26,
        **{
            "protocol.liquidation.engine": engine,
            "protocol.liquidation.delay_seconds": 900,
            "protocol.reserves.WETH.rehypothecate": False,
        },
    )
    assert _follow(world, RevmChain()).operations > 1_000


def test_people_who_react_agree_on_revm() -> None:
    """Every kind of borrower acts, suppliers leave, some in vain: a day and a half of it."""
    world = _world(duration_hours=36, **PEOPLE)
    lockstep = _follow(world, RevmChain())
    assert lockstep.operations > 2_000 and lockstep.values > 100_000
    reacted = dict(zip(TALLY, world.market.tally, strict=True))
    for name in ("topped_up", "deleveraged", "looped", "taken_out", "withdrawn", "refused"):
        assert reacted[f"{name}_value"] > 0, name


def test_a_crash_agrees_on_the_devnet_with_gas() -> None:
    """The same on anvil: real blocks, and receipts that say what each operation used."""
    world = _world(duration_hours=12)
    with AnvilChain(int(world.genesis.clock[0]) - 20_000) as chain:
        lockstep = Lockstep(chain, world.genesis, world.symbols)
        gas = [g for step in list(run(world, lockstep)) for g in step.gas]
    assert len(gas) == lockstep.operations
    assert min(gas) > 21_000


def _failing(at: int) -> Callable[..., None]:
    """The loop's step, which fails in step `at`."""

    def failing(s: Any, w: Any, k: int, users: Any) -> None:
        if k == at:
            raise ZeroDivisionError
        step(s, w, k, users)

    return failing


@pytest.mark.parametrize("engine", ["revm", "devnet"])
@pytest.mark.parametrize("fails", [True, False], ids=["the next fails", ""])
def test_a_step_that_differs_ends_the_run_and_is_not_on_the_tape(
    engine: str, fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found while the twin is a step ahead, and may fail there: its operation is named all
    the same, and on the tape is what was compared.
    """
    world, see = _world(duration_hours=4), oracle.poke
    differs = int(world.market.time[20])

    def late(s: Any, v: int, i: int) -> None:
        see(s, v, i)
        if s.clock[0] == differs:
            s.oracle[v, i, SEEN_AT] -= 1

    monkeypatch.setattr(oracle, "poke", late)
    if fails:
        monkeypatch.setattr(exact, "step", _failing(21))
    tape = Tape(world, engine)
    with follower(engine, world) as chain, pytest.raises(LockstepError) as caught:
        deque(recorded(world, tape, chain), 0)
    assert caught.value.operation.startswith("poke by actor")
    assert "seen at" in str(caught.value)
    assert tape.latest["step"] == 19


def test_a_step_that_fails_leaves_the_one_before_on_the_tape(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was compared, and did not differ."""
    monkeypatch.setattr(exact, "step", _failing(7))
    world = _world(duration_hours=1)
    tape = Tape(world, "devnet")
    with follower("devnet", world) as chain, pytest.raises(ZeroDivisionError):
        deque(recorded(world, tape, chain), 0)
    assert tape.latest["step"] == 6
    assert tape.latest["gas_used"] > 21_000


def _borrow_wrongly(s: State, wei: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The safest account borrows, and the twin books this much more cash than there is."""
    debts = {i for a in range(24) for i in range(len(s.unit)) if s.position[a, i, POSITION_DEBT]}
    owed = max(debts)  # a dollar each; more than the least that can be owed
    draw, amount = hub.draw, 5_000 * int(s.unit[owed]) + 1

    def wrong(s: Any, spoke: int, i: int, assets: int) -> tuple[int, int]:
        code, scaled = draw(s, spoke, i, assets)
        if code == OK and assets == amount:
            s.hub[i, CASH] += wei
        return code, scaled

    monkeypatch.setattr(hub, "draw", wrong)
    safest = max(range(24), key=lambda a: vault_accounts.health(s, a).factor)
    assert op.borrow(s, int(s.account_owner[safest]), safest, owed, amount) == OK


def test_the_operation_is_named_in_the_block_after_everything_was_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That block is on its way while everything is compared as it was before it."""
    world = _world(duration_hours=1)
    with follower("devnet", world) as lockstep:
        deque(run(world, lockstep), 0)
        s = world.state
        s.clock[0] += 1
        assert op.accrue(s, 0, 0) == OK
        monkeypatch.setattr(module, "EVERYTHING", 1)
        lockstep.send(journal_rows(s), int(s.clock[0]), s)
        monkeypatch.setattr(module, "EVERYTHING", 64)
        s.clock[0] += 1
        _borrow_wrongly(s, 1, monkeypatch)
        lockstep.send(journal_rows(s), int(s.clock[0]), s)
        with pytest.raises(LockstepError, match=r"after borrow by actor .*"):
            lockstep.settle()


def test_a_copy_goes_on_from_a_block_that_has_been_compared() -> None:
    """What is under way is waited for first: it could be received once only."""
    world = _world(duration_hours=1)
    with follower("devnet", world) as lockstep:
        deque(run(world, lockstep), 0)
        s, before = world.state, lockstep.operations
        s.clock[0] += 1
        assert op.accrue(s, 0, 0) == OK
        lockstep.send(journal_rows(s), int(s.clock[0]), s)
        other = lockstep.copy()
        assert other.operations == before + 1
        s.clock[0] += 1
        assert op.accrue(s, 0, 1) == OK
        other.play(journal_rows(s), int(s.clock[0]), s)
        other.conclude(s)


@pytest.mark.parametrize("everything", [64, 1], ids=["some", "everything"])
@pytest.mark.parametrize("wei", [1, -1])
def test_one_wei_is_noticed_and_the_operation_named(
    wei: int, everything: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A twin that books one wei more or less at borrowing is caught, with the operation, whether
    its words or all were to be compared.
    """
    monkeypatch.setattr(module, "EVERYTHING", everything)

    world = _world(duration_hours=1)
    lockstep = _follow(world, RevmChain())
    s = world.state
    s.clock[0] += 1
    _borrow_wrongly(s, wei, monkeypatch)
    with pytest.raises(LockstepError, match=r"after borrow by actor .*") as caught:
        lockstep.play(entries(s)[:1], int(s.clock[0]), s)
    assert f"({-wei:+d} wei)" in str(caught.value)
    assert "cash" in str(caught.value)


def test_a_wrong_verdict_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A twin that forgets the borrow limit accepts what the contracts refuse."""
    world = _world(duration_hours=1)
    lockstep = _follow(world, RevmChain())
    monkeypatch.setattr(vault_accounts, "_require_safe", lambda s, a: OK)
    s = world.state
    held = vault_accounts.supplied_assets(s, 0, 0)
    assert op.withdraw(s, int(s.account_owner[0]), 0, 0, held) == OK
    rows = entries(s)[:1]
    with pytest.raises(LockstepError, match="verdict of withdraw"):
        lockstep.play(rows, int(s.clock[0]) + 1, s)
