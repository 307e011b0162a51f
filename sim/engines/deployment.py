"""Deploys the whole protocol as a twin state describes it: one list of steps for every chain and
for ape.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple, Protocol

from eth_utils import keccak, to_checksum_address

from sim.engines.artifacts import contracts
from sim.engines.chain import Call, Chain
from sim.protocol.state import (
    ADL_ON_SINCE,
    ADL_TARGET,
    AUCTION_SECONDS,
    BREAKER_STOPS_LIQUIDATION,
    CATEGORY_LT,
    CATEGORY_LT_FROM,
    CLOSE_FACTOR,
    COOLDOWN,
    COVER_WINDOW,
    DUST_VALUE,
    DUTCH_BONUS,
    ENGINE,
    FEE_BPS,
    FULL_CLOSE_HEALTH,
    GUARDED,
    GUARDIAN,
    HAS_FALLBACK,
    HEARTBEAT,
    HF_FOR_MAX_BONUS,
    HOLD_OFF,
    IMMEDIATE,
    LIQUIDATION_DELAY,
    LT_FROM,
    MARGIN_CALL_HEALTH,
    MAX_ANSWER,
    MAX_MOVE,
    MAX_PAUSE,
    MESSAGE_AGE,
    MESSAGE_CAP,
    MESSAGE_WINDOW,
    MIN_ANSWER,
    RAMP,
    REHYPOTHECATE,
    SECOND_ABOVE,
    SEQUENCER_FEED,
    SUPPLY_CAP,
    TARGET_HEALTH,
    TARGET_HEALTH_ENGINE,
    URGENT_HEALTH,
    State,
)

_ENGINE = {
    CLOSE_FACTOR: "CloseFactor",
    TARGET_HEALTH_ENGINE: "TargetHealth",
    DUTCH_BONUS: "DutchBonus",
}
NOWHERE = "0x" + "00" * 20
PARAMETER_ROLE = keccak(text="PARAMETER_ROLE")
ACTOR_BASE = 0xB0A7 << 144
FEED_DECIMALS = 8


@cache
def actor_address(actor: int) -> str:
    """The account that plays an actor on a chain."""
    return to_checksum_address(f"0x{ACTOR_BASE + actor:040x}")


class Deployer(Protocol):
    """Whoever sends the transactions of a deployment."""

    admin: str

    def deploy(self, contract: str, *arguments: Any) -> str:
        """Create a contract; return its address."""

    def transact(self, contract: str, address: str, function: str, *arguments: Any) -> None:
        """Call a function as admin."""


class Deployed(NamedTuple):
    """One contract of a deployment."""

    name: str
    """What it is there for: "vault", "WETH token", "WETH/DAI pair"."""
    contract: str
    address: str


class Deployment(NamedTuple):
    """Addresses of a deployed protocol. Lists follow the state's rows: assets, vaults, pairs."""

    tokens: list[str]
    feeds: list[list[str]]
    """Primary and fallback feed of each asset."""
    hub: str
    fund: str
    routers: list[str]
    engines: list[str]
    liquidations: list[str]
    """With whose code each vault liquidates."""
    parameters: list[str]
    """With whose code each vault sets its parameters."""
    guards: list[str]
    """Of each vault; nowhere if it has none."""
    sequencer: str
    """The feed of whether the sequencer is up; nowhere if no guard asks it."""
    vaults: list[str]
    shares: list[str]
    pairs: list[str]
    liquidator: str
    lens: str
    steward: str
    """Nowhere if there is none."""


def listing(d: Deployment, s: State, symbols: list[str]) -> list[Deployed]:
    """Every contract of a deployment of `s`, by what it is there for."""
    engines = [_ENGINE[policy[ENGINE]] for policy in s.policy]
    found = [Deployed("hub", "LiquidityHub", d.hub)]
    found.append(Deployed("insurance fund", "InsuranceFund", d.fund))
    found += [Deployed("oracle router", "OracleRouter", one) for one in d.routers]
    found += [Deployed("engine", *one) for one in zip(engines, d.engines, strict=True)]
    found += [Deployed("liquidation", "VaultLiquidation", one) for one in d.liquidations]
    found += [Deployed("parameters", "VaultParameters", one) for one in d.parameters]
    found += [Deployed("guard", "RiskGuard", one) for one in d.guards if one != NOWHERE]
    if d.sequencer != NOWHERE:
        found.append(Deployed("sequencer feed", "PriceFeed", d.sequencer))
    found += [Deployed("vault", "Vault", one) for one in d.vaults]
    found.append(Deployed("liquidator", "Liquidator", d.liquidator))
    found.append(Deployed("lens", "Lens", d.lens))
    for i, (symbol, address) in enumerate(zip(symbols, d.tokens, strict=True)):
        found.append(Deployed(f"{symbol} token", token_contract(s, i), address))
    found += [Deployed("steward", "RiskSteward", d.steward)] if d.steward != NOWHERE else []
    for what, contract, addresses in (
        ("feed", "PriceFeed", d.feeds[0]),
        ("second feed", "PriceFeed", d.feeds[1]),
        ("share token", "HubShare", d.shares),
    ):
        for symbol, address in zip(symbols, addresses, strict=True):
            found.append(Deployed(f"{symbol} {what}", contract, address))
    for p, ((a, b), address) in enumerate(zip(s.pair_tokens, d.pairs, strict=True)):
        name = f"{symbols[a]}/{symbols[b]} pair"
        if s.pair_of[a, b] != p or s.next_pair[p] >= 0:  # of several: by its place under venues
            name += f" {p}"
        found.append(Deployed(name, "ConstantProductPair", address))
    return found


