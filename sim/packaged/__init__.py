"""What the package carries that a build makes, so that an installation needs neither compiler nor
npm:

    contracts.json           ABI, creation code and storage layout of every contract; a checkout
                             compiles its own
    plotly-basic.min.js      draws the charts of a page (MIT, npm plotly.js-basic-dist-min)

`make packaged` writes both, and a test holds them against what is compiled and installed.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
PLOTLY = _HERE / "plotly-basic.min.js"
CONTRACTS = _HERE / "contracts.json"


def contracts() -> dict[str, Any]:
    """ABI, creation code and layout by name, as they were when the package was made."""
    found: dict[str, Any] = json.loads(CONTRACTS.read_text())
    return found


def as_text(artifacts: dict[str, Any]) -> str:
    """Contracts as the file has them, a line each."""
    lines = [f"{json.dumps(name)}: {json.dumps(one)}" for name, one in sorted(artifacts.items())]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def pack(artifacts: dict[str, Any], plotly: Path) -> None:
    """Write both files."""
    CONTRACTS.write_text(as_text(artifacts))
    shutil.copyfile(plotly, PLOTLY)
