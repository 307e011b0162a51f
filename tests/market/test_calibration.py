"""Depth from depth figures and quotes: against the pool itself, a known curve and real quotes."""

from __future__ import annotations

from math import sqrt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sim.market.calibration import depth_usd, fit, from_price_move, impact
from sim.protocol import pair
from sim.protocol.errors import OK
from sim.protocol.state import FEE_BPS, RESERVE0, RESERVE1, WALLET, empty
from sim.schema.market import Venue

UNIT = 10**18
QUOTES = Path(__file__).parents[3] / "shared/data/price_impact_1inch_2023_11.csv"


@pytest.mark.parametrize("move", [0.0001, 0.02, 0.3, 0.99])
@pytest.mark.parametrize("fee_bps", [0, 30, 1_000])
def test_selling_the_stated_amount_moves_the_pool_by_the_stated_share(
    move: float, fee_bps: int
) -> None:
    """The contract's own arithmetic on a pool of that depth."""
    depth = from_price_move(1e6, move, fee_bps / 10_000)
    s = empty([UNIT, UNIT], 1, [], [], 2, [(0, 1)], 1_000, 0)
    s.pair[0, [RESERVE0, RESERVE1, FEE_BPS]] = [int(depth * UNIT), int(depth * UNIT), fee_bps]
    s.holding[1, 0, WALLET] = 10**6 * UNIT
    assert pair.swap_exact_in(s, 1, 0, 0, 10**6 * UNIT, 0) == OK
    assert s.pair[0, RESERVE1] / s.pair[0, RESERVE0] == pytest.approx(1 - move, rel=1e-9)


def test_without_a_fee_the_depth_is_the_marginal_price_solved() -> None:
    """1 - (R / (R + X))^2 = Y: a million that moves the price by 19% is a ninth of R."""
    assert from_price_move(1e6, 0.19) == pytest.approx(9e6, rel=1e-12)
    assert from_price_move(1e6, 0.02) == pytest.approx(1e6 * sqrt(0.98) / (1 - sqrt(0.98)))


def test_quotes_of_a_pool_give_the_pool_back_without_error() -> None:
    """Exact quotes of R = 37 million."""
    sizes = np.geomspace(1e4, 1e8, 9)
    fitted = fit(np.stack([sizes, impact(sizes, 37e6)], axis=1))
    assert fitted.depth_usd == pytest.approx(37e6, rel=1e-9)
    assert fitted.error == pytest.approx(0, abs=1e-9) == fitted.largest_error


def test_one_quote_is_met_exactly() -> None:
    fitted = fit([(4e6, 0.0024)])
    assert fitted.depth_usd == pytest.approx(4e6 * 0.9976 / 0.0024, rel=1e-9)


def test_the_fit_is_where_its_error_is_least_and_the_error_is_stated() -> None:
    """Against a search over a grid of depths, for a curve that is no pool's: impact ~ sqrt(size).

    Soft L1 with a usual error e: sum of 2 e^2 (sqrt(1 + (r / e)^2) - 1), r the log errors.
    """
    sizes, impacts = np.array([1.0, 4.0, 9.0]), np.array([0.01, 0.02, 0.03])
    fitted = fit(np.stack([sizes, impacts], axis=1))
    grid = np.linspace(90, 310, 220_001)
    logs = np.log(sizes / (grid[:, np.newaxis] + sizes) / impacts)
    cost = (np.sqrt(1 + (logs / 0.1) ** 2) - 1).sum(axis=1)
    best = cost.argmin()
    assert fitted.depth_usd == pytest.approx(grid[best], abs=2e-3)
    assert fitted.error == pytest.approx(sqrt(np.mean(logs[best] ** 2)), rel=1e-4)
    assert 0 < fitted.error < fitted.largest_error == pytest.approx(abs(logs[best]).max(), rel=1e-4)


def test_one_quote_that_is_wrong_by_a_multiple_does_not_move_the_depth() -> None:
    """Nine quotes of a pool of 37 million and one of a tenth of the impact: by 2% at most, where a
    mean of logarithms would be off by 10^(1/10), a quarter. The error says that one is wrong.
    """
    sizes = np.geomspace(1e4, 1e7, 10)
    shares = impact(sizes, 37e6)
    shares[4] /= 10
    fitted = fit(np.stack([sizes, shares], axis=1))
    assert fitted.depth_usd == pytest.approx(37e6, rel=0.02)
    assert fitted.largest_error == pytest.approx(np.log(10), rel=0.02)


def test_a_venue_has_one_depth_however_it_is_stated() -> None:
    """A pool of 9 million without fee, three times."""
    common = {"assets": ["WETH", "USDC"], "fee_bps": 0}
    for stated in (
        {"depth_usd_per_side": 9e6},
        {"depth": {"sale_usd": 1e6, "price_move_bps": 1_900}},
        {"quotes": [[1e6, 1_000.0], [9e6, 5_000.0]]},
    ):
        assert depth_usd(Venue.model_validate({**common, **stated})) == pytest.approx(9e6)


@pytest.mark.skipif(not QUOTES.exists(), reason="needs ../shared/data: quotes of November 2023")
@pytest.mark.parametrize(
    ("symbol", "published"), [("WETH", 2.19e9), ("wstETH", 1.99e9), ("WBTC", 0.685e9)]
)
def test_quotes_of_november_2023_fit_the_published_depths(symbol: str, published: float) -> None:
    """1inch quotes into USDC above $2M; the published depth is the median of q (1 - i) / i.

    The median of the same quotes must be it (2%: which quotes were taken is not published), and so
    must the fit, within 5%. It says that they are no pool's: their impact grows with size^0.91, so
    over the factor of 60 in size the best pool is off by 60^(0.09 / 2), a fifth, at the ends.
    """
    rows = pd.read_csv(QUOTES)
    rows = rows[(rows["src_sym"] == symbol) & (rows["dst_sym"] == "USDC")]
    shares = rows["impact"].to_numpy()
    sizes = rows["amount_out"].to_numpy() / (1 - shares)
    large = sizes > 2e6
    sizes, shares = sizes[large], shares[large]
    assert np.median(sizes * (1 - shares) / shares) == pytest.approx(published, rel=0.02)
    fitted = fit(np.stack([sizes, shares], axis=1))
    assert fitted.depth_usd == pytest.approx(published, rel=0.05)
    assert fitted.error > 0.05 and fitted.largest_error > 60**0.045 - 1
