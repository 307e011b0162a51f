"""`ape run` in any folder: where that has no scripts of its own, it finds those of this checkout.

ape looks for scripts in the working directory alone. The line in tools/breakwater.pth that imports
this module does so only for `ape run` in a folder without them; files that a command names are then
looked for in that folder, as anywhere.
"""

from pathlib import Path

import ape_run._cli

_ROOT = Path(__file__).resolve().parents[1]


class _Checkout(type(Path())):  # type: ignore[misc] # the class of paths of this system
    @classmethod
    def cwd(cls) -> Path:
        return _ROOT


ape_run._cli.Path = _Checkout
