"""How large a CSV file of a user may be."""

MAX_BYTES = 100_000_000
"""A year of minutes for ten assets, or a book of a million rows; more is the wrong file."""
