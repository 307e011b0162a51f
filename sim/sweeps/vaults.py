"""What the paths of a sweep lost by the vault that it was owed in, where there are several."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sim.market.draws import Sampler
from sim.measures.losses import expected_loss, expected_shortfall, probability_of_loss
from sim.sweeps.loss_table import replicates

_OF = "vault_loss_usd."


def by_vault(outcomes: pd.DataFrame, sampler: Sampler) -> pd.DataFrame:
    """A row per vault and measure (p_loss, expected_loss, es_99 as of all, `sim.measures.losses`),
    columns those of an `Estimate` and unit; no rows where there is one vault. What was lost before
    the path is in it.
    """
    n, rows = replicates(outcomes, sampler), dict[tuple[str, str], dict[str, Any]]()
    for name in outcomes:
        if not str(name).startswith(_OF):
            continue
        vault, lost = str(name)[len(_OF) :], np.asarray(outcomes[name], dtype=np.float64)
        for measure, unit, estimate in (
            ("p_loss", "share", probability_of_loss(lost, n)),
            ("expected_loss", "USD", expected_loss(lost, n)),
            ("es_99", "USD", expected_shortfall(lost, 0.99, n)),
        ):
            rows[vault, measure] = {**estimate._asdict(), "unit": unit}
    if not rows:
        return pd.DataFrame()
    index = pd.MultiIndex.from_tuples(rows, names=["vault", "measure"])
    return pd.DataFrame(list(rows.values()), index=index)
