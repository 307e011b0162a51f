"""What a headless browser sees of pages, by tests/report/page/look.mjs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

_LOOK = Path(__file__).with_name("look.mjs")
_NO_BROWSER = 3


def look(files: Sequence[Path]) -> dict[Path, dict[str, Any]]:
    """Open every file in one browser. Where there is none the test is skipped, and fails in CI."""
    done = subprocess.run(
        ["node", _LOOK, *files], capture_output=True, text=True, timeout=120, cwd=_LOOK.parent
    )
    if done.returncode == _NO_BROWSER and not os.environ.get("BREAKWATER_BROWSER_REQUIRED"):
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return {Path(name): page for name, page in found.items()}
