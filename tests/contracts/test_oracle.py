"""OracleRouter: one price and one status, whatever the feeds do."""

import pytest

from tests.contracts.mocks import mock
from tests.contracts.support import (
    BURNS,
    DAY,
    DEVIATED,
    DOWN,
    GARBLED,
    INCOMPLETE,
    OK,
    REVERTS,
    STALE,
    USD,
    YEAR,
    ZERO_ADDRESS,
    reverts,
)

HEARTBEAT, HOLD_OFF = 3_600, 1_800
GAP = HOLD_OFF // 3
FLOOR, CEILING = 100 * USD, 10_000 * USD


@pytest.fixture
def feed(feeds, weth, set_feed, oracle, admin):
    """weth's feed at $2,000: bounds $100 to $10,000, moves of 10%, half an hour of hold-off."""
    strict(set_feed, weth)
    oracle.poke(weth, sender=admin)
    return feeds[weth.address]


def strict(set_feed, token, **more):
    set_feed(
        token,
        heartbeat=HEARTBEAT,
        minAnswer=FLOOR,
        maxAnswer=CEILING,
        maxMoveBps=1_000,
        holdOff=HOLD_OFF,
        **more,
    )


def read(oracle, asset):
    answer = oracle.read(asset)
    return answer.price, answer.status, answer.usable


@pytest.fixture
def see(oracle, weth, feed, admin, stranger, set_price, chain):
    """see(prices, gap): each is reported and shown to the router, so many seconds after the last;
    when the first was.
    """

    def see(*prices, gap=GAP):
        first = last = None
        for price in prices:
            if last:
                chain.pending_timestamp = last + gap - 1
            set_price(weth, price)
            if last:
                chain.pending_timestamp = last + gap
            last = oracle.poke(weth, sender=stranger).timestamp
            first = first or last
        return first

    return see


@pytest.mark.parametrize(
    ("age", "status", "liquidatable"),
    [
        (HEARTBEAT, OK, True),
        (HEARTBEAT + 1, STALE, True),
        (3 * HEARTBEAT - 1, STALE, True),
        (3 * HEARTBEAT, STALE, False),
    ],
)
def test_read__age__decides_between_fresh_and_stale(
    oracle, weth, feed, admin, chain, age, status, liquidatable
):
    """Fresh to the last second of the heartbeat; good for liquidation for less than three."""
    posted = feed.post(2_000 * USD, sender=admin).timestamp
    chain.mine(timestamp=posted + age)
    assert read(oracle, weth) == (2_000 * USD, status, liquidatable)


@pytest.mark.parametrize("answer", [0, -1, FLOOR, CEILING])
def test_read__answer_not_inside_the_bounds__is_down(oracle, weth, feed, admin, answer):
    """Feeds that clamp report their bound, so the bound itself is not believed."""
    feed.post(answer, sender=admin)
    assert read(oracle, weth) == (0, DOWN, False)


@pytest.mark.parametrize("mode", [REVERTS, INCOMPLETE, GARBLED, BURNS])
def test_read__feed_broken__is_down(oracle, weth, feed, admin, mode):
    """A feed that reverts, answers an old round or too few bytes, or burns all gas never reverts
    its reader.
    """
    feed.setMode(mode, sender=admin)
    assert read(oracle, weth) == (0, DOWN, False)
    oracle.poke(weth, sender=admin)
    assert oracle.getAnchor(weth).price == 2_000 * USD


def test_poke__feed_that_returns_too_much__costs_what_it_may_burn(oracle, weth, admin, set_feed):
    """What it says beyond a round is not copied, which would cost its reader as much again, and no
    reader could tell how much.
    """
    set_feed(weth, aggregator=admin.deploy(mock("ChattyFeed")))
    tx = oracle.poke(weth, sender=admin)
    assert read(oracle, weth) == (2_000 * USD, OK, True)
    assert 150_000 < tx.gas_used < 21_000 + 200_000 + 60_000


def test_read__time_of_the_answer_impossible__is_down(oracle, weth, feed, admin, chain):
    """Neither from the future nor from before there was a round."""
    for updated_at in (chain.blocks.head.timestamp + 10**6, 0):
        feed.postAt(2_000 * USD, updated_at, sender=admin)
        assert read(oracle, weth) == (0, DOWN, False)


def test_read__no_feed__is_down(oracle, flash):
    """An asset nobody configured has no price, and asking for it does not revert."""
    assert read(oracle, flash) == (0, DOWN, False)


