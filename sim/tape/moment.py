"""One step as rows of the tape: what is measured on world and state after it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

import numpy as np

from sim.health.census import census, counted
from sim.market import lost_before
from sim.market.market import (
    BACKLOG,
    CALLS_ANSWERED,
    CALLS_WAITED,
    COLLATERAL_VALUE,
    DEBT_VALUE,
    DELEVERAGED_VALUE,
    FACTOR,
    GAS_VALUE,
    HELD_BACK_VALUE,
    HELD_UP,
    HELD_UP_FOR,
    LIQUIDATIONS,
    LONGEST_HELD_UP,
    LONGEST_WAIT,
    LOOPED_VALUE,
    MARGIN_CALLS,
    PROFIT_VALUE,
    REFUSED_VALUE,
    REPAID_VALUE,
    SEIZED_VALUE,
    TAKEN_OUT_VALUE,
    TOPPED_UP_VALUE,
    WITHDRAWN_VALUE,
)
from sim.protocol import hub, insurance, oracle, vault_accounts
from sim.protocol import operations as op
from sim.protocol.errors import NAMES, OK
from sim.protocol.state import (
    BORROW_INDEX,
    BORROW_RATE,
    CASH,
    CATEGORY,
    COVERED_BY_FEES,
    COVERED_BY_FUND,
    DEFICIT,
    DEFICIT_REPORTED,
    ESCROW,
    HUB_SHARES,
    IS_COLLATERAL,
    ISOLATED,
    POSITION_DEBT,
    RESERVE0,
    RESERVE1,
    SCALED_DEBT,
    SOCIALISED,
    Array,
    Entry,
    State,
)
from sim.protocol.transaction import NOBODY, Group
from sim.protocol.units import USD
from sim.protocol.vault_flags import is_flagged
from sim.tape.bridges import rows as rows_of_bridges
from sim.tape.columns import QUANTILES, price
from sim.tape.exact_shortfall import shortfall
from sim.tape.positions import amounts
from sim.tape.toxic import toxic
from sim.tape.unpaid import unpaid
from sim.tape.vaults import vault_names
from sim.tape.wealth import agents
from sim.world import World
from sim.world.actors import account_name, actor_name

Row = dict[str, Any]
_WAD = 10**18
_RAY = 10**27
_GWEI = 10**9
_STATUS = ("ok", "stale", "deviated", "down")
_VAULT = 0
"""Whose prices the tape shows."""


class Moment(NamedTuple):
    """One step: its row of table `steps` and its rows of the other tables."""

    step: Row
    assets: list[Row]
    venues: list[Row]
    operations: list[Row]
    agents: list[Row]
    bridges: list[Row]


def observe(world: World, k: int, rows: Sequence[Entry], doubles: Array) -> Moment:
    """Measure world and state after step k, which did the operations `rows`; `doubles` are the
    positions of the state as such. What it used in gas is not known: see `with_gas`.
    """
    market, s = world.market, world.state
    watch = census(s, doubles)
    known = _priced(s, doubles)
    missing = shortfall(s, market.price[k], doubles)
    assets = _assets(world, k, missing.tokens)
    tally = market.tally
    toxic_alone, toxic_with_sale = toxic(s, watch[known], known)
    stuck = unpaid(s, market, k, watch[known], known)
    step = {
        "step": k,
        "time_utc": datetime.fromtimestamp(int(market.time[k]), timezone.utc).replace(tzinfo=None),
        "gas_price_gwei": market.gas_price[k] / _GWEI,
        **_borrowers(watch[known]),
        "shortfall_usd": missing.value / USD,
        "toxic": toxic_alone,
        "toxic_with_sale": toxic_with_sale,
        "unpaid": stuck.accounts,
        "unpaid_usd": stuck.value / USD,
        "bad_debt_usd": sum(_usd(row, row["deficit_reported"]) for row in assets),
        "loss_usd": sum(map(_added_usd, assets)),
        "liquidations": int(tally[LIQUIDATIONS]),
        "repaid_usd": tally[REPAID_VALUE] / USD,
        "seized_usd": tally[SEIZED_VALUE] / USD,
        "liquidator_profit_usd": tally[PROFIT_VALUE] / USD,
        "gas_usd": tally[GAS_VALUE] / USD,
        "topped_up_usd": tally[TOPPED_UP_VALUE] / USD,
        "deleveraged_usd": tally[DELEVERAGED_VALUE] / USD,
        "looped_usd": tally[LOOPED_VALUE] / USD,
        "taken_out_usd": tally[TAKEN_OUT_VALUE] / USD,
        "withdrawn_usd": tally[WITHDRAWN_VALUE] / USD,
        "refused_usd": tally[REFUSED_VALUE] / USD,
        "backlog": int(tally[BACKLOG]),
        "calls_waited": int(tally[CALLS_WAITED]),
        "longest_wait_seconds": int(tally[LONGEST_WAIT]),
        "margin_calls": int(tally[MARGIN_CALLS]),
        "calls_answered": int(tally[CALLS_ANSWERED]),
        "held_back_usd": tally[HELD_BACK_VALUE] / USD,
        "held_up": int(tally[HELD_UP]),
        "held_up_seconds": int(tally[HELD_UP_FOR]),
        "longest_held_up_seconds": int(tally[LONGEST_HELD_UP]),
        "operations": len(rows),
        "gas_used": None,
    }
    return Moment(
        step,
        assets,
        _venues(world, k),
        _operations(world, k, rows),
        agents(world, k),
        rows_of_bridges(world, k),
    )


def with_gas(moment: Moment, gas: Sequence[int]) -> Moment:
    """The same with the gas of each operation, if it was measured."""
    rows = moment.operations
    if len(gas) != len(rows):
        return moment
    return moment._replace(
        step={**moment.step, "gas_used": sum(gas)},
        operations=[{**row, "gas": used} for row, used in zip(rows, gas, strict=True)],
    )


def accounts(world: World) -> list[Row]:
    """Every account's positions now, one row per asset."""
    s, symbols, rows = world.state, world.symbols, []
    vaults = vault_names(world.scenario)
    categories = ["", *world.scenario.protocol.categories]
    supplied, owed = amounts(s)
    owing = np.flatnonzero((owed != 0).any(axis=1))
    factors = dict(zip(owing, counted(s, owing)[:, FACTOR], strict=True))
    for a in range(len(s.account)):
        name = account_name(world.scenario, world.book, a)
        owner = actor_name(world.scenario, world.book, int(s.account_owner[a]))
        factor = factors.get(a)
        for i, symbol in enumerate(symbols):
            rows.append(
                {
                    "account": a,
                    "name": name,
                    "owner": owner,
                    "vault": vaults[s.account_vault[a]],
                    "asset": symbol,
                    "supplied": supplied[a, i],
                    "debt": owed[a, i],
                    "is_collateral": bool(s.position[a, i, IS_COLLATERAL]),
                    "isolated": bool(s.account[a, ISOLATED]),
                    "category": categories[int(s.account[a, CATEGORY])],
                    "flagged": bool(is_flagged(s, a)),
                    "health": None if factor is None else factor / _WAD,
                }
            )
    return rows


