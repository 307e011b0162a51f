"""Compiled code is what its source says: unmistakable names, and a test of what is loaded."""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Iterator
from itertools import count, repeat
from pathlib import Path
from typing import Any

import numba
import pytest
from numba.core.bytecode import FunctionIdentity

from sim.engines import compilation, self_test, symbols
from sim.engines.compilation import CompilationError, Entry
from sim.engines.exact import run
from sim.engines.self_test import MECHANISMS, PLAIN
from sim.engines.symbols import SymbolError
from sim.protocol import (
    bridge,
    hub,
    risk_guard,
    split,
    steward,
    vault,
    vault_accounts,
    vault_deleveraging,
    vault_health,
    vault_reserves,
)
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.state import CASH, LT, LTV, SOLD, State
from sim.scenario import load
from sim.simulation import liquidators, risk_desk
from sim.world import build

ROOT = Path(__file__).parents[2]


def double(x: float) -> float:
    return 2 * x


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "cache"
    monkeypatch.setattr(compilation, "CACHE", folder)
    yield folder


def entry(said: list[str | None]) -> Entry:
    """An entry point whose tests say these things, one after the other."""

    def test(compiled: Any) -> str | None:
        assert compiled(2.0) == 4.0
        return said.pop(0)

    return Entry(double, test)


# --- names ----------------------------------------------------------------------------------------


