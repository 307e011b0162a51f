"""Where the numbers come from, and how to get them again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from sim.report.page.content import NONE, Commands, Listing, Part, Section, Table
from sim.report.page.source import Crash, Sweep
from sim.report.sweep_tables import verified_table
from sim.scenario import Scenario, ScenarioError, files, known, load, of_json, with_overrides
from sim.version import VERSION

_DRAWN_UNDER = "book.drawn_under"
_ID, _TITLE = "provenance", "Provenance: how to get these numbers again"


def of_crash(source: Crash) -> Section:
    """Of one run."""
    run = source.tape.run.iloc[0]
    compared = f"{run.get('slots_compared', 0):,} slots and {run['values_compared']:,} values"
    rows = [
        ["scenario", run["scenario"]],
        ["scenario hash (SHA-256)", run["digest"]],
        ["seed", f"{run['seed']}"],
        ["seed of the book", f"{run.get('book_seed', run['seed'])}"],
        ["engine", run["engine"]],
        *_versions(json.loads(run["versions"])),
        ["started", f"{run['started_utc']:%Y-%m-%d %H:%M} UTC"],
        ["wall time", str(timedelta(seconds=round(run["duration_seconds"])))],
        ["operations", f"{run['operations']:,}"],
        ["confirmation", _confirmed(run, compared)],
        ["tape", str(source.path)],
    ]
    return Section(
        _ID,
        _TITLE,
        [
            facts(rows),
            *_again("crash", run["scenario_json"], [f"--engine {run['engine']}"]),
            _listing(run["scenario_json"]),
        ],
    )


def of_sweep(source: Sweep) -> Section:
    """Of many paths."""
    plan, asked = source.stored.plan, source.stored.question
    rows = [
        ["scenario", plan.scenario.name],
        ["scenario hash (SHA-256)", asked.digest],
        ["seed of paths", f"{plan.scenario.seed}"],
        ["books", f"{plan.books:,}, seed {plan.book_seed}"],
        ["paths", f"{plan.paths:,}, sampler {plan.sampler}"],
        ["Breakwater", asked.breakwater or "unknown"],
        ["Python", asked.python],
        *_versions(asked.origin),
        ["started", asked.started],
        ["finished", asked.finished or NONE],
        ["folder", str(source.path)],
    ]
    options = [
        f"--paths {plan.paths}",
        f"--books {plan.books} --book-seed {plan.book_seed}",
        f"--sampler {plan.sampler}",
        f"--block {plan.block}",
    ]
    parts = [facts(rows), *_again("sweep", plan.scenario.model_dump_json(), options)]
    if source.verified:
        parts.append(verified_table(source.verified["paths"], hashes=True))
    else:
        why = "No path of this sweep has been held against the real contracts yet. To do so:"
        parts.append(Commands(why, [f"ape run verify {shlex.quote(str(source.path))} --worst 3"]))
    return Section(_ID, _TITLE, [*parts, _listing(plan.scenario.model_dump_json())])


def section(parts: list[Part]) -> Section:
    """The section, of anything else."""
    return Section(_ID, _TITLE, parts)


def differing(one: Any, other: Any) -> dict[str, tuple[Any, Any]]:
    """Path -> both values, of every leaf in which two JSON documents differ."""
    a, b = dict(_leaves(one)), dict(_leaves(other))
    paths = [path for path in {**a, **b} if a.get(path) != b.get(path)]
    return {path: (a.get(path), b.get(path)) for path in paths}


def overrides(scenario: Scenario) -> dict[str, Any] | None:
    """What to `--set` on the known scenario of that name to get this one; None if nothing does."""
    if scenario.name not in known():
        return None
    base = load(scenario.name)
    changed = differing(base.model_dump(mode="json"), scenario.model_dump(mode="json"))
    wanted = {p: new for p, (_, new) in changed.items() if not p.startswith(_DRAWN_UNDER)}
    for more in ({}, {_DRAWN_UNDER: None}):  # a book stays, unless it was drawn anew
        try:
            again = with_overrides(base, wanted | more)
        except ScenarioError:
            return None
        if again == scenario and again.symbols == scenario.symbols:
            return wanted | more
    return None


def _again(command: str, scenario_json: str, options: list[str]) -> list[Part]:
    """The command for the same run, or why there is none; no file that the scenario names is read,
    nor has to be there.
    """
    own = " ".join(["ape run", command, "SCENARIO.yaml", *options])
    try:
        scenario = of_json(scenario_json)
    except ValidationError:
        why = "The scenario, whole below, is not one of this version. With the one that wrote it:"
        return [Commands(why, [own])]
    if handed := [one.name for one in scenario.agents if one.is_handed_over]:
        return [
            f"Not to be run again from here: {', '.join(handed)} was handed over by a program, and "
            "nothing here says what it does. Run that program again."
        ]
    needed = ""
    if named := files(scenario):
        needed = " and with the files that it names: " + ", ".join(
            f"{field} {path}" for field, path in named.items()
        )
    wanted = overrides(scenario)
    if wanted is None:
        why = (
            f"No --set of single fields makes it of the scenario {scenario.name} of this version."
            if scenario.name in known()
            else "The scenario is a file of its own."
        )
        return [Commands(f"{why} With its content, whole below, as a file{needed}:", [own])]
    settings = [
        f"--set {shlex.quote(f'{path}={json.dumps(value)}')}" for path, value in wanted.items()
    ]
    lines = [" ".join(["ape run", command, scenario.name, *options, *settings])]
    return [Commands(f"The same run again, from a checkout of this version{needed}:", lines)]


def _confirmed(run: Any, compared: str) -> str:
    engine = run["engine"]
    if engine == "exact":
        return "none: played on the twin alone; --engine devnet executes it on the contracts"
    where = "a devnet" if engine == "devnet" else "an EVM inside the process"
    return (
        f"every operation executed on {where}: {run['operations']:,} operations, {compared} "
        f"compared, {run['differences']:,} differ"
    )


def _versions(versions: Mapping[str, str]) -> list[list[str]]:
    names = {"breakwater": "Breakwater"}
    return [[names.get(name, name), str(version)] for name, version in versions.items()]


def facts(rows: list[list[str]]) -> Table:
    """Names and values, and what made the page."""
    rows = [*rows, ["this page by", f"Breakwater {VERSION}"]]
    return Table("What was run, and with what", ["what", "value"], rows, words=(0, 1))


def _listing(scenario_json: str) -> Listing:
    return listing("The whole scenario, with every default and override", json.loads(scenario_json))


def listing(summary: str, document: Any) -> Listing:
    """A document in full, to unfold."""
    return Listing(summary, json.dumps(document, indent=1, ensure_ascii=False))


def _leaves(document: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(document, dict) and document:
        for name, part in document.items():
            yield from _leaves(part, f"{path}.{name}" if path else name)
    elif isinstance(document, list) and document:
        for i, part in enumerate(document):
            yield from _leaves(part, f"{path}[{i}]")
    else:
        yield path, document
