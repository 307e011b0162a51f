"""Whoever loads contracts gets those of the sources, packages, settings and compiler of now.

Tests use a small project of its own, with a compiler and packages of its own; what its bytecode
should be says ape, compiling a copy of it from nothing. A changed checkout of this one is in
tests/toolchain/test_new_contract.py.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import ape
import pytest
from ape.exceptions import CompilerError

from sim.engines.ape_deployer import ApeDeployer
from sim.engines.artifacts import artifacts
from sim.engines.solidity import up_to_date
from tests.scripts.commands import ROOT

pytestmark = pytest.mark.chain

OPENZEPPELIN = Path("node_modules/@openzeppelin/contracts")
NEXT = Path("node_modules/@openzeppelin/next")
SOURCES = {
    "contracts/libraries/Rate.sol": """
library Rate { function yearly() internal pure returns (uint256) { return 5; } }""",
    "contracts/Base.sol": """
abstract contract Base { function base() public pure returns (uint256) { return 7; } }""",
    "contracts/interfaces/ITarget.sol": """
interface ITarget { function ping(uint256 value) external; }""",
    "contracts/User.sol": """
import {Half} from "@openzeppelin/contracts/utils/Half.sol";
import {Base} from "./Base.sol";
import {ITarget} from "./interfaces/ITarget.sol";
import {Rate} from "./libraries/Rate.sol";
contract User is Base {
    function use(ITarget target) external { target.ping(uint128(Half.down(Rate.yearly()))); }
}""",
    "contracts/Spare.sol": """
contract Spare {}""",
    OPENZEPPELIN / "utils/Half.sol": """
import {Two} from "./math/Two.sol";
library Half { function down(uint256 x) internal view returns (uint256) {
    return x * block.number / Two.two();
} }""",
    OPENZEPPELIN / "utils/math/Two.sol": """
library Two { function two() internal pure returns (uint256) { return 2; } }""",
    NEXT / "utils/Half.sol": """
library Half { function down(uint256 x) internal view returns (uint256) {
    return x * block.number >> 1;
} }""",
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that is compiled, of which nothing has changed since."""
    folder = tmp_path_factory.mktemp("compiled")
    for name, text in SOURCES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"pragma solidity 0.8.30;{text}\n")
    shutil.copy(ROOT / "ape-config.yaml", folder)
    shutil.copytree(ROOT / "tools", folder / "tools")
    shutil.copytree(ROOT / ".solcx", folder / ".solcx", symlinks=True)
    for package in (ROOT / "node_modules").iterdir():
        if package.name != "@openzeppelin":
            (folder / "node_modules" / package.name).symlink_to(package)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOLCX_BINARY_PATH", str(folder / ".solcx"))
        artifacts(folder)
    return folder


@pytest.fixture
def root(compiled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, to change."""
    folder = tmp_path / "project"
    shutil.copytree(compiled, folder, symlinks=True)
    monkeypatch.setenv("SOLCX_BINARY_PATH", str(folder / ".solcx"))
    return folder


def _bytecode(folder: Path) -> dict[str, str]:
    return {name: artifact.bytecode for name, artifact in artifacts(folder).items()}


def _from_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What ape makes of a copy in which nothing was ever compiled."""
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy, symlinks=True, ignore=shutil.ignore_patterns(".build"))
    with monkeypatch.context() as patch:
        patch.setenv("SOLCX_BINARY_PATH", str(copy / ".solcx"))
        loaded = ape.Project(copy).load_contracts(use_cache=False)
    codes = {n: c.contract_type.get_deployment_bytecode() for n, c in loaded.items()}
    return {name: code.hex() if code else "" for name, code in codes.items()}


