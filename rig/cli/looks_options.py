"""What is drawn into live view, as options of the commands that show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from rig.errors import UserError

if TYPE_CHECKING:
    from rig.liveview.looks import Looks

__all__ = ["LooksOptions"]


@dataclass(frozen=True)
class LooksOptions:
    """Options of live view."""

    peaking: Annotated[bool, typer.Option("--peaking", help="Draw edges that are in focus in a colour.")] = (
        False
    )
    colour: Annotated[
        str,
        typer.Option("--peaking-colour", metavar="NAME", help="red, yellow, green, cyan, magenta or blue."),
    ] = "red"
    magnify: Annotated[
        str | None,
        typer.Option(
            "--magnify",
            metavar="X,Y[,ZOOM]",
            help="Show a part larger in a corner: shares of width and height, 0.5,0.5,4.",
        ),
    ] = None
    histogram: Annotated[
        bool,
        typer.Option("--histogram", help="Draw the histogram, and stripes where light or shadow is lost."),
    ] = False

    def looks(self) -> Looks:
        """Return what is to be drawn; raises UserError for what cannot be read."""
        from rig.liveview.looks import Looks
        from rig.liveview.overlay import COLOURS, Magnify

        if self.colour not in COLOURS:
            raise UserError(f'--peaking-colour: there is no "{self.colour}"; there is {", ".join(COLOURS)}')
        magnify = Magnify.from_text(self.magnify) if self.magnify else None
        return Looks(self.colour if self.peaking else None, magnify, self.histogram)
