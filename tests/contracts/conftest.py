"""One deployment for the whole run; every test starts from it and is undone afterwards.

Nothing bears interest unless a test sets a rate, so one hub share is one token unit and the amounts
in the tests can be worked out by hand. Feeds stay fresh for a year, and no fall is too large.
"""

import os
from types import SimpleNamespace
from unittest.mock import patch

import pytest

from sim.engines.solidity import up_to_date
from tests.contracts.deployment import approve, deploy_everything, feed_settings, new_vault
from tests.contracts.mocks import mock
from tests.contracts.support import MAX_UINT, RAY, USD, account_id, reserve_config

# --- actors ---------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def admin(accounts):
    """Holds every role."""
    return accounts[0]


@pytest.fixture(scope="session")
def supplier(accounts):
    """Supplies what others borrow, through the public share tokens."""
    return accounts[1]


@pytest.fixture(scope="session")
def borrower(accounts):
    return accounts[2]


@pytest.fixture(scope="session")
def liquidator(accounts):
    return accounts[3]


@pytest.fixture(scope="session")
def stranger(accounts):
    """Has tokens and approvals but no position and no role."""
    return accounts[4]


@pytest.fixture(scope="session")
def spoke(accounts):
    """An account registered as a spoke, so that a test can speak to the hub directly."""
    return accounts[5]


@pytest.fixture(scope="session", autouse=True)
def no_console():
    """No contract here logs to a console, and looking for it is a third of every transaction."""
    with patch("ape.api.transactions.ReceiptAPI.show_debug_logs"):
        yield


@pytest.fixture(scope="session", autouse=True)
def own_devnet(networks):
    """Ape takes for its own any anvil on the port that it draws: here it must have started it."""
    node = networks.active_provider
    if node.name != "foundry" or "APE_FOUNDRY_HOST" in os.environ:
        yield
        return
    stranger = f"another anvil is at {node.uri}, where ape wanted to start its own: run it again"
    if not node.process or node.process.poll() is not None:
        pytest.exit(stranger, returncode=1)
    yield
    assert node.process.poll() is None, stranger


# --- deployment -----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def project(project, pytestconfig):
    """Ape's project, compiled again if anything that its contracts depend on has changed."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():  # that it compiles is to be seen
        return up_to_date(project)


@pytest.fixture(scope="session", autouse=True)
def deployed(
    own_devnet, no_console, project, admin, supplier, borrower, liquidator, stranger, spoke
):
    """Everything, deployed once and early: ape undoes later deployments of the run's scope."""
    actors = (supplier, borrower, liquidator, stranger)
    return deploy_everything(project, admin, *actors, spoke)


def _part(name):
    @pytest.fixture(scope="session", name=name)
    def part(deployed):
        return getattr(deployed, name)

    return part


weth, usdc, wbtc, tokens = map(_part, ("weth", "usdc", "wbtc", "tokens"))
asset, share = map(_part, ("asset", "share"))
hub, oracle, fund, vault, lens = map(_part, ("hub", "oracle", "fund", "vault", "lens"))
feeds, shares, pair, flash = map(_part, ("feeds", "shares", "pair", "flash"))
close_factor, target_health, dutch_bonus = map(
    _part, ("close_factor", "target_health", "dutch_bonus")
)


@pytest.fixture(autouse=True)
def books(hub, lens, tokens):
    """After every test: what the hub says it holds it does hold, and no loss was mislaid."""
    yield
    columns = 17
    words = lens.assets(hub, tokens)
    for row in (words[i : i + columns] for i in range(0, len(words), columns)):
        cash, index, total, fees = row[0], row[2], row[5], row[6]
        deficit, escrow, reported, by_fees, by_fund, socialised = *row[7:8], *row[9:14]
        held = row[16]
        assert held >= cash + escrow
        assert index >= RAY
        assert fees <= total
        assert reported == by_fees + by_fund + socialised + deficit


