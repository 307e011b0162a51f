"""Outputs in the documentation are those of the commands they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sim.terminal.contrast_command import markdown as contrasts_page
from sim.terminal.library_command import markdown
from tests.benchmarks.page import page as benchmark_page
from tests.measures.coverage import TABLES
from tools.outputs import PAGES, ROOT, Block, blocks, made

BLOCKS = [block for page in PAGES for block in blocks(page)]
QUICK = [block for block in BLOCKS if block.is_quick]
_FOLDERS = ("contracts", "docs", "scripts", "sim", "tests", "tools")
_TREES = ("scenario.yaml", "contracts/")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_outputs_say_where_they_are_from(page: Path) -> None:
    """Every fenced block without a language is of a command, or a tree of files."""
    assert len(BLOCKS) >= 5 and QUICK
    before, content = "", ""
    inside = False
    for line in page.read_text().splitlines():
        if line.startswith("```") and not inside:
            inside, unnamed, from_command, content = True, line == "```", before.endswith("-->"), ""
        elif line == "```":
            inside = False
            assert not unnamed or from_command or content.startswith(_TREES), content[:80]
        elif inside:
            content += line
        before = line


@pytest.mark.parametrize("block", QUICK, ids=lambda one: one.command)
def test_quick_ones_are_what_the_command_prints_now(block: Block, tmp_path: Path) -> None:
    assert made(block, tmp_path) == block.output


def test_the_front_page_is_short_and_leads_to_the_rest() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 180
    start = "\n".join(text.splitlines()[:60])
    for word in ("make crash", "make test", "import sim", "extends:", "docs/tutorial.md"):
        assert word in start
    pages = {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}
    assert {page for page in pages if page not in text} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"^ *```.*?^ *```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", prose):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize(
    "page",
    [*(ROOT / name for name in ("ASSUMPTIONS.md", "README.md")), *(ROOT / "docs").glob("*.md")],
    ids=lambda page: page.name,
)
def test_files_of_the_tree_that_are_named_exist(page: Path) -> None:
    """In prose and tables: what a fenced block shows may be for the reader to make."""
    prose = re.sub(r"^ *```.*?^ *```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    named = re.findall(rf"`((?:{'|'.join(_FOLDERS)})/[\w./-]+)`", prose)
    assert {name for name in named if not (ROOT / name).exists()} == set()


# --- pages that take many minutes: `make docs-slow` -----------------------------------------------


@pytest.mark.parametrize("name", ["coverage", "library", "mechanisms", "performance"])
def test_a_slow_page_says_how_it_is_made(name: str) -> None:
    page = ROOT / "docs" / f"{name}.md"
    assert "`make docs-slow`" in "\n".join(page.read_text().splitlines()[:14])
    recipe = (ROOT / "Makefile").read_text().partition("\ndocs-slow:")[2].partition("\n\n")[0]
    assert "tools.outputs --slow" in recipe
    written_whole = re.search(rf"--(out|markdown) docs/{name}\.md", recipe) is not None
    assert written_whole != any(block.is_slow for block in blocks(page))


def test_heads_of_slow_pages_are_those_that_their_commands_write() -> None:
    library = (ROOT / "docs" / "library.md").read_text()
    assert library.startswith(markdown([], 20).partition("Of 0 figures")[0])
    mechanisms = (ROOT / "docs" / "mechanisms.md").read_text()
    assert mechanisms.startswith(contrasts_page([], 20))
    performance = (ROOT / "docs" / "performance.md").read_text()
    before, after = benchmark_page("MACHINE", [], "", quick=False).split("MACHINE")
    assert performance.startswith(before) and after.strip() in performance


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_coverage_are_made_anew_with_the_same_laws(name: str, tmp_path: Path) -> None:
    """A repeat of each instead of thousands: who and what, not how often."""
    (block,) = [one for one in BLOCKS if one.command.endswith(f"coverage {name}")]
    assert block.is_slow and not block.is_quick
    found = made(block._replace(command=f"{block.command} 1"), tmp_path)
    ours, theirs = (
        [line.split("|")[1:3] for line in text.splitlines()] for text in (found, block.output)
    )
    assert ours == theirs and found.splitlines()[0] == block.output.splitlines()[0]


def test_every_slow_output_is_of_a_module_or_a_command_that_there_is() -> None:
    commands = [block.command.split() for block in BLOCKS if block.is_slow]
    assert len(commands) == 5
    for first, second, name, *_ in commands:
        assert (first, second) in {("python", "-m"), ("ape", "run")}
        path = name.replace(".", "/") if first == "python" else f"scripts/{name}"
        assert (ROOT / f"{path}.py").is_file()
