"""One run: a scenario on one book, on the twin alone or on the contracts as well."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from sim.engines.by_name import check_engine
from sim.front import ledger
from sim.front.asked import Asked, asked, changed, whole
from sim.front.folders import check_kind, made
from sim.front.frames import frame
from sim.front.own_prices import Prices
from sim.front.shown import as_html, as_text, bar, drawing, page
from sim.measures.cascade import spirals
from sim.measures.facts import Facts
from sim.measures.registry import figure, found, of_assets
from sim.measures.solvency import liquidations, peak_loss
from sim.questions.store import QuestionError
from sim.report.text import usd
from sim.scenario import Scenario
from sim.tape import TAPE, Frames, Tables, Tape, frames, with_rows, write, write_parquet
from sim.world import World

if TYPE_CHECKING:  # slow to import, and not needed to compute
    from matplotlib.figure import Figure

    from sim.engines.exact import Step
    from sim.engines.lockstep import Lockstep
    from sim.users.user_agents import InPython

Engine = Literal["exact", "revm", "devnet"]
PARQUET = "parquet"
"""The folder of the same tables as Parquet, in that of a run."""
_NOWHERE = Path("not kept")
"""What a page says of the tape of a run that was not saved."""


class Exact:
    """The tables of a run in Python integers, as the contracts have them, and without a float:
    tokens in the smallest unit of each, prices in 10^-8 USD, health factors in WAD (10^18 is 1),
    gas prices in wei. What is absent is None. Sums in USD, ratios and rates are floats on the tape:
    they stand in the tables of `Run` alone.
    """

    def __init__(self, tape: Frames) -> None:
        self.tape = tape
        """Everything that was recorded, see `sim.tape.columns`: the run's own, and no copy."""

    @frame
    def liquidations(self) -> pd.DataFrame:
        """As `sim.front.ledger.exact_liquidations`."""
        return ledger.exact_liquidations(self.tape)

    @frame
    def accounts(self) -> pd.DataFrame:
        """As `sim.front.ledger.exact_accounts`."""
        return ledger.exact_accounts(self.tape)

    @frame
    def steps(self) -> pd.DataFrame:
        """As `sim.front.ledger.exact_steps`."""
        return ledger.exact_steps(self.tape)

    @frame
    def health(self) -> pd.DataFrame:
        """As `sim.front.ledger.exact_health`."""
        return ledger.exact_health(self.tape)

    @frame
    def assets(self) -> pd.DataFrame:
        """As `sim.front.ledger.exact_assets`."""
        return ledger.exact_assets(self.tape)

    @frame
    def losses(self) -> pd.DataFrame:
        """As `sim.front.ledger.exact_losses`."""
        return ledger.exact_losses(self.tape)

    def __repr__(self) -> str:
        tables = [name for name, one in vars(Exact).items() if isinstance(one, frame)]
        return as_text(
            f"Frames of Python integers: {', '.join(tables)}",
            {
                "tokens": "the smallest unit of each",
                "prices": "10^-8 USD",
                "health factors": "WAD, 10^18 is 1",
                "gas prices": "wei",
            },
            "tape: everything that was recorded, floats too",
        )


