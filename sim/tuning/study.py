"""The search: asks an optimiser for settings, races them, and keeps everything in a storage.

    tuner = Tuner(setup, question, optuna_study, submit)
    for trial in tuner.run(trials=200):
        ...                                   # one more trial is in the storage

Trials are asked for and told in batches of a fixed size, and what the optimiser draws for trial n
is a function of the seed, of n and of the trials told before. So with one process at work the
trials are the same for any number of workers, and after any number of interruptions: a trial that
was asked for and not told is finished first. Where several processes share a storage, each sees
what the others have told, and their order is that of the clock.
"""

from __future__ import annotations

import math
import os
import socket
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import optuna
from optuna.trial import TrialState

from sim.engines.outcome import LOSS, NUMBER_LIQUIDATED, OUTCOME
from sim.questions.pools import Submit
from sim.questions.work import Done, Subject, Task
from sim.scenario import ScenarioError
from sim.schema.tuning import SamplerName
from sim.tuning.evaluate import gather, tasks
from sim.tuning.objectives import Sample, estimate, measures
from sim.tuning.preset import Setup
from sim.tuning.race import Course, dominated_by
from sim.tuning.result import Figure, Trial, Value

BATCH = 8
"""Trials asked for at a time: enough work for several workers, little lost by not knowing."""
FRESH = 4
"""Fresh paths per path of the search."""
_VALUES, _RECORD, _OWNER = "values", "record", "owner"


class SearchError(Exception):
    """What is searched cannot be judged: why."""


