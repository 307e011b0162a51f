"""Storage is compared both ways: nothing on chain that the twin does not know, nothing in the twin
that is not on chain, to the wei.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from sim.engines.anvil import AnvilChain
from sim.engines.artifacts import contracts
from sim.engines.chain import Chain, RevmChain
from sim.engines.exact import journal_rows
from sim.engines.failures import LockstepError
from sim.engines.layouts import Layout, text
from sim.engines.lockstep import Lockstep
from sim.engines.storage import NOT_KEPT, Storage
from sim.engines.variables import layout
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import wad
from sim.protocol.state import (
    BORROW_CAP,
    BUCKET_FILLED,
    EXIT_SHARES,
    IS_COLLATERAL,
    LEAVES_AT,
    NEXT_EXIT,
    POOL_EPOCH,
    POOL_SHARES,
    POSITION_DEBT,
    REHYPOTHECATE,
    SECOND_ABOVE,
    STAKE,
    THIRD_FROM,
    URGENT_HEALTH,
    State,
)
from sim.protocol.vault_accounts import health
from tests.lockstep.support import START, START_PRICES, SYMBOLS, genesis, opening

pytestmark = pytest.mark.chain

KEPT = tuple(name for name in State._fields if name not in NOT_KEPT)
WETH, WBTC, USDC, DAI = range(4)


@pytest.fixture(params=["revm", "devnet"])
def chain(request: pytest.FixtureRequest) -> Iterator[Chain]:
    """Both kinds."""
    found = RevmChain() if request.param == "revm" else AnvilChain(START - 20_000)
    yield found
    found.close()


def opened(
    chain: Chain, start: State | None = None, views_every: int = 1
) -> tuple[Lockstep, State]:
    """A protocol with open positions on both sides."""
    s = start
    if s is None:
        s = genesis(delay=600, messages=2)
        s.bridge[1, :BUCKET_FILLED] = (10**10, 3_600, 1_800)  # WBTC is of another chain
    lockstep = Lockstep(chain, s, SYMBOLS, views_every=views_every)
    s.clock[0] += 1
    opening(s)
    played(lockstep, s)
    return lockstep, s


def played(lockstep: Lockstep, s: State) -> None:
    """What the twin did since, in the block of this moment."""
    lockstep.play(journal_rows(s), int(s.clock[0]), s)


def poke(chain: Chain, contract: str, slot: int, value: int) -> None:
    """Write into a contract's storage, past the contract."""
    if isinstance(chain, AnvilChain):
        word = f"0x{value:064x}"
        chain._batch([("anvil_setStorageAt", [contract, hex(slot), word])])
    else:
        assert isinstance(chain, RevmChain)
        chain._evm.insert_account_storage(contract, slot, value)


# --- what is deployed -----------------------------------------------------------------------------


def test_every_slot_after_the_deployment_is_explained(chain: Chain) -> None:
    """Names of tokens, roles, guards: nothing that is not zero is unknown, nothing is missing."""
    lockstep = Lockstep(chain, genesis(), SYMBOLS)
    stored = {place for place, word in chain.storage().items() if word}
    known = set(Storage(genesis(), lockstep.deployment, SYMBOLS, lockstep.account_ids).words.places)
    assert stored <= known and len(stored) > 100
    assert lockstep.slots > len(stored)


@pytest.mark.parametrize(
    ("array", "index", "what"),
    [
        ("rates", (WBTC, 3), "rates WBTC slope1 bps"),
        ("policy", (1, URGENT_HEALTH), "vault 1 policy urgent health"),
        ("oracle", (0, DAI, 0), "oracle 0 DAI heartbeat"),
        ("oracle", (1, WETH, 5), "oracle 1 WETH fallback"),
        ("reserve", (0, USDC, 1), "vault 0 USDC lt bps"),
        ("reserve", (1, USDC, REHYPOTHECATE), "vault 1 USDC rehypothecate"),
        ("reserve", (1, USDC, BORROW_CAP), "vault 1 USDC borrow cap"),
        ("reserve", (1, USDC, SECOND_ABOVE), "vault 1 USDC second above"),
        ("reserve", (1, USDC, THIRD_FROM), "vault 1 USDC third from bps"),
        ("spoke", (2, DAI, 0), "spoke share token DAI add cap"),
        ("spoke", (1, DAI, 7), "spoke vault 1 DAI halted"),
        ("losses", (0,), "hub coverWindow"),
        ("losses", (1,), "hub immediateLoss"),
        ("unit", (WETH,), "vault 0 WETH unit"),
        ("hub", (WETH, 2), "hub WETH borrow index"),
    ],
)
def test_a_configuration_that_is_another_on_chain_is_found(
    array: str, index: tuple[int, ...], what: str
) -> None:
    """Deployed as one state says, followed as another does that is off by one."""
    chain, other = RevmChain(), genesis()
    deployment = Lockstep(chain, genesis(), SYMBOLS).deployment
    getattr(other, array)[index] += -1 if getattr(other, array)[index] else 1
    with pytest.raises(LockstepError) as caught:
        Lockstep(chain, other, SYMBOLS, deployment)
    assert caught.value.operation == "the deployment"
    assert what in {difference.what for difference in caught.value.differences}