def _edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def _said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return "".join(capsys.readouterr()).splitlines()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("contracts/libraries/Rate.sol", "return 5", "return 6"),
        ("contracts/Base.sol", "return 7", "return 8"),
        ("contracts/interfaces/ITarget.sol", "uint256 value", "uint128 value"),
        ("ape-config.yaml", "evm_version: cancun\n  optim", "evm_version: paris\n  optim"),
        (OPENZEPPELIN / "utils/Half.sol", "x * block.number", "x + block.number"),
        (OPENZEPPELIN / "utils/math/Two.sol", "return 2", "return 3"),
        ("ape-config.yaml", f'={OPENZEPPELIN}"', f'={NEXT}"'),
    ],
    ids=[
        "library",
        "base contract",
        "interface",
        "setting",
        "package",
        "import of a package",
        "import remapping",
    ],
)
def test_what_a_contract_depends_on_changes_it(
    file: str | Path,
    old: str,
    new: str,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is compiled again, once, and one line says so."""
    before = _bytecode(root)
    _edit(root / file, old, new)
    after = _bytecode(root)
    said = _said(capsys)
    assert after["User"] != before["User"]
    assert said == ["contracts: changed since all were compiled; compiling"]
    assert after == _from_nothing(root, monkeypatch)
    capsys.readouterr()
    assert _bytecode(root) == after and _said(capsys) == []


def test_another_version_of_a_package(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Put in the place of the one before."""
    before = _bytecode(root)
    shutil.rmtree(root / OPENZEPPELIN)
    (root / NEXT).rename(root / OPENZEPPELIN)
    after = _bytecode(root)
    assert after["User"] != before["User"]
    assert len(_said(capsys)) == 1
    assert after == _from_nothing(root, monkeypatch)


def test_another_compiler(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both the program that ape calls and the one that does its work."""
    before = _bytecode(root)
    with (root / "tools/solc").open("a") as program:
        program.write("// another\n")
    assert _bytecode(root) == before and len(_said(capsys)) == 1
    (root / "node_modules/solc").unlink()
    shutil.copytree(ROOT / "node_modules/solc", root / "node_modules/solc")
    assert _bytecode(root) == before and _said(capsys) == []
    with (root / "node_modules/solc/soljson.js").open("a") as program:
        program.write("// another\n")
    assert _bytecode(root) == before and len(_said(capsys)) == 1


def test_what_bytecode_does_not_depend_on(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Time stamps, other files, other sections of the configuration, the place."""
    before = _bytecode(root)
    (root / "contracts/Base.sol").touch()
    (root / "contracts/NOTES.md").write_text("later")
    _edit(root / "ape-config.yaml", "balance: 100_000 ETH", "balance: 1 ETH")
    moved = root.rename(root.with_name("moved"))
    (moved / "tools/solc").touch()
    monkeypatch.setenv("SOLCX_BINARY_PATH", str(moved / ".solcx"))
    assert _bytecode(moved) == before and _said(capsys) == []


def test_what_ape_compiles_by_itself_in_between(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ape compile` compiles changed files only, and keeps stale ones as if they were fresh."""
    _edit(root / "contracts/libraries/Rate.sol", "return 5", "return 6")
    _edit(root / "contracts/Spare.sol", "{}", "{ uint256 public spare; }")
    expected = _from_nothing(root, monkeypatch)
    by_ape = ape.Project(root).load_contracts()["User"].contract_type
    assert by_ape.get_deployment_bytecode().hex() != expected["User"]  # the reason for all this
    assert _bytecode(root) == expected


def test_changes_that_ape_compiled_and_that_were_taken_back(root: Path) -> None:
    """All sources are as they were when all was compiled, but the artifacts are not."""
    before = _bytecode(root)
    files = [root / "contracts/libraries/Rate.sol", root / "contracts/User.sol"]
    texts = [file.read_text() for file in files]
    _edit(files[0], "return 5", "return 6")
    files[1].write_text(texts[1] + "// edited\n")
    ape.Project(root).load_contracts()
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    project = ape.Project(root)
    project.load_contracts("contracts/Spare.sol", use_cache=False)
    stale = project.load_contracts()["User"].contract_type.get_deployment_bytecode().hex()
    assert stale != before["User"]  # ape takes the edited one for the other
    assert _bytecode(root) == before


def test_artifacts_that_are_gone_or_broken(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = _bytecode(root)
    manifest = root / ".build/__local__.json"
    manifest.unlink()
    assert _bytecode(root) == before
    assert _said(capsys) == ["contracts: not compiled yet; compiling"]
    manifest.write_text(manifest.read_text()[:1_000])
    assert _bytecode(root) == before


def test_a_source_that_is_gone_leaves_no_contract(root: Path) -> None:
    (root / "contracts/Spare.sol").unlink()
    assert "Spare" not in _bytecode(root)


def test_a_source_that_does_not_compile(root: Path) -> None:
    """It is an error every time, and nothing of it is left when it is mended."""
    before = _bytecode(root)
    _edit(root / "contracts/libraries/Rate.sol", "return 5", "return five")
    for _ in range(2):
        with pytest.raises(CompilerError, match="five"):
            artifacts(root)
    _edit(root / "contracts/libraries/Rate.sol", "return five", "return 5")
    assert _bytecode(root) == before
    assert sorted(file.name for file in (root / ".build").iterdir()) == [
        "__local__.json",
        "compiled",
        "layouts.json",
        "lock",
    ]


def test_processes_that_ask_at_once(root: Path) -> None:
    """One compiles, the others wait for it, all get the same."""
    held = ape.Project(root)
    old = held.manifest.contract_types["User"].get_deployment_bytecode().hex()
    _edit(root / "contracts/libraries/Rate.sol", "return 5", "return 6")
    code = "import sys; from pathlib import Path; from sim.engines.artifacts import artifacts; "
    code += "print(artifacts(Path(sys.argv[1]))['User'].bytecode)"
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code, root],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    answers = [process.communicate(timeout=100) for process in processes]
    (said,) = {out.strip() for out, _ in answers}
    assert said and said != old
    assert sum(errors.count("compiling") for _, errors in answers) == 1
    # A project that was read before the others compiled does not keep what it read.
    now = up_to_date(held).manifest.contract_types["User"].get_deployment_bytecode().hex()
    assert now == said


def test_what_is_deployed(root: Path) -> None:
    """The deployer compiles what changed before it deploys anything."""
    project, before = ape.Project(root), _bytecode(root)
    _edit(root / "contracts/libraries/Rate.sol", "return 5", "return 6")
    deployed = []

    class Account:
        """Notes the code that it is given instead of sending it to a chain."""

        address = "0x" + "11" * 20

        def deploy(self, container: Any, *_: Any) -> Account:
            deployed.append(container.contract_type.get_deployment_bytecode().hex())
            return self

    ApeDeployer(Account(), project).deploy("User")
    assert deployed == [_bytecode(root)["User"]] != [before["User"]]
