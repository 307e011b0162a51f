"""Does the toolchain that setup installed import, run and fit together?

Each test uses one piece the way the project does, so that a broken installation names itself here
rather than in the middle of a simulation.
"""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APE = Path(sys.prefix) / "bin" / "ape"
SOLC = ROOT / ".solcx" / "solc-v0.8.30"

ONE_LINE_CONTRACT = "pragma solidity 0.8.30; contract Answer { uint256 public answer = 42; }"

# CALLDATALOAD(32) + CALLDATALOAD(0), stored and returned: the sum of the two words of calldata.
ADD_RUNTIME = bytes.fromhex("6020356000350160005260206000f3")
# Copies what follows these twelve bytes into memory and returns it as the contract's code.
DEPLOY_HEADER = bytes.fromhex(f"60{len(ADD_RUNTIME):02x}600c60003960{len(ADD_RUNTIME):02x}6000f3")


def run(*command: str | Path, stdin: str = "") -> str:
    """Standard output of a command that must succeed and leave standard error empty."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def compile_standard_json(
    sources: dict[str, str], remappings: tuple[str, ...] = (), base_path: Path = ROOT
) -> dict:
    request = {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in sources.items()},
        "settings": {
            "outputSelection": {"*": {"*": ["evm.bytecode.object"]}},
            "remappings": list(remappings),
        },
    }
    answer = run(SOLC, "--standard-json", "--base-path", base_path, stdin=json.dumps(request))
    return json.loads(answer)


# --- Python ---------------------------------------------------------------------------------------


def test_packages_are_the_locked_ones() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)", lock, flags=re.MULTILINE))
    for package in ("eth-ape", "ape-solidity", "ape-foundry", "evm-trace", "numpy", "pyrevm"):
        assert importlib.metadata.version(package) == locked[package]


@pytest.mark.parametrize(
    "module",
    ["ape", "ape_solidity", "ape_foundry", "evm_trace", "web3", "scipy.optimize", "pyarrow"],
)
def test_module_imports(module: str) -> None:
    """In a process of its own: what a package warns of while imported is not ours to fix."""
    run(sys.executable, "-W", "ignore", "-c", f"import {module}")


def test_ape_loads_both_plugins() -> None:
    """With the eth-ape and ape-foundry that pip picks by itself, `ape compile` is missing."""
    listing = run(APE, "plugins", "list")
    assert re.search(r"foundry\s+0\.8\.12", listing)
    assert re.search(r"solidity\s+0\.8\.6", listing)
    assert "--size" in run(APE, "compile", "--help")


def test_project_is_on_the_path_from_any_folder(tmp_path: Path) -> None:
    code = "import os, sys; print(os.environ['SOLCX_BINARY_PATH']); print(*sys.path, sep='\\n')"
    environment = {k: v for k, v in os.environ.items() if k != "SOLCX_BINARY_PATH"}
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    compilers, *path = shown.stdout.splitlines()
    assert Path(compilers) == ROOT / ".solcx"
    assert f"{ROOT}{os.sep}" in path


def test_ape_runs_our_scripts_from_any_folder(tmp_path: Path) -> None:
    """A file beside the caller is read; a folder with scripts of its own has those alone."""
    (tmp_path / "prices.csv").write_text("time,X\n2025-02-02,1\n2025-02-03,2\n")

    def ape(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [APE, "run", *arguments], cwd=folder, capture_output=True, text=True, timeout=120
        )

    done = ape(tmp_path, "import", "prices", "prices.csv")
    assert done.returncode == 0 and done.stdout.startswith("prices.csv: X at time"), done.stderr
    (tmp_path / "other" / "scripts").mkdir(parents=True)
    (tmp_path / "other" / "scripts" / "own.py").write_text("def main():\n    print('mine')\n")
    listing = ape(tmp_path / "other", "--help").stdout
    assert "own" in listing and "crash" not in listing


@pytest.mark.compiled
def test_numba_compiles_for_floats_and_integers() -> None:
    import numba
    import numpy as np

    @numba.njit
    def dot(a, b):
        total = a[0] * b[0]
        for i in range(1, a.size):
            total += a[i] * b[i]
        return total

    assert dot(np.array([1.5, 2.0]), np.array([2.0, 4.0])) == 11.0
    assert dot(np.array([3, 4]), np.array([5, 6])) == 39


def test_pyrevm_runs_bytecode() -> None:
    from pyrevm import EVM

    owner = "0x" + "11" * 20
    evm = EVM(spec_id="CANCUN")
    evm.set_balance(owner, 10**18)
    adder = evm.deploy(owner, DEPLOY_HEADER + ADD_RUNTIME)
    words = (2**255).to_bytes(32, "big") + (41).to_bytes(32, "big")
    assert evm.message_call(owner, adder, calldata=words) == (2**255 + 41).to_bytes(32, "big")


def test_duckdb_reads_a_pandas_frame() -> None:
    import duckdb
    import pandas as pd

    frame = pd.DataFrame({"step": [1, 2, 3], "debt": [10.0, 20.0, 30.0]})
    with duckdb.connect() as database:
        database.register("frame", frame)
        assert database.sql("select sum(debt) from frame where step > 1").fetchall() == [(50.0,)]


# --- Solidity compiler ----------------------------------------------------------------------------


@pytest.mark.chain
def test_solc_answers_its_version() -> None:
    """In the form by which py-solc-x recognises a compiler."""
    assert re.search(r"(\d+\.\d+\.\d+)(\+commit.\w+)", run(SOLC, "--version")).group(1) == "0.8.30"


@pytest.mark.chain
def test_solc_compiles_standard_json() -> None:
    output = compile_standard_json({"Answer.sol": ONE_LINE_CONTRACT})
    bytecode = output["contracts"]["Answer.sol"]["Answer"]["evm"]["bytecode"]["object"]
    assert re.fullmatch(r"[0-9a-f]+", bytecode)


@pytest.mark.chain
def test_solc_finds_openzeppelin_through_the_remapping() -> None:
    token = (
        "pragma solidity 0.8.30;"
        'import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";'
        'contract Token is ERC20("Token", "TKN") {}'
    )
    remapping = ("@openzeppelin/contracts=node_modules/@openzeppelin/contracts",)
    output = compile_standard_json({"Token.sol": token}, remapping)
    assert output["contracts"]["Token.sol"]["Token"]["evm"]["bytecode"]["object"]


@pytest.mark.chain
def test_solc_reads_other_imports_below_the_base_path_only(tmp_path: Path) -> None:
    base = tmp_path / "project"
    base.mkdir()
    for file in (base / "inside.sol", tmp_path / "outside.sol"):
        file.write_text("pragma solidity 0.8.30; contract Imported {}", encoding="utf-8")

    def errors(imported: str) -> list[str]:
        source = f'pragma solidity 0.8.30; import "{imported}";'
        output = compile_standard_json({"A.sol": source}, base_path=base)
        return [e["message"] for e in output["errors"] if e["severity"] == "error"]

    assert errors("inside.sol") == []
    assert "File not found: missing.sol" in errors("missing.sol")[0]
    assert "File not found: x/../../outside.sol" in errors("x/../../outside.sol")[0]


@pytest.mark.chain
def test_solc_refuses_other_arguments() -> None:
    done = subprocess.run([SOLC, "--ast-json"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert "unsupported arguments: --ast-json" in done.stderr


# --- devnet ---------------------------------------------------------------------------------------


@pytest.mark.chain
def test_anvil_is_the_pinned_one() -> None:
    anvil = shutil.which("anvil")
    assert anvil == str(Path(sys.prefix) / "bin" / "anvil")
    assert "1.7.1" in run(anvil, "--version")
