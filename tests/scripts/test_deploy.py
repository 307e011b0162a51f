"""`ape run deploy`: the protocol on a network, the list of addresses, and what to type next."""

import json
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scripts.commands import BIN, ROOT, STORM, ape, here

pytestmark = pytest.mark.chain

CONTRACTS = {
    "LiquidityHub",
    "InsuranceFund",
    "OracleRouter",
    "CloseFactor",
    "Vault",
    "VaultLiquidation",
    "VaultParameters",
    "Liquidator",
    "Lens",
    "TestToken",
    "PriceFeed",
    "HubShare",
    "ConstantProductPair",
}


@pytest.fixture
def node() -> Iterator[str]:
    """Address of an anvil that stays while commands come and go."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [BIN / "anvil", "--silent", "--hardfork", "cancun", "--port", str(port)], cwd=ROOT
    )
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def recorded(out: Path) -> dict:
    (path,) = out.iterdir()
    return json.loads(path.read_text())


def test_on_the_network_in_python(tmp_path: Path) -> None:
    done = ape("run", "deploy", "--network", "ethereum:local:test", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    record = recorded(tmp_path)
    assert record["network"] == "ethereum:local:test"
    assert record["scenario"] == "black-thursday"
    assert {one["contract"] for one in record["contracts"]} == CONTRACTS
    assert len({one["address"] for one in record["contracts"]}) == len(record["contracts"])
    for one in record["contracts"]:
        line = rf"{one['address']} {one['contract']} +{re.escape(one['name'])} *$"
        assert re.search(line, done.stdout, re.MULTILINE), one
    assert max(map(len, done.stdout.split("\n\n")[0].splitlines())) <= 80


def test_on_anvil_and_at_once_usable(node: str, tmp_path: Path) -> None:
    """The three lines that it prints do what they say in a console on the same node."""
    done = ape("run", "deploy", "--preset", STORM, "--out", tmp_path, APE_FOUNDRY_HOST=node)
    assert done.returncode == 0, done.stderr
    assert recorded(tmp_path)["network"] == "ethereum:local:foundry"
    lines = [line.strip() for line in done.stdout.splitlines()[-3:]]
    console = ape("console", "-c", "\n".join(lines), APE_FOUNDRY_HOST=node)
    assert console.returncode == 0, console.stderr
    worth = 2_000 * 10**8  # one WETH
    assert f"collateralValue={worth}, " in console.stdout
    assert "debtValue=0, " in console.stdout
    assert "pricesOk=True" in console.stdout


def test_unknown_preset_is_1(tmp_path: Path) -> None:
    options = ("--network", "ethereum:local:test", "--preset", "sunday", "--out", tmp_path / "x")
    done = ape("run", "deploy", *options)
    assert done.returncode == 1
    assert "'sunday'" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "x").exists()


def test_record_that_cannot_be_written_is_2(tmp_path: Path) -> None:
    """Before anything is deployed."""
    (tmp_path / "x").write_text("mine")
    done = here("run", "deploy", "--network", "ethereum:local:test", "--out", tmp_path / "x")
    assert done.returncode == 2 and "'--out'" in done.stderr
