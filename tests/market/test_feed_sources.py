"""Feeds whose answers come from elsewhere: rates times another feed's answer, recorded rounds."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.engines.exact import run
from sim.market import feeds
from sim.market.feed_sources import answers_at_start, rates, rounds
from sim.market.paths import draw, observed
from sim.protocol import oracle
from sim.protocol.state import ANSWER, UPDATED_AT
from sim.scenario import Scenario, ScenarioError, contents, files, load, with_overrides
from sim.world import World, build, on_path

START = datetime(2020, 3, 12, tzinfo=timezone.utc)
WETH, WBTC, USDC, DAI = range(4)
USD, WAD, YEAR = 10**8, 10**18, 365 * 86_400


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def line(*points: tuple[float, float]) -> list[dict[str, Any]]:
    """Waypoints from (seconds after the start, level)."""
    return [{"at": at(seconds), "value": value} for seconds, value in points]


def calm(**changes: object) -> Scenario:
    """12 hours in steps of 300 s, five accounts, no latency, ETH at 200 and BTC at 8,000 USD; `__`
    in a name stands for the dot of a path.
    """
    fields = {
        "duration_hours": 12,
        "book.accounts": 5,
        "book.total_debt_usd": 1e5,
        "book.max_account_share": 1.0,
        "assets.WETH.price_usd": 200.0,
        "assets.WBTC.price_usd": 8_000.0,
        **{f"feeds.{symbol}.latency_seconds": 0 for symbol in ("WETH", "WBTC", "USDC", "DAI")},
    }
    return with_overrides(
        load("black-thursday"),
        fields | {name.replace("__", "."): value for name, value in changes.items()},
    )


def following(rate: object = 40.0, **changes: object) -> Scenario:
    """WBTC's feed follows that of WETH."""
    return calm(feeds__WBTC__rate_of="WETH", feeds__WBTC__rate=rate, **changes)


def reported(world: World, *assets: int) -> list[list[tuple[int, int]]]:
    """Run the feeds alone; per asset (seconds after the start, answer) of every report."""
    s, w = world.state, world.market
    posted: list[list[tuple[int, int]]] = [[] for _ in assets]
    for k in range(1, world.scenario.steps + 1):
        s.clock[0] = w.time[k]
        s.journal_length[0] = 0
        feeds.report(s, w, k)
        for found, i in zip(posted, assets, strict=True):
            if s.feed[0, i, UPDATED_AT] == w.time[k]:
                found.append((int(w.time[k] - w.time[0]), int(s.feed[0, i, ANSWER])))
    return posted


def half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


# --- rates ------------------------------------------------------------------------------------


def test_a_discount_on_the_market_does_not_move_the_oracle() -> None:
    """The token loses half on the market; its feed says 40 times what WETH's does, all along."""
    scenario = following(assets__WBTC__price_usd=line((0, 8_000), (3_600, 4_000)))
    world = build(scenario)
    answers = [int(world.state.feed[0, WBTC, ANSWER]) for _ in run(world)]
    assert set(answers) == {8_000 * USD}
    assert world.market.price[-1, WBTC] < 4_100 * USD, "on the market it did fall"
    alone = build(with_overrides(scenario, {"feeds.WBTC.rate_of": None, "feeds.WBTC.rate": None}))
    fallen = [int(alone.state.feed[0, WBTC, ANSWER]) for _ in run(alone)]
    assert fallen[-1] < 4_100 * USD


def test_it_answers_whenever_the_other_does_and_with_that_answer() -> None:
    """WETH falls by a tenth within the hour: its feed lags by up to its deviation, so does this
    one: the rate times the answer, half a unit rounded up, and not times the price.
    """
    rate = 1.228123456789
    world = build(following(rate, assets__WETH__price_usd=line((0, 200), (3_600, 180))))
    base, derived = reported(world, WETH, WBTC)
    assert len(base) > 20
    assert [at for at, _ in derived] == [at for at, _ in base]
    exact = Fraction("1.228123456789")
    assert [answer for _, answer in derived] == [half_up(exact * answer) for _, answer in base]


def test_the_other_answers_first_whatever_their_order() -> None:
    """WETH, the first asset, follows WBTC, the second: by the answer of the same step."""
    falling = line((0, 8_000), (3_600, 7_200))
    follows = {"feeds__WETH__rate_of": "WBTC", "feeds__WETH__rate": 0.025}
    base, derived = reported(build(calm(assets__WBTC__price_usd=falling, **follows)), WBTC, WETH)
    assert len(base) > 20
    assert derived == [(at, half_up(Fraction(answer, 40))) for at, answer in base]


