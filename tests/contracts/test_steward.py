"""RiskSteward: which bounds it may have, what its role lets it do, and what it says of it. How far
a council may go is played on twin and EVM side by side (`tests/lockstep/test_steward.py`).
"""

import pytest
from eth_utils import keccak

from tests.contracts.support import (
    BPS,
    DAY,
    HOUR,
    MAX_CAP,
    YEAR,
    rate_model,
    reserve_config,
    reverts,
)

ROLE = keccak(text="PARAMETER_ROLE")
RAMP_PER_BPS = 864
LTV, LT, MAX_BONUS, MIN_BONUS, SUPPLY_CAP, BORROW_CAP, SLOPE1, SLOPE2 = range(8)
BOUNDS = {"maxChangeBps": 100, "maxCapChangeBps": 2_000, "minDelay": 2 * DAY, "ramp": DAY}


@pytest.fixture
def council(stranger):
    return stranger


@pytest.fixture
def deploy(project, hub, admin, council):
    """deploy(**bounds): a steward without a role."""

    def deploy(**changes):
        return admin.deploy(project.RiskSteward, hub, council, BOUNDS | changes)

    return deploy


@pytest.fixture
def steward(deploy, hub, vault, admin):
    """With its role in hub and vault."""
    steward = deploy()
    for one in (hub, vault):
        one.grantRole(ROLE, steward, sender=admin)
    return steward


@pytest.fixture
def update(steward, vault, weth, council, chain):
    """update(parameter, value): published at the time of the block before."""

    def update(parameter, value, target=vault, asset=weth):
        at = chain.blocks.head.timestamp
        return steward.update((target, asset, parameter, value, at), sender=council)

    return update


@pytest.mark.parametrize(
    "changes",
    [
        {"maxChangeBps": 0},
        {"maxChangeBps": BPS + 1, "ramp": YEAR, "minDelay": YEAR},
        {"maxCapChangeBps": 0},
        {"maxCapChangeBps": BPS + 1},
        {"ramp": 100 * RAMP_PER_BPS - 1},
        {"ramp": DAY + 1, "minDelay": DAY},
        {"minDelay": YEAR + 1},
    ],
    ids=str,
)
def test_steward__unsound_bounds__are_refused(project, deploy, changes):
    """A ramp of 864 seconds for each basis point of the largest change, a delay no shorter."""
    with reverts(project.RiskSteward.InvalidSteward):
        deploy(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"maxChangeBps": 1, "ramp": RAMP_PER_BPS, "minDelay": RAMP_PER_BPS},
        {"maxChangeBps": BPS, "ramp": BPS * RAMP_PER_BPS, "minDelay": YEAR},
        {"maxCapChangeBps": BPS},
        {"maxCapChangeBps": 1},
    ],
    ids=str,
)
def test_steward__bounds_at_the_bounds__are_kept(deploy, hub, council, changes):
    steward = deploy(**changes)
    seen = steward.bounds()
    assert {name: getattr(seen, name) for name in BOUNDS} == BOUNDS | changes
    assert (steward.hub(), steward.council()) == (hub.address, council.address)
    assert steward.EXPIRY() == 6 * HOUR


def test_update__by_anyone_else__is_refused(steward, vault, weth, admin, borrower):
    """The admin changes parameters himself; he is no council."""
    for who in (admin, borrower):
        with reverts(steward.NotAuthorised):
            steward.update((vault, weth, LTV, 7_400, 1), sender=who)


def test_update__says_what_was_and_what_is(steward, vault, hub, weth, update, chain):
    """In the event, and in what it keeps for the next."""
    published = chain.blocks.head.timestamp
    tx = update(LTV, 7_400)
    assert steward.ParameterUpdated(vault, weth, LTV, 7_500, 7_400, published) in tx.events
    assert steward.publishedAt(vault, weth) == published
    assert steward.changedAt(vault, weth, LTV) == tx.timestamp
    assert steward.changedAt(vault, weth, LT) == steward.changedAt(hub, weth, LTV) == 0
    assert vault.reserveOf(weth).config.ltvBps == 7_400


