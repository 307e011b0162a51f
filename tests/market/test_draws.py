"""The randomness of paths against closed forms: streams, Sobol points, bridge, dependence.

Statistics are compared within 4 standard errors, which each test states; seeds are fixed.
"""

import json
import math
from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, special, stats

from sim.market.draws import (
    REPLICATES,
    SOBOL_DIMENSIONS,
    Floats,
    brownian_bridge,
    correlate,
    lower_tail,
    normals,
    sobol_points,
    streams,
    student_t_dependence,
)
from sim.market.generators import generators

CLOSED_FORMS = Path(__file__).parents[1] / "protocol" / "closed_form.json"
COPULA = {
    key: float(value)
    for vector in json.loads(CLOSED_FORMS.read_text())
    if vector["id"] == "copula"
    for key, value in vector["outputs"].items()
}


def pairs(correlation: float, degrees: float | None, n: int) -> Floats:
    """(n, 2) dependent standard normal numbers; `degrees` of None is the normal copula."""
    source = np.random.default_rng(7)
    matrix = np.array([[1, correlation], [correlation, 1]])
    steps = correlate(source.standard_normal((n, 1, 2)), matrix)
    if degrees is not None:
        steps = student_t_dependence(steps, source.chisquare(degrees, (n, 1)), degrees)
    return steps[:, 0]


# --- streams and Sobol points -----------------------------------------------------------------


def test_streams_depend_on_seed_and_path_only() -> None:
    numbers = [source.random() for source in streams(5, 0, 6)]
    assert [source.random() for source in streams(5, 2, 3)] == numbers[2:5]
    assert len({*numbers, *(source.random() for source in streams(6, 0, 6))}) == 12
    third = np.random.default_rng(np.random.SeedSequence(5, spawn_key=(1, 2)))
    assert third.random() == numbers[2]
    book = np.random.default_rng(np.random.SeedSequence(5).spawn(1)[0])
    assert book.random() not in numbers


@pytest.mark.parametrize("seed", [0, 12345, 2**40, 2**128 - 1, 2**128, 2**200 + 5])
@pytest.mark.parametrize("key", [(1,), (2, 7), (3, 2**31, 5)])
def test_streams_made_together_are_those_of_numpy(seed: int, key: tuple[int, ...]) -> None:
    last = [0, 1, 77, 2**32 - 1]
    for made, n in zip(generators(seed, key, last), last, strict=True):
        alone = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(*key, n)))
        assert made.bit_generator.state == alone.bit_generator.state
    assert generators(seed, key, []) == []
    with pytest.raises(ValueError, match="there are 2\\^32"):
        generators(seed, key, [2**32])


@pytest.mark.parametrize("dimensions", [1, 3])
def test_sobol_points_do_not_depend_on_how_many_are_drawn(dimensions: int) -> None:
    whole = sobol_points(3, 0, 100, dimensions)
    for first, count in ((0, 1), (1, 15), (16, 3), (19, 64), (83, 17), (50, 0)):
        block = sobol_points(3, first, count, dimensions)
        assert block.tobytes() == whole[first : first + count].tobytes()


def test_every_replicate_is_balanced_and_none_is_like_another() -> None:
    """64 points have exactly one in each 64th of every dimension."""
    points = sobol_points(1, 0, 64 * REPLICATES, 5)
    assert points.min() > 0 and points.max() < 1
    assert (points * 2**31 % 2 == 1).all(), "middles of cells: never 0, whose normal is infinite"
    cells = np.sort((points.reshape(64, REPLICATES, 5) * 64).astype(int), axis=0)
    assert (cells == np.arange(64)[:, None, None]).all()
    assert len({replicate.tobytes() for replicate in points.reshape(64, REPLICATES, 5)[0]}) == 16


# --- the Brownian bridge ----------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 64, 100])
def test_bridge_is_a_rotation(steps: int) -> None:
    """Independent standard normal numbers stay so exactly if the linear map is orthogonal."""
    rows = brownian_bridge(np.eye(steps)[:, :, None])[:, :, 0]
    assert rows @ rows.T == pytest.approx(np.eye(steps), abs=1e-13)


def test_first_nodes_carry_the_coarse_shape() -> None:
    """Node 0 is the end, node 1 the middle, and so on: 16 nodes leave under 4% of the variance."""
    walks = np.cumsum(brownian_bridge(np.eye(64)[:, :, None])[:, :, 0], axis=1)
    assert walks[:, -1] == pytest.approx([8, *[0] * 63], abs=1e-12)
    assert walks[2:, 31] == pytest.approx(0, abs=1e-12)
    assert (walks[16:] ** 2).sum() / (walks**2).sum() < 0.04


