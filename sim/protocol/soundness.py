"""What the contracts refuse to be configured as, where more than one place must know. Plain
integers, no compiler: scenarios are checked by these before there is a state, and the bounds of a
search are drawn by them. Twin of the checks of `contracts/VaultReserves.sol`.
"""

from __future__ import annotations

from sim.protocol.units import BPS, USD

MIN_LEFTOVER = 1_000 * USD
"""A partial liquidation leaves at least this much of both legs, and the dust line is at most this,
or it could end in a write-off."""
RAMP_PER_BPS = 864
"""Least seconds of a ramp for each basis point that a threshold is lowered by."""
FLAG_VALIDITY = 6 * 3_600
"""Seconds that a flag lasts beyond the delay: the fall of another day is another fall."""
RECOVERY_HEALTH_BPS = BPS + BPS // 100
"""Health from which on a flagged account counts as recovered."""
RECOVERY_TIME = 1_800
"""Seconds that an account must have been seen recovered before its flag ends."""
RECOVERY_GAP = 600
"""Most seconds from one sighting of a recovery, or of what strains an asset, to the next: what
nobody saw does not count."""
MOST_DELEVERAGING_TIME = 30 * 86_400
"""Most seconds for which an asset must be strained, and of the ramp of auto-deleveraging."""
MOST_TARGET_HEALTH = 10
"""The highest health that a deleveraging may leave."""
MOST_DELAY = 86_400
"""Most seconds from a flag to liquidation."""
MOST_LIQUIDATION_FEE_BPS = BPS // 2
"""The protocol's largest part of a bonus: who liquidates is left half of it."""
MIN_HOLD_OFF, MAX_HOLD_OFF = 300, 7 * 86_400
"""Least and most seconds that a price must be seen to persist, unless 0
(`contracts/OracleRouter.sol`)."""
MOST_OUTFLOW_WINDOW = 30 * 86_400
"""Longest window of an outflow limit, seconds (`contracts/LiquidityHub.sol`)."""
MOST_PAUSE, LEAST_PAUSE_GAP, MOST_GRACE = 14 * 86_400, 3_600, 86_400
"""Seconds; bounds of a guard's terms (`contracts/RiskGuard.sol`)."""
MIN_STRESS = BPS // 2
"""Least of what borrow limits are multiplied with, bps."""
MIN_COOLDOWN = 86_400
"""Least seconds from asking for stake to its leaving (`contracts/InsuranceFund.sol`)."""
MOST_ASSETS = 8
"""The most assets of an account, collateral and owed, so that none costs too much to liquidate."""
MOST_CATEGORIES = 255
"""Categories of a vault (`contracts/VaultParameters.sol`)."""
MOST_RATE_BPS = 10 * BPS
"""The highest yearly rate of an interest curve, at full usage (`contracts/LiquidityHub.sol`)."""
ENGINES = ("close-factor", "target-health", "dutch-bonus")
"""What scenarios call the liquidation engines; an engine's number in the state is its place."""
ANY_HEALTH = (1 << 256) - 1
"""Where the bonus is largest for an engine whose bonus does not grow as health falls."""
THIN_AUCTION = 1_800
"""Seconds in which the bonus of who is worth no more than he owes grows to the largest."""
WAD_PER_BPS_SQUARED = 10**10


FULL_CLOSE_BPS = 9_500
"""CloseFactor: the health at or below which all may be repaid, where no reserve needs more (as in
Aave v3.3)."""


def most_returned(hf_for_max_bonus: int) -> int:
    """The most that threshold x (10000 + largest bonus) of a reserve may be, in bps squared.

    Below 1: a liquidation just below health 1 leaves no bad debt. And not above the health (WAD) at
    which the engine's bonus is largest or all may be repaid, or splitting one liquidation into
    several would pay.
    """
    return min(BPS * BPS - 1, hf_for_max_bonus // WAD_PER_BPS_SQUARED)