def test_it_is_as_old_as_what_it_reads() -> None:
    """While the other is out for three hours it does not answer either, heartbeat or not; the
    router calls both stale.
    """
    outage = {"kind": "outage", "asset": "WETH", "until": at(3 * 3_600)}
    world = build(following(feeds__faults=[outage], feeds__WBTC__heartbeat_seconds=600))
    (derived,) = reported(world, WBTC)
    assert derived[0][0] == 3 * 3_600
    later = build(following(feeds__faults=[{"kind": "outage", "asset": "WETH"}]))
    reported(later, WBTC)
    assert [oracle.read(later.state, 0, i).status for i in (WETH, WBTC)] == [
        oracle.STATUS_STALE
    ] * 2


def test_a_rate_that_jumps_counts_at_once() -> None:
    """A slashing of 5% in the middle of the hour; smaller moves wait for the other's answer."""
    jump = line((0, 40), (1_799, 40), (1_800, 38), (43_200, 38))
    (derived,) = reported(build(following(jump)), WBTC)
    assert derived[0] == (1_800, 38 * 200 * USD)
    small = line((0, 40), (1_799, 40), (1_800, 39.9), (43_200, 39.9))
    base, derived = reported(build(following(small)), WETH, WBTC)
    assert [at for at, _ in derived] == [at for at, _ in base] and derived[0][0] == 3_600


def test_a_cap_on_growth() -> None:
    """Linear from the rate at the start: 5% a year are 5 / 2 / 365 % after twelve hours."""
    rising = line((0, 1.2), (43_200, 1.3))
    scenario = following(rising, feeds__WBTC__rate_growth_cap_bps_per_year=500)
    found = rates(scenario, "WBTC")
    assert found[0] == 12 * WAD // 10
    for k in (1, 72, 144):
        highest = Fraction(12, 10) * (1 + Fraction(5, 100) * 300 * k / YEAR)
        assert abs(found[k] - highest * WAD) < 1_000  # doubles
    loose = with_overrides(scenario, {"feeds.WBTC.rate_growth_cap_bps_per_year": 100_000})
    slow = with_overrides(loose, {"feeds.WBTC.rate": line((0, 1.2), (43_200, 1.2001))})
    assert (rates(slow, "WBTC") == rates(following(line((0, 1.2), (43_200, 1.2001))), "WBTC")).all()
    falling = with_overrides(scenario, {"feeds.WBTC.rate": line((0, 1.2), (43_200, 1.1))})
    assert rates(falling, "WBTC")[-1] == 11 * WAD // 10, "it caps nothing that falls"


def test_a_rate_from_a_file(tmp_path: Path) -> None:
    """With 18 decimals, as contracts give it; log-linear in between."""
    file = tmp_path / "rates.csv"
    rows = [
        f"{int(at(hour * 3_600).timestamp())},{1_200_000 + hour}000000000000" for hour in range(13)
    ]
    file.write_text("\n".join(["updatedAt,answer", *rows]))
    found = rates(following({"file": str(file)}), "WBTC")
    assert found[0] == 1_200_000 * 10**12 and found[144] == 1_200_012 * 10**12
    assert found[6] == pytest.approx(1.2000005e18, rel=1e-12)


def test_accounts_open_at_what_the_protocol_sees() -> None:
    """The token is at a discount of a fifth from the start on: pools hold as much of it as their
    depth at the price on the market; the protocol, and its book, see 8,000 USD.
    """
    discount = following(assets__WBTC__price_usd=6_400.0)
    world, fair = build(discount), build(following())
    prices = [6_400 * USD if i == WBTC else p for i, p in enumerate(fair.market.price[0])]
    assert answers_at_start(discount, prices)[WBTC] == 8_000 * USD
    assert world.state.feed[0, WBTC, ANSWER] == 8_000 * USD
    assert (world.book.collateral == fair.book.collateral).all()
    with_btc = [p for p, pair in enumerate(world.state.pair_tokens) if WBTC in pair]
    assert with_btc
    for p in with_btc:
        side = list(world.state.pair_tokens[p]).index(WBTC)
        more = Fraction(int(world.state.pair[p, side]), int(fair.state.pair[p, side]))
        assert float(more) == pytest.approx(1.25, rel=1e-6)


