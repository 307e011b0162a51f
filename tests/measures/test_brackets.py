"""What brackets and limits of concentration come to, by account and by owner."""

from __future__ import annotations

from pathlib import Path

import pytest

import sim
from sim.measures.brackets import largest_share, powers
from sim.terminal.opening_book import limits_of_size
from sim.world import build

WETH = "protocol.reserves.WETH"
CALM = {"duration_hours": 1, "assets.WETH.price_usd": 3_000}
BOOK = """account,asset,supplied,debt,owner
a,WETH,10000,,whale
a,USDC,,1000000,whale
b,WETH,10000,,whale
b,USDC,,1000000,whale
c,WETH,5000,,other
c,USDC,,500000,other
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> sim.Run:
    """25,000 WETH in three accounts of two owners, at the 3,000 USD of the start."""
    file: Path = tmp_path_factory.mktemp("books") / "book.csv"
    file.write_text(BOOK)
    scenario = sim.load("single-crash").with_(
        {
            "book": {"file": str(file)},
            **CALM,
            "suppliers.USDC": 1e9,
            f"{WETH}.ltv_bps": 7_500,
            f"{WETH}.lt_bps": 8_000,
            f"{WETH}.tiers": [{"above_usd": 20e6, "lt_bps": 4_000}],
            f"{WETH}.concentration_bps": 5_000,
        }
    )
    return sim.run(scenario)


def test_power_by_account_and_by_owner(run: sim.Run) -> None:
    """Of $30, 30 and 15 M, those beyond 20 count half: 25 + 25 + 15, together 20 + 20 + 15; in
    halves 30 + 30 + 15. 75% of each can be borrowed.
    """
    found = powers(run.raw.tape)
    exact = [0.75 * x for x in (75e6, 25e6 + 25e6 + 15e6, 40e6 + 15e6, 75e6)]
    assert found == pytest.approx(exact, rel=1e-6)
    figures = run.figures["value"]
    assert figures["power_usd"] == pytest.approx(0.75 * 65e6, rel=1e-6)
    assert figures["power_kept_back_usd"] == pytest.approx(0.75 * 10e6, rel=1e-6)
    assert figures["regained_by_splitting_usd"] == pytest.approx(0.75 * 10e6, rel=1e-6)
    assert figures["gained_by_owners_usd"] == pytest.approx(0.75 * 10e6, rel=1e-6)


def test_a_crash_and_a_sweep_say_so_of_the_book_that_they_begin_with(run: sim.Run) -> None:
    """The same figures, of the world before it is opened; nothing where size has no limit."""
    tiers, share = limits_of_size(build(run.scenario))
    kept = "Tiers keep back $7.5M of $56.2M that could be borrowed"
    assert tiers == f"{kept}: $7.5M more if all accounts of an owner were one, $7.5M less if " + (
        "everyone had two."
    )
    assert share == (
        "Of the WETH that is pledged the largest account has 40.0% and the largest owner 80.0%; no "
        "account may grow beyond 50.0%."
    )
    free = run.scenario.with_({f"{WETH}.tiers": [], f"{WETH}.concentration_bps": 0})
    assert list(limits_of_size(build(free))) == []


def test_the_largest_share_of_an_account_and_of_an_owner(run: sim.Run) -> None:
    """Four tenths of all WETH in one account, eight in two of one owner, where half is the most."""
    share = largest_share(run.raw.tape)
    assert share is not None and share.asset == "WETH"
    assert (share.by_account, share.by_owner) == pytest.approx((0.4, 0.8))
    figures = run.figures["value"]
    assert figures["largest_account_share"] == pytest.approx(0.4)
    assert figures["largest_owner_share"] == pytest.approx(0.8)


def test_without_either_there_is_no_word_of_them() -> None:
    """Nor a row."""
    figures = sim.run(sim.load("single-crash").with_(CALM), accounts=12).figures
    for name in ("power_kept_back_usd", "regained_by_splitting_usd", "largest_owner_share"):
        assert name not in figures.index