def test_names_of_any_length() -> None:
    """As the compiler lays them out: 31 bytes fit into a slot, more are behind its hash."""
    for name in ("", "WETH", "x" * 31, "y" * 32, "z" * 100):
        chain = RevmChain()
        chain.fund(["0x" + "11" * 20])
        token = chain._evm.deploy(
            "0x" + "11" * 20, contracts()["TestToken"].creation(name, 18)
        ).lower()
        (field,) = Layout(contracts()["TestToken"].layout).fields("_symbol").values()
        words = text(field, name)
        assert chain.read([(token, slot) for slot in words]) == list(words.values())


# --- the twin is off ------------------------------------------------------------------------------


def test_one_more_anywhere_in_the_twin_is_found() -> None:
    """Every number of every array, one at a time, and back."""
    lockstep, s = opened(RevmChain(), views_every=1_000)
    looked_at = 0
    for name in KEPT:
        array = getattr(s, name)
        for index in np.ndindex(array.shape):
            number = array[index]
            array[index] = number + 1
            differences = lockstep.compare(s)
            assert differences, f"{name}{index}"
            assert all(one.twin != one.chain for one in differences)
            array[index] = number
            assert lockstep.compare(s) == []
            looked_at += 1
    assert looked_at > 900


@pytest.mark.parametrize("name", KEPT)
def test_a_change_that_is_not_on_chain_is_found_on_the_devnet(
    name: str, devnet: tuple[Lockstep, State]
) -> None:
    """One number of each array: the chain tells of no change at all."""
    lockstep, s = devnet
    array = getattr(s, name)
    index = (0,) * array.ndim
    array[index] += 1
    assert lockstep.compare(s)
    array[index] -= 1
    assert lockstep.compare(s) == []


@pytest.fixture(scope="module")
def devnet() -> Iterator[tuple[Lockstep, State]]:
    """A devnet that all share, and leave as it is."""
    with AnvilChain(START - 20_000) as chain:
        yield opened(chain, views_every=1_000)


# --- the chain is off -----------------------------------------------------------------------------

ROGUES: dict[str, tuple[str, tuple[Any, ...], str]] = {
    "approve": ("approve", (0xBAD, 5), r"slot 0x\w+ of WETH token, which the twin does not know"),
    "transfer": ("transfer", (0xBAD, 1), r"wallet of actor 3 WETH: .* \(-1 wei\)"),
}


