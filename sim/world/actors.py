"""Who is who: actors by number, and units that everyone shares."""

ADMIN, SUPPLIERS, LIQUIDITY_PROVIDERS, STAKERS, ARBITRAGEURS = range(5)
FIRST_LIQUIDATOR = 5
"""Liquidators, in the order of the scenario; then one owner per account."""
VALUE = 10**8
"""Units of a value or price per USD."""
