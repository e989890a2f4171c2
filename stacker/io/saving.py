"""How a picture is stored: depth, colour space, compression."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from stacker.errors import UserError

if TYPE_CHECKING:
    from stacker.colour.spaces import ColourSpace

__all__ = ["DEEPEST_BITS", "FORMATS", "OUTPUT_SUFFIXES", "Chroma", "Compression", "Saving"]

DEEPEST_BITS = {".tif": 32, ".tiff": 32, ".png": 16, ".jpg": 8, ".jpeg": 8, ".dng": 16}
"""Bits per sample that a format holds, by what a name ends in."""

OUTPUT_SUFFIXES = tuple(DEEPEST_BITS)
"""What a result can be written as."""

FORMATS = {".tif": "TIFF", ".tiff": "TIFF", ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".dng": "DNG"}
"""What the formats are called, by what a name ends in."""


class Chroma(Enum):
    """Resolution of the colour of a JPEG, of brightness: whole, half of the columns, a quarter."""

    FULL = "444"
    HALF = "422"
    QUARTER = "420"


class Compression(Enum):
    """Of a TIFF; none of them loses anything."""

    NONE = "none"
    LZW = "lzw"
    DEFLATE = "deflate"
    ZSTD = "zstd"


@dataclass(frozen=True)
class Saving:
    """How a picture is to be stored. What is None is left to the format.

    Attributes
    ----------
    colour_space : ColourSpace or None
        Its pixels are converted to; None keeps the frames' own profile.
    bit_depth : int or None
        8 or 16, or 32 (float, TIFF only). The pixels' own by default, as far as the format has it: JPEG is
        always 8, a PNG of floats 16, a DNG always 16.
    quality : int or None
        Of a JPEG, 1 to 100; 95 by default.
    chroma : Chroma or None
        Of a JPEG; whole by default: halved colour would undo the care taken at edges in depth.
    compression : Compression or None
        Of a TIFF; deflate by default.
    """

    colour_space: ColourSpace | None = None
    bit_depth: int | None = None
    quality: int | None = None
    chroma: Chroma | None = None
    compression: Compression | None = None

    def check(self, path: Path) -> None:
        """Refuse what the format does not have.

        Raises
        ------
        UserError
            When other bits are asked for than it holds, compression or chroma of another format, or a colour
            space of a DNG.
        """
        suffix = path.suffix.lower()
        kind, deepest = FORMATS[suffix], DEEPEST_BITS[suffix]
        if self.bit_depth is not None and self.bit_depth > deepest:
            raise UserError(
                f"A {kind} has {deepest} bits at most; write a .tif to keep {self.bit_depth} ({path.name})"
            )
        if kind == "DNG" and self.bit_depth == 8:
            raise UserError(f"A DNG is written with 16 bits, not 8 ({path.name}): leave --bit-depth out")
        if kind == "DNG" and self.colour_space is not None:
            raise UserError(
                f"A DNG has no colour space until it is developed: leave --colour-space out ({path.name})"
            )
        if self.compression is not None and kind != "TIFF":
            raise UserError(f"--compression is of TIFFs, and {path.name} is a {kind}: leave it out")
        if self.chroma is not None and kind != "JPEG":
            raise UserError(f"--chroma is of JPEGs, and {path.name} is a {kind}: leave it out")
