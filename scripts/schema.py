"""What may stand in a scenario: ape run schema protocol.liquidation"""

from pathlib import Path

import click

from scripts._console import console
from scripts._ending import ending
from scripts._folder import prepared

# ape imports every script for every command, even for --help: what is slow to import waits.


@click.command(short_help="Every field of a scenario: meaning, unit, range, default.")
@click.argument("path", metavar="[FIELD.PATH]", required=False)
@click.option(
    "--of",
    "subject",
    type=click.Choice(["scenario", "preset", "tape"]),
    default="scenario",
    show_default=True,
    help="scenario: the files that crash and sweep take. preset: those that tune takes. tape: the "
    "tables that runs and sweeps write.",
)
@click.option("--json", "as_json", is_flag=True, help="A JSON schema, for editors and validators.")
@click.option("--markdown", "as_markdown", is_flag=True, help="A page, as in docs/.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file for the JSON schema or the page.  [default: the terminal]",
)
@click.option("--overwrite", is_flag=True, help="Replace the file that --out names.")
def cli(
    path: str | None,
    subject: str,
    as_json: bool,
    as_markdown: bool,
    out: Path | None,
    overwrite: bool,
) -> None:
    """Print every field of a scenario, block by block: its type, unit, range and default, and what
    it means. With FIELD.PATH, written as in --set, one block or one field; symbols and numbers of
    items may be left out. With --of preset or --of tape, of these instead.

    For completion and checks while typing, in an editor with yaml-language-server (VS Code, Neovim,
    Emacs, IntelliJ), the first line of a scenario names the JSON schema; `ape run new` writes it:

    \b
      # yaml-language-server: $schema=scenario.schema.json

    It accepts what the program accepts, files that extend others included, and refuses unknown
    fields, wrong types and values out of range; what is wrong only between fields, a run refuses.

    \b
    Examples:
      ape run schema
      ape run schema protocol.liquidation
      ape run schema protocol.reserves.WETH.lt_bps
      ape run schema feeds.faults
      ape run schema --json --out scenario.schema.json
      ape run schema --of preset tuning
      ape run schema --of tape steps

    \b
    Exit codes: 0 printed or written, 1 there is no such field, 2 wrong usage.
    """
    if as_json and as_markdown:
        raise click.UsageError("--json or --markdown, not both")
    if path and (as_json or as_markdown):
        raise click.UsageError("--json and --markdown are of the whole; leave out FIELD.PATH")
    if out and not (as_json or as_markdown):
        raise click.UsageError("--out needs --json or --markdown")
    if as_json and subject == "tape":
        raise click.UsageError("--json is of files that people write, scenario or preset")
    if out and out.exists() and not overwrite:
        raise click.BadParameter(f"{out} is there; --overwrite replaces it", param_hint="'--out'")
    from sim.reference.lookup import select
    from sim.reference.pages import blocks_of, json_schema, page
    from sim.reference.writing import show

    if as_json or as_markdown:
        text = json_schema(subject) if as_json else page(subject)
        if not out:
            click.echo(text, nl=False)
            return
        prepared(out.parent)
        out.write_text(text, encoding="utf-8")
        click.echo(f"Written: {out}")
        return
    blocks = blocks_of(subject)
    with ending():
        show(select(blocks, path, subject) if path else blocks, subject, console())
