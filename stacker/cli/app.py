"""The ``stacker`` program, put together from its commands."""

from __future__ import annotations

from typing import Annotated

import typer

from stacker.cli import frames, fuse, layers, report, retouch, suspects

__all__ = ["build_app"]


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
    for command in (fuse, layers, frames, retouch, suspects, report):
        command.register(app)
    return app
