"""`ape run crash --keep`: a devnet in the middle of a crash, for other processes, and its end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from web3 import Web3

from scripts.crash import cli
from sim.protocol import operations as op
from sim.protocol import vault_accounts
from sim.protocol.errors import OK
from sim.scenario import load as load_scenario
from sim.tape import load
from sim.terminal.at_step import DEVNET, step_of
from tests.scripts.commands import BIN, ROOT, STORM, anvils_of, ape, here, is_gone
from tests.tape.storm import play, storm

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
STEP = 20
"""Of 48; prices are near their lowest, and three accounts are below a health of 1."""


class Kept:
    """A devnet that stays, its process and what it said."""

    def __init__(self, process: subprocess.Popen[str], out: Path, said: list[str]) -> None:
        self.process, self.out, self.said = process, out, said
        self.devnet: dict[str, Any] = json.loads((out / DEVNET).read_text())
        self.node = Web3(Web3.HTTPProvider(self.devnet["url"]))
        self.address = {one["name"]: one["address"] for one in self.devnet["contracts"]}
        self.vault = self.contract("vault", "Vault")

    def contract(self, name: str, kind: str) -> Any:
        return self.node.eth.contract(self.address[name], abi=self.devnet["abi"][kind])


@contextmanager
def kept(folder: Path) -> Iterator[Kept]:
    """`ape run crash --keep --at`, no terminal anywhere."""
    out = folder / "kept"
    command = [BIN / "ape", "run", "crash", STORM, "--out", out, "--keep", "--at", str(STEP)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said: list[str] = []
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if "the lowest, of" in line:
                break
        else:
            raise AssertionError("".join(said))
        yield Kept(process, out, said)
    finally:
        process.kill()
        process.communicate(timeout=30)


@linux
@pytest.mark.chain
def test_others_meet_the_protocol_as_the_twin_left_it_and_go_on(tmp_path: Path) -> None:
    with kept(tmp_path) as one:
        world, _ = play(storm(), STEP)
        _is_as_the_twin(one, world)
        time.sleep(2.2)
        _is_as_the_twin(one, world)  # no time has passed there
        _liquidates_with_a_key(one, world)
        _borrows_for_somebody_without_one(one, world)
        _console_shows_the_worst(one)
        _program_of_the_docs_runs(one)
        (anvil,) = anvils_of(one.process)
        one.process.send_signal(signal.SIGINT)
        said, _ = one.process.communicate(timeout=30)
        assert one.process.returncode == 0 and "The devnet is gone." in said
        assert is_gone(anvil)
        row = load(one.out / "tape.duckdb").run.iloc[0]
        assert (row["steps_done"], row["complete"], row["differences"]) == (STEP, False, 0)
        assert row["values_compared"] > 3_000
        left = {path.name for path in one.out.iterdir()}
        assert left == {"tape.duckdb", "crash.svg", "crash.png"}


def _is_as_the_twin(one: Kept, world: Any) -> None:
    """Every number of every account's health, and what the file says of it."""
    s = world.state
    now = one.node.eth.get_block("latest")["timestamp"]
    assert now == world.market.time[STEP] == s.clock[0]
    assert len(one.devnet["accounts"]) == len(s.account) == 24
    below = 0
    for a, account in enumerate(one.devnet["accounts"]):
        expected = vault_accounts.health(s, a)
        assert _health(one, account) == expected
        owes = vault_accounts.has_debt(s, a)
        assert account["health"] == (str(expected.factor) if owes else None)
        below += expected.factor < 10**18
        for i, symbol in enumerate(world.symbols):
            position = account["positions"].get(symbol, {"supplied": 0, "debt": 0})
            assert int(position["debt"]) == vault_accounts.debt_assets(s, a, i)
            assert int(position["supplied"]) == vault_accounts.supplied_assets(s, a, i)
    assert below == 3


def _health(one: Kept, account: dict[str, Any]) -> vault_accounts.Health:
    assert account["vault"] == one.vault.address
    found = one.vault.functions.health(int(account["id"])).call()
    return vault_accounts.Health(*found)


