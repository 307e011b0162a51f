"""Compiled contracts: in a checkout as ape keeps them and `sim.engines.solidity` keeps them up to
date, elsewhere as the package carries them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from eth_utils.abi import (
    event_abi_to_log_topic,
    function_abi_to_4byte_selector,
    get_abi_input_types,
)
from web3 import Web3

from sim import packaged

ROOT = Path(__file__).resolve().parents[2]


class Artifact(NamedTuple):
    """ABI, creation code and storage of one contract."""

    name: str
    abi: list[Any]
    bytecode: str
    layout: dict[str, Any]
    """What solc says of its storage, see `sim.engines.layouts`."""

    def creation(self, *arguments: Any) -> bytes:
        """Creation code with encoded constructor arguments."""
        made = [entry for entry in self.abi if entry["type"] == "constructor"]
        assert made or not arguments
        return bytes.fromhex(self.bytecode) + b"".join(_encoded(one, arguments) for one in made)

    def call(self, function: str, *arguments: Any) -> bytes:
        """Calldata of a function call."""
        (entry,) = (
            entry
            for entry in self.abi
            if entry["type"] == "function"
            and entry["name"] == function
            and len(entry["inputs"]) == len(arguments)
        )
        return function_abi_to_4byte_selector(entry) + _encoded(entry, arguments)

    def selector(self, function: str) -> bytes:
        """First four bytes of a function's calldata; the function must not be overloaded."""
        (entry,) = (e for e in self.abi if e["type"] == "function" and e["name"] == function)
        return function_abi_to_4byte_selector(entry)


def _encoded(entry: Any, arguments: tuple[Any, ...]) -> bytes:
    encoded: bytes = _codec().encode(get_abi_input_types(entry), arguments)
    return encoded


@cache
def _codec() -> Any:
    return Web3().codec  # without the contract objects around it, which take ten times as long


@cache
def contracts() -> dict[str, Artifact]:
    """Every contract by name; in a checkout, compiled first if anything changed."""
    if (ROOT / "ape-config.yaml").is_file():
        return compiled()
    return {name: Artifact(name, **one) for name, one in packaged.contracts().items()}


def compiled() -> dict[str, Artifact]:
    """Those of this checkout."""
    return artifacts(ROOT)


def plain(found: dict[str, Artifact]) -> dict[str, Any]:
    """As `sim.packaged` keeps them."""
    kept = ("abi", "bytecode", "layout")
    return {name: {part: getattr(one, part) for part in kept} for name, one in found.items()}


def artifacts(root: Path) -> dict[str, Artifact]:
    """The same of the project in any folder, as it is now."""
    import ape  # not needed, and a second slower, where nothing touches a chain

    from sim.engines.solidity import layouts, up_to_date

    found = {}
    project = up_to_date(ape.Project(root))
    storage = layouts(project)
    for name, contract in (project.manifest.contract_types or {}).items():
        code = contract.get_deployment_bytecode()
        abi = [entry.model_dump(mode="json") for entry in contract.abi]
        found[name] = Artifact(name, abi, code.hex() if code else "", storage.get(name, {}))
    return found


@cache
def error_names() -> dict[bytes, str]:
    """Selector of every custom error of the project -> its name."""
    names = {}
    for artifact in contracts().values():
        for entry in artifact.abi:
            if entry["type"] == "error":
                names[function_abi_to_4byte_selector(entry)] = entry["name"]
    return names


@cache
def event_topics() -> dict[bytes, Any]:
    """First topic of every event of the project -> its ABI entry."""
    return {
        event_abi_to_log_topic(entry): entry
        for artifact in contracts().values()
        for entry in artifact.abi
        if entry["type"] == "event"
    }
