"""Plays the twin's journal on a chain, block by block, and compares what the contracts keep.

Storage is compared both ways: every slot that a block changed must be one that the twin knows, and
as it says; every change of the twin must be in storage. What contracts work out of it (prices,
thresholds, health) is compared for the accounts of the block, and for all at intervals. A
difference in one wei, one status or one verdict stops the run and names the operation that caused
it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sim.engines.artifacts import error_names
from sim.engines.calldata import Encoder, actor_address
from sim.engines.chain import Call, Chain, Place, Receipt, RevmChain
from sim.engines.deployment import ChainDeployer, Deployment, deploy, listing
from sim.engines.failures import Difference, LockstepError
from sim.engines.snapshot import Snapshot
from sim.engines.storage import Storage
from sim.protocol import operations as op
from sim.protocol.errors import AMOUNT_TOO_LARGE, NAMES, OK
from sim.protocol.records import copy
from sim.protocol.state import Entry, State

DEPLOYMENT_SECONDS = 10_000
"""Deployment blocks end at least this long before the state's clock."""
EVERYTHING = 64
"""Blocks from one comparison of everything to the next."""
Block = tuple[int, list[Entry]]
"""Timestamp, and rows of the journal."""


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
        views_every: int = 1,
    ) -> None:
        """Deploy on the chain, or follow a `deployment` of `genesis` that is there already; all
        that is in storage then is compared. `names` are what errors call the first accounts besides
        their numbers. What is worked out of storage is compared every so many blocks.

        Raises `LockstepError`.
        """
        self.chain, self.symbols, self.names = chain, symbols, names
        self.operations = self.slots = self.values = 0
        self._views_every = views_every
        self._genesis = copy(genesis)
        if deployment is None:
            chain.fund([actor_address(k) for k in range(genesis.holding.shape[0])])
            start = int(genesis.clock[0]) - DEPLOYMENT_SECONDS
            deployment = deploy(ChainDeployer(chain, actor_address(0), start), genesis, symbols)
        self.deployment = deployment
        self._encoder = Encoder(self._genesis, deployment)
        ids = self._encoder.account_ids
        self._snapshot = Snapshot(deployment, symbols, ids)
        self._storage = Storage(self._genesis, deployment, symbols, ids)
        self._found = [0] * len(self._storage.words.places)
        """What is on chain, by word, as far as it was told or read."""
        self._watched = set[Place]()
        """Slots that the twin does not know."""
        self._blocks: list[Block] = []
        self._ahead: list[Block] = []
        """Sent since the last comparison."""
        self._news: dict[Place, int] = {}
        """What the chain told of them."""
        self._checked = self._approved = 0
        """Blocks after which everything was compared, approvals that the storage knows."""
        self._to_view = set[int]()
        """Accounts of blocks after which no views were compared."""
        differences = self._whole_storage()
        if differences:
            raise LockstepError("the deployment", differences)

    def copy(self) -> Lockstep:
        """Another that goes on from here, on the same chain: which must be as it is now."""
        other = object.__new__(Lockstep)
        other.__dict__.update(self.__dict__)
        other._encoder = Encoder(self._genesis, self.deployment)
        other._encoder.approved = self._encoder.approved.copy()
        other._storage = self._storage.copy()
        for name in ("_found", "_watched", "_blocks", "_ahead", "_news", "_to_view"):
            setattr(other, name, getattr(self, name).copy())
        return other

    @property
    def account_ids(self) -> list[int]:
        """What the vaults call the accounts, in the order of the twin's rows."""
        return self._encoder.account_ids

    @property
    def compared(self) -> tuple[int, int]:
        """Slots of storage and values held against the twin so far: a slot may hold several values,
        and others are worked out.
        """
        return self.slots, self.values

    def play(self, rows: list[Entry], timestamp: int, after: State | None) -> list[int]:
        """Send one block of journal rows, check verdicts, compare with the twin's state `after`;
        None if that of a later block shall be.

        Returns the gas of each row, approvals included. Raises `LockstepError`.
        """
        self._blocks.append((timestamp, rows))
        gas, differences = self._send(rows, timestamp)
        if after is not None and not differences:
            everything = len(self._blocks) - self._checked >= EVERYTHING
            differences = self.compare(after, everything)
        if differences:
            self._blame(differences)
        self.operations += len(rows)
        return gas

    def conclude(self, s: State) -> None:
        """Compare everything with the twin's state after the last block. Raises `LockstepError`."""
        differences = self.compare(s, everything=True)
        if not differences:
            differences = self._whole_storage()
            self._checked = 0  # nobody knows since when
        if differences:
            self._blame(differences)
        self._checked = len(self._blocks)

    def _send(self, rows: list[Entry], timestamp: int) -> tuple[list[int], list[Difference]]:
        calls: list[Call] = []
        ends = []
        for row in rows:
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
        self._ahead.append((timestamp, rows))
        if self.chain.tells_changes:
            self._news |= self.chain.changes()
        return gas, differences

    def compare(self, s: State, everything: bool = False) -> list[Difference]:
        """What differs from the twin's state after the blocks sent since the last comparison: all
        that changed on either side, and what is worked out of it for the accounts of these blocks;
        with `everything`, all that the twin knows.

        A chain that does not tell what changed is asked for all that the twin changed, all that is
        not anybody's, and all of the accounts and actors of these blocks.
        """
        storage, words = self._storage, self._storage.words
        changed, differences = storage.follow(s, self._ahead)
        if len(self._encoder.approved) > self._approved:
            for approval in list(self._encoder.approved)[self._approved :]:
                changed.add(storage.approve(*approval))
            self._approved = len(self._encoder.approved)
        self._found += [0] * (len(words.places) - len(self._found))
        rows = [row for _, block in self._ahead for row in block]
        compared = set(range(len(words.places))) if everything else changed.copy()
        if not self.chain.tells_changes:
            compared |= words.near([row.account for row in rows], [row.actor for row in rows])
            read = list(compared)
            values = self.chain.read([words.places[word] for word in read])
            self._note(zip(read, values, strict=True))
        for place, value in zip(self._watched, self.chain.read(list(self._watched)), strict=True):
            differences += [self._unknown(place, value)] if value else []
        told = self._take_news(differences)
        for word in changed & storage.from_deployment.keys():
            del storage.from_deployment[word]
        compared |= told
        differences += words.compare(compared, self._found, storage.from_deployment)
        self.slots += len(compared)
        self.values += sum(map(len, map(words.parts.__getitem__, compared)))
        differences += self._views(s, rows, everything)
        if everything:
            self._checked = len(self._blocks)
        self._ahead = []
        return differences

    def _note(self, found: Iterable[tuple[int, int]]) -> None:
        """What words are on chain."""
        for word, value in found:
            if self._found[word] != value:
                self._found[word] = value
                self._storage.from_deployment.pop(word, None)

    def _take_news(self, differences: list[Difference]) -> set[int]:
        """The words that the chain told of; slots that are none are differences."""
        told = set[int]()
        for place, value in self._news.items():
            word = self._storage.words.number(place)
            if word is None:
                differences.append(self._unknown(place, value))
            else:
                self._note([(word, value)])
                told.add(word)
        self._news = {}
        return told

    def _whole_storage(self) -> list[Difference]:
        """What is in storage of the deployment and not as the twin says, or unknown to it."""
        words, stored = self._storage.words, self.chain.storage()
        ours = {address for address, _ in words.places}
        differences = [
            self._unknown(place, value)
            for place, value in stored.items()
            if value and place[0] in ours and words.number(place) is None
        ]
        waiting = self._storage.from_deployment.copy()
        self._note(enumerate([stored.get(place, 0) for place in words.places]))
        if not self._blocks:
            self._storage.from_deployment = waiting
        compared = set(range(len(words.places)))
        self.slots += len(compared)
        self.values += sum(map(len, map(words.parts.__getitem__, compared)))
        aside = self._storage.from_deployment
        return differences + words.compare(compared, self._found, aside)

    def _unknown(self, place: Place, value: int) -> Difference:
        self._watched.add(place)
        address, slot = place
        names = {
            one.address.lower(): one.name
            for one in listing(self.deployment, self._genesis, self.symbols)
        }
        what = f"slot {slot:#x} of {names.get(address, address)}, which the twin does not know"
        return Difference(what, 0, value)

    def _views(self, s: State, rows: Sequence[Entry], everything: bool) -> list[Difference]:
        """What the contracts work out, of the accounts of these rows and of earlier ones that were
        not looked at, or of all.
        """
        for row in rows:
            if row.account >= 0:
                own = int(s.own_account[s.account_vault[row.account], row.actor])
                self._to_view.update({row.account, own} - {-1})
        if not everything and len(self._blocks) % self._views_every:
            return []
        accounts = range(len(s.account)) if everything else sorted(self._to_view)
        self._to_view = set()
        sections = list(self._snapshot.sections(s, accounts))
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

    # --- naming the operation ---------------------------------------------------------------------

    def _blame(self, differences: list[Difference]) -> None:
        """Raise with the operation that caused it, found by replaying everything on revm."""
        found = self._first_apart(self._blocks, self._checked, self._watched)
        if found:
            n, _ = found
            timestamp, rows = self._blocks[n]
            one_by_one = [*self._blocks[:n], *((timestamp, [row]) for row in rows)]
            found = self._first_apart(one_by_one, n, self._watched)
            if found:
                at, reproduced = found
                (row,) = one_by_one[at][1]
                raise LockstepError(describe(row, self.symbols, self.names), reproduced)
        timestamp = self._blocks[-1][0] if self._blocks else 0
        raise LockstepError(f"the block at {timestamp} (not reproduced on revm)", differences)

    def _first_apart(
        self, blocks: list[Block], alike: int, watched: set[Place]
    ) -> tuple[int, list[Difference]] | None:
        """The first block after which twin and revm differ; after so many they are known to be
        alike.
        """
        twin = copy(self._genesis)
        replay = Lockstep(RevmChain(), self._genesis, self.symbols, names=self.names)
        replay._watched = watched.copy()
        for n, (timestamp, rows) in enumerate(blocks):
            twin.clock[0] = timestamp
            for row in rows:
                op.execute(twin, row)
            twin.journal_length[0] = 0
            _, differences = replay._send(rows, timestamp)
            if n >= alike:
                differences = differences or replay.compare(twin, everything=True)
                if differences:
                    return n, differences
        return None


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
