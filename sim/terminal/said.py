"""Lines of a command, and how it ends."""

from __future__ import annotations

from rich.console import Console

COMPLETE, FAILED, INTERRUPTED = 0, 1, 130
"""Exit codes."""


def line(text: str, console: Console, style: str | None = None) -> None:
    """Print a line that can be copied: long ones are left to the terminal to wrap."""
    console.print(text, style=style, markup=False, soft_wrap=True)


def failed(why: str, console: Console) -> int:
    """Say why; an exit code."""
    line(why, console, "red")
    return FAILED
