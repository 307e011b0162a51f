"""BridgedCollateral: what a relayer's messages mint, and when they do not."""

import pytest

from tests.contracts.support import DAY, HOUR, MAX_CAP, ZERO_ADDRESS, down, reverts

CAP, WINDOW, AGE = 10**20 + 7, HOUR, 30 * 60
LIMITS = (CAP, WINDOW, AGE)


@pytest.fixture
def relayer(accounts):
    return accounts[5]


@pytest.fixture
def token(project, admin, relayer):
    return admin.deploy(project.BridgedCollateral, "WETH.far", 18, relayer, LIMITS)


def arrive(token, chain, relayer, to, nonce, amount, after=1, age=0):
    """A message `after` so many seconds, sent `age` before."""
    chain.pending_timestamp = at = chain.pending_timestamp + after
    return token.receiveMessage(nonce, to, amount, at - age, sender=relayer)


@pytest.mark.parametrize(
    "limits",
    [(0, WINDOW, AGE), (CAP, 0, AGE), (CAP, WINDOW, 0), (CAP, WINDOW, 7 * DAY + 1)],
    ids=["no cap", "no window", "no time", "more than a week"],
)
def test_constructor__limits_out_of_bounds__are_refused(project, admin, relayer, token, limits):
    with reverts(token.InvalidLimits):
        admin.deploy(project.BridgedCollateral, "X", 18, relayer, limits)


def test_constructor__bounds_themselves__are_taken(project, admin, relayer, token):
    for limits in ((1, 1, 1), (MAX_CAP, 2**32 - 1, 7 * DAY)):
        one = admin.deploy(project.BridgedCollateral, "X", 0, relayer, limits)
        assert tuple(one.limits()) == limits and one.mintable() == limits[0]
    with reverts(token.InvalidLimits):
        admin.deploy(project.BridgedCollateral, "X", 18, ZERO_ADDRESS, LIMITS)


def test_receive__mints_once_and_says_so(token, chain, relayer, supplier):
    tx = arrive(token, chain, relayer, supplier, 7, 100, age=60)
    assert token.Arrived(7, supplier, 100, tx.timestamp - 60) in tx.events
    assert token.balanceOf(supplier) == token.totalSupply() == 100 and token.received(7)
    assert tuple(token.bucket()) == (100, tx.timestamp)
    with reverts(token.AlreadyReceived):
        arrive(token, chain, relayer, supplier, 7, 100)


def test_receive__stale_or_of_the_future__is_refused(token, chain, relayer, supplier):
    arrive(token, chain, relayer, supplier, 0, 1, age=AGE)
    for age in (AGE + 1, -1):
        with reverts(token.MessageTooOld):
            arrive(token, chain, relayer, supplier, 1, 1, age=age)


def test_receive__over_the_cap__is_refused_until_it_has_drained(token, chain, relayer, supplier):
    with reverts(token.MintLimited):
        arrive(token, chain, relayer, supplier, 0, CAP + 1)
    arrive(token, chain, relayer, supplier, 0, CAP)
    room = down(CAP, 600, WINDOW)
    at = chain.pending_timestamp + 600
    with reverts(token.MintLimited):
        chain.pending_timestamp = at
        token.receiveMessage(1, supplier, room + 1, at, sender=relayer)
    at = chain.pending_timestamp
    room = down(CAP, at - token.bucket().filledAt, WINDOW)
    token.receiveMessage(1, supplier, room, at, sender=relayer)
    assert token.totalSupply() == CAP + room


def test_receive__from_anyone_else_or_of_nothing__is_refused(token, chain, relayer, supplier):
    with reverts(token.NotAuthorised):
        arrive(token, chain, supplier, supplier, 0, 1)
    with reverts(token.ZeroAmount):
        arrive(token, chain, relayer, supplier, 0, 0)


def test_send_back__burns_and_makes_no_room(token, chain, relayer, supplier):
    arrive(token, chain, relayer, supplier, 0, CAP)
    with reverts(token.ZeroAmount):
        token.sendBack(0, sender=supplier)
    tx = token.sendBack(CAP, sender=supplier)
    assert token.SentBack(supplier, CAP) in tx.events
    assert token.totalSupply() == 0 and token.mintable() < CAP // 100
    with reverts(token.ERC20InsufficientBalance):
        token.sendBack(1, sender=supplier)


def test_nobody_has_a_power_over_what_is_there(token):
    """No owner, no pause, no other limits: whoever could raise a cap would be the cap."""
    functions = {one.name for one in token.contract_type.mutable_methods}
    assert functions == {"receiveMessage", "sendBack", "transfer", "transferFrom", "approve"}
