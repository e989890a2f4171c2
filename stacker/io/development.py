"""How frames become pictures: what can be asked for, and the numbers that it comes to for a whole stack.

A stack is developed by one recipe. White balance, black, white and highlights are found once, in one frame,
and then hold for all: a converter that decides frame by frame makes a stack that flickers.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from stacker.errors import UserError
from stacker.io.sensor.specks import Dust

__all__ = [
    "KELVIN",
    "Development",
    "GreyPatch",
    "Highlights",
    "Recipe",
    "SensorLevels",
    "WhiteBalance",
    "parse_grey",
    "parse_white_balance",
]

KELVIN = 2000, 15_000
"""Colour temperatures of light to photograph by: candles to the blue sky; `illuminant` is good for these."""

_EV = 5.0
"""Stops brighter or darker that a development can be asked for: beyond, the exposure was another one's."""


class WhiteBalance(Enum):
    """Whose white balance RAW frames get."""

    CAMERA = "camera"
    """What the camera was set to, in the frame that the stack begins with."""
    DAYLIGHT = "daylight"
    """The body's own factors for daylight."""
    KELVIN = "kelvin"
    """Of a colour temperature."""


class Highlights(Enum):
    """What becomes of places where the sensor was full."""

    CLIP = "clip"
    """White, as soon as one colour is full: never pink."""
    BLEND = "blend"
    """What the colours that were not full still tell, mixed with white: softer rims of highlights."""


@dataclass(frozen=True)
class GreyPatch:
    """A place that is to become grey.

    Attributes
    ----------
    x_px, y_px : float
        Its middle, in pixels of the upright frame.
    radius_px : float
        How far it reaches.
    frame : int or None
        Which frame shows it, from 1; None is the frame whose view the picture has.
    """

    x_px: float
    y_px: float
    radius_px: float
    frame: int | None = None


@dataclass(frozen=True)
class Development:
    """What is asked of the development of frames; the defaults are what their cameras meant.

    Attributes
    ----------
    white_balance : WhiteBalance
        Of RAW frames.
    kelvin : float or None
        The colour temperature, with ``WhiteBalance.KELVIN`` only.
    grey : GreyPatch or None
        What is to be grey, in RAW and other frames alike; takes the place of ``white_balance``.
    highlights : Highlights
        Of RAW frames.
    ev : float
        Stops by which RAW frames are made brighter.
    space : str
        Key of the colour space that RAW frames are developed to, with its curve: of `stacker.colour.spaces`.
    mend_pixels : bool
        Look for hot and dead pixels in RAW frames, and mend them.
    dark : Path or None
        A RAW frame taken with the lens capped, by which hot pixels are known.
    mend_dust : bool or None
        Look for dust on the sensor in the frames themselves, and mend it; None for RAW frames only.
    flat : Path or None
        A frame of an evenly lit plain surface, by which dust is known instead; of the frames' kind.

    Raises
    ------
    UserError
        For a colour temperature or stops out of range.
    """

    white_balance: WhiteBalance = WhiteBalance.CAMERA
    kelvin: float | None = None
    grey: GreyPatch | None = None
    highlights: Highlights = Highlights.CLIP
    ev: float = 0.0
    space: str = "srgb"
    mend_pixels: bool = True
    dark: Path | None = None
    mend_dust: bool | None = None
    flat: Path | None = None

    @property
    def of_raw_only(self) -> tuple[str, ...]:
        """What is asked for that only RAW frames can be given, as the command's options are called."""
        asked = {
            "--white-balance": self.white_balance is not WhiteBalance.CAMERA and self.grey is None,
            "--highlights": self.highlights is not Highlights.CLIP,
            "--ev": self.ev != 0,
            "--dark": self.dark is not None,
        }
        return tuple(name for name, there in asked.items() if there)

    def __post_init__(self) -> None:
        if (self.white_balance is WhiteBalance.KELVIN) is not (self.kelvin is not None):
            raise UserError("A colour temperature belongs to the white balance in kelvin, and to no other")
        if self.kelvin is not None and not KELVIN[0] <= self.kelvin <= KELVIN[1]:
            raise UserError(f"The white balance must be {KELVIN[0]} to {KELVIN[1]} K, not {self.kelvin:g} K")
        if not abs(self.ev) <= _EV:
            raise UserError(
                f"RAW frames can be made up to {_EV:g} EV brighter or darker, not {self.ev:+g} EV"
            )


@dataclass(frozen=True)
class SensorLevels:
    """How the sensor's numbers become light: of one body, the same for all frames of a stack.

    Attributes
    ----------
    camera : str
        Maker and model.
    size_px : tuple of int
        Width and height of what the sensor sees, as it lies in the body.
    multipliers : tuple of 4 floats
        White balance: factors of red, green, blue and the second green.
    black : tuple of 4 ints
        The sensor's number for no light, by colour.
    white : int
        The sensor's number from which on it is full.
    """

    camera: str
    size_px: tuple[int, int]
    multipliers: tuple[float, float, float, float]
    black: tuple[int, int, int, int]
    white: int


@dataclass(frozen=True)
class Recipe:
    """The numbers by which every frame of a stack is developed.

    Attributes
    ----------
    levels : SensorLevels or None
        Of RAW frames; None where the stack has none.
    highlights, ev, space
        As in `Development`.
    gains : tuple of 3 floats
        Factors of red, green and blue in linear light, for frames that come developed.
    defects : tuple of int
        Pixels of the sensor to be mended: row × width + column of ``levels.size_px``.
    dust : Dust or None
        Specks whose shadows are taken off frames of their kind and size.
    """

    levels: SensorLevels | None = None
    highlights: Highlights = Highlights.CLIP
    ev: float = 0.0
    space: str = "srgb"
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    defects: tuple[int, ...] = ()
    dust: Dust | None = None


def parse_white_balance(text: str) -> tuple[WhiteBalance, float | None]:
    """Read ``camera``, ``daylight`` or a colour temperature such as ``5200`` or ``5200K``.

    Raises
    ------
    UserError
        When it is none of these.

    Examples
    --------
    >>> parse_white_balance("5200 K")
    (<WhiteBalance.KELVIN: 'kelvin'>, 5200.0)
    """
    word = text.strip().lower()
    if word in {"camera", "daylight"}:
        return WhiteBalance(word), None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*k?", word)
    if found is None:
        raise UserError(f'--white-balance is camera, daylight or kelvin such as "5200K", not "{text}"')
    return WhiteBalance.KELVIN, float(found.group(1))


def parse_grey(text: str) -> GreyPatch:
    """Read ``X,Y,R`` or ``N:X,Y,R``: pixels of the upright frame, N its number from 1.

    Raises
    ------
    UserError
        When it is not of that form, or the radius is not above 0.

    Examples
    --------
    >>> parse_grey("7:120,80,20")
    GreyPatch(x_px=120.0, y_px=80.0, radius_px=20.0, frame=7)
    """
    number, _, place = text.rpartition(":")
    try:
        x, y, radius = (float(part) for part in place.split(","))
        frame = int(number) if number else None
    except ValueError as error:
        raise UserError(
            f'--grey is "X,Y,R" in pixels of the reference frame, or "N:X,Y,R" of frame N, not "{text}"'
        ) from error
    if not (math.isfinite(x + y) and 0 < radius < math.inf):
        raise UserError(f'The radius of --grey must be above 0 px; "{text}" has {radius:g} px')
    return GreyPatch(x, y, radius, frame)
