"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import Phase, settings

# How long an example takes says how busy the machine is.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
# What is found is enough (make mutate): a smaller example takes minutes.
settings.register_profile("as-found", deadline=None, phases=[Phase.generate])

HERE = Path(__file__).parent
SLOW = (
    "agents/test_attacker.py",
    "agents/test_blocks.py",
    "agents/test_borrowers.py",
    "agents/test_commands.py",
    "agents/test_compiled.py",
    "agents/test_in_time.py",
    "agents/test_liquidators.py",
    "agents/test_pairs.py",
    "agents/test_rate_response.py",
    "agents/test_suppliers.py",
    "front",
    "lockstep",
    "market/test_draws.py",
    "market/test_hold_at_low.py",
    "market/test_paths.py",
    "market/test_price_fit.py",
    "market/test_price_shapes.py",
    "market/test_volatility.py",
    "measures/test_binding.py",
    "measures/test_clusters.py",
    "measures/test_coverage.py",
    "measures/test_losses.py",
    "measures/test_paired_losses.py",
    "measures/test_parties.py",
    "measures/test_solvency.py",
    "reference/test_json_schema.py",
    "reference/test_reference.py",
    "report/page",
    "report/test_caveats.py",
    "report/test_crash.py",
    "report/test_crash_figure.py",
    "report/test_crash_table.py",
    "report/test_known_faults.py",
    "report/test_library.py",
    "report/test_lock.py",
    "report/test_new_measure.py",
    "report/test_publish.py",
    "report/test_recommendation.py",
    "scenario/test_book_files.py",
    "scenario/test_people.py",
    "scenario/test_same_positions.py",
    "scenarios",
    "scripts",
    "simulation",
    "starter/test_starter.py",
    "sweep",
    "tape/test_file.py",
    "toolchain",
    "tuning/test_caps.py",
    "tuning/test_known_answer.py",
    "tuning/test_objectives.py",
    "tuning/test_recommend.py",
    "tuning/test_space.py",
)
"""Folders and files that play whole runs, open browsers, start processes or draw many numbers: what
`make test-fast` leaves out, as it does single tests that say `slow` themselves.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in slow folders."""
    slow = {HERE / folder for folder in SLOW}
    is_slow = {
        path: path in slow or not slow.isdisjoint(path.parents)
        for path in {item.path for item in items}
    }
    for item in items:
        if is_slow[item.path]:
            item.add_marker(pytest.mark.slow)