def _priced(s: State, doubles: Array) -> list[int]:
    """The accounts with debt, without those that hold an asset whose feed is down: a price of 0
    says nothing about their health.
    """
    vaults, assets = range(len(s.policy)), range(len(s.unit))
    down = np.array([[oracle.read(s, v, i).price == 0 for i in assets] for v in vaults])
    owed = doubles[:, :, POSITION_DEBT] != 0
    held = (doubles[:, :, IS_COLLATERAL] != 0) | owed
    return list(np.flatnonzero(owed.any(axis=1) & ~(held & down[s.account_vault]).any(axis=1)))


def health_factors(s: State) -> Array:
    """Of every account, (accounts,): NaN without debt, or with an asset whose feed is down."""
    doubles = s.position.astype(np.float64)
    known = _priced(s, doubles)
    found = np.full(len(s.account), np.nan)
    found[known] = census(s, doubles)[known, FACTOR] / _WAD
    return found


def exact_health_factors(s: State) -> Array:
    """The same in integers, WAD: None instead of NaN."""
    found = np.full(len(s.account), None, dtype=object)
    for a in _priced(s, s.position.astype(np.float64)):
        found[a] = int(vault_accounts.health(s, a).factor)
    return found


def _borrowers(watch: Array) -> Row:
    """How healthy the accounts with debt are, and what they own and owe, at oracle prices."""
    health = watch[:, FACTOR] / _WAD
    quantiles: list[Any] = [None] * len(QUANTILES)
    if len(health):
        quantiles = np.percentile(health, QUANTILES).tolist()
    return {
        "lowest_health": health.min() if len(health) else None,
        "unhealthy": int((health < 1).sum()),
        **{f"health_p{q:02}": value for q, value in zip(QUANTILES, quantiles, strict=True)},
        "collateral_usd": watch[:, COLLATERAL_VALUE].sum() / USD,
        "debt_usd": watch[:, DEBT_VALUE].sum() / USD,
    }


