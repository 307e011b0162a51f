"""What the tests find on the chain: one protocol, a market, actors with tokens and approvals."""

from types import SimpleNamespace

from tests.contracts.support import (
    DAY,
    MAX_CAP,
    MAX_UINT,
    USD,
    WAD,
    YEAR,
    ZERO_ADDRESS,
    rate_model,
    reserve_config,
)

PRICES = {"weth": 2_000, "usdc": 1, "wbtc": 40_000}
DUST_VALUE = 10 * USD
COOLDOWN = 10 * DAY
COVER_WINDOW = 3 * DAY


def deploy_everything(project, admin, supplier, borrower, liquidator, stranger, spoke):
    """Tokens, feeds, hub, share tokens, fund, router, engines, a vault, a pair, periphery."""
    d = SimpleNamespace()
    d.weth = admin.deploy(project.TestToken, "WETH", 18)
    d.usdc = admin.deploy(project.TestToken, "USDC", 6)
    d.wbtc = admin.deploy(project.TestToken, "WBTC", 8)
    d.tokens = (d.weth, d.usdc, d.wbtc)
    d.oracle = admin.deploy(project.OracleRouter, admin)
    d.hub = admin.deploy(project.LiquidityHub, admin)
    d.fund = admin.deploy(project.InsuranceFund, d.hub, COOLDOWN)
    d.hub.setLossPolicy(d.fund, COVER_WINDOW, False, sender=admin)
    d.close_factor = admin.deploy(project.CloseFactor, 95 * WAD // 100)
    d.target_health = admin.deploy(project.TargetHealth, WAD, 9 * WAD // 10)
    d.dutch_bonus = admin.deploy(project.DutchBonus, 3_600)
    d.feeds, d.shares = {}, {}
    for token, price in zip(d.tokens, PRICES.values(), strict=True):
        feed = d.feeds[token.address] = admin.deploy(project.PriceFeed, 8)
        feed.post(price * USD, sender=admin)
        d.oracle.setFeed(token, feed_settings(feed), sender=admin)
        d.shares[token.address] = list_asset(project, d.hub, token, admin)
        for actor in (supplier, borrower, liquidator, stranger):
            token.mint(actor, 10**9 * 10 ** token.decimals(), sender=admin)
        approve(d.shares[token.address], [token], [supplier])
    d.pair = admin.deploy(project.ConstantProductPair, d.weth, d.usdc, 30)
    d.flash = admin.deploy(project.Liquidator)
    d.lens = admin.deploy(project.Lens)
    d.vault = new_vault(project, d, admin, engine=d.close_factor)
    approve(d.vault, d.tokens, (supplier, borrower, liquidator, stranger))
    approve(d.pair, (d.weth, d.usdc), (supplier, borrower, stranger))
    d.shares[d.weth.address].deposit(10_000 * 10**18, supplier, sender=supplier)
    d.shares[d.usdc.address].deposit(10**7 * 10**6, supplier, sender=supplier)
    d.shares[d.wbtc.address].deposit(100 * 10**8, supplier, sender=supplier)

    # An asset with nothing in it, of which an account registered as a spoke may add and draw.
    d.asset = admin.deploy(project.TestToken, "LENT", 18)
    d.share = list_asset(project, d.hub, d.asset, admin)
    d.hub.setSpoke(d.asset, spoke, MAX_CAP, MAX_CAP, True, False, sender=admin)
    d.asset.mint(spoke, 10**30, sender=admin)
    for actor in (supplier, stranger):
        d.asset.mint(actor, 10**6 * WAD, sender=admin)
    approve(d.share, [d.asset], (spoke, supplier, stranger))
    approve(d.fund, [d.asset], (spoke, supplier))
    return d


def list_asset(project, hub, token, admin):
    """A hub asset that bears no interest, and its share token, which may add without limit."""
    hub.listAsset(token, rate_model(), sender=admin)
    share = admin.deploy(project.HubShare, hub, token)
    hub.setSpoke(token, share, MAX_CAP, 0, True, False, sender=admin)
    return share


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


def new_vault(
    project,
    d,
    admin,
    engine,
    delay=0,
    urgent=0,
    dust=DUST_VALUE,
    calls=0,
    guard=ZERO_ADDRESS,
    **config,
):
    """A vault that lists weth, usdc and wbtc alike and may add and draw without limit."""
    liquidation = admin.deploy(project.VaultLiquidation, d.hub, d.oracle)
    policy = (engine, delay, urgent, dust, calls, guard)
    parameters = admin.deploy(project.VaultParameters, liquidation)
    vault = admin.deploy(project.Vault, parameters, policy, admin)
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
