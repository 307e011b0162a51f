"""A made-up result of a tuning study with every part that a result can have, none of it computed.

Its numbers are chosen so that a mix-up shows: no two figures of one unit are equal.
"""

from __future__ import annotations

import sim
from sim.scenario import Scenario, digest, load, with_overrides
from sim.tuning.result import (
    Baseline,
    Cap,
    Choice,
    Choices,
    Confirmation,
    Figure,
    Measure,
    OneByOne,
    Parameter,
    ScenarioUsed,
    Sensitivity,
    Trial,
    TuningResult,
    Value,
)

LT = "protocol.reserves.WETH.lt_bps"
BONUS = "protocol.reserves.WETH.max_bonus_bps"
ENGINE = "protocol.liquidation.engine"
KINK = "protocol.rates.DAI.optimal_usage_bps"
CURRENT: dict[str, Value] = {LT: 8000, BONUS: 500, ENGINE: "close-factor", KINK: 8000}


def scenario() -> Scenario:
    """What the study is of: small enough to open often."""
    return with_overrides(load("black-thursday"), {"book.accounts": 40})


def figure(value: float, spread: float = 0.1) -> Figure:
    return Figure(value=value, low=value - abs(value) * spread, high=value + abs(value) * spread)


def trial(number: int, lt: int, state: str = "complete") -> Trial:
    """More threshold, more borrowing power and more loss."""
    values: dict[str, Value] = {LT: lt, BONUS: 500 + number, ENGINE: "target-health", KINK: 7500}
    objectives = {
        "borrowing_power": figure(60e6 + 10_000 * (lt - 7000), 0.01),
        "es_99": figure(100_000 + 4 * (lt - 7000) ** 2 / 10, 0.2),
        "p_loss": Figure(value=0.03, low=0.02, high=None),
    }
    return Trial.model_validate(
        {
            "number": number,
            "values": values,
            "objectives": objectives,
            "state": state,
            "paths": 500 if state == "complete" else 60,
            "reason": None if state == "complete" else "dominated by trial 1",
        }
    )


def choice(number: int, lt: int, es_99: float, difference: float) -> Choice:
    chosen = trial(number, lt)
    current = number == 0
    step = max(-100, min(100, lt - 8000))
    return Choice(
        trial=number,
        values=CURRENT if current else chosen.values,
        measures={
            "borrowing_power": chosen.objectives["borrowing_power"],
            "es_99": figure(es_99, 0.2),
            "p_loss": Figure(value=0.031 + number / 1000, low=0.02, high=0.05),
        },
        difference={
            "borrowing_power": figure(1000.0 * (lt - 8000), 0.05),
            "es_99": figure(difference),
            "p_loss": Figure(value=-0.004, low=-0.009, high=0.001),
        },
        next_step=CURRENT if current else {**chosen.values, LT: 8000 + step},
    )


def study(confirmed: bool, command: str) -> TuningResult:
    """The result; one that is not confirmed has three objectives instead of two."""
    small = scenario()
    trials = [trial(0, 8000).model_copy(update={"values": CURRENT})]
    trials += [trial(n, 7000 + 100 * n) for n in range(1, 13)]
    trials += [trial(n, 7600, "raced-out") for n in (13, 14)]
    measures = (
        Measure(
            name="borrowing_power",
            title="Borrowing power",
            unit="USD",
            side="benefit",
            meaning="what could be borrowed against all collateral",
        ),
        Measure(
            name="es_99",
            title="Loss, ES 99%",
            unit="USD",
            side="harm",
            meaning="mean loss of the worst hundredth of the paths",
        ),
        Measure(
            name="p_loss",
            title="Chance of a loss",
            unit="share",
            side="harm",
            meaning="share of the paths with a loss",
        ),
    )
    confirmation = Confirmation(
        choice="knee",
        engine="devnet",
        paths={"black-thursday": (7, 31, 5)},
        operations=12_345,
        values_compared=6_789_012,
        differing=0,
        state_hash="5c" * 32,
        seconds=88.0,
    )
    return TuningResult(
        preset="black-thursday-week",
        title="What the week of Black Thursday would recommend",
        scenarios=(
            ScenarioUsed(
                name=small.name,
                title=small.title,
                digest=digest(small),
                weight=1.0,
                moving=("WETH", "WBTC"),
            ),
        ),
        seed=small.seed,
        accounts=40,
        paths=500,
        fresh_paths=2_000,
        sampler="mc",
        versions={"breakwater": sim.__version__, "numpy": "1.26.4"},
        command=command,
        started="2026-11-21T18:00:00Z",
        finished="2026-11-21T18:09:00Z",
        seconds=540.0,
        parameters=(
            _number(LT, "bps", 8000, 7000, 8800, 25, 100),
            _number(BONUS, "bps", 500, 250, 1500, 25, None),
            Parameter(
                path=ENGINE,
                unit="name",
                current="close-factor",
                low=None,
                high=None,
                step=None,
                names=("close-factor", "target-health", "dutch-bonus"),
                bound=None,
            ),
            _number(KINK, "bps", 8000, 6000, 9500, 100, 500),
        ),
        measures=measures,
        objectives=("borrowing_power", "es_99")
        if confirmed
        else ("borrowing_power", "es_99", "p_loss"),
        trials=tuple(trials),
        front=tuple(range(1, 13)),
        choices=Choices(
            current=choice(0, 8000, 523_000, 0.0),
            safest=choice(1, 7100, 104_000, -419_000),
            knee=choice(6, 7600, 244_000, -279_000),
            most_efficient=choice(12, 8200, 676_000, 153_000),
        ),
        sensitivity=tuple(
            Sensitivity(
                path=path, measure="es_99", first_order=figure(share), total=figure(share + 0.07)
            )
            for path, share in ((LT, 0.61), (BONUS, 0.13), (ENGINE, 0.05), (KINK, 0.01))
        ),
        one_by_one=(
            OneByOne(
                path=LT,
                old=8000,
                new=7600,
                measure="es_99",
                loss=figure(433_000),
                difference=figure(189_000),
            ),
        ),
        baselines=(
            Baseline(
                rule="SmartLTV",
                path=LT,
                value=7777,
                unit="bps",
                source="RiskDAO, SmartLTV",
                inputs={"sigma": 1.21, "liquidity": 8e6},
            ),
        ),
        caps=(
            Cap(
                path="protocol.reserves.WETH.supply_cap",
                asset="WETH",
                current=None,
                value=123_456.0,
                largest_tried=1e6,
                budget=250_000.0,
                loss=figure(249_000),
                evaluations=17,
            ),
        ),
        confirmation=confirmation if confirmed else None,
    )


def _number(
    path: str, unit: str, current: int, low: int, high: int, step: int, bound: float | None
) -> Parameter:
    return Parameter(
        path=path, unit=unit, current=current, low=low, high=high, step=step, names=(), bound=bound
    )
