"""Outputs in the documentation are those of the commands they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.outputs import PAGES, ROOT, Block, blocks, made

BLOCKS = [block for page in PAGES for block in blocks(page)]
QUICK = [block for block in BLOCKS if block.is_quick]


def test_outputs_say_where_they_are_from() -> None:
    """Every fenced block without a language in the README is of a command, or a tree of files."""
    text = (ROOT / "README.md").read_text()
    fences = re.findall(r"(.*)\n```\n(.*?)```\n", text, re.DOTALL)
    assert len(BLOCKS) >= 5 and QUICK
    for before, content in fences:
        if not content.startswith(("scenario.yaml", "contracts/")):
            assert before.rstrip().endswith("-->"), content[:80]


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
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