@pytest.mark.parametrize("rogue", ROGUES)
def test_what_the_twin_knows_nothing_of_is_found(
    chain: Chain, rogue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before he swaps, a trader does something else, too: found, and the swap is named."""
    from sim.engines.calldata import Encoder, actor_address
    from sim.engines.chain import Call

    function, (stranger, amount), what = ROGUES[rogue]
    calls = Encoder.calls

    def with_more(self: Encoder, row: Any) -> list[Call]:
        if row.kind != op.swap_in.kind:
            return calls(self, row)
        data = contracts()["TestToken"].call(function, actor_address(stranger), amount)
        return [Call(actor_address(3), self._d.tokens[WETH], data), *calls(self, row)]

    monkeypatch.setattr(Encoder, "calls", with_more)
    lockstep, s = opened(chain)
    s.clock[0] += 12
    assert op.accrue(s, 2, DAI) == OK
    assert op.swap_in(s, 3, 3, 0, 10**6, 0) == OK
    assert op.accrue(s, 2, WETH) == OK
    with pytest.raises(LockstepError, match=what) as caught:
        played(lockstep, s)
        lockstep.conclude(s)  # in this process a slot that nobody asks for is seen in the end
    assert caught.value.operation.startswith("swap_in by actor 3")


@pytest.mark.parametrize(
    ("slot", "what"),
    [
        (None, "hub coverWindow: twin 3600, chain 77"),
        (2**200, "slot 0x10+ of hub, which the twin"),
    ],
    ids=["cover-window", "unknown"],
)
def test_a_slot_written_past_the_contracts_is_found(
    chain: Chain, slot: int | None, what: str
) -> None:
    """In the end all of storage is looked at: known slots, and others."""
    if slot is None:
        (window,) = layout("LiquidityHub").fields("coverWindow").values()
        slot = window.slot
    lockstep, s = opened(chain)
    hub = lockstep.deployment.hub.lower()
    lockstep.conclude(s)
    poke(chain, hub, slot, 77)
    assert chain.storage()[hub, slot] == 77
    with pytest.raises(LockstepError, match=what) as caught:
        lockstep.conclude(s)
    assert "not reproduced" in str(caught.value)


# --- pools that begin anew ------------------------------------------------------------------------


def test_stakes_of_an_emptied_pool_stay_where_they_were(chain: Chain) -> None:
    """Prices fall to a tenth and everything is sold: the fund is emptied, and was and is staked
    into, before and after, in the same block. What was staked before is on chain for ever.
    """
    lockstep, s = opened(chain, genesis(loss_window=0))
    for _ in range(4):
        s.clock[0] += 600
        for i in range(len(SYMBOLS)):
            op.post_price(s, 0, i, 0, START_PRICES[i] // (10 if i in (WETH, WBTC) else 1))
            for v in range(2):
                op.poke(s, 0, i, v)
        played(lockstep, s)
    for i in range(len(SYMBOLS)):
        assert op.stake(s, 2, i, 10 ** len(str(s.unit[i]))) == OK
    for a in range(len(s.account)):
        if health(s, a).factor < wad():
            for d in np.flatnonzero(s.position[a, :, POSITION_DEBT]):
                for c in np.flatnonzero(s.position[a, :, IS_COLLATERAL]):
                    op.liquidate(s, 5, a, int(d), int(c), 2**256 - 1, 0, 0)
            op.write_off(s, 5, a)
    emptied = [i for i in range(len(SYMBOLS)) if s.pool[i, POOL_EPOCH] > 0]
    assert emptied
    for i in emptied:
        assert s.pool[i, POOL_SHARES] == s.holding[2, i, STAKE] == 0
        assert op.stake(s, 3, i, 10 ** len(str(s.unit[i]))) == OK
    played(lockstep, s)
    lockstep.conclude(s)
    words = lockstep._storage.words
    for k in (2, 3):
        label = f"staker {k} {SYMBOLS[emptied[0]]} shares"
        numbers = [n for n, parts in enumerate(words.parts) if parts[0].label == label]
        by_epoch = [words.expected[n] for n in numbers]
        assert len(by_epoch) == 2 and min(by_epoch) == 0 < max(by_epoch)


@pytest.mark.parametrize("compared", ["each block", "at last"])
def test_what_left_a_pool_stays_where_it_was_noted(chain: Chain, compared: str) -> None:
    """Three ask in two periods; both instants are settled by another in the block in which the
    first collects, the second collects later, the third does not. What they had is on chain for
    ever.
    """
    lockstep, s = opened(chain)

    def block() -> None:
        after = s if compared == "each block" else None
        lockstep.play(journal_rows(s), int(s.clock[0]), after)

    instants = []
    for wait, actors in ((0, (2, 3)), (86_400, (4,))):
        s.clock[0] += wait
        for k in actors:
            assert op.stake(s, k, DAI, 10**20) == OK
            assert op.request_unstake(s, k, DAI, 10**25 * k) == OK
        instants.append(int(s.holding[actors[0], DAI, LEAVES_AT]))
        block()
    s.clock[0] += 5 * 86_400
    assert op.stake(s, 5, DAI, 1) == op.unstake(s, 2, DAI) == OK
    block()
    assert s.holding[:, DAI, EXIT_SHARES].tolist() == [0, 0, 0, 5 * 10**25, 4 * 10**25, 0]
    s.clock[0] += 1
    assert op.unstake(s, 3, DAI) == op.request_unstake(s, 2, DAI, 1) == OK
    block()
    s.clock[0] = int(s.pool[DAI, NEXT_EXIT]) + 86_400
    assert op.unstake(s, 2, DAI) == OK  # settles and collects at once
    instants.append(int(s.clock[0]))
    played(lockstep, s)
    lockstep.conclude(s)
    words = lockstep._storage.words
    for instant, shares in zip(instants, (5 * 10**25, 4 * 10**25, 1), strict=True):
        label = f"shares that left insurance DAI at {instant}"
        (word,) = (n for n, parts in enumerate(words.parts) if parts[0].label == label)
        assert words.expected[word] == shares
    s.holding[4, DAI, EXIT_SHARES] += 1  # who has not collected has what the word says
    assert lockstep.compare(s)
