"""What the attacker and the user's own agents came to, as tables."""

from __future__ import annotations

from sim.agents.actors import ROLES
from sim.measures.agents import agent_outcomes
from sim.measures.attack import attack_outcome
from sim.report.page.content import Cell, Table, count, money
from sim.tape import Frames

HOUSE = {role.name for role in ROLES}
"""Agents of an account of their own that are not the user's."""


def agents_table(tape: Frames) -> Table | None:
    """One row per agent of the user; None without any."""
    rows: list[list[Cell]] = [
        [
            one.agent,
            *map(money, (one.start_usd, one.end_usd, one.profit_usd)),
            count(one.done),
            count(sum(one.refused.values())),
            ", ".join(f"{n:,} {reason}" for reason, n in one.refused.items()),
        ]
        for one in agent_outcomes(tape)
        if one.agent not in HOUSE
    ]
    header = ["agent", "start", "end", "profit", "done", "refused", "why"]
    title = "Your agents, at reference prices"
    return Table(title, header, rows, words=(0, 6)) if rows else None


def attack_table(tape: Frames) -> Table | None:
    """Where the attacker's profit came from, or what cost it; None without an attack."""
    attack = attack_outcome(tape)
    if attack is None:
        return None
    parts = {
        "borrowed and kept": attack.borrowed,
        "collateral left behind": -attack.pledged,
        "impact and fees of buying": -attack.buying_cost,
        "impact and fees of selling back": -attack.selling_cost,
        "worth of the account beyond its debt": attack.kept,
        "moves of reference prices": attack.revaluation,
    }
    rows: list[list[Cell]] = [["capital", money(attack.capital)]]
    rows += [[name, money(value)] for name, value in parts.items() if round(value, 2)]
    rows.append(["profit", money(attack.profit)])
    profit = len(rows) - 1
    if attack.profit <= 0:
        rows.append(["why", attack.verdict])
    rows += [["refused", f"{n:,} {reason}"] for reason, n in attack.refused.items()]
    title = "The attack, at reference prices"
    return Table(title, ["what", "value"], rows, strong=(profit,))