def _liquidates_with_a_key(one: Kept, world: Any) -> None:
    """Signed outside, mined without anybody's doing; the twin comes to the same."""
    s, (a, account) = world.state, _worst(one)
    repaid = 10**9
    (usdc, wbtc) = (world.symbols.index(symbol) for symbol in ("USDC", "WBTC"))
    token = one.contract("USDC token", "TestToken")
    begin = world.market.time[STEP]
    assert _sign(one, token.functions.mint(one.devnet["key"]["address"], repaid)) == begin + 1
    assert _sign(one, token.functions.approve(one.vault.address, repaid)) == begin + 2
    assets = (token.address, one.address["WBTC token"])
    call = one.vault.functions.liquidate(int(account["id"]), *assets, repaid, 0, False, b"")
    s.clock[0] = _sign(one, call)
    assert s.clock[0] == begin + 3
    liquidator = 5
    assert op.mint_token(s, liquidator, usdc, repaid) == OK
    before = vault_accounts.debt_assets(s, a, usdc)
    assert op.liquidate(s, liquidator, a, usdc, wbtc, repaid, 0, 0) == OK
    assert before - vault_accounts.debt_assets(s, a, usdc) in (repaid, repaid - 1)
    assert _health(one, account) == vault_accounts.health(s, a)


def _worst(one: Kept) -> tuple[int, dict[str, Any]]:
    owing = [account for account in one.devnet["accounts"] if account["health"]]
    worst = min(owing, key=lambda account: int(account["health"]))
    return worst["account"], worst


def _sign(one: Kept, call: Any) -> int:
    """Send it, signed with the key of the file; the time of its block."""
    address, key = one.devnet["key"].values()
    nonce = one.node.eth.get_transaction_count(address)
    gas = call.estimate_gas({"from": address}, "pending")  # of the block that it will be in
    unsigned = call.build_transaction({"from": address, "nonce": nonce, "gas": gas})
    assert unsigned["chainId"] == one.devnet["chain_id"]
    raw = one.node.eth.account.sign_transaction(unsigned, key).raw_transaction
    receipt = one.node.eth.wait_for_transaction_receipt(one.node.eth.send_raw_transaction(raw), 5)
    assert receipt["status"] == 1
    return int(one.node.eth.get_block(receipt["blockNumber"])["timestamp"])


def _borrows_for_somebody_without_one(one: Kept, world: Any) -> None:
    """The node acts for the owner of the account that is safest of those that owe."""
    s, usdc = world.state, world.symbols.index("USDC")
    owing = [account for account in one.devnet["accounts"] if account["health"]]
    best = max(owing, key=lambda account: int(account["health"]))
    a, owner = best["account"], best["owner"]
    token, amount = one.address["USDC token"], 2_000 * 10**6
    call = one.vault.functions.borrow(int(best["id"]), token, amount, owner)
    receipt = one.node.eth.wait_for_transaction_receipt(call.transact({"from": owner}), 5)
    assert receipt["status"] == 1
    s.clock[0] = one.node.eth.get_block(receipt["blockNumber"])["timestamp"]
    borrowed = op.borrow(s, int(s.account_owner[a]), a, usdc, amount)
    assert borrowed == OK
    assert _health(one, best) == vault_accounts.health(s, a)
    assert vault_accounts.health(s, a).factor < int(best["health"])


def _console_shows_the_worst(one: Kept) -> None:
    """The lines that were printed do what they say."""
    told = [line.strip() for line in one.said]
    words = told[told.index("In another shell:") + 1].split()
    name, _, host = words[0].partition("=")
    assert name == "APE_FOUNDRY_HOST"
    assert words[1:] == ["ape", "console", "--network", "ethereum:local:foundry"]
    lines = told[told.index("In another shell:") + 2 :]
    console = ape("console", *words[3:], "-c", "\n".join(lines), APE_FOUNDRY_HOST=host)
    assert console.returncode == 0, console.stderr
    _, worst = _worst(one)
    shown = re.search(r"Out\[\d+\]: (0\.\d+)", console.stdout)
    assert shown and float(shown[1]) == _health(one, worst).factor / 1e18


