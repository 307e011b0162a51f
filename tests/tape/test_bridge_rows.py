"""Table bridges of a tape: filled, and what messages, supply and price come to."""

from __future__ import annotations

import pytest

import sim
from sim.tape.columns import TABLES
from tests.agents.bridged import SYMBOL, bridged
from tests.agents.test_bridges import EVERYTHING


def test_every_step_has_its_row_and_the_price_is_what_is_known_to_back_it() -> None:
    tape = sim.run(bridged(**EVERYTHING)).raw.tape
    rows = tape.bridges
    assert list(rows.columns) == [column.name for column in TABLES["bridges"]]
    assert rows.notna().all().all()
    assert rows["step"].tolist() == tape.steps["step"].tolist()
    price = tape.assets.pivot(index="step", columns="asset", values="reference_price_usd")
    for row in rows.iloc[1:].itertuples():
        known = row.supply - row.unnoticed
        # At the beginning of a step, before its messages; those move it by less than a percent.
        ratio = price[SYMBOL][row.step] / price["WETH"][row.step]
        assert ratio == pytest.approx(min(1, row.backing / known), rel=0.01)
    did = tape.operations[tape.operations["kind"] == "receive_message"]
    forger = tape.agents.loc[tape.agents["agent"] == "forger", "actor"].iloc[0]
    came = did[(did["verdict"] == "ok") & (did["y"] != forger)]
    last = rows.iloc[-1]
    assert last["messages_delivered"] == len(came)
    assert last["messages_refused"] == (did["verdict"] != "ok").sum()
    assert last["supply"] - rows["supply"].iloc[0] == last["forged"] + sum(map(int, came["amount"]))