class ChainDeployer:
    """Deploys on a chain of our own, one block per transaction."""

    def __init__(self, chain: Chain, admin: str, start: int) -> None:
        self.admin = admin
        self._chain = chain
        self._now = start

    def _send(self, to: str | None, data: bytes, what: str) -> str | None:
        self._now += 1
        (receipt,) = self._chain.block([Call(self.admin, to, data)], self._now)
        if not receipt.ok:
            raise RuntimeError(f"deployment: {what} was refused {receipt.output!r}")
        return receipt.contract

    def deploy(self, contract: str, *arguments: Any) -> str:
        """See `Deployer`."""
        address = self._send(None, contracts()[contract].creation(*arguments), contract)
        assert address is not None
        return address

    def transact(self, contract: str, address: str, function: str, *arguments: Any) -> None:
        """See `Deployer`."""
        data = contracts()[contract].call(function, *arguments)
        self._send(address, data, f"{contract}.{function}")


def reserve_config(s: State, v: int, i: int) -> tuple[Any, ...]:
    """The state's reserve row as `IVault.ReserveConfig`."""
    row = list(s.reserve[v, i])
    flags = [bool(x) for x in row[REHYPOTHECATE:SUPPLY_CAP]]
    fields, tiers = row[SUPPLY_CAP:SECOND_ABOVE], tuple(row[SECOND_ABOVE:LT_FROM])
    return (*row[:REHYPOTHECATE], *flags, *fields, tiers)


def category_config(s: State, v: int, k: int) -> tuple[Any, ...]:
    """The state's category as `IVault.CategoryConfig`."""
    bits = [sum(1 << i for i, has in enumerate(s.member[v, k, :, n]) if has) for n in range(2)]
    return (*s.category[v, k, :CATEGORY_LT_FROM], *bits)


def deploy(by: Deployer, s: State, symbols: list[str]) -> Deployment:
    """Deploy and configure everything; nothing is supplied, priced or borrowed yet.

    Order: tokens and feeds, hub and fund, then per vault router, engine, liquidation, parameters,
    vault, reserves and categories, share tokens, terms of deleveraging, venues, periphery, steward.
    """
    assets = range(len(symbols))
    vaults = range(s.policy.shape[0])
    tokens = [_deploy_token(by, s, i, symbol) for i, symbol in enumerate(symbols)]
    feeds = [[by.deploy("PriceFeed", FEED_DECIMALS) for _ in assets] for _slot in range(2)]

    hub = by.deploy("LiquidityHub", by.admin)
    fund = by.deploy("InsuranceFund", hub, s.losses[COOLDOWN])
    by.transact(
        "LiquidityHub",
        hub,
        "setLossPolicy",
        fund,
        s.losses[COVER_WINDOW],
        bool(s.losses[IMMEDIATE]),
    )
    for i in assets:
        by.transact("LiquidityHub", hub, "listAsset", tokens[i], tuple(s.rates[i]))

    routers, engines, liquidations, parameters = [], [], [], []
    guards, vault_addresses = [], []
    asked = s.guard[:, SEQUENCER_FEED].any()
    sequencer = by.deploy("PriceFeed", FEED_DECIMALS) if asked else NOWHERE
    for v in vaults:
        router = by.deploy("OracleRouter", by.admin)
        for i in assets:
            row = s.oracle[v, i]
            fallback = feeds[1][i] if row[HAS_FALLBACK] else NOWHERE
            bounds = (row[MIN_ANSWER], row[MAX_ANSWER], row[MAX_MOVE])
            feed = (feeds[0][i], row[HEARTBEAT], row[HOLD_OFF], *bounds, fallback)
            by.transact("OracleRouter", router, "setFeed", tokens[i], feed)
        engine = _deploy_engine(by, s, v)
        policy = s.policy[v]
        liquidation = by.deploy("VaultLiquidation", hub, router)
        parameters.append(by.deploy("VaultParameters", liquidation))
        guard = _deploy_guard(by, s, v, router, sequencer)
        rule = policy[[LIQUIDATION_DELAY, URGENT_HEALTH, DUST_VALUE, MARGIN_CALL_HEALTH]]
        vault = by.deploy("Vault", parameters[v], (engine, *rule, guard), by.admin)
        for i in assets:
            by.transact("Vault", vault, "setReserve", tokens[i], reserve_config(s, v, i), 0)
            _set_spoke(by, s, hub, tokens[i], v, i, vault)
        for k in range(1, s.category.shape[1]):
            if s.category[v, k, CATEGORY_LT]:
                by.transact("Vault", vault, "setCategoryConfig", k, category_config(s, v, k), 0)
        routers.append(router)
        engines.append(engine)
        liquidations.append(liquidation)
        guards.append(guard)
        vault_addresses.append(vault)

    shares = [by.deploy("HubShare", hub, token) for token in tokens]
    for i in assets:
        _set_spoke(by, s, hub, tokens[i], len(vaults), i, shares[i])
    for v, vault in enumerate(vault_addresses):
        for i in assets:
            if s.adl[v, i, ADL_TARGET]:
                terms = (shares[i], *s.adl[v, i, :ADL_ON_SINCE])
                by.transact("Vault", vault, "setDeleveraging", tokens[i], terms)
    pairs = [
        by.deploy("ConstantProductPair", tokens[a], tokens[b], s.pair[p, FEE_BPS])
        for p, (a, b) in enumerate(s.pair_tokens)
    ]
    return Deployment(
        tokens=tokens,
        feeds=feeds,
        hub=hub,
        fund=fund,
        routers=routers,
        engines=engines,
        liquidations=liquidations,
        parameters=parameters,
        guards=guards,
        sequencer=sequencer,
        vaults=vault_addresses,
        shares=shares,
        pairs=pairs,
        liquidator=by.deploy("Liquidator"),
        lens=by.deploy("Lens"),
        steward=_deploy_steward(by, s, hub, vault_addresses),
    )


