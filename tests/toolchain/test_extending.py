"""docs/extending.md and the two pages beside it are true: every example in them is carried out in
a copy of the tree, edits as many files as the table says, and does what it says.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("extending.md", "extending-contract.md", "extending-agent.md")
DOCUMENT = "\n".join((ROOT / "docs" / page).read_text(encoding="utf-8") for page in PAGES)
ELSEWHERE = {
    "A measure": "tests/report/test_new_measure.py",
    "A protocol contract": "tests/toolchain/test_new_contract.py",
}
"""Examples that are carried out by a test of their own."""

# What must be true in the copy, by heading.
CHECKS = {
    "An agent of your own": """
import sim
did = sim.run(sim.load("saved.yaml"), accounts=12).raw.tape.operations
assert (did.query("step > 0 and kind == 'deposit'").actor_name == "saver").sum() == 1
""",
    "A scenario field": """
import sim
def trades(**overrides):
    did = sim.run(sim.load("single-crash").with_(overrides), accounts=12).raw.tape.operations
    return (did.query("step > 0 and kind == 'swap_in'").actor_name == "arbitrageurs").sum()
assert trades() > 0 == trades(**{"arbitrage.least_profit_usd": 1e12})
""",
    "An asset parameter": """
import numpy as np
import sim
from sim.engines.deployment import reserve_config
from sim.protocol import operations as op
from sim.protocol.errors import BORROW_CAP_EXCEEDED, OK
from sim.protocol.state import BORROW_CAP, CASH, KEEP_CASH, RESERVE, SUPPLY_CAP
from sim.protocol.vault_parameters import packed, unpacked
from sim.world import build
scenario = sim.load("black-thursday").with_({"book.accounts": 12})
s = build(scenario).state
assert not s.reserve[0, :, KEEP_CASH].any()
row = s.reserve[0, 0].copy()
row[KEEP_CASH] = 9_000
assert unpacked(packed(row))[0] == row[:SUPPLY_CAP].tolist()
fields = (0, row[SUPPLY_CAP], row[BORROW_CAP], packed(row))
assert op.set_reserve(s, 0, 0, *fields) == OK and s.reserve[0, 0, KEEP_CASH] == 9_000
assert reserve_config(s, 0, 0)[RESERVE.index("keep_cash_bps")] == 9_000
a, i = next(zip(*np.nonzero(s.position[:, :, 1])))
s.reserve[0, i, KEEP_CASH] = 10_000
assert op.borrow(s, s.account_owner[a], a, i, 1) == BORROW_CAP_EXCEEDED
s.reserve[0, i, KEEP_CASH] = 0
assert op.borrow(s, s.account_owner[a], a, i, 1) != BORROW_CAP_EXCEEDED
kept = scenario.with_({f"protocol.reserves.{s}.keep_cash_bps": 1 for s in scenario.symbols})
assert (build(kept).state.reserve[0, :, KEEP_CASH] == 1).all()
""",
    "An operation": """
import inspect
import sim
from sim.engines.calldata import Encoder
from sim.protocol import operations as op
from sim.protocol.errors import INSUFFICIENT_BALANCE, OK, ZERO_AMOUNT
from sim.protocol.state import POOL_ASSETS, POOL_SHARES, WALLET
from sim.protocol.transaction import entries
from sim.world import build
s = build(sim.load("black-thursday").with_({"book.accounts": 12})).state
assert op.mint_token(s, 1, 0, 500) == OK
before, wallet = s.pool[0].copy(), s.holding[1, 0, WALLET]
assert op.donate(s, 1, 0, 0) == ZERO_AMOUNT
assert op.donate(s, 1, 0, wallet + 1) == INSUFFICIENT_BALANCE
assert op.donate(s, 1, 0, 500) == OK
assert s.pool[0, POOL_ASSETS] == before[POOL_ASSETS] + 500
assert s.pool[0, POOL_SHARES] == before[POOL_SHARES] and s.holding[1, 0, WALLET] == wallet - 500
row = entries(s)[-1]
assert op.DECLARED[row.kind].name == "donate" and op.execute(s, row) == INSUFFICIENT_BALANCE
assert list(inspect.signature(Encoder.donate).parameters) == ["self", "actor", "asset", "amount"]
""",
    "An agent that comes with the house": """
