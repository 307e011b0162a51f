"""The tables of a tape: every column with its type and, in one line, its meaning and unit."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa

FORMAT = 10
"""Raised when a reader of older tapes would misread a newer one."""

TEXT, FLAG, COUNT, FLOAT = pa.string(), pa.bool_(), pa.int64(), pa.float64()
TIME = pa.timestamp("s")
TOKENS = pa.decimal128(38, 0)
"""Amounts stay below 2^112. Not HUGEINT, which DuckDB turns into a float on the way to Parquet."""
PRICE = pa.decimal128(20, 8)
"""Prices have 8 decimals and stay below 2^64 units."""

QUANTILES = (5, 25, 50, 75, 95)
"""Of the health factors, in percent."""


class Column(NamedTuple):
    """One column of a table."""

    name: str
    type: Any
    meaning: str


Tables = dict[str, Any]
"""Arrow tables by the names in `TABLES`."""


class Frames(NamedTuple):
    """The tables of a tape. Token amounts are columns of Python integers, prices floats."""

    run: pd.DataFrame
    steps: pd.DataFrame
    assets: pd.DataFrame
    venues: pd.DataFrame
    operations: pd.DataFrame
    accounts: pd.DataFrame
    agents: pd.DataFrame
    parties: pd.DataFrame
    vaults: pd.DataFrame
    bridges: pd.DataFrame
    compared: pd.DataFrame


def _columns(*rows: tuple[str, Any, str]) -> tuple[Column, ...]:
    return tuple(Column(*row) for row in rows)


_STEP = ("step", COUNT, "0 is the opening of the protocol, 1 the first step")

TABLES: dict[str, tuple[Column, ...]] = {
    "run": _columns(
        ("format", COUNT, "version of these tables"),
        ("scenario", TEXT, "name of the scenario"),
        ("title", TEXT, "its title"),
        ("digest", TEXT, "SHA-256 of the scenario: equal for equal runs"),
        ("scenario_json", TEXT, "the whole scenario, overrides included"),
        ("seed", COUNT, "root of all randomness but that of the book"),
        ("book_seed", COUNT, "what the book, who reacts and when suppliers leave is drawn with"),
        ("engine", TEXT, "exact, revm or devnet"),
        ("versions", TEXT, "JSON: versions of Python and of the packages that matter"),
        ("started_utc", TIME, "when the run started, wall clock"),
        ("duration_seconds", FLOAT, "wall time until the tape was closed"),
        ("complete", FLAG, "whether every step was done"),
        ("steps_done", COUNT, "steps on this tape, the opening not counted"),
        ("steps_total", COUNT, "steps of the scenario"),
        ("operations", COUNT, "operations carried out or refused, the opening included"),
        ("slots_compared", COUNT, "slots of the contracts' storage held against the twin"),
        ("values_compared", COUNT, "numbers in them, and in answers of the contracts"),
        ("differences", COUNT, "how many of them differed"),
        ("gas_used", COUNT, "gas of all operations; null where none is measured"),
    ),
    "steps": _columns(
        _STEP,
        ("time_utc", TIME, "simulated time"),
        ("gas_price_gwei", FLOAT, "gwei per gas"),
        ("lowest_health", FLOAT, "lowest health factor of the accounts with debt"),
        ("unhealthy", COUNT, "accounts with a health factor below 1"),
        ("health_p05", FLOAT, "5% quantile of the health factors of accounts with debt"),
        ("health_p25", FLOAT, "25% quantile"),
        ("health_p50", FLOAT, "median"),
        ("health_p75", FLOAT, "75% quantile"),
        ("health_p95", FLOAT, "95% quantile"),
        ("collateral_usd", FLOAT, "collateral of accounts with debt and prices, at oracle prices"),
        ("debt_usd", FLOAT, "their debt; without accounts that hold an asset whose feed is down"),
        (
            "shortfall_usd",
            FLOAT,
            "sum over accounts of max(0, debt - collateral), not written off, at reference prices",
        ),
        ("toxic", COUNT, "unhealthy accounts whose liquidation lowers their health"),
        ("toxic_with_sale", COUNT, "the same if the vault saw the impact of their sale at once"),
        ("unpaid", COUNT, "accounts that may be liquidated and that nobody is paid to liquidate"),
        ("unpaid_usd", FLOAT, "what they owe, at oracle prices"),
        ("bad_debt_usd", FLOAT, "bad debt realised so far, at reference prices"),
        ("loss_usd", FLOAT, "both, less what of them was lost before the run"),
        ("liquidations", COUNT, "liquidations so far"),
        ("repaid_usd", FLOAT, "debt repaid by liquidators so far"),
        ("seized_usd", FLOAT, "collateral paid out to liquidators so far"),
        ("liquidator_profit_usd", FLOAT, "their proceeds less repayments so far, before gas"),
        ("gas_usd", FLOAT, "gas paid for liquidations so far"),
        ("topped_up_usd", FLOAT, "collateral that borrowers added so far"),
        ("deleveraged_usd", FLOAT, "debt that borrowers repaid by selling so far"),
        ("looped_usd", FLOAT, "debt that borrowers took on to buy collateral so far"),
        ("taken_out_usd", FLOAT, "collateral that borrowers withdrew so far, not to sell it"),
        ("withdrawn_usd", FLOAT, "withdrawn by suppliers so far"),
        ("refused_usd", FLOAT, "what suppliers wanted besides, and there was no cash for, so far"),
        ("backlog", COUNT, "accounts whose liquidation would pay and finds no room in blocks"),
        ("calls_waited", COUNT, "liquidations that waited for room in blocks so far"),
        ("longest_wait_seconds", COUNT, "the longest such wait so far"),
        ("margin_calls", COUNT, "margin calls so far"),
        ("calls_answered", COUNT, "margin calls that a borrower's own reaction ended so far"),
        ("held_back_usd", FLOAT, "of refused_usd, what an outflow limit kept though it was there"),
        ("held_up", COUNT, "liquidations that a guard had let nobody do before, so far"),
        ("held_up_seconds", COUNT, "for how long that was in all so far"),
        ("longest_held_up_seconds", COUNT, "the longest until now, of those still held up as well"),
        ("operations", COUNT, "operations of this step"),
        ("gas_used", COUNT, "gas of this step's operations"),
    ),
    "assets": _columns(
        _STEP,
        ("asset", TEXT, "symbol"),
        ("decimals", COUNT, "amounts below are in units of 10^-decimals tokens"),
        ("reference_price_usd", PRICE, "price on the market"),
        ("impact", FLOAT, "factor that trades have left in it; 1 is none"),
        ("oracle_price_usd", PRICE, "price that the first vault goes by; 0 when the feed is down"),
        ("oracle_status", TEXT, "ok, stale, deviated or down"),
        ("cash", TOKENS, "held by the hub and free to lend or withdraw"),
        ("escrow", TOKENS, "collateral held by the hub and never lent"),
        ("debt", TOKENS, "owed by borrowers, interest included"),
        ("total_assets", TOKENS, "cash + debt: what suppliers have a claim on"),
        ("deficit", TOKENS, "bad debt that suppliers bear, and fees may still make good"),
        ("deficit_reported", TOKENS, "bad debt realised so far"),
        ("covered_by_fees", TOKENS, "of it borne by accrued fees"),
        ("covered_by_fund", TOKENS, "of it borne by the insurance fund"),
        ("socialised", TOKENS, "of it borne by suppliers"),
        ("shortfall", TOKENS, "part of the shortfall owed in this asset, as its part of the debt"),
        (
            "lost_before",
            TOKENS,
            "of bad debt and shortfall, at most what was lost before the run, interest included",
        ),
        ("insurance_pool", TOKENS, "left in the insurance fund"),
        ("usage", FLOAT, "debt / (cash + debt)"),
        ("borrow_rate_per_year", FLOAT, "yearly borrow rate, 0.05 is 5%"),
    ),
    "venues": _columns(
        _STEP,
        ("pair", TEXT, "token0/token1"),
        ("venue", TEXT, "which one: the pair, and its name if it has one"),
        ("reserve0", TOKENS, "units of token0"),
        ("reserve1", TOKENS, "units of token1"),
        ("price_token1_per_token0", FLOAT, "marginal price of a whole token0, before the fee"),
    ),
    "operations": _columns(
        _STEP,
        ("seq", COUNT, "place in the step"),
        ("kind", TEXT, "what was done, see sim.protocol.operations"),
        ("actor", COUNT, "who did it; 0 is the admin"),
        ("actor_name", TEXT, "the same in words"),
        ("account", COUNT, "account concerned; null for none"),
        ("account_name", TEXT, "its name in the book's file, or its number in words"),
        ("asset", TEXT, "symbol of x where x is an asset"),
        ("x", COUNT, "asset or pair"),
        ("y", COUNT, "second asset, vault, feed slot or side"),
        ("amount", TEXT, "256-bit integer"),
        ("amount_limit", TEXT, "256-bit integer: least out, most in or least profit"),
        ("option", TEXT, "256-bit integer"),
        ("verdict", TEXT, "ok, or the error's name"),
        ("result0", TEXT, "256-bit integer: what moved"),
        ("result1", TEXT, "256-bit integer"),
        ("result2", TEXT, "256-bit integer"),
        ("refused", TEXT, "units that a refused withdrawal was for and that were there; else null"),
        ("gas", COUNT, "gas used; null where none is measured"),
    ),
    "accounts": _columns(
        ("account", COUNT, "row of the book; after it the attacker's and the user's own agents'"),
        ("name", TEXT, "its name in the book's file, or its number in words"),
        ("owner", TEXT, "who owns it, likewise"),
        ("vault", TEXT, "name of the vault it is in; vault where there is one"),
        ("asset", TEXT, "symbol"),
        ("supplied_start", TOKENS, "units supplied after the opening"),
        ("debt_start", TOKENS, "units owed after the opening"),
        ("supplied_end", TOKENS, "units supplied at the end, interest included"),
        ("debt_end", TOKENS, "units owed at the end, interest included"),
        (
            "is_collateral_start",
            FLAG,
            "whether the asset backs the account's debt after the opening",
        ),
        ("is_collateral", FLAG, "the same at the end"),
        ("isolated", FLAG, "whether margin is isolated"),
        ("category", TEXT, "name of the category it is in at the end; empty for none"),
        ("flagged", FLAG, "whether flagged for liquidation at the end"),
        ("health_start", FLOAT, "the account's health factor after the opening; null without debt"),
        ("health_end", FLOAT, "the same at the end"),
        ("health_recorded", FLOAT, "the same in the file of the book; null where it has none"),
    ),
    "agents": _columns(
        _STEP,
        ("agent", TEXT, "attacker, forger, or the name of one of the user's own"),
        ("actor", COUNT, "as in table operations"),
        ("account", COUNT, "its own account"),
        ("wallet_usd", FLOAT, "tokens in its wallet, at reference prices as all below"),
        ("invested_usd", FLOAT, "its public shares, stakes and LP shares"),
        ("supplied_usd", FLOAT, "what its account has supplied"),
        ("debt_usd", FLOAT, "what its account owes"),
    ),
    "parties": _columns(
        ("party", TEXT, "a kind of actor, or whom no actor stands for, see sim.tape.parties"),
        ("asset", TEXT, "symbol"),
        ("held_start", TOKENS, "units owned, less those owed, after the opening"),
        ("held_end", TOKENS, "the same at the end"),
    ),
    "vaults": _columns(
        ("vault", TEXT, "its name in the scenario; vault where there is one"),
        ("asset", TEXT, "symbol"),
        ("supplied", TOKENS, "units of its accounts, interest included"),
        ("debt", TOKENS, "units that they owe, interest included"),
        ("deficit_reported", TOKENS, "bad debt that it realised"),
        ("shortfall", TOKENS, "part of the shortfall of its accounts owed in this asset"),
    ),
    "bridges": _columns(
        _STEP,
        ("asset", TEXT, "symbol of a token of another chain"),
        ("supply", TOKENS, "units that there are here, whoever has them"),
        ("backing", TOKENS, "units that are locked for them on the other chain"),
        ("unnoticed", TOKENS, "units that were forged, and nobody knows yet"),
        ("elsewhere", TOKENS, "units of borrowers on the other chain, and on the way from there"),
        ("messages_sent", COUNT, "messages of borrowers so far"),
        ("messages_delivered", COUNT, "of them delivered so far"),
        ("messages_refused", COUNT, "tries of the relayer that the token refused so far"),
        ("forged", TOKENS, "units minted for deposits that never happened, so far"),
    ),
    "compared": _columns(
        ("book", COUNT, "0 is the run's own; others are drawn alike and run on the twin"),
        ("measure", TEXT, "of which a figure was published, see sim.measures.registry"),
        ("simulated", FLOAT, "what the run on that book comes to; NaN for no such figure"),
    ),
}

TABLE_MEANINGS = {
    "run": "One row: what was run, with what, and how far it came",
    "steps": "A row per step: prices of gas, health of all accounts, and sums so far",
    "assets": "A row per step and asset: prices, and the asset's part of hub, vault and fund",
    "venues": "A row per step and venue: what is in it",
    "operations": "A row per operation in the order in which they were carried out or refused",
    "accounts": "A row per account and asset: what it had and owed at the start and at the end",
    "agents": "A row per step and agent of a name, the attacker or the user's own: what it has",
    "parties": "A row per kind of actor and asset: what it owned at the start and at the end",
    "vaults": "A row per vault and asset at the end",
    "bridges": "A row per step and token of another chain: what backs it, and its messages",
    "compared": "A row per book and published measure, of events that are held against some",
}
"""What the rows of a table are."""


def tables(rows: Mapping[str, list[dict[str, Any]]]) -> Tables:
    """Rows, each a value for every column of its table, as Arrow tables."""
    return {name: _table(name, rows[name]) for name in TABLES}


def with_rows(tables: Tables, name: str, rows: list[dict[str, Any]]) -> Tables:
    """The tables, one of them with these rows."""
    return {**tables, name: _table(name, rows)}


def frames(tables: Tables) -> Frames:
    """Arrow tables as frames."""
    return Frames(*(_frame(name, tables[name]) for name in TABLES))


def _table(name: str, rows: list[dict[str, Any]]) -> Any:
    types = pa.schema([(column.name, column.type) for column in TABLES[name]])
    return pa.Table.from_pylist(rows, types)


def _frame(name: str, table: Any) -> pd.DataFrame:
    columns: dict[str, pd.Series[Any]] = {}
    for column in TABLES[name]:
        cells = table.column(column.name)
        if column.type == TOKENS:
            integers = [int(value) for value in cells.to_pylist()]
            columns[column.name] = pd.Series(integers, dtype=object)
        elif column.type == PRICE:
            floats = [float(value) for value in cells.to_pylist()]
            columns[column.name] = pd.Series(floats, dtype=float)
        elif column.type == COUNT:
            columns[column.name] = pd.Series(cells.to_pylist(), dtype="Int64")
        else:
            columns[column.name] = cells.to_pandas()
    return pd.DataFrame(columns)


def price(units: int) -> Decimal:
    """A price of 8 decimals, kept as the integer it is."""
    return Decimal(units).scaleb(-8)
