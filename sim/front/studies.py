"""A search for better parameters."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import optuna
import pandas as pd

from sim.files.lock import locked
from sim.front.asked import whole
from sim.front.folders import check_kind, folder_for, goes_with
from sim.front.shown import as_html, as_text, bar, drawing, page
from sim.questions.pools import THREADS, pool
from sim.questions.store import write
from sim.report import given
from sim.report.recommendation import recommendation
from sim.scenario import unfrozen
from sim.schema.arguments import fields_of
from sim.schema.tuning import Preset
from sim.tuning import storage
from sim.tuning.answer import Say, answer
from sim.tuning.kept import keep
from sim.tuning.objectives import Sample
from sim.tuning.preset import Setup, known, load, nested, prepare
from sim.tuning.question import Question, begin, question
from sim.tuning.result import Choice, Trial, TuningResult, save, short_path
from sim.tuning.result import load as load_result
from sim.tuning.study import Tuner

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Study:
    """What a search came to."""

    def __init__(self, result: TuningResult, folder: Path) -> None:
        self.result = result
        """All of it, see `sim.tuning.result`."""
        self.folder = folder
        """Where it is kept; a temporary one unless `tune` was told another."""

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

    def plot(self) -> Figure:
        """What was tried, the front and what is recommended, over each two objectives."""
        with drawing():
            from sim.report.study_figure import study_figure

        return study_figure(self.result)

    def report(self, path: str | Path) -> Path:
        """Write the page of this study as one HTML file. Raises `ValueError` for a folder, and
        `TypeError` for what is no path.
        """
        from sim.report.page.source import Tuning

        return page(path, Tuning(self.folder, self.result))

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


class Wanted(NamedTuple):
    """What is asked of a search."""

    trials: int = 200
    paths: int = 500
    books: int | None = None
    seed: int | None = None
    accounts: int | None = None
    overrides: Mapping[str, Any] = {}
    storage: str = storage.SQLITE
    sensitivity: int = 32
    """Base points of the Sobol' indices; 0: none."""
    resume: bool = False
    command: str = ""
    """What the record says of how to ask it again."""


_LEAST = {"trials": 2, "paths": 16, "books": 1, "sensitivity": 0}
"""Of the numbers that are asked for; an interval needs some paths, a front something to beat."""


class Search:
    """A search under way in a folder."""

    tuner: Tuner

    def __init__(
        self, setup: Setup, wanted: Wanted, question: Question, study: optuna.Study, folder: Path
    ) -> None:
        self.setup, self.wanted, self.folder = setup, wanted, folder
        self._question, self._study = question, study

    @contextmanager
    def workers(self, scheduler: str, count: int | None) -> Iterator[None]:
        """In the block there are workers of `sim.questions.pools.pool`, and so a tuner."""
        wanted, shared = self.wanted, storage.is_shared(self.wanted.storage)
        self._before, self._began = self._question.seconds, time.monotonic()
        with pool(scheduler, count) as submit:
            seed = self._question.seed
            self.tuner = Tuner(self.setup, wanted.paths, seed, self._study, submit, shared)
            yield

    def trials(self) -> Iterator[Trial]:
        """Search on; each trial is yielded when it is in the storage."""
        for trial in self.tuner.run(self.wanted.trials):
            self._note_time()
            yield trial

    def finish(self, say: Say = lambda _: None) -> tuple[Study, Sample]:
        """What it comes to, kept, and the recommended setting on fresh paths."""
        result, sample = answer(self.tuner, self._question, say, self.wanted.sensitivity)
        self._note_time()
        line = given.of_setup(self.setup, result.books, result.fresh_books)
        result = result.model_copy(update={"seconds": self._question.seconds, "given": line})
        keep(self.folder, self.setup, result)
        save(result, self.folder)
        return Study(result, self.folder), sample

    def _note_time(self) -> None:
        seconds = self._before + time.monotonic() - self._began
        self._question = self._question.model_copy(update={"seconds": seconds})
        write(self.folder, self._question)


def presets() -> list[str]:
    """The names of the presets that come with the package, for `tune`."""
    return known()


@contextmanager
def begun(preset: Preset, wanted: Wanted, folder: Path) -> Iterator[Search]:
    """A search in a folder that exists and is nobody else's meanwhile, new or as it was left;
    nothing is run yet. Raises as `tune` does.
    """
    counts: dict[str, Any] = {
        name: whole(name, getattr(wanted, name), least) for name, least in _LEAST.items()
    }
    wanted = wanted._replace(**counts)
    setup = nested(
        prepare(preset, wanted.accounts, wanted.seed, wanted.overrides), wanted.paths, wanted.books
    )
    if not setup.space.axes:  # caps alone are asked for: of the current setting
        wanted = wanted._replace(trials=1, sensitivity=0)
    with locked(folder, f"a study of {preset.name}"):
        check_kind(folder, "a study")
        seed = setup.scenarios[0].seed
        asked = question(setup, wanted.paths, seed, wanted.storage, wanted.command)
        asked = begin(folder, asked, wanted.resume)
        study = storage.open_study(folder, setup, asked, wanted.storage, wanted.resume)
        yield Search(setup, wanted, asked, study, folder)


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
    `ScenarioError`, `QuestionError` for a folder that holds another study and for numbers too small
    to answer, `SearchError`, `LockedError` for a folder in use, and `TypeError` for arguments of
    another kind.
    """
    loaded = preset if isinstance(preset, Preset) else load(preset)
    fields = fields_of("overrides", overrides)
    wanted = Wanted(trials, paths, books, seed, accounts, fields, sensitivity=sensitivity)
    named = preset if isinstance(preset, str | Path) else f"{loaded.name}.yaml"
    options: dict[str, object] = {
        "--trials": trials,
        "--paths": paths,
        "--sensitivity": sensitivity,
    }
    options |= {"--seed": seed, "--books": books, "--accounts": accounts, "--out": folder}
    words = ["ape", "run", "tune", str(named)]
    for name, value in options.items():
        words += [] if value is None else [name, str(value)]
    for path, value in wanted.overrides.items():
        words += ["--set", f"{path}={json.dumps(unfrozen(value), default=str)}"]
    wanted = wanted._replace(command=shlex.join(words), resume=resume)
    with (
        folder_for(folder) as place,
        begun(loaded, wanted, place) as search,
        search.workers(THREADS, whole("workers", workers, 1)),
    ):
        with bar(loaded.name, search.wanted.trials) as advance:
            advance(min(len(search.tuner.trials()), search.wanted.trials))
            for _ in search.trials():
                advance(1)
        found, _ = search.finish()
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
