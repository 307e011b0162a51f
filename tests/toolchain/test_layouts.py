"""docs/storage.md says where the contracts keep what."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sim.engines.artifacts import contracts
from sim.engines.layouts import Layout
from tools.layouts import deployed, document

ROOT = Path(__file__).parents[2]


@pytest.mark.chain
def test_the_document_is_that_of_these_contracts() -> None:
    """Written by make docs, of the contracts as they are."""
    written = (ROOT / "docs" / "storage.md").read_text(encoding="utf-8")
    assert written == document(deployed())


@pytest.mark.chain
def test_a_member_stands_where_lockstep_reads_it() -> None:
    """The document, and what storage is compared by, read the compiler's layout apart."""
    text = (ROOT / "docs" / "storage.md").read_text(encoding="utf-8")
    vault = text[text.index("## Vault\n") :]
    fields = Layout(contracts()["Vault"].layout).fields("_policy")
    start = re.search(r"^\| (\d+) [^|]*\|[^|]*\| `_policy`", vault, flags=re.MULTILINE)
    assert start is not None
    policy = vault[vault.index("`struct IVaultState.Policy`") :]
    for name, field in fields.items():
        row = re.search(rf"^\| (\d+) \| (all|(\d+) to \d+) \| `{name}`", policy, flags=re.MULTILINE)
        assert row is not None, name
        assert field.slot == int(start[1]) + int(row[1])
        assert field.shift == 8 * int(row[3] or 0)


@pytest.mark.chain
@pytest.mark.parametrize("code", ["VaultLiquidation", "VaultParameters"])
def test_a_vault_and_the_code_that_it_runs_mean_the_same_slots(code: str) -> None:
    """Every variable that their code knows stands in the vault where it expects it."""
    kept = {
        name: [
            (one["label"], one["slot"], one["offset"], re.sub(r"\)\d+", ")", one["type"]))
            for one in contracts()[name].layout["storage"]
        ]
        for name in ("Vault", code)
    }
    of_code = kept[code]
    assert [label for label, *_ in of_code][-2:] == ["_deleveraging", "_categories"]
    assert kept["Vault"][: len(of_code)] == of_code
