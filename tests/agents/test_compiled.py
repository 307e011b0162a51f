"""The attacker and a user's jitable agent do on floats what they do on integers."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest

from sim.engines.compiled import Compiled
from sim.protocol import operations as op
from sim.protocol.state import Entry
from sim.world import build
from tests.agents.thin import followed, thin

CONTRARIAN = {
    "name": "contrarian",
    "path": "sim.examples.contrarian:contrarian",
    "capital_usd": {"USDC": 50_000.0},
    "parameters": {"pair": 1, "threshold_bps": 100},
}
RISE = [
    {"at": datetime(2023, 1, 1, 0, 20, tzinfo=timezone.utc), "value": 2000.0},
    {"at": datetime(2023, 1, 1, 1, 0, tzinfo=timezone.utc), "value": 2500.0},
    {"at": datetime(2023, 1, 1, 1, 40, tzinfo=timezone.utc), "value": 2000.0},
]


def test_a_knob_needs_no_new_compilation() -> None:
    """Other parameters, capital and names run the code that is there; other agents do not."""
    again = {**CONTRARIAN, "name": "other", "parameters": {"pair": 0, "threshold_bps": 7}}
    one, same, two, none = (
        Compiled(build(thin(agents=agents)))._users_address
        for agents in ([CONTRARIAN], [again], [CONTRARIAN, again], [])
    )
    assert one == same
    assert none == 0 and len({one, two, none}) == 3


@pytest.mark.compiled
def test_the_same_operations_and_amounts() -> None:
    """Kinds, actors, accounts and verdicts are equal, amounts to 1e-9."""
    scenario = thin(agents=[CONTRARIAN], assets__WETH__price_usd=RISE)
    exact = build(scenario)
    steps = [step.rows for step in followed(exact)][1:]
    compiled = Compiled(build(scenario), journal_rows=200)
    tables = (exact.market.price.astype(float), exact.market.feeds.observed.astype(float))
    amount = Entry._fields.index("amount")
    who = [Entry._fields.index(name) for name in ("kind", "actor", "account", "x", "y", "code")]
    swaps = {
        int(actor): 0
        for actor in (exact.market.actors.attacker.who[0], exact.market.agent_actor[0])
    }
    for rows, on_floats in zip(steps, compiled.journal(*tables), strict=True):
        left = np.array(rows, dtype=float)
        np.testing.assert_array_equal(left[:, who], on_floats[:, who])
        np.testing.assert_allclose(left[:, amount], on_floats[:, amount], rtol=1e-9, atol=1e3)
        for row in rows:
            if row.actor in swaps and row.kind == op.swap_in.kind:
                swaps[row.actor] += 1
    assert swaps[int(exact.market.actors.attacker.who[0])] == 1
    assert swaps[int(exact.market.agent_actor[0])] >= 2
    assert compiled.outcomes(*(table[np.newaxis] for table in tables)).shape[0] == 1
