"""What the attacker and the user's own agents came to, for the terminal."""

from __future__ import annotations

import traceback

from rich.table import Table

from sim.measures.agents import agent_outcomes
from sim.measures.attack import NAME, attack_outcome
from sim.report.text import usd
from sim.tape import Frames
from sim.terminal.tables import BARE, TITLED
from sim.users.in_time import Aside
from sim.users.user_agents import AgentError

_AROUND = (AgentError.__module__, Aside.__module__)
"""What calls a user's code."""


def agents_table(tape: Frames) -> Table | None:
    """One row per agent of the user; None without any."""
    outcomes = [one for one in agent_outcomes(tape) if one.agent != NAME]
    if not outcomes:
        return None
    table = Table(title="Your agents, at reference prices", **TITLED, **BARE)
    table.add_column("agent")
    for name in ("start", "end", "profit", "done", "refused"):
        table.add_column(name, justify="right")
    table.add_column("why")
    for one in outcomes:
        why = ", ".join(f"{n:,} {reason}" for reason, n in one.refused.items())
        figures = (usd(one.start_usd), usd(one.end_usd), signed(one.profit_usd), f"{one.done:,}")
        table.add_row(one.agent, *figures, f"{sum(one.refused.values()):,}", why)
    return table


def attack_table(tape: Frames) -> Table | None:
    """Where the attacker's profit came from, or what cost it; None without an attack."""
    attack = attack_outcome(tape)
    if attack is None:
        return None
    rows = {
        "borrowed and kept": attack.borrowed,
        "collateral left behind": -attack.pledged,
        "impact and fees of buying": -attack.buying_cost,
        "impact and fees of selling back": -attack.selling_cost,
        "worth of the account beyond its debt": attack.kept,
        "moves of reference prices": attack.revaluation,
    }
    table = Table(title="The attack, at reference prices", show_header=False, **TITLED, **BARE)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("capital", usd(attack.capital))
    for name, value in rows.items():
        if round(value, 2):
            table.add_row(name, signed(value))
    table.add_row("profit", signed(attack.profit), style="bold")
    if attack.profit <= 0:
        table.add_row("why", attack.verdict)
    for reason, n in attack.refused.items():
        table.add_row("refused", f"{n:,} {reason}")
    return table


def agent_failure(error: AgentError) -> str:
    """What an agent raised, with the traceback from where the user's code begins; or where it was
    when its time was over.
    """
    cause = error.__cause__
    if cause is None:
        said = f"{error}: its time_limit_seconds in the scenario"
        return f"{said}; it was here:\n{error.where.rstrip()}" if error.where else said
    frame = cause.__traceback__
    while frame and frame.tb_frame.f_globals.get("__name__") in _AROUND:
        frame = frame.tb_next
    lines = traceback.format_exception(type(cause), cause, frame)
    return f"{error}\n{''.join(lines).rstrip()}"


def signed(value: float) -> str:
    """Dollars with the sign before them."""
    cents = round(value, 2) + 0.0  # no minus before a rounded nothing
    return f"-{usd(-cents)}" if cents < 0 else usd(cents)