def _program_of_the_docs_runs(one: Kept) -> None:
    text = (ROOT / "docs" / "devnet.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert "out/kept/devnet.json" in program
    a, worst = _worst(one)
    owed = one.vault.functions.debtAssets(int(worst["id"]), one.address["USDC token"])
    before = owed.call()
    done = subprocess.run(
        [sys.executable, "-c", program.replace("out/kept", str(one.out))],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert f"account {a}: took" in done.stdout
    assert owed.call() < before


@linux
@pytest.mark.chain
@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL], ids=["term", "kill"])
def test_no_devnet_is_left_however_the_command_ends(by: signal.Signals, tmp_path: Path) -> None:
    with kept(tmp_path) as one:
        (anvil,) = anvils_of(one.process)
        assert not is_gone(anvil, within_seconds=0.1)
        one.process.send_signal(by)
        one.process.communicate(timeout=30)
        assert one.process.returncode == (0 if by == signal.SIGTERM else -by)
        assert is_gone(anvil)
        assert (one.out / DEVNET).exists() == (by == signal.SIGKILL)
    if by == signal.SIGKILL:
        again = here("run", "crash", STORM, "--engine", "exact", "--out", one.out, "--overwrite")
        assert again.returncode == 0 and not (one.out / DEVNET).exists()


@linux
@pytest.mark.chain
def test_a_devnet_that_ends_by_itself_ends_the_command(tmp_path: Path) -> None:
    with kept(tmp_path) as one:
        (anvil,) = anvils_of(one.process)
        os.kill(anvil, signal.SIGKILL)
        said, _ = one.process.communicate(timeout=30)
        assert one.process.returncode == 1
        assert "The devnet ended: it ended with code -9" in said
        assert not (one.out / DEVNET).exists() and (one.out / "tape.duckdb").exists()


def test_steps_by_number_and_time() -> None:
    """Of eight hours from midnight in steps of ten minutes, and of two days."""
    scenario = storm()
    for at, step in {
        "0": 0,
        "48": 48,
        "03:20": 20,
        "3:29:59": 20,
        "2021-06-01T03:20": 20,
        "2021-06-01 03:30 UTC": 21,
        "2021-06-01T04:30Z": 27,
        "2021-06-01T04:30+01:00": 21,
        "2021-06-01T08:00:00": 48,
    }.items():
        assert step_of(scenario, at) == step, at
    two_days = load_scenario("black-thursday")
    assert step_of(two_days, "2020-03-13T02:25") == (24 * 60 + 2 * 60 + 25) // 5
    with pytest.raises(ValueError, match=r"comes 2 times .* like 2020-03-13T02:25"):
        step_of(two_days, "02:25")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--keep", "--at", "49"], "0 to 48"),
        (["--keep", "--at", "-1"], "is not in the run"),
        (["--keep", "--at", "09:00"], "comes 0 times"),
        (["--keep", "--at", "2021-06-01T08:10"], "2021-06-01 08:00 UTC"),
        (["--keep", "--at", "2021-05-31T23:59"], "is not in the run"),
        (["--keep", "--at", "noon"], "neither a step nor a time"),
        (["--keep", "--at", ""], "neither a step nor a time"),
        (["--at", "3"], "add --keep"),
        (["--keep", "--engine", "exact"], "the exact engine has no devnet that could stay"),
        (["--keep", "--engine", "revm"], "leave out --engine revm"),
    ],
)
def test_what_cannot_be_kept_is_refused(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, [str(STORM), "--out", str(tmp_path / "out"), *arguments])
    assert done.exit_code == 2, done.output
    assert message in " ".join(done.output.split()) and "Traceback" not in done.output
    assert not (tmp_path / "out").exists()
