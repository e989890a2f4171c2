"""The ``stacker`` command. A face only: what it does is in `stacker.batch.files`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from stacker.cli.fuse import INTERRUPTED, register
from stacker.errors import StackerError

__all__ = ["build_app", "main"]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"stacker (focusrig) {version('focusrig')}")
        raise typer.Exit


def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Fuse the frames of a focus stack into one picture that is sharp all over."""
    del version  # its callback has done the work


def build_app() -> typer.Typer:
    """Assemble the program from its commands."""
    app = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_program)
    register(app)
    return app


def main() -> None:
    """Run ``stacker`` and end the process with its exit code.

    0 done · 1 a fault of the program · 2 the user's mistake · 4 data that cannot be read or written ·
    130 interrupted.
    """
    try:
        build_app()(prog_name="stacker")
    except StackerError as error:
        typer.echo(f"stacker: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:  # before the work began
        typer.echo("stacker: interrupted, nothing written", err=True)
        sys.exit(INTERRUPTED)
