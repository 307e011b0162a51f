"""Plays the twin's journal on a chain, block by block, and compares all that can be read back.

A difference in one wei, one status or one verdict stops the run and names the operation that
caused it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sim.engines.artifacts import error_names
from sim.engines.calldata import Encoder, actor_address
from sim.engines.chain import Call, Chain, Receipt, RevmChain
from sim.engines.deployment import ChainDeployer, Deployment, deploy
from sim.engines.failures import Difference, LockstepError
from sim.engines.snapshot import Snapshot
from sim.protocol import operations as op
from sim.protocol.errors import AMOUNT_TOO_LARGE, NAMES, OK
from sim.protocol.state import Entry, State, copy

DEPLOYMENT_SECONDS = 10_000
"""Deployment blocks end at least this long before the state's clock."""


class Lockstep:
    """A protocol deployed on a chain as `genesis` describes it, following the twin operation by
    operation.
    """

    def __init__(
        self,
        chain: Chain,
        genesis: State,
        symbols: list[str],
        deployment: Deployment | None = None,
        names: Sequence[str] = (),
    ) -> None:
        """Deploy on the chain, or follow a `deployment` of `genesis` that is there already. `names`
        are what errors call the first accounts besides their numbers.
        """
        self.chain, self.symbols, self.names = chain, symbols, names
        self.operations = self.values = 0
        self._genesis = copy(genesis)
        self._blocks: list[tuple[int, list[Entry]]] = []
        if deployment is None:
            chain.fund([actor_address(k) for k in range(genesis.holding.shape[0])])
            start = int(genesis.clock[0]) - DEPLOYMENT_SECONDS
            deployment = deploy(ChainDeployer(chain, actor_address(0), start), genesis, symbols)
        self.deployment = deployment
        self._encoder = Encoder(self._genesis, self.deployment)
        self._snapshot = Snapshot(self.deployment, symbols, self._encoder.account_ids)

    @property
    def account_ids(self) -> list[int]:
        """What the vaults call the accounts, in the order of the twin's rows."""
        return self._encoder.account_ids

    def play(self, rows: list[Entry], timestamp: int, after: State | None) -> list[int]:
        """Send one block of journal rows, check verdicts, compare with the twin's state `after`.

        Returns the gas of each row, approvals included. Raises `LockstepError`.
        """
        self._blocks.append((timestamp, rows))
        gas, differences = self._send(rows, timestamp)
        if after is not None and not differences:
            differences = self.compare(after)
        if differences:
            self._blame(rows, differences)
        self.operations += len(rows)
        return gas

    def _send(self, rows: list[Entry], timestamp: int) -> tuple[list[int], list[Difference]]:
        calls: list[Call] = []
        ends = []
        for row in rows:
            self._snapshot.note(row)
            calls += self._encoder.calls(row)
            ends.append(len(calls))
        receipts = self.chain.block(calls, timestamp)
        gas, differences, start = [], [], 0
        for row, end in zip(rows, ends, strict=True):
            gas.append(sum(receipt.gas for receipt in receipts[start:end]))
            said = _verdict(row.code, receipts[end - 1])
            if said is not None:
                twin = NAMES[row.code] or "ok"
                differences.append(
                    Difference(f"verdict of {describe(row, self.symbols, self.names)}", twin, said)
                )
            start = end
        return gas, differences

    def _blame(self, rows: list[Entry], differences: list[Difference]) -> None:
        """Raise with the operation that caused it, found by replaying everything on revm."""
        twin = copy(self._genesis)
        replay = Lockstep(RevmChain(), self._genesis, self.symbols, names=self.names)
        for timestamp, block in self._blocks[:-1]:
            _reapply(twin, block, timestamp)
            replay._send(block, timestamp)
        timestamp = self._blocks[-1][0]
        # Before its first use an asset bears the time of its deployment, which is not the twin's.
        known = {difference.what for difference in replay.compare(twin)}
        for row in rows:
            _reapply(twin, [row], timestamp)
            _, verdicts = replay._send([row], timestamp)
            found = verdicts or [d for d in replay.compare(twin) if d.what not in known]
            if found:
                raise LockstepError(describe(row, self.symbols, self.names), found)
        raise LockstepError(f"the block at {timestamp} (not reproduced on revm)", differences)

    def compare(self, s: State) -> list[Difference]:
        """Read everything back and list what differs."""
        sections = list(self._snapshot.sections(s))
        answers = self.chain.view((section.to, section.data) for section in sections)
        differences = []
        for section, answer in zip(sections, answers, strict=True):
            # An ABI-encoded array: offset, length, words.
            got = [int.from_bytes(answer[k : k + 32], "big") for k in range(64, len(answer), 32)]
            if len(got) != len(section.expected):
                what = f"number of words of {section.fields}"
                differences.append(Difference(what, len(section.expected), len(got)))
            self.values += len(got)
            if got != section.expected:
                differences += [
                    Difference(section.label(k), twin, chain)
                    for k, (twin, chain) in enumerate(zip(section.expected, got, strict=False))
                    if twin != chain
                ]
        return differences


def _verdict(code: int, receipt: Receipt) -> str | None:
    """What the chain said, if that is not what the twin said. Reasons are compared where the chain
    tells them.
    """
    if (code == OK) != receipt.ok:
        return "ok" if receipt.ok else _reason(receipt) or "refused"
    if receipt.ok or receipt.output is None or code == AMOUNT_TOO_LARGE:
        return None
    reason = _reason(receipt)
    return None if reason == NAMES[code] else reason


def _reason(receipt: Receipt) -> str:
    output = receipt.output or b""
    return error_names().get(output[:4], "0x" + output.hex())


def describe(row: Entry, symbols: list[str], names: Sequence[str] = ()) -> str:
    """A journal row in words; `names` are those of the first accounts."""
    name = f" ({names[row.account]})" if 0 <= row.account < len(names) else ""
    return (
        f"{op.DECLARED[row.kind].name} by actor {row.actor}, account {row.account}{name}, "
        f"x {row.x}, y {row.y}, amount {row.amount}, limit {row.limit}, option {row.option} "
        f"(assets: {', '.join(symbols)})"
    )


def _reapply(s: State, rows: list[Entry], timestamp: int) -> None:
    s.clock[0] = timestamp
    for row in rows:
        op.execute(s, row)
