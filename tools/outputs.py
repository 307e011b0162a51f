"""Outputs in the documentation, made by the commands that they are of: make docs, make docs-slow.

A block of output in a Markdown file follows a comment that says how it comes about,

    <!-- output of: ape run crash luna --engine exact | liquidations by the ... amplification -->

the command, run in an empty folder that all commands of all files share, and which lines are shown:
from the first that starts with one text to the next that starts with the other; several such
ranges are separated by "; " and stand with "..." between them. Progress is left out, and lines that
time decides and not the command. A YAML or CSV block that begins with `# NAME.yaml` or
`# NAME.csv` is written to that file first, without this line.

What takes many minutes says `slow output of:` and is made by `make docs-slow` alone. Instead of a
block of output a table may follow, after an empty line: then the command prints its rows.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_BLOCK = re.compile(
    r"<!-- (?P<slow>slow )?output of: (?P<command>[^|\n]+?)(?: \| (?P<shown>[^\n]+?))? -->\n"
    r"(?:```\n(?P<output>.*?)```\n|\n(?P<table>(?:\|[^\n]*\n)+))",
    re.DOTALL,
)
_FILE = re.compile(
    r"```(?P<kind>yaml|csv)\n# (?P<name>[\w-]+\.(?P=kind))\n(?P<content>.*?)```\n", re.DOTALL
)
_TIMED = ("wall time", "gas used")
_BAR = "━"
_WIDTH = "80"


class Block(NamedTuple):
    """An output in a page."""

    page: Path
    command: str
    shown: str
    output: str
    start: int
    """Where its lines are in the page."""
    is_slow: bool
    """Whether it takes many minutes."""

    @property
    def is_quick(self) -> bool:
        """Whether it takes seconds, so that a test can run it."""
        quick = "--engine exact" in self.command or "import prices" in self.command
        return quick and not self.is_slow


def blocks(page: Path) -> list[Block]:
    """Of a page, in order."""
    found = []
    for one in _BLOCK.finditer(page.read_text()):
        body = "table" if one["output"] is None else "output"
        shown, slow = one["shown"] or "", one["slow"] is not None
        found.append(Block(page, one["command"], shown, one[body], one.start(body), slow))
    return found


def files(page: Path) -> dict[str, str]:
    """Those that a page says the content of."""
    return {found["name"]: found["content"] for found in _FILE.finditer(page.read_text())}


def made(block: Block, folder: Path) -> str:
    """What the block should be, by running its command in `folder`. Raises
    `subprocess.CalledProcessError` if the command fails, ValueError if it lacks what is shown.
    """
    for name, content in files(block.page).items():
        (folder / name).write_text(content)
    environment = {
        **os.environ,
        "COLUMNS": _WIDTH,
        "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}",
    }
    if block.command.startswith("python "):  # other packages have a module `tests`, too
        environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(
        block.command.split(),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.rstrip() for line in done.stdout.replace(str(folder), "").splitlines()]
    lines = [line for line in lines if not line.startswith(_TIMED) and _BAR not in line]
    return "\n".join(_cut(lines, block.shown)).strip("\n") + "\n"


def _cut(lines: list[str], shown: str) -> Iterator[str]:
    """The ranges of lines that are shown."""
    for n, part in enumerate(filter(None, shown.split("; "))):
        first, _, last = part.partition(" ... ")
        begin = next((i for i, line in enumerate(lines) if line.startswith(first)), None)
        if begin is None:
            raise ValueError(f"no line starts with {first!r}")
        rest = range(begin, len(lines))
        end = next((i for i in rest if lines[i].startswith(last or first)), None)
        if end is None:
            raise ValueError(f"no line after it starts with {last!r}")
        if n:
            yield "..."
        yield from lines[begin : end + 1]
    if not shown:
        yield from lines


def main(slow: bool) -> None:
    """Write every page with the outputs of now: those that are slow, or all others."""
    with TemporaryDirectory() as folder:
        for page in PAGES:
            for number, block in enumerate(blocks(page)):
                if block.is_slow != slow:
                    continue
                print(f"{page.relative_to(ROOT)}: {block.command}", flush=True)
                output = made(block, Path(folder))
                block = blocks(page)[number]  # where it is now
                text = page.read_text()
                end = block.start + len(block.output)
                page.write_text(text[: block.start] + output + text[end:])


if __name__ == "__main__":
    try:
        main(slow=sys.argv[1:] == ["--slow"])
    except subprocess.CalledProcessError as error:
        sys.exit(
            f"{' '.join(error.cmd)}: exit code {error.returncode}\n{error.stderr}{error.stdout}"
        )
