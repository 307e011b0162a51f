"""Agents that a program hands over to a run: how its scenario speaks of them, and which it refuses.

A scenario has their names and what they own, but not what they do: only the program has that. So a
run of such a scenario needs them again, each by its name.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from sim.protocol.fixed_point import is_jitable
from sim.scenario import Scenario, ScenarioError, with_overrides
from sim.schema.arguments import shown
from sim.schema.own_agent import HANDED_OVER, OwnAgent
from sim.schema.problems import Problem

_AN_AGENT = "an object with act(view), or a function marked with sim.protocol.fixed_point.jitable"


def placed(one: Scenario, agents: Any) -> tuple[Scenario, list[Any]]:
    """The scenario with these agents among its own, and of each entry the agent that was handed
    over, None for those of the scenario. One that was handed over before takes its place again, the
    others come last. Raises `ScenarioError`.
    """
    own = [listed.name for listed in one.agents if not listed.is_handed_over]
    problems = list(_unfit(agents, len(own)))
    if not problems:
        waiting: dict[str, Any] = {}
        for agent in agents:
            waiting[_name(agent, [*own, *waiting])] = agent
        entries: list[tuple[dict[str, Any], Any]] = []
        for i, listed in enumerate(one.agents):
            if not listed.is_handed_over:
                entries.append((listed.model_dump(), None))
            elif listed.name in waiting:
                entries.append(_entry(listed.name, waiting.pop(listed.name)))
            else:
                problems.append(listed.missing(f"agents[{i}]"))
        entries += [_entry(name, agent) for name, agent in waiting.items()]
    if problems:
        raise ScenarioError(f"scenario '{one.name}'", problems)
    if agents:
        one = with_overrides(one, {"agents": [entry for entry, _ in entries]})
    return one, [agent for _, agent in entries]


def _name(agent: Any, taken: list[str]) -> str:
    """Its attribute `name`, or what its class or function is called, with a number where several
    are.
    """
    name = str(getattr(agent, "name", "") or _kind(agent).__name__)
    numbered = (name if n == 1 else f"{name} {n}" for n in count(1))
    return next(one for one in numbered if one not in taken)


def _entry(name: str, agent: Any) -> tuple[dict[str, Any], Any]:
    """How a scenario speaks of an agent that is handed over: an object with `act(view)`, whose
    attributes `capital_usd` (USD by asset in its wallet at the start), `vault` (where its account
    is) and `time_limit_seconds` say the rest, or a jitable function. And the agent.
    """
    kind = _kind(agent)
    called, home = kind.__name__, kind.__module__
    # An object may be anything, and what a script, a notebook or a function makes is nowhere else.
    is_there = home != "__main__" and getattr(sys.modules.get(home), called, None) is agent
    limit = OwnAgent.model_fields["time_limit_seconds"].default
    return {
        "name": name,
        "path": f"{home if is_there else HANDED_OVER}:{called.strip('<>')}",  # <lambda>
        "vault": getattr(agent, "vault", None),
        "capital_usd": getattr(agent, "capital_usd", {}),
        "time_limit_seconds": getattr(agent, "time_limit_seconds", limit),
    }, agent


def _kind(agent: Any) -> Any:
    """The function that an agent is, or its class."""
    return agent if is_jitable(agent) else type(agent)


def _unfit(agents: Any, first: int) -> Iterator[Problem]:
    """What is no list of agents, or no agent; `first` is the number that the first has there."""
    if not isinstance(agents, Sequence) or isinstance(agents, str):
        yield Problem("agents", f"is {shown(agents)}", "a list of agents, empty for none")
        return
    for n, agent in enumerate(agents, first):
        if isinstance(agent, type):
            made = f"an object of it, like {agent.__name__}()"
            yield Problem(f"agents[{n}]", f"is the class {agent.__name__}", made)
        elif not is_jitable(agent) and not callable(getattr(agent, "act", None)):
            yield Problem(f"agents[{n}]", f"is {shown(agent)}, no agent", _AN_AGENT)
