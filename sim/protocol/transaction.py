"""What transactions are on the EVM: operations, all or nothing, each with its row in the journal.

Whatever happens to the protocol happens through an operation. A refused one leaves no trace but its
journal row, so the journal, read in order, is a transaction script that the lockstep engine plays
on a chain. Which operations there are is declared in `sim.protocol.operations`, each once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Any, NamedTuple, ParamSpec, Protocol, cast

from sim.protocol.errors import OK
from sim.protocol.fixed_point import jitable, zero
from sim.protocol.state import WINDOW, Entry, State, assign

P = ParamSpec("P")

NOBODY = -1
"""In the account column of operations that concern no account."""

# What an argument is. The name of its annotation says which column of the journal it goes into:
# account, x (if that is taken, y), amount (if that is taken, limit), option.
Account = int
Asset = int
Pair = int
Side = int
"""0 or 1: of a pair's two tokens the one that goes in."""
Slot = int
"""0 or 1: the primary feed or the fallback."""
Vault = int
Spoke = int
Actor = int
Amount = int
"""Token units or shares; of a price, USD with 8 decimals."""
Option = int

_COLUMNS = {
    "Account": ("account",),
    **dict.fromkeys(("Asset", "Pair", "Side", "Slot", "Vault", "Spoke", "Actor"), ("x", "y")),
    "Amount": ("amount", "limit"),
    "Option": ("option",),
}


(
    _KIND,
    _ACTOR,
    _ACCOUNT,
    _X,
    _Y,
    _AMOUNT,
    _LIMIT,
    _OPTION,
    _CODE,
    _RESULT0,
    _RESULT1,
    _RESULT2,
) = range(len(Entry._fields))
"""Columns of the journal."""


class Group(Enum):
    """What other rooms want to know of an operation."""

    DECISION = auto()
    """By a keeper or a liquidator on an account, or the bearing of a loss."""
    LIQUIDATION = auto()
    WITHDRAWAL = auto()
    """Takes out what was supplied, so it needs cash."""


class Declared(NamedTuple):
    """One operation, as other rooms see it."""

    kind: int
    """Its number in the journal."""
    name: str
    carry_out: Callable[..., int]
    arguments: dict[str, str]
    """Besides state and actor: what each is, by its name in the twin."""
    columns: tuple[str, ...]
    """Of the journal, where they go."""
    groups: frozenset[Group]

    @property
    def words(self) -> str:
        """The name for a reader."""
        return self.name.replace("_", " ")

    @property
    def assets(self) -> tuple[str, ...]:
        """The columns that name an asset."""
        named = zip(self.columns, self.arguments.values(), strict=True)
        return tuple(column for column, what in named if what == "Asset")

    def asked(self, actor: int, *arguments: int) -> Entry:
        """The journal row of it, before there is a verdict."""
        given = dict(zip(self.columns, arguments, strict=True))
        return Entry(self.kind, actor, NOBODY)._replace(**given)

    def taken(self, row: Entry) -> tuple[int, ...]:
        """The arguments in a journal row."""
        return tuple(getattr(row, column) for column in self.columns)


class Operation(Protocol[P]):
    """(state, actor, arguments of its own) -> code of `errors`."""

    declared: Declared
    kind: int
    """Its number in the journal."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> int: ...


declared_so_far: list[Declared] = []
"""By kind: an operation's number is its place in the order of declaration."""


def operation(*groups: Group, refusable: bool = True) -> Callable[[Callable[P, int]], Operation[P]]:
    """Declare a transition (state, actor, arguments) -> code as an operation: all of it or nothing,
    and its row in the journal. One that is not `refusable` never returns another code than OK.
    """

    def declare(transition: Callable[P, int]) -> Operation[P]:
        _, _, *parameters = inspect.signature(transition).parameters.values()
        arguments = {one.name: str(one.annotation) for one in parameters}
        free = {columns: list(columns) for columns in set(_COLUMNS.values())}
        columns = tuple(free[_COLUMNS[what]].pop(0) for what in arguments.values())
        kind = len(declared_so_far)
        function: Any = _in_a_transaction(jitable(transition), kind, columns, refusable)
        function.kind = kind
        function.__name__ = function.__qualname__ = name = transition.__name__
        function.__doc__ = transition.__doc__
        function.declared = Declared(kind, name, function, arguments, columns, frozenset(groups))
        declared_so_far.append(function.declared)
        return cast(Operation[P], function)

    return declare


