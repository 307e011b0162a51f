"""Who levers up where one account's share of a collateral is limited: as far as he may."""

from __future__ import annotations

import pytest

import sim
from sim.agents.leverage import may_grow
from sim.protocol import operations as op
from sim.protocol.errors import CONCENTRATION_EXCEEDED, OK
from sim.protocol.records import copy
from sim.protocol.state import ADDED_SHARES, ESCROWED, SUPPLIED, WALLET
from sim.scenario import load
from sim.world import World, build
from tests.scenarios.library import small

UNIT = 10**18
LINK = load("concentration").symbols.index("LINK")


def opened(floor_usd: float, lent: bool) -> World:
    """Twelve accounts, of which one may grow to 60% of what is pledged, from 49%."""
    limits = {
        "concentration_bps": 6_000,
        "concentration_floor_usd": floor_usd,
        "rehypothecate": lent,
    }
    changes = {f"protocol__reserves__LINK__{name}": value for name, value in limits.items()}
    return build(small("concentration", 12, **changes))


@pytest.mark.parametrize("lent", [True, False])
@pytest.mark.parametrize("floor_usd", [0.0, 4e7], ids=["share", "floor"])
def test_it_may_grow_so_much_and_no_more(floor_usd: float, lent: bool) -> None:
    """x of (own + x) = 3/5 (total + x), or of (own + x) price = floor: supplied it is accepted,
    with a ten-thousandth more refused.
    """
    s = opened(floor_usd, lent).state
    held = s.position[:12, LINK, SUPPLIED]
    a = int(held.argmax())
    price, total = 15, sum(map(int, held))
    assert total == s.spoke[0, LINK, ADDED_SHARES if lent else ESCROWED]
    shares_a_unit = 10**6 if lent else 1
    own, every = int(held[a]) / shares_a_unit, total / shares_a_unit
    expected = 4e7 / price * UNIT - own if floor_usd else (3 * every - 5 * own) / 2
    grows = int(may_grow(s, a, LINK))
    assert grows == pytest.approx(expected, rel=1e-6)
    owner = int(s.account_owner[a])
    for amount, code in ((grows, OK), (grows + grows // 10_000, CONCENTRATION_EXCEEDED)):
        t = copy(s)
        t.holding[owner, LINK, WALLET] += amount
        assert op.supply(t, owner, a, LINK, amount) == code


def test_loopers_are_never_refused_and_the_largest_stays_as_it_was() -> None:
    """Nobody borrows what he cannot pledge; who is beyond the limit grows by nothing."""
    scenario = small("concentration", 30)
    run = sim.run(scenario)
    done = run.raw.tape.operations
    assert "ConcentrationExceeded" not in set(done["verdict"])
    looped = done[(done["step"] > 0) & (done["kind"] == "supply") & (done["asset"] == "LINK")]
    assert len(looped) > 5
    s = build(scenario).state
    held = s.position[:30, LINK, SUPPLIED]
    beyond = held * 10_000 > sum(map(int, held)) * 1_000
    assert beyond.any() and not set(looped["account"]) & set(beyond.nonzero()[0])