def test_sweeps_draw_discounts_that_the_oracle_does_not_see() -> None:
    """Two drawn paths of the token at one of WETH: the same answers, on other prices."""
    scenario = following()
    world = build(scenario)
    prices = draw(scenario, "mc", 0, 2)
    prices[1, :, WETH] = prices[0, :, WETH]
    assert (prices[0, 1:, WBTC] != prices[1, 1:, WBTC]).any()
    answers = [
        reported(on_path(world, path, seen), WBTC)
        for path, seen in zip(prices, observed(scenario, prices), strict=True)
    ]
    assert answers[0] == answers[1] and len(answers[0][0]) > 10


# --- recorded rounds --------------------------------------------------------------------------


def recorded(folder: Path, *points: tuple[float, float]) -> dict[str, Any]:
    """A file of rounds (seconds after the start, USD), as an explorer exports them; the feed may be
    silent for half a day.
    """
    rows = [
        f"{n},{round(usd * USD)},{int(at(seconds).timestamp())}"
        for n, (seconds, usd) in enumerate(points)
    ]
    file = folder / "rounds.csv"
    file.write_text("\n".join(["roundId,answer,updatedAt", *rows]))
    return {"file": str(file), "max_gap_seconds": 43_200}


POINTS = ((-600, 201), (1, 202), (299, 203), (900, 203), (3_000, 190), (41_000, 191))


def test_rounds_are_answered_when_they_came(tmp_path: Path) -> None:
    """The last before the start is the first answer; of two in a step the later counts; one that
    says the same is a report too; nothing else is reported, whatever the market does.
    """
    falling = line((0, 200), (43_200, 100))
    scenario = calm(
        feeds__WETH__replay=recorded(tmp_path, *POINTS), assets__WETH__price_usd=falling
    )
    world = build(scenario)
    assert world.state.feed[0, WETH, ANSWER] == 201 * USD
    (found,) = reported(world, WETH)
    assert found == [(300, 203 * USD), (900, 203 * USD), (3_000, 190 * USD), (41_100, 191 * USD)]
    answers, arrives = rounds(scenario, "WETH")
    assert np.flatnonzero(arrives).tolist() == [1, 3, 10, 137]
    assert answers[9] == 203 * USD and answers[-1] == 191 * USD


def test_a_rate_of_recorded_rounds(tmp_path: Path) -> None:
    world = build(following(feeds__WETH__replay=recorded(tmp_path, *POINTS)))
    base, derived = reported(world, WETH, WBTC)
    assert derived == [(at, 40 * answer) for at, answer in base]
    assert world.scenario.feeds["WBTC"].rate_of == "WETH"


def test_faults_act_on_top(tmp_path: Path) -> None:
    doubled = {"kind": "wrong-answer", "asset": "WETH", "factor": 2.0, "from": at(600)}
    outage = {"kind": "outage", "asset": "WETH", "from": at(2_000), "until": at(4_000)}
    rounds_of = recorded(tmp_path, *POINTS)
    world = build(calm(feeds__WETH__replay=rounds_of, feeds__faults=[doubled, outage]))
    (found,) = reported(world, WETH)
    assert found == [(300, 203 * USD), (900, 406 * USD), (41_100, 382 * USD)]


