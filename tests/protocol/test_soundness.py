"""What a reserve may be: one rule for the twin, the schema and the bounds of a search."""

from __future__ import annotations

from typing import get_args

from hypothesis import example, given
from hypothesis import strategies as st

from sim.protocol.soundness import (
    ANY_HEALTH,
    ENGINES,
    MIN_COOLDOWN,
    MIN_LEFTOVER,
    MOST_RATE_BPS,
    most_returned,
)
from sim.protocol.state import POLICY
from sim.scenario import load
from sim.schema.deployment import LEAST_LEFTOVER_USD, Liquidation

BPS = 10_000
healths = st.one_of(st.just(ANY_HEALTH), st.integers(1, 10**18 - 1))


@given(lt=st.integers(0, 10_000), bonus=st.integers(0, 10_000), hf_for_max_bonus=healths)
@example(8_000, 2_500, ANY_HEALTH)  # exactly 1
@example(8_000, 500, 84 * 10**16)  # exactly the health
@example(8_000, 500, 84 * 10**16 - 1)
def test_the_bound_is_the_check_of_the_contract(lt: int, bonus: int, hf_for_max_bonus: int) -> None:
    """`_checkReserve` of VaultReserves.sol, as it stands there."""
    worst = (BPS + bonus) * lt
    sound = worst < BPS * BPS and worst * 10**10 <= hf_for_max_bonus
    assert (worst <= most_returned(hf_for_max_bonus)) == sound


def test_other_bounds_are_those_of_the_contracts() -> None:
    """MIN_LEFTOVER of VaultReserves.sol, USD with 8 decimals; 1,000% a year of LiquidityHub.sol; a
    day of InsuranceFund.sol.
    """
    assert MIN_LEFTOVER == 1_000 * 10**8 and LEAST_LEFTOVER_USD == 1_000
    assert MOST_RATE_BPS == 100_000
    assert MIN_COOLDOWN == 24 * 3_600


def test_a_scenario_says_all_of_a_policy() -> None:
    """Every column, by its name, and the engines in the order of their numbers."""
    assert set(load("black-thursday").protocol.policy()) == set(POLICY)
    assert get_args(Liquidation.model_fields["engine"].annotation) == ENGINES
