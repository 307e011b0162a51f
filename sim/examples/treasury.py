"""A Python agent: the protocol's treasury tops up the insurance fund as losses eat into it.

agents:
  - name: treasury
    path: sim.examples.treasury:Treasury
    capital_usd: {USDC: 2000000}
    parameters: {least_usd: 250000}
"""

from __future__ import annotations

from collections.abc import Iterator

from sim.protocol.units import USD
from sim.users.actions import Operation, Stake
from sim.users.view import View


class Treasury:
    """Keeps the insurance pool of every asset that it owns at `least_usd`, while it can."""

    def __init__(self, least_usd: float) -> None:
        self.least = round(least_usd * USD)  # values have 8 decimals

    def act(self, view: View) -> Iterator[Operation]:
        """Asked once per step; what the protocol refuses is on the tape, with the reason."""
        for asset in view.assets:
            missing = view.amount(asset, self.least) - view.fund(asset)
            amount = min(missing, view.wallet(asset))
            if amount > 0:
                yield Stake(asset, amount)
