"""Turns journal rows into the transactions that do the same on a chain."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from sim.engines.artifacts import contracts
from sim.engines.chain import Call
from sim.engines.deployment import ACTOR_BASE as ACTOR_BASE
from sim.engines.deployment import Deployment
from sim.engines.deployment import actor_address as actor_address
from sim.protocol import operations as op
from sim.protocol.fixed_point import max_uint
from sim.protocol.state import (
    LIQUIDATION_DELAY,
    MARGIN_CALL_HEALTH,
    URGENT_HEALTH,
    Entry,
    State,
)
from sim.protocol.vault_parameters import CATEGORY_WORDS, fields_of, unpacked


@cache
def _selector(contract: str, function: str) -> bytes:
    return contracts()[contract].selector(function)


def words(*values: int | str | bool) -> bytes:
    """ABI encoding of static arguments; addresses are hex strings."""
    return b"".join(
        int(value, 16).to_bytes(32, "big")
        if isinstance(value, str)
        else int(value).to_bytes(32, "big")
        for value in values
    )


class Transaction(NamedTuple):
    """A call of a contract."""

    contract: str
    address: str
    function: str
    arguments: bytes
    spends: Sequence[str] = ()
    """The tokens that the contract takes from whoever calls."""


class Encoder:
    """Journal rows to transactions for one deployment, adding token approvals where they are first
    needed.

    One method per operation, of its name and with its arguments (`sim.protocol.operations`).
    """

    def __init__(self, s: State, d: Deployment) -> None:
        self._s, self._d = s, d
        self.approved: dict[tuple[str, str, str], None] = {}
        """Every (owner, token, spender) so far, in this order."""
        owners: dict[tuple[int, int], int] = {}
        self.account_ids: list[int] = []
        for owner, v in zip(s.account_owner, s.account_vault, strict=True):
            sub = owners.get((owner, v), 0)
            owners[owner, v] = sub + 1
            self.account_ids.append(int(actor_address(owner), 16) << 8 | sub)

    def calls(self, row: Entry) -> list[Call]:
        """The transactions of one operation: approvals first, last the operation itself."""
        declared, sender = op.DECLARED[row.kind], actor_address(row.actor)
        encode = getattr(self, declared.name)
        done: Transaction = encode(row.actor, *declared.taken(row))
        approvals = [
            Call(sender, token, _selector("TestToken", "approve") + words(done.address, max_uint()))
            for token in done.spends
            if (sender, token, done.address) not in self.approved
        ]
        self.approved |= dict.fromkeys((sender, token, done.address) for token in done.spends)
        data = _selector(done.contract, done.function) + done.arguments
        return [*approvals, Call(sender, done.address, data)]

    # --- tokens, feeds, accrual -------------------------------------------------------------------

    def mint_token(self, actor: int, asset: int, amount: int) -> Transaction:
        arguments = words(actor_address(actor), amount)
        return Transaction("TestToken", self._d.tokens[asset], "mint", arguments)

    def post_price(self, actor: int, asset: int, slot: int, answer: int) -> Transaction:
        return Transaction("PriceFeed", self._d.feeds[slot][asset], "post", words(answer))

    def set_feed_mode(self, actor: int, asset: int, slot: int, mode: int) -> Transaction:
        return Transaction("PriceFeed", self._d.feeds[slot][asset], "setMode", words(mode))

    def poke(self, actor: int, asset: int, v: int) -> Transaction:
        token = self._d.tokens[asset]
        return Transaction("OracleRouter", self._d.routers[v], "poke", words(token))

    def accrue(self, actor: int, asset: int) -> Transaction:
        return self._hub("accrue", self._d.tokens[asset])

    # --- the public share token, the insurance fund -----------------------------------------------

    def deposit(self, actor: int, asset: int, amount: int) -> Transaction:
        arguments, token = words(amount, actor_address(actor)), self._d.tokens[asset]
        return Transaction("HubShare", self._d.shares[asset], "deposit", arguments, [token])

    def mint_shares(self, actor: int, asset: int, shares: int) -> Transaction:
        arguments, token = words(shares, actor_address(actor)), self._d.tokens[asset]
        return Transaction("HubShare", self._d.shares[asset], "mint", arguments, [token])

    def withdraw_assets(self, actor: int, asset: int, amount: int) -> Transaction:
        arguments = words(amount, actor_address(actor), actor_address(actor))
        return Transaction("HubShare", self._d.shares[asset], "withdraw", arguments)

    def redeem(self, actor: int, asset: int, shares: int) -> Transaction:
        arguments = words(shares, actor_address(actor), actor_address(actor))
        return Transaction("HubShare", self._d.shares[asset], "redeem", arguments)

    def stake(self, actor: int, asset: int, amount: int) -> Transaction:
        token = self._d.tokens[asset]
        return Transaction("InsuranceFund", self._d.fund, "stake", words(token, amount), [token])

    def request_unstake(self, actor: int, asset: int, shares: int) -> Transaction:
        arguments = words(self._d.tokens[asset], shares)
        return Transaction("InsuranceFund", self._d.fund, "requestWithdrawal", arguments)

    def unstake(self, actor: int, asset: int) -> Transaction:
        arguments = words(self._d.tokens[asset])
        return Transaction("InsuranceFund", self._d.fund, "withdraw", arguments)

    # --- pairs ------------------------------------------------------------------------------------

    def add_liquidity(self, actor: int, p: int, most0: int, most1: int) -> Transaction:
        return self._pair(p, "addLiquidity", words(most0, most1), self._sides(p))

    def remove_liquidity(self, actor: int, p: int, shares: int) -> Transaction:
        return self._pair(p, "removeLiquidity", words(shares), ())

    def swap_in(self, actor: int, p: int, side: int, amount: int, least: int) -> Transaction:
        token = self._sides(p)[side]
        arguments = words(token, amount, least, actor_address(actor))
        return self._pair(p, "swapExactIn", arguments, [token])

    def swap_out(self, actor: int, p: int, side: int, amount: int, most: int) -> Transaction:
        token = self._sides(p)[side]
        arguments = words(token, amount, most, actor_address(actor))
        return self._pair(p, "swapExactOut", arguments, [token])

    # --- accounts ---------------------------------------------------------------------------------

    def supply(self, actor: int, account: int, asset: int, amount: int) -> Transaction:
        token = self._d.tokens[asset]
        return self._vault(account, "supply", words(token, amount), [token])

    def withdraw(self, actor: int, account: int, asset: int, amount: int) -> Transaction:
        arguments = words(self._d.tokens[asset], amount, actor_address(actor))
        return self._vault(account, "withdraw", arguments)

    def borrow(self, actor: int, account: int, asset: int, amount: int) -> Transaction:
        arguments = words(self._d.tokens[asset], amount, actor_address(actor))
        return self._vault(account, "borrow", arguments)

    def repay(self, actor: int, account: int, asset: int, amount: int) -> Transaction:
        token = self._d.tokens[asset]
        return self._vault(account, "repay", words(token, amount), [token])

    def set_collateral(self, actor: int, account: int, asset: int, enabled: int) -> Transaction:
        return self._vault(account, "setCollateral", words(self._d.tokens[asset], enabled))

    def set_isolated(self, actor: int, account: int, isolated: int) -> Transaction:
        return self._vault(account, "setIsolated", words(isolated))

    def set_manager(self, actor: int, account: int, manager: int) -> Transaction:
        address: int | str = 0 if manager < 0 else actor_address(manager)
        return self._vault(account, "setManager", words(address))

    def flag(self, actor: int, account: int) -> Transaction:
        return self._vault(account, "flag")

    def unflag(self, actor: int, account: int) -> Transaction:
        return self._vault(account, "unflag")

    def margin_call(self, actor: int, account: int) -> Transaction:
        return self._vault(account, "marginCall")

    def end_margin_call(self, actor: int, account: int) -> Transaction:
        return self._vault(account, "endMarginCall")

    def liquidate(
        self,
        actor: int,
        account: int,
        debt: int,
        collateral: int,
        amount: int,
        least: int,
        as_shares: int,
    ) -> Transaction:
        tokens = self._d.tokens
        arguments = words(tokens[debt], tokens[collateral], amount, least, as_shares)
        arguments += words(7 * 32, 0)  # offset of `data` behind seven words, length zero
        return self._vault(account, "liquidate", arguments, [tokens[debt]])

    def flash_liquidate(
        self,
        actor: int,
        account: int,
        debt: int,
        collateral: int,
        amount: int,
        least_profit: int,
    ) -> Transaction:
        pools = self._pools(collateral, debt)
        arguments = words(self._vault_of(account), 7 * 32, self.account_ids[account])
        arguments += words(self._d.tokens[debt], self._d.tokens[collateral], amount, least_profit)
        arguments += words(len(pools), *pools)  # behind seven words
        return Transaction("Liquidator", self._d.liquidator, "liquidate", arguments)

    def write_off(self, actor: int, account: int) -> Transaction:
        return self._vault(account, "writeOff")

    def poke_deleveraging(self, actor: int, asset: int, v: int) -> Transaction:
        token = self._d.tokens[asset]
        return Transaction("Vault", self._d.vaults[v], "pokeDeleveraging", words(token))

    def deleverage(
        self, actor: int, account: int, debt: int, collateral: int, amount: int, in_shares: int
    ) -> Transaction:
        tokens = self._d.tokens
        arguments = words(tokens[debt], tokens[collateral], amount, in_shares)
        spent = (self._d.shares if in_shares else tokens)[debt]
        return self._vault(account, "deleverage", arguments, [spent])

    # --- losses, the admin ------------------------------------------------------------------------

    def socialise(self, actor: int, asset: int) -> Transaction:
        return self._hub("socialise", self._d.tokens[asset])

    def make_good(self, actor: int, asset: int, amount: int) -> Transaction:
        token = self._d.tokens[asset]
        return self._hub("makeGood", token, amount)._replace(spends=[token])

    def claim_fees(self, actor: int, asset: int) -> Transaction:
        return self._hub("claimFees", self._d.tokens[asset], actor_address(actor))

    def set_reserve(
        self, actor: int, asset: int, v: int, supply_cap: int, borrow_cap: int, fields: int
    ) -> Transaction:
        before_caps, after_caps, ramp_seconds = unpacked(fields)
        config = *before_caps, supply_cap, borrow_cap, *after_caps
        arguments = words(self._d.tokens[asset], *config, ramp_seconds)
        return Transaction("Vault", self._d.vaults[v], "setReserve", arguments)

    def set_spoke(
        self, actor: int, asset: int, spoke: int, add_cap: int, draw_cap: int, mode: int
    ) -> Transaction:
        address = [*self._d.vaults, self._d.shares[asset]][spoke]
        arguments = self._d.tokens[asset], address, add_cap, draw_cap, mode != 1, mode == 2
        return self._hub("setSpoke", *arguments)

    def set_dust_value(self, actor: int, v: int, value: int) -> Transaction:
        before = self._s.policy[v, [LIQUIDATION_DELAY, URGENT_HEALTH]]
        after = self._s.policy[v, MARGIN_CALL_HEALTH]
        arguments = words(self._d.engines[v], *before, value, after, self._d.guards[v])
        return Transaction("Vault", self._d.vaults[v], "setPolicy", arguments)

    def forget_anchor(self, actor: int, asset: int, v: int) -> Transaction:
        token = self._d.tokens[asset]
        return Transaction("OracleRouter", self._d.routers[v], "forgetAnchor", words(token))

    def update_parameter(
        self, actor: int, asset: int, v: int, value: int, published_at: int, parameter: int
    ) -> Transaction:
        target = [*self._d.vaults, self._d.hub][v]
        arguments = words(target, self._d.tokens[asset], parameter, value, published_at)
        return Transaction("RiskSteward", self._d.steward, "update", arguments)

    # --- tokens of other chains -------------------------------------------------------------------

    def receive_message(
        self, actor: int, asset: int, to: int, amount: int, sent_at: int, nonce: int
    ) -> Transaction:
        arguments = words(nonce, actor_address(to), amount, sent_at)
        return self._bridged(asset, "receiveMessage", arguments)

    def send_back(self, actor: int, asset: int, amount: int) -> Transaction:
        return self._bridged(asset, "sendBack", words(amount))

    # --- brakes -----------------------------------------------------------------------------------

    def set_outflow_limit(
        self, actor: int, asset: int, limit: int, floor: int, window: int
    ) -> Transaction:
        return self._hub("setOutflowLimit", self._d.tokens[asset], limit, floor, window)

    def pause(self, actor: int, asset: int, v: int, seconds: int, bits: int) -> Transaction:
        return self._guard(v, "pause", self._d.tokens[asset], bits, seconds)

    def unpause(self, actor: int, asset: int, v: int, bits: int) -> Transaction:
        return self._guard(v, "unpause", self._d.tokens[asset], bits)

    def note_price(self, actor: int, asset: int, v: int) -> Transaction:
        return self._guard(v, "poke", self._d.tokens[asset])

    def trip(self, actor: int, asset: int, v: int) -> Transaction:
        return self._guard(v, "trip", self._d.tokens[asset])

    def set_stress(self, actor: int, v: int, bps: int) -> Transaction:
        return self._guard(v, "setStress", bps)

    def lower_stress(self, actor: int, v: int, bps: int) -> Transaction:
        return self._guard(v, "lowerStress", bps)

    def post_sequencer(self, actor: int, status: int) -> Transaction:
        return Transaction("PriceFeed", self._d.sequencer, "post", words(status))

    # --- categories -------------------------------------------------------------------------------

    def set_category(self, actor: int, account: int, category: int) -> Transaction:
        return self._vault(account, "setCategory", words(category))

    def set_category_config(self, actor: int, v: int, fields: int, category: int) -> Transaction:
        arguments = words(category, *fields_of(fields, CATEGORY_WORDS))
        return Transaction("Vault", self._d.vaults[v], "setCategoryConfig", arguments)

    # --- the contracts ----------------------------------------------------------------------------

    def _guard(self, v: int, function: str, *arguments: int | str | bool) -> Transaction:
        return Transaction("RiskGuard", self._d.guards[v], function, words(*arguments))

    def _hub(self, function: str, *arguments: int | str | bool) -> Transaction:
        return Transaction("LiquidityHub", self._d.hub, function, words(*arguments))

    def _bridged(self, asset: int, function: str, arguments: bytes) -> Transaction:
        return Transaction("BridgedTestToken", self._d.tokens[asset], function, arguments)

    def _vault_of(self, account: int) -> str:
        return self._d.vaults[int(self._s.account_vault[account])]

    def _vault(
        self, account: int, function: str, arguments: bytes = b"", spends: Sequence[str] = ()
    ) -> Transaction:
        """Of the account's vault, the account first."""
        arguments = words(self.account_ids[account]) + arguments
        return Transaction("Vault", self._vault_of(account), function, arguments, spends)

    def _sides(self, p: int) -> list[str]:
        """The tokens of a pair."""
        return [self._d.tokens[i] for i in self._s.pair_tokens[p]]

    def _pools(self, one: int, other: int) -> list[str]:
        """The pairs of two assets."""
        pools, p = [], self._s.pair_of[one, other]
        while p >= 0:
            pools.append(self._d.pairs[p])
            p = self._s.next_pair[p]
        return pools

    def _pair(self, p: int, function: str, arguments: bytes, spends: Sequence[str]) -> Transaction:
        return Transaction("ConstantProductPair", self._d.pairs[p], function, arguments, spends)