import pandas as pd
import sim
from sim.schema.problems import ScenarioError
sale = {"hours": 2.0, "asset": "WETH", "venue": ["WETH", "USDC"]}
scenario = sim.load("single-crash")
sale["at"] = scenario.start + pd.Timedelta(hours=1)
scenario = scenario.with_({"sell_off": {**sale, "capital_usd": 1e6}})
run = sim.run(scenario, accounts=12)
tape = run.raw.tape
did = tape.operations.query("step > 0 and actor_name == 'seller'")
steps = 2 * 3_600 // scenario.step_seconds
assert len(did) == steps and set(did.kind) == {"swap_in"} and set(did.verdict) == {"ok"}
amounts = did.amount.map(int)
assert amounts.max() - amounts.min() <= 1
mine = tape.agents.query("agent == 'seller'")
assert abs(mine.wallet_usd.iloc[0] - 1e6) < 1 and "seller" in set(tape.parties.party)
try:
    scenario.with_({"sell_off.venue": ["WETH", "ETH"]})
except ScenarioError as error:
    assert "sell_off.venue: no such venue" in str(error)
else:
    raise AssertionError
assert "seller" not in set(sim.run("single-crash", accounts=12).raw.tape.operations.actor_name)
""",
    "A number per path": """
import numpy as np
import sim
from sim.engines.exact import run
from sim.engines.outcome import DEBT, MOST_DEBT, OUTCOME, conclude, follow, width
from sim.world import build
assert OUTCOME[MOST_DEBT] == "most_debt"
world = build(sim.load("single-crash").with_({"book.accounts": 12}))
outcome, seen = np.full(width(len(world.symbols)), 0, dtype=object), []
for k, _, _ in run(world):
    if k:
        follow(world.state, world.market, k, outcome)
        seen.append(outcome[MOST_DEBT])
conclude(world.state, world.market, world.scenario.steps, outcome)
assert seen == sorted(seen) and 0 < outcome[DEBT] <= outcome[MOST_DEBT] == seen[-1]
""",
    "A path model": """
import numpy as np
import sim
from sim.market.paths import draw
scenario = sim.load("single-crash").with_({
    "paths": {
        "model": "reverting", "half_life_hours": 1.0, "volatility_per_sqrt_year": {"WETH": 1.0}
    }
})
prices, level = draw(scenario, "mc", 0, 4_000), draw(scenario, "mc", 0, 1)
i = scenario.symbols.index("WETH")
moved = np.log(prices[:, -1, i])
left = 0.5 ** (scenario.step_seconds / 3_600)
expected = scenario.step_seconds / (365 * 86_400) / (1 - left**2)
assert abs(moved.var() / expected - 1) < 4 * np.sqrt(2 / 4_000)
other = scenario.symbols.index("USDC")
assert (prices[:, :, other] == prices[0, :, other]).all()
""",
}


class Block(NamedTuple):
    """A block of code of the document that is about a file."""

    kind: str
    file: str
    text: str


def sections() -> dict[str, list[Block]]:
    """Headings with the blocks below them whose first line names a file."""
    found: dict[str, list[Block]] = {}
    for part in DOCUMENT.split("\n## ")[1:]:
        fenced = re.findall(r"^```(\w+)\n# (\S+)\n(.*?)^```$", part, flags=re.DOTALL | re.MULTILINE)
        found[part.split("\n", 1)[0]] = [Block(*block) for block in fenced]
    return found


def carried_out(blocks: list[Block], tree: Path) -> None:
    """Write what the blocks say: whole files, and edits each of whose contexts is there once."""
    for block in blocks:
        path = tree / block.file
        if block.kind != "diff":
            assert not path.exists(), f"{block.file} is there already"
            path.write_text(block.text, encoding="utf-8")
            continue
        text = path.read_text(encoding="utf-8")
        for hunk in block.text.split("@@\n"):
            lines = hunk.splitlines(keepends=True)
            assert {line[0] for line in lines} <= set(" +-\n"), f"{block.file}: {hunk}"
            old = "".join(line[1:] or line for line in lines if line[0] != "+")
            new = "".join(line[1:] or line for line in lines if line[0] != "-")
            assert text.count(old) == 1, f"{block.file} has this {text.count(old)} times:\n{old}"
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")


def costs() -> dict[str, int]:
    """The files of the product that the document's table says an addition edits, by anchor."""
    rows = re.findall(r"^\| \[.*?\]\((?:\S+\.md)?#(\S+)\) \| (\d+)", DOCUMENT, flags=re.MULTILINE)
    return {anchor: int(files) for anchor, files in rows}


def anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder in ("sim", "contracts"):
        unneeded = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=unneeded)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_row_of_the_table_has_its_example() -> None:
    assert set(costs()) == {anchor(heading) for heading in sections()}
    assert set(CHECKS) <= set(sections())
    for heading in set(sections()) - set(CHECKS):
        assert (ROOT / ELSEWHERE[heading]).exists()


@pytest.mark.parametrize("heading", CHECKS)
def test_the_example_does_what_it_says(heading: str, tree: Path) -> None:
    blocks = sections()[heading]
    carried_out(blocks, tree)
    product = {block.file for block in blocks if block.file.startswith(("sim/", "contracts/"))}
    assert len(product) == costs()[anchor(heading)]
    if heading == "An agent of your own":
        (lines,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT, flags=re.DOTALL)
        (tree / "saved.yaml").write_text(lines, encoding="utf-8")
    python = [file for file in sorted(product) if file.endswith(".py")]
    for command in (["check"], ["format", "--check"]) if python else ():
        _run([str(Path(sys.executable).with_name("ruff")), *command, "--no-cache", *python], tree)
    _run([sys.executable, "-c", CHECKS[heading]], tree)


@pytest.mark.chain
@pytest.mark.parametrize("heading", ["An asset parameter", "An operation"])
def test_the_contract_of_the_example_compiles(heading: str, tree: Path) -> None:
    """Types and all; what it does is the twin's, and a line of the fuzzer's."""
    carried_out(sections()[heading], tree)
    sources = {
        name: {"content": path.read_text(encoding="utf-8")}
        for folder in (tree / "contracts", ROOT / "node_modules" / "@openzeppelin" / "contracts")
        for path in sorted(folder.rglob("*.sol"))
        for name in [_source_name(path, tree)]
        if not name.startswith(("contracts/mocks", "@openzeppelin/contracts/mocks"))
    }
    wanted = {name for name in sources if name.startswith("contracts/")}
    request = {
        "language": "Solidity",
        "sources": sources,
        "settings": {"outputSelection": {name: {"*": ["abi"]} for name in wanted}},
    }
    answer = subprocess.run(
        [str(ROOT / "tools" / "solc"), "--standard-json"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(answer.stdout)
    of_ours = [
        one["formattedMessage"]
        for one in found.get("errors", [])
        if one["severity"] == "error" or one["sourceLocation"]["file"].startswith("contracts/")
    ]
    assert of_ours == []
    assert "Vault" in found["contracts"]["contracts/Vault.sol"]


def _source_name(path: Path, tree: Path) -> str:
    base = tree if path.is_relative_to(tree) else ROOT / "node_modules"
    return path.relative_to(base).as_posix()


def _run(command: list[str], tree: Path) -> None:
    """A command in the copy, which must succeed."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
