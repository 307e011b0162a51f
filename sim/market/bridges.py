"""Tokens of other chains: what backs them there, and what they are worth here.

Of a token of which S are here, R of them forged without anybody knowing, while B are locked for it
on the other chain,

    price = price of what it stands for x min(1, B / (S - R))

on the market at once; its feed sees what it was an age ago, as of any price. Every message that is
delivered adds as much to S and to B, a forged one to S alone. B falls when deposits turn out never
to have happened: all at once, or each when it should have become final.
"""

from __future__ import annotations

from sim.market import reference
from sim.market.market import (
    BACKING,
    DOUBTFUL,
    FATE,
    FINALITY,
    MESSAGE_AMOUNT,
    MINTED,
    NEVER_SENT,
    NOTICED_AT,
    REORGANISED,
    REORGANISED_AT,
    SENT_AT,
    UNBACKED,
    UNNOTICED,
    VANISHED,
    Market,
)
from sim.protocol.fixed_point import jitable, mul_div_down, wad, zero
from sim.protocol.state import (
    CASH,
    ESCROW,
    POOL_ASSETS,
    RESERVE0,
    UNCOLLECTED,
    WALLET,
    State,
)


@jitable
def move(s: State, w: Market, k: int) -> None:
    """Find out what is due; bring row k of prices, and of what feeds see, to what backs them."""
    own = w.bridges
    for b in range(own.asset.shape[0]):
        i, of = own.asset[b], own.original[b]
        if own.ledger[b, MINTED] == 0:
            own.ledger[b, MINTED] = supply(s, i)
            own.ledger[b, BACKING] = own.ledger[b, MINTED]
        _find_out(s, w, b)
        own.share[k, b] = _share(w, b)
        row = own.feed_row[k, b]
        seen = w.feeds.observed[k, i]
        if w.reference.impact.shape[0] > 0:
            seen = reference.moved(w, seen, row, of)
        w.price[k, i] = _part(w.price[k, of], own.share[k, b])
        w.feeds.observed[k, i] = _part(seen, own.share[row, b])


@jitable
def supply(s: State, i: int) -> int:
    """Units of a token that there are on this chain, whoever has them."""
    there = s.hub[i, CASH] + s.hub[i, ESCROW] + s.pool[i, POOL_ASSETS] + s.pool[i, UNCOLLECTED]
    for actor in range(s.holding.shape[0]):
        there += s.holding[actor, i, WALLET]
    for p in range(s.pair.shape[0]):
        for side in range(2):
            if s.pair_tokens[p, side] == i:
                there += s.pair[p, RESERVE0 + side]
    return there


@jitable
def _find_out(s: State, w: Market, b: int) -> None:
    """What never happened, as far as its time has come."""
    own, now = w.bridges, s.clock[0]
    ledger, facts = own.ledger[b], own.unforeseen[b]
    if facts[REORGANISED] > 0 and now >= facts[REORGANISED_AT]:
        _unback(w, b, mul_div_down(ledger[MINTED], facts[REORGANISED], wad()))
        facts[REORGANISED] = zero()
    if facts[NOTICED_AT] > 0 and now >= facts[NOTICED_AT]:
        ledger[UNNOTICED] = zero()
    for n in range(own.open_count[b]):
        nonce = own.open[b, n]
        message = own.message[b, nonce]
        final = now >= message[SENT_AT] + facts[FINALITY]
        if own.doubtful[b, nonce] == 0 or not final:
            continue
        if message[FATE] == DOUBTFUL:
            _unback(w, b, message[MESSAGE_AMOUNT])
        message[FATE] = zero() + (UNBACKED if message[FATE] == DOUBTFUL else NEVER_SENT)


@jitable
def _unback(w: Market, b: int, amount: int) -> None:
    """So much of what is locked for a token is not."""
    ledger = w.bridges.ledger[b]
    ledger[VANISHED] += amount
    ledger[BACKING] = max(zero(), ledger[BACKING] - amount)


@jitable
def _share(w: Market, b: int) -> int:
    """What is known to back a token, of what it stands for, WAD, down."""
    ledger = w.bridges.ledger[b]
    known = ledger[MINTED] - ledger[UNNOTICED]
    if ledger[BACKING] >= known:
        return wad()
    return mul_div_down(ledger[BACKING], wad(), known)


@jitable
def _part(price: int, share: int) -> int:
    """A share of a price, down, at least a unit."""
    return max(mul_div_down(price, share, wad()), zero() + 1)
