"""What sales leave in reference prices, one step at a time, by hand; and what recorded prices
contain of it.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.agents.start import ADMIN
from sim.engines.baseline import settled
from sim.engines.exact import run
from sim.market import reference
from sim.market.levels import held_from
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.state import RESERVE0, RESERVE1
from sim.scenario import Scenario, ScenarioError, baseline_of, load, with_overrides
from sim.world import World, build, on_path
from tests.tape.storm import STORM, storm

SELLER = ADMIN
WETH, WBTC, USDC = range(3)
PRICES = {WETH: 2_000, WBTC: 30_000}
WAD = 10**18


def market(**assets: Any) -> dict[str, Any]:
    """Depths in USD per percent, or with a half-life in hours: (depth, hours)."""
    listed = {}
    for symbol, depth in assets.items():
        usd, hours = depth if isinstance(depth, tuple) else (depth, None)
        listed[symbol] = {"depth_usd_per_percent": usd, "half_life_hours": hours}
    return {"reference_market": {"assets": listed}}


def _swap(world: World, p: int, side: int, tokens: float) -> tuple[int, int]:
    """Sell on pair p for nobody's account: (units that went in, units that came out)."""
    s = world.state
    amount = int(tokens * int(s.unit[s.pair_tokens[p, side]]))
    out = int(s.pair[p, RESERVE1 - side])
    op.mint_token(s, SELLER, int(s.pair_tokens[p, side]), amount)
    assert op.swap_in(s, SELLER, p, side, amount, 0) == OK
    return amount, out - int(s.pair[p, RESERVE1 - side])


def test_a_sale_divides_and_a_purchase_multiplies_the_price_by_one_and_its_share_of_depth() -> None:
    """L = 1.5 million for WETH, 3 million for WBTC. 20 WETH are sold for USDC, 10,000 USDC buy WBTC
    and as many WETH: some 15 net. USDC is not listed: what is sold of it leaves nothing.
    """
    world = build(storm(**market(WETH=15_000.0, WBTC=30_000.0)))
    s, w = world.state, world.market
    table, seen = w.price.copy(), w.feeds.observed.copy()
    _swap(world, 0, 0, 20.0)
    _, wbtc = _swap(world, 1, 1, 10_000.0)
    _, weth = _swap(world, 0, 1, 10_000.0)
    reference.move(s, w, 1)
    sold = (20 - Fraction(weth, WAD)) * 2_000
    bought = Fraction(wbtc, 10**8) * 30_000
    assert sold > 27_000 and bought > 9_500
    factors = {WETH: 1 / (1 + sold / 1_500_000), WBTC: 1 + bought / 3_000_000, USDC: Fraction(1)}
    for i, factor in factors.items():
        assert w.reference.impact[1, i] == pytest.approx(int(factor * WAD), abs=10**8)
        assert w.price[1, i] == pytest.approx(float(table[1, i] * factor), abs=1.01)
        assert w.feeds.observed[1, i] == pytest.approx(float(seen[1, i] * factor), abs=1.01)
    reference.remember(s, w)
    reference.move(s, w, 2)  # nobody traded: what stays, stays, and is not counted again
    assert w.reference.impact[2].tolist() == w.reference.impact[1].tolist()
    assert (w.price[3:] == table[3:]).all() and (w.price[0] == table[0]).all()
    assert (w.reference.baseline_impact == WAD).all(), "the storm's prices are the outside path"


def test_sales_that_are_bought_back_leave_nothing() -> None:
    """Of the same value, one step later, whatever they did to the pool; to rounding."""
    world = build(storm(**market(WETH=15_000.0)))
    s, w = world.state, world.market
    reference.trade(w, WETH, 20 * WAD, USDC, 40_000 * 10**6)
    reference.move(s, w, 1)
    low = int(w.price[1, WETH])
    assert w.reference.impact[1, WETH] == WAD * 1_500_000 // 1_540_000
    again = 40_000 * 10**8 * WAD // low
    reference.trade(w, USDC, 40_000 * 10**6, WETH, again)
    reference.move(s, w, 2)
    assert w.reference.impact[2, WETH] == pytest.approx(WAD, rel=1e-8)