@pytest.mark.parametrize("primary", ["down", "stale"])
def test_read__primary_unsound__fallback_steps_in(
    project, oracle, weth, feed, admin, set_feed, chain, primary
):
    """Only while it is itself sound and fresh; a stale primary beats a stale fallback."""
    other = admin.deploy(project.PriceFeed, 8)
    strict(set_feed, weth, fallbackAggregator=other)
    other.post(2_001 * USD, sender=admin)
    now = feed.post(2_000 * USD, sender=admin).timestamp
    assert read(oracle, weth) == (2_000 * USD, OK, True)
    if primary == "down":
        feed.setMode(REVERTS, sender=admin)
    else:
        feed.postAt(2_000 * USD, now - 2 * HEARTBEAT, sender=admin)
    assert read(oracle, weth) == (2_001 * USD, OK, True)
    other.postAt(2_001 * USD, now - 2 * HEARTBEAT, sender=admin)
    expected = (0, DOWN, False) if primary == "down" else (2_000 * USD, STALE, True)
    assert read(oracle, weth) == expected
    other.post(0, sender=admin)
    assert read(oracle, weth) == expected


def test_liquidate__primary_burns_all_its_gas__goes_on_by_the_fallback(
    project, vault, oracle, feeds, weth, admin, set_feed, unhealthy, liquidate
):
    """Each reading of the broken feed costs 200,000 gas, a transaction a few of them."""
    account = unhealthy()
    other = admin.deploy(project.PriceFeed, 8)
    other.post(1_800 * USD, sender=admin)
    set_feed(weth, fallbackAggregator=other)
    feeds[weth.address].setMode(BURNS, sender=admin)
    assert read(oracle, weth) == (1_800 * USD, OK, True)
    assert 200_000 < liquidate(account).gas_used < 2_000_000


@pytest.mark.parametrize(
    ("price", "status"), [(2_200, OK), (2_201, DEVIATED), (1_800, OK), (1_799, DEVIATED)]
)
def test_read__move_against_the_anchor__is_measured_both_ways(
    oracle, weth, feed, set_price, price, status
):
    """10% of $2,000 up or down is a move; a dollar more is a deviation, poked or not."""
    set_price(weth, price)
    assert read(oracle, weth) == (price * USD, status, status == OK)


def test_poke__move_persists__becomes_the_anchor(oracle, weth, see, stranger, chain):
    """Seen four times, ten minutes apart: the first starts the hold-off, none extends it, and the
    last is the end of it.
    """
    since = see(1_500, 1_500, 1_500)
    anchor = oracle.getAnchor(weth)
    assert (anchor.price, anchor.candidate) == (2_000 * USD, 1_500 * USD)
    assert anchor.candidateSince == since
    assert anchor.disputedFor == anchor.disputedAt - since == 2 * GAP
    assert read(oracle, weth) == (1_500 * USD, DEVIATED, False)
    chain.pending_timestamp = since + HOLD_OFF - 1
    oracle.poke(weth, sender=stranger)
    assert oracle.getAnchor(weth).price == 2_000 * USD
    chain.pending_timestamp = since + HOLD_OFF
    tx = oracle.poke(weth, sender=stranger)
    assert oracle.getAnchor(weth).price == 2_000 * USD, "reported a second too long ago"
    assert not tx.events


def test_poke__reported_again__is_the_anchor(oracle, weth, see):
    since = see(1_500, 1_480, 1_520, 1_400)
    anchor = oracle.getAnchor(weth)
    assert (anchor.price, anchor.candidate) == (1_520 * USD, 0), "the nearest"
    assert anchor.seenAt == since + HOLD_OFF
    assert read(oracle, weth) == (1_400 * USD, OK, True)


def test_poke__events__tell_what_happened(oracle, weth, feed, stranger, set_price, chain):
    """The start of a dispute, its end, and the new anchor."""
    set_price(weth, 1_500)
    tx = oracle.poke(weth, sender=stranger)
    assert oracle.HoldOffStarted(weth, 1_500 * USD, 2_000 * USD) in tx.events
    start = tx.timestamp
    for k in range(1, 4):
        chain.pending_timestamp = start + GAP * k - 1
        set_price(weth, 1_900)
        chain.pending_timestamp = start + GAP * k
        tx = oracle.poke(weth, sender=stranger)
        assert (oracle.HoldOffCleared(weth, 1_900 * USD) in tx.events) == (k == 1)
    assert oracle.AnchorSet(weth, 1_900 * USD) in tx.events
    assert oracle.getAnchor(weth).disputedFor == 0


def test_poke__nobody_did__hold_off_never_ends(oracle, weth, feed, set_price, chain):
    """Time alone does not accept a deviation: someone must have seen it begin, and stay."""
    set_price(weth, 1_500)
    chain.mine(timestamp=chain.blocks.head.timestamp + HOLD_OFF + 60)
    assert read(oracle, weth)[1] == DEVIATED