# --- factories ------------------------------------------------------------------------------------


@pytest.fixture
def set_price(feeds, admin):
    """set_price(asset, usd): the asset's feed reports now; usd may be a float or a fraction."""

    def set_price(asset, usd):
        feeds[asset.address].post(round(usd * USD), sender=admin)

    return set_price


@pytest.fixture
def set_feed(oracle, feeds, admin):
    """set_feed(asset, **changes): the asset's feed with other settings."""

    def set_feed(asset, **changes):
        oracle.setFeed(asset, feed_settings(feeds[asset.address], **changes), sender=admin)

    return set_feed


@pytest.fixture
def set_reserve(vault, admin):
    """set_reserve(asset, **changes): the usual configuration of a reserve, changed."""

    def set_reserve(asset, ramp=0, on=vault, **changes):
        return on.setReserve(asset, reserve_config(**changes), ramp, sender=admin)

    return set_reserve


@pytest.fixture
def open_position(vault, borrower):
    """open_position(collateral, debt): an account that supplied and borrowed {token: amount}."""

    def open_position(collateral, debt, sub=0, owner=borrower, on=vault):
        account = account_id(owner, sub)
        steps = [on.supply.encode_input(account, *leg) for leg in collateral.items()]
        steps += [on.borrow.encode_input(account, *leg, owner) for leg in debt.items()]
        on.multicall(steps, sender=owner)
        return account

    return open_position


@pytest.fixture
def unhealthy(open_position, set_price, weth, usdc):
    """The published example C = 100, D = 82 in units of $180: 10 weth at $1,800 owe 14,760 usdc.

    Health factor .8 x 18,000 / 14,760 = .9756.
    """

    def unhealthy(**where):
        account = open_position({weth: 10 * 10**18}, {usdc: 14_760 * 10**6}, **where)
        set_price(weth, 1_800)
        return account

    return unhealthy


@pytest.fixture
def wait_long(vault, stranger, chain):
    """wait_long(account): seen thin for so long that all of the bonus is paid, whoever pays it."""

    def wait_long(account):
        flagged = vault.flag(account, sender=stranger).timestamp
        for later in (600, 1_200, 1_800):
            chain.pending_timestamp = flagged + later
            if later < 1_800 and vault.accountOf(account).thin:
                vault.flag(account, sender=stranger)

    return wait_long


@pytest.fixture
def liquidate(vault, liquidator, weth, usdc):
    """liquidate(account, ...): the liquidator repays as much usdc for weth as the engine allows."""

    def liquidate(account, repay=MAX_UINT, debt=usdc, collateral=weth, **options):
        terms = {"minimum": 0, "as_shares": False, "data": b"", "on": vault, "by": liquidator}
        assert options.keys() <= terms.keys(), options
        o = SimpleNamespace(**terms | options)
        return o.on.liquidate(
            account, debt, collateral, repay, o.minimum, o.as_shares, o.data, sender=o.by
        )

    return liquidate


@pytest.fixture
def make_vault(project, deployed, admin, borrower, liquidator):
    """make_vault(engine=..., delay=..., urgent=..., dust=..., **reserve changes)"""

    def make_vault(engine=deployed.close_factor, **settings):
        vault = new_vault(project, deployed, admin, engine, **settings)
        approve(vault, deployed.tokens, [borrower])
        approve(vault, [deployed.usdc], [liquidator])
        return vault

    return make_vault


@pytest.fixture
def add(hub, spoke):
    """add(asset, amount): `spoke` transfers and books a supply at its worth."""

    def add(asset, amount):
        asset.transfer(hub, amount, sender=spoke)
        return hub.add(asset, amount, hub.toSharesDown(asset, amount), sender=spoke)

    return add


@pytest.fixture
def greedy_engine(admin):
    """A liquidation engine that asks for everything."""
    return admin.deploy(mock("GreedyEngine"))
