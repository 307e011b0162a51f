"""What Slither finds in the contracts, held against what was looked at: make lint.

Slither reads what the project's own compiler says of contracts and libraries, with the settings of
ape-config.yaml. Each finding must be one of contracts/slither.yaml, which says why it stays: by
check, and by contract.function where that matters. A finding that is not there fails, and so does
an entry that nothing is found for any more.
"""

from __future__ import annotations

import inspect
import json
import logging
import os
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from crytic_compile import CryticCompile
from crytic_compile.platform.solc_standard_json import SolcStandardJson
from slither import Slither
from slither.detectors import all_detectors
from slither.detectors.abstract_detector import AbstractDetector

ROOT = Path(__file__).resolve().parents[1]
LOOKED_AT = ROOT / "contracts" / "slither.yaml"
_LEFT_OUT = ("mocks",)
"""Folders of contracts that are wrong on purpose."""
_IMPACTS = ("High", "Medium", "Low")
"""What is judged; the rest is style and gas, which have checks of their own."""


class Finding(NamedTuple):
    """One thing that one check says of one place."""

    impact: str
    check: str
    where: str
    """Contract.function, or the contract."""
    text: str


def findings(root: Path = ROOT) -> list[Finding]:
    """All of them, of the contracts below `root`, which must be the working directory, too."""
    config: dict[str, Any] = yaml.safe_load((root / "ape-config.yaml").read_text())["solidity"]
    sources = {
        str(path.relative_to(root)): {"content": path.read_text()}
        for path in sorted((root / "contracts").rglob("*.sol"))
        if path.parent.name not in _LEFT_OUT
    }
    asked = {
        "language": "Solidity",
        "sources": sources,
        "settings": {
            "remappings": config["import_remapping"],
            "evmVersion": config["evm_version"],
            "optimizer": {"enabled": True, "runs": config["optimization_runs"]},
            "viaIR": config["via_ir"],
            "outputSelection": {"*": {"": ["ast"]}},  # all that Slither reads: no bytecode is made
        },
    }
    logging.getLogger("CryticCompile").setLevel(logging.ERROR)  # solc's warnings of packages
    compiled = CryticCompile(SolcStandardJson(asked), solc=str(root / "tools" / "solc"))
    slither = Slither(compiled)
    for _, detector in inspect.getmembers(all_detectors, inspect.isclass):
        if issubclass(detector, AbstractDetector) and detector is not AbstractDetector:
            slither.register_detector(detector)
    return list(_ours(slither.run_detectors()))


def _ours(results: list[list[dict[str, Any]]]) -> Iterator[Finding]:
    for found in (one for results_of_check in results for one in results_of_check):
        first = found["elements"][0]
        file = first["source_mapping"]["filename_relative"]
        if file.startswith("contracts/") and found["impact"] in _IMPACTS:
            text = " ".join(found["description"].split())
            yield Finding(found["impact"], found["check"], _where(first), text)


def _where(element: dict[str, Any]) -> str:
    """Contract.function of an element of either, or of what is within."""
    names: list[str] = []
    one: dict[str, Any] | None = element
    while one:
        if one["type"] in ("function", "contract"):
            names.insert(0, one["name"])
        one = one.get("type_specific_fields", {}).get("parent")
    return ".".join(names)


def judged(found: list[Finding], looked_at: list[dict[str, str]]) -> list[str]:
    """What is wrong: findings that nobody looked at, and entries without a finding."""

    def covers(entry: dict[str, str], one: Finding) -> bool:
        return fnmatch(one.check, entry["check"]) and fnmatch(one.where, entry.get("where", "*"))

    new = [
        f"{one.impact} {one.check} in {one.where}: {one.text[:300]}"
        for one in found
        if not any(covers(entry, one) for entry in looked_at)
    ]
    gone = [
        f"nothing is found any more for {json.dumps(entry)}"
        for entry in looked_at
        if not any(covers(entry, one) for one in found)
    ]
    return new + gone


def main() -> None:
    """Print a line, or what is wrong with exit code 1."""
    os.chdir(ROOT)
    looked_at = yaml.safe_load(LOOKED_AT.read_text())
    found = findings()
    if problems := judged(found, looked_at):
        sys.exit("\n".join([*problems, f"slither: fix it, or say in {LOOKED_AT} why it stays"]))
    print(f"slither: {len(found)} findings, all looked at ({LOOKED_AT.relative_to(ROOT)})")


if __name__ == "__main__":
    main()
