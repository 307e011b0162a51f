"""Where paths run, and the code for it, in words."""

from __future__ import annotations

from typing import NamedTuple

from rich.console import Console

from sim.engines.compilation import is_compiled
from sim.questions.pools import LOCAL, THREADS, cores
from sim.questions.work import compile_step
from sim.scenario import Scenario

COMPILING = "Compiling the step, once per change of the code: about a minute."
_AGENTS = "Compiling your agents: some seconds."
_ELSEWHERE = "Workers compile the step first if they never did: about a minute."


class Workers(NamedTuple):
    """As `sim.questions.pools.pool` takes them."""

    scheduler: str = THREADS
    number: int | None = None

    def __str__(self) -> str:
        count = self.number or cores()
        words = {THREADS: f"{count} threads", LOCAL: f"{count} processes"}
        return words.get(self.scheduler, self.scheduler)


def are_here(workers: Workers, console: Console) -> bool:
    """Whether they find what this process compiles; says what becomes of it if not."""
    if workers.scheduler in (THREADS, LOCAL):
        return True
    console.print(_ELSEWHERE)
    return False


def compile_first(scenario: Scenario, console: Console) -> None:
    """Compile the step if it never was: workers of this machine find it then. Agents of the user
    are compiled in every process.
    """
    if not scenario.agents and is_compiled():
        return
    text = _AGENTS if is_compiled() else COMPILING
    with console.status(text):
        if not console.is_terminal:
            console.print(text)
        compile_step(scenario)
