"""A user's own agents: found by import path, checked, and made into what the loop calls.

Two kinds. A jitable function acts on the arrays like everyone else here and runs on every engine:

    @jitable
    def agent(s: State, w: Market, k: int, me: int, first_parameter, second_parameter) -> None

with `w.agent_actor[me]` and `w.agent_account[me]` as itself, and its parameters as whole numbers. A
plain Python object, of a class that takes the parameters by name, answers `act(view)` with
operations (`sim.users.view`, `sim.users.actions`); it runs wherever the loop is Python.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from numba.extending import overload
from numba.np.unsafe.ndarray import to_fixed_tuple

from sim.health.watchers import look_at
from sim.market.market import Market
from sim.protocol.errors import NAMES
from sim.protocol.fixed_point import is_jitable, jitable
from sim.protocol.state import State
from sim.protocol.transaction import NOBODY
from sim.schema.arguments import shown
from sim.schema.own_agent import OwnAgent
from sim.schema.problems import Problem, nearest
from sim.users.actions import Asked, Names, Operation, OperationError
from sim.users.in_time import Aside, OverdueError
from sim.users.view import Answer, View, at

Users = Callable[[State, Market, int], None]
"""What all of the users' agents do in a step."""

MOST_OPERATIONS = 1_000
"""Of one agent in one step: more is a loop that does not end."""
_COPIED = (
    "an object that copy.deepcopy copies, as every run plays a copy: make in act() what cannot"
)
_ARGUMENTS = ["s", "w", "k", "me"]
_NO_DEFAULT = inspect.Parameter.empty


@jitable
def nobody(s: State, w: Market, k: int) -> None:
    """A scenario without agents of its user."""


class Agent(NamedTuple):
    """One agent, found and checked."""

    name: str
    code: Any
    """A jitable function; or a class, or an object of one, with `act`."""
    jitable: bool
    parameters: Mapping[str, Any]
    """By name; those of a jitable function are whole, and in the order it names them."""
    seconds: float
    """The most that it may take for one step."""

    def made(self) -> Any:
        """The object of an agent that is one, as it is before a run."""
        if isinstance(self.code, type):
            return self.code(**self.parameters)
        return _copied(self.code)

    def as_code(self) -> Code:
        """A jitable agent without the values of its parameters."""
        return Code(self.code, len(self.parameters))


class Code(NamedTuple):
    """What is compiled of an agent: two runs that differ in its knobs share it."""

    function: Any
    parameters: int


class CopyError(Exception):
    """A ready object of which there cannot be a second: `__cause__` is what copying raised."""


class AgentError(Exception):
    """An agent raised, or asked for what is no operation: `__cause__` is what happened. Or it did
    not return within `seconds`: `where` it was then, as lines of a traceback.
    """

    def __init__(self, name: str, k: int, seconds: float | None = None, where: str = "") -> None:
        super().__init__(name, k, seconds, where)
        self.name, self.k, self.seconds, self.where = name, k, seconds, where

    def __str__(self) -> str:
        did = "failed" if self.seconds is None else f"did not return within {self.seconds:g} s"
        why = self.__cause__
        reason = f": {type(why).__name__}: {why}" if why is not None else ""
        return f"agent '{self.name}' {did} in step {self.k:,}{reason}"


# --- finding --------------------------------------------------------------------------------------


def find(
    wanted: Sequence[OwnAgent], code: Sequence[Any] | None = None
) -> tuple[list[Agent], list[Problem]]:
    """The agents of a scenario, and why some cannot be had; `code` of those that are here already,
    None of those to be looked up.
    """
    agents, problems = [], []
    for i, (one, known) in enumerate(zip(wanted, code or [None] * len(wanted), strict=True)):
        path = f"agents[{i}]"
        found = _find(one, path) if known is None else _of_code(one, known, path)
        if isinstance(found, Problem):
            problems.append(found)
        else:
            agents.append(found)
    return agents, problems


def _find(one: OwnAgent, path: str) -> Agent | Problem:
    if one.is_handed_over:
        return one.missing(path)
    module_name, _, attribute = one.path.partition(":")
    module = _imported(module_name, f"{path}.path", one.folder)
    if isinstance(module, Problem):
        return module
    if not hasattr(module, attribute):
        names = [name for name in vars(module) if not name.startswith("_")]
        remedy = nearest(attribute, names, f"{module_name} has")
        return Problem(f"{path}.path", f"{module_name} has no {attribute}", remedy)
    return _of_code(one, getattr(module, attribute), path)


