"""Plays the twin's journal on a chain, block by block, and compares what the contracts keep.

Storage is compared both ways: every slot that a block changed must be one that the twin knows, and
as it says; every change of the twin must be in storage. What contracts work out of it (prices,
thresholds, health) is compared for the accounts of the block, and for all at intervals. A
difference in one wei, one status or one verdict stops the run and names the operation that caused
it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from sim.engines.calldata import Encoder, actor_address
from sim.engines.chain import Call, Chain, Place, RevmChain, View
from sim.engines.deployment import ChainDeployer, Deployment, deploy, listing
from sim.engines.failures import Difference, LockstepError
from sim.engines.snapshot import Section, Snapshot
from sim.engines.storage import Storage
from sim.engines.verdicts import describe, verdict
from sim.protocol import operations as op
from sim.protocol.errors import NAMES
from sim.protocol.records import copy
from sim.protocol.state import Entry, State

DEPLOYMENT_SECONDS = 10_000
"""Deployment blocks end at least this long before the state's clock."""
EVERYTHING = 64
"""Blocks from one comparison of everything to the next."""
Block = tuple[int, list[Entry]]
"""Timestamp, and rows of the journal."""


class _Questions(NamedTuple):
    """What is held against the chain after blocks."""

    after: State
    everything: bool
    accounts: list[int]
    sections: list[Section]
    """How these accounts stand; none if that is not looked at this time."""

    def views(self) -> list[View]:
        """For the chain."""
        return [(section.to, section.data) for section in self.sections]


class _Expected(NamedTuple):
    """What the twin says of it."""

    number: int  # of blocks until here
    asked: _Questions
    changed: set[int]
    """Words that are others than before the blocks."""
    near: set[int]
    """Those that a chain is asked for which does not tell what it changed."""
    strays: list[Difference]
    """What changed and must not."""
    answers: list[list[int]]
    """Of each section."""


