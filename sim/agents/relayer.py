"""A relayer: brings messages of other chains, each once its time has come, as far as the token lets
it.

Whoever tops up has his tokens on the other chain. He sends what he is short of, and supplies it
when it is here. A message that is too old when the relayer comes with it is refused for good, and
what was locked for it is his again over there; one beyond the cap waits for the bucket to drain.
While the bridge is closed nothing arrives, and what was sent grows old.
"""

from __future__ import annotations

from sim.agents.habits import Borrowers
from sim.agents.leverage import HAIR
from sim.market.market import (
    BACKING,
    DELIVERED,
    DOUBTFUL,
    FATE,
    FORGED,
    LAG,
    MESSAGE_AMOUNT,
    MESSAGES_REFUSED,
    MINTED,
    NEVER_SENT,
    ON_THE_WAY,
    REFUSED,
    SENDER,
    SENT,
    SENT_AT,
    UNBACKED,
    UNNOTICED,
    Market,
)
from sim.protocol import bridge
from sim.protocol import operations as op
from sim.protocol.errors import MESSAGE_TOO_OLD, OK
from sim.protocol.fixed_point import jitable, zero
from sim.protocol.state import State


@jitable
def act(s: State, w: Market, k: int, own: Borrowers) -> None:
    """Every open message, in the order in which they were sent."""
    bridges = w.bridges
    for b in range(bridges.asset.shape[0]):
        still_open = 0
        for n in range(bridges.open_count[b]):
            nonce = bridges.open[b, n]
            message = bridges.message[b, nonce]
            if message[FATE] == ON_THE_WAY and _brought(s, w, k, own, b, nonce):
                bridges.arrived[own.account[int(message[SENDER])]] = 1
            if not _is_settled(w, own, b, nonce):
                bridges.open[b, still_open] = nonce
                still_open += 1
        bridges.open_count[b] = still_open


@jitable
def fetch(
    s: State, w: Market, k: int, own: Borrowers, n: int, b: int, wanted: int, sends: bool
) -> int:
    """What borrower n has here of the units that he wants of a token; he sends the rest, unless it
    is on its way or but a hair, as far as his purse over there goes.
    """
    bridges, a = w.bridges, own.account[n]
    missing = wanted - bridges.in_hand[a, b] - bridges.under_way[a, b]
    amount = min(missing, own.purse[n, bridges.asset[b]])
    if sends and amount > 0 and missing * HAIR > wanted:
        _send(s, w, k, own, n, b, amount)
    return min(wanted, bridges.in_hand[a, b])


@jitable
def forge(s: State, w: Market, b: int, to: int, amount: int) -> bool:
    """Mint for a deposit that never happened; whether the token let it."""
    bridges = w.bridges
    i, nonce = bridges.asset[b], _next_number(w, b)
    if op.receive_message(s, bridge.RELAYER, i, to, amount, s.clock[0], nonce) != OK:
        bridges.ledger[b, REFUSED] += 1
        w.tally[MESSAGES_REFUSED] += 1
        return False
    bridges.ledger[b, MINTED] += amount
    bridges.ledger[b, UNNOTICED] += amount
    bridges.ledger[b, FORGED] += amount
    return True


@jitable
def _send(s: State, w: Market, k: int, own: Borrowers, n: int, b: int, amount: int) -> None:
    """Lock so much of the purse over there; what takes no time is here at once."""
    bridges, nonce = w.bridges, _next_number(w, b)
    message = bridges.message[b, nonce]
    message[SENT_AT], message[MESSAGE_AMOUNT] = s.clock[0], amount
    message[SENDER] = n
    own.purse[n, bridges.asset[b]] -= amount
    bridges.under_way[own.account[n], b] += amount
    bridges.ledger[b, SENT] += 1
    _brought(s, w, k, own, b, nonce)
    if not _is_settled(w, own, b, nonce):
        bridges.open[b, bridges.open_count[b]] = nonce
        bridges.open_count[b] += 1


@jitable
def _next_number(w: Market, b: int) -> int:
    """The number of a new message, which is taken now."""
    nonce = w.bridges.sent[b]
    if nonce >= w.bridges.message.shape[1]:
        raise ValueError("more messages than there can be")
    w.bridges.sent[b] = nonce + 1
    return nonce


@jitable
def _brought(s: State, w: Market, k: int, own: Borrowers, b: int, nonce: int) -> bool:
    """Bring a message if it is due and the bridge is open; whether it was delivered."""
    bridges, message = w.bridges, w.bridges.message[b, nonce]
    if bridges.closed[k, b] != 0 or s.clock[0] < message[SENT_AT] + message[LAG]:
        return False
    i, n, amount = bridges.asset[b], int(message[SENDER]), message[MESSAGE_AMOUNT]
    a = own.account[n]
    to = s.account_owner[a]
    code = op.receive_message(s, bridge.RELAYER, i, to, amount, message[SENT_AT], nonce)
    if code == OK:
        bridges.under_way[a, b] -= amount
        bridges.in_hand[a, b] += amount
        bridges.ledger[b, MINTED] += amount
        bridges.ledger[b, BACKING] += amount
        bridges.ledger[b, DELIVERED] += 1
        message[FATE] = zero() + DOUBTFUL
        return True
    bridges.ledger[b, REFUSED] += 1
    w.tally[MESSAGES_REFUSED] += 1
    if code == MESSAGE_TOO_OLD:
        message[FATE] = zero() + NEVER_SENT
    return False


@jitable
def _is_settled(w: Market, own: Borrowers, b: int, nonce: int) -> bool:
    """Whether nothing more can become of a message; of a deposit that there is not, or no longer,
    the sender has his tokens over there.
    """
    bridges, message = w.bridges, w.bridges.message[b, nonce]
    n, amount = int(message[SENDER]), message[MESSAGE_AMOUNT]
    if message[FATE] == NEVER_SENT:
        bridges.under_way[own.account[n], b] -= amount
        own.purse[n, bridges.asset[b]] += amount
    elif message[FATE] == UNBACKED:
        own.purse[n, bridges.asset[b]] += amount
    elif message[FATE] == DOUBTFUL:
        return bool(bridges.doubtful[b, nonce] == 0)
    else:
        return False
    return True
