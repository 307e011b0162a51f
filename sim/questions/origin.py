"""What the numbers of a path come from besides its scenario: sources, packages, the files and the
baseline it names, the modules of the user's own agents (not what those import).

Two runs of one origin give the same bits on processors of one kind. (On another kind numpy may
choose other instructions for `exp`, which can move a price by its last unit, 1e-8 USD.)
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from sim.market.history import read_history
from sim.scenario import Scenario, ScenarioError, baseline_of, digest, files
from sim.schema.problems import Problem
from sim.users.user_agents import find

_PACKAGE = Path(__file__).parents[1]
_PACKAGES = ("numpy", "scipy", "numba", "llvmlite")
# What is shown or computed from outcomes, and how paths reach their workers, does not change them.
_WITHOUT_EFFECT = {
    *("files", "front", "measures", "packaged", "reference", "report", "starter", "questions"),
    *("sweeps", "tape", "terminal", "tuning"),
}


def origin(scenario: Scenario) -> dict[str, str]:
    """Name -> version or digest of all that the outcome of a path of the scenario depends on.

    Raises `ScenarioError` if a file of the scenario cannot be read, or its history is none, or an
    agent cannot be had.
    """
    found = {"sources": sources(), **_versions()}
    paths = scenario.paths
    if paths and paths.history:
        read_history(paths.history, paths.history_max_gap_seconds, paths.history_zone)
    for field, path in files(scenario).items():
        try:
            found[field] = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        except OSError as error:
            problem = Problem(field, f"cannot be read: {error.strerror}", "the path of a file")
            raise ScenarioError(f"scenario '{scenario.name}'", [problem]) from error
    if scenario.reference_market and scenario.reference_market.baseline:
        found["baseline"] = digest(baseline_of(scenario))[:16]
    _, problems = find(scenario.agents)
    if problems:
        raise ScenarioError(f"scenario '{scenario.name}'", problems)
    for agent in scenario.agents:
        module = sys.modules[agent.path.partition(":")[0]]
        content = Path(inspect.getfile(module)).read_bytes()
        found[f"agent {agent.name}"] = hashlib.sha256(content).hexdigest()[:16]
    return found


@lru_cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in _PACKAGES}


@lru_cache
def sources(*also: str) -> str:
    """Digest of every source that takes part in running a path, and of the folders `also`."""
    digest = hashlib.sha256()
    left_out = _WITHOUT_EFFECT - set(also)
    for path in sorted(_PACKAGE.rglob("*.py")):
        where = path.relative_to(_PACKAGE)
        if where.parts[0] not in left_out:
            digest.update(f"{where.as_posix()}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
