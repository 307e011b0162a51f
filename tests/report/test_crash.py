"""One run for someone who watches: what is printed, what is written, and how it ends."""

import io
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import sim
from sim.books.seeds import seed_of
from sim.engines import recorded as runs
from sim.engines.exact import Step, run
from sim.engines.failures import ChainError, Difference, LockstepError
from sim.front.run import Run
from sim.measures.registry import figure
from sim.tape import Frames, load
from sim.tape.columns import TABLES
from sim.terminal import crash_command as module
from sim.terminal.crash_command import crash
from sim.terminal.said import COMPLETE, FAILED, INTERRUPTED
from sim.terminal.venues import venue_lines
from tests.tape.storm import storm

FILES = ["crash.png", "crash.svg", "tape.duckdb"]


def watched(out: Path, engine: str = "exact", **options: Any) -> tuple[int, str]:
    """Exit code and what was printed."""
    printed = io.StringIO()
    code = crash(storm(), engine, out, Console(file=printed, width=80, highlight=False), **options)
    return code, printed.getvalue()


@pytest.fixture
def no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A figure takes longer to draw than the run to play."""

    def blank(_: Frames, folder: Path) -> list[Path]:
        paths = [folder / "crash.svg", folder / "crash.png"]
        for path in paths:
            path.touch()
        return paths

    monkeypatch.setattr(module, "write_crash_figure", blank)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_says_what_it_comes_to(tmp_path: Path) -> None:
    code, printed = watched(tmp_path)
    assert code == COMPLETE
    assert names(tmp_path) == FILES
    first, second = printed.splitlines()[:2]
    assert first == "A storm in a test tube"
    assert second.startswith("24 accounts owe $1.5M against $") and "ten largest owe" in second
    for word in (
        "branching ratio",
        "amplification",
        "liquidations by the shock itself",
        "liquidations induced by sales",
        "toxic frontier",
        "is paid",
    ):
        assert word in printed
    for word in ("bad debt", "USDC", "suppliers", "solvency ratio", "lowest health", "wall time"):
        assert word in printed
    assert "on the twin, none executed on a chain" in printed
    assert max(map(len, printed.splitlines())) <= 80
    assert "…" not in printed


def test_says_how_deep_fitted_venues_are_and_how_far_the_fit_is_off() -> None:
    """A pool of 9 million by two quotes and by a depth figure; quotes of two pools at once."""
    lines = venue_lines(
        storm(
            **{
                **{f"venues[{p}].depth_usd_per_side": None for p in (0, 1)},
                "venues[0].quotes": [[1e6, 1_000.0], [9e6, 5_000.0]],
                "venues[1].depth": {"sale_usd": 1e6, "price_move_bps": 1_900},
                "venues[1].fee_bps": 0,
            }
        )
    )
    assert lines == [
        "WETH/USDC is $9M deep a side, fitted to 2 quotes: impact off by 0.0% (root mean square), "
        "0.0% at most.",
        "WBTC/USDC is $9M deep a side: $1M move it by 19%.",
    ]
    (line,) = venue_lines(
        storm(
            **{"venues[0].depth_usd_per_side": None, "venues[0].quotes": [[1e6, 100], [4e6, 200]]}
        )
    )
    # Halfway in logarithms between pools of 99 and 196 million: either quote is off by half of
    # their distance, ln(1.98) / 2 = 34%, a little less for the curve of the pool.
    assert "fitted to 2 quotes: impact off by 34" in line or "impact off by 33" in line


@pytest.mark.usefixtures("no_figure")
def test_parquet_on_request(tmp_path: Path) -> None:
    watched(tmp_path, parquet=True)
    assert names(tmp_path) == sorted([*FILES, "parquet"])
    assert len(names(tmp_path / "parquet")) == len(TABLES)


@pytest.mark.chain
@pytest.mark.usefixtures("no_figure")
def test_revm_compares_every_step(tmp_path: Path) -> None:
    code, printed = watched(tmp_path, "revm")
    assert code == COMPLETE
    row = load(tmp_path / "tape.duckdb").run.iloc[0]
    assert row["values_compared"] > 10_000 and row["differences"] == 0
    assert row["slots_compared"] > 5_000
    compared = f"{row['slots_compared']:,} slots and {row['values_compared']:,} values compared"
    assert f"revm: {row['operations']:,} operations, {compared}, 0 differ" in printed
    assert "not measured by this engine" in printed


def test_same_figure_for_the_same_run(tmp_path: Path) -> None:
    figures = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        watched(tmp_path / name)
        figures.append((tmp_path / name / "crash.svg").read_text())
    assert figures[0] == figures[1]


def stopping(at: int, stop: BaseException) -> Callable[..., Iterator[Step]]:
    """The engine's `run`, ended by `stop` in a step."""

    def stopped(*arguments: Any) -> Iterator[Step]:
        for step in run(*arguments):
            if step.k == at:
                raise stop
            yield step

    return stopped


@pytest.mark.usefixtures("no_figure")
@pytest.mark.parametrize(
    ("stop", "code", "text"),
    [
        (KeyboardInterrupt(), INTERRUPTED, "Interrupted after 6 of 48 steps"),
        (ChainError("anvil is gone"), FAILED, "The devnet failed: anvil is gone"),
        (
            LockstepError("borrow by actor 7", [Difference("hub USDC cash", 10, 11)] * 2),
            FAILED,
            "hub USDC cash: twin 10, chain 11 (+1 wei)",
        ),
    ],
)
def test_ends_early_and_keeps_what_was_done(
    stop: BaseException, code: int, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "run", stopping(7, stop))
    ended, printed = watched(tmp_path)
    assert ended == code
    assert text in printed
    assert names(tmp_path) == FILES
    row = load(tmp_path / "tape.duckdb").run.iloc[0]
    assert not row["complete"] and row["steps_done"] == 6
    assert row["differences"] == (2 if isinstance(stop, LockstepError) else 0)


