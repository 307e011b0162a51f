"""From a finished search to its result: what `result.json` holds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from sim.market.paths import draw
from sim.questions.moving import moving_assets
from sim.questions.store import now
from sim.scenario import Scenario, digest
from sim.tuning import baselines, caps, confirm, sensitivity
from sim.tuning.edges import edges
from sim.tuning.objectives import Sample, measures, value
from sim.tuning.question import Question
from sim.tuning.recommend import choices, first_harm, front, one_by_one, recommended
from sim.tuning.result import (
    Cap,
    Confirmation,
    Measure,
    ScenarioUsed,
    Sensitivity,
    TuningResult,
)
from sim.tuning.study import Tuner
from sim.version import VERSION

_LOOKED_AT = 64  # paths
_AT_ONCE = 16  # settings of a sensitivity run, between two words to whoever watches

Say = Callable[[str], None]
"""Told what is being done."""


def answer(tuner: Tuner, asked: Question, say: Say, points: int) -> tuple[TuningResult, Sample]:
    """The result, not confirmed yet, and the recommended setting on fresh paths.

    `points` is the base of the Sobol' indices, 0: none.
    """
    setup, trials = tuner.setup, tuner.trials()
    say("Running the settings to point out on paths that the search has not seen.")
    chosen, samples = choices(tuner, trials)
    name = recommended(chosen, setup.preset.tuning.objectives)
    setting = chosen.by_name()[name]
    harm = first_harm(setup)
    say("Putting every parameter back to its old value, one by one.")
    one = one_by_one(tuner, setting.values, samples[name], harm)
    indices = _sensitivity(tuner, harm, asked.seed, points, say) if points else ()
    return TuningResult(
        preset=setup.preset.name,
        title=setup.preset.title,
        scenarios=tuple(
            ScenarioUsed(
                name=part.name,
                title=scenario.title,
                digest=digest(scenario),
                weight=w,
                moving=_moving(scenario, setup.first_path(i)),
            )
            for i, (part, scenario, w) in enumerate(
                zip(setup.preset.scenarios, setup.scenarios, setup.weights, strict=True)
            )
        ),
        seed=asked.seed,
        accounts=setup.accounts,
        paths=tuner.paths,
        fresh_paths=samples["current"].paths,
        books=tuner.reference.trials if setup.paths_of_a_book else 1,
        fresh_books=samples["current"].trials if setup.paths_of_a_book else 1,
        sampler=setup.preset.tuning.sampler,
        debts=setup.preset.tuning.debts,
        asked=asked.asked,
        versions={**asked.origin, "breakwater": VERSION},
        command=asked.command,
        started=asked.started,
        finished=now(),
        seconds=asked.seconds,
        parameters=tuple(axis.described() for axis in setup.space.axes),
        measures=tuple(
            Measure(name=name, title=one.title, unit=one.unit, side=one.side, meaning=one.meaning)
            for name, one in measures().items()
        ),
        objectives=setup.preset.tuning.objectives,
        trials=tuple(trials),
        front=tuple(front(setup.preset.tuning.objectives, trials)),
        choices=chosen,
        recommended=name,
        edges=() if name == "current" else tuple(edges(setup.space, setting.values)),
        sensitivity=indices,
        one_by_one=tuple(one),
        baselines=tuple(baselines.baselines(setup.scenarios[0])),
        caps=_caps(tuner, setting.values, say),
    ), samples[name]


def confirmed(
    tuner: Tuner, result: TuningResult, sample: Sample, count: int, engine: str, watch: Any
) -> tuple[Confirmation, str | None]:
    """What the contracts say of the recommended setting's worst paths, and the first difference."""
    began = time.monotonic()
    paths = confirm.worst(sample, count)
    setup, choice = tuner.setup, result.recommendation
    found = list(confirm.verifications(setup, choice.values, paths, engine, watch))
    difference = next((one.difference for one in found if one.difference), None)
    said = confirm.confirmation(setup, result.recommended, paths, found, sample, began)
    return said, difference


def _moving(scenario: Scenario, first: int) -> tuple[str, ...]:
    """The assets whose price moves, judged by some paths of the study."""
    prices = draw(scenario, "mc", first, _LOOKED_AT).astype(np.float64)
    return tuple(scenario.symbols[i] for i in moving_assets(prices))


def _sensitivity(
    tuner: Tuner, harm: str, seed: int, points: int, say: Say
) -> tuple[Sensitivity, ...]:
    space = tuner.setup.space
    wanted = sensitivity.settings(space, seed, points)
    harms: list[float] = []
    for first in range(0, len(wanted), _AT_ONCE):
        say(f"Sensitivity: {first:,} of {len(wanted):,} settings.")
        samples = tuner.samples(wanted[first : first + _AT_ONCE], worst_only=True)
        harms += [value(harm, sample) for sample in samples]
    return sensitivity.indices(space, harm, harms, seed)


def _caps(tuner: Tuner, values: Any, say: Say) -> tuple[Cap, ...]:
    found = []
    for path in tuner.setup.preset.tuning.caps:
        say(f"Solving for {path}.")
        found.append(caps.solve(tuner, values, path))
    return tuple(found)
