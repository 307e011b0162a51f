"""The risk desk: estimates as numpy and `arch` make them, thresholds as the formula says, proposals
as the steward takes them.
"""

from __future__ import annotations

from math import exp, floor, log, sqrt
from typing import Any

import numpy as np
import pytest
from arch.univariate.recursions_python import garch_recursion

from sim.agents import risk_desk
from sim.agents.risk_desk import RiskDesk
from sim.engines.exact import run
from sim.market import risk_fit
from sim.market.draws import Floats
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import YEAR
from sim.protocol.state import ANCHOR, IS_COLLATERAL, LT, LTV, MAX_BONUS
from sim.protocol.vault_accounts import supplied_assets
from sim.scenario import Scenario, ScenarioError, load, with_overrides
from sim.world import build
from tests.simulation.runs import SMALL

DESK: dict[str, Any] = {
    "assets": ["WETH", "WBTC"],
    "review_seconds": 3_600,
    "half_life_hours": 12,
    "volatility_per_sqrt_year": {"WETH": 0.9, "WBTC": 0.7},
    "correlation": 0.3,
    "horizon_hours": 4,
    "deviations": 2.33,
    "floor_bps": 5_000,
    "ceiling_bps": 8_200,
    "buffer_bps": 400,
}
STEWARD = {"max_change_bps": 25, "ramp_hours": 6, "min_delay_hours": 6}


def scenario(**changes: Any) -> Scenario:
    """A small Black Thursday with a desk, some of its fields changed."""
    overrides = {"protocol.steward": STEWARD, "risk_desk": {**DESK, **changes}}
    return with_overrides(load("black-thursday"), {**SMALL, **overrides})


def desk(m: int = 2, **columns: Floats) -> RiskDesk:
    """One of m assets with these statistics."""
    own = RiskDesk.of_nobody(m)
    for name, values in columns.items():
        own.statistics[:, risk_desk.STATISTICS.index(name)] = values
    return own


def seen(own: RiskDesk, prices: Floats) -> Floats:
    """The variances after each row of prices, (rows, assets)."""
    found = []
    for row in prices:
        for i, price in enumerate(row):
            risk_desk._take_return(own, i, float(price))
        risk_desk._carry_on(own)
        found.append(own.statistics[:, risk_desk.VARIANCE].copy())
    return np.array(found)


@pytest.fixture
def prices() -> Floats:
    """200 rows of two assets that move together."""
    rng = np.random.default_rng(7)
    steps = rng.standard_t(4, (200, 2)) @ np.array([[0.01, 0.004], [0.0, 0.008]])
    return np.vstack([[100.0, 50.0], 100.0 * np.exp(np.cumsum(steps, axis=0)) * [1.0, 0.5]])


# --- estimates ------------------------------------------------------------------------------------


def test_an_ewma_weighs_returns_by_their_age(prices: Floats) -> None:
    """v = lambda^n v0 + (1 - lambda) sum lambda^age r^2, written out."""
    left, start = 0.94, 1e-4
    own = desk(variance=np.full(2, start), alpha=np.full(2, 1 - left), beta=np.full(2, left))
    found = seen(own, prices)[-1]
    r = np.diff(np.log(prices), axis=0)
    n = len(r)
    weights = (1 - left) * left ** np.arange(n - 1, -1, -1)
    # The first row has no return: it counts as one of zero.
    expected = weights @ r**2 + left ** (n + 1) * start
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_garch_recursion_is_that_of_arch(prices: Floats) -> None:
    """On the same series, from the same start."""
    alpha, beta, long_run = 0.08, 0.9, 1e-4
    omega = (1 - alpha - beta) * long_run
    columns = {"variance": long_run, "omega": omega, "alpha": alpha, "beta": beta}
    own = desk(**{name: np.full(2, value) for name, value in columns.items()})
    found = seen(own, prices)
    for i in range(2):
        r = np.append(0.0, np.diff(np.log(prices[:, i])))  # a row before the first has no return
        sigma2, bounds = np.zeros(len(r) + 1), np.tile([0.0, 1e9], (len(r) + 1, 1))
        padded = np.append(r, 0.0)
        start = long_run  # omega + (alpha + beta) long_run is long_run again
        garch_recursion(
            np.array([omega, alpha, beta]),
            padded**2,
            np.sign(padded),
            sigma2,
            1,
            0,
            1,
            len(padded),
            start,
            bounds,
        )
        np.testing.assert_allclose(found[:, i], sigma2[1:], rtol=1e-10)


def test_correlations_are_those_of_the_recursion_in_matrices(prices: Floats) -> None:
    a, b = 0.05, 0.9
    c = np.array([[1.0, 0.4], [0.4, 1.0]])
    own = desk(variance=np.array([1e-4, 2e-4]), beta=np.ones(2))._replace(
        weights=np.array([a, b]), q=c.copy(), long_run_q=c
    )
    seen(own, prices)
    q, z = c, np.vstack([np.zeros(2), np.diff(np.log(prices), axis=0)]) / [0.01, sqrt(2e-4)]
    for one in z:
        q = (1 - a - b) * c + a * np.outer(one, one) + b * q
    np.testing.assert_allclose(own.q, q, rtol=1e-12)


