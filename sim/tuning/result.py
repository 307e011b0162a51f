"""The result of a tuning study on the disk, `result.json`: what a report reads.

Amounts are USD unless a unit says otherwise. Values of parameters are as a scenario file has them.
Everything is frozen; `save` and `load` are the only ways to and from the disk.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from sim.files.whole import replacing
from sim.measures.measure import Unit
from sim.schema.tuning import Debts

FORMAT: Literal[1] = 1
"""Of the file; a file of another format is not read."""
FILE = "result.json"
_SAID = {"missing": "is missing", "extra_forbidden": "is not known"}
"""Of pydantic's errors, in words; the others are as it says them."""
_AGAIN = "tune again with `ape run tune PRESET`, or use the version that wrote it"

ChoiceName = Literal["current", "safest", "most_efficient", "knee", "improvement"]
Value = bool | int | float | str | None
"""Of a parameter: a number, a name such as an engine's, or nothing (a cap that does not exist)."""


def short_path(path: str) -> str:
    """A parameter where its whole path leaves no room."""
    return path.removeprefix("protocol.").removeprefix("reserves.")


class ResultError(Exception):
    """A file that is no result of a tuning study: why, and what to do."""


class Record(BaseModel):
    """A part of the result."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Figure(Record):
    """An estimate with its 95 % interval; None is an end that the paths cannot bound."""

    value: float
    low: float | None
    high: float | None
    p_value: float | None = None
    """Of a difference: how likely one as large is between equal settings; None where it is known
    exactly or not bounded, and in results of before it was kept.
    """
    agrees: bool = False
    """Of a difference: whether it is 0 because no path tells the two apart. Others may."""

    @property
    def ends(self) -> tuple[float | None, float | None]:
        """Of the interval."""
        return self.low, self.high

    @classmethod
    def of(
        cls,
        value: float,
        low: float,
        high: float,
        p_value: float | None = None,
        agrees: bool = False,
    ) -> Figure:
        """From numbers that may be infinite."""
        ends = [end if math.isfinite(end) else None for end in (low, high)]
        return cls(value=value, low=ends[0], high=ends[1], p_value=p_value, agrees=agrees)


class Measure(Record):
    """What a name in `measures` and `objectives` means."""

    name: str
    title: str
    unit: Unit
    side: Literal["benefit", "harm"]
    """Benefits are maximised, harms minimised."""
    meaning: str


class Asked(Record):
    """The question in full, as JSON says it: nothing else is needed to ask it again but the files
    that the scenarios name.
    """

    preset: dict[str, Any]
    """With all defaults; its scenarios by name or path, as it names them."""
    scenarios: tuple[dict[str, Any], ...]
    """In its order, under the current parameters and all that was replaced."""


class ScenarioUsed(Record):
    """One scenario of the set; measures are means over the set with these weights."""

    name: str
    title: str
    digest: str
    """Of the scenario under the current parameters, see `sim.scenario.digest`."""
    weight: float
    moving: tuple[str, ...] = ()
    """Assets whose price moves, see `sim.questions.moving.moving_assets`."""


class Parameter(Record):
    """A dimension that was searched."""

    path: str
    """As in a scenario file: `protocol.reserves.WETH.lt_bps`."""
    unit: str
    """bps, seconds, hours, tokens, USD, ratio or name."""
    current: Value
    low: float | None
    """Limits of a number, from the preset; None for a name."""
    high: float | None
    step: float | None
    """Of the grid; None: continuous, or a name."""
    names: tuple[str, ...]
    """What a parameter that is no number may be; empty for a number."""
    bound: float | None
    """The most that one proposal may change it, in its unit; None: no bound."""


class Trial(Record):
    """One setting that was tried."""

    number: int
    values: dict[str, Value]
    """By path."""
    objectives: dict[str, Figure]
    """By name, over the paths that were run."""
    state: Literal["complete", "raced-out", "infeasible"]
    """raced-out: stopped early, as dominated (`sim.tuning.race` says how surely); infeasible: there
    is no world of it.
    """
    paths: int
    """That were run, of each scenario."""
    reason: str | None = None
    """Of a trial that is not complete: dominated by which trial, or refused why."""


class Choice(Record):
    """A setting that the study points out."""

    trial: int
    values: dict[str, Value]
    measures: dict[str, Figure]
    """All measures, by name, on fresh paths; objectives are some of them."""
    difference: dict[str, Figure]
    """Against the current setting on the same paths, by measure: this minus current."""
    next_step: dict[str, Value]
    """By path: what the next proposal may set on the way there, within the bounds."""


class Choices(Record):
    """Points of the front, and where the protocol is now; `sim.tuning.recommend` defines them."""

    current: Choice
    safest: Choice
    most_efficient: Choice
    knee: Choice
    improvement: Choice | None = None
    """None: no setting that was tried beats the current one in everything."""

    def by_name(self) -> dict[ChoiceName, Choice]:
        """Those that there are, in order."""
        found = {name: getattr(self, name) for name in get_args(ChoiceName)}
        return {name: choice for name, choice in found.items() if choice}


class Edge(Record):
    """A value of the recommended setting at an end of its searched range, or within a step of it:
    the search does not know what lies beyond.
    """

    path: str
    value: float
    end: Literal["low", "high"]
    limit: float
    """That end of the range."""
    is_open: bool
    """Whether the contracts accept anything beyond it, with the rest as recommended."""
    note: str
    """The same in words."""


class Sensitivity(Record):
    """Share of a harm's variance, over the searched ranges, that is due to one parameter."""

    path: str
    measure: str
    first_order: Figure
    """By itself (Sobol' index S)."""
    total: Figure
    """With all its interactions (S_T)."""


