"""Runs that an agent of a user ends, and tapes of them played again without it."""

from __future__ import annotations

from typing import Any

import pytest

from sim.engines.exact import run
from sim.questions.verification import state_digest
from sim.scenario import Scenario
from sim.tape import Tape, frames
from sim.tape.replay import ReplayError, replay
from sim.users.actions import OperationError
from sim.users.user_agents import AgentError
from sim.world import World, build
from tests.agents import made_up
from tests.agents.thin import WETH
from tests.agents.with_agents import played, with_agent


def partly(scenario: Scenario) -> tuple[World, Tape, AgentError]:
    """A run that its agent ends."""
    world = build(scenario)
    tape = Tape(world, "exact")
    with pytest.raises(AgentError) as caught:
        for step in run(world):
            tape.record(*step)
    return world, tape, caught.value


@pytest.mark.parametrize(
    ("code", "parameters", "cause", "step"),
    [
        ("Failing", {}, ZeroDivisionError, 4),
        ("Quitting", {}, SystemExit, 1),
        ("Endless", {}, OperationError, 1),
        ("dividing", {"by": 0}, ZeroDivisionError, 1),
    ],
)
def test_an_agent_that_fails_stops_the_run(
    code: str, parameters: dict[str, Any], cause: type[BaseException], step: int
) -> None:
    _, tape, error = partly(with_agent(code, **parameters))
    assert isinstance(error.__cause__, cause) and (error.name, error.k) == ("mine", step)
    assert tape.latest["step"] == step - 1


def test_the_tape_of_a_failed_run_is_played_again_to_the_same_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the agent's code: the tape says what it did."""
    scenario = with_agent("Failing")
    _, tape, _ = partly(scenario)
    seen = frames(tape.tables(complete=False))
    monkeypatch.delattr(made_up, "Failing")
    again = replay(seen)
    assert again.position[4, WETH, 0] > 0
    assert tape._end is not None
    assert state_digest(again) == state_digest(tape._end.state)


def test_a_replay_stops_where_it_is_told() -> None:
    world, tape = played(with_agent("Counting"))
    assert state_digest(replay(tape)) == state_digest(world.state)
    assert replay(tape, until=2).holding[10, WETH, 0] == 10 * 10**19 // 10 - 3 * 10**12


def test_a_replay_notices_another_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    _, tape = played(with_agent("Looper", borrow=5_000 * 10**6))
    tape.operations.loc[
        (tape.operations["kind"] == "borrow") & (tape.operations["step"] > 0), "verdict"
    ] = "PriceNotOk"
    with pytest.raises(ReplayError, match=r"borrow of step 1.*PriceNotOk, the protocol ok"):
        replay(tape)
