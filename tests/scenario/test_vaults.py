"""Several vaults in a scenario file: what is refused, who is where, and what splitting keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.books import Book, at_start
from sim.books.placing import shared
from sim.scenario import Scenario, ScenarioError, load, with_overrides

MAJORS, SMALL = {"collateral": ["WETH", "WBTC"]}, {"collateral": ["LINK", "AAVE"]}
TWO: dict[str, Any] = {"protocol.vaults": {"majors": MAJORS, "small": SMALL}}
WHOLE: dict[str, Any] = {"book.split": "no"}


def scenario(**more: Any) -> Scenario:
    return with_overrides(load("alt-segments"), {**TWO, **more})


def book(one: Scenario, seed: int = 1) -> Book:
    prices = [300_000_000_000, 9_000_000_000_000, 1_500_000_000, 15_000_000_000, 100_000_000]
    return at_start(one, prices, np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("more", "where", "what"),
    [
        ({"protocol.vaults": {"Majors": {}}}, "protocol.vaults", "pattern"),
        (
            {"protocol.vaults": {"a": {"collaterals": []}}},
            "protocol.vaults.a.collaterals",
            "unknown",
        ),
        ({"protocol.vaults": {"a": {"collateral": ["X"]}}}, "collateral[0]", "not an asset"),
        (
            {"protocol.vaults": {"a": {"reserves": {"WETH": {"lt_bps": 20_000}}}}},
            "protocol.vaults.a.reserves.WETH.lt_bps",
            "10000",
        ),
        (
            {"protocol.vaults": {"a": {"reserves": {"WETH": {"lt": 1}}}}},
            "protocol.vaults.a.reserves.WETH.lt",
            "unknown field",
        ),
        (
            {"protocol.vaults": {"a": {"liquidation": {"engine": "none"}}}},
            "protocol.vaults.a.liquidation.engine",
            "dutch-bonus",
        ),
        (
            {"protocol.vaults": {"a": {"feeds": {"WETH": {"latency_seconds": 1}}}}},
            "protocol.vaults.a.feeds.WETH.latency_seconds",
            "no field of a router",
        ),
        ({"protocol.vaults": {"a": {"draw_caps": {"USDC": -1.0}}}}, "draw_caps.USDC", "greater"),
        (
            {"protocol.vaults": {"a": {"guard": {"trip_bps": -1}}}},
            "protocol.vaults.a.guard.trip_bps",
            "greater",
        ),
        ({"protocol.vaults": {"a": {"guard": {"tip_bps": 1}}}}, "a.guard.tip_bps", "did you mean"),
        (
            {"agents": [{"name": "me", "path": "mine:Me", "vault": "smalls"}]},
            "agents[0].vault: no vault is called smalls",
            "did you mean small",
        ),
        ({"protocol.vaults": {"a": SMALL}}, "book.collateral_weights.WETH", "no vault takes"),
        (
            {"protocol.vaults": {"a": {"borrow": ["WETH"]}}},
            "book.debt_weights.USDC",
            "no vault lends",
        ),
        ({"book.vault_shares": {"other": 1.0}, **WHOLE}, "book.vault_shares.other", "no such"),
        ({"book.vault_shares": {"majors": 1.0}}, "book.vault_shares", "stay whole"),
    ],
)
def test_what_is_refused_says_where_and_why(more: dict[str, Any], where: str, what: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario(**more)
    assert where in str(caught.value) and what in str(caught.value)


def test_an_account_that_no_vault_takes_whole_is_refused_by_its_name() -> None:
    with pytest.raises(ScenarioError, match=r"book \(account \d+\).*book.split: vaults"):
        book(scenario(**WHOLE))


@pytest.mark.parametrize("split", ["vaults", "isolated"])
@pytest.mark.parametrize("seed", range(5))
def test_a_split_book_has_the_same_totals_of_everyone(split: str, seed: int) -> None:
    """To the unit, in every asset, and each part is where its collateral is taken."""
    one = scenario(**{"book.split": split})
    pooled = book(with_overrides(one, {"protocol.vaults": {}, **WHOLE}), seed)
    parts = book(one, seed)
    assert parts.parts is not None and parts.vault is not None
    assert len(parts.debt) > len(pooled.debt), "some were split"
    for whole, cut in ((pooled.collateral, parts.collateral), (pooled.debt, parts.debt)):
        sums = np.full_like(whole, 0)
        np.add.at(sums, parts.parts.of, cut)
        assert (sums == whole).all()
    taken = (parts.collateral != 0)[:, :4]
    assert not taken[parts.vault == 0][:, 2:].any() and not taken[parts.vault == 1][:, :2].any()
    if split == "isolated":
        assert ((parts.collateral != 0).sum(axis=1) <= 1).all()
        assert ((parts.debt != 0).sum(axis=1) <= 1).all() and parts.isolated.all()


def test_debts_follow_the_borrow_limits_of_the_parts() -> None:
    """debt / limit is that of the whole account, to a unit."""
    one = scenario()
    pooled, parts = book(with_overrides(one, {"protocol.vaults": {}, **WHOLE})), book(one)
    assert parts.parts is not None
    unit = np.array([10.0**asset.decimals for asset in one.assets.values()])
    worth = np.array([3_000.0, 90_000.0, 15.0, 150.0, 1.0]) / unit
    ltv = np.array([one.protocol.reserves[symbol].ltv_bps / 1e4 for symbol in one.symbols])
    used = [
        (b.debt.astype(float) @ worth) / (b.collateral.astype(float) @ (worth * ltv))
        for b in (pooled, parts)
    ]
    assert used[1] == pytest.approx(used[0][parts.parts.of], rel=1e-6)


def test_parts_keep_the_name_of_their_owner() -> None:
    parts = book(scenario())
    assert parts.parts is not None
    of = int(parts.parts.of[np.flatnonzero(parts.parts.number == 2)[0]])
    rows = np.flatnonzero(parts.parts.of == of)
    assert [parts.name(int(a)) for a in rows] == [f"account {of} part {n}" for n in (1, 2)]
    assert {parts.owner(int(a)) for a in rows} == {f"borrower {of}"}


def test_shares_put_whole_accounts_by_chance_and_move_nothing_else() -> None:
    anywhere = {"a": {}, "b": {}, "c": {"collateral": ["WETH"]}}
    shares = {"a": 3.0, "b": 1.0}
    given = {**WHOLE, "protocol.vaults": anywhere, "book.accounts": 2_000}
    one = scenario(**given, **{"book.vault_shares": shares})
    pooled, there = book(scenario(**given)), book(one)
    assert (pooled.debt == there.debt).all() and (pooled.collateral == there.collateral).all()
    assert there.vault is not None and pooled.vault is not None
    assert pooled.vault.tolist() == [0] * 2_000, "without shares, the first that takes all"
    counts = np.bincount(there.vault, minlength=3) / 2_000
    assert counts == pytest.approx([0.75, 0.25, 0.0], abs=4 * (0.75 * 0.25 / 2_000) ** 0.5)


def test_a_file_names_the_vault_of_an_account(tmp_path: Path) -> None:
    def read(rows: str, **more: Any) -> Book:
        path = tmp_path / "book.csv"
        path.write_text(f"account,asset,supplied,debt,vault\n{rows}")
        return book(scenario(**{"book": {"file": str(path)}, **more}))

    found = read("a,LINK,1000,0,small\na,USDC,0,900,small\nb,WETH,1,0,majors\n")
    assert found.vault is not None and found.vault.tolist() == [1, 0]
    for rows, what in (
        ("a,LINK,1,0,smalls\n", "did you mean small"),
        ("a,LINK,1,0,small\na,USDC,0,1,majors\n", "line 3, vault"),
        ("a,WETH,1,0,small\n", "does not take"),
        ("a,WETH,1,0,\nb,WETH,1,0,majors\n", "line 2, vault: is empty"),
    ):
        with pytest.raises(ScenarioError, match=what):
            read(rows)
    pooled = read("a,LINK,1000,0,small\n", **{"protocol.vaults": {}})
    assert pooled.vault is None, "one vault needs no column"


@pytest.mark.parametrize("amount", [0, 1, 2, 10**30 + 1])
@pytest.mark.parametrize("weights", [[1], [0, 7], [1, 1], [3, 0, 5, 10**40]])
def test_shares_of_an_amount_add_up_and_follow_weights(amount: int, weights: list[int]) -> None:
    parts = shared(amount, weights)
    assert sum(parts) == amount and min(parts) >= 0
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * sum(weights) - amount * weight) < len(weights) * sum(weights)
