"""Presets: what a study asks, read from a file and made of scenarios that can be run.

    setup = prepare(load("current-market"), accounts=1000, seed=7)

A preset that `extends: current-market`, or another known one, has its scenarios and its search, as
far as it says nothing else (`sim.schema.bases`); what it is called and its sources are its own.

All scenarios of a set are of one protocol: their `protocol` sections are equal, and with one seed
and equal `book` sections they have the same borrowers, path by path. Their prices are independent
of each other: scenario number n takes the paths from n * PATHS_APART on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

import sim.scenario
from sim.agents.actors import ROLES
from sim.books import recorded
from sim.books.seeds import seed_of
from sim.scenario import Scenario, ScenarioError, digest, with_overrides
from sim.schema.arguments import path_of
from sim.schema.bases import extended, is_path
from sim.schema.beside import beside
from sim.schema.book import BookFile, BorrowerBook
from sim.schema.problems import Problem, explain, nearest
from sim.schema.tuning import Preset
from sim.tuning.objectives import measures
from sim.tuning.result import Value
from sim.tuning.space import Space

PATHS_APART = 10_000_000
_FOLDER = Path(__file__).parents[1] / "scenarios" / "presets"
_A_PRESET = "a known name (sim.presets()) or the path of a YAML file is needed"


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
    paths_of_a_book: int | None = None
    """Path k of a scenario, counted from 0, has the borrowers of book k // this: other paths are of
    other books. None: all paths have the book of a single run.
    """

    def first_path(self, scenario: int) -> int:
        """Number of the first path of a scenario."""
        return scenario * PATHS_APART

    def book_of(self, path: int) -> int:
        """The number of the book of a path, counted from 0 in every scenario."""
        return path // self.paths_of_a_book if self.paths_of_a_book else 0

    def first_of_others(self, paths: int) -> int:
        """The first path that is neither among so many from 0 nor has a book of one of these."""
        each = self.paths_of_a_book or 1
        return -(-paths // each) * each

    def book_seed(self, scenario: int, book: int) -> int:
        """What a book of a scenario is drawn with."""
        return seed_of(self.scenarios[scenario].seed, book)

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


def load(path_or_name: str | Path) -> Preset:
    """The preset in a file, or of a known name. Raises `ScenarioError`, and `TypeError` for what is
    neither.
    """
    path = path_of("preset", path_or_name, _A_PRESET)
    if isinstance(path_or_name, str) and not is_path(path_or_name):
        if path_or_name not in known():
            remedy = nearest(path_or_name, known(), "the known ones are")
            problem = Problem("(name)", "is not known", remedy)
            raise ScenarioError(f"preset '{path_or_name}'", [problem])
        path = _FOLDER / f"{path_or_name}.yaml"
    bases = {name: _FOLDER / f"{name}.yaml" for name in known()}
    document, file = extended(path, bases, Preset.OWN, _see_files)
    if not isinstance(document, dict):
        problem = Problem("(file)", "is not a mapping", "fields of a preset: name, title...")
        raise ScenarioError(file, [problem])
    try:
        preset = Preset.model_validate(document)
    except ValidationError as error:
        raise ScenarioError(file, explain(error, Preset)) from error
    if problems := list(unmeasured(preset)):
        raise ScenarioError(file, problems)
    return preset


def prepare(
    preset: Preset,
    accounts: int | None = None,
    seed: int | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Setup:
    """The preset's scenarios under its parameters, and its space. Raises `ScenarioError`.

    `accounts`, `seed` and then `overrides` replace fields of every scenario. The preset's own
    overrides and parameters are what there is now: a drawn book is drawn under them, and stays
    under what `overrides` says. One from a file is what it is.
    """
    here = f"preset '{preset.name}'"
    given = {"book.accounts": accounts, "seed": seed}
    common = {path: value for path, value in given.items() if value is not None}
    scenarios = []
    for i, one in enumerate(preset.scenarios):
        with _said_of(f"{here}, scenarios[{i}].scenario"):
            scenario = sim.scenario.load(one.scenario)
        own = {**one.overrides, **preset.parameters}
        with _said_of(f"{here}, scenarios[{i}]"):
            now = with_overrides(scenario, own, isinstance(scenario.book, BorrowerBook))
            scenarios.append(with_overrides(now, {**common, **(overrides or {})}))
    with _said_of(here):
        holders = _holders(scenarios[0])
    if problems := [
        *unmeasured(preset),
        *_foreign(preset, scenarios),
        *_others(scenarios),
        *_uncapped(preset, holders),
        *_free(preset, scenarios),
    ]:
        raise ScenarioError(here, problems)
    with _said_of(here):
        space = Space(preset.tuning.dimensions, scenarios[0])
    total = sum(one.weight for one in preset.scenarios)
    weights = tuple(one.weight / total for one in preset.scenarios)
    return Setup(preset, tuple(scenarios), weights, space, holders.accounts)


def nested(setup: Setup, paths: int, books: int | None) -> Setup:
    """The same on so many books, a tenth of the paths if None, at least 20 where paths allow, 200
    at most, and fewer where books are large; a recorded one is the only one. Raises `ScenarioError`
    for more books than paths, or than there are.
    """
    if isinstance(setup.scenarios[0].book, BookFile):
        if books not in (None, 1):
            problem = Problem("books", "the book is recorded, there is one", "1")
            raise ScenarioError(f"preset '{setup.preset.name}'", [problem])
        books = 1
    if books is None:
        most = 200 * 1_000 // max(1_000, setup.accounts)
        books = max(1, min(max(most, 20), paths // 10))
    if books > paths:
        problem = Problem("books", f"{books:,} are more than {paths:,} paths", "a tenth of them")
        raise ScenarioError(f"preset '{setup.preset.name}'", [problem])
    return setup._replace(paths_of_a_book=-(-paths // books) if books > 1 else None)


def unmeasured(preset: Preset) -> Iterator[Problem]:
    """Objectives that no measure of the registry is."""
    for i, name in enumerate(preset.tuning.objectives):
        if name not in measures():
            remedy = nearest(name, measures(), "the measures are")
            yield Problem(f"tuning.objectives[{i}]", f"'{name}' is no measure", remedy)


def _foreign(preset: Preset, scenarios: Sequence[Scenario]) -> Iterator[Problem]:
    """Scenarios of another protocol than the first."""
    for i, scenario in enumerate(scenarios):
        if scenario.protocol != scenarios[0].protocol:
            yield Problem(
                f"scenarios[{i}]",
                f"has another protocol section than {preset.scenarios[0].name}",
                "scenarios of one protocol; what differs can be set under parameters",
            )


def _others(scenarios: Sequence[Scenario]) -> Iterator[Problem]:
    """Accounts beside the borrowers': a trial opens none (`sim.engines.reopening`)."""
    for i, scenario in enumerate(scenarios):
        shares = {
            f"liquidators[{n}].takes_shares": one.takes_shares
            for n, one in enumerate(scenario.liquidators)
        }
        house = {role.section: role.capital(scenario) is not None for role in ROLES}
        found = {**house, "agents": scenario.agents, **shares}
        for name, is_there in found.items():
            if is_there:
                yield Problem(
                    f"scenarios[{i}], {name}",
                    "has an account of its own, which a search does not open",
                    "leave it out; `ape run crash` and `ape run sweep` have it",
                )


