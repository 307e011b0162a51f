"""The properties that ERC-4626 asks for, and that whatever is offered is accepted, on the bytecode
of the share tokens: at first, after a year, after a haircut, with all cash lent out.

The list is that of a16z's erc4626-tests: previews are on the caller's cost, amounts exact, nothing
without allowance, no round trip pays.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sim.engines.artifacts import contracts
from sim.engines.calldata import actor_address
from sim.engines.chain import Call
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import max_uint
from sim.protocol.hub import VIRTUAL_SHARES
from sim.protocol.state import CASH, DEFICIT, IS_COLLATERAL, POSITION_DEBT, SOCIALISED
from sim.protocol.units import SHARES_OF_A_LOST_POOL
from tests.lockstep.exploits import lost_pool
from tests.lockstep.machine import ProtocolMachine
from tests.lockstep.support import SYMBOLS
from tests.lockstep.test_attacks import KEEPER, LIQUIDATOR, later

pytestmark = pytest.mark.chain

WETH, WBTC, USDC, DAI = range(4)
NEW, SUPPLIER, OTHER, POOR = (actor_address(k) for k in (2, 4, 5, 0))
AMOUNTS = 3


class Token:
    """A share token on the chain of a market, which is put back after every try."""

    def __init__(self, m: ProtocolMachine, i: int) -> None:
        self._chain, d = m.lockstep.chain, m.lockstep.deployment
        self.share, self.token, self._now = d.shares[i], d.tokens[i], int(m.s.clock[0])

    def ask(self, function: str, *arguments: object, of: str = "HubShare") -> int:
        """A view."""
        to = self.share if of == "HubShare" else self.token
        (word,) = self._chain.view([(to, contracts()[of].call(function, *arguments))])
        return int.from_bytes(word, "big")

    def send(self, who: str, function: str, *arguments: object, of: str = "HubShare") -> int | None:
        """A transaction: what it returns, None if it was refused."""
        to = self.share if of == "HubShare" else self.token
        data = contracts()[of].call(function, *arguments)
        (receipt,) = self._chain.block([Call(who, to, data)], self._now)
        return int.from_bytes(receipt.output or b"", "big") if receipt.ok else None

    @contextmanager
    def undone(self) -> Iterator[None]:
        """What happens inside did not."""
        snapshot = self._chain.snapshot()
        yield
        self._chain.revert(snapshot)


def at_first(m: ProtocolMachine) -> None:
    """Everything as it was opened."""


def after_a_year(m: ProtocolMachine) -> None:
    """Of interest."""
    later(m, 365 * 86_400)


def after_a_haircut(m: ProtocolMachine) -> None:
    """Prices fall to a tenth, everything is sold, suppliers bear what is left."""
    for seconds in (60, 600, 600, 600):
        later(m, seconds, WETH=20, WBTC=800)
        for i in (WETH, WBTC):
            for v in range(2):
                assert m.do(op.poke, KEEPER, i, v) == OK
    for a in range(len(m.s.account)):
        for d in range(4):
            for c in range(4):
                if m.s.position[a, d, POSITION_DEBT] and m.s.position[a, c, IS_COLLATERAL]:
                    m.do(op.liquidate, LIQUIDATOR, a, d, c, max_uint(), 0, 0)
        m.do(op.write_off, KEEPER, a)
    assert any(m.s.hub[i, DEFICIT] + m.s.hub[i, SOCIALISED] > 0 for i in range(4))


def without_cash(m: ProtocolMachine) -> None:
    """Of USDC and DAI all but 12,345 units are lent out."""
    later(m, 3_600)
    for i in (USDC, DAI):
        assert m.do(op.supply, 2, 6, WETH, m.amount(WETH, 3_000_000)) == OK
        assert m.do(op.borrow, 2, 6, i, int(m.s.hub[i, CASH]) - 12_345) == OK


@pytest.mark.parametrize("i", range(4), ids=SYMBOLS)
@pytest.mark.parametrize("state", [at_first, after_a_year, after_a_haircut, without_cash])
def test_properties(state, i: int) -> None:  # type: ignore[no-untyped-def]
    market = ProtocolMachine()
    state(market)
    market.s.clock[0] += 77
    t, most, rng = Token(market, i), market.amount(i, 9_000), random.Random(i)
    with t.undone():
        for who in (NEW, SUPPLIER):
            assert t.send(who, "approve", t.share, max_uint(), of="TestToken") is not None
        assert t.send(SUPPLIER, "deposit", 10 * most, SUPPLIER)
        for amount in [1, 1_000, *(rng.randint(1, most) for _ in range(AMOUNTS))]:
            for shares in (rng.randint(1, VIRTUAL_SHARES), amount * VIRTUAL_SHARES):
                _previews_and_amounts(t, amount, shares)
                _round_trips(t, amount, shares)
        _what_is_offered(t)


def test_properties_of_a_lost_pool() -> None:
    """Its shares stay, with a few units behind them, then with 4,000 WETH."""
    t = Token(lost_pool(), WETH)
    with t.undone():
        for who in (NEW, SUPPLIER):
            assert t.send(who, "approve", t.share, max_uint(), of="TestToken") is not None
        for amount in (3, 4_000 * 10**18):
            assert t.send(SUPPLIER, "deposit", amount, SUPPLIER)
            for units in (1, 10**9, 10**18):
                _previews_and_amounts(t, units, units * SHARES_OF_A_LOST_POOL)
                _round_trips(t, units, units * SHARES_OF_A_LOST_POOL)
            _what_is_offered(t)


def _previews_and_amounts(t: Token, amount: int, shares: int) -> None:
    """Nobody pays more or gets less than previewed; what is named is moved exactly."""
    comes = {"deposit": amount, "mint": shares}
    goes = {"withdraw": amount, "redeem": shares}
    for function, asked in {**comes, **goes}.items():
        leaves = function in goes
        owner = (SUPPLIER,) if leaves else ()
        with t.undone():
            previewed = t.ask(f"preview{function.capitalize()}", asked)
            payer, receiver = (SUPPLIER, OTHER) if leaves else (NEW, OTHER)
            assets_of = receiver if leaves else payer
            shares_of = payer if leaves else receiver
            assets = t.ask("balanceOf", assets_of, of="TestToken")
            held = t.ask("balanceOf", shares_of)
            got = t.send(payer, function, asked, OTHER, *owner)
            if got is not None:
                on_the_safe_side = (
                    got >= previewed if function in ("deposit", "redeem") else (got <= previewed)
                )
                assert on_the_safe_side, function
                by_assets = function in ("deposit", "withdraw")
                moved = (asked, got) if by_assets else (got, asked)
                assert abs(t.ask("balanceOf", assets_of, of="TestToken") - assets) == moved[0]
                assert abs(t.ask("balanceOf", shares_of) - held) == moved[1]
        if leaves:
            with t.undone():
                assert t.send(NEW, function, asked, NEW, SUPPLIER) is None, "no allowance"


def _round_trips(t: Token, amount: int, shares: int) -> None:
    """There and back in one block: never more than before, by any two functions."""
    ways = [(NEW, "deposit", amount), (NEW, "mint", shares)]
    ways += [(SUPPLIER, "withdraw", amount), (SUPPLIER, "redeem", shares)]
    for who, first, asked in ways:
        leaves = first in ("withdraw", "redeem")
        backs = ("deposit", "mint") if leaves else ("withdraw", "redeem")
        for back in backs:
            with t.undone():
                got = t.send(who, first, asked, who, *((who,) if leaves else ()))
                if not got:
                    continue
                assets, moved = (asked, got) if first in ("deposit", "withdraw") else (got, asked)
                by_assets = back in ("deposit", "withdraw")
                again = assets if by_assets else moved
                result = t.send(who, back, again, who, *(() if leaves else (who,)))
                if result is None:
                    continue
                if by_assets:  # for the same assets: as many shares as they cost, or fewer
                    assert result <= moved if leaves else result >= moved, (first, back)
                else:  # for the same shares: as many assets as they cost, or fewer
                    assert result >= assets if leaves else result <= assets, (first, back)


def _what_is_offered(t: Token) -> None:
    """Is accepted, to the unit, also of whoever has a single share."""
    for function, who in (("deposit", NEW), ("mint", NEW)):
        with t.undone():
            assert t.send(who, "mint", who, 2**112, of="TestToken") is not None
            room = t.ask(f"max{function.capitalize()}", who)
            assert room == 0 or t.send(who, function, room, who) is not None, function
    for holding in (None, 1, VIRTUAL_SHARES // 2, VIRTUAL_SHARES + 1):
        for function in ("withdraw", "redeem"):
            with t.undone():
                who = SUPPLIER
                if holding is not None:
                    held = t.ask("balanceOf", POOR)
                    assert held == 0
                    assert t.send(SUPPLIER, "transfer", POOR, holding) is not None
                    who = POOR
                most = t.ask(f"max{function.capitalize()}", who)
                assert most == 0 or t.send(who, function, most, who, who) is not None, function
