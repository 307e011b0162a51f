"""What can leave now is asked in one place: where less is let out than there is cash, nothing that
moves tokens out of the hub gets more, and whoever asks beforehand is told so.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from sim.protocol import hub, hub_losses, hub_share
from sim.protocol import operations as op
from sim.protocol.errors import NAMES, OK
from sim.protocol.state import CASH, FEE_SHARES, HUB_SHARES, RESERVE_FACTOR, State
from tests.lockstep.support import genesis, opening

USDC, DAI = 2, 3
SUPPLIER = 1
ACCOUNT = 2
"""Of actor 0 in the second vault: it has USDC, and owes DAI."""
ROOT = Path(__file__).parents[2]


@pytest.fixture
def s() -> State:
    """Everyone has something; interest has accrued."""
    state = genesis()
    opening(state)
    state.clock[0] += 86_400
    for i in range(len(state.unit)):
        op.accrue(state, 0, i)
        for slot in range(2):
            op.post_price(state, 0, i, slot, int(state.feed[slot, i, 0]))
    assert (state.rates[:, RESERVE_FACTOR] > 0).all()
    return state


@pytest.fixture
def limit(s: State) -> int:
    """A limiter that lets out a single unit of every asset."""
    for i in range(len(s.unit)):
        assert op.set_outflow_limit(s, 0, i, 0, 1, 3_600) == OK
        assert hub.available(s, i) == 1 < s.hub[i, CASH]
    return 1


def verdict(code: int) -> str:
    return NAMES[code]


def test_without_a_limit_it_is_the_cash(s: State) -> None:
    assert [hub.available(s, i) for i in range(4)] == list(s.hub[:, CASH])
    assert op.withdraw_assets(s, SUPPLIER, USDC, 2) == OK


def test_the_share_token_offers_what_is_let_out(s: State, limit: int) -> None:
    assert s.holding[SUPPLIER, USDC, HUB_SHARES] > 10**6
    assert hub_share.max_withdraw(s, SUPPLIER, USDC) == limit
    shares = hub.to_shares_down(s, USDC, limit)  # none are redeemed that come to less than a unit
    redeemed = shares if hub.to_assets_down(s, USDC, shares) else 0
    assert hub_share.max_redeem(s, SUPPLIER, USDC) == redeemed
    assert verdict(op.withdraw_assets(s, SUPPLIER, USDC, 2)) == "ERC4626ExceededMaxWithdraw"
    assert verdict(op.redeem(s, SUPPLIER, USDC, 10**6)) == "ERC4626ExceededMaxRedeem"
    assert op.withdraw_assets(s, SUPPLIER, USDC, 1) == OK
    assert hub_share.max_withdraw(s, SUPPLIER, USDC) == 0


def test_nothing_leaves_the_hub_past_the_limit(s: State, limit: int) -> None:
    """By withdrawal, by borrowing, as fees, as what a liquidator takes."""
    owner = int(s.account_owner[ACCOUNT])
    assert verdict(hub.remove(s, 0, USDC, 2, 2 * 10**6)) == "OutflowLimited"
    assert verdict(hub.draw(s, 0, USDC, 2)[0]) == "OutflowLimited"
    assert verdict(op.borrow(s, owner, ACCOUNT, DAI, 10**18)) == "OutflowLimited"
    lent = next(i for i in range(4) if s.hub[i, FEE_SHARES] and hub.fee_assets(s, i) > limit)
    assert verdict(op.claim_fees(s, 0, lent)) == "OutflowLimited"


def test_what_is_not_there_is_not_limited(s: State, limit: int) -> None:
    """Whoever asks for more than the cash is told so: no waiting brings it."""
    assert verdict(hub.draw(s, 0, USDC, s.hub[USDC, CASH] + 1)[0]) == "InsufficientCash"


def test_room_is_that_of_the_cash(s: State) -> None:
    """What is let out says nothing of what may come in."""
    before = hub.room(s, USDC)
    assert hub_losses.set_outflow_limit(s, USDC, 0, 1, 3_600) == OK
    assert hub.room(s, USDC) == before


def test_agents_ask_the_hub() -> None:
    """Cash itself is read by them for usage, of which it is a part, and by who watches it leave."""
    readers = {
        path.name
        for path in (ROOT / "sim" / "agents").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name) and node.id == "CASH"
    }
    assert readers == {"suppliers.py", "rate_response.py", "guardian.py"}