@pytest.mark.parametrize("steps", [10, 300])
def test_sobol_normals_are_standard_and_independent(steps: int) -> None:
    """Also with more steps than Sobol dimensions. se: mean n^-1/2, variance (2/n)^1/2."""
    n, assets = 2048, 2
    assert (steps * assets > SOBOL_DIMENSIONS) == (steps == 300)
    drawn = normals("sobol", 1, 0, streams(1, 0, n), (steps, assets))
    some = drawn[:, :: max(steps // 10, 1)].reshape(n, -1)
    assert np.abs(some.mean(axis=0)).max() < 4 / math.sqrt(n)
    covariance = np.cov(some.T)
    assert np.abs(covariance - np.eye(len(covariance))).max() < 4 * math.sqrt(2 / n)


# --- dependence -------------------------------------------------------------------------------


@pytest.mark.parametrize("degrees", [None, 2.5, 4.0])
def test_marginals_are_standard_normal(degrees: float | None) -> None:
    for column in pairs(0.6, degrees, 20_000).T:
        assert stats.kstest(column, "norm").pvalue > 1e-3


@pytest.mark.parametrize("degrees", [2, 4, 6, 10, 16])
def test_tail_of_a_t_distribution_to_the_last_digits(degrees: int) -> None:
    """Against the series in sin and cos (Abramowitz and Stegun, 26.7.4) with 160 digits."""
    y = np.concatenate([[0.0], np.geomspace(1e-9, 1e6, 99)])
    found = lower_tail(y, float(degrees))
    with localcontext() as context:
        context.prec = 160
        for one, tail in zip(y, found, strict=True):
            t = Decimal(float(one))
            cos2 = degrees / (degrees + t * t)
            term = total = Decimal(1)
            for k in range(1, degrees // 2):
                term *= cos2 * (2 * k - 1) / (2 * k)
                total += term
            exact = (1 - t / (degrees + t * t).sqrt() * total) / 2
            assert abs(Decimal(float(tail)) / exact - 1) < Decimal("4e-15")
    assert 0 <= lower_tail(np.array([1e300]), float(degrees))[0] < np.finfo(float).tiny


@pytest.mark.parametrize("degrees", [2.5, 3.0, 18.0])
def test_other_tails_of_t_distributions_are_those_of_scipy(degrees: float) -> None:
    y = np.geomspace(1e-3, 1e3, 50)
    assert lower_tail(y, degrees).tobytes() == special.stdtr(degrees, -y).tobytes()


@pytest.mark.parametrize("degrees", [None, 4.0])
@pytest.mark.parametrize("correlation", [0.5, 0.8])
def test_kendall_tau(correlation: float, degrees: float | None) -> None:
    """2/pi asin rho for both copulas; its standard error is at most sqrt(2 (1 - tau^2) / n)."""
    tau = COPULA[f"tau_rho_0_{int(10 * correlation)}"]
    assert tau == pytest.approx(2 / math.pi * math.asin(correlation), rel=1e-12)
    n = 20_000
    estimate = stats.kendalltau(*pairs(correlation, degrees, n).T).statistic
    assert abs(estimate - tau) < 4 * math.sqrt(2 * (1 - tau**2) / n)


def joint_tail(q: float, correlation: float, degrees: float) -> float:
    """P(both below their q-quantile) / q of a t copula, by integration over the first variable."""
    edge = stats.t.ppf(q, degrees)

    def both(x: float) -> float:
        scale = math.sqrt((degrees + 1) / ((degrees + x * x) * (1 - correlation**2)))
        below = stats.t.cdf((edge - correlation * x) * scale, degrees + 1)
        return float(stats.t.pdf(x, degrees) * below)

    return float(integrate.quad(both, -np.inf, edge)[0]) / q


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize(("correlation", "degrees"), [(0.0, 4), (0.5, 4), (0.8, 4), (0.8, 10)])
def test_both_tails_depend_as_those_of_a_t_copula(
    correlation: float, degrees: int, upper: bool
) -> None:
    """At q = .01 exactly, and that goes to lambda as q goes to 0; se sqrt(p (1 - p) / (n q))."""
    limit = COPULA[f"lambda_rho_{correlation:g}_nu_{degrees}"]
    ratios = [joint_tail(q, correlation, degrees) for q in (0.01, 1e-4, 1e-6)]
    assert ratios[0] > ratios[1] > ratios[2] > limit
    assert ratios[2] == pytest.approx(limit, abs=0.03 if degrees == 10 else 0.003)
    n, q = 400_000, 0.01
    low = (-1 if upper else 1) * pairs(correlation, degrees, n) < stats.norm.ppf(q)
    estimate = low.all(axis=1).mean() / q
    error = math.sqrt(ratios[0] * (1 - ratios[0]) / (n * q))
    assert abs(estimate - ratios[0]) < 4 * error
    normal = (pairs(correlation, None, n) < stats.norm.ppf(q)).all(axis=1).mean() / q
    assert normal < ratios[0] - 4 * error, "the test can tell the two copulas apart"


def test_t_dependence_keeps_its_digits_in_both_tails() -> None:
    """Against logarithms of the two tails, far beyond where 1 - p has none left; never infinite."""
    normal = np.array([1e-300, 1e-9, 0.3, 5.0, 8.0, 30.0])
    chi_square = np.array([4.0, 4.0, 1.0, 0.1, 1e-8, 0.0])
    z = student_t_dependence(normal[:, None], chi_square, 4.0)[:, 0]
    assert np.isfinite(z).all()
    mirrored = student_t_dependence(-normal[:, None], chi_square, 4.0)[:, 0]
    assert (mirrored == -z).all()
    y = normal[:-1] * np.sqrt(4.0 / chi_square[:-1])
    assert stats.norm.logsf(z[:-1]) == pytest.approx(stats.t.logsf(y, 4.0), rel=1e-12)
    assert z[-2] > 9, "far in the tail"
