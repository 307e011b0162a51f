"""How commands end. The underscore tells ape that this is no command."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def ending() -> Iterator[None]:
    """A refusal in the block is said in full and ends with exit code 1, Ctrl-C with 130."""
    from sim.questions.suite_folder import SuiteError
    from sim.schema.problems import ScenarioError
    from sim.terminal.said import FAILED, INTERRUPTED

    try:
        yield
    except (ScenarioError, SuiteError) as error:
        click.echo(str(error), err=True)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
