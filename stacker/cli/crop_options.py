"""Which part of the picture to keep, as options that the commands share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stacker.outputs.crop import Crop

__all__ = ["CropOptions"]

_PANEL = "Crop"


@dataclass(frozen=True)
class CropOptions:
    """Which part of the picture to keep."""

    crop: Annotated[
        str,
        typer.Option(
            metavar="auto | geometry | none | X,Y,W,H",
            help="Which part of the picture to keep. auto: without the border that is unsharp because the "
            "frames that are sharp there do not reach it. geometry: what all frames reach, so that nothing "
            "is filled.",
            rich_help_panel=_PANEL,
        ),
    ] = "none"
    aspect: Annotated[
        str | None,
        typer.Option(
            metavar="W:H | frame",
            help='Narrow the crop to an aspect such as "3:2", or to that of the frames.',
            rich_help_panel=_PANEL,
        ),
    ] = None

    def part(self) -> Crop:
        """What was asked for.

        Raises
        ------
        UserError
            When it is something else.
        """
        from stacker.outputs.crop import parse_crop

        return parse_crop(self.crop, self.aspect)
