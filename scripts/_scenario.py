"""Options of every command that runs a scenario. The underscore tells ape: no command."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import yaml

if TYPE_CHECKING:  # slow to import, and ape imports every script for every command
    from sim.scenario import Scenario


class Override(click.ParamType):
    """PATH=VALUE with the value in YAML."""

    name = "PATH=VALUE"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        path, equals, text = value.partition("=")
        if not equals:
            self.fail(f"{value!r} has no '=', write for example seed=7", param, ctx)
        from sim.schema.yaml_file import value as read_value

        try:
            return path.strip(), read_value(text)
        except (yaml.YAMLError, ValueError) as error:  # ValueError: the 31st of February
            self.fail(f"the value of {path} is not YAML: {error}", param, ctx)


class Columns(click.ParamType):
    """NAME=COLUMN,NAME=COLUMN..."""

    name = "NAME=COLUMN,..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, str]:
        pairs = [part.partition("=") for part in value.split(",")]
        for name, equals, column in pairs:
            if not (name.strip() and equals and column.strip()):
                self.fail(f"{value!r}: write for example account=user,asset=symbol", param, ctx)
        names, columns = ([pair[i].strip() for pair in pairs] for i in (0, 2))
        for said in (names, columns):
            if twice := [one for one in said if said.count(one) > 1]:
                self.fail(f"{value!r}: {twice[0]} stands twice", param, ctx)
        return dict(zip(names, columns, strict=True))


def list_scenarios(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    """Print the known scenarios, events by date and then the synthetic ones, and leave."""
    if not wanted:
        return
    from sim.scenario import known, load

    scenarios = [load(name) for name in known()]
    for one in sorted((one for one in scenarios if one.expected), key=lambda one: one.start):
        click.echo(f"{one.start:%Y-%m-%d}  {one.name:20}{one.title}")
    for one in scenarios:
        if not one.expected:
            click.echo(f"synthetic   {one.name:20}{one.title}")
    ctx.exit()


Option = Callable[[Callable[..., Any]], Callable[..., Any]]

book_seed_option: Option = click.option(
    "--book-seed",
    type=click.IntRange(0, 2**63 - 1),
    help="Root of books, who reacts and when suppliers leave, instead of --seed.",
)
_OF_ONE: tuple[Option, ...] = (
    click.option(
        "--redraw-book",
        is_flag=True,
        help="Draw the borrowers under the thresholds and limits that --set gives. Without it they "
        "have the positions of the scenario unchanged, and whom new thresholds leave below a "
        "health of 1 is liquidatable at the start.",
    ),
    click.option(
        "--hold-at-low",
        is_flag=True,
        help="No rebound: every asset that falls stays at its lowest level from then on.",
    ),
    click.option(
        "--list",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=list_scenarios,
        help="Show the known scenarios and exit.",
    ),
)


def market_options(whose: str = "scenario's") -> Option:
    """Add --seed, --accounts, --set and --columns."""
    which = "every scenario" if whose == "scenarios'" else "the scenario"
    return _all(
        click.option("--seed", type=int, help=f"Root of all randomness instead of the {whose}."),
        click.option("--accounts", type=int, help=f"Number of borrowers instead of the {whose}."),
        click.option(
            "--set",
            "overrides",
            type=Override(),
            multiple=True,
            help=f"Replace any field of {which}; the value is YAML. Can be given many times.",
        ),
        click.option(
            "--columns",
            type=Columns(),
            help="What the file of the book calls its columns, like "
            "account=user_address,asset=symbol,supplied=collateral,debt=borrow.",
        ),
    )


class Changes(NamedTuple):
    """What the options replace in a scenario."""

    seed: int | None
    accounts: int | None
    overrides: tuple[tuple[str, Any], ...]
    columns: dict[str, str] | None
    redraw_book: bool
    hold_at_low: bool

    def of(self, scenario: str) -> Scenario:
        """A known scenario or a file with all of it. Raises `ScenarioError`."""
        from sim.front.asked import changed

        return changed(
            scenario,
            accounts=self.accounts,
            seed=self.seed,
            hold_at_low=self.hold_at_low or None,
            overrides={**book_columns(self.columns), **dict(self.overrides)},
            redraw_book=self.redraw_book,
        )


def book_columns(columns: dict[str, str] | None) -> dict[str, object]:
    """What --columns says, as an override."""
    return {} if columns is None else {"book.columns": columns}


def scenario_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add SCENARIO and what `change_options` adds."""
    return click.argument("scenario")(change_options(command))


def change_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what `market_options` adds, --redraw-book, --hold-at-low and --list; the command has all
    of them as one argument, `changes`.
    """

    @wraps(command)
    def gathered(**given: Any) -> Any:
        changes = Changes(**{name: given.pop(name) for name in Changes._fields})
        return command(changes=changes, **given)

    return market_options()(_all(*_OF_ONE)(gathered))


def _all(*options: Option) -> Option:
    """All of them, shown in this order."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return add
