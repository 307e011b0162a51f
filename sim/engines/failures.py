"""What can go wrong on a chain, for those who never touch one: nothing here imports a chain."""

from __future__ import annotations

from typing import NamedTuple


class ChainError(Exception):
    """The chain could not be started or did not do as it was asked."""


class Difference(NamedTuple):
    """One value in which twin and chain differ."""

    what: str
    twin: int | str
    chain: int | str


class LockstepError(Exception):
    """Twin and chain differ: a bug in one of them."""

    def __init__(self, operation: str, differences: list[Difference]) -> None:
        self.operation, self.differences = operation, differences
        lines = [f"twin and chain differ after {operation}:"]
        for difference in differences[:20]:
            line = f"  {difference.what}: twin {difference.twin}, chain {difference.chain}"
            if isinstance(difference.twin, int) and isinstance(difference.chain, int):
                line += f" ({difference.chain - difference.twin:+d} wei)"
            lines.append(line)
        if len(differences) > 20:
            lines.append(f"  ... and {len(differences) - 20} more")
        super().__init__("\n".join(lines))
