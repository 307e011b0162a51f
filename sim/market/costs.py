"""What a transaction costs, and what tokens are worth."""

from __future__ import annotations

from sim.market.market import Market
from sim.protocol.fixed_point import jitable, mul_div_down, wad
from sim.protocol.state import State


@jitable
def gas_value(w: Market, s: State, k: int, gas: int) -> int:
    """USD (8 decimals) of `gas` at the gas price and native price of step k; the native asset has
    wei, 1e18.
    """
    return mul_div_down(w.gas_price[k] * gas, w.price[k, w.native[0]], wad())


@jitable
def value_of(w: Market, s: State, k: int, i: int, amount: int) -> int:
    """USD (8 decimals) of `amount` of asset i at the reference price of step k."""
    return mul_div_down(amount, w.price[k, i], s.unit[i])
