"""What an attacker and users' own agents did in a run, and what became of their money."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from sim.tape import Frames


class AgentOutcome(NamedTuple):
    """One agent: USD at reference prices, of the start and of the end."""

    agent: str
    start_usd: float
    end_usd: float
    done: int
    """Operations that the protocol carried out."""
    refused: dict[str, int]
    """Why it refused others -> how often, the most frequent first."""

    @property
    def profit_usd(self) -> float:
        """What it owns at the end less what it owned at the start."""
        return self.end_usd - self.start_usd


def agent_outcomes(tape: Frames) -> list[AgentOutcome]:
    """Everyone in table `agents`, in its order."""
    did = tape.operations[tape.operations["step"] > 0]
    outcomes = []
    for agent, rows in tape.agents.groupby("agent", sort=False):
        own = did[did["actor"] == rows["actor"].iloc[0]]
        verdicts = own["verdict"].value_counts()
        worth = net_worth(rows)
        outcomes.append(
            AgentOutcome(
                str(agent),
                float(worth.iloc[0]),
                float(worth.iloc[-1]),
                int(verdicts.get("ok", 0)),
                {str(reason): int(n) for reason, n in verdicts.items() if reason != "ok"},
            )
        )
    return outcomes


def net_worth(agents: pd.DataFrame) -> pd.Series[float]:
    """USD that an agent owns, by row of table `agents`:

        wallet + invested + max(0, supplied - debt)

    A debt beyond what was supplied is nobody's to pay: the account is left behind.
    """
    margin = (agents["supplied_usd"] - agents["debt_usd"]).clip(lower=0)
    return agents["wallet_usd"] + agents["invested_usd"] + margin
