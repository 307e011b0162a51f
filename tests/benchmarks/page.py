"""docs/performance.md: the figures of a benchmark, and what they mean."""

from __future__ import annotations

from collections.abc import Sequence

from tests.benchmarks.shown import Shown

_HEAD = """\
# How fast, and why

Written by `python -m tests.benchmarks.bench --markdown docs/performance.md`
(`make docs-slow`){small} on

    {machine}

Engines are measured side by side in one process on one market: Black Thursday after a day of
calm, everything scaled to the number of borrowers; figures are medians. An account-step is one
account in one step, whatever had to be done about it. Rented processors vary by a third from
minute to minute, and so do these figures; ratios vary less.

* An account is checked again only when prices have moved by what it had to spare, so a step costs
  what happens in it. In calm that is next to nothing, whatever the number of accounts: the
  ceiling is what feeds and venues cost in a step.
* In a crash the accounts near 1 are what a step costs. Each liquidation moves pools, and prices
  where impact stays: the next one is another question, so none can be skipped, and those of one
  path cannot be shared among threads.
* The second thread has paths of its own. What it adds is bounded by the memory and the cache that
  both share.
* NumPy is the health check of all accounts as two matrix products a step and nothing else: what a
  simulator written in it cannot be faster than. revm, an EVM in this process, and anvil run the
  contracts, which nothing else here does.
* Mechanisms that are off cost a look at a number where they would act. Those that are on cost what
  they make happen, and what must be looked at because of them.
* Half of what a liquidation costs is what makes it come as it did: calls of published size that
  keep their liquidators busy, room in blocks, arbitrage and sales that alternate within a step.
"""


def page(machine: str, tables: Sequence[Shown], peer: str, quick: bool) -> str:
    """The whole of it."""
    small = ", with `--quick`: small worlds and no devnet," if quick else ","
    parts = [_HEAD.format(machine=machine, small=small), *(one.markdown() for one in tables)]
    return "\n".join([*parts, peer]) + "\n"
