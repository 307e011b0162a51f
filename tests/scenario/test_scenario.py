"""Scenario files: what is accepted, and that refusals name the field and what would be right."""

import csv
import pickle
import re
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import yaml
from pydantic import BaseModel, ValidationError

from sim import scenario as scenario_module
from sim.market.level_tables import gas_table
from sim.scenario import Scenario, ScenarioError, digest, known, load, with_overrides

ROOT = Path(__file__).parents[2]
NAME = "black-thursday"
FILE = ROOT / "sim" / "scenarios" / f"{NAME}.yaml"
REFERENCE = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="module")
def base() -> Scenario:
    return load(NAME)


@pytest.fixture
def document() -> Any:
    return yaml.safe_load(FILE.read_text())


def refusal_of_text(tmp_path: Path, text: str | bytes) -> ScenarioError:
    """The error that loading a file with this text raises; its message names the file."""
    file = tmp_path / "edited.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ScenarioError) as caught:
        load(file)
    assert caught.value.file == str(file)
    assert str(caught.value).startswith(f"{file}: {len(caught.value.problems)} problem")
    return caught.value


# --- what is accepted -------------------------------------------------------------------------


def test_every_scenario_of_the_package_loads_under_its_own_name() -> None:
    assert NAME in known() and known() == sorted(known())
    assert [load(name).name for name in known()] == known()


def test_name_and_path_lead_to_the_same_scenario(base: Scenario) -> None:
    assert load(FILE) == load(str(FILE)) == base


def test_it_says_in_a_line_what_it_is(base: Scenario) -> None:
    assert str(base) == repr(base) and len(str(base).splitlines()) == 1
    for word in (base.name, base.title, "240 accounts", "WETH, WBTC, USDC, DAI", "576 steps"):
        assert word in str(base)


def test_a_dump_of_a_scenario_is_a_scenario_file(base: Scenario, tmp_path: Path) -> None:
    """JSON is YAML, with times in quotes."""
    (tmp_path / "dumped.yaml").write_text(base.model_dump_json())
    assert load(tmp_path / "dumped.yaml") == base


def test_steps_and_column_order(base: Scenario) -> None:
    assert base.steps * base.step_seconds == base.duration_hours * 3600
    assert base.symbols == tuple(base.assets) == ("WETH", "WBTC", "USDC", "DAI")
    tenth = with_overrides(base, {"duration_hours": 0.1, "step_seconds": 120})
    assert tenth.steps == 3, "0.1 h is no binary number, but three steps of 120 s"


def test_scenarios_are_frozen(base: Scenario) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        base.seed = 1  # type: ignore[misc]


def test_whole_numbers_are_good_levels_and_amounts(base: Scenario) -> None:
    one = with_overrides(base, {"assets.WETH.price_usd": 200, "suppliers.DAI": 7})
    assert one.assets["WETH"].price_usd == 200.0
    assert isinstance(one.suppliers["DAI"], float)


def test_paths_are_optional(document: Any, base: Scenario) -> None:
    del document["paths"]
    bare = Scenario.model_validate(document)
    assert bare.paths is None
    assert with_overrides(bare, {}) == bare
    assert digest(bare) != digest(base)


def test_health_quantiles_default_to_the_measured_ones(document: Any) -> None:
    del document["book"]["health_quantiles"]
    default = Scenario.model_validate(document)
    assert {p: h for p, h in default.book.health_quantiles if 0 < p < 1} == {
        0.05: 1.098,
        0.10: 1.171,
        0.25: 1.383,
        0.50: 1.895,
        0.75: 2.733,
        0.90: 3.905,
    }


def test_every_field_says_what_would_be_right() -> None:
    def models(annotation: object) -> Iterator[type[BaseModel]]:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield annotation
            for field in annotation.model_fields.values():
                yield from models(field.annotation)
        for part in get_args(annotation):
            yield from models(part)

    fields = {
        f"{model.__name__}.{name}": field.description
        for model in models(Scenario)
        for name, field in model.model_fields.items()
    }
    assert len(fields) > 70
    assert [name for name, description in fields.items() if not description] == []


# --- names and files --------------------------------------------------------------------------


def test_unknown_names_get_the_close_matches_and_the_known_ones() -> None:
    with pytest.raises(ScenarioError) as caught:
        load("black-tuesday")
    assert str(caught.value).startswith("scenario 'black-tuesday': 1 problem")
    assert f"did you mean {NAME}? the known ones are: " in caught.value.problems[0].remedy
    with pytest.raises(ScenarioError, match="is not known: the known ones are: "):
        load("")


