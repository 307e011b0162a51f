"""Cascade measures: closed forms, published simulations, tapes by hand, and the twin itself."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sim.books import Book
from sim.health.census import census
from sim.measures.borrowers import book
from sim.measures.cascade import (
    amplification,
    branching_ratio,
    cash_and_usage,
    hours_to_exhaustion,
    linear_cascade,
    liquidatable,
    liquidated,
    rounds,
    spirals,
    toxic_frontier,
    unpaid,
)
from sim.measures.cascade import toxic as most_toxic
from sim.protocol import operations as op
from sim.protocol import vault_accounts
from sim.protocol.errors import OK
from sim.protocol.soundness import RECOVERY_GAP, THIN_AUCTION
from sim.protocol.state import ANSWER, POSITION_DEBT, RESERVE0, RESERVE1, State
from sim.tape import Frames, frames
from sim.tape.toxic import toxic
from sim.world import World
from tests.simulation.spiral import scenario, world_with
from tests.tape.storm import play, storm

VECTORS = {
    vector["id"]: vector
    for vector in json.loads(
        (Path(__file__).parents[1] / "protocol" / "closed_form.json").read_text()
    )
}

# --- closed forms ---------------------------------------------------------------------------------


def published_book() -> tuple[Any, Any]:
    """200,000 positions, collateral 10 x Exp(1), liquidation prices uniform in .3 to .98."""
    rng = np.random.default_rng(16)
    return rng.uniform(0.3, 0.98, 200_000), 10 * rng.exponential(size=200_000)


@pytest.mark.parametrize(("kappa", "ratio"), [(2e-8, 0.0588), (1.02e-7, 0.3), (2e-7, 0.588)])
def test_rounds_of_a_large_book_amplify_by_the_closed_form(kappa: float, ratio: float) -> None:
    """Start price .9, linear impact kappa: R = kappa 2e6 / .68, and A = 1 / (1 - R) within 5%."""
    prices, amounts = published_book()
    assert branching_ratio(prices, amounts, kappa, 0.9, 0.4) == pytest.approx(ratio, rel=0.01)
    cascade = linear_cascade(prices, amounts, kappa, 0.9, 0.02)
    assert cascade.amplification == pytest.approx(amplification(ratio), rel=0.05)
    total = cascade.first_round + cascade.induced
    assert total / cascade.first_round == pytest.approx(amplification(ratio), rel=0.05)
    assert (np.diff(cascade.prices) <= 0).all()


def test_above_one_a_large_book_goes_to_its_edge() -> None:
    """kappa 4e-7: R = 1.175; everyone down to .3 is liquidated by a fall of a hundredth.

    The published simulation is amplified 71 times; here the whole book's sale alone is
    kappa 2e6 (.9 - .3) / .68 = .706 of .01.
    """
    prices, amounts = published_book()
    cascade = linear_cascade(prices, amounts, 4e-7, 0.9, 0.01)
    assert cascade.first_round + cascade.induced == (prices <= 0.9).sum()
    assert cascade.amplification == pytest.approx(71, rel=0.05)
    assert amplification(1.175) == np.inf


def test_rounds_by_hand() -> None:
    """Liquidation prices 99, 97, 90 of one token each, 2 dollars per token, from 100 down to 98.

    99 is hit: 96. So 97 is: 94. Nothing else: four dollars more than two. 105 takes no part.
    """
    cascade = linear_cascade([99, 90, 105, 97], [1, 1, 1, 1], 2, 100, 2)
    assert cascade.prices.tolist() == [98, 96, 94]
    assert (cascade.first_round, cascade.induced, cascade.amplification) == (1, 1, 3)
    assert liquidated([99, 90, 105, 97], [1, 2, 4, 8], 97) == 5  # at its price one is healthy


@pytest.mark.parametrize("bonus", ["0.01", "0.05", "0.08", "0.15"])
def test_toxic_frontier_of_the_vectors(bonus: str) -> None:
    expected = VECTORS[f"toxic_frontier_b{bonus}"]["outputs"]["LTV_star"]
    assert toxic_frontier(float(bonus)) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("share", ["0", "0.05", "0.5"])
def test_toxic_frontier_with_impact_of_the_vectors(share: str) -> None:
    expected = VECTORS[f"slippage_toxic_frontier_c/R={share}"]["outputs"]["LTV_star"]
    assert toxic_frontier(0.05, float(share)) == pytest.approx(float(expected), rel=1e-12)


# --- the toxic frontier on the twin ---------------------------------------------------------------

DEPTH = 10e6


def _one_account(health: float) -> World:
    """One account with $500,000 of WETH, a twentieth of the pool, at this health factor."""
    book = Book(
        np.array([[250 * 10**18, 0]], dtype=object),
        np.array([[0, 399_000 * 10**6]], dtype=object),
        np.zeros(1, dtype=bool),
    )
    world = world_with(book, scenario(**{"venues[0].depth_usd_per_side": DEPTH}))
    price = round(health * 399_000 / (250 * 0.8) * 10**8)
    s = world.state
    s.journal_length[0] = 0
    op.post_price(s, 0, 0, 0, price)
    # As arbitrageurs would: the pool at the price, and as deep as it was in WETH.
    s.pair[0, RESERVE0] = 5_000 * 10**18
    s.pair[0, RESERVE1] = 5_000 * price * 10**6 // 10**8
    return world


def _health(s: State) -> int:
    return int(vault_accounts.health(s, 0).factor)


@pytest.mark.parametrize("offset", [-0.002, 0.002])
@pytest.mark.parametrize("with_sale", [False, True])
def test_a_liquidation_lowers_health_exactly_past_the_frontier(
    offset: float, with_sale: bool
) -> None:
    """LT .8 and b 10%: frontier .88, or .88 (1 + 2/20) = .968 where the vault sees the pool's price
    after the sale. A little is liquidated through the pool on either side of it, at the largest
    bonus: it has grown to it while it was seen thin.
    """
    frontier = 0.968 if with_sale else 0.88
    world = _one_account(frontier + offset)
    s = world.state
    assert frontier == pytest.approx(0.8 / toxic_frontier(0.1, 0.05 * with_sale))
    liquidator = int(world.market.liquidators.actor[0])
    assert op.flag(s, liquidator, 0) == OK
    for _ in range(THIN_AUCTION // RECOVERY_GAP):
        s.clock[0] += RECOVERY_GAP
        for i in range(2):
            op.post_price(s, 0, i, 0, int(s.feed[0, i, ANSWER]))
        op.flag(s, liquidator, 0)
    before, health = _health(s), frontier + offset
    assert toxic(s, census(s), [0]) == (int(health < 0.88), int(health < 0.968))
    # Too little for the impact of what is sold on what it fetches to matter.
    code = op.flash_liquidate(s, liquidator, 0, 1, 0, 50 * 10**6, 0)
    assert code == OK
    if with_sale:
        price = int(s.pair[0, RESERVE1]) * 10**20 // int(s.pair[0, RESERVE0])
        op.post_price(s, 0, 0, 0, price)
    assert (_health(s) < before) == (offset < 0)
    assert _health(s) != before


# --- a tape by hand -------------------------------------------------------------------------------

TIMES = pd.to_datetime([f"2020-01-01 {hour:02}:00" for hour in range(4)])
DECIMALS = {"GOLD": 2, "CASH": 2}
RESERVES = {
    "GOLD": {"lt_bps": 8_000, "collateral_enabled": True},
    "CASH": {"lt_bps": 9_000, "collateral_enabled": True},
}


def _tape(
    gold: list[float],
    impact: list[float],
    operations: list[dict[str, Any]],
    more: int = 0,
    reserves: dict[str, Any] = RESERVES,
) -> Frames:
    """Two accounts of 10 GOLD: one owes 700 CASH (falls due below 87.50), one 600 (below 75). Each
    has `more` CASH supplied besides.
    """
    assets = [
        {
            "step": k,
            "asset": name,
            "decimals": 2,
            "reference_price_usd": price,
            "oracle_price_usd": price,
            "impact": left,
            "borrow_rate_per_year": 0.0,
            "cash": 5_000 - 1_000 * k,
            "usage": 0.1 * k,
        }
        for k in range(4)
        for name, price, left in (("GOLD", gold[k], impact[k]), ("CASH", 1.0, 1.0))
    ]
    held = [(0, "GOLD", 1_000, 0), (0, "CASH", 100 * more, 70_000)]
    held += [(1, "GOLD", 1_000, 0), (1, "CASH", 100 * more, 60_000)]
    accounts = [(*row, reserves[row[1]]["collateral_enabled"]) for row in held]
    of_accounts = ["account", "asset", "supplied_start", "debt_start", "is_collateral_start"]
    columns = ["step", "kind", "verdict", "account", "asset", "result0"]
    return Frames(
        run=pd.DataFrame(
            {"scenario_json": [json.dumps({"protocol": {"reserves": reserves}, "venues": []})]}
        ),
        steps=pd.DataFrame(
            {
                "step": range(4),
                "time_utc": TIMES,
                "toxic": [0, 2, 1, 0],
                "toxic_with_sale": [1, 2, 3, 0],
                "unpaid": [0, 5, 2, 1],
                "unpaid_usd": [0.0, 100.0, 300.0, 50.0],
            }
        ),
        assets=pd.DataFrame(assets),
        venues=pd.DataFrame(),
        agents=pd.DataFrame(),
        parties=pd.DataFrame(),
        operations=pd.DataFrame(operations, columns=columns),
        accounts=pd.DataFrame(accounts, columns=of_accounts),
        vaults=pd.DataFrame(),
        bridges=pd.DataFrame(),
        compared=pd.DataFrame(),
    )


def _row(step: int, account: int | None, kind: str = "flash_liquidate", **other: Any) -> Any:
    row = {"step": step, "kind": kind, "verdict": "ok", "account": account, "asset": "CASH"}
    return row | {"result0": "10000"} | other


def test_a_fall_and_what_of_it_trades_caused() -> None:
    """GOLD goes 80, 100, 80, 85 and would have gone 80, 100, 90, 95: from the highest to the lowest
    after it 20% instead of 10%, R = 1 - ln .9 / ln .8.
    """
    first, second = spirals(_tape([80, 100, 80, 85], [1, 1, 80 / 90, 85 / 95], []))
    assert (first.asset, second.asset) == ("GOLD", "CASH")
    assert (first.start_utc, first.end_utc) == (TIMES[1], TIMES[2])
    assert (first.fall, first.fall_alone) == pytest.approx((0.2, 0.1))
    assert first.branching_ratio == pytest.approx(1 - np.log(0.9) / np.log(0.8))
    assert first.amplification == pytest.approx(np.log(0.8) / np.log(0.9))
    assert (second.branching_ratio, second.amplification) == (0, 1)


def test_a_fall_that_only_trades_caused_is_amplified_without_bound() -> None:
    first, _ = spirals(_tape([100, 90, 80, 80], [1, 0.9, 0.8, 0.8], []))
    assert (first.branching_ratio, first.amplification) == (1, np.inf)


def test_first_round_and_induced_by_hand() -> None:
    """The price alone goes to 80: account 0 (87.50) is first-round, account 1 (75) is induced by
    the last tenth. What is refused or no liquidation does not count.
    """
    operations = [
        _row(1, 0),
        _row(2, 1, verdict="ProfitTooLow"),
        _row(2, 0, kind="liquidate"),
        _row(2, None, kind="accrue"),
        _row(3, 1, result0="5000"),
    ]
    tape = _tape([100, 80, 80, 72], [1, 1, 1, 0.9], operations)
    assert rounds(tape) == (2, 1, 200.0, 50.0)
    assert hours_to_exhaustion(tape) == 2
    assert most_toxic(tape) == (2, 3)
    assert unpaid(tape) == (1, 50.0, 2, 300.0)
    # Had everything come from outside, both were first-round.
    assert rounds(_tape([100, 80, 80, 72], [1, 1, 1, 1], operations))[:2] == (3, 0)
    # And had account 0 gone before the price alone reached its own: it would have gone anyway.
    early = _tape([100, 80, 80, 72], [1, 0.9, 1, 0.9], operations)
    assert rounds(early)[:2] == (2, 1)
    never = _tape([100, 80, 80, 72], [1, 0.9, 0.9, 0.8], operations)
    assert rounds(never)[:2] == (0, 3)


def test_who_was_liquidatable_before_is_first_round_however_late_he_is_liquidated() -> None:
    """The price alone dips to 85 and is back; account 0 (87.50) goes later, at 80 by sales."""
    tape = _tape([100, 85, 100, 80], [1, 1, 1, 0.8], [_row(3, 0)])
    assert rounds(tape)[:2] == (1, 0)
    undisturbed = _tape([100, 95, 100, 80], [1, 1, 1, 0.8], [_row(3, 0)])
    assert rounds(undisturbed)[:2] == (0, 1)


def test_nothing_liquidated_is_no_cascade() -> None:
    tape = _tape([100, 99, 98, 97], [1, 1, 1, 1], [])
    assert rounds(tape) == (0, 0, 0, 0)
    assert hours_to_exhaustion(tape) is None


def test_liquidatable_value_is_a_step_function_of_the_fall() -> None:
    """Steps at 12.5% and 25% of 100: 700 and 600 owed; collateral at the price after the fall."""
    tape = _tape([100, 100, 100, 100], [1, 1, 1, 1], [])
    found = liquidatable(tape, ["GOLD"], [0, 0.12, 0.13, 0.24, 0.26])
    assert found["accounts"].tolist() == [0, 0, 1, 1, 2]
    assert found["debt_usd"].tolist() == [0, 0, 700, 700, 1_300]
    assert found["collateral_usd"].tolist() == pytest.approx([0, 0, 870, 760, 1_480])
    # A debt that falls makes nobody unhealthy, and one that falls as much as the collateral either.
    assert liquidatable(tape, ["GOLD", "CASH"], 0.5)["accounts"].tolist() == [0]


def test_deposits_that_may_not_back_a_debt_do_not() -> None:
    """100 CASH put off the two from 87.50 and 75 to (700 - 90) / 8 = 76.25 and 63.75, and do not
    where CASH is no collateral: neither by the book nor in what a fall makes liquidatable, and who
    goes at 70 by sales was due at 85 by the fall alone.
    """
    path, impact, gone = [100.0, 85, 100, 70], [1.0, 1, 1, 0.8], [_row(3, 0)]
    backed = _tape(path, impact, gone, more=100)
    off = RESERVES | {"CASH": {"lt_bps": 9_000, "collateral_enabled": False}}
    alone = _tape(path, impact, gone, more=100, reserves=off)
    for tape, due, cause in ((backed, (0.2375, 0.3625), (0, 1)), (alone, (0.125, 0.25), (1, 0))):
        at = [drop + side for drop in due for side in (-1e-6, 1e-6)]
        assert liquidatable(tape, ["GOLD"], at)["accounts"].tolist() == [0, 1, 1, 2]
        opened = book(tape)
        below = [(opened.health(opened.prices * (1 - drop, 1)) < 1).sum() for drop in at]
        assert below == [0, 1, 1, 2]
        assert rounds(tape)[:2] == cause


def test_cash_and_usage() -> None:
    tape = _tape([100, 99, 98, 97], [1, 1, 1, 1], [])
    found = cash_and_usage(tape)
    assert found.index.tolist() == TIMES.tolist()
    assert found["cash"]["GOLD"].tolist() == [50, 40, 30, 20]
    assert found["usage"]["CASH"].tolist() == pytest.approx([0, 0.1, 0.2, 0.3])


# --- real runs ------------------------------------------------------------------------------------


def test_rounds_of_a_run_are_all_its_liquidations() -> None:
    """Counts and values against the tally that liquidators keep themselves."""
    start = storm().start
    mild = [(0, 2_000.0), (2, 1_100.0)]  # the whole storm makes everybody due by itself
    mildly = {
        "assets.WETH.price_usd": [
            {"at": start + timedelta(hours=h), "value": usd} for h, usd in mild
        ],
        "assets.WBTC.price_usd": 30_000.0,
        "reference_market": {"assets": {"WETH": {"depth_usd_per_percent": 2_000.0}}},
    }
    _, tape = play(storm(**mildly))
    found = frames(tape.tables(complete=True))
    seen, last = rounds(found), found.steps.iloc[-1]
    assert seen.first + seen.induced == last["liquidations"]
    assert seen.first_usd + seen.induced_usd == pytest.approx(last["repaid_usd"], rel=1e-9)
    assert seen.induced > 0
    assert (found.assets.loc[found.assets["asset"] == "WETH", "impact"] < 1).any()


def test_the_price_on_a_tape_is_the_one_without_trades_times_their_impact() -> None:
    """The scenario names the price without trades: 800 at the low, at a quarter past three."""
    world, tape = play(
        storm(reference_market={"assets": {"WETH": {"depth_usd_per_percent": 15_000.0}}})
    )
    found = frames(tape.tables(complete=True)).assets
    rows = found[found["asset"] == "WETH"]
    alone = rows["reference_price_usd"].to_numpy() / rows["impact"].to_numpy()
    low = timedelta(hours=3) // timedelta(seconds=world.scenario.step_seconds)
    assert alone[low] == pytest.approx(800, rel=1e-6)
    assert alone[-1] == pytest.approx(1_200, rel=1e-6)


def test_toxic_accounts_of_a_storm_by_hand() -> None:
    """In the fall, in floats, every account with one collateral and one debt: the storm's book
    without pairs of collaterals.
    """
    world, tape = play(storm(book__two_collateral_share=0.0), steps=19)
    s, reserves = world.state, world.scenario.protocol.reserves
    expected = [0, 0]
    for a in range(len(s.account)):
        c, d = s.position[a, :, 0].argmax(), s.position[a, :, POSITION_DEBT].argmax()
        if not s.position[a, d, POSITION_DEBT] or not s.position[a, c, 0]:
            continue
        reserve = reserves[world.symbols[c]]
        health = vault_accounts.health(s, a).factor / 10**18
        p = s.pair_of[c, d]
        pool = s.pair[p, RESERVE0 if s.pair_tokens[p, 0] == c else RESERVE1]
        share = vault_accounts.supplied_assets(s, a, c) / pool
        for n, part in enumerate((0.0, float(share))):
            frontier = reserve.lt_bps / 1e4 / toxic_frontier(reserve.max_bonus_bps / 1e4, part)
            expected[n] += health < min(frontier, 1)
    assert 0 < expected[0] < expected[1]
    assert [tape.latest["toxic"], tape.latest["toxic_with_sale"]] == expected
