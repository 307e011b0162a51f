"""What an attack brought, and what it cost: the attacker's operations on a tape, in USD."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from sim.measures.agents import net_worth
from sim.measures.borrowers import scenario_of
from sim.tape import Frames

NAME = "attacker"


class AttackOutcome(NamedTuple):
    """USD at the reference prices of the step in which each thing happened.

    profit = borrowed - pledged - buying_cost - selling_cost + kept + revaluation
    """

    capital: float
    """What the attacker had at the start."""
    paid: float
    """For the asset, on the venue."""
    bought: float
    """What that was worth elsewhere."""
    pledged: float
    """Collateral left in the vault, at what it is worth elsewhere."""
    borrowed: float
    sold: float
    """What was sold back on the venue was worth elsewhere."""
    received: float
    """For that, on the venue."""
    kept: float
    """What the account is worth beyond its debt at the end: it can be had by repaying."""
    profit: float
    """What the attacker owns at the end less what it had."""
    refused: dict[str, int]
    """Why the protocol refused operations -> how often."""
    status: str
    """Of the oracle's prices that count when the attacker borrowed or sold back: ok, stale,
    deviated or down; ok before that."""

    @property
    def buying_cost(self) -> float:
        """Impact and fee of buying: what the venue and its arbitrageurs gain."""
        return self.paid - self.bought

    @property
    def selling_cost(self) -> float:
        """The same of selling back; negative while the price is still up."""
        return self.sold - self.received

    @property
    def revaluation(self) -> float:
        """What reference prices did to what the attacker held."""
        flows = self.borrowed - self.pledged - self.buying_cost - self.selling_cost
        return self.profit - flows - self.kept

    @property
    def verdict(self) -> str:
        """Profitable, or what made it unprofitable."""
        if self.profit > 0:
            return "profitable"
        if not self.paid:
            return "nothing was bought"
        if not self.borrowed and not self.received:
            return "the run ended before the wait was over"
        if not self.borrowed and self.status != "ok":
            return f"nothing could be borrowed: the oracle's price was {self.status}"
        if not self.borrowed and self.refused:
            return f"the protocol refused: {', '.join(self.refused)}"
        if not self.borrowed:
            return "selling back brought more than could be borrowed"
        costs = {
            "price impact and fees on the venue": self.buying_cost + self.selling_cost,
            "collateral worth more than what was borrowed": self.pledged
            - self.borrowed
            - self.kept,
            "a fall of what it held": -self.revaluation,
        }
        return max(costs, key=lambda name: costs[name])


def attack_outcome(tape: Frames) -> AttackOutcome | None:
    """The outcome of the attack on a tape; None if the scenario has none."""
    rows = tape.agents[tape.agents["agent"] == NAME]
    if rows.empty:
        return None
    did = tape.operations
    own = did[(did["actor"] == rows["actor"].iloc[0]) & (did["step"] > 0)]
    done = own[own["verdict"] == "ok"]
    usd = _Prices(tape)
    swaps = [usd.swap(row) for _, row in done[done["kind"] == "swap_in"].iterrows()]
    flow = {kind: sum(map(usd.of, _rows(done, kind))) for kind in ("supply", "withdraw", "borrow")}
    paid, bought = swaps[0] if swaps else (0.0, 0.0)
    worth = net_worth(rows)
    last = rows.iloc[-1]
    decided = own[own["kind"].isin(("supply", "swap_in"))].iloc[1:2]["step"]
    refused = own.loc[own["verdict"] != "ok", "verdict"].value_counts()
    return AttackOutcome(
        capital=float(worth.iloc[0]),
        paid=paid,
        bought=bought,
        pledged=flow["supply"] - flow["withdraw"],
        borrowed=flow["borrow"],
        sold=sum(into for into, _ in swaps[1:]),
        received=sum(out for _, out in swaps[1:]),
        kept=max(0.0, float(last["supplied_usd"] - last["debt_usd"])),
        profit=float(worth.iloc[-1] - worth.iloc[0]),
        refused={str(reason): int(n) for reason, n in refused.items()},
        status=_status(tape, int(decided.iloc[0])) if len(decided) else "ok",
    )


def _status(tape: Frames, step: int) -> str:
    attack = scenario_of(tape)["attack"]
    assets = tape.assets[tape.assets["step"] == step].set_index("asset")
    both = {
        str(assets.loc[asset, "oracle_status"]) for asset in (attack["asset"], attack["borrow"])
    }
    return next(iter(sorted(both - {"ok"})), "ok")


def _rows(done: pd.DataFrame, kind: str) -> list[pd.Series]:
    return [row for _, row in done[done["kind"] == kind].iterrows()]


class _Prices:
    """Reference prices of a tape: USD per token unit, by step and asset."""

    def __init__(self, tape: Frames) -> None:
        assets = tape.assets.set_index(["step", "asset"])
        self._unit = assets["reference_price_usd"] / 10.0 ** assets["decimals"].astype(float)
        first = tape.venues["step"] == tape.venues["step"].min()
        self._pairs = tape.venues.loc[first, "pair"].tolist()

    def of(self, row: pd.Series) -> float:
        """What moved in an operation on an asset."""
        return float(int(row["result0"]) * self._unit[row["step"], row["asset"]])

    def swap(self, row: pd.Series) -> tuple[float, float]:
        """What went in, and what came out."""
        tokens = self._pairs[row["x"]].split("/")
        side = int(row["y"])
        sold, got = tokens[side], tokens[1 - side]
        step = row["step"]
        return (
            float(int(row["result0"]) * self._unit[step, sold]),
            float(int(row["result1"]) * self._unit[step, got]),
        )
