"""What every contract of a deployment keeps in storage, and which numbers of the twin say so.

What is in a contract's code and not in its storage (fees of pairs, parameters of engines, the
cool-down), and who owns what, belongs to no word: in the twin it must stay as it was deployed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from eth_utils import keccak

from sim.engines.calldata import ACTOR_BASE, actor_address
from sim.engines.deployment import NOWHERE, PARAMETER_ROLE, Deployment
from sim.engines.failures import Difference
from sim.engines.layouts import Field, text
from sim.engines.variables import Path, Variables, layout
from sim.protocol import insurance
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import max_uint
from sim.protocol.pair import MINIMUM_LIQUIDITY
from sim.protocol.records import copy
from sim.protocol.state import (
    ADDED_SHARES,
    ADL_TARGET,
    ANCHOR,
    BACKS_IN,
    CASH,
    COOLDOWN,
    COVER_WINDOW,
    DEFICIT_OWED,
    ESCROW,
    EXIT_ASSETS,
    EXIT_SHARES,
    GUARDIAN,
    HAS_FALLBACK,
    HUB_SHARES,
    IMMEDIATE,
    IS_COLLATERAL,
    LEAVES_AT,
    LEAVING,
    LEAVING_AFTER,
    LENT_IN,
    LP_SUPPLY,
    MESSAGE_WINDOW,
    NEXT_EXIT,
    PARAMETERS,
    PENDING_EPOCH,
    PENDING_STAKE,
    POOL_ASSETS,
    POOL_EPOCH,
    POSITION_DEBT,
    PUBLISHED_AT,
    RESERVE0,
    RING,
    SEEN_AT_FIRST,
    SEEN_FIRST,
    SEQUENCER_FEED,
    SLOPE1_PARAMETER,
    STAKE,
    UNCOLLECTED,
    WALLET,
    WINDOW,
    Array,
    Entry,
    State,
)

NOT_KEPT = ("clock", "split", "result", "journal", "journal_length", "undo")
"""The time of a block, and what the twin notes for itself."""
_REQUESTS = {"shares": PENDING_STAKE, "leavesAt": LEAVES_AT, "epoch": PENDING_EPOCH}
_MAY_LOSE = (op.liquidate.kind, op.flash_liquidate.kind, op.write_off.kind, op.stake.kind)
"""After what an insurance pool may have begun anew: a loss that it pays, or a stake that takes the
place of what losses have left.
"""
_LOCK = f"0x{0xDEAD:040x}"
"""Who holds the liquidity that is locked for ever (`ConstantProductPair.LOCK`)."""


class Storage(Variables):
    """All that the contracts of one deployment keep, following the twin."""

    def __init__(self, s: State, d: Deployment, symbols: list[str], account_ids: list[int]) -> None:
        """As the contracts are once deployed according to `s`."""
        self._d, self._symbols, self._ids = d, symbols, account_ids
        super().__init__({name: array.shape for name, array in _arrays(s).items()})
        self.from_deployment: dict[int, int] = {}
        """Words, and bits of them, that bear the time of the deployment until they are first used,
        which no interest and no average price depends on: nothing is lent or for sale before.
        """
        self._epochs = [0] * len(symbols)
        self._pools = s.pool.tolist()
        """As they were after the last blocks."""
        self._actors = range(s.holding.shape[0])
        self._assets = range(len(symbols))
        for i in self._assets:
            self._token(s, i)
            self._asset(s, i)
            self._pool(i)
        self._hub(s)
        for v in range(len(d.vaults)):
            self._router(s, v)
            self._guard(s, v)
            self._vault(s, v)
        for p in range(len(d.pairs)):
            self._pair(p)
        if d.steward != NOWHERE:
            self._steward()
        for variable in ("_vault", "_proceeds"):
            self.set("Liquidator", d.liquidator, "liquidator", [variable])
        self.words.deploy(_arrays(s))

    def copy(self) -> Storage:
        """An independent one."""
        other = object.__new__(Storage)
        other.__dict__ = self.__dict__ | {
            "words": self.words.copy(),
            "from_deployment": self.from_deployment.copy(),
            "_epochs": self._epochs.copy(),
            "_pools": self._pools,
        }
        return other

    def follow(
        self, s: State, blocks: Sequence[tuple[int, list[Entry]]]
    ) -> tuple[set[int], list[Difference]]:
        """Take over a state after these blocks (timestamp, rows): the words that are others now,
        and numbers that are not as deployed although they are in code.
        """
        kinds = {row.kind for _, rows in blocks for row in rows if row.code == OK}
        asked = op.request_unstake.kind in kinds
        again = op.unstake.kind in kinds or any(
            now[POOL_EPOCH] != was[POOL_EPOCH]
            or (now[NEXT_EXIT] != was[NEXT_EXIT] and (asked or was[LEAVING] or was[LEAVING_AFTER]))
            for was, now in zip(self._pools, s.pool, strict=True)
        )
        changed = self._lost_and_left(s, blocks) if again else set[int]()
        self._pools = s.pool.tolist()
        more, strays = self.words.follow(_arrays(s))
        return changed | more, strays

    def approve(self, owner: str, token: str, spender: str) -> int:
        """`owner` lets `spender` take any amount of a token: the word that says so."""
        own = token in self._d.tokens
        symbol = self._symbols[(self._d.tokens if own else self._d.shares).index(token)]
        what = f"{symbol} {'' if own else 'shares '}that {owner} allows {spender}"
        contract = "TestToken" if own else "HubShare"
        return self.set(contract, token, what, ["_allowances", owner, spender], max_uint())

    def _lost_and_left(self, s: State, blocks: Sequence[tuple[int, list[Entry]]]) -> set[int]:
        """A pool that was lost begins anew, after a loss or at a stake: what its stakers had stays
        where it was, and counts for nothing. What left a pool is noted under the instant, and stays
        so, while in the twin whoever left has it until he collects. Carries the blocks out again,
        on the state before them, to see all that.
        """
        changed = set[int]()
        twin = copy(s)
        self.words.fill(_arrays(twin))
        for timestamp, rows in blocks:
            twin.clock[0] = timestamp
            for row in rows:
                if row.kind in _MAY_LOSE:
                    changed |= self.words.follow(_arrays(twin))[0]
                pools = twin.pool.tolist()
                due = [insurance.now(twin, i) for i in self._assets]
                if op.execute(twin, row) == OK and row.kind == op.unstake.kind:
                    for column in (EXIT_ASSETS, EXIT_SHARES):
                        self.words.release("holding", (row.actor, row.x, column))
                left = set[int]()
                for i, was in enumerate(pools):
                    if twin.pool[i, NEXT_EXIT] != was[NEXT_EXIT]:
                        left |= self._left(twin, i, was, due[i])
                    if twin.pool[i, POOL_EPOCH] != self._epochs[i]:
                        self._next_epoch(i)
                if left:
                    changed |= left | self.words.follow(_arrays(twin))[0]
        return changed

    def _left(self, twin: State, i: int, was: list[int], now: insurance.Pool) -> set[int]:
        """Instants that were settled: the words that say what left."""
        changed, at = set[int](), was[NEXT_EXIT]
        parts = [(at, was[LEAVING], now.first)]
        if now.leaving != was[LEAVING_AFTER]:
            parts.append((at + int(twin.losses[COOLDOWN]), was[LEAVING_AFTER], now.second))
        for leaves_at, shares, assets in parts:
            path: Path = ["_exits", self._d.tokens[i], was[POOL_EPOCH], leaves_at]
            if not shares:
                continue
            rows = twin.holding[:, i, [LEAVES_AT, PENDING_EPOCH]] == (leaves_at, was[POOL_EPOCH])
            fields = layout("InsuranceFund").fields(*path)
            for name, column, value in (
                ("shares", EXIT_SHARES, shares),
                ("assets", EXIT_ASSETS, assets),
            ):
                what = f"{name} that left insurance {self._symbols[i]} at {leaves_at}"
                word = self.words.constant(self._d.fund, fields[name], what, value)
                for k in np.flatnonzero(rows.all(axis=1)):  # each has what the word says
                    self.add(word, "holding", (int(k), i, column), of=partial(_beyond, value))
                changed.add(word)
        return changed

    def _next_epoch(self, i: int) -> None:
        for k in self._actors:
            self.words.release("holding", (k, i, STAKE))
        self._epochs[i] += 1
        self._stakes(i)

    # --- tokens -----------------------------------------------------------------------------------

    def _token(self, s: State, i: int) -> None:
        """An asset's token, its feeds and its share token."""
        d, symbol, token = self._d, self._symbols[i], self._d.tokens[i]
        supply = self._erc20("TestToken", token, symbol, symbol, symbol)
        held: dict[str, list[tuple[str, tuple[int, ...]]]] = {
            f"wallet of actor {k}": [("holding", (k, i, WALLET))] for k in self._actors
        }
        owners = {f"wallet of actor {k}": actor_address(k) for k in self._actors}
        owners |= {"hub": d.hub, "fund": d.fund, "liquidator contract": d.liquidator}
        held["hub"] = [("hub", (i, CASH)), ("hub", (i, ESCROW))]
        held["fund"] = [("pool", (i, POOL_ASSETS)), ("pool", (i, UNCOLLECTED))]
        for p, tokens in enumerate(s.pair_tokens):
            owners[f"pair {p} holding"] = d.pairs[p]
            sides = [side for side in range(2) if tokens[side] == i]
            held[f"pair {p} holding"] = [("pair", (p, RESERVE0 + side)) for side in sides]
        for name, owner in owners.items():
            word = self.set("TestToken", token, f"{name} {symbol}", ["_balances", owner])
            for array, index in held.get(name, ()):
                self.add(word, array, index)
                self.words.add(supply, array, index, group=None)
        self._bridge(s, i)
        for slot in range(2):
            what = f"feed {slot} {symbol}"
            for variable in ("answer", "updatedAt", "mode"):
                self.row("PriceFeed", d.feeds[slot][i], what, [variable], "feed", (slot, i))
        share = d.shares[i]
        supply = self._erc20(
            "HubShare", share, f"bw{symbol}", f"Breakwater {symbol}", f"bw{symbol}"
        )
        self.add(supply, "spoke", (len(d.vaults), i, ADDED_SHARES))
        for k in self._actors:
            what, path = f"hub shares of actor {k} {symbol}", ["_balances", actor_address(k)]
            self.add(self.set("HubShare", share, what, path), "holding", (k, i, HUB_SHARES))

    def _bridge(self, s: State, i: int) -> None:
        """What a token of another chain keeps besides."""
        token, what = self._d.tokens[i], f"bridge {self._symbols[i]}"
        if not s.bridge[i, MESSAGE_WINDOW]:
            return
        self.row("BridgedTestToken", token, what, ["_bucket"], "bridge", (i,))
        for nonce in range(s.received.shape[1]):
            word = self.set("BridgedTestToken", token, f"{what} {nonce}", ["received", nonce])
            self.add(word, "received", (i, nonce))

    def _erc20(self, contract: str, address: str, what: str, name: str, symbol: str) -> int:
        """Name, symbol, and the word of the supply."""
        for variable, value in (("_name", name), ("_symbol", symbol)):
            (field,) = layout(contract).fields(variable).values()
            for slot, word in text(field, value).items():
                self.words.constant(address, Field(slot, 0, 256), f"{what} {variable}", word)
        return self.set(contract, address, f"{what} supply", ["_totalSupply"])

    def _pair(self, p: int) -> None:
        pair, what = self._d.pairs[p], f"pair {p}"
        supply = self._erc20("ConstantProductPair", pair, what, "Breakwater LP", "bwLP")
        self.add(supply, "pair", (p, LP_SUPPLY))
        for variable in ("reserve0", "reserve1", "cumulative0", "cumulative1", "lastUpdate"):
            self.row("ConstantProductPair", pair, what, [variable], "pair", (p,))
        self._bears_time("ConstantProductPair", pair, ["lastUpdate"], "")
        for k in self._actors:
            path = ["_balances", actor_address(k)]
            word = self.set("ConstantProductPair", pair, f"LP shares of actor {k} {p}", path)
            self.add(word, "lp", (k, p))
        locked = self.set("ConstantProductPair", pair, f"{what} locked", ["_balances", _LOCK])
        self.add(locked, "pair", (p, LP_SUPPLY), of=_locked)

    # --- the hub and its insurance ----------------------------------------------------------------

    def _hub(self, s: State) -> None:
        hub, fund = self._d.hub, self._d.fund
        self._admin("LiquidityHub", hub, "hub")
        self._role("LiquidityHub", hub, "admin", actor_address(0))
        self.set("LiquidityHub", hub, "hub", ["fund"], int(fund, 16))
        window = self.set("LiquidityHub", hub, "hub", ["coverWindow"])
        self.add(window, "losses", (COVER_WINDOW,))
        immediate = self.set("LiquidityHub", hub, "hub", ["immediateLoss"])
        self.add(immediate, "losses", (IMMEDIATE,))
        owing = self.set("LiquidityHub", hub, "hub", ["owing"])
        for i in self._assets:
            self.add(owing, "hub", (i, DEFICIT_OWED), of=bool)

    def _asset(self, s: State, i: int) -> None:
        d, symbol, token = self._d, self._symbols[i], self._d.tokens[i]
        path = ["_assets", token]
        self.row("LiquidityHub", d.hub, f"hub {symbol}", path, "hub", (i,))
        self._bears_time("LiquidityHub", d.hub, path, "lastAccrual")
        path = ["_rateModels", token]
        self.row("LiquidityHub", d.hub, f"rates {symbol}", path, "rates", (i,))
        limited = layout("LiquidityHub").fields("_assets", token)["limited"]
        word = self.words.constant(d.hub, limited, f"hub {symbol} limited")
        self.add(word, "outflow", (i, WINDOW), of=bool, weight=1 << limited.shift)
        path = ["_outflows", token]
        self.row("LiquidityHub", d.hub, f"outflow {symbol}", path, "outflow", (i,))
        for k, spoke in enumerate([*d.vaults, d.shares[i]]):
            what = f"spoke {f'vault {k}' if k < len(d.vaults) else 'share token'} {symbol}"
            self.row("LiquidityHub", d.hub, what, ["_spokes", token, spoke], "spoke", (k, i))

    def _pool(self, i: int) -> None:
        path, what = ["_pools", self._d.tokens[i]], f"insurance {self._symbols[i]}"
        self.row("InsuranceFund", self._d.fund, what, path, "pool", (i,))
        self._stakes(i)
        for k in self._actors:
            of_actor: Path = ["_requests", self._d.tokens[i], actor_address(k)]
            for name, field in layout("InsuranceFund").fields(*of_actor).items():
                label = f"staker {k} {self._symbols[i]} leaving {name}"
                word = self.words.constant(self._d.fund, field, label)
                self.add(word, "holding", (k, i, _REQUESTS[name]))

    def _stakes(self, i: int) -> None:
        """Of the present epoch."""
        for k in self._actors:
            path: Path = ["_stakes", self._d.tokens[i], self._epochs[i], actor_address(k)]
            what = f"staker {k} {self._symbols[i]} shares"
            word = self.set("InsuranceFund", self._d.fund, what, path)
            self.add(word, "holding", (k, i, STAKE))

    # --- vaults -----------------------------------------------------------------------------------

    def _router(self, s: State, v: int) -> None:
        router = self._d.routers[v]
        self._admin("OracleRouter", router, f"oracle {v}")
        for i in self._assets:
            what, token = f"oracle {v} {self._symbols[i]}", self._d.tokens[i]
            primary, fallback = (int(feeds[i], 16) for feeds in self._d.feeds)
            feed = layout("OracleRouter").fields("_feeds", token)
            self.row("OracleRouter", router, what, ["_feeds", token], "oracle", (v, i))
            self.words.constant(router, feed["aggregator"], f"{what} feed", primary)
            second = self.words.constant(router, feed["fallbackAggregator"], f"{what} fallback")
            self.add(second, "oracle", (v, i, HAS_FALLBACK), weight=fallback)
            anchor = layout("OracleRouter").fields("_anchors", token)
            price = self.words.constant(router, anchor["price"], f"{what} anchor")
            self.add(price, "oracle", (v, i, ANCHOR))
            self.row("OracleRouter", router, what, ["_anchors", token], "oracle", (v, i))

    def _guard(self, s: State, v: int) -> None:
        guard, what, sequencer = self._d.guards[v], f"guard {v}", self._d.sequencer
        if guard == NOWHERE:
            return
        self._admin("RiskGuard", guard, what)
        role = int.from_bytes(keccak(text="GUARDIAN"), "big")
        path: Path = ["_roles", role, ".hasRole", actor_address(int(s.guard[v, GUARDIAN]))]
        self.set("RiskGuard", guard, f"{what} guardian", path, True)
        skip = ("sequencerFeed",)
        self.row("RiskGuard", guard, f"{what} terms", ["_terms"], "guard", (v,), skip=skip)
        self.row("RiskGuard", guard, what, ["stressBps"], "guard", (v,))
        feed, asked = (
            layout("RiskGuard").fields("_terms")["sequencerFeed"],
            s.guard[v, SEQUENCER_FEED] != 0,
        )
        value = int(sequencer, 16) if asked else 0
        self.words.constant(guard, feed, f"{what} sequencer feed", value)
        if asked:
            for variable in ("answer", "updatedAt", "mode"):
                self.row("PriceFeed", sequencer, "sequencer", [variable], "sequencer", ())
        for i in self._assets:
            token, name = self._d.tokens[i], f"{what} {self._symbols[i]}"
            self.row("RiskGuard", guard, name, ["_brakes", token], "brake", (v, i))
            for k in range(RING):
                entry = layout("RiskGuard").fields("_seen", token, k)
                for field, first in (("price", SEEN_FIRST), ("at", SEEN_AT_FIRST)):
                    word = self.words.constant(guard, entry[field], f"{name} seen {k} {field}")
                    weight = 1 << entry[field].shift
                    self.add(word, "brake", (v, i, first + k), weight=weight)

    def _vault(self, s: State, v: int) -> None:
        vault, what = self._d.vaults[v], f"vault {v}"
        self._admin("Vault", vault, what)
        self._role("Vault", vault, "admin", actor_address(0))
        self.row("Vault", vault, f"{what} policy", ["_policy"], "policy", (v,), skip=("engine",))
        engine = layout("Vault").fields("_policy")["engine"]
        self.words.constant(vault, engine, f"{what} engine", int(self._d.engines[v], 16))
        guard = layout("Vault").fields("_policy")["guard"]
        self.words.constant(vault, guard, f"{what} guard", int(self._d.guards[v], 16))
        self.set("Vault", vault, f"{what} reserves", ["_reserves"], len(self._symbols))
        for i in self._assets:
            token, name = self._d.tokens[i], f"{what} {self._symbols[i]}"
            self.set("Vault", vault, f"{name} index", ["_indexPlusOne", token], i + 1)
            fields = layout("Vault").fields("_reserves", i)
            self.words.constant(vault, fields["asset"], f"{name} asset", int(token, 16))
            unit = self.words.constant(vault, fields["unit"], f"{name} unit")
            self.add(unit, "unit", (i,), weight=1 << fields["unit"].shift)
            self.row("Vault", vault, name, ["_reserves", i], "reserve", (v, i))
            adl: Path = ["_deleveraging", token]
            self.row("Vault", vault, f"{name} deleveraging", adl, "adl", (v, i))
            share = layout("Vault").fields(*adl)["terms.share"]
            word = self.words.constant(vault, share, f"{name} share")
            self.add(word, "adl", (v, i, ADL_TARGET), of=bool, weight=int(self._d.shares[i], 16))
        for k in range(1, s.category.shape[1]):
            self._category(vault, f"{what} category {k}", v, k)
        for a in range(len(s.account)):
            if s.account_vault[a] == v:
                self._account(vault, f"{what} account {a}", a)

    def _category(self, vault: str, what: str, v: int, k: int) -> None:
        path: Path = ["_categories", k]
        self.row("Vault", vault, what, path, "category", (v, k))
        fields = layout("Vault").fields(*path)
        for name, column in (("collateralBits", BACKS_IN), ("borrowBits", LENT_IN)):
            field = fields[f"config.{name}"]
            word = self.words.constant(vault, field, f"{what} {name}")
            for i in self._assets:
                self.add(word, "member", (v, k, i, column), weight=1 << field.shift + i)

    def _account(self, vault: str, what: str, a: int) -> None:
        path: Path = ["_accounts", self._ids[a]]
        fields = layout("Vault").fields(*path)
        self.row("Vault", vault, what, path, "account", (a,))
        manager = self.words.constant(vault, fields["manager"], f"{what} manager")
        first = {name: 1 << field.shift for name, field in fields.items()}
        self.add(manager, "account_manager", (a,), of=_address, weight=first["manager"])
        held = self.words.constant(vault, fields["collateralBits"], f"{what} collateral bits")
        owed = self.words.constant(vault, fields["debtBits"], f"{what} debt bits")
        for i in self._assets:
            bit = first["collateralBits"] << i
            self.add(held, "position", (a, i, IS_COLLATERAL), weight=bit)
            bit = first["debtBits"] << i
            self.add(owed, "position", (a, i, POSITION_DEBT), of=bool, weight=bit)
            path = ["_positions", self._ids[a], self._d.tokens[i]]
            self.row("Vault", vault, f"{what} {self._symbols[i]}", path, "position", (a, i))

    def _steward(self) -> None:
        """What it changed last and when, in every vault and in the hub."""
        for v, target in enumerate([*self._d.vaults, self._d.hub]):
            of_hub = target == self._d.hub
            first, end = (SLOPE1_PARAMETER, len(PARAMETERS)) if of_hub else (0, SLOPE1_PARAMETER)
            self._role("LiquidityHub" if of_hub else "Vault", target, "steward", self._d.steward)
            for i in self._assets:
                token, what = self._d.tokens[i], f"steward {v} {self._symbols[i]}"
                path: Path = ["publishedAt", target, token]
                word = self.set("RiskSteward", self._d.steward, f"{what} published at", path)
                self.add(word, "changes", (v, i, PUBLISHED_AT))
                for n in range(first, end):
                    path = ["changedAt", target, token, n]
                    name = f"{what} {PARAMETERS[n]} changed at"
                    word = self.set("RiskSteward", self._d.steward, name, path)
                    self.add(word, "changes", (v, i, n))

    # --- what several have ------------------------------------------------------------------------

    def _bears_time(self, contract: str, address: str, path: Path, name: str) -> None:
        field = layout(contract).fields(*path)[name]
        bits = (1 << field.bits) - 1 << field.shift
        self.from_deployment[self.word(contract, address, path, name)] = bits

    def _admin(self, contract: str, address: str, what: str) -> None:
        """Who has the first role."""
        path: Path = ["_roles", 0, ".hasRole", actor_address(0)]
        self.set(contract, address, f"{what} admin", path, True)

    def _role(self, contract: str, address: str, what: str, who: str) -> None:
        """Who may change parameters."""
        path: Path = ["_roles", int.from_bytes(PARAMETER_ROLE, "big"), ".hasRole", who]
        self.set(contract, address, f"{what} of {address} parameters", path, True)


def _arrays(s: State) -> dict[str, Array]:
    return {name: getattr(s, name) for name in State._fields if name not in NOT_KEPT}


def _address(actor: int) -> int:
    """Of a manager; 0 is nobody."""
    return 0 if actor < 0 else ACTOR_BASE + int(actor)


def _beyond(value: int, number: int) -> int:
    """By how much a number is not what stands in the word already."""
    return int(number) - value


def _locked(supply: int) -> int:
    """What the first provider leaves in a pair for ever."""
    return MINIMUM_LIQUIDITY if supply else 0
