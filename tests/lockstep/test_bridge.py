"""A token of another chain: what messages mint, on twin and EVM side by side."""

from __future__ import annotations

from typing import ClassVar

import pytest

from sim.protocol import bridge
from sim.protocol import operations as op
from sim.protocol.errors import (
    ALREADY_RECEIVED,
    INSUFFICIENT_BALANCE,
    MESSAGE_TOO_OLD,
    MINT_LIMITED,
    NAMES,
    NOT_AUTHORISED,
    OK,
    ZERO_AMOUNT,
)
from sim.protocol.fixed_point import max_uint
from sim.protocol.state import BUCKET_FILLED, WALLET
from tests.lockstep.machine import ProtocolMachine

pytestmark = pytest.mark.chain

WETH, WBTC = 0, 1
RELAYER, ALICE, MALLORY = bridge.RELAYER, 2, 3
CAP, WINDOW, AGE = 7 * 10**8, 3_600, 1_800
MESSAGES = 16


class Bridged(ProtocolMachine):
    """The market of the fuzz, with WBTC from another chain."""

    bridged: ClassVar[dict[int, tuple[int, int, int]]] = {WBTC: (CAP, WINDOW, AGE)}
    messages = MESSAGES

    def message(self, nonce: int, amount: int, age: int = 0, by: int = RELAYER) -> int:
        """A message to Alice, sent `age` seconds ago."""
        sent_at = int(self.s.clock[0]) - age
        return self.do(op.receive_message, by, WBTC, ALICE, amount, sent_at, nonce)


@pytest.fixture
def market() -> Bridged:
    return Bridged()


def later(market: Bridged, seconds: int) -> None:
    market.s.clock[0] += seconds


def test_each_message_once_in_any_order(market: Bridged) -> None:
    had = int(market.s.holding[ALICE, WBTC, WALLET])
    assert [market.message(nonce, 10**6) for nonce in (5, 0, 15)] == [OK] * 3
    assert [market.message(nonce, 10**6) for nonce in (0, 15, 5)] == [ALREADY_RECEIVED] * 3
    assert market.s.holding[ALICE, WBTC, WALLET] == had + 3 * 10**6
    assert market.minted[WBTC] == sum(
        int(market.s.holding[k, WBTC, WALLET]) for k in range(len(market.s.holding))
    ) + _elsewhere(market), "nothing else was made"


def _elsewhere(market: Bridged) -> int:
    """WBTC that is in nobody's wallet."""
    s = market.s
    sides = [(p, k) for p, pair in enumerate(s.pair_tokens) for k in range(2) if pair[k] == WBTC]
    held = [int(s.hub[WBTC, column]) for column in (0, 9)] + [int(s.pool[WBTC, 0])]
    return sum(held) + sum(int(s.pair[p, k]) for p, k in sides)


@pytest.mark.parametrize(
    ("age", "code"), [(0, OK), (AGE, OK), (AGE + 1, MESSAGE_TOO_OLD), (-1, MESSAGE_TOO_OLD)]
)
def test_a_message_has_its_time(market: Bridged, age: int, code: int) -> None:
    assert NAMES[market.message(1, 1, age)] == NAMES[code]


def test_the_relayer_alone_and_never_nothing(market: Bridged) -> None:
    assert market.message(0, 1, by=MALLORY) == NOT_AUTHORISED
    assert market.message(0, 0) == ZERO_AMOUNT
    assert market.message(0, max_uint()) == MINT_LIMITED
    assert market.message(0, 1) == OK, "what was refused did not use up its number"


def test_the_bucket_holds_the_cap_and_drains_in_the_window(market: Bridged) -> None:
    """Filled to the brim, after t seconds there is room for down(cap t / window), to the unit."""
    assert market.message(0, CAP + 1) == MINT_LIMITED
    assert market.message(0, CAP) == OK
    assert market.message(1, 1) == MINT_LIMITED
    for nonce, seconds in enumerate((1, 7, 1_000), start=1):
        later(market, seconds)
        room = CAP * seconds // WINDOW
        assert bridge.mintable(market.s, WBTC) == room
        assert market.message(nonce, room + 1) == MINT_LIMITED
        assert market.message(nonce, room) == OK
    later(market, WINDOW)
    assert bridge.mintable(market.s, WBTC) == CAP
    later(market, 100 * WINDOW)
    assert bridge.mintable(market.s, WBTC) == CAP, "never more than one cap at once"


def test_a_forger_mints_a_cap_and_its_drainage_and_not_more(market: Bridged) -> None:
    """Whatever he asks for: over T seconds at most cap (1 + T / window)."""
    minted = 0
    for nonce in range(MESSAGES):
        later(market, 450)
        amount = bridge.mintable(market.s, WBTC)
        assert market.message(nonce, amount + 1) == MINT_LIMITED
        assert market.message(nonce, amount) == OK
        minted += amount
        assert minted <= CAP + CAP * 450 * nonce // WINDOW
    assert minted == CAP + CAP * 450 * (MESSAGES - 1) // WINDOW


def test_what_is_sent_back_is_gone_and_makes_no_room(market: Bridged) -> None:
    """Or a forger would send back, and mint again, as often as he likes."""
    assert market.message(0, CAP) == OK
    had = int(market.s.holding[ALICE, WBTC, WALLET])
    assert market.do(op.send_back, ALICE, WBTC, had + 1) == INSUFFICIENT_BALANCE
    assert market.do(op.send_back, ALICE, WBTC, 0) == ZERO_AMOUNT
    assert market.do(op.send_back, ALICE, WBTC, had) == OK
    assert market.s.holding[ALICE, WBTC, WALLET] == 0
    assert market.s.bridge[WBTC, BUCKET_FILLED] == CAP
    assert market.message(1, 1) == MINT_LIMITED


def test_a_token_of_this_chain_takes_no_message(market: Bridged) -> None:
    with pytest.raises(ValueError, match="of this chain"):
        op.receive_message(market.s, RELAYER, WETH, ALICE, 1, int(market.s.clock[0]), 0)
    with pytest.raises(ValueError, match="no room for a message"):
        market.message(MESSAGES, 1)


def test_it_is_collateral_like_any_other(market: Bridged) -> None:
    """Tokens that have just arrived are supplied and borrowed against."""
    assert market.message(0, CAP) == OK
    account = 3 * ALICE
    assert market.do(op.supply, ALICE, account, WBTC, CAP) == OK
    assert market.do(op.borrow, ALICE, account, 3, market.amount(3, 1_000)) == OK
