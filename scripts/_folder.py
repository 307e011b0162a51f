"""Where commands write to. The underscore tells ape that this is no command."""

import tempfile
from pathlib import Path

import click


def prepared(folder: Path) -> Path:
    """The folder, made if needed, after something could be written to it.

    If nothing is written to a new one, because the command is refused, it goes when that ends.
    """
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise click.BadParameter(
            f"{folder}: {error.strerror}; name a folder that can be written to",
            param_hint="'--out'",
        ) from error
    context = click.get_current_context(silent=True)
    if is_new and context:
        context.call_on_close(lambda: any(folder.iterdir()) or folder.rmdir())
    return folder
