"""The randomness of paths: independent standard normal numbers, and how they come to depend.

Path k is a function of the seed and of k alone: it does not matter how many paths are drawn, in
which blocks, or by whom. All arithmetic is therefore elementwise, or a running sum along one path:
a matrix product may round differently for another number of rows.
"""

import math
from collections import deque
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.random import Generator
from scipy.special import ndtri, stdtr
from scipy.stats import qmc

from sim.market.generators import generators

Sampler = Literal["mc", "sobol"]
Floats = npt.NDArray[np.float64]

REPLICATES = 16
"""Independent scramblings of the Sobol points; errors are estimated from their means."""
SOBOL_DIMENSIONS = 256
"""The most dimensions taken from Sobol points: sixteen engines of this size take 0.15 s to make."""
_SOBOL_BITS = 30
_MOST_TERMS = 8  # of the sum for a t distribution: beyond, scipy is as fast
_AT_ONCE = 8  # paths: few enough for the cache of a processor
_FARTHEST = 1e154  # beyond it every tail is less than the least normal number, and squares overflow
_PATH, _REPLICATE = 1, 2  # first word of the spawn key; 0 is the borrower book's


class Draw(NamedTuple):
    """Which random numbers: those of `paths` paths, from path `first` on every `every`-th."""

    sampler: Sampler
    seed: int
    first: int
    paths: int
    every: int = 1
    """Sobol points are drawn in a row: 1."""


def streams(seed: int, first: int, count: int, every: int = 1) -> list[Generator]:
    """The generators of `count` paths, from path `first` on every `every`-th: of path k that of
    SeedSequence(seed, spawn_key=(1, k)).
    """
    return generators(seed, (_PATH,), range(first, first + count * every, every))


def sobol_points(seed: int, first: int, count: int, dimensions: int) -> Floats:
    """Scrambled Sobol points of paths `first`..., inside (0, 1), (count, dimensions).

    Path k is point k // REPLICATES of replicate k % REPLICATES (randomised quasi-Monte Carlo:
    Owen, Monte Carlo theory, methods and examples, ch. 17). Each replicate is balanced best when
    the number of its points is a power of 2.
    """
    points = np.empty((count, dimensions))
    for replicate in range(REPLICATES):
        rows = slice((replicate - first) % REPLICATES, count, REPLICATES)
        n = len(range(*rows.indices(count)))
        if n == 0:
            continue
        sequence = np.random.SeedSequence(seed, spawn_key=(_REPLICATE, replicate))
        engine = qmc.Sobol(dimensions, bits=_SOBOL_BITS, rng=np.random.default_rng(sequence))
        begin = (first + rows.start) // REPLICATES
        if begin:
            engine.fast_forward(begin)
            points[rows] = engine.random(n)
        else:  # the first point by itself: a first draw of n points warns unless n is a power of 2
            points[rows] = np.concatenate([engine.random(1), engine.random(n - 1)])
    # Points lie on the left edges of a grid of 2^-30; its middles are symmetric and never 0.
    return points + 0.5**_SOBOL_BITS / 2


