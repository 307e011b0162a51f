"""The front door where only what `pip install .` brings is installed: pictures are an extra."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# An import of what `sys.modules` holds as None fails as if it were not installed.
BARE = """
import sys
for name in ("matplotlib", "SALib", "IPython", "web3", "ape", "pyrevm", "eth_utils"):
    sys.modules[name] = None
import sim

def refused(plot):
    try:
        plot()
    except ImportError as error:
        return str(error)

"""


def printed(code: str, folder: Path) -> str:
    """What a process without the extras prints, run in the folder."""
    words = [sys.executable, "-c", BARE + code]
    done = subprocess.run(words, capture_output=True, text=True, cwd=folder, check=True)
    return done.stdout


def test_a_run_and_its_page_need_no_matplotlib_and_its_plot_says_so(tmp_path: Path) -> None:
    code = """
run = sim.run("single-crash", accounts=20)
run.report("page.html")
run.save("kept")
print(run, run._repr_html_(), sim.read("kept"), refused(run.plot))
"""
    said = printed(code, tmp_path)
    assert (
        "plots need matplotlib" in said
        and "pip install 'breakwater[notebook]', in a checkout" in said
    )
    assert said.count("ETH halves in two hours") == 3
    assert "</html>" in (tmp_path / "page.html").read_text()


@pytest.mark.compiled
def test_sweeps_and_searches_need_no_matplotlib(tmp_path: Path) -> None:
    code = """
sweep = sim.sweep("black-thursday", paths=20, accounts=20)
sweep.report("sweep.html")
study = sim.tune("current-market", trials=2, paths=16, accounts=40, sensitivity=2)
study.report("study.html")
print(sweep._repr_html_(), study._repr_html_(), refused(sweep.plot), refused(study.plot))
"""
    said = printed(code, tmp_path)
    assert said.count("plots need matplotlib") == 2 and "Recommended" in said
    assert all((tmp_path / name).is_file() for name in ("sweep.html", "study.html"))
