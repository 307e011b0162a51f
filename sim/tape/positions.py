"""Everyone's positions in token units, in columns."""

from __future__ import annotations

import numpy as np

from sim.protocol import hub
from sim.protocol.state import POSITION_DEBT, REHYPOTHECATE, SUPPLIED, Array, State


def amounts(s: State) -> tuple[Array, Array]:
    """(supplied, owed), each (accounts, assets), interest to now included: as
    `vault_accounts.supplied_assets` and `debt_assets` tell them.
    """
    supplied, owed = s.position[:, :, SUPPLIED].copy(), s.position[:, :, POSITION_DEBT].copy()
    lent = (s.reserve[:, :, REHYPOTHECATE] != 0)[s.account_vault]
    for i in range(len(s.unit)):
        holding = np.flatnonzero(lent[:, i] & (supplied[:, i] != 0))
        supplied[holding, i] = hub.to_assets_down(s, i, supplied[holding, i])
        owing = np.flatnonzero(owed[:, i] != 0)
        owed[owing, i] = hub.debt_of(s, i, owed[owing, i])
    return supplied, owed