def test_known_names_can_be_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(scenario_module, "_FOLDER", tmp_path)
    assert known() == []
    with pytest.raises(ScenarioError, match="the known ones are: none"):
        load(NAME)


@pytest.mark.parametrize("path", ["absent.yaml", "absent/black-thursday", "sub"])
def test_files_that_cannot_be_read(tmp_path: Path, path: str) -> None:
    (tmp_path / "sub").mkdir()
    with pytest.raises(ScenarioError, match=re.escape(f"{tmp_path / path}")) as caught:
        load(str(tmp_path / path))
    assert caught.value.problems[0].problem.startswith("cannot be read")


def test_duplicate_keys(tmp_path: Path) -> None:
    text = FILE.read_text()
    double = text.replace("    engine:", "    engine: dutch-bonus\n    engine:")
    (problem,) = refusal_of_text(tmp_path, double).problems
    assert problem.path == "protocol.liquidation.engine"
    line = text[: text.index("    engine:")].count("\n") + 1
    assert problem.problem == f"appears on lines {line} and {line + 1}"

    in_list = text.replace("    gas_used:", "    name: again\n    gas_used:", 1)
    assert refusal_of_text(tmp_path, in_list).problems[0].path == "liquidators[0].name"
    (root,) = refusal_of_text(tmp_path, text + "\nseed: 1\n").problems
    assert root.path == "seed"


def test_anchors_and_merges_are_no_duplicates(tmp_path: Path, base: Scenario) -> None:
    text = FILE.read_text()
    whole = yaml.safe_load(text)
    start, end = text.index("  USDC:\n    heartbeat"), text.index("# Exit liquidity")
    lines = "".join(f"    {k}: {v}\n" for k, v in whole["feeds"]["USDC"].items())
    merged = f"  USDC: &usdc\n{lines}  DAI:\n    <<: *usdc\n    latency_seconds: 61\n"
    file = tmp_path / "merged.yaml"
    file.write_text(text[:start] + merged + text[end:])
    feeds = load(file).feeds
    assert feeds["USDC"] == base.feeds["USDC"]
    assert feeds["DAI"] == feeds["USDC"].model_copy(update={"latency_seconds": 61})


@pytest.mark.parametrize("text", ["1:30", "010", "0x10", "0b1", "1e", "_1", "yes"])
def test_numbers_that_older_yaml_reads_otherwise_are_refused(tmp_path: Path, text: str) -> None:
    whole = FILE.read_text()
    assert "\nduration_hours: 48" in whole
    changed = whole.replace("\nduration_hours: 48", f"\nduration_hours: {text}")
    (problem,) = refusal_of_text(tmp_path, changed).problems
    assert problem.path == "duration_hours"


@pytest.mark.parametrize("text", ["48", "4.8e1", "48.0", "480e-1", "+48", "4_8"])
def test_numbers_mean_what_they_look_like(tmp_path: Path, base: Scenario, text: str) -> None:
    file = tmp_path / "same.yaml"
    whole = FILE.read_text().replace("\nduration_hours: 48", f"\nduration_hours: {text}")
    file.write_text(whole)
    assert load(file) == base


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("- 1\n", "should be a mapping"),
        (
            "a: [1",
            "not YAML: line 2, column 1: while parsing a flow sequence that begins on line 1",
        ),
        ("a:\n\tb: 1", "is not YAML: line 2, column 1: while scanning"),
        ("a: 1\n---\na: 2\n", "is not YAML"),
        ("a: !!python/object/apply:os.getcwd []\n", "is not YAML"),
        ("start: 2020-13-45T00:00:00Z\n", "month must be in 1..12"),
        ("seed: " + "9" * 5_000 + "\n", "is not YAML"),
        ("{[1]: 2}\n", "is not YAML"),
        (b"name: \xff\xfe\xff", "is not YAML"),
        ("[" * 1_500, "nested too deeply"),
        ("#" * 1_000_001, "larger than 1 MB"),
    ],
    ids=(
        "empty",
        "comment",
        "list",
        "open bracket",
        "tab",
        "two documents",
        "python object",
        "no such month",
        "number of 5000 digits",
        "list as key",
        "not UTF-8",
        "1500 brackets",
        "too large",
    ),
)
def test_texts_that_are_no_scenario(tmp_path: Path, text: str | bytes, problem: str) -> None:
    (found,) = refusal_of_text(tmp_path, text).problems
    assert found.path == "(file)"
    assert problem in found.problem
    assert len(str(found)) < 1_000


