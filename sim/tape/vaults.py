"""What each vault has, owes and lost at the end of a run."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.protocol import hub
from sim.protocol.state import (
    ADDED_SHARES,
    DRAWN_SCALED,
    ESCROWED,
    REPORTED_DEFICIT,
    Array,
    State,
)
from sim.scenario import Scenario
from sim.tape.exact_shortfall import shortfall


def vault_names(scenario: Scenario) -> list[str]:
    """What to call the vaults; one alone needs no name of its own."""
    return list(scenario.protocol.vaults) or ["vault"]


def rows(s: State, scenario: Scenario, prices: Array) -> list[dict[str, Any]]:
    """A row per vault and asset at reference `prices`, of the tape's table `vaults`."""
    names, missing = vault_names(scenario), shortfall(s, prices)
    vault = s.account_vault[missing.accounts]
    found = []
    for v, name in enumerate(names):
        for i, symbol in enumerate(scenario.symbols):
            spoke = s.spoke[v, i]
            found.append(
                {
                    "vault": name,
                    "asset": symbol,
                    "supplied": hub.to_assets_down(s, i, spoke[ADDED_SHARES]) + spoke[ESCROWED],
                    "debt": hub.debt_of(s, i, spoke[DRAWN_SCALED]),
                    "deficit_reported": spoke[REPORTED_DEFICIT],
                    "shortfall": int(missing.parts[np.flatnonzero(vault == v), i].sum()),
                }
            )
    return found
