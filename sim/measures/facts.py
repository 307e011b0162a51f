"""A run, and what measures of it need of its tape, each computed once."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property

import pandas as pd

from sim.measures import cascade, solvency
from sim.tape import Frames


def clock(time: datetime) -> str:
    """When something was, as remarks say it."""
    return f"{time:%Y-%m-%d %H:%M} UTC"


class Facts:
    """What happened in a run. All of it is of the tape; USD at reference prices."""

    def __init__(self, tape: Frames) -> None:
        self.tape = tape

    @cached_property
    def run(self) -> pd.Series:
        """The row of table `run`."""
        return self.tape.run.iloc[0]

    def so_far(self, column: str) -> float:
        """What a column of table `steps` has come to; 0 on a tape of before it was kept."""
        steps = self.tape.steps
        return float(steps[column].iloc[-1]) if column in steps else 0.0

    def of(self, asset: str) -> pd.DataFrame:
        """The rows of table `assets` of one of them."""
        return self.tape.assets[self.tape.assets["asset"] == asset]

    @cached_property
    def losses(self) -> pd.DataFrame:
        """Token units by asset, as `solvency.losses`."""
        return solvency.losses(self.tape)

    @cached_property
    def lost(self) -> pd.Series[float]:
        """USD over all assets, columns of `solvency.losses`."""
        return solvency.in_usd(self.losses).sum()

    @cached_property
    def peak(self) -> solvency.Peak:
        return solvency.peak_loss(self.tape)

    @cached_property
    def liquidations(self) -> solvency.Liquidations:
        return solvency.liquidations(self.tape)

    @cached_property
    def solvency_ratio(self) -> pd.Series[float]:
        return solvency.solvency_ratio(self.tape)

    @cached_property
    def waiting(self) -> solvency.Waiting | None:
        return solvency.waiting(self.tape)

    @cached_property
    def spiral(self) -> cascade.Spiral:
        """Of the asset whose fall trades caused most of."""
        return cascade.spirals(self.tape)[0]

    @cached_property
    def rounds(self) -> cascade.Rounds:
        return cascade.rounds(self.tape)

    @cached_property
    def toxic(self) -> cascade.Toxic:
        return cascade.toxic(self.tape)

    @cached_property
    def unpaid(self) -> cascade.Unpaid:
        return cascade.unpaid(self.tape)
