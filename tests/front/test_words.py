"""What the front door refuses is said to whoever calls it: options are the commands' own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = (
    "books",
    "files",
    "measures",
    "questions",
    "scenario",
    "schema",
    "sweeps",
    "tuning",
    "world",
)
OF_COMMANDS = ("questions/suite_folder.py", "questions/pools.py")
"""Suites and schedulers: nobody else has them."""


def texts(file: Path) -> Iterator[str]:
    """Strings of a module, without its docstrings."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.value


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_below_the_commands_names_none_of_their_options(room: str) -> None:
    files = sorted((ROOT / "sim" / room).glob("*.py"))
    said = {
        f"{room}/{file.name}": [text for text in texts(file) if re.search(r"(^|\s)--[a-z]", text)]
        for file in files
    }
    assert files and {name for name, found in said.items() if found} <= set(OF_COMMANDS)