def test_poke__in_a_block_after_an_anchor__moves_it_no_further(oracle, weth, see, stranger, chain):
    """One anchor needs a hold-off, however often it is poked."""
    see(1_500, 1_500, 1_500, 1_400)
    assert oracle.getAnchor(weth).price == 1_500 * USD
    for _ in range(3):
        oracle.poke(weth, sender=stranger)
    assert oracle.getAnchor(weth).price == 1_500 * USD


def test_poke__without_hold_off__accepts_any_move(oracle, weth, set_feed, set_price, admin):
    """holdOff = 0 switches the deviation check off."""
    set_feed(weth, maxMoveBps=1, holdOff=0)
    oracle.poke(weth, sender=admin)
    set_price(weth, 3_000)
    assert read(oracle, weth) == (3_000 * USD, OK, True)
    oracle.poke(weth, sender=admin)
    assert oracle.getAnchor(weth).price == 3_000 * USD


def test_read__another_price_at_the_end_of_a_hold_off__has_not_persisted(oracle, weth, see):
    """$1,500 stood for half an hour; the $300 of its last second did not, and is not believed."""
    see(1_500, 1_500, 1_500, 300)
    assert oracle.getAnchor(weth).price == 1_500 * USD
    assert read(oracle, weth) == (300 * USD, DEVIATED, False)


@pytest.mark.parametrize(
    ("gaps", "collateral", "debt", "usable"),
    [(5, 2_000, 1_500, False), (6, 1_500, 2_000, True)],
)
def test_read__disputed__counts_for_the_account_and_then_against_it(
    oracle, weth, see, gaps, collateral, debt, usable
):
    """$1,500 and $2,500 in turn, and $2,000 accepted: for two hold-offs, and then."""
    see(*[1_500 if (gaps - k) % 2 == 0 else 2_500 for k in range(gaps + 1)])
    q = oracle.read(weth)
    assert (q.price, q.status, q.usable) == (1_500 * USD, DEVIATED, usable)
    assert (q.collateralPrice, q.debtPrice) == (collateral * USD, debt * USD)


@pytest.mark.parametrize("days", [0, 1])
def test_read__down__counts_at_the_anchor_and_collateral_for_a_day(
    oracle, weth, feed, admin, stranger, chain, days
):
    """From when somebody saw it, for as long as somebody does every hour."""
    feed.setMode(REVERTS, sender=admin)
    seen = oracle.poke(weth, sender=stranger).timestamp
    for k in range(1, 25):
        chain.pending_timestamp = seen + 3_600 * k - (k == 24 and not days)
        oracle.poke(weth, sender=stranger)
    assert oracle.getAnchor(weth).downFor == 86_400 - (not days)
    q = oracle.read(weth)
    assert (q.price, q.status, q.usable) == (0, DOWN, False)
    assert (q.collateralPrice, q.debtPrice) == ((1 - days) * 2_000 * USD, 2_000 * USD)


@pytest.mark.parametrize(
    "changes",
    [
        {"aggregator": 18},
        {"fallbackAggregator": 18},
        {"heartbeat": 0},
        {"heartbeat": YEAR + 1},
        {"minAnswer": 10 * USD, "maxAnswer": 10 * USD},
        {"maxMoveBps": 0},
        {"maxMoveBps": 2**64 + 1},
        {"holdOff": 5 * 60 - 1},
        {"holdOff": 7 * DAY + 1},
    ],
    ids=str,
)
def test_set_feed__settings_out_of_bounds__are_refused(
    project, oracle, weth, admin, set_feed, changes
):
    """Eight decimals, a heartbeat, bounds apart, a measurable deviation."""
    for side in {"aggregator", "fallbackAggregator"} & changes.keys():
        changes = {side: admin.deploy(project.PriceFeed, changes[side])}
    with reverts(oracle.InvalidFeed, asset=weth):
        set_feed(weth, **changes)


def test_set_feed__replaced__keeps_the_anchor(oracle, weth, feed, set_feed, see):
    """Whoever sets the same feed again, or another, lets nobody through a hold-off."""
    see(1_500)
    before = oracle.getAnchor(weth)
    strict(set_feed, weth, fallbackAggregator=ZERO_ADDRESS)
    assert oracle.getAnchor(weth) == before
    assert read(oracle, weth) == (1_500 * USD, DEVIATED, False)
    assert oracle.getFeed(weth).holdOff == HOLD_OFF


def test_forget_anchor__asked_for__starts_from_a_new_one(oracle, weth, see, admin, stranger):
    """For a feed that quotes another level on purpose."""
    see(1_500)
    tx = oracle.forgetAnchor(weth, sender=admin)
    assert oracle.AnchorForgotten(weth) in tx.events
    assert read(oracle, weth) == (1_500 * USD, OK, True)
    oracle.poke(weth, sender=stranger)
    assert oracle.getAnchor(weth).price == 1_500 * USD