class _Sent(NamedTuple):
    """A block that the chain is at work on."""

    number: int  # of blocks until here
    rows: list[Entry]
    ends: list[int]
    """Of each row, the number of transactions until then."""
    gas: list[int]
    """Of each row; empty until it is received."""
    expected: _Expected | None
    then: list[Callable[[], None]]


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
        self._snapshot = Snapshot(self._genesis, deployment, symbols, ids)
        self._storage = Storage(self._genesis, deployment, symbols, ids)
        self._found = [0] * len(self._storage.words.places)
        """What is on chain, by word, as far as it was told or read."""
        self._watched = set[Place]()
        """Slots that the twin does not know."""
        self._blocks: list[Block] = []
        self._ahead: list[Block] = []
        """Sent, and not in what is expected yet."""
        self._sent: _Sent | None = None
        self._news: dict[Place, int] = {}
        """What the chain told of blocks and nobody has compared yet."""
        self._checked = self._asked = self._approved = 0
        """Blocks after which everything was found to be alike, and was asked for; approvals that
        the storage knows.
        """
        self._to_view = set[int]()
        """Accounts of blocks after which no views were compared."""
        differences = self._whole_storage()
        if differences:
            raise LockstepError("the deployment", differences)

    def copy(self) -> Lockstep:
        """Another that goes on from here, on the same chain: which must be as it is now."""
        self.settle()  # a block that is under way belongs to one of them
        other = object.__new__(Lockstep)
        other.__dict__.update(self.__dict__)
        other._encoder = Encoder(self._genesis, self.deployment)
        other._encoder.approved = self._encoder.approved.copy()
        for name in ("_storage", "_found", "_watched", "_blocks", "_ahead", "_news", "_to_view"):
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
        gas = self.send(rows, timestamp, after)
        self.settle()
        return gas

    def send(self, rows: list[Entry], timestamp: int, after: State | None) -> list[int]:
        """Send one block as `play` does, and go on while the chain is at work: it is compared with
        the state `after` as that is now, by `settle` or when the next block is sent.

        Returns what will be the gas of each row. Raises `LockstepError` of the block before.
        """
        calls: list[Call] = []
        ends = []
        for row in rows:
            calls += self._encoder.calls(row)
            ends.append(len(calls))
        if not self.chain.tells_changes:
            self.settle()  # which asks for storage as it is now
        self._blocks.append((timestamp, rows))
        self._ahead.append((timestamp, rows))
        everything = len(self._blocks) - self._asked >= EVERYTHING
        asked = None if after is None else self._questions(after, everything)
        self.chain.send(calls, timestamp, asked.views() if asked else ())
        self.settle()
        expected = self._expected(asked) if asked else None
        self._sent = _Sent(len(self._blocks), rows, ends, [], expected, [])
        return self._sent.gas

    def settle(self) -> None:
        """Wait for the block that was sent, and compare it. Raises `LockstepError`."""
        sent, self._sent = self._sent, None
        if sent and (differences := self._received(sent)):
            self._blame(differences, self._blocks[: sent.number])

    def then(self, do: Callable[[], None]) -> None:
        """Do it once what was sent has been compared and does not differ: now, if it was."""
        if self._sent:
            self._sent.then.append(do)
        else:
            do()

    def conclude(self, s: State) -> None:
        """Compare everything with the twin's state after the last block. Raises `LockstepError`."""
        self.settle()
        differences = self.compare(s, everything=True)
        if not differences:
            differences = self._whole_storage()
            self._checked = 0  # nobody knows since when
        if differences:
            self._blame(differences, self._blocks)
        self._checked = len(self._blocks)

    def _received(self, sent: _Sent) -> list[Difference]:
        """Wait for a block: what differs after it."""
        mined, differences, start = self.chain.receive(), [], 0
        for row, end in zip(sent.rows, sent.ends, strict=True):
            sent.gas.append(sum(receipt.gas for receipt in mined.receipts[start:end]))
            said = verdict(row.code, mined.receipts[end - 1])
            if said is not None:
                twin = NAMES[row.code] or "ok"
                differences.append(
                    Difference(f"verdict of {describe(row, self.symbols, self.names)}", twin, said)
                )
            start = end
        self._news |= mined.changes
        if sent.expected and not differences:
            differences = self._differences(sent.expected, mined.answers)
        if not differences:
            self.operations += len(sent.rows)
            for do in sent.then:
                do()
        return differences

    def compare(self, s: State, everything: bool = False) -> list[Difference]:
        """What differs from the twin's state after the blocks received since the last comparison:
        all that changed on either side, and what is worked out of it for the accounts of these
        blocks; with `everything`, all that the twin knows.

        A chain that does not tell what changed is asked for all that the twin changed, all that is
        not anybody's, and all of the accounts and actors of these blocks.
        """
        asked = self._questions(s, everything)
        return self._differences(self._expected(asked), self.chain.view(asked.views()))

    def _questions(self, s: State, everything: bool) -> _Questions:
        """Views of the accounts of the blocks ahead and of earlier ones that were not looked at, or
        of all; none if it is not their turn.
        """
        for _, rows in self._ahead:
            for row in rows:
                if row.account >= 0:
                    own = int(s.own_account[s.account_vault[row.account], row.actor])
                    self._to_view.update({row.account, own} - {-1})
        if not everything and len(self._blocks) % self._views_every:
            return _Questions(s, everything, [], [])
        if everything:
            self._asked = len(self._blocks)
        accounts = list(range(len(s.account))) if everything else sorted(self._to_view)
        self._to_view = set()
        return _Questions(s, everything, accounts, self._snapshot.sections(accounts))

    def _expected(self, asked: _Questions) -> _Expected:
        """What the twin says of the blocks ahead, which are behind from here on."""
        storage, rows = self._storage, [row for _, block in self._ahead for row in block]
        changed, strays = storage.follow(asked.after, self._ahead)
        self._ahead = []
        if len(self._encoder.approved) > self._approved:
            for approval in list(self._encoder.approved)[self._approved :]:
                changed.add(storage.approve(*approval))
            self._approved = len(self._encoder.approved)
        near = set[int]()
        if not self.chain.tells_changes:
            near = storage.words.near({row.account for row in rows}, {row.actor for row in rows})
        answers = self._snapshot.expected(asked.after, asked.accounts) if asked.sections else []
        return _Expected(len(self._blocks), asked, changed, near, strays, answers)

    def _differences(self, expected: _Expected, answers: list[bytes]) -> list[Difference]:
        """What is otherwise on the chain, where the latest block is behind."""
        storage, words, differences = self._storage, self._storage.words, expected.strays
        self._found += [0] * (len(words.places) - len(self._found))
        compared = expected.changed | expected.near
        if expected.asked.everything:
            compared = set(range(len(words.places)))
        if not self.chain.tells_changes:
            read = list(compared)
            values = self.chain.read([words.places[word] for word in read])
            self._note(zip(read, values, strict=True))
        for place, value in zip(self._watched, self.chain.read(list(self._watched)), strict=True):
            differences += [self._unknown(place, value)] if value else []
        compared |= self._take_news(differences)
        for word in expected.changed & storage.from_deployment.keys():
            del storage.from_deployment[word]
        differences += words.compare(compared, self._found, storage.from_deployment)
        self.slots += len(compared)
        self.values += sum(map(words.widths.__getitem__, compared))
        for section, twin, answer in zip(
            expected.asked.sections, expected.answers, answers, strict=True
        ):
            # An ABI-encoded array: offset, length, words.
            got = [int.from_bytes(answer[k : k + 32], "big") for k in range(64, len(answer), 32)]
            self.values += len(got)
            if len(got) != len(twin):
                what = f"number of words of {section.fields}"
                differences.append(Difference(what, len(twin), len(got)))
            if got != twin:
                differences += [
                    Difference(section.label(k), a, b)
                    for k, (a, b) in enumerate(zip(twin, got, strict=False))
                    if a != b
                ]
        if expected.asked.everything and not differences:
            self._checked = expected.number  # the next one may be on its way
        return differences

    def _note(self, found: Iterable[tuple[int, int]]) -> None:
        """What words are on chain."""
        before = self._found
        for word, value in [(word, value) for word, value in found if before[word] != value]:
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
        self.values += sum(map(words.widths.__getitem__, compared))
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

    # --- naming the operation ---------------------------------------------------------------------

    def _blame(self, differences: list[Difference], blocks: list[Block]) -> None:
        """Raise with the operation that caused it, found by replaying these blocks on revm."""
        found = self._first_apart(blocks, self._checked, self._watched)
        if found:
            n, _ = found
            timestamp, rows = blocks[n]
            one_by_one = [*blocks[:n], *((timestamp, [row]) for row in rows)]
            found = self._first_apart(one_by_one, n, self._watched)
            if found:
                at, reproduced = found
                (row,) = one_by_one[at][1]
                raise LockstepError(describe(row, self.symbols, self.names), reproduced)
        timestamp = blocks[-1][0] if blocks else 0
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
            replay.send(rows, timestamp, None)
            sent, replay._sent = replay._sent, None
            assert sent
            differences = replay._received(sent)
            if n >= alike:
                differences = differences or replay.compare(twin, everything=True)
                if differences:
                    return n, differences
        return None
