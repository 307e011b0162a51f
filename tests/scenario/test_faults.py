"""Faults of feeds in scenario files: what is accepted, and what each refusal names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from sim.scenario import Scenario, ScenarioError, digest, load, with_overrides
from sim.schema import faults
from sim.schema.faults import Fault, Feeds
from sim.schema.market import Feed

START = datetime(2020, 3, 12, tzinfo=timezone.utc)


def hours(h: float) -> datetime:
    return START + timedelta(hours=h)


WINDOW = {"from": hours(1), "until": hours(2)}
EVERY_KIND: list[dict[str, Any]] = [
    {"kind": "outage", "asset": "WETH", **WINDOW},
    {"kind": "delay", "asset": "WETH", "mean_seconds": 600},
    {"kind": "gas-delay", "asset": "WETH", "above_gwei": 100, "seconds_per_gwei": 2.0},
    {"kind": "floor", "asset": "WBTC", "answer_usd": 0.107},
    {"kind": "wrong-answer", "asset": "WBTC", "factor": 1.65e6, **WINDOW},
    {
        "kind": "wrong-answer",
        "asset": "WETH",
        "factor": [{"at": hours(1), "value": 1.0}, {"at": hours(2), "value": 0.5}],
    },
    {"kind": "wrong-decimals", "asset": "USDC", "digits": -2, **WINDOW},
    {"kind": "spike", "asset": "DAI", "peak_factor": 1.3, **WINDOW},
    {"kind": "rate-cap", "asset": "WBTC", "of": "WETH", "ratio": 40, "growth_bps_per_year": 900},
    {"kind": "venue", "asset": "WBTC", "venue": ["DAI", "WBTC"]},
    {"kind": "sequencer-down", **WINDOW},
]


@pytest.fixture(scope="module")
def base() -> Scenario:
    return load("black-thursday")


def refusal(base: Scenario, *wrong: object) -> dict[str, tuple[str, str]]:
    """Path -> problem and remedy."""
    with pytest.raises(ScenarioError) as caught:
        with_overrides(base, {"feeds.faults": list(wrong)})
    return {p.path: (p.problem, p.remedy) for p in caught.value.problems}


def test_every_kind_is_accepted_and_survives_json(base: Scenario) -> None:
    scenario = with_overrides(base, {"feeds.faults": EVERY_KIND})
    assert {f.kind for f in scenario.feeds.faults} == {f["kind"] for f in EVERY_KIND}
    assert {f["kind"] for f in EVERY_KIND} == set(faults._KINDS)
    assert scenario.feeds.faults[0].from_ == hours(1)
    text = scenario.model_dump_json()
    assert json.loads(text)["feeds"]["faults"][0]["from"] == "2020-03-12T01:00:00Z"
    assert Scenario.model_validate_json(text, strict=False) == scenario
    assert digest(scenario) != digest(base)
    assert dict(scenario.feeds.items()) == dict(base.feeds.items())


def test_feeds_are_still_found_by_their_symbol(base: Scenario) -> None:
    assert base.feeds.faults == ()
    assert [symbol for symbol, _ in base.feeds.items()] == list(base.symbols)
    assert isinstance(base.feeds["WETH"], Feed)
    slow = with_overrides(base, {"feeds.WETH.latency_seconds": 61})
    assert slow.feeds["WETH"].latency_seconds == 61 != base.feeds["WETH"].latency_seconds


def test_overrides_reach_into_a_fault(base: Scenario) -> None:
    scenario = with_overrides(base, {"feeds.faults": EVERY_KIND})
    later = with_overrides(
        scenario, {"feeds.faults[0].from": hours(1.5), "feeds.faults[4].factor": 2.0}
    )
    assert later.feeds.faults[0].from_ == hours(1.5)
    assert later.feeds.faults[4].factor == 2.0  # type: ignore[union-attr]
    with pytest.raises(ScenarioError, match=r"faults\[0\]\.frm.*did you mean from\?"):
        with_overrides(scenario, {"feeds.faults[0].frm": hours(1)})


def test_every_field_of_every_kind_says_what_would_be_right() -> None:
    def models(annotation: object) -> Iterator[type[BaseModel]]:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield annotation
        for part in get_args(annotation):
            yield from models(part)

    kinds = {*models(Fault), Feeds, Feed}
    assert len(kinds) == len(faults._KINDS) + 2
    for model in kinds:
        assert all(field.description for field in model.model_fields.values()), model


OUTAGE = EVERY_KIND[0]
SPIKE = EVERY_KIND[7]
CAP = EVERY_KIND[8]
VENUE = EVERY_KIND[9]
AT = "feeds.faults[0]"


@pytest.mark.parametrize(
    ("wrong", "path", "problem", "remedy"),
    [
        ([5], AT, "mapping with a kind, got 5", "kind, asset, from"),
        ([{"asset": "WETH"}], f"{AT}.kind", "is missing", "the kinds are: outage, delay"),
        (
            [{**OUTAGE, "kind": "outge"}],
            f"{AT}.kind",
            "no kind",
            "did you mean outage?",
        ),
        ([{**OUTAGE, "asset": "WETHX"}], f"{AT}.asset", "not an asset", "did you mean WETH?"),
        ([{**OUTAGE, "sset": "WETH"}], f"{AT}.sset", "unknown field", "did you mean asset"),
        ([{**OUTAGE, "from_": START}], f"{AT}.from_", "unknown field", "did you mean from?"),
        ([{"kind": "outage"}], f"{AT}.asset", "is missing", "a key of assets"),
        ([{**OUTAGE, "from": "noon"}], f"{AT}.from", "valid datetime", "from the start"),
        ([{**EVERY_KIND[1], "mean_seconds": 0}], f"{AT}.mean_seconds", "got 0", "86400 s"),
        ([{**SPIKE, "peak_factor": 0}], f"{AT}.peak_factor", "got 0", "1e-4 to 1e+4"),
        ([{**EVERY_KIND[4], "factor": -1}], f"{AT}.factor", "got -1", "wrong answer / right"),
        ([{**EVERY_KIND[4], "factor": []}], f"{AT}.factor", "at least 1", "waypoints"),
        (
            [{**EVERY_KIND[4], "factor": [{"at": hours(5), "value": 2.0}]}],
            f"{AT}.factor",
            "outside the window",
            "one number",
        ),
        ([{**EVERY_KIND[6], "digits": 0}], f"{AT}.digits", "0 is no fault", "not 0"),
        ([{**CAP, "of": "WBTC"}], f"{AT}.of", "capped by itself", "another asset"),
        ([{**CAP, "of": "ETH"}], f"{AT}.of", "not an asset", "did you mean WETH"),
        ([{**VENUE, "asset": "USDC"}], f"{AT}.venue", "not traded there", "a venue of USDC"),
        (
            [{**VENUE, "venue": ["WBTC", "WBTX"]}],
            f"{AT}.venue",
            "not a venue",
            "did you mean WBTC/",
        ),
        ([{**OUTAGE, "from": hours(-1)}], f"{AT}.from", "outside the run", "from 2020-03-12T00:00"),
        ([{**OUTAGE, "until": hours(49)}], f"{AT}.until", "outside the run", "to 2020-03-14T00:00"),
        ([{**OUTAGE, "until": hours(1)}], f"{AT}.until", "no step", "steps are 300 s apart"),
        ([{**OUTAGE, "until": hours(0.5)}], f"{AT}.until", "no step", "a later time"),
        (
            [{**OUTAGE, "from": START, "until": START + timedelta(seconds=300)}],
            f"{AT}.until",
            "no step",
            "a later time",
        ),
        (
            [{**OUTAGE, "from": hours(1.01), "until": hours(1.02)}],
            f"{AT}.until",
            "no step",
            "300 s apart",
        ),
        (
            [OUTAGE, {**OUTAGE, "from": hours(1.9), "until": hours(3)}],
            "feeds.faults[1]",
            "overlaps feeds.faults[0]",
            "one fault",
        ),
        (
            [{"kind": "sequencer-down", "grace_seconds": 60}],
            f"{AT}.grace_seconds",
            "has no end",
            "until",
        ),
        (
            [{**EVERY_KIND[10], "grace_seconds": -1}],
            f"{AT}.grace_seconds",
            "got -1",
            "0..604800",
        ),
        (
            [EVERY_KIND[10], {"kind": "sequencer-down"}],
            "feeds.faults[1]",
            "overlaps feeds.faults[0]",
            "one fault",
        ),
    ],
)
def test_refusals(
    base: Scenario, wrong: list[object], path: str, problem: str, remedy: str
) -> None:
    found = refusal(base, *wrong)
    assert path in found, found
    assert problem in found[path][0] and remedy in found[path][1], found


def test_windows_that_follow_each_other_or_concern_others_are_accepted(base: Scenario) -> None:
    follows = {**OUTAGE, "from": hours(2), "until": hours(3)}
    other = {**OUTAGE, "asset": "WBTC"}
    several = with_overrides(base, {"feeds.faults": [OUTAGE, follows, other]})
    assert len(several.feeds.faults) == 3


def test_a_window_of_one_step_is_accepted(base: Scenario) -> None:
    """From 01:00 until just after: the step at 01:00 lies in it; the last step as well."""
    second = timedelta(seconds=1)
    for begin in (hours(1), hours(47) + timedelta(minutes=55)):
        with_overrides(base, {"feeds.faults": [{**OUTAGE, "from": begin, "until": begin + second}]})
    with_overrides(base, {"feeds.faults": [{"kind": "outage", "asset": "DAI", "from": hours(48)}]})