def _assets(world: World, k: int, shortfalls: list[int]) -> list[Row]:
    s, symbols, impact = world.state, world.symbols, world.market.reference.impact
    rows = []
    for i, symbol in enumerate(symbols):
        row = s.hub[i]
        debt = hub.debt_at(row[SCALED_DEBT], row[BORROW_INDEX])
        seen = oracle.read(s, _VAULT, i)
        lendable = row[CASH] + debt
        rows.append(
            {
                "step": k,
                "asset": symbol,
                "decimals": len(str(s.unit[i])) - 1,
                "reference_price_usd": price(world.market.price[k, i]),
                "impact": impact[k, i] / _WAD if len(impact) else 1.0,
                "oracle_price_usd": price(seen.price),
                "oracle_status": _STATUS[seen.status],
                "cash": row[CASH],
                "escrow": row[ESCROW],
                "debt": debt,
                "total_assets": hub.total_assets(s, i),
                "deficit": row[DEFICIT],
                "deficit_reported": row[DEFICIT_REPORTED],
                "covered_by_fees": row[COVERED_BY_FEES],
                "covered_by_fund": row[COVERED_BY_FUND],
                "socialised": row[SOCIALISED],
                "shortfall": shortfalls[i],
                "lost_before": lost_before.lost(world.market, i),
                "insurance_pool": insurance.assets_of(s, i),
                "usage": debt / lendable if lendable else 0.0,
                "borrow_rate_per_year": row[BORROW_RATE] / _RAY,
            }
        )
    return rows


def _added_usd(row: Row) -> float:
    """What of bad debt and shortfall of an asset was not lost before the run."""
    return _usd(row, max(0, row["deficit_reported"] + row["shortfall"] - row["lost_before"]))


def _usd(row: Row, units: int) -> float:
    return float(units / 10 ** row["decimals"] * float(row["reference_price_usd"]))


def _venues(world: World, k: int) -> list[Row]:
    s, rows = world.state, []
    for p, (token0, token1) in enumerate(s.pair_tokens):
        reserve0, reserve1 = s.pair[p, RESERVE0], s.pair[p, RESERVE1]
        rows.append(
            {
                "step": k,
                "pair": f"{world.symbols[token0]}/{world.symbols[token1]}",
                "venue": world.scenario.venues[p].label,
                "reserve0": reserve0,
                "reserve1": reserve1,
                "price_token1_per_token0": (reserve1 * s.unit[token0])
                / (reserve0 * s.unit[token1]),
            }
        )
    return rows


def _operations(world: World, k: int, rows: Sequence[Entry]) -> list[Row]:
    scenario, book, listed = world.scenario, world.book, []
    for seq, row in enumerate(rows):
        declared, done = op.DECLARED[row.kind], Entry(*map(int, row))
        account = None if done.account == NOBODY else done.account
        refused = done.code != OK and Group.WITHDRAWAL in declared.groups
        listed.append(
            {
                "step": k,
                "seq": seq,
                "kind": declared.name,
                "actor": done.actor,
                "actor_name": actor_name(scenario, book, done.actor),
                "account": account,
                "account_name": None if account is None else account_name(scenario, book, account),
                "asset": world.symbols[done.x] if "x" in declared.assets else None,
                "x": done.x,
                "y": done.y,
                "amount": str(done.amount),
                "amount_limit": str(done.limit),
                "option": str(done.option),
                "verdict": NAMES[done.code] or "ok",
                "result0": str(done.result0),
                "result1": str(done.result1),
                "result2": str(done.result2),
                "refused": str(_refused(world.state, done)) if refused else None,
                "gas": None,
            }
        )
    return listed


def _refused(s: State, done: Entry) -> int:
    """Units of asset x that a withdrawal was for, no more than are there to withdraw now: one of
    everything names the largest integer.
    """
    if done.account != NOBODY:
        return min(done.amount, vault_accounts.supplied_assets(s, done.account, done.x))
    shares = int(s.holding[done.actor, done.x, HUB_SHARES])
    if done.kind == op.redeem.kind:
        return hub.to_assets_down(s, done.x, min(done.amount, shares))
    return min(done.amount, hub.to_assets_down(s, done.x, shares))
