"""`ape run new` and `ape run schema` as users type them, in a folder of their own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from sim.reference.files import file_schema
from sim.reference.pages import page
from sim.schema.yaml_file import read
from tests.reference.test_json_schema import plain
from tests.scripts.commands import BIN, ROOT, here


def ape(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`ape run` with these arguments in a folder that is not the checkout."""
    return subprocess.run(
        [BIN / "ape", "run", *arguments],
        cwd=folder,
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is not the checkout, for commands inside this process."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_written_runs(tmp_path: Path) -> None:
    positions = "user,symbol,collateral,debt\n0xA1,weth,100,0\n0xa1,USDC,0,180000\n0xB2,NEW,9e5,\n"
    (tmp_path / "positions.csv").write_text(f"{positions}0xB2,USDC,,300\n")
    (tmp_path / "eth.csv").write_text(
        "time,price\n2025-02-02T00:00:00Z,3000\n2025-02-02T06:00:00Z,1500\n"
    )
    written = ape(
        tmp_path,
        *("new", "mine", "--book", "positions.csv", "--prices", "WETH=eth.csv"),
        *("--columns", "account=user,asset=symbol,supplied=collateral"),
    )
    assert written.returncode == 0, written.stderr
    assert written.stdout.splitlines() == [
        "eth.csv: price at time (zone as written); 2 rows 6 h apart, 2025-02-02T00:00:00Z to "
        "2025-02-02T06:00:00Z",
        "positions.csv: 4 rows, 2 accounts; amounts in tokens; columns account = user, asset = "
        "symbol, supplied = collateral; 2 empty amounts read as 0.",
        "Written: mine.yaml. Lines that say placeholder are yours to replace.",
        "Next: ape run crash mine.yaml --engine exact",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "eth.csv",
        "mine.yaml",
        "positions.csv",
    ]
    document = read(tmp_path / "mine.yaml")
    assert [*Draft202012Validator(file_schema("scenario")).iter_errors(plain(document))] == []
    first = (tmp_path / "mine.yaml").read_text().splitlines()[0]
    assert first == f"# yaml-language-server: $schema={ROOT}/docs/scenario.schema.json"
    played = ape(tmp_path, "crash", "mine.yaml", "--engine", "exact")
    assert played.returncode == 0, played.stderr
    # 100 ETH that fall from $3,000 to $1,500 do not back $180,000.
    rows = [line.split() for line in played.stdout.splitlines()]
    (shock,) = (row for row in rows if row[:5] == ["liquidations", "by", "the", "shock", "itself"])
    assert int(shock[5]) > 0
    assert (tmp_path / "out" / "mine" / "tape.duckdb").is_file()


def test_refusals_leave_what_is_there(folder: Path) -> None:
    assert here("run", "new", "mine").returncode == 0
    (folder / "mine.yaml").write_text("mine")
    again = here("run", "new", "mine.yaml")
    assert again.returncode == 2 and "mine.yaml is there; --overwrite replaces it" in again.stderr
    refused = here("run", "new", "mine", "--overwrite", "--extends", "aave-v33")
    assert refused.returncode == 1 and "did you mean aave-v3" in refused.stderr
    assert (folder / "mine.yaml").read_text() == "mine"
    assert here("run", "new", "mine", "--overwrite").returncode == 0
    assert "extends: lending-market" in (folder / "mine.yaml").read_text()
    assert [path.name for path in folder.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["My Market"], "'My Market': lower-case words joined by hyphens, like my-market"),
        (["mine", "--prices", "WETH=no.csv"], "no.csv is no file; write for example WETH=ETHUSDT"),
        (["mine", "--columns", "account=user"], "--columns needs --book"),
    ],
)
def test_wrong_usage_is_refused_in_a_line(folder: Path, arguments: list[str], said: str) -> None:
    done = here("run", "new", *arguments)
    assert done.returncode == 2 and said in done.stderr.splitlines()[-1]
    assert not list(folder.iterdir())


def test_schema_in_the_terminal_and_as_files(folder: Path) -> None:
    block = ape(folder, "schema", "protocol.liquidation")
    assert block.returncode == 0 and block.stdout.startswith("protocol.liquidation\n")
    assert "  delay_seconds  whole number (s); 0 to 86400; required\n" in block.stdout
    assert "protocol.rates" not in block.stdout
    wrong = here("run", "schema", "protocol.liquidaton")
    assert wrong.returncode == 1 and "did you mean liquidation?" in wrong.stderr
    assert here("run", "schema", "--json", "--out", "s.json").returncode == 0
    assert json.loads((folder / "s.json").read_text()) == file_schema("scenario")
    assert here("run", "schema", "--json", "--out", "s.json").returncode == 2
    assert here("run", "schema", "--of", "tape", "--markdown").stdout == page("tape")
