"""What was published of an event beside what the run came to, where the scenario says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.measures.expected import Compared, compare, measures
from sim.report.page.content import NONE, Cell, Section, Table, Value, count, money, share
from sim.schema.expected import Expected
from sim.tape import Frames

_SHARES = ("largest_usage", "highest_borrow_rate", "supply_left")
_WHOLE = 10_000  # from here on a figure is shown without decimals
_COUNTS = ("liquidations", "liquidated_accounts", "busiest_hour_liquidations")
_UNITS = {"gwei": " gwei", "tokens": " tokens", "hours": " h"}


def sections(tape: Frames, scenario: Mapping[str, Any]) -> list[Section]:
    """One section, or none without published figures."""
    published = [Expected.model_validate(one) for one in scenario.get("expected", ())]
    if not published:
        return []
    books = _books(tape) or [measures(tape, published)]
    rows: list[list[Cell]] = [_row(one) for one in compare(books, published)]
    of = f"the median of {len(books)} books" if len(books) > 1 else "this book alone"
    table = Table(
        f"Published figures, this run and {len(books)} books",
        ["measure", "published", "this run", "median", "from", "to", "ratio", "verdict", "source"],
        rows,
        words=(0, 7, 8),
        note=f"Verdicts are of {of}. Inside: within what was published, or half a percent of it, "
        "as that is rounded. Near: within a tenth. Off: farther away. Input: put into the "
        "scenario as published, so no agreement. Sized: sizes of the scenario were chosen with "
        "the figure in view.",
    )
    return [Section("expected", "Against what was published of the event", [table])]


def _books(tape: Frames) -> list[dict[str, float]]:
    """What each book came to, as the run kept it; none if it ended early."""
    return [
        dict(zip(rows["measure"], rows["simulated"].astype(float), strict=True))
        for _, rows in tape.compared.groupby("book")
    ]


def _row(one: Compared) -> list[Cell]:
    name = one.expected.measure
    low, high = one.expected.range
    published = _shown(low, name).text
    if high != low:
        published += f" to {_shown(high, name).text}"
    own, (least, most) = one.simulated[0], one.range
    note = f"; {one.expected.note}" if one.expected.note else ""
    return [
        _named(name),
        published,
        *(
            _shown(value, name, label) if value == value else NONE
            for value, label in (
                (own, f"simulated {name}"),
                (one.median, f"median {name}"),
                (least, ""),
                (most, ""),
            )
        ),
        NONE if one.ratio is None else f"{one.ratio:.2f}",
        f"{one.verdict}, sized" if one.expected.sized else one.verdict,
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
