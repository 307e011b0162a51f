"""What was published of an event beside what the run came to, where the scenario says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.measures.expected import Compared, compare
from sim.report.page.content import NONE, Cell, Section, Table, Value, count, money, share
from sim.schema.expected import Expected
from sim.tape import Frames

_SHARES = ("largest_usage", "highest_borrow_rate", "supply_left")
_WHOLE = 10_000  # from here on a figure is shown without decimals
_COUNTS = ("liquidations", "liquidated_accounts")
_UNITS = {"gwei": " gwei", "tokens": " tokens", "hours": " h"}


def sections(tape: Frames, scenario: Mapping[str, Any]) -> list[Section]:
    """One section, or none without published figures."""
    published = [Expected.model_validate(one) for one in scenario.get("expected", ())]
    if not published:
        return []
    rows: list[list[Cell]] = [_row(one) for one in compare(tape, published)]
    table = Table(
        "Published figures and those of the run",
        ["measure", "published", "simulated", "ratio", "verdict", "source"],
        rows,
        words=(0, 4, 5),
        note="Inside: within what was published, or half a percent of it, as that is rounded. "
        "Near: within a tenth. Off: farther away.",
    )
    return [Section("expected", "Against what was published of the event", [table])]


def _row(one: Compared) -> list[Cell]:
    name = one.expected.measure
    low, high = one.expected.range
    published = _shown(low, name).text
    if high != low:
        published += f" to {_shown(high, name).text}"
    known = one.simulated == one.simulated
    note = f"; {one.expected.note}" if one.expected.note else ""
    return [
        _named(name),
        published,
        _shown(one.simulated, name, f"simulated {name}") if known else NONE,
        NONE if one.ratio is None else f"{one.ratio:.2f}",
        one.verdict,
        f"{one.expected.source}{note}",
    ]


def _named(measure: str) -> str:
    """bad_debt_tokens.DAI in words: bad debt, DAI. The unit stands at the figures."""
    kind, _, asset = measure.partition(".")
    words = kind.removesuffix("_usd").removesuffix("_gwei").removesuffix("_tokens").split("_")
    return " ".join(words) + (f", {asset}" if asset else "")


def _shown(value: float, measure: str, name: str = "") -> Value:
    """A figure in the unit of its measure."""
    kind = measure.partition(".")[0]
    if kind.endswith("_price") or kind.startswith("oracle_"):
        return Value(f"${value:,.4g}", value, name) if value < 10 else money(value, name)
    if kind.endswith("_usd"):
        return money(value, name)
    if kind in _SHARES:
        return share(value, 2, name)
    if kind in _COUNTS:
        return count(value, name)
    unit = next((text for word, text in _UNITS.items() if word in kind.split("_")), "")
    return Value(
        f"{value:,.5g}{unit}" if abs(value) < _WHOLE else f"{value:,.0f}{unit}", value, name
    )
