"""Breakwater: a stress lab for DeFi lending protocols.

    import sim
    sim.run("single-crash", accounts=60).liquidations

The names below are the front door, explained in docs/tutorial.md; everything else may change.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sim.version import VERSION

if TYPE_CHECKING:
    from sim.engines.failures import ChainError, LockstepError
    from sim.files.lock import LockedError
    from sim.front.contrasts import contrast
    from sim.front.grid import sweep_over
    from sim.front.reading import read
    from sim.front.run import Run, run
    from sim.front.studies import Study, presets, tune
    from sim.front.sweeps import Sweep, sweep
    from sim.questions.store import QuestionError
    from sim.report.page.source import SourceError
    from sim.scenario import Scenario, ScenarioError, known, load
    from sim.sweeps.run import BlockError
    from sim.tape import TapeError
    from sim.tuning.study import SearchError
    from sim.users import actions
    from sim.users.user_agents import AgentError

__version__ = VERSION

_DOOR = {
    "AgentError": "users.user_agents",
    "BlockError": "sweeps.run",
    "ChainError": "engines.failures",
    "LockedError": "files.lock",
    "LockstepError": "engines.failures",
    "QuestionError": "questions.store",
    "Run": "front.run",
    "Scenario": "scenario",
    "ScenarioError": "scenario",
    "SearchError": "tuning.study",
    "SourceError": "report.page.source",
    "Study": "front.studies",
    "Sweep": "front.sweeps",
    "TapeError": "tape",
    "actions": "users.actions",
    "contagion": "front.segments",
    "contrast": "front.contrasts",
    "known": "scenario",
    "layouts": "front.segments",
    "load": "scenario",
    "presets": "front.studies",
    "read": "front.reading",
    "run": "front.run",
    "sweep": "front.sweeps",
    "sweep_over": "front.grid",
    "tune": "front.studies",
}
"""Name -> its module, `actions` is one itself: each is imported when it is first asked for."""

__all__ = [
    "AgentError",
    "BlockError",
    "ChainError",
    "LockedError",
    "LockstepError",
    "QuestionError",
    "Run",
    "Scenario",
    "ScenarioError",
    "SearchError",
    "SourceError",
    "Study",
    "Sweep",
    "TapeError",
    "__version__",
    "actions",
    "contagion",
    "contrast",
    "known",
    "layouts",
    "load",
    "presets",
    "read",
    "run",
    "sweep",
    "sweep_over",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name not in _DOOR:
        raise AttributeError(f"module 'sim' has no attribute {name!r}")
    module = import_module(f"sim.{_DOOR[name]}")
    value = module if name == "actions" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
