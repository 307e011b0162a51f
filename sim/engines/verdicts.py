"""Whether twin and chain decided alike about an operation, and what it was, in words."""

from __future__ import annotations

from collections.abc import Sequence

from sim.engines.artifacts import error_names
from sim.engines.chain import Receipt
from sim.protocol import operations as op
from sim.protocol.errors import AMOUNT_TOO_LARGE, NAMES, OK
from sim.protocol.state import Entry


def verdict(code: int, receipt: Receipt) -> str | None:
    """What the chain said, if that is not what the twin said. Reasons are compared where the chain
    tells them.
    """
    if (code == OK) != receipt.ok:
        return "ok" if receipt.ok else _reason(receipt) or "refused"
    if receipt.ok or receipt.output is None or code == AMOUNT_TOO_LARGE:
        return None
    reason = _reason(receipt)
    return None if reason == NAMES[code] else reason


def _reason(receipt: Receipt) -> str:
    output = receipt.output or b""
    return error_names().get(output[:4], "0x" + output.hex())


def describe(row: Entry, symbols: list[str], names: Sequence[str] = ()) -> str:
    """A journal row in words; `names` are those of the first accounts."""
    name = f" ({names[row.account]})" if 0 <= row.account < len(names) else ""
    return (
        f"{op.DECLARED[row.kind].name} by actor {row.actor}, account {row.account}{name}, "
        f"x {row.x}, y {row.y}, amount {row.amount}, limit {row.limit}, option {row.option} "
        f"(assets: {', '.join(symbols)})"
    )