class _Holders(NamedTuple):
    """Who has what in a book."""

    accounts: int
    pledged: list[str]
    """Assets that somebody pledges."""
    owed: list[str]


def _holders(scenario: Scenario) -> _Holders:
    book = scenario.book
    if isinstance(book, BorrowerBook):
        weights = book.collateral_weights, book.debt_weights
        pledged, owed = ([name for name, weight in one.items() if weight] for one in weights)
        return _Holders(book.accounts, pledged, owed)
    there = recorded(scenario)
    held = [amounts.any(axis=0) for amounts in (there.collateral, there.debt)]
    pledged, owed = (
        [symbol for symbol, has in zip(scenario.symbols, some, strict=True) if has] for some in held
    )
    return _Holders(len(there.debt), pledged, owed)


def _uncapped(preset: Preset, holders: _Holders) -> Iterator[Problem]:
    """Caps on what nobody has, an asset that does not exist included."""
    for path in preset.tuning.caps:
        _, _, symbol, kind = path.split(".")
        verb, somebody = {
            "supply_cap": ("pledges", holders.pledged),
            "borrow_cap": ("owes", holders.owed),
        }[kind]
        if symbol not in somebody:
            remedy = nearest(symbol, somebody, f"what somebody {verb} is")
            yield Problem(f"tuning.caps.{path}", f"nobody {verb} {symbol}", remedy)


def _see_files(document: object, folder: Path) -> None:
    """Make the paths of scenarios in a document of a folder, and of files in what it overrides in
    them, absolute. The document may be anything: the schema says what is wrong with it.
    """
    listed: Any = document.get("scenarios") if isinstance(document, dict) else ()
    for one in listed if isinstance(listed, list) else ():
        if not isinstance(one, dict):
            continue
        if isinstance(name := one.get("scenario"), str) and is_path(name):
            one["scenario"] = str(beside(name, folder))
        overrides: Any = one.get("overrides")
        for path, value in [*overrides.items()] if isinstance(overrides, dict) else []:
            if isinstance(value, str) and str(path).endswith((".file", ".history")):
                overrides[path] = str(beside(value, folder))
            for key in ("file", "history") if isinstance(value, dict) else ():
                if isinstance(value.get(key), str):
                    value[key] = str(beside(value[key], folder))


def _free(preset: Preset, scenarios: Sequence[Scenario]) -> Iterator[Problem]:
    """Dimensions of an interest curve to which not both sides answer: more always earns more."""
    for path in preset.tuning.dimensions:
        if not path.startswith("protocol.rates."):
            continue
        symbol = path.split(".")[2]
        inert = [
            one.name
            for one, scenario in zip(preset.scenarios, scenarios, strict=True)
            if symbol in scenario.symbols and not _answers(scenario, symbol)
        ]
        if inert:
            yield Problem(
                f"tuning.dimensions.{path}",
                f"has no cost: supply and borrowing of {symbol} do not both answer to its rates in "
                f"{', '.join(inert)}",
                f"rate_response: {{{symbol}: {{supply_per_point: ..., borrowing_per_point: ..., "
                "half_life_hours: ...}} in the overrides of each of them or of the search, or "
                "another dimension",
            )


def _answers(scenario: Scenario, symbol: str) -> bool:
    one = scenario.rate_response.get(symbol)
    return one is not None and bool(one.supply_per_point and one.borrowing_per_point)


@contextmanager
def _said_of(place: str) -> Iterator[None]:
    """Say of a refusal in the block also which place of the preset it is about."""
    try:
        yield
    except ScenarioError as error:
        raise ScenarioError(f"{place}: {error.file}", error.problems) from error
