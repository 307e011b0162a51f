"""Plays the twin's journal on a chain, block by block, and compares everything that can be read back.

A difference in one wei, one status or one verdict stops the run and names the operation that caused it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sim.engines.artifacts import contracts, error_names
from sim.engines.calldata import Encoder, actor_address, words
from sim.engines.chain import Call, Chain, Receipt, RevmChain
from sim.engines.deployment import ChainDeployer, Deployment, deploy
from sim.protocol import oracle, vault
from sim.protocol import transaction as op
from sim.protocol.errors import AMOUNT_TOO_LARGE, NAMES, OK
from sim.protocol.state import (
    CASH,
    CODE_COLUMN,
    CUMULATIVE0,
    CUMULATIVE1,
    ESCROW,
    FLAGGED_AT,
    HUB,
    HUB_SHARES,
    IS_COLLATERAL,
    ISOLATED,
    LAST_UPDATE,
    LP_SUPPLY,
    PENDING_STAKE,
    POOL_ASSETS,
    POSITION_DEBT,
    RESERVE0,
    RESERVE1,
    SPOKE,
    STAKE,
    SUPPLIED,
    UNLOCK_AT,
    WALLET,
    State,
    copy,
)
from sim.protocol.vault_reserves import threshold

DEPLOYMENT_SECONDS = 10_000
"""Deployment blocks end at least this long before the state's clock."""


class Section(NamedTuple):
    """One view of the chain and what the twin says it must return."""

    to: str
    data: bytes
    expected: list[int]
    labels: list[str]


class Difference(NamedTuple):
    """One value in which twin and chain differ."""

    what: str
    twin: int | str
    chain: int | str


class LockstepMismatch(Exception):
    """Twin and chain differ: a bug in one of them."""

    def __init__(self, operation: str, differences: list[Difference]) -> None:
        self.operation, self.differences = operation, differences
        lines = [f"twin and chain differ after {operation}:"]
        for difference in differences[:20]:
            line = f"  {difference.what}: twin {difference.twin}, chain {difference.chain}"
            if isinstance(difference.twin, int) and isinstance(difference.chain, int):
                line += f" ({difference.chain - difference.twin:+d} wei)"
            lines.append(line)
        if len(differences) > 20:
            lines.append(f"  ... and {len(differences) - 20} more")
        super().__init__("\n".join(lines))