def normals(
    sampler: Sampler, seed: int, first: int, sources: list[Generator], shape: tuple[int, int]
) -> Floats:
    """Independent standard normal numbers, (paths, steps, assets) with `shape` the last two.

    "mc" takes all from the paths' own streams. "sobol" takes those that move a path most from
    Sobol points: the first nodes of a Brownian bridge, node by node for all assets, up to
    SOBOL_DIMENSIONS; finer nodes come from the path's own stream. Raises ValueError for another
    sampler.
    """
    steps, assets = shape
    drawn = np.empty((len(sources), steps, assets))
    for path, source in zip(drawn, sources, strict=True):
        source.standard_normal(out=path)
    if sampler == "mc":
        return drawn
    if sampler != "sobol":
        raise ValueError(f"sampler '{sampler}' is not known: mc or sobol")
    nodes = min(steps, max(SOBOL_DIMENSIONS // assets, 1))
    points = sobol_points(seed, first, len(sources), nodes * assets)
    drawn[:, :nodes] = ndtri(points).reshape(-1, nodes, assets)
    return brownian_bridge(drawn)


def brownian_bridge(nodes: Floats) -> Floats:
    """The steps of a random walk whose coarse shape is made of the first nodes; same shape.

        W(T) = sqrt(T) z_0,   W(m) = [(r - m) W(l) + (m - l) W(r)] / (r - l)
                                     + sqrt((m - l)(r - m) / (r - l)) z

    with m the middle of l and r, coarse intervals before fine ones (Glasserman, Monte Carlo
    methods in financial engineering, 3.1). `nodes` are independent standard normal numbers
    (paths, steps, assets), and so is the result, W(1) - W(0), W(2) - W(1), ...
    """
    count, steps, assets = nodes.shape
    walk = np.zeros((steps + 1, count, assets))
    walk[steps] = np.sqrt(steps) * nodes[:, 0]
    intervals, node = deque([(0, steps)]), 1
    while intervals:
        left, right = intervals.popleft()
        if right - left < 2:
            continue
        middle, width = (left + right) // 2, right - left
        a, b = middle - left, right - middle
        walk[middle] = b / width * walk[left] + a / width * walk[right]
        walk[middle] += np.sqrt(a * b / width) * nodes[:, node]
        intervals += ((left, middle), (middle, right))
        node += 1
    return np.ascontiguousarray(np.diff(walk, axis=0).transpose(1, 0, 2))


def correlate(independent: Floats, correlation: Floats) -> Floats:
    """Standard normal numbers with this correlation (n, n) along the last axis; same shape.

    Z_i = sum_j L_ij z_j with L L' = correlation, L lower triangular. Raises LinAlgError if the
    matrix is not positive definite.
    """
    factor = np.linalg.cholesky(correlation)
    result = np.zeros_like(independent)
    for i, j in zip(*np.nonzero(factor), strict=True):
        result[..., i] += factor[i, j] * independent[..., j]
    return result


def student_t_dependence(correlated: Floats, chi_square: Floats, degrees: float) -> Floats:
    """Standard normal numbers with the copula of a multivariate t distribution; same shape.

        Y = sqrt(nu / C) Z,   result_i = Phi^-1(T_nu(Y_i))

    with Z normal and correlated along the last axis and C chi-square with nu `degrees` of freedom,
    one for all assets, shape of Z without its last axis. Kendall's tau is 2/pi asin(rho); both
    tails depend by 2 T_{nu+1}(-sqrt((nu + 1)(1 - rho) / (1 + rho))), where the normal copula has
    0 (McNeil, Frey, Embrechts, Quantitative risk management, 7.3).
    """
    tiny = np.finfo(np.float64).tiny
    result = np.empty_like(correlated)
    for begin in range(0, len(result), _AT_ONCE):
        some = slice(begin, begin + _AT_ONCE)
        scale = np.sqrt(degrees) / np.sqrt(np.maximum(chi_square[some], tiny))
        y = correlated[some] * scale[..., None]
        # From the lower tail for either sign: near 1 a probability has no digits left.
        tail = np.maximum(lower_tail(np.abs(y), degrees), tiny)
        np.copysign(ndtri(tail), y, out=result[some])
    return result


def lower_tail(y: Floats, degrees: float) -> Floats:
    """T_nu(-y) of y >= 0, with nu `degrees` of freedom; same shape.

        T_nu(-y) = I_x(n, n) = x^n sum_{i < n} C(2n - 1, n + i) x^i (1 - x)^(n - 1 - i),
        x = (1 - y / r) / 2 = nu / (2 r (r + y)),   r = sqrt(nu + y^2),   nu = 2 n

    for the few even degrees; no digits are lost, and it takes a thirtieth of the time.
    """
    n = round(degrees / 2)
    if degrees != 2 * n or n > _MOST_TERMS:
        beyond: Floats = stdtr(degrees, -y)
        return beyond
    y = np.minimum(y, _FARTHEST)
    r = np.sqrt(y * y + degrees)
    x = (n / r) / (r + y)
    power, terms = x.copy(), np.full_like(x, math.comb(2 * n - 1, n))
    for i in range(1, n):
        terms = terms * (1 - x) + math.comb(2 * n - 1, n + i) * power
        power *= x
    return terms * power