def test_self_containing_and_exploding_documents_are_refused_briefly(tmp_path: Path) -> None:
    error = refusal_of_text(tmp_path, "name: x\nbook: &b {accounts: *b}\n")
    assert "book.accounts" in {problem.path for problem in error.problems}
    levels = [f"  - &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 30)]
    bomb = "title:\n  - &l0 [ha]\n" + "\n".join(levels) + "\n"
    assert len(str(refusal_of_text(tmp_path, bomb))) < 10_000


def test_numbers_too_long_to_print(base: Scenario) -> None:
    with pytest.raises(ScenarioError) as caught:
        with_overrides(base, {"gas_price_gwei": 16**5_000})
    (problem,) = caught.value.problems
    assert problem.path == "gas_price_gwei"
    assert "got a number of thousands of digits" in problem.problem


def test_errors_survive_pickling(tmp_path: Path) -> None:
    """Sweeps report from other processes."""
    error = refusal_of_text(tmp_path, "name: x\n")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


# --- the figures of black-thursday ------------------------------------------------------------


@pytest.mark.parametrize(("symbol", "reference"), [("WETH", "ETH"), ("WBTC", "BTC")])
def test_prices_agree_with_the_reference_data(base: Scenario, symbol: str, reference: str) -> None:
    file = REFERENCE / "event_waypoints.csv"
    if not file.exists():
        pytest.skip(f"reference data not available: ../shared/data/{file.name}")
    with file.open(newline="") as rows:
        expected = {
            datetime.fromisoformat(row["timestamp"].replace("Z", "+00:00")): float(row["value"])
            for row in csv.DictReader(rows)
            if (row["event"], row["asset"]) == ("black_thursday", reference)
        }
    level = base.assets[symbol].price_usd
    assert isinstance(level, tuple)
    # The series starts half an hour later than the run.
    assert {w.at: w.value for w in level if w.at > base.start} == expected


def test_gas_reaches_the_measured_levels(base: Scenario) -> None:
    """12 March: 9.9 gwei at midnight, 225.2 at 17:50, 82.2 on average; 400 on the 13th."""
    gwei = gas_table(base).astype(float) / 1e9
    day = 86_400 // base.step_seconds
    assert gwei[0] == 9.9
    # 17:50 is a multiple of the ten minutes that were measured.
    assert gwei[(17 * 3600 + 50 * 60) // base.step_seconds] == pytest.approx(225.2, rel=1e-3)
    assert gwei[:day].max() == pytest.approx(225.2, rel=1e-3)
    assert gwei[:day].mean() == pytest.approx(82.2, rel=0.01)
    assert gwei[day:].max() == pytest.approx(400, rel=0.01)


def test_keepers_give_up_one_after_the_other(base: Scenario) -> None:
    """The story: who does not raise his gas price is gone when he is needed; one stays."""
    highest = max(gas_table(base)) / 1e9
    ceilings = [liquidator.max_gas_price_gwei for liquidator in base.liquidators]
    assert all(a < b for a, b in pairwise(ceilings))
    assert ceilings[-2] < highest < ceilings[-1]


def test_volatility_and_correlation_are_those_of_the_days_before(base: Scenario) -> None:
    """Hourly log returns of closes, 8 to 11 March, to the two decimals that the scenario quotes."""
    file = REFERENCE / "prices_1h_event_windows.csv"
    if not file.exists():
        pytest.skip(f"reference data not available: ../shared/data/{file.name}")
    closes: dict[str, list[float]] = {"ETHUSDT": [], "BTCUSDT": []}
    with file.open(newline="") as rows:
        for row in csv.DictReader(rows):
            before = row["timestamp"] < f"{base.start:%Y-%m-%d}"
            if row["event"] == "black_thursday" and before and row["symbol"] in closes:
                closes[row["symbol"]].append(float(row["close"]))
    returns = np.diff(np.log(list(closes.values())), axis=1)
    assert returns.shape == (2, 95)
    assert base.paths is not None
    volatility = returns.std(axis=1, ddof=1) * np.sqrt(365 * 24)
    assert volatility.round(2).tolist() == list(base.paths.volatility_per_sqrt_year.values())
    assert np.corrcoef(returns)[0, 1].round(2) == base.paths.correlation[0].value
