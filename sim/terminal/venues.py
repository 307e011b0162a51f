"""The venues at the start of a run, for someone who watches."""

from __future__ import annotations

from sim.market.calibration import depth_usd, fit
from sim.protocol.units import BPS
from sim.report.text import short_usd
from sim.scenario import Scenario


def venue_lines(scenario: Scenario) -> list[str]:
    """The depth of every venue that is not given as such, and how well it fits what is given."""
    lines = []
    for venue in scenario.venues:
        line = f"{venue.label} is {short_usd(depth_usd(venue))} deep a side"
        if venue.quotes is not None:
            fitted = fit([(sale, bps / BPS) for sale, bps in venue.quotes])
            lines.append(
                f"{line}, fitted to {len(venue.quotes)} quotes: impact off by {fitted.error:.1%} "
                f"(root mean square), {fitted.largest_error:.1%} at most."
            )
        elif venue.depth is not None:
            lines.append(
                f"{line}: {short_usd(venue.depth.sale_usd)} move it by "
                f"{venue.depth.price_move_bps / 100:g}%."
            )
    return lines
