"""``rig mark``: the ends of a stack by lens focus."""

from __future__ import annotations

from typing import Annotated, Literal, cast

import typer

from rig.cli.machines import write_json
from rig.cli.options import ConfigOption, JsonOption
from rig.errors import UserError

__all__ = ["register"]

WhichArgument = Annotated[str, typer.Argument(metavar="near|far", help="Which end of the stack.")]
MoveOption = Annotated[
    int,
    typer.Option(
        "--move", metavar="UNITS", help="Drive the focus by so many units first; positive is farther."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("mark")(mark)


def mark(
    which: WhichArgument, move: MoveOption = 0, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Mark where the focus of the lens stands as the near or the far end of a stack.

    Near is unit 0; far counts from it. A mark is void when body, lens or picture are others.
    """
    if which not in ("near", "far"):
        raise UserError(f'"{which}" is no end of a stack; write near or far')
    from dataclasses import asdict

    from rig.cli.stopping import stopping
    from rig.config import load_config
    from rig.lens_drive.marking import mark as put_mark

    with stopping() as stopper:
        marked = put_mark(load_config(config), cast(Literal["near", "far"], which), move, stopper)
    if as_json:
        write_json(asdict(marked), line=True)
        return
    if marked.void and which == "near":
        typer.echo(f"Counted anew: {marked.void}.", err=True)
    typer.echo(f"{marked.body}, {marked.lens or 'a lens without a name'}: {which} is here")
    if marked.far is None:
        typer.echo("Now the far end: rig mark far --move UNITS")
    else:
        typer.echo(f"From near to far: --axis lens --start 0 --end {marked.far}")