class Tuner:
    """A search on an open Optuna study."""

    def __init__(
        self,
        setup: Setup,
        paths: int,
        seed: int,
        study: optuna.Study,
        submit: Submit,
        is_shared: bool = False,
        race: bool = True,
    ) -> None:
        """`is_shared`: others may be at work on the study; their trials are left to them."""
        self.setup, self.paths, self._seed = setup, paths, seed
        self._study, self._submit, self._is_shared = study, submit, is_shared
        self._objectives: tuple[str, ...] = setup.preset.tuning.objectives
        self._races = race
        self._subjects = [Subject.of(one) for one in setup.scenarios]
        self._course: Course | None = None
        self._reference: Sample | None = None

    @property
    def reference(self) -> Sample:
        """The current setting on all paths.

        Raises `SearchError` if debts go bad on them and nobody is ever liquidated, though there are
        liquidators: no parameter can be judged in such a world, if it is one and not a fault.
        """
        if self._reference is None:
            (self._reference,) = self.samples([self.setup.space.current])
            _check_liquidations(self._reference, self.setup)
        return self._reference

    def trials(self) -> list[Trial]:
        """All that have been told, by number."""
        told = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.FAIL))
        records = (trial.user_attrs.get(_RECORD) for trial in told)
        return [Trial.model_validate(record) for record in records if record]

    def run(self, trials: int) -> Iterator[Trial]:
        """Search until so many trials have been told; each is yielded then."""
        self._course = Course(self.reference, self._seed)
        waiting = self._left_over()
        while (told := len(self.trials())) < trials:
            batch = self._asked(waiting, trials - told)
            waiting = []
            settings = [dict(trial.user_attrs[_VALUES]) for trial in batch]
            for trial, record in zip(batch, self._raced(batch, settings), strict=True):
                self._tell(trial, record)
                yield record

    def samples(
        self,
        settings: Sequence[Mapping[str, Value]],
        worst_only: bool = False,
        fill: tuple[str, float] | None = None,
    ) -> list[Sample]:
        """Settings on all paths of the search, or on those of the first rung with zeros for others.

        `fill` is the path of a cap and tokens: the market with it used in full. Raises
        `ScenarioError` for a setting that no world has.
        """
        count = len(self.setup.scenarios)
        rows: list[Any] = [range(self.paths)] * count
        if worst_only:
            course = Course(self.reference, self._seed)
            rows = [np.sort(course.paths_of(0, i)) for i in range(count)]
        return self._samples(settings, rows, 0, self.paths, fill)

    def fresh_samples(self, settings: Sequence[Mapping[str, Value]]) -> list[Sample]:
        """Settings on `FRESH` times as many paths, none of which the search has seen, nor their
        books, unless there is only one.

        A setting is chosen for what it comes to on the search's paths, so there it looks better
        than it is. Here it does not.
        """
        size = FRESH * self.paths
        rows = [range(size)] * len(self.setup.scenarios)
        return self._samples(settings, rows, self.setup.first_of_others(self.paths), size)

    def _samples(
        self,
        settings: Sequence[Mapping[str, Value]],
        rows: Sequence[Sequence[int]],
        first: int,
        size: int,
        fill: tuple[str, float] | None = None,
    ) -> list[Sample]:
        """Settings on `rows` of each scenario; row 0 of `size` is path `first`."""
        wanted = [
            (n, i, self._tasks(values, i, [first + int(row) for row in chosen], fill))
            for n, values in enumerate(settings)
            for i, chosen in enumerate(rows)
        ]
        drafts = [_Draft(self.setup, size, first) for _ in settings]
        for n, i, found in self._gathered(wanted):
            drafts[n].take(i, rows[i], found)
        return [draft.checked() for draft in drafts]

    def _tasks(
        self,
        values: Mapping[str, Value],
        scenario: int,
        paths: Sequence[int],
        fill: tuple[str, float] | None = None,
        at_start_of: Sequence[int] = (),
    ) -> list[Task]:
        subject = self._subjects[scenario]
        return tasks(self.setup, subject, values, scenario, paths, fill, at_start_of)

    def _gathered(
        self, wanted: list[tuple[int, int, list[Task]]]
    ) -> Iterator[tuple[int, int, list[Done | ScenarioError]]]:
        results = iter(gather(self._submit, [task for _, _, parts in wanted for task in parts]))
        for n, i, parts in wanted:
            yield n, i, [next(results) for _ in parts]

    def _raced(self, batch: list[optuna.Trial], settings: list[dict[str, Value]]) -> list[Trial]:
        """The batch rung by rung, each trial for as long as it may still end on the front."""
        course = self._course
        assert course is not None
        drafts = [_Draft(self.setup, self.paths) for _ in batch]
        rivals = {
            trial.number: {name: f.value for name, f in trial.objectives.items()}
            for trial in self.trials()
            if trial.state == "complete"
        }
        records: dict[int, Trial] = {}
        for rung in range(course.rungs()):
            running = [n for n in range(len(batch)) if n not in records]
            added = [np.sort(course.paths_of(rung, i)) for i in range(len(self.setup.scenarios))]
            # What is known at the start is known of all books at once, or it is not known.
            all_books = [] if rung else np.unique(drafts[0].books).tolist()
            wanted = [
                (n, i, self._tasks(settings[n], i, added[i].tolist(), at_start_of=all_books))
                for n in running
                for i in range(len(added))
            ]
            for n, i, found in self._gathered(wanted):
                drafts[n].take(i, added[i], found)
            for n in running:
                draft, number = drafts[n], batch[n].number
                is_last = rung + 1 == course.rungs()
                if draft.refusal:
                    why = str(draft.refusal)
                    records[n] = _record(number, settings[n], {}, "infeasible", 0, why)
                    continue
                if is_last:
                    sample = draft.checked()
                    figures = {name: estimate(name, sample) for name in self._objectives}
                    records[n] = _record(number, settings[n], figures, "complete", self.paths)
                elif self._races and number:  # 0 is the current setting, which is always needed
                    best = {
                        name: course.at_best(name, draft.sample(), rung)
                        for name in self._objectives
                    }
                    # Not those of its own batch: after a kill some of them may be told already.
                    before = {
                        m: rival for m, rival in rivals.items() if m < number - number % BATCH
                    }
                    rival = dominated_by(self._objectives, best, before)
                    if rival is not None:
                        bounds = {name: _bound(name, value) for name, value in best.items()}
                        why, run = f"dominated by trial {rival}", course.run_after(rung)
                        records[n] = _record(number, settings[n], bounds, "raced-out", run, why)
        return [records[n] for n in range(len(batch))]

    def _asked(self, waiting: list[optuna.Trial], most: int) -> list[optuna.Trial]:
        """The next batch: what was left over, filled up to a multiple of `BATCH`."""
        batch = waiting[:most]
        while len(batch) < most and not (batch and (batch[-1].number + 1) % BATCH == 0):
            self._study.sampler = self._sampler(len(self._study.get_trials(deepcopy=False)))
            batch.append(self._suggested(self._study.ask()))
        return batch

    def _suggested(self, trial: optuna.Trial) -> optuna.Trial:
        """The trial with its setting, which is the current one for trial 0."""
        space = self.setup.space
        trial.set_user_attr(_OWNER, _me())
        positions: dict[str, float | str] = {
            axis.path: trial.suggest_categorical(axis.path, axis.dimension.names)
            if axis.dimension.names
            else trial.suggest_float(axis.path, 0.0, 1.0)
            for axis in space.axes
        }
        values = space.values(positions) if trial.number else space.current
        trial.set_user_attr(_VALUES, values)
        return trial

    def _left_over(self) -> list[optuna.Trial]:
        """Trials that were asked for by a process that is gone."""
        found = []
        for frozen in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if not self._is_shared or _is_gone(frozen.user_attrs.get(_OWNER, "")):
                self._study.sampler = self._sampler(frozen.number)
                trial = optuna.Trial(self._study, frozen._trial_id)
                self._draw_again(trial, frozen)
                found.append(self._suggested(trial))
        return found

    def _draw_again(self, trial: optuna.Trial, frozen: optuna.trial.FrozenTrial) -> None:
        """Bring the sampler to where the last process left it between two parameters of a trial:
        what is suggested already is not drawn, and the rest would be drawn from the beginning.
        """
        for axis in self.setup.space.axes:
            if axis.path in frozen.params and axis.path not in trial.relative_params:
                kind = frozen.distributions[axis.path]
                self._study.sampler.sample_independent(self._study, frozen, axis.path, kind)

    def _tell(self, trial: optuna.Trial, record: Trial) -> None:
        trial.set_user_attr(_RECORD, record.model_dump(mode="json"))
        if record.state == "infeasible":
            self._study.tell(trial, state=TrialState.FAIL)
            return
        self._study.tell(trial, [record.objectives[name].value for name in self._objectives])

    def _sampler(self, number: int) -> optuna.samplers.BaseSampler:
        return sampler(self.setup.preset.tuning.sampler, self._seed, number)


