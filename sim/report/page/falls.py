"""What a fall of prices does to a book before anybody acts, and who is in it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sim.measures.borrowers import Book, Pools
from sim.measures.positions import largest_accounts, liquidation_events
from sim.measures.shocks import bad_debt, liquidatable
from sim.report.page.content import Cell, Chart, Table, count, money, ratio, share
from sim.report.page.plot import Trace, figure, line, share_axis, usd_axis
from sim.report.text import listed
from sim.tape import Frames

DROPS = np.arange(161) / 200
DEPTHS = {math.inf: "no impact", 1.0: "pools as they are", 0.5: "half of that", 0.25: "a quarter"}
_EVERY = 8  # of the drops in a table


def liquidation_chart(books: dict[str, tuple[Book, list[str]]], run: Frames | None = None) -> Chart:
    """Debt that can be liquidated after an instant fall, for one or more (book, falling assets),
    and what a run repaid until its collateral had fallen as far.
    """
    traces: list[Trace] = []
    columns: dict[str, list[float]] = {}
    for n, (name, (book, falling)) in enumerate(books.items()):
        table = liquidatable(book, falling, DROPS)
        columns[name] = table["debt_usd"].tolist()
        traces.append(
            line(
                name,
                DROPS,
                table["debt_usd"],
                n,
                customdata=table["accounts"].tolist(),
                hovertemplate="%{x:.1%} lower: %{y:$,.0f} of debt, %{customdata} accounts",
            )
        )
    if run is not None:
        events = liquidation_events(run)
        repaid = [float(events["repaid_usd"][events["fall"] <= drop].sum()) for drop in DROPS]
        columns["repaid in the run"] = repaid
        traces.append(
            line(
                "repaid in the run, up to that fall of the collateral",
                DROPS,
                repaid,
                3,
                line={"shape": "hv"},
                hovertemplate="%{x:.1%} lower: %{y:$,.0f} repaid",
            )
        )
    rows: list[list[Cell]] = [
        [f"{DROPS[i]:.0%}", *(money(column[i]) for column in columns.values())]
        for i in range(0, len(DROPS), _EVERY)
    ]
    symbols = listed(next(iter(books.values()))[1]) or "no asset"
    return Chart(
        "liquidations",
        "Liquidation volume by price drop",
        "Debt of the accounts of the opening book whose health factor is below 1 after a fall of "
        f"{symbols} at once, by the share on the x axis, before anybody acts."
        + (
            " The second line is what liquidators repaid in the run while the collateral they "
            "took had fallen by no more than that."
            if run is not None
            else ""
        ),
        figure(
            traces,
            share_axis("fall of prices since the start (%)"),
            usd_axis("liquidatable debt (USD)"),
        ),
        Table("Debt by price drop, USD", ["price drop", *columns], rows),
    )


def bad_debt_chart(
    book: Book, pools: Pools, falling: list[str], current: Book | None = None
) -> Chart:
    """What selling everything liquidatable at once leaves uncovered, by fall and depth; of a
    `current` book too, if `book` is that of a proposal.
    """
    table = bad_debt(book, pools, falling, DROPS, list(DEPTHS))
    traces = [
        line(
            f"{name} ({depth:g}x depth)" if math.isfinite(depth) else name,
            DROPS,
            table[depth],
            n,
            hovertemplate="%{x:.1%} lower: %{y:$,.0f}",
        )
        for n, (depth, name) in enumerate(DEPTHS.items())
    ]
    columns = {name: table[depth] for depth, name in DEPTHS.items()}
    if current is not None:
        name = "now, pools as they are"
        columns[name] = bad_debt(current, pools, falling, DROPS, [1.0])[1.0]
        look = {"color": "#000000", "width": 1.5, "dash": "longdash"}
        template = "%{x:.1%} lower: %{y:$,.0f} now"
        traces.append(line(name, DROPS, columns[name], line=look, hovertemplate=template))
    rows: list[list[Cell]] = [
        [f"{DROPS[i]:.0%}", *(money(column.iloc[i]) for column in columns.values())]
        for i in range(0, len(DROPS), _EVERY)
    ]
    return Chart(
        "depths",
        "Bad debt by price drop and depth"
        + (" under the recommended setting" if current is not None else ""),
        f"The debt that would stay uncovered if {listed(falling) or 'no asset'} fell at once "
        "and all collateral of the accounts below 1 were sold into the pools at once, with nobody "
        "refilling them: an upper bound. Without impact it is the debt beyond its collateral.",
        figure(traces, share_axis("fall of prices (%)"), usd_axis("uncovered debt (USD)")),
        Table("Uncovered debt, USD", ["price drop", *columns], rows),
    )


def accounts_table(
    tape: Frames, most: int = 20, finished: bool = True, proposed: Frames | None = None
) -> Table:
    """The largest borrowers: what they had, and what became of it in a `finished` run, or what they
    begin with under a proposed setting.
    """
    accounts = largest_accounts(tape, most)
    then: dict[Any, Any] = {}
    if proposed is not None:
        then = largest_accounts(proposed, len(proposed.accounts)).to_dict("index")
    total = float(tape.steps["debt_usd"].iloc[0])
    rows: list[list[Cell]] = []
    for account, row in accounts.iterrows():
        begun: list[Cell] = [
            str(row["name"]),
            f"{row['pledged']} / {row['owed']}",
            money(row["collateral_start"]),
            money(row["debt_start"], f"debt of {row['name']}"),
            share(row["debt_start"] / total if total else 0.0, 1),
            ratio(row["health_start"]),
        ]
        ended: list[Cell] = [
            ratio(row["health_end"]),
            count(row["liquidations"]),
            money(row["repaid_usd"]),
            money(row["debt_end"]),
        ]
        other: list[Cell] = []
        if then:
            debt, health = (then[account][name] for name in ("debt_start", "health_start"))
            other = [money(debt, f"proposed debt of {row['name']}"), ratio(health)]
        rows.append(begun + (ended if finished else other))
    header = ["account", "pledges / owes", "collateral", "debt", "of all debt", "health"]
    if finished:
        header += ["health at the end", "liquidations", "repaid for it", "debt at the end"]
    elif then:
        header += ["debt, proposed", "health, proposed"]
    return Table(
        f"The {len(rows)} accounts that owe most at the start, USD at oracle prices",
        header,
        rows,
        words=(0, 1),
        note="Pledges and owes name the largest of several assets.",
    )
