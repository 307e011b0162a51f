"""Agents of a user, some of them bad."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from sim.market.market import Market
from sim.protocol.fixed_point import jitable
from sim.protocol.state import State
from sim.users.actions import Borrow, Operation, Repay, Sell, Supply, Withdraw
from sim.users.view import View


class Idle:
    """Wants nothing."""

    def act(self, view: View) -> None:
        return None


class Looper:
    """Supplies, borrows what it is told to, repays and leaves; remembers what it was told."""

    def __init__(self, borrow: int) -> None:
        self.borrow = borrow
        self.heard: list[str] = []

    def act(self, view: View) -> Iterator[Operation]:
        self.heard += [answer.verdict for answer in view.answers]
        if view.step == 1:
            yield Supply("WETH", view.wallet("WETH"))
            yield Borrow("USDC", self.borrow)
        if view.step == 3:
            yield Repay("USDC")
            yield Withdraw("WETH")


class Failing:
    """Acts, and then divides by nothing."""

    def act(self, view: View) -> list[Operation]:
        if view.step == 4:
            return [Supply("WETH", 1 // (view.step - 4))]
        return [Supply("WETH", 10**15)]


class Wishing:
    """Asks for what it was made with."""

    wish: Any = None

    def act(self, view: View) -> list[Any]:
        return [type(self).wish(view)]


class Quitting:
    """Ends the process, or tries to."""

    def act(self, view: View) -> None:
        raise SystemExit("enough")


class Endless:
    """Never stops asking."""

    def act(self, view: View) -> Iterator[Operation]:
        while True:
            yield Sell("WETH", "USDC", 1)


class Counting:
    """Has a state that a second run must not see."""

    def __init__(self) -> None:
        self.asked = 0

    def act(self, view: View) -> Iterator[Operation]:
        self.asked += 1
        yield Supply("WETH", self.asked * 10**12)


class Picky:
    """Does not take just any parameter."""

    def __init__(self, size: int) -> None:
        if size < 0:
            raise ValueError("size must not be negative")

    def act(self, view: View) -> None:
        return None


ready = Counting()
NUMBER = 7


@jitable
def two_knobs(s: State, w: Market, k: int, me: int, first: int, second: int = 3) -> None:
    """Notes its knobs where a test finds them."""
    w.liquidators.rank[0] = first * 1_000 + second


@jitable
def wrong_arguments(s: State, w: Market) -> None:
    """Is no agent."""


@jitable
def dividing(s: State, w: Market, k: int, me: int, by: int) -> None:
    """Fails where `by` is 0."""
    w.liquidators.rank[0] = 1 // by


class Stuck:
    """Does not return from step 3 on, in the way that it is told to."""

    def __init__(self, way: int = 0) -> None:
        self.way = (spin, sleep, swallow)[way]

    def act(self, view: View) -> list[Operation]:
        if view.step == 3:
            self.way()
        return [Supply("WETH", 10**15)]


class StuckWhenMade:
    """Is never made."""

    def __init__(self) -> None:
        spin()

    def act(self, view: View) -> None:
        return None


def spin() -> None:
    """A loop."""
    while True:
        pass


def sleep() -> None:
    """A wait."""
    time.sleep(3_600)


def swallow() -> None:
    """A loop that lets nobody end it."""
    while True:
        try:
            spin()
        except BaseException:
            continue


@jitable
def circling(s: State, w: Market, k: int, me: int, at: int) -> None:
    """Does not return from step `at`."""
    while k == at:
        w.liquidators.rank[0] = k


@jitable
def circling_below(s: State, w: Market, k: int, me: int, asset: int, cents: int) -> None:
    """Does not return once an asset is below a price."""
    while w.price[k, int(asset)] < cents * 1_000_000:
        w.liquidators.rank[0] = k
