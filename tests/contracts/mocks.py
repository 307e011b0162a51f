"""The contracts in Mocks.sol, compiled when a test first asks for one.

They live here and not in contracts/, because nothing but these tests has a use for them.
"""

from functools import cache
from pathlib import Path

import ape
import solcx
from ethpm_types import ContractType

SOURCE = Path(__file__).with_name("Mocks.sol")
OUTPUTS = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"]


@cache
def mock(name: str):
    """A container to deploy from, as `project.Name` is for the project's own contracts."""
    compiled = _compiled()[name]
    return ape.contracts.ContractContainer(  # spelt out: at import time it would warn of websockets
        ContractType(
            contractName=name,
            abi=compiled["abi"],
            deploymentBytecode={"bytecode": "0x" + compiled["evm"]["bytecode"]["object"]},
            runtimeBytecode={"bytecode": "0x" + compiled["evm"]["deployedBytecode"]["object"]},
        )
    )


@cache
def _compiled() -> dict:
    request = {
        "language": "Solidity",
        "sources": {SOURCE.name: {"content": SOURCE.read_text(encoding="utf-8")}},
        "settings": {"evmVersion": "cancun", "outputSelection": {"*": {"*": OUTPUTS}}},
    }
    return solcx.compile_standard(request, solc_version="0.8.30")["contracts"][SOURCE.name]