def compiled_under(ids: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(FunctionIdentity, "_unique_ids", ids)
    function = numba.njit(lambda x: x + 1)
    function(1.0)
    (result,) = function.overloads.values()
    return result


def test_a_symbol_carries_the_number_of_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    found = symbols.of(compiled_under(symbols._names, monkeypatch))
    assert found and all(symbols._names.process in symbol for symbol in found)


def test_functions_that_are_only_numbered_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As numba numbers them: from 1 in every process."""
    with pytest.raises(SymbolError, match="import sim before"):
        symbols.of(compiled_under(count(1), monkeypatch))


def test_two_functions_of_a_process_may_not_share_a_symbol(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Closures of one name, as the operations are, under one number."""

    def adding(n: int) -> Any:
        def carry_out(x: float) -> float:
            return x + n

        return numba.njit(carry_out)

    monkeypatch.setattr(FunctionIdentity, "_unique_ids", repeat("p0n0"))
    adding(1)(1.0)
    with pytest.raises(SymbolError, match=r"carry_out.* share a symbol"):
        adding(2)(1.0)


def first_name() -> str:
    return next(symbols._names)


def test_a_forked_process_has_another_number() -> None:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        names = [pool.apply(first_name) for _ in range(4)]
    assert not any(name.startswith(symbols._names.process) for name in names)


def test_two_processes_may_not_have_written_one_symbol(tmp_path: Path) -> None:
    symbols.keep({"mine", "of-both-units"}, tmp_path)
    symbols.keep({"another", "of-both-units"}, tmp_path)
    (mine,) = tmp_path.iterdir()
    assert mine.read_text().splitlines() == ["another", "mine", "of-both-units"]
    (tmp_path / "pother.symbols").write_text("theirs\n")
    symbols.keep({"more"}, tmp_path)
    with pytest.raises(SymbolError, match="what is called theirs"):
        symbols.keep({"theirs"}, tmp_path)


# --- what is loaded -------------------------------------------------------------------------------


def test_what_is_built_is_found_again(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry([None])(3.0) == 6.0 and compilation.is_compiled()
    written = {path: path.read_bytes() for path in cache.rglob("*") if path.is_file()}
    assert entry([None])(3.0) == 6.0
    assert written == {path: path.read_bytes() for path in cache.rglob("*") if path.is_file()}
    assert capsys.readouterr().err == ""


def test_what_fails_its_test_is_thrown_away(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry([None])(3.0)
    (before,) = cache.rglob("*.nbc")
    old = before.read_bytes()
    assert entry(["repaid 0 instead of 9", None])(3.0) == 6.0
    (after,) = cache.rglob("*.nbc")
    assert after.read_bytes() != old  # other symbols
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "repaid 0 instead of 9" in said and "compiled again" in said and str(cache) in said


def test_what_fails_when_just_compiled_is_an_error(cache: Path) -> None:
    """And the next process does not find it."""
    with pytest.raises(CompilationError, match="double is off the exact engine: seized"):
        entry(["seized 1 instead of 2"])(3.0)
    assert not compilation.is_compiled()


@pytest.mark.parametrize("ending", ["nbc", "nbi"])
@pytest.mark.parametrize("damage", [b"", b"\x80\x05damaged"])
def test_damaged_files_are_thrown_away(
    ending: str, damage: bytes, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry([None])(3.0)
    (file,) = cache.rglob(f"*.{ending}")
    file.write_bytes(damage)
    assert entry([None])(3.0) == 6.0
    assert "compiled again" in capsys.readouterr().err


def test_other_types_are_refused_and_not_compiled(cache: Path) -> None:
    one = entry([None])
    assert one(3.0) == 6.0
    with pytest.raises(TypeError):
        one("3")


# --- the world of the test ------------------------------------------------------------------------


def test_every_operation_that_agents_know_is_carried_out() -> None:
    """All that `sim/agents` and `sim/market` call is done in the two small worlds, and accepted."""
    sources = [path.read_text() for part in ("agents", "market") for path in folder(part)]
    known = set(re.findall(r"\bop\.([a-z_]+)\(", "".join(sources))) - {"execute"}
    assert len(known) > 25
    done = {
        op.DECLARED[row.kind].name
        for scenario in (PLAIN, MECHANISMS)
        for step in run(build(load(scenario)))
        if step.k
        for row in accepted(step)
    }
    assert known <= done, known - done


def test_code_with_which_nobody_liquidates_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One part of the step that does nothing, all others as they are."""
    wanted = self_test.expected(PLAIN)
    monkeypatch.setattr(liquidators, "act", nothing)
    found = self_test.expected.__wrapped__(PLAIN)
    said = self_test.difference_of_outcome(found.outcome, wanted)
    assert said and re.match(r"(by_|repaid|bad_debt)\w* [\d.,e+]+ instead of", said)
    assert self_test.difference_of_state(found.end, wanted.end)


def nothing(*_: Any) -> int:
    """In place of a verdict: accepted, and nothing done."""
    return OK


def all_of_it(s: State, i: int) -> int:
    """In place of `hub.available`: whatever left lately."""
    return int(s.hub[i, CASH])


def unweighed(s: State, a: int, i: int, value: int) -> tuple[int, int]:
    """In place of `vault_reserves.weigh`: as if there were one bracket and no category."""
    v = s.account_vault[a]
    return value * s.reserve[v, i, LT], value * s.reserve[v, i, LTV]


def on_the_first(s: State, c: int, d: int, amount: int) -> None:
    """In place of `split.parts`: all on one venue."""
    p, sold = s.pair_of[c, d], amount
    while p >= 0:
        s.split[p, SOLD], sold, p = sold, 0, s.next_pair[p]


WRONG: dict[str, tuple[Any, str, Any]] = {
    "nothing is paused, no breaker holds, there is no grace": (risk_guard, "check", nothing),
    "the stress multiplier stays": (risk_guard, "lower_stress", nothing),
    "any amount may leave": (hub, "available", all_of_it),
    "nobody is called for margin": (vault, "margin_call", nothing),
    "the largest count like all others": (vault_health, "weigh", unweighed),
    "collateral never counts by a category": (vault_reserves, "category_of", lambda *_: 0),
    "messages of other chains mint nothing": (bridge, "receive_message", nothing),
    "anybody may have all of an asset": (vault_accounts, "_check_concentration", nothing),
    "nobody is deleveraged": (vault_deleveraging, "deleverage", nothing),
    "the steward changes nothing": (steward, "update", nothing),
    "haircuts follow nothing": (risk_desk, "used_haircut", lambda *_: 0.1),
    "sales are on one of several venues": (split, "parts", on_the_first),
}
"""A part of a mechanism that does nothing, or something else: where it is, and what is there."""


@pytest.mark.parametrize("wrong", WRONG)
def test_code_with_a_wrong_mechanism_is_noticed(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is off in what paths come to, or in the state that they end in."""
    wanted = self_test.expected(MECHANISMS)
    monkeypatch.setattr(*WRONG[wrong])
    found = self_test.expected.__wrapped__(MECHANISMS)
    said = self_test.difference_of_outcome(found.outcome, wanted)
    assert said or self_test.difference_of_state(found.end, wanted.end)


def folder(part: str) -> list[Path]:
    return sorted((ROOT / "sim" / part).glob("*.py"))


def accepted(step: Any) -> list[Any]:
    return [row for row in step.rows if row.code == OK]