@pytest.mark.parametrize(
    ("parameter", "field", "value"),
    [
        (LTV, "ltvBps", 7_400),
        (LT, "ltBps", 8_050),
        (MAX_BONUS, "maxBonusBps", 550),
        (MIN_BONUS, "minBonusBps", 450),
        (SUPPLY_CAP, "supplyCap", MAX_CAP - 1),
        (BORROW_CAP, "borrowCap", MAX_CAP - 1),
    ],
)
def test_update__of_a_reserve__changes_that_and_nothing_else(
    vault, weth, usdc, update, parameter, field, value
):
    before = vault.reserveOf(usdc)
    update(parameter, value)
    config = vault.reserveOf(weth).config
    expected = reserve_config(**{field: value})
    assert {name: getattr(config, name) for name in expected} == expected
    assert vault.reserveOf(usdc) == before


@pytest.mark.parametrize(("parameter", "field"), [(SLOPE1, "slope1Bps"), (SLOPE2, "slope2Bps")])
def test_update__of_a_slope__changes_the_curve(hub, weth, admin, update, parameter, field):
    hub.setRateModel(weth, rate_model(slope1=400, slope2=6_000), sender=admin)
    before = hub.getRateModel(weth)
    update(parameter, getattr(before, field) + 100, target=hub)
    after = hub.getRateModel(weth)
    for name in ("reserveFactorBps", "optimalUsageBps", "baseRateBps", "slope1Bps", "slope2Bps"):
        assert getattr(after, name) == getattr(before, name) + 100 * (name == field)


def test_update__of_what_is_not_listed__is_refused(vault, hub, update, project, admin):
    token = admin.deploy(project.TestToken, "NONE", 18)
    with reverts(vault.ReserveNotListed, asset=token):
        update(LTV, 1, asset=token)
    with reverts(hub.AssetNotListed, asset=token):
        update(SLOPE1, 1, target=hub, asset=token)


def test_update__without_the_role__is_refused(deploy, vault, hub, weth, council, chain):
    """As is a vault that gave it none."""
    steward, at = deploy(), chain.blocks.head.timestamp
    for one, parameter, value in ((vault, LTV, 7_400), (hub, SLOPE1, 50)):
        with reverts(one.AccessControlUnauthorizedAccount, account=steward, neededRole=ROLE):
            steward.update((one, weth, parameter, value, at), sender=council)


def test_parameter_role__changes_reserves_and_curves__and_nothing_else(
    vault, hub, weth, fund, admin, stranger, project
):
    """It lists nothing, and has no other door."""
    for one in (vault, hub):
        assert one.PARAMETER_ROLE() == ROLE and one.hasRole(ROLE, admin)
        one.grantRole(ROLE, stranger, sender=admin)
    vault.setReserve(weth, reserve_config(ltvBps=7_000), 0, sender=stranger)
    hub.setRateModel(weth, rate_model(slope1=400), sender=stranger)
    token = admin.deploy(project.TestToken, "NEW", 18)
    needs_admin = {
        "lists a reserve": (vault.setReserve, (token, reserve_config(), 0)),
        "sets the policy": (vault.setPolicy, (vault.policy(),)),
        "lists an asset": (hub.listAsset, (token, rate_model())),
        "sets a spoke": (hub.setSpoke, (weth, vault, 0, 0, False, True)),
        "sets who bears losses": (hub.setLossPolicy, (fund, 0, True)),
        "takes fees": (hub.claimFees, (weth, stranger)),
        "grants a role": (hub.grantRole, (ROLE, stranger)),
    }
    for function, arguments in needs_admin.values():
        with reverts(hub.AccessControlUnauthorizedAccount, account=stranger):
            function(*arguments, sender=stranger)
