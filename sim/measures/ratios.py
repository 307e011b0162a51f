"""How far and how fast thresholds were cut in a run: what a steward set, each from when it was set,
whatever time it took to come into force.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sim.protocol import operations as op
from sim.protocol.state import LT_PARAMETER
from sim.protocol.units import BPS
from sim.tape import Frames


def largest_cut(tape: Frames, hours: float | None = None) -> float:
    """By how much the threshold of an asset in a vault fell the most, .01 is a percentage point,
    from any time to so many hours later, or within the run: from the highest to the lowest after
    it. 0 if none was ever set.
    """
    rows = tape.operations
    is_one = (rows["kind"] == op.update_parameter.declared.name) & (rows["verdict"] == "ok")
    rows = rows[is_one & (rows["option"].astype(str) == str(LT_PARAMETER))]
    rows = rows.assign(time_utc=rows["step"].map(tape.steps.set_index("step")["time_utc"]))
    cuts = [_cut(one, hours) for _, one in rows.groupby(["asset", "y"])]
    return max(cuts, default=0.0)


def _cut(rows: pd.DataFrame, hours: float | None) -> float:
    """From what it was before the i-th change to what it is after the j-th, i <= j."""
    before, after = (rows[name].astype(float).to_numpy() for name in ("result0", "amount"))
    times = rows["time_utc"].to_numpy(dtype="datetime64[s]").astype(float) / 3_600
    fallen, apart = before[:, None] - after[None, :], times[None, :] - times[:, None]
    counts = np.triu(apart < (np.inf if hours is None else hours))
    return float(max(fallen[counts].max(), 0.0)) / BPS
