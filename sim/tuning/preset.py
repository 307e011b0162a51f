"""Presets: what a study asks, read from a file and made of scenarios that can be run.

    setup = prepare(load("current-market"), accounts=1000, seed=7)

All scenarios of a set are of one protocol: their `protocol` sections are equal, and with one seed
and equal `book` sections they have the same borrowers. Their paths are independent of each other:
scenario number n takes the paths from n * PATHS_APART on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

import sim.scenario
from sim.scenario import Scenario, ScenarioError, digest, with_overrides
from sim.schema.book import BorrowerBook
from sim.schema.problems import Problem, explain, nearest
from sim.schema.tuning import Preset
from sim.schema.yaml_file import read
from sim.tuning.result import Value
from sim.tuning.space import Space

PATHS_APART = 10_000_000
_FOLDER = Path(__file__).parents[1] / "scenarios" / "presets"


class Setup(NamedTuple):
    """A study's question in full."""

    preset: Preset
    scenarios: tuple[Scenario, ...]
    """Under the current parameters."""
    weights: tuple[float, ...]
    """Of the scenarios; they add up to 1."""
    space: Space
    accounts: int
    """In every scenario's book."""

    def first_path(self, scenario: int) -> int:
        """Number of the first path of a scenario."""
        return scenario * PATHS_APART

    def under(self, scenario: int, values: Mapping[str, Value]) -> Scenario:
        """A scenario of the set with other parameters. Raises `ScenarioError`."""
        return with_overrides(self.scenarios[scenario], values)

    def digest(self) -> str:
        """Of everything the outcome of a trial depends on but its values and the paths."""
        parts = [self.preset.model_dump(mode="json"), *map(digest, self.scenarios)]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def known() -> list[str]:
    """The names of the presets that come with the package, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def load(path_or_name: str) -> Preset:
    """The preset in a file, or of a known name. Raises `ScenarioError`."""
    path = Path(path_or_name)
    if not ("/" in path_or_name or path.suffix in (".yaml", ".yml")):
        if path_or_name not in known():
            remedy = nearest(path_or_name, known(), "the known ones are")
            problem = Problem("(name)", "is not known", remedy)
            raise ScenarioError(f"preset '{path_or_name}'", [problem])
        path = _FOLDER / f"{path_or_name}.yaml"
    try:
        return Preset.model_validate(read(path))
    except ValidationError as error:
        raise ScenarioError(str(path), explain(error, Preset)) from error


def prepare(
    preset: Preset,
    accounts: int | None = None,
    seed: int | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Setup:
    """The preset's scenarios under its parameters, and its space. Raises `ScenarioError`.

    `accounts`, `seed` and then `overrides` replace fields of every scenario.
    """
    given = {"book.accounts": accounts, "seed": seed}
    common = {path: value for path, value in given.items() if value is not None}
    scenarios = tuple(
        with_overrides(
            sim.scenario.load(one.scenario),
            {**one.overrides, **preset.parameters, **common, **(overrides or {})},
        )
        for one in preset.scenarios
    )
    book = scenarios[0].book
    if not isinstance(book, BorrowerBook):
        problem = Problem("book.file", "is a recorded book", "a scenario that describes one")
        raise ScenarioError(f"preset '{preset.name}'", [problem])
    for i, scenario in enumerate(scenarios):
        if scenario.protocol != scenarios[0].protocol:
            problem = Problem(
                f"scenarios[{i}]",
                f"has another protocol section than {preset.scenarios[0].name}",
                "scenarios of one protocol; what differs can be set under parameters",
            )
            raise ScenarioError(f"preset '{preset.name}'", [problem])
    total = sum(one.weight for one in preset.scenarios)
    weights = tuple(one.weight / total for one in preset.scenarios)
    space = Space(preset.tuning.dimensions, scenarios[0])
    return Setup(preset, scenarios, weights, space, book.accounts)
