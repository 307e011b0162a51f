"""A report, start to end, for someone who watches: read what is there, compute, write the page."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from sim.questions.suite_folder import SuiteError
from sim.report.page.pages import page_of
from sim.report.page.render import write_page
from sim.report.page.source import Source, SourceError, open_source
from sim.terminal.said import COMPLETE, INTERRUPTED, failed

NAME = "report.html"
COMPARISON = "comparison.html"


def publish(path: Path, out: Path | None, console: Console) -> int:
    """Write the report of what is at `path` as `out`, by default beside it; an exit code."""
    return _publish([path], out, console)


def publish_comparison(one: Path, other: Path, out: Path | None, console: Console) -> int:
    """Write two runs of a kind side by side as `out`, by default in the working directory: neither
    folder is the page's. An exit code.
    """
    return _publish([one, other], out, console)


def _publish(paths: list[Path], out: Path | None, console: Console) -> int:
    try:
        with console.status("Reading what was run.") as status:
            sources = [open_source(path) for path in paths]
            beside = _folder(sources[0]) / NAME if len(sources) == 1 else Path(COMPARISON)
            target = out or beside
            if not console.is_terminal:
                console.print(f"A {sources[0].kind}: computing what it comes to.")
            status.update(f"Computing what the {sources[0].kind} comes to.")
            page = page_of(sources)
            status.update("Writing the page.")
            size = write_page(page, target)
    except KeyboardInterrupt:
        console.print("Interrupted: nothing written.")
        return INTERRUPTED
    except (SourceError, SuiteError) as error:
        return failed(str(error), console)
    except OSError as error:
        return failed(f"Writing failed: {error}; name another file with --out", console)
    for notice in page.notices:
        console.print(notice, style="yellow", markup=False, soft_wrap=True)
    parts = f"{len(page.sections)} sections, {size / 1e6:.1f} MB, opens without network"
    console.print(f"Written: {target} ({parts})", markup=False, soft_wrap=True)
    return COMPLETE


def _folder(source: Source) -> Path:
    return source.path.parent if source.path.is_file() else source.path