@pytest.mark.parametrize("hours", [0.5, 2.0])
def test_what_sales_left_halves_in_its_half_life(hours: float) -> None:
    """I - 1 after k steps of ten minutes: 2^(-k / (6 hours)) of what it was."""
    world = build(storm(**market(WETH=(15_000.0, hours))))
    s, w = world.state, world.market
    _swap(world, 0, 0, 20.0)
    for k in range(1, 13):
        reference.move(s, w, k)
        reference.remember(s, w)
    first = int(w.reference.impact[1, WETH]) - WAD
    assert first < 0
    for k in range(1, 13):
        left = 0.5 ** ((k - 1) / (6 * hours))
        assert w.reference.impact[k, WETH] - WAD == pytest.approx(first * left, rel=1e-6)


def test_what_arbitrageurs_trade_leaves_nothing() -> None:
    """The price falls to two fifths and nobody is liquidated: pools follow, prices are the
    table's.
    """
    world = build(storm(liquidators=[], **market(WETH=1_000.0, WBTC=1_000.0, USDC=1_000.0)))
    table = world.market.price.copy()
    reserves = world.state.pair[0, RESERVE0]
    for _ in run(world):
        pass
    assert (world.market.price == table).all() and (world.market.reference.impact == WAD).all()
    assert world.state.pair[0, RESERVE0] > 1.1 * reserves


def test_feeds_see_a_move_as_late_as_everything_else() -> None:
    """A latency of 25 minutes is two whole steps of ten."""
    world = build(storm(**market(WETH=15_000.0), **{"feeds.WETH.latency_seconds": 1_500}))
    s, w = world.state, world.market
    seen = w.feeds.observed.copy()
    _swap(world, 0, 0, 20.0)
    for k in range(1, 5):
        reference.move(s, w, k)
        reference.remember(s, w)
        expected = seen[k, WETH] * (1_500 / 1_540 if k >= 3 else 1)
        assert w.feeds.observed[k, WETH] == pytest.approx(expected, rel=1e-9)


def test_a_price_stays_above_zero_and_below_what_contracts_take() -> None:
    """What the contracts need, whatever is sold or bought into the shallowest market there is."""
    for sign, end in ((1, 1), (-1, 2**64 - 1)):
        world = build(storm(**market(WETH=1.0)))
        for k in range(1, 5):
            world.market.reference.sold[WETH] += sign * 10**12 * WAD
            reference.move(world.state, world.market, k)
            assert 1 <= world.market.price[k, WETH] < 2**64
        assert world.market.price[4, WETH] == end


def test_who_keeps_what_he_seized_sells_it_there() -> None:
    """Liquidators with capital who keep: no trade on any pair but arbitrage, and yet the impact of
    all they seized, less what is bought back of what they repaid: USDC rises.
    """
    (rich, *_) = storm().model_dump()["liquidators"]
    capital = {"WETH": 5e5, "WBTC": 5e5, "USDC": 5e6}
    rich |= {"capital_usd": capital, "keeps_collateral": True}
    deep = market(WETH=15_000.0, WBTC=30_000.0, USDC=1e6)
    world = build(storm(liquidators=[rich], **deep))
    expected = {WETH: Fraction(1), WBTC: Fraction(1), USDC: Fraction(1)}
    depth = {WETH: 1_500_000, WBTC: 3_000_000, USDC: 100_000_000}
    seized = 0
    for step in run(world):
        net = dict.fromkeys(expected, Fraction(0))
        for row in step.rows:
            assert row.kind != op.flash_liquidate.kind
            if row.kind == op.liquidate.kind and row.code == OK:
                d, c, repaid, out = int(row.x), int(row.y), int(row.result0), int(row.result1)
                net[c] += out
                net[d] -= repaid
                seized += 1
        for i, factor in expected.items():
            assert world.market.reference.impact[step.k, i] == pytest.approx(
                float(factor * WAD), rel=1e-12
            )
            value = net[i] * int(world.market.price[step.k, i]) / int(world.state.unit[i]) / 10**8
            part = 1 + abs(value) / depth[i]
            expected[i] = factor / part if value > 0 else factor * part
    assert seized > 10 and expected[WETH] < 1 and expected[WBTC] < 1 < expected[USDC]


