"""Arbitrageurs: pull every venue toward the reference price, half of the gap per half-life, while
it pays.

They arrive at random, and each who finds that all of the gap pays his gas closes all of it: a step
does what is to be expected of them, 1 - 2^(-step / half-life) of the gap. So what pays, and what is
left of a gap after some time, do not depend on the step.

A step that is long against the half-life has parts: what liquidators sold in the first, arbitrage
brings back before the next, and they sell again.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, expm1, log
from typing import NamedTuple

import numpy as np

from sim.agents.start import ARBITRAGEURS, WAD, Start, integers
from sim.market import venue
from sim.market.costs import gas_value
from sim.market.market import Market
from sim.protocol import operations as op
from sim.protocol import pair
from sim.protocol.errors import OK
from sim.protocol.fixed_point import jitable, mul_div_down, wad, zero
from sim.protocol.state import WALLET, Array, State
from sim.schema.market import Arbitrage

GAS_PER_SWAP = 120_000
PART = 0.5
"""Half-lives of arbitrage after which liquidators sell again within a step."""
MOST_PARTS = 16
EMPTY = 1e-3
"""They have run out of a token when they have less than this share of their first."""


class Arbitrageurs(NamedTuple):
    """What arbitrageurs know: m assets."""

    actor: Array  # (1,) int64
    speed: Array  # (parts + 1,) share of the gap closed in so many parts of a step, WAD
    at_start: Array  # (m,) token units in their wallet

    @classmethod
    def of(cls, start: Start) -> Arbitrageurs:
        """As the scenario has them; what they have is known once the protocol is open."""
        scenario = start.scenario
        return cls(
            actor=np.array([ARBITRAGEURS]),
            speed=integers(speeds(scenario.arbitrage, scenario.step_seconds)),
            at_start=integers([0] * len(scenario.symbols)),
        )


def speeds(arbitrage: Arbitrage, step_seconds: int) -> list[int]:
    """Share of the gap closed in 0, 1, ... and all parts of a step, 1 - 2^(-time / half-life), WAD,
    down. Parts are no longer than `PART` half-lives, unless these were more than `MOST_PARTS`.
    """
    half_lives = step_seconds / arbitrage.half_life_seconds
    parts = min(ceil(half_lives / PART), MOST_PARTS)
    return [int(Fraction(-expm1(-log(2) * half_lives * n / parts)) * WAD) for n in range(parts + 1)]


@jitable
def parts(own: Arbitrageurs) -> int:
    """How many parts a step has."""
    return own.speed.shape[0] - 1


@jitable
def act(s: State, w: Market, k: int, own: Arbitrageurs, count: int) -> None:
    """What `count` parts of step k bring: trade each pair in the direction that gains, if closing
    the gap would pay the gas.
    """
    actor = own.actor[0]
    for p in range(s.pair.shape[0]):
        for side in range(2):
            token_in, token_out = s.pair_tokens[p, side], s.pair_tokens[p, 1 - side]
            price_in, price_out = w.price[k, token_in], w.price[k, token_out]
            gap = venue.arbitrage(s, p, side, price_in, price_out)
            wallet = s.holding[actor, token_in, WALLET]
            sold = min(mul_div_down(gap, own.speed[count], wad()), wallet)
            if sold == 0:
                continue
            whole = min(gap, wallet)
            code, out = pair.amount_out(s, p, side, whole)
            if code != OK:
                continue
            paid = mul_div_down(whole, price_in, s.unit[token_in])
            got = mul_div_down(out, price_out, s.unit[token_out])
            if got - paid > gas_value(w, s, k, GAS_PER_SWAP):
                op.swap_in(s, actor, p, side, sold, zero())


@jitable
def ran_out(s: State, own: Arbitrageurs) -> bool:
    """Whether they have run out of any token."""
    for i in range(s.unit.shape[0]):
        first = own.at_start[i]
        if first > 0 and float(s.holding[own.actor[0], i, WALLET]) <= EMPTY * float(first):
            return True
    return False