def test_files_of_feeds_are_files_of_the_scenario(tmp_path: Path) -> None:
    scenario = calm(feeds__WETH__replay=recorded(tmp_path, *POINTS))
    assert files(scenario)["feeds.WETH.replay.file"] == tmp_path / "rounds.csv"
    before = contents(scenario)
    recorded(tmp_path, (-600, 1), (41_000, 1))
    assert contents(scenario) != before


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "path", "problem"),
    [
        ({"feeds__WBTC__rate_of": "WETH"}, "feeds.WBTC.rate", "is missing"),
        ({"feeds__WBTC__rate": 2.0}, "feeds.WBTC.rate_of", "is missing"),
        ({"feeds__WBTC__rate_growth_cap_bps_per_year": 9}, "feeds.WBTC.rate_of", "is missing"),
        ({"rate_of": "ETH"}, "feeds.WBTC.rate_of", "not another asset"),
        ({"rate_of": "WBTC"}, "feeds.WBTC.rate_of", "not another asset"),
        (
            {"rate_of": "WETH", "rate": 0.0},
            "feeds.WBTC.rate",
            "greater than or equal to 0.00000001",
        ),
        ({"rate_of": "WETH", "rate": "much"}, "feeds.WBTC.rate", "should be"),
        (
            {"rate_of": "DAI", "feeds__DAI__rate_of": "USDC", "feeds__DAI__rate": 1.0},
            "feeds.WBTC.rate_of",
            "DAI's feed follows another itself",
        ),
        (
            {"rate_of": "WETH", "feeds__WBTC__replay": {"file": "rounds.csv"}},
            "feeds.WBTC.replay",
            "given besides rate_of",
        ),
        (
            {
                "rate_of": "WETH",
                "feeds__faults": [{"kind": "delay", "asset": "WBTC", "mean_seconds": 9.0}],
            },
            "feeds.faults[0].kind",
            "does not see the price of its asset",
        ),
        (
            {"feeds__WETH__replay": {"file": "rounds.csv"}, "hold_at_low": True},
            "hold_at_low",
            "go on after the lowest",
        ),
        (
            {"rate_of": "WETH", "rate": line((-7_200, 1), (-3_600, 1))},
            "feeds.WBTC.rate",
            "outside the run",
        ),
    ],
)
def test_refusals(changes: dict[str, Any], path: str, problem: str) -> None:
    if "rate_of" in changes:
        given = {"feeds__WBTC__rate_of": changes.pop("rate_of")}
        changes = given | {"feeds__WBTC__rate": changes.pop("rate", 2.0)} | changes
    with pytest.raises(ScenarioError) as caught:
        calm(**changes)
    (found,) = caught.value.problems
    assert found.path == path and problem in found.problem and found.remedy


@pytest.mark.parametrize(
    ("points", "covers"),
    [
        (((1, 200), (43_200, 200)), False),
        (((0, 200), (39_599, 200)), False),
        (((0, 200), (39_600, 200)), True),
    ],
)
def test_rounds_must_cover_the_run(tmp_path: Path, points: Any, covers: bool) -> None:
    """From its start to a heartbeat, of an hour here, before its end."""
    scenario = calm(feeds__WETH__replay=recorded(tmp_path, *points))
    assert scenario.feeds["WETH"].heartbeat_seconds == 3_600
    if covers:
        assert len(rounds(scenario, "WETH")[0]) == scenario.steps + 1
        return
    with pytest.raises(ScenarioError, match=r"covers .* rounds from 2020-03-12T00:00:00Z"):
        build(scenario)


@pytest.mark.parametrize(("gap", "missing"), [(5_400, False), (5_401, True)])
def test_rounds_that_are_missing(tmp_path: Path, gap: int, missing: bool) -> None:
    """One and a half heartbeats, of an hour here, are enough unless the scenario says otherwise."""
    points = [(gap * n, 200.0) for n in range(9)]
    said = recorded(tmp_path, *points)
    scenario = calm(feeds__WETH__replay={"file": said["file"]})
    inside = 7 if missing else 8  # the ninth is eight seconds after the end
    assert rounds(with_overrides(scenario, {"feeds.WETH.replay": said}), "WETH")[1].sum() == inside
    if not missing:
        assert rounds(scenario, "WETH")[1].sum() == inside
        return
    with pytest.raises(ScenarioError, match=r"line 3, updatedAt: .* a gap of more than 5400 s"):
        build(scenario)


def test_rounds_are_no_candles(tmp_path: Path) -> None:
    file = tmp_path / "candles.csv"
    file.write_text("time,open,high,low,close\n2020-03-12,1,1,1,1\n2020-03-13,1,1,1,1\n")
    with pytest.raises(ScenarioError, match="are candles, not the answers of a feed"):
        build(calm(feeds__WETH__replay={"file": str(file), "max_gap_seconds": 86_400}))


def test_drawn_prices_have_no_recorded_feed(tmp_path: Path) -> None:
    scenario = calm(feeds__WETH__replay=recorded(tmp_path, *POINTS))
    with pytest.raises(ScenarioError, match=r"feeds\.WETH\.replay: is of one path of prices"):
        draw(scenario, "mc", 0, 1)
    still = with_overrides(scenario, {"paths.volatility_per_sqrt_year.WETH": 0.0})
    assert len(draw(still, "mc", 0, 1)) == 1
