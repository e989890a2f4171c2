"""How a picture is stored, as options that the commands which write pictures share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from stacker.io.saving import Chroma, Compression, Saving

if TYPE_CHECKING:
    from stacker.colour.spaces import ColourSpace

__all__ = ["ColourSpaceOption", "SavingOptions", "colour_space_of"]

_FILE = "File"


class BitDepth(Enum):
    """Of samples."""

    EIGHT = "8"
    SIXTEEN = "16"
    FLOAT = "32"


ColourSpaceOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--colour-space",
        "--color-space",
        metavar="keep | srgb | p3 | adobe-rgb | prophoto",
        help="Convert the pixels, and embed the profile. keep: the frames' own.",
        rich_help_panel=_FILE,
    ),
]


@dataclass(frozen=True)
class SavingOptions:
    """How a picture is stored."""

    colour_space: ColourSpaceOption = "keep"
    bit_depth: Annotated[
        BitDepth | None,
        typer.Option(
            help="The frames' own by default. 32 is float, in TIFF only.",
            rich_help_panel=_FILE,
        ),
    ] = None
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of a JPEG.", rich_help_panel=_FILE)] = 95
    chroma: Annotated[
        Chroma | None,
        typer.Option(help="Of a JPEG: 444 (default) keeps the colour of every pixel.", rich_help_panel=_FILE),
    ] = None
    compression: Annotated[
        Compression | None,
        typer.Option(
            help="Of a TIFF, without loss: deflate by default. Photoshop and Lightroom do not read zstd.",
            rich_help_panel=_FILE,
        ),
    ] = None

    def saving(self) -> Saving:
        """What was asked for.

        Raises
        ------
        UserError
            When there is no such colour space.
        """
        return Saving(
            colour_space=colour_space_of(self.colour_space),
            bit_depth=int(self.bit_depth.value) if self.bit_depth else None,
            quality=self.quality,
            chroma=self.chroma,
            compression=self.compression,
        )


def colour_space_of(name: str) -> ColourSpace | None:
    """The space of that name; None for ``keep``.

    Raises
    ------
    UserError
        When there is none.
    """
    if name.lower() == "keep":
        return None
    from stacker.colour.spaces import find_space

    return find_space(name)