def test_without_a_reference_market_nothing_is_touched() -> None:
    """Its tables have no rows, and acting changes no number."""
    world = build(storm())
    s, w = world.state, world.market
    assert len(w.reference.impact) == len(w.reference.baseline_impact) == 0
    table = w.price.copy()
    _swap(world, 0, 0, 20.0)
    reference.move(s, w, 20)
    reference.remember(s, w)
    reference.trade(w, WETH, WAD, USDC, 1)
    assert (
        (w.price == table).all()
        and not w.reference.sold.any()
        and not w.reference.reserve_left.any()
    )


# --- what recorded prices contain -----------------------------------------------------------------

DEPTHS = {"WETH": {"depth_usd_per_percent": 5_000.0}, "WBTC": {"depth_usd_per_percent": 10_000.0}}
RECORDED: dict[str, Any] = {"assets": DEPTHS, "prices_contain_impact": True}


def recorded(**overrides: Any) -> Scenario:
    return storm(**{"reference_market": RECORDED, **overrides})


def ran(world: World) -> World:
    for _ in run(world):
        pass
    return world


def test_the_baseline_reproduces_the_recorded_prices() -> None:
    """To the unit, prices and what feeds see of them; and liquidations are those of a market
    without bound on the same prices, though what they leave behind is not nothing.
    """
    plain, base = ran(build(storm())), ran(build(recorded()))
    assert (base.market.price == plain.market.price).all()
    assert (base.market.feeds.observed == plain.market.feeds.observed).all()
    assert (base.market.reference.impact[-1, :2] < 0.97 * WAD).all()
    assert (base.market.reference.impact == base.market.reference.baseline_impact).all()
    assert base.market.tally.tolist() == plain.market.tally.tolist()
    assert (base.state.position == plain.state.position).all()