def token_contract(s: State, i: int) -> str:
    """What an asset's token is: of this chain, or bridged."""
    return "BridgedTestToken" if s.bridge[i, MESSAGE_WINDOW] else "TestToken"


def _deploy_token(by: Deployer, s: State, i: int, symbol: str) -> str:
    contract, named = token_contract(s, i), (symbol, len(str(s.unit[i])) - 1)
    if contract == "TestToken":
        return by.deploy(contract, *named)
    limits = tuple(s.bridge[i, [MESSAGE_CAP, MESSAGE_WINDOW, MESSAGE_AGE]])
    return by.deploy(contract, *named, by.admin, limits)


def _deploy_steward(by: Deployer, s: State, hub: str, vaults: list[str]) -> str:
    """With the role that it needs, if there is to be one."""
    if s.bounds[RAMP] == 0:
        return NOWHERE
    steward = by.deploy("RiskSteward", hub, by.admin, tuple(s.bounds))
    by.transact("LiquidityHub", hub, "grantRole", PARAMETER_ROLE, steward)
    for vault in vaults:
        by.transact("Vault", vault, "grantRole", PARAMETER_ROLE, steward)
    return steward


def _deploy_engine(by: Deployer, s: State, v: int) -> str:
    policy = s.policy[v]
    parameters = {
        CLOSE_FACTOR: (policy[FULL_CLOSE_HEALTH],),
        TARGET_HEALTH_ENGINE: (policy[TARGET_HEALTH], policy[HF_FOR_MAX_BONUS]),
        DUTCH_BONUS: (policy[AUCTION_SECONDS],),
    }
    return by.deploy(_ENGINE[policy[ENGINE]], *parameters[policy[ENGINE]])


def _deploy_guard(by: Deployer, s: State, v: int, router: str, sequencer: str) -> str:
    """Of the vault; nowhere if it has none."""
    row = s.guard[v]
    if row[GUARDED] == 0:
        return NOWHERE
    numbers, flags = row[MAX_PAUSE:BREAKER_STOPS_LIQUIDATION], row[BREAKER_STOPS_LIQUIDATION:]
    feed = sequencer if row[SEQUENCER_FEED] else NOWHERE
    terms = (*numbers, *(bool(x) for x in flags[:2]), feed)
    guardian = actor_address(int(row[GUARDIAN])) if row[GUARDIAN] else by.admin
    return by.deploy("RiskGuard", router, terms, by.admin, guardian)


def _set_spoke(
    by: Deployer, s: State, hub: str, token: str, spoke: int, i: int, address: str
) -> None:
    add_cap, draw_cap = s.spoke[spoke, i, :2]
    active, halted = (bool(x) for x in s.spoke[spoke, i, 6:8])
    by.transact("LiquidityHub", hub, "setSpoke", token, address, add_cap, draw_cap, active, halted)
