"""How ``stacker fuse`` develops RAW frames, and what is grey in frames of any kind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stacker.io.development import Development
    from stacker.io.listing import FoundFrames

__all__ = ["DevelopmentOptions"]

_PANEL = "RAW and white balance"


class Highlights(Enum):
    """Where the sensor was full."""

    CLIP = "clip"
    BLEND = "blend"


class PairedFile(Enum):
    """Of a frame that is there twice."""

    RAW = "raw"
    JPEG = "jpeg"


@dataclass(frozen=True)
class DevelopmentOptions:
    """How frames are developed: one way for all of a stack."""

    white_balance: Annotated[
        str,
        typer.Option(
            metavar="camera | daylight | KELVIN",
            help='Of RAW frames. camera: as set on the body in the reference frame. KELVIN: such as "5200K".',
            rich_help_panel=_PANEL,
        ),
    ] = "camera"
    grey: Annotated[
        str | None,
        typer.Option(
            metavar="[N:]X,Y,R",
            help="What is to be grey: a spot at X, Y of radius R, in pixels of frame N (from 1), or of the "
            "reference frame. For JPEGs and TIFFs too.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    highlights: Annotated[
        Highlights,
        typer.Option(
            help="Where the sensor was full. clip: white. blend: softer rims, by the colours that were not.",
            rich_help_panel=_PANEL,
        ),
    ] = Highlights.CLIP
    ev: Annotated[
        float,
        typer.Option(
            "--ev", metavar="STOPS", help="Make RAW frames brighter or darker.", rich_help_panel=_PANEL
        ),
    ] = 0.0
    mend_pixels: Annotated[
        bool,
        typer.Option(
            "--mend-pixels/--no-mend-pixels",
            help="Find hot and dead pixels of the sensor in the RAW frames (three at least), and mend them.",
            rich_help_panel=_PANEL,
        ),
    ] = True
    dark: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A RAW frame taken with the lens capped, as long as the others: its hot pixels are mended.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    mend_dust: Annotated[
        bool | None,
        typer.Option(
            "--mend-dust/--no-mend-dust",
            help="Find dust on the sensor in the frames (five at least, the subject moving between them) and "
            "mend it. In RAW frames by default.",
            rich_help_panel=_PANEL,
            show_default=False,
        ),
    ] = None
    flat: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A frame of an evenly lit plain surface, out of focus, at the same aperture: dust that it "
            "shows is mended, in any number of frames. RAW for RAW frames, JPEG for JPEGs.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    pairs: Annotated[
        PairedFile,
        typer.Option(
            help="Which file to take of a frame that is there as RAW and as JPEG.", rich_help_panel=_PANEL
        ),
    ] = PairedFile.RAW

    def development(self, colour_space: str, output: Path) -> Development:
        """What was asked for.

        Parameters
        ----------
        colour_space : str
            What the picture is to be in: RAW frames are developed to it at once.
        output : Path
            The picture: for ``keep``, a DNG gets all colours that the sensor saw, anything else sRGB.

        Raises
        ------
        UserError
            When it makes no sense.
        """
        from stacker.colour.spaces import PROPHOTO, SRGB, find_space
        from stacker.io import development

        space = PROPHOTO if output.suffix.lower() == ".dng" else SRGB
        if colour_space.lower() != "keep":
            space = find_space(colour_space)
        balance, kelvin = development.parse_white_balance(self.white_balance)
        return development.Development(
            white_balance=balance,
            kelvin=kelvin,
            grey=None if self.grey is None else development.parse_grey(self.grey),
            highlights=development.Highlights(self.highlights.value),
            ev=self.ev,
            space=space.key,
            mend_pixels=self.mend_pixels,
            dark=self.dark,
            mend_dust=self.mend_dust,
            flat=self.flat,
        )

    def found(self, frames: list[Path], output: Path | None) -> FoundFrames:
        """The frames, each once."""
        from stacker.io.listing import find_frames
        from stacker.io.pairs import Pairs

        return find_frames(frames, leave_out=output, pairs=Pairs(self.pairs.value))

    def told(self, found: FoundFrames) -> tuple[str, ...]:
        """A sentence about frames that are there twice."""
        if not found.beside:
            return ()
        taken, other = ("RAW", "jpeg") if self.pairs is PairedFile.RAW else ("JPEG", "raw")
        frames = "1 frame is" if found.beside == 1 else f"{found.beside} frames are"
        return (f"{frames} there as RAW and JPEG: the {taken} is used (--pairs {other} takes the other)",)