class Lockstep:
    """A protocol deployed on a chain as `genesis` describes it, following the twin operation by operation."""

    def __init__(self, chain: Chain, genesis: State, symbols: list[str]) -> None:
        self.chain, self.symbols = chain, symbols
        self.operations = self.values = 0
        self._genesis = copy(genesis)
        self._blocks: list[tuple[int, list[Any]]] = []
        admin = actor_address(0)
        actors = [actor_address(k) for k in range(genesis.holding.shape[0])]
        chain.fund(actors)
        start = int(genesis.clock[0]) - DEPLOYMENT_SECONDS
        self.deployment = deploy(ChainDeployer(chain, admin, start), genesis, symbols)
        self._encoder = Encoder(self._genesis, self.deployment)
        self._lps: list[int] = []
        self._stakers: list[int] = []
        self._shareholders: list[int] = []

    def play(self, rows: list[Any], timestamp: int, after: State | None) -> list[int]:
        """Send one block of journal rows, check verdicts, compare with the twin's state `after`; gas of each row."""
        self._blocks.append((timestamp, rows))
        gas, differences = self._send(rows, timestamp)
        if after is not None and not differences:
            differences = self.compare(after)
        if differences:
            self._blame(rows, differences)
        self.operations += len(rows)
        return gas

    def _send(self, rows: list[Any], timestamp: int) -> tuple[list[int], list[Difference]]:
        calls: list[Call] = []
        ends = []
        for row in rows:
            self._note_roles(row)
            calls += self._encoder.calls(row)
            ends.append(len(calls))
        receipts = self.chain.block(calls, timestamp)
        gas, differences, start = [], [], 0
        for row, end in zip(rows, ends, strict=True):
            gas.append(sum(receipt.gas for receipt in receipts[start:end]))
            said = _verdict(row[CODE_COLUMN], receipts[end - 1])
            if said is not None:
                twin = NAMES[row[CODE_COLUMN]] or "ok"
                differences.append(Difference(f"verdict of {describe(row, self.symbols)}", twin, said))
            start = end
        return gas, differences

    def _note_roles(self, row: Any) -> None:
        """Who may hold LP shares, stakes or hub shares; everyone else's are compared through the totals."""
        for kinds, actors in (
            ((op.ADD_LIQUIDITY,), self._lps),
            ((op.STAKE,), self._stakers),
            ((op.DEPOSIT, op.MINT_SHARES), self._shareholders),
        ):
            if row[0] in kinds and row[1] not in actors:
                actors.append(row[1])

    def _blame(self, rows: list[Any], differences: list[Difference]) -> None:
        """Raise with the operation after which twin and chain first differ, found by replaying everything on revm."""
        twin = copy(self._genesis)
        replay = Lockstep(RevmChain(), self._genesis, self.symbols)
        for timestamp, block in self._blocks[:-1]:
            _reapply(twin, block, timestamp)
            replay._send(block, timestamp)
        timestamp = self._blocks[-1][0]
        for row in rows:
            _reapply(twin, [row], timestamp)
            _, verdicts = replay._send([row], timestamp)
            found = verdicts or replay.compare(twin)
            if found:
                raise LockstepMismatch(describe(row, self.symbols), found)
        raise LockstepMismatch(f"the block at {timestamp} (not reproduced on revm)", differences)

    def compare(self, s: State) -> list[Difference]:
        """Read everything back and list what differs."""
        sections = self._sections(s)
        answers = self.chain.view((section.to, section.data) for section in sections)
        differences = []
        for section, answer in zip(sections, answers, strict=True):
            got = [int.from_bytes(answer[k : k + 32], "big") for k in range(64, len(answer), 32)]
            if len(got) != len(section.expected):
                raise LockstepMismatch(f"a view of {section.to}", [Difference("words", len(section.expected), len(got))])
            self.values += len(got)
            if got != section.expected:
                differences += [
                    Difference(*item)
                    for item in zip(section.labels, section.expected, got, strict=True)
                    if item[1] != item[2]
                ]
        return differences

    # --- what is read, and what the twin says about it ------------------------------------------------------------

    def _lens(self, function: str, head: list[int | str], *arrays: list[Any]) -> tuple[str, bytes]:
        """Calldata of a Lens view: static arguments, then arrays of words."""
        size = 32 * (len(head) + len(arrays))
        offsets, tails = [], b""
        for array in arrays:
            offsets.append(size + len(tails))
            tails += words(len(array), *array)
        data = contracts()["Lens"].selector(function) + words(*head, *offsets) + tails
        return self.deployment.lens, data

    def _sections(self, s: State) -> list[Section]:
        d, symbols, m = self.deployment, self.symbols, len(self.symbols)
        assets = range(m)
        sections = []

        expected = [x for i in assets for x in (*s.hub[i], s.hub[i, CASH] + s.hub[i, ESCROW])]
        labels = [f"hub {a} {f}" for a in symbols for f in (*HUB, "tokens held")]
        sections.append(Section(*self._lens("assets", [d.hub], d.tokens), expected, labels))

        for k in range(s.spoke.shape[0]):
            spokes = [d.vaults[k]] * m if k < len(d.vaults) else d.shares
            name = f"vault {k}" if k < len(d.vaults) else "share token"
            expected = [x for i in assets for x in s.spoke[k, i]]
            labels = [f"spoke {name} {a} {f}" for a in symbols for f in SPOKE]
            call = self._lens("spokes", [d.hub], spokes, d.tokens)
            sections.append(Section(*call, expected, labels))

        for v in range(len(d.vaults)):
            expected = [x for i in assets for x in (*_price(s, v, i), *s.oracle[v, i, 6:8])]
            fields = ("price", "status", "usable", "anchor", "deviated since")
            labels = [f"oracle {v} {a} {f}" for a in symbols for f in fields]
            sections.append(Section(*self._lens("prices", [d.routers[v]], d.tokens), expected, labels))

            rows = [a for a in range(len(s.account)) if s.account_vault[a] == v]
            expected = [x for a in rows for x in _account(s, a)]
            fields = ("collateral bits", "debt bits", "flagged at", "isolated", "health factor")
            fields += ("collateral value", "debt value", "prices usable", "liquidatable")
            fields += tuple(f"{f} {a}" for a in symbols for f in ("supplied", "scaled debt"))
            labels = [f"vault {v} account {a} {f}" for a in rows for f in fields]
            ids = [self._encoder.account_ids[a] for a in rows]
            call = self._lens("accounts", [d.vaults[v]], ids, d.tokens)
            sections.append(Section(*call, expected, labels))

            expected = [threshold(s, v, i) for i in assets]
            labels = [f"vault {v} threshold {a}" for a in symbols]
            sections.append(Section(*self._lens("thresholds", [d.vaults[v]]), expected, labels))

        sections += self._holdings(s)

        expected = [x for i in assets for x in s.pool[i]]
        labels = [f"insurance {a} {f}" for a in symbols for f in ("assets", "shares")]
        columns = [STAKE, PENDING_STAKE, UNLOCK_AT]
        expected += [x for k in self._stakers for i in assets for x in s.holding[k, i, columns]]
        fields = ("stake", "pending", "unlock at")
        labels += [f"staker {k} {a} {f}" for k in self._stakers for a in symbols for f in fields]
        stakers = [actor_address(k) for k in self._stakers]
        call = self._lens("insurance", [d.fund], stakers, d.tokens)
        sections.append(Section(*call, expected, labels))

        columns = [RESERVE0, RESERVE1, CUMULATIVE0, CUMULATIVE1, LAST_UPDATE, LP_SUPPLY]
        expected = [x for p in range(len(d.pairs)) for x in s.pair[p, columns]]
        fields = ("reserve0", "reserve1", "cumulative0", "cumulative1", "last update", "LP supply")
        labels = [f"pair {p} {f}" for p in range(len(d.pairs)) for f in fields]
        sections.append(Section(*self._lens("pairs", [], d.pairs), expected, labels))
        return sections

    def _holdings(self, s: State) -> list[Section]:
        """Every wallet; what the contracts hold; LP and hub shares of those who may have some, and their totals."""
        d, m = self.deployment, len(self.symbols)
        actors = range(s.holding.shape[0])
        expected = [x for k in actors for x in s.holding[k, :, WALLET]]
        labels = [f"wallet of actor {k} {a}" for k in actors for a in self.symbols]
        holders = [actor_address(k) for k in actors]

        held = [[s.pool[i, POOL_ASSETS] for i in range(m)], [0] * m]
        names = ["fund", "liquidator"]
        for p, (token0, token1) in enumerate(s.pair_tokens):
            row = [0] * m
            row[token0], row[token1] = s.pair[p, RESERVE0], s.pair[p, RESERVE1]
            held.append(row)
            names.append(f"pair {p}")
        expected += [x for row in held for x in row]
        labels += [f"tokens held by {name} {a}" for name in names for a in self.symbols]
        holders += [d.fund, d.liquidator, *d.pairs]
        sections = [Section(*self._lens("balances", [], holders, d.tokens), expected, labels)]

        for addresses, owners, column in (
            (d.pairs, self._lps, s.lp),
            (d.shares, self._shareholders, s.holding[:, :, HUB_SHARES]),
        ):
            tokens = range(len(addresses))
            expected = [column[k, t] for k in owners for t in tokens]
            name = "LP" if addresses is d.pairs else "hub share"
            labels = [f"{name} {t} of actor {k}" for k in owners for t in tokens]
            holders = [actor_address(k) for k in owners]
            call = self._lens("balances", [], holders, addresses)
            sections.append(Section(*call, expected, labels))
        return sections