def test_ends_before_the_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "run", stopping(0, KeyboardInterrupt()))
    code, printed = watched(tmp_path)
    assert code == INTERRUPTED and "nothing to write" in printed
    assert names(tmp_path) == []


@pytest.mark.parametrize("in_which", ["tape", "figure"])
def test_second_interrupt_while_writing(
    in_which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "run", stopping(7, KeyboardInterrupt()))
    where, name = {"tape": (Run, "save"), "figure": (module, "write_crash_figure")}[in_which]
    monkeypatch.setattr(where, name, interrupt)
    code, printed = watched(tmp_path)
    assert code == INTERRUPTED and "none is half-written" in printed
    assert names(tmp_path) == ([] if in_which == "tape" else ["tape.duckdb"])


def test_writing_fails(tmp_path: Path) -> None:
    """A folder in the tape's place: said in one line, no traceback."""
    (tmp_path / "tape.duckdb").mkdir()
    code, printed = watched(tmp_path, overwrite=True)
    assert code == FAILED and "Writing failed" in printed and "tape.duckdb" in printed


@pytest.mark.usefixtures("no_figure")
def test_a_run_is_replaced_only_when_asked(tmp_path: Path) -> None:
    """And what was made of the run before goes with it."""
    assert watched(tmp_path, parquet=True)[0] == COMPLETE
    (tmp_path / "report.html").write_text("of the first run")
    before = (tmp_path / "tape.duckdb").read_bytes()
    code, printed = watched(tmp_path)
    assert code == FAILED and "--overwrite" in printed
    assert (tmp_path / "tape.duckdb").read_bytes() == before
    assert watched(tmp_path, overwrite=True)[0] == COMPLETE
    assert names(tmp_path) == ["crash.png", "crash.svg", "tape.duckdb"]


@pytest.mark.usefixtures("no_figure")
def test_interrupt_reaches_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing ape makes Ctrl-C end the process on the spot; a run must hear of it first."""

    def exiting(*_: Any) -> None:
        raise SystemExit(130)

    def ape_like(*arguments: Any) -> Iterator[Step]:
        for step in run(*arguments):
            if step.k == 3:
                signal.raise_signal(signal.SIGINT)
            yield step

    before = signal.signal(signal.SIGINT, exiting)
    try:
        monkeypatch.setattr(runs, "run", ape_like)
        code, _ = watched(tmp_path)
        assert signal.getsignal(signal.SIGINT) is exiting
    finally:
        signal.signal(signal.SIGINT, before)
    assert code == INTERRUPTED and names(tmp_path) == FILES


@pytest.mark.usefixtures("no_figure")
def test_an_event_is_compared_with_what_was_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the end of a whole run, marked where it is off; not after part of one."""
    figures = [
        {"measure": "lowest_price.WETH", "value": 800, "source": "the storm's own level"},
        {"measure": "loss_usd", "low": 1, "high": 2, "source": "nobody", "note": "made up"},
        {"measure": "liquidations", "value": 0, "source": "nobody"},
    ]
    event = storm(expected=figures)

    def printed(books: int = 3) -> list[str]:
        text = io.StringIO()
        console = Console(file=text, width=110, highlight=False)
        crash(event, "exact", tmp_path, console, overwrite=True, books=books)
        assert "…" not in text.getvalue()
        return [" ".join(line.split()) for line in text.getvalue().splitlines()]

    lines = printed()
    usd = r"\$[\d.,]+[kM]?"
    assert "measure published this book median of 3 range verdict" in lines
    published = r"bad debt and shortfall \$1(.00)? to \$2(.00)?"
    row = rf"{published} {usd} {usd} {usd} to {usd} off, x [\d.e+]+"
    assert any(re.fullmatch(row, x) for x in lines)
    assert any(re.fullmatch(r"liquidations 0 \d+ \d+ \d+ to \d+ off", x) for x in lines)
    assert "lowest price, WETH $800 $800 $800 $800 input" in lines
    assert lines[-1] == "loss_usd: made up"
    kept = load(tmp_path / "tape.duckdb").compared
    assert len(kept) == 3 * len(figures) and kept["book"].nunique() == 3
    of_books = kept[kept["measure"] == "liquidations"].set_index("book")["simulated"]
    assert of_books.nunique() > 1, "another book is other borrowers"
    again = sim.run(event, book_seed=seed_of(event.seed, 2)).raw.tape
    assert figure(again, "liquidations") == of_books[2]
    assert len(load(tmp_path / "tape.duckdb").steps) == event.steps + 1

    lines = printed(books=1)
    assert any(re.fullmatch(r"liquidations 0 \d+ off", x) for x in lines)
    assert any(x.startswith("Verdicts are of this book alone.") for x in lines)

    monkeypatch.setattr(runs, "run", stopping(7, KeyboardInterrupt()))
    assert not any("published" in line for line in printed())


def test_a_folder_of_a_sweep_is_refused_before_anything_is_played(tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text("{}")
    code, printed = watched(tmp_path)
    assert code == FAILED and "holds a sweep already" in " ".join(printed.split())
    assert names(tmp_path) == ["sweep.json"]
