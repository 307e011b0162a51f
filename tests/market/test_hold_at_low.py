"""No rebound: levels held at their lowest, and whatever else goes on as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sim.market.level_tables import gas_table, observed_table, price_table
from sim.market.levels import held_from, price_on_grid
from sim.market.paths import draw, observed
from sim.measures.registry import figure
from sim.scenario import Scenario, ScenarioError, known, load, with_overrides
from tests.scenarios.library import played, small
from tests.tape.storm import storm


def held(name: str) -> Scenario:
    return with_overrides(load(name), {"hold_at_low": True})


def test_black_thursday_stays_at_its_low() -> None:
    """As recorded until 02:30 on the 13th, 86.00 and 3,782.13 from then on; gas and stablecoins
    as they were.
    """
    recorded, twin = load("black-thursday"), held("black-thursday")
    before, after = price_table(recorded), price_table(twin)
    low = (26 * 3600 + 1800) // 300
    assert (before[: low + 1] == after[: low + 1]).all()
    assert (after[low:, :2] == [8_600_000_000, 378_213_000_000]).all()
    assert (before[low + 1 :, :2] > after[low + 1 :, :2]).all()
    assert (before[:, 2:] == after[:, 2:]).all()
    assert (gas_table(recorded) == gas_table(twin)).all()


@pytest.mark.parametrize("name", known())
def test_every_scenario_has_its_twin(name: str) -> None:
    """No asset that falls most rises again, none is changed before its low or lower than it, and
    what rises most is left alone.
    """
    recorded, twin = load(name), held(name)
    for symbol in recorded.symbols:
        path, flat = price_on_grid(recorded, symbol), price_on_grid(twin, symbol)
        falls = path[0] / path.min() > path.max() / path[0]
        low = int(path.argmin())
        expected = np.append(path[:low], np.full(len(path) - low, path[low])) if falls else path
        assert flat.tolist() == expected.tolist()
        assert held_from(recorded, symbol) == recorded.steps


def test_what_is_owed_and_rises_is_not_held_at_its_own_low() -> None:
    """The stress of the squeeze is CRV's rise."""
    recorded, twin = load("crv-squeeze"), held("crv-squeeze")
    crv = list(recorded.symbols).index("CRV")
    assert price_table(recorded)[:, crv].max() > 1.2 * price_table(recorded)[0, crv]
    assert (price_table(recorded)[:, crv] == price_table(twin)[:, crv]).all()


def test_feeds_see_the_held_price_as_late_as_any() -> None:
    """A minute behind: the low arrives one minute after it, and stays."""
    twin, recorded = held("black-thursday"), load("black-thursday")
    seen, low = observed_table(twin)[:, 0], (26 * 3600 + 1800) // 300
    assert (seen[: low + 1] == observed_table(recorded)[: low + 1, 0]).all()
    assert seen[low] > 8_600_000_000 and (seen[low + 1 :] == 8_600_000_000).all()


def test_drawn_paths_are_the_same_noise_around_the_held_level() -> None:
    """Price / level of every path, step and asset agrees to the rounding of prices."""
    recorded, twin = load("black-thursday"), held("black-thursday")
    drawn, on_twin = (draw(one, "mc", 3, 4) for one in (recorded, twin))
    levels = [
        np.stack([price_on_grid(one, symbol) for symbol in one.symbols], axis=1)
        for one in (recorded, twin)
    ]
    np.testing.assert_allclose(drawn / levels[0], on_twin / levels[1], rtol=1e-8)
    assert not np.allclose(drawn, on_twin)
    assert observed(twin, on_twin).shape == on_twin.shape


def test_recorded_prices_are_held_too(tmp_path: Path) -> None:
    file = tmp_path / "eth.csv"
    file.write_text(
        "time,WETH\n2021-06-01T00:00:00Z,2000\n2021-06-01T04:00:00Z,1000\n"
        "2021-06-01T08:00:00Z,1500\n"
    )
    twin = storm(assets__WETH__price_usd={"file": str(file)}, hold_at_low=True)
    path = price_on_grid(twin, "WETH")
    assert path[24] == pytest.approx(1000) and (path[24:] == path[24]).all()
    assert path[12] == pytest.approx(2000 * 0.5**0.5)


def test_windows_of_a_history_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "eth.csv"
    rows = [f"2021-06-{1 + n // 24:02}T{n % 24:02}:00:00Z,{2000 + n}" for n in range(48)]
    file.write_text("\n".join(["time,WETH", *rows]) + "\n")
    paths = {"model": "replay", "history": str(file)}
    assert draw(storm(paths=paths), "mc", 0, 1).shape == (1, 49, 3)
    with pytest.raises(ScenarioError, match=r"hold_at_low: windows of a history"):
        draw(storm(paths=paths, hold_at_low=True), "mc", 0, 1)


def test_a_rebound_forgives() -> None:
    """Black Thursday's loss is a multiple without one; the run says which it was."""
    as_recorded, without = (
        played(small("black-thursday", 240, hold_at_low=hold)) for hold in (False, True)
    )
    losses = [figure(tape, "loss_usd") for tape in (as_recorded, without)]
    assert losses[1] > 2 * losses[0] > 0
    for tape, word in ((as_recorded, "false"), (without, "true")):
        assert f'"hold_at_low":{word}' in tape.run["scenario_json"].iloc[0]


def test_what_is_no_answer_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"hold_at_low: .*true"):
        storm(hold_at_low="yes")
