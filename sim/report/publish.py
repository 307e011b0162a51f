"""A report, start to end, for someone who watches: read what is there, compute, write the page."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from sim.report.crash import COMPLETE, FAILED, INTERRUPTED
from sim.report.page import compare, crash, suite, sweep, tuning
from sim.report.page.content import Page
from sim.report.page.pairs import NAMES
from sim.report.page.render import RenderError, write_page
from sim.report.page.source import (
    Crash,
    Source,
    SourceError,
    Suite,
    Sweep,
    faults,
    open_source,
)
from sim.report.suite_folder import SuiteError
from sim.report.suite_table import rows_of

NAME = "report.html"
COMPARISON = "comparison.html"


def publish(path: Path, out: Path | None, console: Console) -> int:
    """Write the report of what is at `path` as `out`, by default beside it; an exit code."""
    return _publish([path], out, console)


def publish_comparison(one: Path, other: Path, out: Path | None, console: Console) -> int:
    """Write two runs of a kind side by side as `out`, by default beside the second; an exit
    code.
    """
    return _publish([one, other], out, console)


def _publish(paths: list[Path], out: Path | None, console: Console) -> int:
    try:
        with console.status("Reading what was run.") as status:
            sources = [open_source(path) for path in paths]
            folder = _folder(sources[-1])
            target = out or folder / (NAME if len(sources) == 1 else COMPARISON)
            if not console.is_terminal:
                console.print(f"A {sources[0].kind}: computing what it comes to.")
            status.update(f"Computing what the {sources[0].kind} comes to.")
            page = compare.page(*sources) if len(sources) == 2 else _page(sources[0])
            page = page._replace(notices=_notices(sources))
            status.update("Writing the page.")
            size = write_page(page, target)
    except KeyboardInterrupt:
        console.print("Interrupted: nothing written.")
        return INTERRUPTED
    except (SourceError, SuiteError, RenderError) as error:
        return _failed(str(error), console)
    except OSError as error:
        return _failed(f"Writing failed: {error}; name another file with --out", console)
    for notice in page.notices:
        console.print(notice, style="yellow", markup=False, soft_wrap=True)
    parts = f"{len(page.sections)} sections, {size / 1e6:.1f} MB, opens without network"
    console.print(f"Written: {target} ({parts})", markup=False, soft_wrap=True)
    return COMPLETE


def _page(source: Source) -> Page:
    if isinstance(source, Crash):
        return crash.page(source)
    if isinstance(source, Suite):
        return suite.page(rows_of(source.path, source.manifest), source.path)
    return sweep.page(source) if isinstance(source, Sweep) else tuning.page(source)


def _notices(sources: list[Source]) -> list[str]:
    """What is known to be wrong with what is shown, and of two with which of them."""
    names = [""] if len(sources) == 1 else [f"{name}: " for name in NAMES]
    return [
        f"{name}{fault}"
        for name, source in zip(names, sources, strict=True)
        for fault in faults(source)
    ]


def _folder(source: Source) -> Path:
    return source.path.parent if source.path.is_file() else source.path


def _failed(why: str, console: Console) -> int:
    console.print(why, style="red", markup=False, soft_wrap=True)
    return FAILED
