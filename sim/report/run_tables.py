"""The tables of a run, declared once: its page shows them, and a terminal prints them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from sim.measures import parties
from sim.measures.measure import Found, Measure
from sim.measures.solvency import in_usd, losses
from sim.report import given
from sim.report.page.content import NONE, Cell, Table, Value, money, shown
from sim.report.text import sentence, tokens
from sim.tape import Frames

Figures = Mapping[str, tuple[Measure, Found]]
"""`sim.measures.registry.found` of a run."""

_BEARERS = {
    "reported": "bad debt",
    "fees": "fees",
    "fund": "fund",
    "suppliers": "suppliers",
    "open": "still open",
    "shortfall": "shortfall",
}
_BEFORE = {"before": "there before", "added": "added"}


def cell(measure: Measure, found: Found) -> Cell:
    """A figure in its unit; a dash where there is none."""
    if found.value is None:
        return NONE
    return shown(found.value, measure.unit, measure.digits, measure.name)


def values(figures: Figures) -> dict[str, Value]:
    """Every figure that there is, by its name."""
    cells = {name: cell(*one) for name, one in figures.items()}
    return {name: one for name, one in cells.items() if isinstance(one, Value)}


def figures_table(tape: Frames, figures: Figures) -> Table:
    """What was lost and done, and what the run cost: a figure per row."""
    whose = given.books_of_run(tape).heading
    return _table(f"Key figures of the run, {whose}", figures, "figures")


def cascade_table(figures: Figures) -> Table:
    """What the fall from outside did by itself, what sales added, and how the two hang together."""
    return _table("What the shock did by itself, and what liquidations added", figures, "cascade")


def side_by_side(runs: Sequence[Figures], names: Sequence[str], note: str) -> Table:
    """The key figures of several runs, one per column."""
    mine = _of("figures", *runs)
    rows = [
        [
            measure.title,
            *(
                of_whom(cell(*figures[measure.name]), name) if measure.name in figures else NONE
                for figures, name in zip(runs, names, strict=True)
            ),
        ]
        for measure in mine
    ]
    return Table("Key figures of the run", ["figure", *names], rows, note=note)


def loss_table(tape: Frames) -> Table | str:
    """Bad debt per asset and who bore it, in USD and below in tokens, at the end of the run; beside
    it what was lost before, if anything was. Or that nothing was lost.
    """
    lost = losses(tape)
    usd = in_usd(lost)
    hit = [asset for asset in lost.index if lost.loc[asset, ["reported", "shortfall"]].any()]
    part = unfinished(tape)
    whose = given.books_of_run(tape).heading
    if not hit:
        none = f"No bad debt, and no shortfall, {whose}."
        return f"{part}; nothing was lost until then." if part else none
    names = {**_BEARERS, **(_BEFORE if lost["before"].any() else {})}
    rows: list[list[Cell]] = []
    for asset in hit:
        decimals = int(lost.loc[asset, "decimals"])
        dollars_of, units_of = usd.loc[asset], lost.loc[asset]
        rows += [
            [str(asset), *(money(dollars_of[name], f"{name}.{asset}") for name in names)],
            ["tokens", *(_tokens(units_of[name], decimals) for name in names)],
        ]
    if len(hit) > 1:
        rows.append(["total", *(money(usd[name].sum(), name) for name in names)])
    title = f"Bad debt, who bore it, and the shortfall not realised yet, {whose}"
    return Table(
        f"{part}.\n{title}" if part else title,
        ["asset", *names.values()],
        rows,
        note="USD at the end of the run, and tokens. Bad debt is borne, in this order, by fees, "
        "the insurance fund and all suppliers. Shortfall is debt beyond its collateral that nobody "
        "has liquidated yet.",
        strong=(2 * len(hit),),
        faint=range(1, 2 * len(hit), 2),
    )


def parties_table(tape: Frames) -> Table:
    """Profit and loss of everyone, and its sum, which is 0, as it comes out of exact integers."""
    table = parties.profit_and_loss(tape)
    rows: list[list[Cell]] = [
        [str(party), *(money(float(row[name]), f"{name} of {party}") for name in parties.COLUMNS)]
        for party, row in parties.in_usd(table).iterrows()
    ]
    sums = (float(table[name].sum() / parties.PER_USD) for name in parties.COLUMNS)
    rows.append(["sum", *(money(value) for value in sums)])
    return Table(
        "Profit and loss of all parties, USD at reference prices",
        ["party", "price moves", "dealings", "profit"],
        rows,
        note="Price moves: what a party had at the start, at what its price did; dealings: what "
        "it got from the others less what it gave, at the prices of the end. Who borrows beyond "
        "his collateral leaves the rest of the debt to nobody yet. The outside market brought all "
        "tokens and is the other side of every price move.",
        strong=(len(rows) - 1,),
    )


def unfinished(tape: Frames) -> str | None:
    """How far a run came that did not end, None of one that did: what it did not come to is not
    known, least of all that there is none.
    """
    run = tape.run.iloc[0]
    if run["complete"]:
        return None
    done, total = run["steps_done"], run["steps_total"]
    return f"The run is incomplete: all figures are of {done:,} of {total:,} steps"


def explained(measures: Sequence[Measure], short: bool = False) -> str:
    """What they mean, a sentence each, under the names that they have where this stands."""
    names = {one.heading if short else one.title: one.meaning for one in measures}
    return " ".join(f"{sentence(name)}: {meaning}." for name, meaning in names.items() if meaning)


def _table(caption: str, figures: Figures, table: Literal["figures", "cascade"]) -> Table:
    mine = [figures[one.name] for one in _of(table, figures)]
    rows: list[list[Cell]] = [[one.title, cell(one, got), got.remark] for one, got in mine]
    note = explained([one for one, _ in mine])
    return Table(caption, ["figure", "value", "of what, when"], rows, words=(0, 2), note=note)


def _of(table: Literal["figures", "cascade"], *runs: Figures) -> list[Measure]:
    """The measures of a table that any of the runs has a figure of, in order."""
    found = {name: measure for figures in runs for name, (measure, _) in figures.items()}
    return [one for one in found.values() if one.table == table]


def _tokens(units: int, decimals: int) -> Value:
    return Value(tokens(units, decimals), units / 10**decimals)


def of_whom(one: Cell, whose: str) -> Cell:
    """A figure that says whose it is, where there are several."""
    return one._replace(name=f"{one.name} of {whose}") if isinstance(one, Value) else one
