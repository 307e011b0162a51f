"""What a run came to for everyone: profit and loss of all parties, which sum to zero to the unit.

Of a party that held a_i token units of asset i at the start and b_i at the end (`sim.tape.parties`;
debts count against it), while the reference price went from p_i to q_i:

    price moves = sum_i a_i (q_i - p_i)       what became of what it had
    dealings    = sum_i (b_i - a_i) q_i       what it got from the others, less what it gave
    profit      = price moves + dealings = sum_i (b_i q_i - a_i p_i)

The outside market holds minus every token that was minted until then, by the operations of the run,
not by what anyone holds: it is who brought them, and the other side of every price move. Of a token
of another chain what borrowers have there is theirs, too, and the outside market's the other way:
it is who made no deposit for what was minted. So in each asset everyone's a_i, and everyone's b_i,
sum to zero exactly if no token got lost or came from nowhere, and so do all three columns. Gas is
paid by liquidators, after all other figures, to validators; that of everyone else is not modelled.

All of it is in integers, of 10^-26 USD: 8 decimals of a price, 18 of a token.
"""

from __future__ import annotations

import pandas as pd

from sim.protocol import operations as op
from sim.tape import Frames
from sim.tape.parties import BORROWERS, LIQUIDATORS, PARTIES

OUTSIDE, VALIDATORS = "outside market", "validators"
COLUMNS = ("price_moves", "dealings", "profit")
PER_USD = 10**26
_MINTS = (op.mint_token.declared.name, op.receive_message.declared.name)
_PRICE, _TOKEN = 8, 18  # decimals


def profit_and_loss(tape: Frames) -> pd.DataFrame:
    """Integers of 10^-26 USD: rows `PARTIES`, outside market and validators, columns `COLUMNS`."""
    first, last = _worth(tape, 0), _worth(tape, int(tape.steps["step"].iloc[-1]))
    table = pd.DataFrame(0, index=[*PARTIES, OUTSIDE, VALIDATORS], columns=COLUMNS, dtype=object)
    for party, asset, held_start, held_end in holdings(tape).itertuples(index=False):
        p, q = first[asset], last[asset]
        table.loc[party, "price_moves"] += held_start * (q - p)
        table.loc[party, "dealings"] += (held_end - held_start) * q
    gas = round(float(tape.steps["gas_usd"].iloc[-1]) * 10**_PRICE) * 10**_TOKEN
    table.loc[PARTIES[LIQUIDATORS], "dealings"] -= gas
    table.loc[VALIDATORS, "dealings"] += gas
    table["profit"] = table["price_moves"] + table["dealings"]
    return table


def in_usd(table: pd.DataFrame) -> pd.DataFrame:
    """The same in USD, without the parties that had and did nothing."""
    return table.loc[(table != 0).any(axis=1)] / PER_USD


def holdings(tape: Frames) -> pd.DataFrame:
    """Table `parties`, with what borrowers have on other chains, and below it what the outside
    market holds: party, asset, held_start, held_end.
    """
    done = tape.operations[tape.operations["verdict"] == "ok"]
    minted = done[done["kind"].isin(_MINTS)]
    owned = tape.parties.astype(object)
    outside = []
    for asset in tape.parties["asset"].unique():
        of = minted[minted["asset"] == asset]
        before = sum(int(amount) for amount in of.loc[of["step"] == 0, "amount"])
        ever = sum(int(amount) for amount in of["amount"])
        there = tape.bridges.loc[tape.bridges["asset"] == asset, "elsewhere"].tolist() or [0]
        outside.append((OUTSIDE, asset, -before - there[0], -ever - there[-1]))
        theirs = (owned["party"] == PARTIES[BORROWERS]) & (owned["asset"] == asset)
        owned.loc[theirs, "held_start"] += there[0]
        owned.loc[theirs, "held_end"] += there[-1]
    below = pd.DataFrame(outside, columns=tape.parties.columns, dtype=object)
    return pd.concat([owned, below], ignore_index=True)


def lost_units(tape: Frames) -> dict[str, tuple[int, int]]:
    """Per asset, token units that nobody holds at the start and at the end; 0 unless the books are
    wrong.
    """
    sums = holdings(tape).groupby("asset", sort=False)[["held_start", "held_end"]].sum()
    return {str(asset): (-int(a), -int(b)) for asset, (a, b) in sums.iterrows()}


def _worth(tape: Frames, step: int) -> dict[str, int]:
    """What a token unit of every asset is worth after a step, 10^-26 USD."""
    assets = tape.assets[tape.assets["step"] == step]
    return {
        str(asset): round(price * 10**_PRICE) * 10 ** (_TOKEN - int(decimals))
        for asset, price, decimals in zip(
            assets["asset"], assets["reference_price_usd"], assets["decimals"], strict=True
        )
    }
