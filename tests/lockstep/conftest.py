"""Says at the end what random operations came to."""

from __future__ import annotations

from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """A line of carried out and refused per kind of operation, of each test that counted them; and
    per case, which has a blank in its name, for an operation of it is counted as its kind.
    """
    for report in terminalreporter.getreports("passed"):
        if not report.user_properties or report.when != "call":
            continue
        terminalreporter.section(report.nodeid.partition("[")[2].rstrip("]"), sep="-")
        total = sum(sum(counts) for name, counts in report.user_properties if " " not in name)
        terminalreporter.line(f"{total:,} operations, carried out and refused")
        for name, (done, refused) in report.user_properties:
            terminalreporter.line(f"{name:18}{done:>10,}{refused:>10,}")