def _in_a_transaction(
    transition: Any, kind: int, columns: tuple[str, ...], refusable: bool
) -> Callable[..., int]:
    """One function per kind instead of one for all: what calls it compiles only what it needs."""
    # Where a column's argument is; compiled, the branches of columns without one are left out.
    asked = ("account", "x", "y", "amount", "limit", "option")
    has_account, has_x, has_y, has_amount, has_limit, has_option = (
        column in columns for column in asked
    )
    account_at, x_at, y_at, amount_at, limit_at, option_at = (
        columns.index(column) if column in columns else 0 for column in asked
    )

    @jitable
    def carry_out(s: State, actor: int, *arguments: int) -> int:
        account = NOBODY
        if has_account:
            account = arguments[account_at]
        s.result.fill(zero())
        if refusable:
            _remember(s, actor, account)
        code = transition(s, actor, *arguments)
        if refusable and code != OK:
            _undo(s, actor, account)
            s.result.fill(zero())
        n = s.journal_length[0]
        s.journal_length[0] = n + 1
        if n < s.journal.shape[0]:
            row = s.journal[n]
            row.fill(zero())
            row[_KIND] = kind
            row[_ACTOR] = actor
            row[_ACCOUNT] = account
            if has_x:
                row[_X] = arguments[x_at]
            if has_y:
                row[_Y] = arguments[y_at]
            if has_amount:
                row[_AMOUNT] = arguments[amount_at]
            if has_limit:
                row[_LIMIT] = arguments[limit_at]
            if has_option:
                row[_OPTION] = arguments[option_at]
            row[_CODE] = code
            for i in range(s.result.shape[0]):
                row[_RESULT0 + i] = s.result[i]
        return code

    return carry_out


def entries(s: State) -> list[Entry]:
    """The rows of the journal."""
    return [Entry(*row) for row in s.journal[: s.journal_length[0]]]


def changed(s: State, rows: Iterable[Entry]) -> list[int]:
    """The accounts whose rows any of these operations may have changed, see `_remember`."""
    found = set()
    for row in rows:
        if row.account >= 0:
            found |= {row.account, int(s.own_account[s.account_vault[row.account], row.actor])}
    return sorted(found - {NOBODY})


@jitable
def _remember(s: State, actor: int, account: int) -> None:
    """Keep what the operation may change: all that is small, and the rows of the account and of the
    actor.
    """
    u = s.undo
    assign(u.hub, s.hub)
    assign(u.spoke, s.spoke)
    assign(u.oracle, s.oracle)
    for i in range(s.outflow.shape[0]):
        if s.outflow[i, WINDOW] != 0:
            assign(u.outflow[i], s.outflow[i])
    assign(u.pool, s.pool)
    assign(u.pair, s.pair)
    assign(u.holding, s.holding[actor])
    assign(u.lp, s.lp[actor])
    if account >= 0:
        own = s.own_account[s.account_vault[account], actor]
        assign(u.account[0], s.account[account])
        assign(u.position[0], s.position[account])
        if own >= 0:
            assign(u.account[1], s.account[own])
            assign(u.position[1], s.position[own])


@jitable
def _undo(s: State, actor: int, account: int) -> None:
    u = s.undo
    assign(s.hub, u.hub)
    assign(s.spoke, u.spoke)
    assign(s.oracle, u.oracle)
    for i in range(s.outflow.shape[0]):
        if s.outflow[i, WINDOW] != 0:
            assign(s.outflow[i], u.outflow[i])
    assign(s.pool, u.pool)
    assign(s.pair, u.pair)
    assign(s.holding[actor], u.holding)
    assign(s.lp[actor], u.lp)
    if account >= 0:
        own = s.own_account[s.account_vault[account], actor]
        if own >= 0:
            assign(s.account[own], u.account[1])
            assign(s.position[own], u.position[1])
        assign(s.account[account], u.account[0])
        assign(s.position[account], u.position[0])
