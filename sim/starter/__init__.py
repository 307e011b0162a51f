"""Scenarios to begin with: short, commented, on the user's own book and prices, and they run.

    text = starter(Wanted("my-market", "lending-market"), folder).text

What is written extends a base; what neither the base nor the user's files know is a placeholder,
and says so beside it.
"""

from sim.starter.text import Starter, Wanted, starter

__all__ = ["Starter", "Wanted", "starter"]