class OneByOne(Record):
    """What the loss would be at the recommended setting with one parameter at its old value."""

    path: str
    old: Value
    new: Value
    measure: str
    loss: Figure
    """Under the old value of this parameter."""
    difference: Figure
    """That minus the recommended setting's, on the same paths: above 0, the change pays."""


class Baseline(Record):
    """What a closed-form rule of risk practice says about a parameter."""

    rule: str
    path: str
    value: float
    unit: str
    source: str
    inputs: dict[str, float]


class Cap(Record):
    """The largest cap whose stressed loss stays within a budget."""

    path: str
    asset: str
    current: float | None
    """Tokens; None: no cap."""
    value: float | None
    """Tokens; None: even the smallest cap tried loses more than the budget."""
    largest_tried: float
    """Tokens; a `value` of this much says that the cap did not bind."""
    budget: float
    """USD."""
    loss: Figure
    """Stressed loss under the cap."""
    evaluations: int


class Confirmation(Record):
    """What the real contracts said of the recommended setting's worst paths."""

    choice: ChoiceName
    engine: str
    paths: dict[str, tuple[int, ...]]
    """By scenario: numbers of the paths."""
    operations: int
    values_compared: int
    differing: int
    state_hash: str
    """SHA-256 over the final states of all paths, in order."""
    seconds: float
    apart: tuple[str, ...] = ()
    """Paths on which what the search saw is not what happens exactly, in words."""
    loss_error: float | None = None
    """The largest relative error of the losses that the search saw on these paths; None where one
    that is 0 exactly was not, or of a result written before this was compared."""

    @property
    def holds(self) -> bool:
        """Whether the contracts do what the twin does, and the search saw what they do."""
        return not self.differing and not self.apart


class TuningResult(Record):
    """A whole study."""

    format: Literal[1] = FORMAT
    preset: str
    title: str
    scenarios: tuple[ScenarioUsed, ...]
    seed: int
    accounts: int
    paths: int
    """Of each scenario, for a complete trial."""
    fresh_paths: int
    """Of each scenario, for the choices and what is said of them; the search has not seen them."""
    books: int = 1
    """Of borrowers, that `paths` are shared among; one in results of before there could be more."""
    fresh_books: int = 1
    """The same of `fresh_paths`; others, unless there is one."""
    asked: Asked | None = None
    """None in results of before it was kept."""
    given: str = ""
    """What all figures are conditional on, in a line."""
    sampler: str
    debts: Debts = "follow-limit"
    """What borrowers owe when parameters change; without a word, as older versions had it."""
    versions: dict[str, str]
    command: str
    started: str
    """UTC, like 2026-11-21T18:00:00Z."""
    finished: str
    seconds: float
    """Of work, interruptions not counted."""
    parameters: tuple[Parameter, ...]
    measures: tuple[Measure, ...]
    objectives: tuple[str, ...]
    """Names of the measures that were optimised."""
    trials: tuple[Trial, ...]
    front: tuple[int, ...]
    """Numbers of the complete trials that none other dominates."""
    choices: Choices
    recommended: ChoiceName = "knee"
    edges: tuple[Edge, ...] = ()
    """What is recommended at the edge of what was searched; none if nothing is to be changed."""
    sensitivity: tuple[Sensitivity, ...] = ()
    one_by_one: tuple[OneByOne, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    caps: tuple[Cap, ...] = ()
    confirmation: Confirmation | None = None

    def pairs(self) -> list[tuple[Measure, Measure]]:
        """Two objectives each, to be drawn over each other: every harm against the first benefit,
        or the others against the first; none if there is one objective.
        """
        measures = [one for one in self.measures if one.name in self.objectives]
        benefits = [one for one in measures if one.side == "benefit"]
        harms = [one for one in measures if one.side == "harm"]
        if benefits and harms:
            return [(benefits[0], harm) for harm in harms]
        return [(measures[0], other) for other in measures[1:]]

    @property
    def recommendation(self) -> Choice:
        """The choice that is recommended."""
        return self.choices.by_name()[self.recommended]


def save(result: TuningResult, folder: Path) -> Path:
    """Write `result.json` into the folder, whole or not at all."""
    path = folder / FILE
    with replacing(path) as draft:
        draft.write_text(result.model_dump_json(indent=1) + "\n")
    return path


def load(folder: Path) -> TuningResult:
    """The result in a study's folder. Raises `ResultError`."""
    path = folder / FILE
    try:
        return TuningResult.model_validate_json(path.read_text())
    except FileNotFoundError:
        raise ResultError(
            f"{folder}: no {FILE} here; make one with `ape run tune PRESET`"
        ) from None
    except ValidationError as error:
        raise ResultError(f"{path}: {_why(error)}; {_AGAIN}") from error
    except (OSError, ValueError) as error:  # ValueError: bytes that are no text
        raise ResultError(f"{path}: cannot be read ({error}); {_AGAIN}") from error


def _why(error: ValidationError) -> str:
    """The first thing that is wrong, and how many there are: a file of another version has many."""
    details = error.errors(include_url=False)
    first = details[0]
    where = ".".join(map(str, first["loc"]))
    said = (
        f"{where} {_SAID.get(first['type'], first['msg'].lower())}" if where else "no JSON object"
    )
    others = f" ({len(details) - 1} more like that)" if len(details) > 1 else ""
    return f"not a result of this version: {said}{others}"
