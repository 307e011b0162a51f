"""A search for better parameters."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from sim.files.lock import locked
from sim.front.folders import folder_for, goes_with
from sim.front.shown import as_html, as_text, bar
from sim.report import given
from sim.report.recommendation import recommendation
from sim.schema.tuning import Preset
from sim.sweeps.pools import THREADS, pool_of
from sim.tuning import storage
from sim.tuning.answer import answer
from sim.tuning.evaluate import run
from sim.tuning.kept import keep
from sim.tuning.preset import load, nested, prepare
from sim.tuning.result import Choice, TuningResult, save, short_path
from sim.tuning.result import load as load_result
from sim.tuning.study import Tuner


class Study:
    """What a search came to; `result` is all of it, see `sim.tuning.result`."""

    def __init__(self, result: TuningResult, folder: Path) -> None:
        self.result, self.folder = result, folder

    @property
    def trials(self) -> pd.DataFrame:
        """A row per trial by its number: its state, its parameters, and each objective with its 95%
        interval (columns `name`, `name low`, `name high`), over the paths it was run on.
        """
        rows = []
        for trial in self.result.trials:
            row: dict[str, Any] = {"trial": trial.number, "state": trial.state, **trial.values}
            for name, figure in trial.objectives.items():
                row |= {name: figure.value, f"{name} low": figure.low, f"{name} high": figure.high}
            rows.append(row)
        return pd.DataFrame(rows).set_index("trial")

    @property
    def front(self) -> pd.DataFrame:
        """The trials that none other beats in everything."""
        return self.trials.loc[list(self.result.front)]

    @property
    def recommended(self) -> pd.DataFrame:
        """The recommended parameters by path: what is current, what is recommended, and what the
        next proposal may set within its bounds.
        """
        now, then = self.result.choices.current, self.result.recommendation
        rows = {p: (now.values[p], v, then.next_step.get(p, v)) for p, v in then.values.items()}
        columns = ["current", "recommended", "next_step"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns)

    @property
    def measures(self) -> pd.DataFrame:
        """Every measure on fresh paths, now and as recommended, with 95% intervals, and the paired
        difference.
        """
        now, then = self.result.choices.current, self.result.recommendation
        return pd.DataFrame.from_dict(
            {one.name: _both(one.name, now, then) for one in self.result.measures}, orient="index"
        )

    def report(self, path: str | Path) -> Path:
        """Write the page of this study as one HTML file."""
        from sim.report.page.pages import page_of
        from sim.report.page.render import write_page
        from sim.report.page.source import Tuning

        write_page(page_of([Tuning(self.folder, self.result)]), Path(path))
        return Path(path)

    def _figures(self) -> dict[str, str]:
        return {
            short_path(str(path)): f"{row['current']} -> {row['recommended']}"
            for path, row in self.recommended.iterrows()
        }

    def __repr__(self) -> str:
        line = f"{recommendation(self.result)}\n{self.result.given}"
        return as_text(self.result.title, self._figures(), line)

    def _repr_html_(self) -> str:
        line = f"{recommendation(self.result)} {self.result.given}"
        return as_html(self.result.title, self._figures(), line)


def tune(
    preset: str | Path | Preset,
    *,
    trials: int = 200,
    paths: int = 500,
    books: int | None = None,
    accounts: int | None = None,
    seed: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    sensitivity: int = 32,
    folder: str | Path | None = None,
    workers: int | None = None,
    resume: bool = False,
) -> Study:
    """Search the parameters that a preset names, a known one, a YAML file or one in memory, for
    settings that give more for the same risk; each is judged on the same `paths` of every scenario,
    and what is pointed out on fresh ones. `sensitivity`: base points of the Sobol indices, 0: none.

    Results are kept in `folder`, as `ape run tune` writes them; `resume` goes on. Raises
    `ScenarioError`, `StorageError` for a folder that holds another study, `SearchError`.
    """
    wanted = preset if isinstance(preset, Preset) else load(str(preset))
    setup = nested(prepare(wanted, accounts, seed, overrides), paths, books)
    if not setup.space.axes:  # caps alone are asked for: of the current setting
        trials, sensitivity = 1, 0
    with folder_for(folder) as place, locked(place, f"a study of {wanted.name}"):
        root = setup.scenarios[0].seed
        replaced = {"--books": books, "--accounts": accounts, "--out": folder}
        options = [f"{name} {value}" for name, value in replaced.items() if value is not None]
        options += [f"--set {p}={json.dumps(value)}" for p, value in (overrides or {}).items()]
        named = preset if isinstance(preset, str | Path) else f"{wanted.name}.yaml"
        command = f"ape run tune {named} --trials {trials} --paths {paths} --seed {root}"
        command = " ".join([command, *options])
        asked = storage.question(setup, paths, root, storage.SQLITE, command)
        asked = storage.begin(place, asked, resume)
        study = storage.open_study(place, setup, asked, storage.SQLITE, resume)
        began, before = time.monotonic(), asked["seconds"]
        with pool_of(run, THREADS, workers) as submit:
            tuner = Tuner(setup, paths, root, study, submit)
            with bar(wanted.name, trials) as advance:
                advance(min(len(tuner.trials()), trials))
                for _ in tuner.run(trials):
                    advance(1)
            result, _ = answer(tuner, asked, lambda _: None, sensitivity)
        asked["seconds"] = before + time.monotonic() - began
        storage.keep(place, asked)
        line = given.of_setup(setup, result.books, result.fresh_books)
        result = result.model_copy(update={"seconds": asked["seconds"], "given": line})
        keep(place, setup, result)
        save(result, place)
    found = Study(result, place)
    if folder is None:
        goes_with(found, place)
    return found


def opened(folder: Path) -> Study:
    """The study in a folder. Raises `ResultError`."""
    return Study(load_result(folder), folder)


def _both(name: str, now: Choice, then: Choice) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for word, figure in (
        ("current", now.measures[name]),
        ("recommended", then.measures[name]),
        ("difference", then.difference[name]),
    ):
        found |= {word: figure.value, f"{word} low": figure.low, f"{word} high": figure.high}
    return found
