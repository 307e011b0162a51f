"""Whose positions a step may have changed is read off its operations: a tape measures no others
anew.
"""

import pytest

from sim.engines.exact import run
from sim.protocol.transaction import changed
from sim.scenario import load, with_overrides
from sim.world import build


@pytest.mark.parametrize("name", ["black-thursday", "loop-unwind", "single-crash"])
def test_nobody_elses_position_changes(name: str) -> None:
    world = build(with_overrides(load(name), {"book.accounts": 24}))
    s, moved = world.state, 0
    before = s.position.copy()
    for k, rows, _ in run(world):
        if k:
            differ = (s.position != before).any(axis=(1, 2)).nonzero()[0].tolist()
            assert set(differ) <= set(changed(s, rows))
            moved += len(differ)
        before[...] = s.position
    assert moved > 0