def test_dcc_parameters_are_found_in_residuals_that_have_them() -> None:
    """To the accuracy of 4,000 of them, and likelier than their neighbours."""
    a, b, c = 0.06, 0.88, np.array([[1.0, 0.5], [0.5, 1.0]])
    rng, q, z = np.random.default_rng(3), c, []
    for _ in range(4_000):
        scale = np.sqrt(np.diag(q))
        z.append(np.linalg.cholesky(q / np.outer(scale, scale)) @ rng.standard_normal(2))
        q = (1 - a - b) * c + a * np.outer(z[-1], z[-1]) + b * q
    found = risk_fit.dcc(np.array(z))
    assert found == pytest.approx((a, b), abs=0.03)
    likeliest = risk_fit.dcc_likelihood(np.array(z), *found)
    for da, db in ((0.01, 0.0), (-0.01, 0.0), (0.0, 0.02), (0.0, -0.02)):
        assert risk_fit.dcc_likelihood(np.array(z), found[0] + da, found[1] + db) < likeliest


# --- thresholds -----------------------------------------------------------------------------------


def test_a_haircut_is_of_the_joint_move() -> None:
    """1 - exp(-z sqrt(s_c^2 + s_d^2 - 2 rho s_c s_d) sqrt(tau)); none if both move as one."""
    own = desk(variance=np.array([4e-4, 1e-4]))
    own.terms[[risk_desk.DEVIATIONS, risk_desk.REVIEWS]] = 2.33, 9
    for rho in (-0.5, 0.0, 0.8, 1.0):
        own.q[:] = [[1, rho], [rho, 1]]
        sigma = sqrt(4e-4 + 1e-4 - 2 * rho * 0.02 * 0.01)
        expected = 1 - exp(-2.33 * sigma * 3)
        found = risk_desk.haircut(own, 0, 1, risk_desk.VARIANCE)
        assert found == pytest.approx(expected, rel=1e-12)
    own.statistics[1, risk_desk.VARIANCE] = 4e-4
    assert risk_desk.haircut(own, 0, 1, risk_desk.VARIANCE) == pytest.approx(0, abs=1e-12)


def test_a_buffer_is_used_up_before_haircuts_rise() -> None:
    """h of 20%, 22%, 26%, 21%, 10%: 1.25 h is laid up, kept, used up, and given back."""
    own = desk()
    own.options[0] = 1
    own.terms[[risk_desk.DEVIATIONS, risk_desk.REVIEWS]] = 1, 1
    used = []
    for h in (0.20, 0.22, 0.26, 0.21, 0.10):
        own.statistics[0, risk_desk.VARIANCE] = log(1 - h) ** 2
        used.append(risk_desk.used_haircut(own, 0, 1))
    assert used == pytest.approx([0.25, 0.25, 0.26, 0.26, 0.125])


def test_stress_and_the_long_run_hold_haircuts_up() -> None:
    own = desk(variance=log(0.9) ** 2, stressed=log(0.6) ** 2, long_run=log(0.8) ** 2)
    own.statistics[1] = 0
    own.terms[[risk_desk.DEVIATIONS, risk_desk.REVIEWS]] = 1, 1
    assert risk_desk.used_haircut(own, 0, 1) == pytest.approx(0.1)
    own.options[1] = 1
    assert risk_desk.used_haircut(own, 0, 1) == pytest.approx(0.75 * 0.1 + 0.25 * 0.4)
    own.options[2] = 1
    assert risk_desk.used_haircut(own, 0, 1) == pytest.approx(0.2)


def test_a_threshold_is_what_is_kept_of_a_sale() -> None:
    """(1 - h)(1 - s) / (1 + b), of the pool and the accounts as they are, in whole BPS, down."""
    world = build(scenario(floor_bps=1_000, deviations=0.5))
    s, own = world.state, world.market.actors.risk_desk
    weth = world.symbols.index("WETH")
    held = [
        float(supplied_assets(s, a, weth)) if s.position[a, weth, IS_COLLATERAL] else 0.0
        for a in range(len(s.account))
    ]
    x = sum(one**2 for one in held) / sum(held)
    pools = [
        float(s.pair[p, side])
        for p, tokens in enumerate(s.pair_tokens)
        for side in range(2)
        if tokens[side] == weth
    ]
    slip = x / (sum(pools) + x)
    assert risk_desk.slippage(s, own, 0, weth) == pytest.approx(slip, rel=1e-12) and slip > 0
    h = risk_desk.haircut(own, weth, risk_desk._owed_most(s, 0, weth), risk_desk.VARIANCE)
    bonus = int(s.reserve[0, weth, MAX_BONUS]) / 10_000
    expected = floor(10_000 * (1 - h) * (1 - slip) / (1 + bonus))
    assert risk_desk.threshold_for(s, own, 0, weth) == expected
    own.terms[risk_desk.FLOOR] = expected + 7
    assert risk_desk.threshold_for(s, own, 0, weth) == expected + 7
    own.terms[[risk_desk.FLOOR, risk_desk.CEILING]] = 1, expected - 7
    assert risk_desk.threshold_for(s, own, 0, weth) == expected - 7


