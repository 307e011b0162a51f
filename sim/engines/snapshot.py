"""Everything that can be read back from a chain, and what the twin says it must be, word for word.

Each section is one view of `contracts/periphery/Lens.sol`: rows of named fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sim.engines.artifacts import contracts
from sim.engines.calldata import actor_address, words
from sim.engines.deployment import Deployment
from sim.protocol import operations as op
from sim.protocol import oracle, vault
from sim.protocol.state import (
    ANCHOR,
    CANDIDATE,
    CASH,
    CUMULATIVE0,
    CUMULATIVE1,
    DEVIATED_SINCE,
    ESCROW,
    FLAGGED_AT,
    HUB,
    HUB_SHARES,
    IS_COLLATERAL,
    ISOLATED,
    LAST_UPDATE,
    LP_SUPPLY,
    PENDING_STAKE,
    POOL,
    POOL_ASSETS,
    POSITION_DEBT,
    RESERVE0,
    RESERVE1,
    SPOKE,
    STAKE,
    SUPPLIED,
    UNLOCK_AT,
    WALLET,
    Entry,
    State,
)
from sim.protocol.transaction import Group
from sim.protocol.vault_accounts import health
from sim.protocol.vault_reserves import threshold

Rows = dict[str, list[int]]
PRICE = ("price", "status", "usable", "anchor", "candidate", "deviated since")
ACCOUNT = (
    "collateral bits",
    "debt bits",
    "flagged at",
    "isolated",
    "health factor",
    "collateral value",
    "debt value",
    "prices usable",
    "liquidatable",
)
STAKER = ("stake", "pending stake", "unlock at")
PAIR_COLUMNS = [RESERVE0, RESERVE1, CUMULATIVE0, CUMULATIVE1, LAST_UPDATE, LP_SUPPLY]
PAIR = ("reserve0", "reserve1", "cumulative0", "cumulative1", "last update", "LP supply")


class Section(NamedTuple):
    """One view, and what it must return: for every row its fields."""

    to: str
    data: bytes
    rows: list[str]
    fields: tuple[str, ...]
    expected: list[int]

    def label(self, word: int) -> str:
        """What the word stands for."""
        row, field = divmod(word, len(self.fields))
        return f"{self.rows[row]} {self.fields[field]}"


class Snapshot:
    """Reads one deployment. Knows who may hold LP shares, stakes or hub shares.

    Everyone else's are nil because the totals, which are compared too, are theirs.
    """

    def __init__(self, deployment: Deployment, symbols: list[str], account_ids: list[int]) -> None:
        self._d, self._symbols, self._ids = deployment, symbols, account_ids
        self._providers: list[int] = []
        self._stakers: list[int] = []
        self._shareholders: list[int] = []

    def note(self, row: Entry) -> None:
        """Take note of a journal row that may give its actor shares of something."""
        for group, actors in (
            (Group.GIVES_LP_SHARES, self._providers),
            (Group.GIVES_STAKES, self._stakers),
            (Group.GIVES_HUB_SHARES, self._shareholders),
        ):
            if group in op.DECLARED[row.kind].groups and row.actor not in actors:
                actors.append(int(row.actor))

    def sections(self, s: State) -> Iterator[Section]:
        """All views of the deployment, with what the twin's state says."""
        d, symbols, m = self._d, self._symbols, range(len(self._symbols))
        rows: Rows = {
            f"hub {symbols[i]}": [*s.hub[i], s.hub[i, CASH] + s.hub[i, ESCROW]] for i in m
        }
        yield self._section("assets", [d.hub], [d.tokens], (*HUB, "tokens held"), rows)
        for k in range(s.spoke.shape[0]):
            is_vault = k < len(d.vaults)
            name = f"vault {k}" if is_vault else "share token"
            addresses = [d.vaults[k]] * len(m) if is_vault else d.shares
            rows = {f"spoke {name} {symbols[i]}": list(s.spoke[k, i]) for i in m}
            yield self._section("spokes", [d.hub], [addresses, d.tokens], SPOKE, rows)
        for v in range(len(d.vaults)):
            yield from self._vault(s, v)
        yield from self._holdings(s)
        columns = [STAKE, PENDING_STAKE, UNLOCK_AT]
        stakers = [actor_address(k) for k in self._stakers]
        rows = {f"insurance {symbols[i]}": list(s.pool[i]) for i in m}
        yield self._section("pools", [d.fund], [d.tokens], POOL, rows)
        rows = {
            f"staker {k} {symbols[i]}": list(s.holding[k, i, columns])
            for k in self._stakers
            for i in m
        }
        yield self._section("stakes", [d.fund], [stakers, d.tokens], STAKER, rows)
        rows = {f"pair {p}": list(s.pair[p, PAIR_COLUMNS]) for p in range(len(d.pairs))}
        yield self._section("pairs", [], [d.pairs], PAIR, rows)

    def _vault(self, s: State, v: int) -> Iterator[Section]:
        d, symbols, m = self._d, self._symbols, range(len(self._symbols))
        columns = [ANCHOR, CANDIDATE, DEVIATED_SINCE]
        rows = {f"oracle {v} {symbols[i]}": [*_price(s, v, i), *s.oracle[v, i, columns]] for i in m}
        yield self._section("prices", [d.routers[v]], [d.tokens], PRICE, rows)
        accounts = [a for a in range(len(s.account)) if s.account_vault[a] == v]
        fields = tuple(f"{f} {symbol}" for symbol in symbols for f in ("supplied", "scaled debt"))
        rows = {f"vault {v} account {a}": _account(s, a) for a in accounts}
        arrays: list[list[Any]] = [[self._ids[a] for a in accounts], d.tokens]
        yield self._section("accounts", [d.vaults[v]], arrays, ACCOUNT + fields, rows)
        rows = {f"vault {v} {symbols[i]}": [threshold(s, v, i)] for i in m}
        yield self._section("thresholds", [d.vaults[v]], [], ("threshold",), rows)

    def _holdings(self, s: State) -> Iterator[Section]:
        """Every wallet, what the contracts hold, and the shares of those who may have some."""
        d, m = self._d, len(self._symbols)
        actors = range(s.holding.shape[0])
        rows = {f"wallet of actor {k}": list(s.holding[k, :, WALLET]) for k in actors}
        rows["fund"] = [s.pool[i, POOL_ASSETS] for i in range(m)]
        rows["liquidator contract"] = [0] * m
        for p, (token0, token1) in enumerate(s.pair_tokens):
            held = [0] * m
            held[token0], held[token1] = s.pair[p, RESERVE0], s.pair[p, RESERVE1]
            rows[f"pair {p} holding"] = held
        holders = [actor_address(k) for k in actors] + [d.fund, d.liquidator, *d.pairs]
        yield self._section("balances", [], [holders, d.tokens], tuple(self._symbols), rows)

        for name, owners, tokens, shares in (
            ("LP shares", self._providers, d.pairs, s.lp),
            ("hub shares", self._shareholders, d.shares, s.holding[:, :, HUB_SHARES]),
        ):
            rows = {f"{name} of actor {k}": list(shares[k]) for k in owners}
            holders = [actor_address(k) for k in owners]
            fields = tuple(str(t) for t in range(len(tokens)))
            yield self._section("balances", [], [holders, tokens], fields, rows)

    def _section(
        self,
        view: str,
        head: list[str],
        arrays: list[list[Any]],
        fields: tuple[str, ...],
        rows: Rows,
    ) -> Section:
        """Calldata of a Lens view: addresses, then arrays of words; and what it must return."""
        size = 32 * (len(head) + len(arrays))
        offsets, tails = [], b""
        for array in arrays:
            offsets.append(size + len(tails))
            tails += words(len(array), *array)
        data = contracts()["Lens"].selector(view) + words(*head, *offsets) + tails
        expected = [word for row in rows.values() for word in row]
        return Section(self._d.lens, data, list(rows), fields, expected)


def _price(s: State, v: int, i: int) -> tuple[int, int, int]:
    seen = oracle.read(s, v, i)
    return seen.price, seen.status, int(seen.usable)


def _account(s: State, a: int) -> list[int]:
    """The row that `Lens.accounts` returns."""
    assets = range(len(s.unit))
    h = health(s, a)
    row = [
        sum(1 << i for i in assets if s.position[a, i, IS_COLLATERAL]),
        sum(1 << i for i in assets if s.position[a, i, POSITION_DEBT]),
        s.account[a, FLAGGED_AT],
        s.account[a, ISOLATED],
        h.factor,
        h.collateral_value,
        h.debt_value,
        int(h.prices_usable),
        int(vault.is_liquidatable(s, a)),
    ]
    return row + [x for i in assets for x in s.position[a, i, [SUPPLIED, POSITION_DEBT]]]