class Run:
    """What happened in a run. Frames are in tokens and USD, each a copy of your own; `raw` has the
    integers.
    """

    def __init__(
        self,
        scenario: Scenario,
        tape: Frames,
        tables: Tables | None = None,
        kept: Path | None = None,
        asked: Asked | None = None,
        agents: Mapping[str, Any] | None = None,
    ) -> None:
        """`tables`, what was `asked` and `agents` are those of a run of this process, `kept` is
        where the tape is a file.
        """
        self.scenario = scenario
        """With everything that was replaced."""
        self._kept, self._asked = kept, asked
        self.agents = dict(agents or {})
        """By name, the user's own agents as the run left them: of an object that was handed over
        the copy that was played. None of a run that was read.
        """
        self.raw = Exact(tape)
        self._tables = tables
        self._saved: Path | None = None  # where this process saved it last

    @property
    def engine(self) -> str:
        """Where it was run."""
        return str(self.raw.tape.run["engine"].iloc[0])

    @property
    def compared(self) -> int:
        """Values in the contracts' storage and answers held against the twin, every one equal: a
        run with a difference raises `LockstepError`. 0 on the twin alone.
        """
        return int(self.raw.tape.run["values_compared"].iloc[0])

    @property
    def gas_used(self) -> int | None:
        """Gas of all transactions by their receipts; None where no devnet measured it."""
        used = self.raw.tape.run["gas_used"].iloc[0]
        return None if pd.isna(used) else int(used)

    @frame
    def steps(self) -> pd.DataFrame:
        """As `sim.front.ledger.steps`."""
        return ledger.steps(self.raw.tape)

    @frame
    def liquidations(self) -> pd.DataFrame:
        """As `sim.front.ledger.liquidations`: profit_usd is before gas, that of `figures` after."""
        return ledger.liquidations(self.raw.tape)

    @frame
    def accounts(self) -> pd.DataFrame:
        """As `sim.front.ledger.accounts`."""
        return ledger.accounts(self.raw.tape)

    @frame
    def assets(self) -> pd.DataFrame:
        """As `sim.front.ledger.assets`."""
        return ledger.assets(self.raw.tape)

    @frame
    def health(self) -> pd.DataFrame:
        """As `sim.front.ledger.health`."""
        return ledger.health(self.raw.tape)

    @frame
    def losses(self) -> pd.DataFrame:
        """As `sim.front.ledger.losses`."""
        return ledger.losses(self.raw.tape)

    @frame
    def refusals(self) -> pd.DataFrame:
        """As `sim.front.ledger.refusals`."""
        return ledger.refusals(self.raw.tape)

    @frame
    def figures(self) -> pd.DataFrame:
        """Every measure of a run (`sim.measures.of_runs`) that it has a figure of, rows by name:
        title, value, unit, and remark: of what, when, or why there is no value. Those of money are
        totals: profit_usd is what liquidators were left with after gas.
        """
        rows = {
            name: (measure.title, figure.value, measure.unit, figure.remark)
            for name, (measure, figure) in found(self.raw.tape).items()
        }
        columns = ["title", "value", "unit", "remark"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("measure")

    @frame
    def by_asset(self) -> pd.DataFrame:
        """Every measure of an asset (`sim.measures.of_assets`), rows by asset; NaN where there is
        none.
        """
        run, symbols = Facts(self.raw.tape), self.scenario.symbols
        columns = {
            name: [figure(run, f"{name}.{symbol}") for symbol in symbols] for name in of_assets()
        }
        return pd.DataFrame(columns, index=pd.Index(symbols, name="asset"))

    def published(self, books: int = 1) -> pd.DataFrame:
        """What was published of the event (`expected` of the scenario) beside this run and up to
        `books` - 1 more on the twin, on books drawn alike. Rows by measure: low and high as
        published, this run's value, median, lowest and highest over the books, and a verdict of the
        median: inside (or within half a percent), near (a tenth), off, or input, as given. Without
        rows where nothing was published. Raises `QuestionError` for a number of books below 1, and
        as `sim.run` for other books.
        """
        from sim.front.several_books import beside  # which plays runs

        return beside(self, whole("books", books, 1) or 1)

    def again(self) -> Asked:
        """What another run like this one is made from. Raises `ScenarioError` where nobody has the
        code of an agent: of one that was handed over and a run that was read.
        """
        return self._asked or asked(self.scenario)

    def keep_published(self, books: Sequence[Mapping[str, float]]) -> None:
        """Take into the tape what each book came to of what was published: its page shows it."""
        if self._tables is not None:
            rows = [
                {"book": n, "measure": name, "simulated": value}
                for n, book in enumerate(books)
                for name, value in book.items()
            ]
            self._tables = with_rows(self._tables, "compared", rows)
            self.raw = Exact(frames(self._tables))

    @property
    def loss_usd(self) -> float:
        """Bad debt and shortfall at the end, without what was there before the run."""
        return figure(self.raw.tape, "loss_usd")

    def plot(self) -> Figure:
        """Prices, health, liquidations and losses over time."""
        with drawing():
            from sim.report.crash_figure import crash_figure

        return crash_figure(self.raw.tape)

    def save(self, folder: str | Path, parquet: bool = False, overwrite: bool = False) -> Path:
        """Write the tape into a folder, which `sim.read` and `ape run report` read; with `parquet`
        its tables as Parquet, too. Another run in it gives way only with `overwrite`.

        Raises `QuestionError` for a folder that holds another run or another kind of result,
        `TapeError` if it cannot be written, `ValueError` for a file in the place of a folder and of
        a run that was read, and `TypeError` for what is no path.
        """
        if self._tables is None:
            raise ValueError(f"this run was read from a folder: copy its {TAPE}")
        with made(folder) as path:
            check_kind(path, "a run")
            tape = path.resolve() / TAPE
            if tape.exists() and tape != self._saved:
                if not overwrite:
                    raise QuestionError(
                        f"{path}: holds another run; replace it with overwrite=True, or name "
                        "another folder"
                    )
                shutil.rmtree(path / PARQUET, ignore_errors=True)  # of the other
            write(self._tables, tape)
            if parquet:
                write_parquet(self._tables, path / PARQUET)
        self._kept, self._saved = path / TAPE, tape
        return self._kept

    def report(self, path: str | Path) -> Path:
        """Write the page of this run as one HTML file. Raises `ValueError` for a folder, and
        `TypeError` for what is no path.
        """
        from sim.report.page.source import Crash

        return page(path, Crash(self._kept or _NOWHERE, self.raw.tape))

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

    def _given(self) -> str:
        from sim.report import given  # which knows sweeps and searches, and so imports them

        return given.of_run(self.raw.tape)

    def __repr__(self) -> str:
        return as_text(self.scenario.title, self._figures(), self._given())

    def _repr_html_(self) -> str:
        return as_html(self.scenario.title, self._figures(), self._given())


class UnderWay:
    """A run that has begun: its world is built, nothing is deployed or played yet."""

    def __init__(self, asked: Asked, engine: str, book_seed: int | None = None) -> None:
        """Raises `ScenarioError` if the protocol refuses the book, its own or its baseline's."""
        from sim.engines import baseline  # compiles what a reference market needs

        self.asked = asked
        self.world: World = asked.world(book_seed)
        baseline.fill(self.world)
        self.engine = engine
        self.tape = Tape(self.world, engine)
        self.follower: Lockstep | None = None
        """On the engine's chain; None before it is `deployed`, and on the twin alone."""
        self.agents: InPython | None = None
        """Those of the user, from when `steps` began."""

    @contextmanager
    def deployed(self) -> Iterator[None]:
        """In the block the engine's chain is there. Raises `ChainError`."""
        if self.engine == "exact":
            yield
            return
        from sim.engines.by_name import follower  # needs web3 and pyrevm

        with follower(self.engine, self.world) as self.follower:
            yield

    def steps(self) -> Iterator[Step]:
        """Play on; each step, the opening first, is on the tape when it is yielded, on a chain once
        it was compared: see `sim.engines.recorded`.
        """
        from sim.engines.exact import agents_of
        from sim.engines.recorded import recorded

        self.agents = agents_of(self.world)
        return recorded(self.world, self.tape, self.follower, self.agents)

    def finish(self, is_complete: bool = True, differences: int = 0) -> Run:
        """What was played so far: all of the scenario if it `is_complete`."""
        tables = self.tape.tables(is_complete, differences)
        agents = self.agents.code if self.agents else {}
        return Run(self.world.scenario, frames(tables), tables, asked=self.asked, agents=agents)


def run(
    scenario: str | Path | Scenario,
    *,
    engine: Engine = "exact",
    accounts: int | None = None,
    seed: int | None = None,
    book_seed: int | None = None,
    hold_at_low: bool | None = None,
    overrides: Mapping[str, object] | None = None,
    redraw_book: bool = False,
    prices: Prices | None = None,
    agents: Sequence[Any] = (),
) -> Run:
    """Play a scenario: a shipped one by its name, a YAML file, or one of `sim.load`.

    exact: the twin alone. revm, devnet: every operation is executed on the contracts too, in this
    process or on an anvil of its own, and storage compared with the twin after each step (extra
    `chain`); a difference raises `LockstepError`.

    `accounts`, `seed`, `hold_at_low`, then `overrides` (path of a field -> value) replace what the
    scenario says, `book_seed` its seed for book and people alone; `prices`
    (`sim.front.own_prices.Prices`) its prices. `agents` are objects with `act(view)` or jitable
    functions, see docs/agents.md.

    Raises before anything is run `ScenarioError`, `QuestionError` for a `book_seed` that is none,
    `ValueError` for an engine that there is not and `TypeError` for arguments of another kind; then
    `AgentError` if an agent fails, `ChainError` if the engine's chain cannot be had.
    """
    check_engine(engine)
    one = changed(
        scenario,
        accounts=accounts,
        seed=seed,
        hold_at_low=hold_at_low,
        overrides=overrides,
        redraw_book=redraw_book,
        prices=prices,
    )
    under_way = UnderWay(asked(one, agents), engine, whole("book_seed", book_seed, 0))
    with bar(one.name, one.steps) as advance, under_way.deployed():
        for step in under_way.steps():
            advance(min(step.k, 1))
    return under_way.finish()