def test_the_first_haircut_is_of_the_volatility_given() -> None:
    """Of a year's 90%, over four hours, against an asset that does not move."""
    own = build(scenario(correlation=0.0)).market.actors.risk_desk
    expected = 1 - exp(-2.33 * 0.9 * sqrt(4 * 3_600 / YEAR))
    stable = 2
    assert risk_desk.haircut(own, 0, stable, risk_desk.VARIANCE) == pytest.approx(expected)


# --- proposals ------------------------------------------------------------------------------------


def test_a_crash_is_followed_in_the_steps_that_the_steward_takes() -> None:
    """Every proposal is accepted, none is more than a step, nobody is asked before it may change;
    the limit stays its buffer below, and what moved is nearer to what the desk wants.
    """
    world = build(scenario())
    s = world.state
    start = int(s.reserve[0, 0, LT])
    rows = [row for step in run(world) for row in step.rows if row.kind == op.update_parameter.kind]
    assert rows and all(row.code == OK for row in rows)
    last = {}
    for row in rows:
        assert row.actor == 0 and row.y == 0 and row.option in (0, 1)
        assert row.limit - last.get((row.x, row.option), 0) >= 6 * 3_600
        last[row.x, row.option] = row.limit
    own = world.market.actors.risk_desk
    wanted = risk_desk.threshold_for(s, own, 0, 0)
    assert abs(s.reserve[0, 0, LT] - wanted) < abs(start - wanted)
    assert s.reserve[0, 0, LTV] <= s.reserve[0, 0, LT]


def test_without_a_desk_nobody_proposes() -> None:
    world = build(with_overrides(load("black-thursday"), SMALL))
    assert len(world.market.actors.risk_desk.assets) == 0
    kinds = {row.kind for step in run(world) for row in step.rows}
    assert op.update_parameter.kind not in kinds and kinds
    assert world.state.oracle[0, 0, ANCHOR] > 0


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"half_life_hours": None}, "risk_desk.half_life_hours"),
        ({"history": "prices.csv"}, "risk_desk.history"),
        ({"buffer_bps": 5_000}, "risk_desk.floor_bps"),
        ({"floor_bps": 8_201}, "risk_desk.floor_bps"),
        ({"ceiling_bps": 9_900}, "risk_desk.ceiling_bps"),
        ({"assets": ["WETHH"]}, "risk_desk.assets[0]"),
        ({"against_procyclicality": ["stressed"]}, "risk_desk.stressed_volatility_per_sqrt_year"),
    ],
)
def test_a_desk_that_makes_no_sense_is_refused(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        scenario(**changes)
    assert path in {problem.path for problem in refused.value.problems}


def test_a_desk_needs_a_steward() -> None:
    with pytest.raises(ScenarioError, match="nobody may change them"):
        with_overrides(load("black-thursday"), {**SMALL, "risk_desk": DESK})


@pytest.mark.parametrize(
    ("steward", "path"),
    [
        ({"max_change_bps": 25, "ramp_hours": 5.99}, "protocol.steward.ramp_hours"),
        ({**STEWARD, "min_delay_hours": 5.99}, "protocol.steward.min_delay_hours"),
    ],
)
def test_a_steward_that_no_contract_would_be_is_refused(
    steward: dict[str, float], path: str
) -> None:
    with pytest.raises(ScenarioError) as refused:
        with_overrides(load("black-thursday"), {**SMALL, "protocol.steward": steward})
    assert path in {problem.path for problem in refused.value.problems}


def test_a_shipped_history_is_of_what_its_scenario_says() -> None:
    """Drawn with alpha .08, beta .9, a correlation of .8, 50% and 40% a year: found within the
    standard errors of a thousand hours (some .02, .03 and .02; variances of such heavy tails hardly
    settle).
    """
    desk_of = load("dynamic-ratios-garch").risk_desk
    assert desk_of is not None and desk_of.history is not None
    fit = risk_fit.fitted(desk_of.history, ["WETH", "WBTC", "USDC"], 3_600)
    assert fit.alpha[:2] == pytest.approx([0.08, 0.08], abs=0.06)
    assert (fit.alpha + fit.beta)[:2] == pytest.approx([0.98, 0.98], abs=0.06)
    assert fit.correlation[0, 1] == pytest.approx(0.8, abs=0.06)
    assert (fit.alpha[2], fit.beta[2]) == (0, 1), "what it has not got stays as it is"
    own = build(load("dynamic-ratios-garch")).market.actors.risk_desk
    assert own.statistics[0, risk_desk.ALPHA] == pytest.approx(fit.alpha[0])
    assert own.weights.astype(float).tolist() == pytest.approx(fit.weights)
