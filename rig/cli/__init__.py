"""The ``rig`` command. Faces only: no logic lives here, and commands import what they need when they run."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Annotated

import typer

from rig.errors import DataError, RigError

__all__ = ["build_app", "main"]

_INTERRUPTED = 130
"""What shells expect of a program ended by Ctrl-C: 128 + SIGINT."""


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"rig (focusrig) {version('focusrig')}")
        raise typer.Exit


def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Shoot focus stacks: plan them, drive rail and camera, stack while shooting."""
    del version  # its callback has done the work


def build_app() -> typer.Typer:
    """Assemble the program from its commands."""
    from rig.cli import calibrate, camera, collect, dof, live, mark, plan, rail, shoot

    app = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_program)
    dof.register(app)
    plan.register(app)
    mark.register(app)
    shoot.register(app)
    collect.register(app)
    calibrate.register(app)
    live.register(app)
    camera.register(app)
    rail.register(app)
    return app


def main() -> None:
    """Run ``rig`` and end the process with its exit code.

    0 done · 1 a fault of the program · 2 the user's mistake · 3 hardware · 4 data · 130 interrupted.
    """
    try:
        build_app()(prog_name="rig")
    except RigError as err:
        _say("\n".join([f"rig: {err}", *getattr(err, "__notes__", ())]))
        sys.exit(err.exit_code)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except OSError as err:
        from rig.atomic import FULL

        if err.errno not in FULL:
            raise
        where = err.filename or "the standard output, or a file of the system"
        _say(f"rig: no room left to write {where} ({err.strerror}): free some space")
        sys.exit(DataError.exit_code)


def _say(text: str) -> None:
    with suppress(OSError):  # the terminal may be what cannot be written
        typer.echo(text, err=True)
