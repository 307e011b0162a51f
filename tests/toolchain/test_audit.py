"""What Slither finds must have been looked at; and it finds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools.audit import ROOT, Finding, findings, judged

_OPEN = """// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

contract Purse {
    mapping(address => uint256) public owed;

    function leave() external {
        (bool ok,) = msg.sender.call{value: owed[msg.sender]}("");
        require(ok);
        owed[msg.sender] = 0;
    }
}
"""


def test_an_open_purse_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The DAO's hole, compiled and read as our contracts are."""
    shutil.copy(ROOT / "ape-config.yaml", tmp_path)
    for folder in ("tools", "node_modules"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "Purse.sol").write_text(_OPEN)
    monkeypatch.chdir(tmp_path)
    found = findings(tmp_path)
    assert ("High", "reentrancy-eth", "Purse.leave") in {one[:3] for one in found}
    assert any("reentrancy-eth in Purse.leave" in problem for problem in judged(found, []))


def test_entries_cover_by_check_and_place_and_do_not_outlive_what_they_cover() -> None:
    found = [Finding("Low", "timestamp", "Vault.flag", "uses timestamp")]
    entry = {"check": "timestamp", "where": "Vault.*", "why": "minutes"}
    assert judged(found, [entry]) == []
    assert judged(found, [{**entry, "where": "Hub.*"}])[0].startswith("Low timestamp in Vault.flag")
    assert judged([], [entry]) == [f"nothing is found any more for {entry}".replace("'", '"')]
