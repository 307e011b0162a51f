"""When feeds report, and when they do not: outages and staleness."""

from __future__ import annotations

import pytest

from sim.market import feeds
from sim.protocol import oracle
from sim.protocol.state import UPDATED_AT
from tests.market.test_feeds import USD, WBTC, WETH, Report, at, falling, faulty, reports


def test_a_resting_price_is_reported_at_every_heartbeat() -> None:
    """The opening is at the start, so the first is due an hour later."""
    assert reports(faulty()) == [Report(3_600 * n, 200 * USD) for n in range(1, 13)]


def test_a_moving_price_is_reported_when_it_moved_by_the_threshold() -> None:
    """A fall of .1% a step is reported at every sixth: .999^5 = .99501 is no fall of .5% yet."""
    found = reports(faulty(**{"assets.WETH.price_usd": falling(200 * 0.999**144)}))
    assert [report.seconds for report in found] == [1_800 * n for n in range(1, 25)]
    for n, report in enumerate(found, start=1):
        assert report.answer == pytest.approx(200 * 0.999 ** (6 * n) * USD, abs=1)


def test_latency_shifts_reports() -> None:
    """By 600 s: at 2,400 s it reports what the price was at 1,800 s, six steps below the start."""
    fall = {"assets.WETH.price_usd": falling(200 * 0.999**144)}
    late = reports(faulty(**fall, **{"feeds.WETH.latency_seconds": 600}))
    assert [report.seconds for report in late] == [600 + 1_800 * n for n in range(1, 24)]
    for n, report in enumerate(late, start=1):
        assert report.answer == pytest.approx(200 * 0.999 ** (6 * n) * USD, abs=1)


def test_an_outage_silences_the_feed_and_the_router_stops_believing() -> None:
    """A heartbeat of 3600 s: the last report is at 3,600 s, it is stale after 7,200 s and of no use
    from 14,400 s on. The first step after the outage reports: the heartbeat is overdue.
    """
    outage = {"kind": "outage", "asset": "WETH", "from": at(5_400), "until": at(18_000)}
    world = faulty(outage)
    s, w = world.state, world.market
    seen: dict[int, tuple[int, bool]] = {}
    posted = []
    for k in range(1, world.scenario.steps + 1):
        s.clock[0] = w.time[k]
        feeds.report(s, w, k)
        _, status, usable, *_ = oracle.read(s, 0, WETH)
        seconds = int(w.time[k] - w.time[0])
        seen[seconds] = (status, usable)
        if s.feed[0, WETH, UPDATED_AT] == w.time[k]:
            posted.append(seconds)
    assert [t for t in posted if t <= 20_000] == [3_600, 18_000]
    for seconds, (status, usable) in seen.items():
        stale = 7_200 < seconds < 18_000
        assert status == (oracle.STATUS_STALE if stale else oracle.STATUS_OK), seconds
        assert usable == (not 14_400 <= seconds < 18_000), seconds


def test_other_feeds_report_during_an_outage() -> None:
    outage = {"kind": "outage", "asset": "WETH"}
    assert reports(faulty(outage)) == []
    assert len(reports(faulty(outage), WBTC)) == 12
