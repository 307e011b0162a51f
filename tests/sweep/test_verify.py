"""Paths of a sweep on the real contracts: no difference, unless the twin is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from sim.engines.compiled import Compiled
from sim.engines.exact import run
from sim.engines.outcome import names
from sim.market.paths import draw, observed
from sim.protocol import liquidation
from sim.protocol.fixed_point import mul_div_up
from sim.protocol.state import CASH
from sim.questions import verification as module
from sim.questions.verification import Verification, state_digest, verify, world_on
from sim.world import World, build
from tests.sweep.storms import storms

pytestmark = [pytest.mark.compiled, pytest.mark.chain]

PATH = 4


@pytest.fixture(scope="module")
def world() -> World:
    return build(storms())


@pytest.fixture(scope="module")
def told() -> list[tuple[int, float, float]]:
    """What a watcher heard."""
    return []


@pytest.fixture(scope="module")
def verified(world: World, told: list[tuple[int, float, float]]) -> Verification:
    return verify(world, "mc", PATH, "revm", lambda *heard: told.append(heard))


def test_chain_and_twin_agree(verified: Verification) -> None:
    assert verified.differences == 0 and verified.difference is None
    assert verified.steps == 48 and verified.engine == "revm"
    assert verified.operations > verified.exact["operations"] > 200
    assert verified.values_compared > 10_000


def test_floats_and_integers_agree_up_to_rounding(verified: Verification) -> None:
    assert verified.loss_usd > 1_000
    assert verified.relative_error is not None and abs(verified.relative_error) < 1e-6
    cent = 10**6
    for name in names(storms().symbols):
        # Fees are minted at every accrual: each time shares and indices are rounded, by a unit of
        # the asset, of which that of WBTC is worth .008 cents.
        fees = name == "revenue" or name.startswith("bearable")
        roundings = 3 * verified.steps * 0.008 * cent if fees else 0
        exact = pytest.approx(verified.exact[name], rel=1e-6, abs=cent + roundings)
        assert verified.on_floats[name] == exact, name
    for name in ("liquidations", "operations", "unhealthy"):
        assert verified.on_floats[name] == verified.exact[name]
    assert verified.decisions.decisions > 20 and verified.decisions.differing == 0


def test_floats_are_those_of_the_sweep(world: World, verified: Verification) -> None:
    prices = draw(world.scenario, "mc", 0, 5)
    again = Compiled(world).outcomes(prices, observed(world.scenario, prices))[PATH]
    assert list(verified.on_floats.values()) == again.tolist()


def test_the_watcher_hears_of_every_step(
    verified: Verification, told: list[tuple[int, float, float]]
) -> None:
    assert [k for k, _, _ in told] == list(range(49))
    assert told[0][1:] == (0, 0)
    assert told[-1][1] == pytest.approx(verified.exact["repaid"] / 1e8)
    assert told[-1][2] == pytest.approx(verified.loss_usd, rel=0.02)


def test_the_state_has_a_fingerprint(world: World, verified: Verification) -> None:
    """That of the exact run of the same path, and of no state that differs in one wei."""
    one = world_on(world, "mc", PATH)
    for _ in run(one):
        pass
    assert state_digest(one.state) == verified.state_sha256
    one.state.hub[0, CASH] += 1
    assert state_digest(one.state) != verified.state_sha256
    assert len(verified.state_sha256) == 64


def test_a_wrong_twin_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison bites: one rounding direction flipped, and the operation is named."""
    monkeypatch.setattr(liquidation, "mul_div_down", mul_div_up)
    found = verify(world, "mc", PATH, "revm")
    assert found.differences > 0 and found.difference is not None
    assert "flash_liquidate" in found.difference and "wei" in found.difference
    assert found.steps < 48 and not found.exact and found.relative_error is None


def test_a_float_run_that_decides_otherwise_is_noticed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another path on floats stands for a decision that rounding turned."""

    class Elsewhere(Compiled):
        def journal(self, prices: Any, seen: Any) -> Any:
            other = draw(world.scenario, "mc", PATH + 1, 1)
            return super().journal(other[0], observed(world.scenario, other)[0])

    monkeypatch.setattr(module, "Compiled", Elsewhere)
    found = verify(world, "mc", PATH, "exact")
    assert found.decisions.differing > 0 and found.decisions.first is not None
    assert found.differences == found.operations == found.values_compared == 0
