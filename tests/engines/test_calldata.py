"""Every operation of the twin is declared once, and once as a transaction."""

from __future__ import annotations

import inspect

import pytest

from sim.engines.calldata import Encoder
from sim.protocol import operations as op
from sim.protocol.state import Entry
from sim.protocol.transaction import NOBODY, Declared, Group, operation

every = pytest.mark.parametrize("declared", op.DECLARED, ids=lambda one: one.name)


@every
def test_a_transaction_has_the_arguments_of_its_operation(declared: Declared) -> None:
    encode = inspect.signature(getattr(Encoder, declared.name))
    assert list(encode.parameters) == ["self", "actor", *declared.arguments]


def test_there_is_no_transaction_without_an_operation() -> None:
    methods = {name for name in vars(Encoder) if not name.startswith("_")}
    assert methods - {"calls"} == set(op.BY_NAME)


@every
def test_what_is_asked_can_be_read_back(declared: Declared) -> None:
    """No two arguments share a column of the journal, and who has no account is nobody's."""
    arguments = tuple(range(7, 7 + len(declared.arguments)))
    row = declared.asked(3, *arguments)
    assert (row.kind, row.actor) == (declared.kind, 3)
    assert declared.taken(row) == arguments
    assert row.account == (7 if "account" in declared.arguments else NOBODY)
    assert sum(row) == declared.kind + 3 + sum(arguments) - ("account" not in declared.arguments)


@every
def test_arguments_are_what_they_are_called(declared: Declared) -> None:
    """So that x and y of a tape are indices and its amounts are amounts (docs/tape.md)."""
    called = {
        **{"account": "Account", "asset": "Asset", "debt": "Asset", "collateral": "Asset"},
        **{"p": "Pair", "side": "Side", "slot": "Slot", "v": "Vault", "spoke": "Spoke"},
        **{"amount": "Amount", "shares": "Amount", "least": "Amount", "mode": "Option"},
    }
    for name, what in declared.arguments.items():
        assert called.get(name, what) == what, name


@every
def test_a_number_is_a_place_and_a_name_an_attribute(declared: Declared) -> None:
    assert op.DECLARED[declared.kind] is declared
    assert getattr(op, declared.name).declared is declared


def test_arguments_of_no_known_role_are_refused() -> None:
    """At import: a misspelt role would put an argument into no column, or into another's."""
    before = len(op.DECLARED)
    with pytest.raises(KeyError, match="Stranger"):

        @operation()
        def wrong(s: object, actor: int, account: Stranger) -> int:  # type: ignore[name-defined]  # noqa: F821
            return 0

    assert len(op.DECLARED) == before


def test_groups_are_what_they_say() -> None:
    """Liquidations are decisions about two assets; a withdrawal names one and how much of it."""
    assert op.LIQUIDATIONS == ("liquidate", "flash_liquidate")
    for one in op.DECLARED:
        if Group.LIQUIDATION in one.groups:
            assert Group.DECISION in one.groups and one.assets == ("x", "y")
        if Group.WITHDRAWAL in one.groups:
            assert one.assets == ("x",) and "amount" in one.columns
    assert Entry._fields[:2] == ("kind", "actor")
