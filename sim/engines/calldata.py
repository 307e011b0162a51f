"""Turns journal rows into the transactions that do the same on a chain."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from eth_utils import to_checksum_address

from sim.engines.artifacts import contracts
from sim.engines.chain import Call
from sim.engines.deployment import Deployment
from sim.protocol import transaction as op
from sim.protocol.fixed_point import max_uint
from sim.protocol.state import State
from sim.protocol.vault_reserves import unpacked

ACTOR_BASE = 0xB0A7 << 144
Row = Any
"""One row of the journal, see `sim.protocol.state.JOURNAL`."""


def actor_address(actor: int) -> str:
    """The account that plays an actor on a chain."""
    return to_checksum_address(f"0x{ACTOR_BASE + actor:040x}")


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


class Encoder:
    """Journal rows to transactions for one deployment, adding token approvals where they are first
    needed.
    """

    def __init__(self, s: State, d: Deployment) -> None:
        self._s, self._d = s, d
        self._approved: set[tuple[int, str, str]] = set()
        owners: dict[tuple[int, int], int] = {}
        self.account_ids: list[int] = []
        for owner, v in zip(s.account_owner, s.account_vault, strict=True):
            sub = owners.get((owner, v), 0)
            owners[owner, v] = sub + 1
            self.account_ids.append(int(actor_address(owner), 16) << 8 | sub)

    def calls(self, row: Row) -> list[Call]:
        """The transactions of one operation: approvals first, last the operation itself."""
        kind, actor = row[0], row[1]
        contract, address, function, arguments, spends = _ENCODERS[kind](self, row)
        approvals = [
            Call(
                actor_address(actor),
                token,
                _selector("TestToken", "approve") + words(address, max_uint()),
            )
            for token in spends
            if (actor, token, address) not in self._approved
        ]
        self._approved.update((actor, token, address) for token in spends)
        data = _selector(contract, function) + arguments
        return [*approvals, Call(actor_address(actor), address, data)]

    # Each method below answers (contract, address, function, encoded arguments, tokens the address
    # may spend).

    def _mint_token(self, r: Row) -> tuple[str, str, str, bytes, list[str]]:
        token = self._d.tokens[r[3]]
        return "TestToken", token, "mint", words(actor_address(r[1]), r[5]), []

    def _post_price(self, r: Row) -> tuple[str, str, str, bytes, list[str]]:
        return "PriceFeed", self._d.feeds[r[4]][r[3]], "post", words(r[5]), []

    def _set_feed_mode(self, r: Row) -> tuple[str, str, str, bytes, list[str]]:
        return "PriceFeed", self._d.feeds[r[4]][r[3]], "setMode", words(r[7]), []

    def _poke(self, r: Row) -> tuple[str, str, str, bytes, list[str]]:
        return "OracleRouter", self._d.routers[r[4]], "poke", words(self._d.tokens[r[3]]), []

    def _hub(self, r: Row) -> tuple[str, str, str, bytes, list[str]]:
        function = {op.ACCRUE: "accrue", op.COVER: "cover", op.SOCIALISE: "socialise"}[r[0]]
        return "LiquidityHub", self._d.hub, function, words(self._d.tokens[r[3]]), []

    def _claim_fees(self, r: Row) -> tuple[str, str, str, bytes, list[str]]:
        arguments = words(self._d.tokens[r[3]], actor_address(r[1]))
        return "LiquidityHub", self._d.hub, "claimFees", arguments, []

    def _set_spoke(self, r: Row) -> tuple[str, str, str, bytes, list[str]]:
        spokes = [*self._d.vaults, self._d.shares[r[3]]]
        flags = (r[7] != 1, r[7] == 2)
        arguments = words(self._d.tokens[r[3]], spokes[r[4]], r[5], r[6], *flags)
        return "LiquidityHub", self._d.hub, "setSpoke", arguments, []

    def _set_reserve(self, r: Row) -> tuple[str, str, str, bytes, list[str]]:
        fields, ramp_seconds = unpacked(r[7])
        arguments = words(self._d.tokens[r[3]], *fields, r[5], r[6], ramp_seconds)
        return "Vault", self._d.vaults[r[4]], "setReserve", arguments, []

    def _share_in(self, r: Row) -> tuple[str, str, str, bytes, list[str]]:
        function = "deposit" if r[0] == op.DEPOSIT else "mint"
        arguments = words(r[5], actor_address(r[1]))
        return "HubShare", self._d.shares[r[3]], function, arguments, [self._d.tokens[r[3]]]

    def _share_out(self, r: Row) -> tuple[str, str, str, bytes, list[str]]:
        function = "withdraw" if r[0] == op.WITHDRAW_ASSETS else "redeem"
        arguments = words(r[5], actor_address(r[1]), actor_address(r[1]))
        return "HubShare", self._d.shares[r[3]], function, arguments, []

    def _stake(self, r: Row) -> tuple[str, str, str, bytes, list[str]]:
        token = self._d.tokens[r[3]]
        return "InsuranceFund", self._d.fund, "stake", words(token, r[5]), [token]

    def _request_unstake(self, r: Row) -> tuple[str, str, str, bytes, list[str]]:
        arguments = words(self._d.tokens[r[3]], r[5])
        return "InsuranceFund", self._d.fund, "requestWithdrawal", arguments, []

    def _unstake(self, r: Row) -> tuple[str, str, str, bytes, list[str]]:
        return "InsuranceFund", self._d.fund, "withdraw", words(self._d.tokens[r[3]]), []

    def _pair(self, p: int) -> tuple[str, list[str]]:
        return self._d.pairs[p], [self._d.tokens[i] for i in self._s.pair_tokens[p]]

    def _add_liquidity(self, r: Row) -> tuple[str, str, str, bytes, list[str]]:
        address, tokens = self._pair(r[3])
        return "ConstantProductPair", address, "addLiquidity", words(r[5], r[6]), tokens

    def _remove_liquidity(self, r: Row) -> tuple[str, str, str, bytes, list[str]]:
        return "ConstantProductPair", self._pair(r[3])[0], "removeLiquidity", words(r[5]), []

    def _swap(self, r: Row) -> tuple[str, str, str, bytes, list[str]]:
        address, tokens = self._pair(r[3])
        token_in = tokens[r[4]]
        function = "swapExactIn" if r[0] == op.SWAP_IN else "swapExactOut"
        arguments = words(token_in, r[5], r[6], actor_address(r[1]))
        return "ConstantProductPair", address, function, arguments, [token_in]

    def _vault(self, account: int) -> str:
        return self._d.vaults[int(self._s.account_vault[account])]

    def _position(self, r: Row) -> tuple[str, str, str, bytes, list[str]]:
        token, vault = self._d.tokens[r[3]], self._vault(r[2])
        arguments = words(self.account_ids[r[2]], token, r[5])
        if r[0] in (op.WITHDRAW, op.BORROW):
            arguments += words(actor_address(r[1]))
            return "Vault", vault, op.KINDS[r[0]], arguments, []
        return "Vault", vault, op.KINDS[r[0]], arguments, [token]

    def _set_collateral(self, r: Row) -> tuple[str, str, str, bytes, list[str]]:
        arguments = words(self.account_ids[r[2]], self._d.tokens[r[3]], r[7])
        return "Vault", self._vault(r[2]), "setCollateral", arguments, []

    def _set_isolated(self, r: Row) -> tuple[str, str, str, bytes, list[str]]:
        arguments = words(self.account_ids[r[2]], r[7])
        return "Vault", self._vault(r[2]), "setIsolated", arguments, []

    def _set_manager(self, r: Row) -> tuple[str, str, str, bytes, list[str]]:
        manager: int | str = 0 if r[3] < 0 else actor_address(r[3])
        arguments = words(self.account_ids[r[2]], manager)
        return "Vault", self._vault(r[2]), "setManager", arguments, []

    def _account(self, r: Row) -> tuple[str, str, str, bytes, list[str]]:
        function = {op.FLAG: "flag", op.UNFLAG: "unflag", op.WRITE_OFF: "writeOff"}[r[0]]
        return "Vault", self._vault(r[2]), function, words(self.account_ids[r[2]]), []

    def _liquidate(self, r: Row) -> tuple[str, str, str, bytes, list[str]]:
        debt, collateral = self._d.tokens[r[3]], self._d.tokens[r[4]]
        arguments = words(self.account_ids[r[2]], debt, collateral, r[5], r[6], r[7])
        empty_bytes = words(7 * 32, 0)  # offset of `data` behind seven words, length zero
        return "Vault", self._vault(r[2]), "liquidate", arguments + empty_bytes, [debt]

    def _flash_liquidate(self, r: Row) -> tuple[str, str, str, bytes, list[str]]:
        debt, collateral = r[3], r[4]
        pair = self._d.pairs[self._s.pair_of[collateral, debt]]
        arguments = words(self._vault(r[2]), pair, self.account_ids[r[2]])
        arguments += words(self._d.tokens[debt], self._d.tokens[collateral], r[5], r[6])
        return "Liquidator", self._d.liquidator, "liquidate", arguments, []


_Encode = Callable[[Encoder, Row], tuple[str, str, str, bytes, list[str]]]
_ENCODERS: dict[int, _Encode] = {
    op.MINT_TOKEN: Encoder._mint_token,
    op.POST_PRICE: Encoder._post_price,
    op.SET_FEED_MODE: Encoder._set_feed_mode,
    op.POKE: Encoder._poke,
    op.ACCRUE: Encoder._hub,
    op.DEPOSIT: Encoder._share_in,
    op.MINT_SHARES: Encoder._share_in,
    op.WITHDRAW_ASSETS: Encoder._share_out,
    op.REDEEM: Encoder._share_out,
    op.STAKE: Encoder._stake,
    op.REQUEST_UNSTAKE: Encoder._request_unstake,
    op.UNSTAKE: Encoder._unstake,
    op.ADD_LIQUIDITY: Encoder._add_liquidity,
    op.REMOVE_LIQUIDITY: Encoder._remove_liquidity,
    op.SWAP_IN: Encoder._swap,
    op.SWAP_OUT: Encoder._swap,
    op.SUPPLY: Encoder._position,
    op.WITHDRAW: Encoder._position,
    op.BORROW: Encoder._position,
    op.REPAY: Encoder._position,
    op.SET_COLLATERAL: Encoder._set_collateral,
    op.SET_ISOLATED: Encoder._set_isolated,
    op.SET_MANAGER: Encoder._set_manager,
    op.FLAG: Encoder._account,
    op.UNFLAG: Encoder._account,
    op.LIQUIDATE: Encoder._liquidate,
    op.FLASH_LIQUIDATE: Encoder._flash_liquidate,
    op.WRITE_OFF: Encoder._account,
    op.COVER: Encoder._hub,
    op.SOCIALISE: Encoder._hub,
    op.CLAIM_FEES: Encoder._claim_fees,
    op.SET_RESERVE: Encoder._set_reserve,
    op.SET_SPOKE: Encoder._set_spoke,
}
