"""Write a scenario to begin with: ape run new my-market"""

import re
from pathlib import Path

import click

from scripts._console import console
from scripts._ending import ending
from scripts._folder import prepared
from scripts._scenario import Columns

_NAME = "[a-z0-9]+(-[a-z0-9]+)*"
"""What a scenario can be called."""

# ape imports every script for every command, even for --help: what is slow to import waits.


class Priced(click.ParamType):
    """[ASSET=]FILE."""

    name = "[ASSET=]FILE"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str | None, Path]:
        asset, equals, file = value.partition("=")
        path = Path(file if equals else asset)
        if not path.is_file():
            self.fail(f"{path} is no file; write for example WETH=ETHUSDT-1h.csv", param, ctx)
        return asset.strip() if equals else None, path


@click.command(short_help="Write a short scenario to begin with.")
@click.argument("name")
@click.option(
    "--extends",
    "base",
    default="lending-market",
    show_default=True,
    help="What it takes over: a base (aave-v2, aave-v3), a shipped scenario or the path of one.",
)
@click.option(
    "--book",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A CSV file of positions: account,asset,supplied,debt.  [default: borrowers are drawn]",
)
@click.option(
    "--columns",
    type=Columns(),
    help="What the file of the book calls its columns, like "
    "account=user_address,asset=symbol,supplied=collateral,debt=borrow.",
)
@click.option(
    "--units",
    type=click.Choice(["tokens", "base"]),
    default="tokens",
    show_default=True,
    help="Amounts of the book: tokens (12.5), or base for the token's smallest units.",
)
@click.option(
    "--prices",
    type=Priced(),
    multiple=True,
    help="A file of prices whose columns name assets, or of one asset: WETH=ETHUSDT-1h.csv. Can be "
    "given many times.  [default: what moves falls by 40%, and half of that comes back]",
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it is there.")
def cli(
    name: str,
    base: str,
    book: Path | None,
    columns: dict[str, str] | None,
    units: str,
    prices: tuple[tuple[str | None, Path], ...],
    overwrite: bool,
) -> None:
    """Write NAME.yaml, or the file at the path NAME: a short scenario with comments, that runs at
    once on what it extends, and on your own book and prices if you name them.

    Assets that the base does not know are added with kind: volatile; what nobody has said of them,
    or of anything else, is a placeholder, and the line says so. The run covers what all files of
    prices know, the last 48 hours at most. Everything is read, and the market opened, before the
    file is written: what cannot run is refused.

    \b
    Examples:
      ape run new my-market
      ape run new studies/crv.yaml --extends aave-v3
      ape run new my-market --prices WETH=ETHUSDT-1h.csv --prices closes.csv
      ape run new my-market --book positions.csv --columns account=user_address,asset=symbol
      ape run new held --extends october-2025

    \b
    Exit codes: 0 written, 1 refused, 2 wrong usage.
    """
    if columns and book is None:
        raise click.UsageError("--columns needs --book")
    if units != "tokens" and book is None:
        raise click.UsageError("--units needs --book")
    file = Path(name) if name.endswith((".yaml", ".yml")) else Path(f"{name}.yaml")
    if file.exists() and not overwrite:
        raise click.BadParameter(f"{file} is there; --overwrite replaces it", param_hint="'NAME'")
    if not re.fullmatch(_NAME, file.stem) or len(file.stem) > 64:
        near = re.sub(r"[^a-z0-9]+", "-", file.stem.lower())[:64].strip("-") or "my-market"
        problem = f"{file.stem!r}: lower-case words joined by hyphens, like {near}"
        raise click.BadParameter(problem, param_hint="'NAME'")
    from sim.starter import Wanted
    from sim.terminal.new_command import new

    prepared(file.parent)
    with ending():
        wanted = Wanted(file.stem, base, book, columns or {}, units, prices)
        new(wanted, file, console())