def _of_code(one: OwnAgent, code: Any, path: str) -> Agent | Problem:
    """The agent that this code is, if it is one and takes these parameters; `path` is where the
    scenario names it.
    """
    if not is_jitable(code) and not callable(getattr(code, "act", None)):
        return Problem(
            f"{path}.path",
            f"{one.path.partition(':')[2]} is neither a jitable function nor has it act(view)",
            "a function marked with sim.protocol.fixed_point.jitable, or a class with act(view)",
        )
    act = getattr(code, "act", None)
    if inspect.iscoroutinefunction(act) or inspect.isasyncgenfunction(act):
        what = f"{one.path.partition(':')[2]} has an async act, which a step does not wait for"
        return Problem(f"{path}.path", what, "def act(self, view), without async")
    return _with_parameters(one, code, path)


def _imported(name: str, path: str, folder: str | None) -> Any:
    """The module, or why there is none. Its folder comes first, or else the current directory, as
    for `python -m`.
    """
    here = folder or str(Path.cwd())
    sys.path.insert(0, here)
    try:
        module = importlib.import_module(name)
    except Exception as error:  # a user's module may raise anything
        if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}."):
            return Problem(
                path,
                f"there is no module {error.name}",
                f"a module beside the scenario, in the current directory ({Path.cwd()}) or an "
                "installed one",
            )
        problem = f"importing {name} fails: {type(error).__name__}: {error}"
        return Problem(path, problem, "a module that can be imported")
    finally:
        sys.path.remove(here)
    if folder and not Path(inspect.getfile(module)).is_relative_to(folder):
        problem = f"{name} is also the name of another module, {inspect.getfile(module)}"
        return Problem(path, problem, "another name for the one beside the scenario")
    return module


def _with_parameters(one: OwnAgent, code: Any, path: str) -> Agent | Problem:
    """The agent, if its code takes these parameters and no other without a default; `path` is
    where the scenario names it.
    """
    named, where = _named(code), f"{path}.parameters"
    if named is None:
        what = f"{one.path} does not begin with the arguments s, w, k, me"
        return Problem(where, what, "a function of (s, w, k, me) and then of its parameters")
    values = {name: default for name, default in named.items() if default is not _NO_DEFAULT}
    for name, value in one.parameters.items():
        if name not in named:
            remedy = nearest(name, named, f"{one.path} takes")
            return Problem(f"{where}.{name}", "not a parameter of the agent", remedy)
        values[name] = value
    for name in named:
        if name not in values:
            remedy = f"a number: {one.path} has no default for it"
            return Problem(f"{where}.{name}", "is missing", remedy)
    if not is_jitable(code):
        agent = Agent(one.name, code, False, dict(one.parameters), one.time_limit_seconds)
        try:
            Aside().call(agent.made, agent.seconds)
        except OverdueError:
            problem = f"{one.path} was not made of them within {agent.seconds:g} s"
            return Problem(where, problem, "code that returns, or a higher time_limit_seconds")
        except CopyError as error:
            return Problem(path, f"{one.name} cannot be copied: {error}", _COPIED)
        except Exception as error:  # a user's code may raise anything
            problem = f"{one.path} refuses them: {type(error).__name__}: {error}"
            return Problem(where, problem, "what it accepts")
        return agent
    for name, value in values.items():
        if not isinstance(value, int | float) or value != int(value):
            remedy = "a whole number: what a jitable agent decides is exact; bps for shares"
            return Problem(f"{where}.{name}", f"{value!r} is not whole", remedy)
    whole = {name: int(values[name]) for name in named}
    return Agent(one.name, code, True, whole, one.time_limit_seconds)


def _named(code: Any) -> dict[str, Any] | None:
    """The parameters that the code names, with their defaults; None if it is no agent's function.
    A ready object takes none.
    """
    if not is_jitable(code) and not isinstance(code, type):
        return {}
    every = inspect.signature(code).parameters
    if is_jitable(code) and list(every)[: len(_ARGUMENTS)] != _ARGUMENTS:
        return None
    named = list(every.values())[len(_ARGUMENTS) if is_jitable(code) else 0 :]
    return {one.name: one.default for one in named}


def _copied(code: Any) -> Any:
    """A copy of a ready object. Raises `CopyError`, which names the attribute that has none."""
    try:
        return copy.deepcopy(code)
    except Exception as error:  # a user's object may hold anything
        raise CopyError(f"{_without_copy(code)}{type(error).__name__}: {error}") from error


def _without_copy(code: Any) -> str:
    for name, value in getattr(code, "__dict__", {}).items():
        try:
            copy.deepcopy(value)
        except Exception:  # which its owner has said already
            return f"its {name} is {shown(value)}, "
    return ""