def _price(s: State, v: int, i: int) -> tuple[int, int, int]:
    price, status, usable = oracle.read(s, v, i)
    return price, status, int(usable)


def _account(s: State, a: int) -> list[int]:
    """The row that `Lens.accounts` returns."""
    assets = range(len(s.unit))
    _, _, collateral, debt, factor, _, usable = vault.health(s, a)
    row = [
        sum(1 << i for i in assets if s.position[a, i, IS_COLLATERAL]),
        sum(1 << i for i in assets if s.position[a, i, POSITION_DEBT]),
        s.account[a, FLAGGED_AT],
        s.account[a, ISOLATED],
        factor,
        collateral,
        debt,
        int(usable),
        int(vault.is_liquidatable(s, a)),
    ]
    return row + [x for i in assets for x in s.position[a, i, [SUPPLIED, POSITION_DEBT]]]


def _verdict(code: int, receipt: Receipt) -> str | None:
    """What the chain said, if that is not what the twin said. Reasons are compared where the chain tells them."""
    if (code == OK) != receipt.ok:
        return "ok" if receipt.ok else _reason(receipt) or "refused"
    if receipt.ok or receipt.output is None or code == AMOUNT_TOO_LARGE:
        return None
    reason = _reason(receipt)
    return None if reason == NAMES[code] else reason


def _reason(receipt: Receipt) -> str:
    output = receipt.output or b""
    return error_names().get(output[:4], "0x" + output.hex())


def describe(row: Any, symbols: list[str]) -> str:
    """A journal row in words."""
    kind, actor, account, x, y, amount, limit, option = row[:8]
    return (
        f"{op.KINDS[kind]} by actor {actor}, account {account}, x {x}, y {y}, "
        f"amount {amount}, limit {limit}, option {option} (assets: {', '.join(symbols)})"
    )


def _reapply(s: State, rows: list[Any], timestamp: int) -> None:
    s.clock[0] = timestamp
    for row in rows:
        op.execute(s, *row[:8])


def journal_rows(s: State) -> list[Any]:
    """Take the rows written since the last call out of the journal."""
    n = int(s.journal_length[0])
    if n > s.journal.shape[0]:
        raise RuntimeError(f"{n} operations in one step, the journal holds {s.journal.shape[0]}")
    s.journal_length[0] = 0
    return [tuple(row) for row in s.journal[:n]]