class _Draft:
    """A sample that fills up."""

    def __init__(self, setup: Setup, paths: int, first: int = 0) -> None:
        self._setup, self._first = setup, first
        count = len(setup.scenarios)
        self._outcomes = [np.zeros((paths, len(OUTCOME))) for _ in range(count)]
        self.books = np.array([setup.book_of(first + k) for k in range(paths)], dtype=np.intp)
        """(paths,) of each path."""
        self._at_start: list[dict[int, tuple[float, float]]] = [{} for _ in range(count)]
        self.refusal: ScenarioError | None = None

    def take(self, scenario: int, rows: Any, found: list[Done | ScenarioError]) -> None:
        """What tasks of consecutive parts of `rows` came to; none of a rung that adds no path."""
        if not found:
            return
        parts = []
        for part in found:
            if isinstance(part, ScenarioError):
                self.refusal = part
                return
            parts.append(part.outcomes[:, : len(OUTCOME)])
            self._at_start[scenario] |= part.at_start
        self._outcomes[scenario][np.asarray(rows, dtype=np.intp)] = np.concatenate(parts)

    def sample(self) -> Sample:
        """With zeros in the rows of paths not run, and nothing known of books not opened."""
        unknown, nested = (math.nan, math.nan), bool(np.ptp(self.books))
        numbers = self.books.tolist() if nested else self.books[:1].tolist()
        known = [np.array([at.get(book, unknown) for book in numbers]) for at in self._at_start]
        return Sample(
            self._setup.weights,
            tuple(self._outcomes),
            tuple(rows[:, 0] if nested else float(rows[0, 0]) for rows in known),
            tuple(rows[:, 1] if nested else float(rows[0, 1]) for rows in known),
            tuple(one.step_seconds for one in self._setup.scenarios),
            self._first,
            self.books if nested else None,
        )

    def checked(self) -> Sample:
        """Raises `ScenarioError` if no world has the setting."""
        if self.refusal:
            raise self.refusal
        return self.sample()