def test_the_outside_path_of_a_baseline_gives_it_back() -> None:
    """The fixed point: put recorded / I in as the outside path, and with its own sales the same
    scenario comes to the recorded prices, to a unit or two of 1e-8 USD.
    """
    base = ran(build(recorded()))
    w = base.market
    outside = [w.price * WAD // w.reference.impact, w.feeds.observed.copy()]
    for k in range(len(w.feeds.observed)):  # a minute of latency is no whole step of ten
        outside[1][k] = w.feeds.observed[k] * WAD // w.reference.impact[k]
    again = build(storm(reference_market={"assets": DEPTHS}))
    again = on_path(again, *(table.astype(object) for table in outside))
    ran(again)
    np.testing.assert_allclose(
        again.market.price.astype(float), w.price.astype(float), rtol=1e-9, atol=2
    )
    assert again.market.tally[0] == w.tally[0]


def test_a_run_without_sales_does_without_their_impact() -> None:
    """Without liquidators: recorded over the baseline's impact, which is above the recorded."""
    base = ran(build(recorded()))
    calm = ran(build(recorded(liquidators=[])))
    assert (calm.market.reference.impact == WAD).all() and calm.market.reference.is_baseline[0] == 1
    # It is its own baseline, as nothing says otherwise. Against the scenario as it is written:
    against = settled(build(recorded()))
    nobody = build(recorded(liquidators=[]))
    nobody.market.reference.baseline_impact[:] = against.market.reference.baseline_impact
    nobody.market.reference.is_baseline[0] = 0
    ran(nobody)
    expected = base.market.price * WAD // base.market.reference.impact
    assert (nobody.market.price == expected).all()
    assert (nobody.market.price[-1, :2] > 1.02 * base.market.price[-1, :2]).all()


def _named(tmp_path: Path) -> dict[str, Any]:
    """A file of the recorded storm, and a scenario that names it."""
    text = STORM.read_text()
    text += (
        "\nreference_market: {assets: {WETH: {depth_usd_per_percent: 5000.0}, "
        "WBTC: {depth_usd_per_percent: 10000.0}}, prices_contain_impact: true, "
        "baseline: recorded.yaml}\n"
    )
    (tmp_path / "recorded.yaml").write_text(text)
    return {"file": tmp_path / "recorded.yaml"}


def test_a_scenario_that_names_itself_is_its_own_baseline_and_its_variants_are_not(
    tmp_path: Path,
) -> None:
    """Overrides are held against the file as it is written; seed and accounts are the run's."""
    written = load(_named(tmp_path)["file"])
    assert build(written).market.reference.is_baseline[0] == 1
    same = with_overrides(written, {"seed": 5, "book.accounts": 30})
    assert baseline_of(same) == same and build(same).market.reference.is_baseline[0] == 1
    other = with_overrides(written, {"liquidators": []})
    assert baseline_of(other) == written
    world = ran(build(other))
    base = ran(build(written))
    assert world.market.reference.is_baseline[0] == 0
    assert (world.market.reference.baseline_impact == base.market.reference.impact).all()
    assert (world.market.price == base.market.price * WAD // base.market.reference.impact).all()


def test_without_rebound_the_outside_path_stays_where_it_was_at_the_low() -> None:
    """Price = recorded low x I / I_0 at the low, from there on; before it the recorded one."""
    base, held = ran(build(recorded())), ran(build(recorded(hold_at_low=True)))
    w = held.market
    for i, symbol in ((WETH, "WETH"), (WBTC, "WBTC")):
        low = held_from(held.scenario, symbol)
        assert 0 < low < held.scenario.steps
        assert (w.reference.baseline_impact[low:, i] == base.market.reference.impact[low, i]).all()
        expected = [
            base.market.price[low, i] * x // base.market.reference.impact[low, i]
            for x in w.reference.impact[low:, i]
        ]
        assert w.price[low:, i].tolist() == expected
    first = min(held_from(held.scenario, symbol) for symbol in ("WETH", "WBTC"))
    assert (w.price[: first + 1] == base.market.price[: first + 1]).all()
    assert w.price[-1, WETH] < base.market.price[-1, WETH]


def test_a_baseline_runs_on_its_own_prices_only() -> None:
    world = build(recorded())
    table = world.market.price
    with pytest.raises(ValueError, match="its own prices only"):
        on_path(world, table, table)
    other = on_path(settled(world), table, world.market.feeds.observed)
    assert (ran(other).market.price == table).all(), "on the recorded ones they are as recorded"


def test_another_path_is_off_by_its_own_sales_over_those_of_the_baseline() -> None:
    """A path a tenth higher, on which fewer sell: above recorded x 1.1."""
    world = settled(build(recorded()))
    table = world.market.price.copy()
    table[1:, :2] = table[1:, :2] * 11 // 10
    higher = ran(on_path(world, table, table))
    w, base = higher.market, ran(build(recorded())).market
    assert (w.reference.impact[-1, :2] > base.reference.impact[-1, :2]).all()
    assert (w.price == table * w.reference.impact // base.reference.impact).all()


@pytest.mark.parametrize(
    ("given", "path", "problem", "remedy"),
    [
        (
            {"assets": {"WETHX": DEPTHS["WETH"]}},
            "reference_market.assets.WETHX",
            "not an asset",
            "did you mean WETH",
        ),
        (
            {"assets": {"WETH": {"depth_usd_per_percent": 0.5}}},
            "reference_market.assets.WETH.depth_usd_per_percent",
            "greater than or equal to 1",
            "1 to 1e+12",
        ),
        (
            {"assets": {"WETH": {"depth_usd_per_percent": 5e3, "half_life_hours": 0.0}}},
            "reference_market.assets.WETH.half_life_hours",
            "greater than 0",
            "absent: it stays",
        ),
        ({"assets": {}}, "reference_market.assets", "at least 1 item", "per asset"),
        (
            {"assets": DEPTHS, "baseline": "storm"},
            "reference_market.baseline",
            "prices that contain none",
            "prices_contain_impact: true",
        ),
    ],
)
def test_what_cannot_be_is_refused(given: Any, path: str, problem: str, remedy: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        storm(reference_market=given)
    (found,) = refused.value.problems
    assert found.path == path and problem in found.problem and remedy in found.remedy


def test_a_baseline_that_is_not_there_is_refused_before_anything_runs() -> None:
    lost = recorded(reference_market={**RECORDED, "baseline": "black-friday"})
    with pytest.raises(ScenarioError, match="did you mean black-thursday"):
        build(lost)


def test_the_field_of_earlier_versions_says_what_to_write_instead() -> None:
    with pytest.raises(ScenarioError) as refused:
        with_overrides(
            storm(),
            {
                "venues": [
                    {
                        "assets": ["WETH", "USDC"],
                        "depth_usd_per_side": 1e6,
                        "fee_bps": 30,
                        "permanent_share_bps": 1_000,
                    }
                ]
            },
        )
    (found,) = refused.value.problems
    assert found.path == "venues[0].permanent_share_bps"
    assert "earlier version" in found.problem and "reference_market.assets" in found.remedy
