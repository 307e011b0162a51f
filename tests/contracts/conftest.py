"""One deployment for the whole run; every test starts from it and is undone afterwards.

Nothing bears interest unless a test sets a rate, so one hub share is one token unit and the amounts
in the tests can be worked out by hand. Feeds stay fresh for a year, and no fall is too large.
"""

from types import SimpleNamespace
from unittest.mock import patch

import pytest

from tests.contracts.mocks import mock
from tests.contracts.support import (
    DAY,
    MAX_CAP,
    MAX_UINT,
    RAY,
    USD,
    WAD,
    YEAR,
    ZERO_ADDRESS,
    account_id,
    rate_model,
    reserve_config,
)

PRICES = {"weth": 2_000, "usdc": 1, "wbtc": 40_000}
DUST_VALUE = 10 * USD
COOLDOWN = 10 * DAY
COVER_WINDOW = 3 * DAY

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


# --- deployment -----------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def deployed(no_console, project, admin, supplier, borrower, liquidator, stranger):
    """Everything, deployed once and early: ape undoes later deployments of the run's scope."""
    d = SimpleNamespace()
    d.weth = admin.deploy(project.TestToken, "WETH", 18)
    d.usdc = admin.deploy(project.TestToken, "USDC", 6)
    d.wbtc = admin.deploy(project.TestToken, "WBTC", 8)
    d.tokens = (d.weth, d.usdc, d.wbtc)
    d.oracle = admin.deploy(project.OracleRouter, admin)
    d.hub = admin.deploy(project.LiquidityHub, admin)
    d.fund = admin.deploy(project.InsuranceFund, d.hub, COOLDOWN)
    d.hub.setLossPolicy(d.fund, COVER_WINDOW, False, sender=admin)
    d.close_factor = admin.deploy(project.CloseFactor)
    d.target_health = admin.deploy(project.TargetHealth, WAD, 9 * WAD // 10)
    d.dutch_bonus = admin.deploy(project.DutchBonus, 3_600)
    d.feeds, d.shares = {}, {}
    for token, price in zip(d.tokens, PRICES.values(), strict=True):
        d.feeds[token.address] = admin.deploy(project.PriceFeed, 8)
        d.feeds[token.address].post(price * USD, sender=admin)
        d.oracle.setFeed(token, feed_settings(d.feeds[token.address]), sender=admin)
        d.hub.listAsset(token, rate_model(), sender=admin)
        share = d.shares[token.address] = admin.deploy(project.HubShare, d.hub, token)
        d.hub.setSpoke(token, share, MAX_CAP, 0, True, False, sender=admin)
        for actor in (supplier, borrower, liquidator, stranger):
            token.mint(actor, 10**9 * 10 ** token.decimals(), sender=admin)
        token.approve(share, MAX_UINT, sender=supplier)
    d.pair = admin.deploy(project.ConstantProductPair, d.weth, d.usdc, 30)
    d.flash = admin.deploy(project.Liquidator)
    d.lens = admin.deploy(project.Lens)
    d.vault = new_vault(project, d, admin, engine=d.close_factor)
    approve(d.vault, d.tokens, (supplier, borrower, liquidator, stranger))
    d.shares[d.weth.address].deposit(10_000 * 10**18, supplier, sender=supplier)
    d.shares[d.usdc.address].deposit(10**7 * 10**6, supplier, sender=supplier)
    d.shares[d.wbtc.address].deposit(100 * 10**8, supplier, sender=supplier)
    return d


def feed_settings(feed, **changes) -> dict:
    settings = {
        "aggregator": feed,
        "fallbackAggregator": ZERO_ADDRESS,
        "heartbeat": YEAR,
        "minAnswer": 0,
        "maxAnswer": 10**7 * USD,
        "maxMoveBps": 10_000,
        "holdOff": 3_600,
    }
    assert changes.keys() <= settings.keys(), changes
    return settings | changes


def new_vault(project, d, admin, engine, delay=0, urgent=0, dust=DUST_VALUE, **config):
    """A vault that lists weth, usdc and wbtc alike and may add and draw without limit."""
    vault = admin.deploy(project.Vault, d.hub, d.oracle, (engine, delay, urgent, dust), admin)
    for token in d.tokens:
        d.hub.setSpoke(token, vault, MAX_CAP, MAX_CAP, True, False, sender=admin)
    reserve = reserve_config(**config)
    steps = [vault.setReserve.encode_input(token, reserve, 0) for token in d.tokens]
    vault.multicall(steps, sender=admin)
    return vault


def approve(spender, tokens, owners):
    for token in tokens:
        for owner in owners:
            token.approve(spender, MAX_UINT, sender=owner)


def _part(name):
    @pytest.fixture(scope="session", name=name)
    def part(deployed):
        return getattr(deployed, name)

    return part


weth, usdc, wbtc, tokens = map(_part, ("weth", "usdc", "wbtc", "tokens"))
hub, oracle, fund, vault, lens = map(_part, ("hub", "oracle", "fund", "vault", "lens"))
feeds, shares, pair, flash = map(_part, ("feeds", "shares", "pair", "flash"))
close_factor, target_health, dutch_bonus = map(
    _part, ("close_factor", "target_health", "dutch_bonus")
)


@pytest.fixture(autouse=True)
def books(hub, lens, tokens):
    """After every test: what the hub says it holds it does hold, and no loss was mislaid."""
    yield
    columns = 15
    words = lens.assets(hub, tokens)
    for row in (words[i : i + columns] for i in range(0, len(words), columns)):
        cash, index, total, fees = row[0], row[2], row[5], row[6]
        deficit, escrow, reported, by_fees, by_fund, socialised, held = *row[7:8], *row[9:]
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
        for token, amount in collateral.items():
            on.supply(account, token, amount, sender=owner)
        for token, amount in debt.items():
            on.borrow(account, token, amount, owner, sender=owner)
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
def list_asset(hub, admin, spoke):
    """list_asset(token, **rate model): a hub asset of which `spoke` may add and draw anything."""

    def list_asset(token, **model):
        hub.listAsset(token, rate_model(**model), sender=admin)
        hub.setSpoke(token, spoke, MAX_CAP, MAX_CAP, True, False, sender=admin)
        token.mint(spoke, 10**30, sender=admin)
        return token

    return list_asset


@pytest.fixture
def asset(project, admin, list_asset):
    """A fresh hub asset with nothing in it; `spoke` may add and draw."""
    return list_asset(admin.deploy(project.TestToken, "LENT", 18))


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