# --- in Python ------------------------------------------------------------------------------------


class InPython:
    """All agents of a run of this state and market, for the loop in Python; called in every step.

    Objects are made anew: two runs of a world start with the same agents. Raises `AgentError`.
    """

    def __init__(
        self, agents: Sequence[Agent], symbols: Sequence[str], s: State, w: Market
    ) -> None:
        self._agents, self._acts = agents, []
        self.code: dict[str, Any] = {}
        """By name, what acts: an object, in the condition that its steps left it in, or a jitable
        function.
        """
        if not agents:
            return
        # One thread for all of them, from their making on: what an object keeps may be of its
        # thread.
        self._aside = Aside()
        for me, agent in enumerate(agents):
            if agent.jitable:
                self.code[agent.name] = agent.code
                self._acts.append(_function(agent.as_code(), me))
            else:
                made = partial(_Seat, agent, me, symbols, s, w)
                seat: _Seat = _asked(self._aside, agent, 0, made)
                self.code[agent.name] = seat.agent
                self._acts.append(seat.act)

    def __call__(self, s: State, w: Market, k: int) -> None:
        for agent, act in zip(self._agents, self._acts, strict=True):
            _asked(self._aside, agent, k, partial(act, s, w, k))


def _asked(aside: Aside, agent: Agent, k: int, function: Callable[[], Any]) -> Any:
    """What the agent's function returns in step k, in time."""
    try:
        return aside.call(function, agent.seconds)
    except OverdueError as overdue:
        raise AgentError(agent.name, k, overdue.seconds, overdue.where) from None
    except (Exception, SystemExit) as error:
        raise AgentError(agent.name, k) from error


class _Seat:
    """An agent that is a Python object, at its place in a run."""

    def __init__(self, agent: Agent, me: int, symbols: Sequence[str], s: State, w: Market) -> None:
        self.agent = agent.made()
        self._actor, account = int(w.agent_actor[me]), int(w.agent_account[me])
        self._names = Names.of(s, symbols, account)
        self._view = View(s, w, symbols, self._actor, account)
        self._answers: list[Answer] = []

    def act(self, s: State, w: Market, k: int) -> None:
        view = at(self._view, k, tuple(self._answers))
        # All of its wishes before the first is carried out: a view is of one moment.
        asked = list(islice(self.agent.act(view) or (), MOST_OPERATIONS + 1))
        if len(asked) > MOST_OPERATIONS:
            raise OperationError(f"more than {MOST_OPERATIONS:,} operations in one step")
        calls = [_call(operation, self._names) for operation in asked]
        self._answers = []
        for wish, (operation, arguments) in zip(asked, calls, strict=True):
            code = operation(s, self._actor, *arguments)
            self._answers.append(Answer(wish, NAMES[code] or "ok"))
            about = operation.declared.asked(self._actor, *arguments).account
            for touched in {about, self._names.account} - {NOBODY}:
                look_at(s, w, touched)


def _call(operation: Any, names: Names) -> Asked:
    if not isinstance(operation, Operation):
        raise OperationError(f"{operation!r} is not an operation of sim.users.actions")
    return operation.asked(names)


# --- compiled -------------------------------------------------------------------------------------


def compilable(agents: Sequence[Code]) -> Users:
    """What all agents do in a step, as one jitable function."""
    users: Users = nobody
    for me, code in enumerate(agents):
        users = _then(users, _function(code, me))
    return users


def _then(first: Users, second: Users) -> Users:
    @jitable
    def both(s: State, w: Market, k: int) -> None:
        first(s, w, k)
        second(s, w, k)

    return both


def _function(code: Code, me: int) -> Users:
    """The agent's function with its number and its parameters."""
    function, count = code

    @jitable
    def act(s: State, w: Market, k: int) -> None:
        function(s, w, k, me, *_numbers(w.agent_parameter[me], count))

    return act


def _numbers(row: Any, count: int) -> Any:
    return tuple(row[:count])


@overload(_numbers)
def _numbers_compiled(row, count):  # type: ignore[no-untyped-def]
    return lambda row, count: to_fixed_tuple(row[:count], count)  # type: ignore[call-arg]


def not_compilable(agents: Sequence[Agent]) -> Iterator[Problem]:
    """Why the agents cannot run on floats."""
    for i, agent in enumerate(agents):
        if not agent.jitable:
            yield Problem(
                f"agents[{i}].path",
                f"{agent.name} is a Python object, and sweeps run compiled code",
                "a jitable function instead, or a single run (`sim.run`, `ape run crash`)",
            )