def sampler(name: SamplerName, seed: int, number: int) -> optuna.samplers.BaseSampler:
    """An optimiser whose draws for a trial depend on the seed, its number and the history only."""
    own = int(np.random.SeedSequence(seed, spawn_key=(4, number)).generate_state(1)[0])
    if name == "tpe":
        # One parameter at a time: at a few hundred trials that beats its multivariate form by far
        # (tests/tuning/test_known_fronts.py has the problem).
        return optuna.samplers.TPESampler(seed=own, n_startup_trials=3 * BATCH)
    if name in ("nsga2", "nsga3"):
        kinds: dict[str, Callable[..., optuna.samplers.BaseSampler]] = {
            "nsga2": optuna.samplers.NSGAIISampler,
            "nsga3": optuna.samplers.NSGAIIISampler,
        }
        with warnings.catch_warnings():  # optuna calls crossovers and NSGA-III experimental
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            crossover = optuna.samplers.nsgaii.SBXCrossover(eta=2)
            return kinds[name](seed=own, population_size=3 * BATCH, crossover=crossover)
    if name == "cma-es":
        return optuna.samplers.CmaEsSampler(seed=own, n_startup_trials=BATCH)
    return optuna.samplers.RandomSampler(seed=own)


def directions(objectives: Sequence[str]) -> list[Literal["minimize", "maximize"]]:
    """Optuna's word for each: benefits up, harms down."""
    sides = {name: one.side for name, one in measures().items()}
    return ["maximize" if sides[name] == "benefit" else "minimize" for name in objectives]


def _check_liquidations(sample: Sample, setup: Setup) -> None:
    bad = sum(float(o[:, LOSS].sum()) for o in sample.outcomes)
    liquidations = sum(float(o[:, NUMBER_LIQUIDATED].sum()) for o in sample.outcomes)
    if bad > 0 and not liquidations and any(one.liquidators for one in setup.scenarios):
        raise SearchError(
            f"on {sample.paths:,} paths of {', '.join(one.name for one in setup.scenarios)} debts "
            "go bad and nobody is ever liquidated. Look at the liquidators' gas price, profit "
            "floor and venues, and at the feeds; `ape run crash` shows one run"
        )


def _record(
    number: int,
    values: Mapping[str, Value],
    objectives: dict[str, Figure],
    state: Any,
    paths: int,
    reason: str | None = None,
) -> Trial:
    return Trial(
        number=number,
        values=dict(values),
        objectives=objectives,
        state=state,
        paths=paths,
        reason=reason,
    )


def _bound(name: str, value: float) -> Figure:
    """At best this: a bound from one side."""
    if measures()[name].side == "benefit":
        return Figure(value=value, low=None, high=value)
    return Figure(value=value, low=value, high=None)


def _me() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _is_gone(owner: str) -> bool:
    """Whether a process of this machine has ended; of others nobody knows."""
    host, _, process = owner.rpartition(":")
    if host != socket.gethostname() or not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return int(process) == os.getpid()
