"""Twin of `contracts/periphery/BridgedCollateral.sol`: what messages of another chain mint here."""

from __future__ import annotations

from sim.protocol.errors import (
    ALREADY_RECEIVED,
    INSUFFICIENT_BALANCE,
    MESSAGE_TOO_OLD,
    MINT_LIMITED,
    NOT_AUTHORISED,
    OK,
    ZERO_AMOUNT,
)
from sim.protocol.fixed_point import exceeds, jitable, mul_div_down, zero
from sim.protocol.state import (
    BUCKET_FILLED,
    BUCKET_FILLED_AT,
    MESSAGE_AGE,
    MESSAGE_CAP,
    MESSAGE_WINDOW,
    WALLET,
    State,
)

RELAYER = 0
"""Who brings messages: the admin."""
MOST_AGE = 7 * 86_400
"""The longest that a message may be allowed to take, seconds."""


@jitable
def receive_message(
    s: State, actor: int, i: int, nonce: int, to: int, amount: int, sent_at: int
) -> int:
    """Mint what `to` locked on the other chain at `sent_at`; a message once, in any order. Raises
    ValueError for a token of this chain, and a number of a message beyond those the state has room
    for.
    """
    if s.bridge[i, MESSAGE_WINDOW] == 0:
        raise ValueError("the asset is of this chain")
    if nonce < 0 or nonce >= s.received.shape[1]:
        raise ValueError("the state has no room for a message of this number")
    if actor != RELAYER:
        return NOT_AUTHORISED
    if amount == 0:
        return ZERO_AMOUNT
    if s.received[i, nonce] != 0:
        return ALREADY_RECEIVED
    if sent_at > s.clock[0] or s.clock[0] - sent_at > s.bridge[i, MESSAGE_AGE]:
        return MESSAGE_TOO_OLD
    filled = _filled_now(s, i)
    if exceeds(amount, s.bridge[i, MESSAGE_CAP] - filled):
        return MINT_LIMITED
    s.received[i, nonce] = 1
    s.bridge[i, BUCKET_FILLED] = filled + amount
    s.bridge[i, BUCKET_FILLED_AT] = s.clock[0]
    s.holding[to, i, WALLET] += amount
    s.result[0] = amount
    return OK


@jitable
def send_back(s: State, actor: int, i: int, amount: int) -> int:
    """Burn the actor's for as much on the other chain. Raises ValueError for one of this chain."""
    if s.bridge[i, MESSAGE_WINDOW] == 0:
        raise ValueError("the asset is of this chain")
    if amount == 0:
        return ZERO_AMOUNT
    if s.holding[actor, i, WALLET] < amount:
        return INSUFFICIENT_BALANCE
    s.holding[actor, i, WALLET] -= amount
    s.result[0] = amount
    return OK


@jitable
def mintable(s: State, i: int) -> int:
    """What messages may mint now."""
    return s.bridge[i, MESSAGE_CAP] - _filled_now(s, i)


@jitable
def _filled_now(s: State, i: int) -> int:
    """filled - down(cap seconds / window), never below nothing."""
    row = s.bridge[i]
    passed = s.clock[0] - row[BUCKET_FILLED_AT]
    drained = mul_div_down(row[MESSAGE_CAP], passed, row[MESSAGE_WINDOW])
    if drained < row[BUCKET_FILLED]:
        return row[BUCKET_FILLED] - drained
    return zero()
