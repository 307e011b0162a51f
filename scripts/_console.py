"""Where commands print. The underscore tells ape that this is no command."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # slow to import, and ape imports every script for every command
    from rich.console import Console

_LEAST, _LEAST_OF_A_FILE = 80, 100


def console() -> "Console":
    """As wide as the terminal, but no narrower than tables need: where it is, lines wrap at its
    edge and no number is cut. A file or a pipe has no edge.
    """
    from rich.console import Console

    found = Console(highlight=False)
    found.width = max(found.width, _LEAST if found.is_terminal else _LEAST_OF_A_FILE)
    return found
