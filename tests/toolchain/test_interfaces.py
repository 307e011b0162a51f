"""An integrator needs the interface alone: all that a contract answers, tells and refuses is
declared and documented there, once, and the contract says `@inheritdoc`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import solcx
from eth_utils.abi import abi_to_signature

pytestmark = pytest.mark.chain

ROOT = Path(__file__).parents[2]
CONTRACTS = ROOT / "contracts"
PACKAGES = {"@openzeppelin/contracts": "node_modules/@openzeppelin/contracts"}
IMPLEMENTATIONS = sorted(
    path.stem
    for path in CONTRACTS.rglob("*.sol")
    if path.parent.name not in ("interfaces", "libraries", "mocks")
    and f"\ncontract {path.stem} " in path.read_text(encoding="utf-8")
    and path.stem != "Lens"  # reads for this project's comparison of chain and twin
)
KINDS = {"function": "methods", "event": "events", "error": "errors"}
OPENINGS = {"event": ("Emitted on ", "Emitted when "), "error": ("Thrown when ",)}

every = pytest.mark.parametrize("name", IMPLEMENTATIONS)


@cache
def compiled() -> dict[str, Any]:
    """What the compiler says of every contract, packages included; nothing is generated."""
    sources = {
        str(path.relative_to(ROOT)): {"content": path.read_text(encoding="utf-8")}
        for path in CONTRACTS.rglob("*.sol")
    }
    request = {
        "language": "Solidity",
        "sources": sources,
        "settings": {
            "evmVersion": "cancun",
            "remappings": [f"{name}={folder}" for name, folder in PACKAGES.items()],
            "outputSelection": {"*": {"*": ["abi", "userdoc"], "": ["ast"]}},
        },
    }
    return solcx.compile_standard(
        request, solc_version="0.8.30", base_path=ROOT, allow_paths=[str(ROOT)]
    )


def ours() -> dict[str, Any]:
    """ABI and user documentation by name."""
    by_file = compiled()["contracts"]
    return {
        name: one
        for file in by_file
        if file.startswith("contracts/")
        for name, one in by_file[file].items()
    }


@cache
def nodes() -> dict[str, Any]:
    """The definition of every contract of ours by name, as the compiler parsed it."""
    found = {}
    for file, source in compiled()["sources"].items():
        for node in source["ast"]["nodes"]:
            if file.startswith("contracts/") and node["nodeType"] == "ContractDefinition":
                found[node["name"]] = node
    return found


def line_of(name: str) -> list[Any]:
    """The contract and the contracts of ours that it is made of, the most basic first."""
    by_id = {node["id"]: node for node in nodes().values()}
    bases = (by_id.get(base) for base in reversed(nodes()[name]["linearizedBaseContracts"]))
    return [node for node in bases if node and node["contractKind"] == "contract"]


def public(node: Any) -> list[Any]:
    """What a contract or interface adds to the ABI by functions and public variables, in order."""
    return [
        member
        for member in node["nodes"]
        if (member["nodeType"] == "FunctionDefinition" and member["kind"] == "function")
        or member["nodeType"] == "VariableDeclaration"
        if member["visibility"] in ("public", "external")
    ]


@cache
def theirs() -> set[tuple[str, str]]:
    """What OpenZeppelin's contracts answer, tell and refuse; it is documented there."""
    return {
        (entry["type"], abi_to_signature(entry))
        for file, by_name in compiled()["contracts"].items()
        if file.startswith("node_modules/")
        for one in by_name.values()
        for entry in one["abi"]
        if entry["type"] in KINDS
    }


def entries(name: str) -> set[tuple[str, str]]:
    """(kind, signature) of all that the contract's ABI has and OpenZeppelin's have not."""
    abi = ours()[name]["abi"]
    return {(e["type"], abi_to_signature(e)) for e in abi if e["type"] in KINDS} - theirs()


def test_they_are_all_there() -> None:
    assert {
        "Vault",
        "LiquidityHub",
        "OracleRouter",
        "InsuranceFund",
        "HubShare",
        "TargetHealth",
    } < set(IMPLEMENTATIONS)
    assert len(IMPLEMENTATIONS) >= 10
    assert all(entries(name) for name in IMPLEMENTATIONS)
    assert len(entries("Vault")) > 60


@every
def test_the_interface_is_complete(name: str) -> None:
    assert entries(name) - entries(f"I{name}") == set()


@every
def test_and_documents_each_of_them(name: str) -> None:
    said = ours()[f"I{name}"]["userdoc"]
    for kind, signature in sorted(entries(f"I{name}")):
        found = said.get(KINDS[kind], {}).get(signature)
        notices = found if kind == "error" else [found]
        assert notices and all(one and one.get("notice") for one in notices), (kind, signature)
        for one in notices:
            assert one["notice"].startswith(OPENINGS.get(kind, "")), (kind, signature)
    for member in public(nodes()[f"I{name}"]):  # also where it says more than OpenZeppelin
        assert (member.get("documentation") or {}).get("text", "").startswith("@notice "), member


@every
def test_the_contract_repeats_nothing(name: str) -> None:
    """Its own words are `@dev`, on how; events and errors are declared in interfaces only."""
    for node in line_of(name):
        kinds = {member["nodeType"] for member in node["nodes"]}
        assert not kinds & {"EventDefinition", "ErrorDefinition"}, node["name"]
        for member in public(node):
            text = (member.get("documentation") or {}).get("text", "")
            assert text.startswith("@inheritdoc I"), (node["name"], member["name"])
            for tag in ("@notice", "@param", "@return"):
                assert tag not in text, (node["name"], member["name"])


@every
def test_both_have_the_same_order(name: str) -> None:
    declared = [member["name"] for member in public(nodes()[f"I{name}"])]
    there = [member["name"] for node in line_of(name) for member in public(node)]
    assert declared == [one for one in there if one in declared]


def test_warnings_are_for_developers() -> None:
    """`@dev Warning:`, never in the middle of a paragraph: what goes wrong if it is not heeded."""
    found = 0
    for name, node in nodes().items():
        if node["contractKind"] != "interface":
            continue
        for member in node["nodes"]:
            text = (member.get("documentation") or {}).get("text", "")
            found += text.count("@dev Warning:")
            assert text.count("Warning:") == text.count("@dev Warning:"), (name, member["name"])
    assert found >= 10
