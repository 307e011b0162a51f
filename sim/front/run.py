"""One run: a scenario on one book, on the twin alone or on the contracts as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from sim.front import ledger
from sim.front.asked import Prices, asked
from sim.front.shown import as_html, as_text, bar, needs
from sim.measures.cascade import spirals
from sim.measures.registry import found
from sim.measures.solvency import in_usd, liquidations, losses, peak_loss
from sim.report import given
from sim.report.text import usd
from sim.scenario import Scenario
from sim.tape import Frames, Tables, Tape, frames, write
from sim.world import World

if TYPE_CHECKING:  # slow to import, and not needed to compute
    from matplotlib.figure import Figure

Engine = Literal["exact", "revm", "devnet"]
TAPE = "tape.duckdb"
_NOWHERE = Path("not kept")
"""What a page says of the tape of a run that was not saved."""


class Exact:
    """The tables of a run, amounts in token units as Python integers."""

    def __init__(self, tape: Frames) -> None:
        self.tape = tape
        """Everything that was recorded, see `sim.tape.columns`."""

    @cached_property
    def liquidations(self) -> pd.DataFrame:
        """As `sim.front.ledger.exact_liquidations`."""
        return ledger.exact_liquidations(self.tape)

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """As `sim.front.ledger.exact_accounts`."""
        return ledger.exact_accounts(self.tape)

    @cached_property
    def assets(self) -> pd.DataFrame:
        """As `sim.front.ledger.exact_assets`."""
        return ledger.exact_assets(self.tape)

    @cached_property
    def losses(self) -> pd.DataFrame:
        """As `sim.front.ledger.exact_losses`."""
        return ledger.exact_losses(self.tape)


class Run:
    """What happened in a run. Frames are in tokens and USD; `raw` has the integers."""

    def __init__(
        self,
        scenario: Scenario,
        tape: Frames,
        tables: Tables | None = None,
        kept: Path | None = None,
    ) -> None:
        """`tables` are those of a run of this process, `kept` is where the tape is a file."""
        self.scenario, self._kept = scenario, kept
        self.raw = Exact(tape)
        self._tables = tables

    @property
    def engine(self) -> str:
        """Where it was run."""
        return str(self.raw.tape.run["engine"].iloc[0])

    @property
    def compared(self) -> int:
        """Values read back from a chain and held against the twin, every one equal: a run with a
        difference raises `LockstepError`. 0 on the twin alone.
        """
        return int(self.raw.tape.run["values_compared"].iloc[0])

    @property
    def gas_used(self) -> int | None:
        """Gas of all transactions by their receipts; None where no devnet measured it."""
        used = self.raw.tape.run["gas_used"].iloc[0]
        return None if pd.isna(used) else int(used)

    @cached_property
    def steps(self) -> pd.DataFrame:
        """As `sim.front.ledger.steps`."""
        return ledger.steps(self.raw.tape)

    @cached_property
    def liquidations(self) -> pd.DataFrame:
        """As `sim.front.ledger.liquidations`."""
        return ledger.liquidations(self.raw.tape)

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """As `sim.front.ledger.accounts`."""
        return ledger.accounts(self.raw.tape)

    @cached_property
    def assets(self) -> pd.DataFrame:
        """As `sim.front.ledger.assets`."""
        return ledger.assets(self.raw.tape)

    @cached_property
    def health(self) -> pd.DataFrame:
        """As `sim.front.ledger.health`."""
        return ledger.health(self.raw.tape)

    @cached_property
    def losses(self) -> pd.DataFrame:
        """As `sim.front.ledger.losses`."""
        return ledger.losses(self.raw.tape)

    @cached_property
    def figures(self) -> pd.DataFrame:
        """Every measure of a run (`sim.measures.of_runs`) that it has a figure of, rows by name:
        title, value, unit, and remark: of what, when, or why there is no value.
        """
        rows = {
            name: (measure.title, figure.value, measure.unit, figure.remark)
            for name, (measure, figure) in found(self.raw.tape).items()
        }
        columns = ["title", "value", "unit", "remark"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("measure")

    @property
    def loss_usd(self) -> float:
        """Bad debt and shortfall at the end."""
        total = in_usd(losses(self.raw.tape)).sum()
        return float(total["reported"] + total["shortfall"])

    def plot(self) -> Figure:
        """Prices, health, liquidations and losses over time."""
        with needs("notebook"):
            from sim.report.crash_figure import crash_figure

        return crash_figure(self.raw.tape)

    def save(self, folder: str | Path) -> Path:
        """Write the tape into a folder, which `sim.read` and `ape run report` read."""
        if self._tables is None:
            raise ValueError("this run was read from a folder: copy its tape.duckdb")
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        write(self._tables, path / TAPE)
        self._kept = path / TAPE
        return self._kept

    def report(self, path: str | Path) -> Path:
        """Write the page of this run as one HTML file."""
        from sim.report.page.pages import page_of
        from sim.report.page.render import write_page
        from sim.report.page.source import Crash

        write_page(page_of([Crash(self._kept or _NOWHERE, self.raw.tape)]), Path(path))
        return Path(path)

    def _figures(self) -> dict[str, str]:
        tape = self.raw.tape
        did, peak, worst = liquidations(tape), peak_loss(tape), spirals(tape)[0]
        return {
            "bad debt and shortfall": usd(self.loss_usd),
            "at the worst time": usd(peak.loss_usd),
            "liquidations": f"{did.number:,}, {usd(did.repaid_usd)} repaid",
            "branching ratio": f"{worst.branching_ratio:.3f} of {worst.asset}",
            "engine": self.engine + (f", {self.compared:,} values equal" if self.compared else ""),
        }

    def __repr__(self) -> str:
        return as_text(self.scenario.title, self._figures(), given.of_run(self.raw.tape))

    def _repr_html_(self) -> str:
        return as_html(self.scenario.title, self._figures(), given.of_run(self.raw.tape))


def run(
    scenario: str | Path | Scenario,
    *,
    engine: Engine = "exact",
    accounts: int | None = None,
    seed: int | None = None,
    hold_at_low: bool | None = None,
    overrides: Mapping[str, object] | None = None,
    redraw_book: bool = False,
    prices: Prices | None = None,
    agents: Sequence[Any] = (),
) -> Run:
    """Play a scenario: a shipped one by its name, a YAML file, or one of `sim.load`.

    exact: the twin alone. revm, devnet: every operation is executed on the contracts too, in this
    process or on an anvil of its own, and every value of state compared after each step (extra
    `chain`); a difference raises `LockstepError`.

    `accounts`, `seed`, `hold_at_low`, then `overrides` (path of a field -> value) replace what the
    scenario says; `prices` (`sim.front.asked.Prices`) its prices. `agents` are objects with
    `act(view)` or jitable functions, see docs/agents.md. Raises `ScenarioError` before anything is
    run, `AgentError` if an agent fails.
    """
    wanted = asked(
        scenario,
        accounts=accounts,
        seed=seed,
        hold_at_low=hold_at_low,
        overrides=overrides,
        redraw_book=redraw_book,
        prices=prices,
        agents=agents,
    )
    tables = played(wanted.world(), engine)
    return Run(wanted.scenario, frames(tables), tables)


def played(world: World, engine: Engine) -> Tables:
    """The tape of a world, played to its end."""
    from sim.engines.exact import run as stepped  # compiles what a reference market needs

    tape = Tape(world, engine)
    with bar(world.scenario.name, world.scenario.steps) as advance:
        if engine == "exact":
            for step in stepped(world):
                tape.record(step.k, step.rows, step.gas)
                advance(min(step.k, 1))
        else:
            from sim.engines.by_name import follower  # needs web3 and pyrevm

            with follower(engine, world) as chain:
                for step in stepped(world, chain):
                    # Revm reports too little gas (its slots stay warm between calls).
                    gas = step.gas if engine == "devnet" else []
                    tape.record(step.k, step.rows, gas, chain.values if chain else 0)
                    advance(min(step.k, 1))
    return tape.tables(complete=True)
