"""Colour spaces that pictures are written in: primaries, white, tone curve, and the profile that says so."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from stacker.colour.curves import LINEAR, ToneCurve
from stacker.colour.icc import grey_profile, rgb_profile
from stacker.errors import UserError
from stacker.frames import Image

__all__ = [
    "ADOBE_RGB",
    "DISPLAY_P3",
    "PROPHOTO",
    "SPACES",
    "SRGB",
    "ColourSpace",
    "adaptation",
    "find_space",
]

_XY = tuple[float, float]

D50_XYZ = (0.9642, 1.0, 0.8249)
"""White of the space in which profiles meet (ICC.1:2022, 7.2.16)."""

_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""XYZ to what the cones see, sharpened (ICC.1:2022, annex E.3)."""


@dataclass(frozen=True)
class ColourSpace:
    """An RGB space.

    Attributes
    ----------
    key : str
        Its name in options: ``srgb``, ``p3``, ``adobe-rgb``, ``prophoto``.
    title : str
        Its name for people; the description in its profile.
    primaries : tuple of three (x, y)
        Chromaticities of red, green and blue.
    white : (x, y)
        Chromaticity of its white.
    curve : ToneCurve
        How light is coded as samples.
    """

    key: str
    title: str
    primaries: tuple[_XY, _XY, _XY]
    white: _XY
    curve: ToneCurve

    @property
    def linear(self) -> ColourSpace:
        """The same colours with samples that are light: what RAW files are decoded into."""
        return replace(self, key=f"{self.key}-linear", title=f"{self.title}, linear", curve=LINEAR)

    @cached_property
    def to_xyz(self) -> Image:
        """Linear red, green and blue to XYZ under the space's own white, shape (3, 3), float64."""
        columns = np.array([_xyz(xy) for xy in self.primaries]).T
        return np.asarray(columns * np.linalg.solve(columns, _xyz(self.white)))

    @cached_property
    def to_xyz_d50(self) -> Image:
        """Linear red, green and blue to XYZ under D50, by Bradford's adaptation, shape (3, 3), float64."""
        return np.asarray(adaptation(self.white) @ self.to_xyz)

    @cached_property
    def icc(self) -> bytes:
        """Its ICC profile, version 4, under 1 kB."""
        return rgb_profile(self.title, self.to_xyz_d50, adaptation(self.white), self.curve)

    @cached_property
    def icc_grey(self) -> bytes:
        """A profile for pictures with one channel that has the same tone curve."""
        return grey_profile(f"Grey, tone curve of {self.title}", self.curve)


def adaptation(white: _XY) -> Image:
    """XYZ under a white to XYZ under D50 (ICC.1:2022, annex E.3), shape (3, 3), float64."""
    ratio = (_BRADFORD @ D50_XYZ) / (_BRADFORD @ _xyz(white))
    return np.asarray(np.linalg.solve(_BRADFORD, ratio[:, None] * _BRADFORD))


def find_space(name: str, option: str = "--colour-space") -> ColourSpace:
    """The space of a name, in whatever way it is spelled: ``Adobe RGB (1998)`` is ``adobe-rgb``.

    Parameters
    ----------
    name : str
        One of `SPACES`, or a usual spelling.
    option : str
        Where it was said, for the message.

    Returns
    -------
    ColourSpace
        Its primaries, white and curve.

    Raises
    ------
    UserError
        When there is none.
    """
    letters = re.sub(r"[^a-z0-9]", "", name.lower())
    for space, spellings in _SPELLINGS.items():
        if letters in spellings:
            return SPACES[space]
    raise UserError(f"{option} is one of {', '.join(SPACES)}, not {name}")


def _xyz(xy: _XY) -> Image:
    x, y = xy
    return np.array([x / y, 1.0, (1 - x - y) / y])


_D65 = (0.3127, 0.3290)
_SRGB_CURVE = ToneCurve(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)

SRGB = ColourSpace("srgb", "sRGB", ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)), _D65, _SRGB_CURVE)
"""IEC 61966-2-1."""

DISPLAY_P3 = ColourSpace(
    "p3", "Display P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), _D65, _SRGB_CURVE
)
"""Primaries of SMPTE EG 432-1 with the white and curve of sRGB: what screens of phones and Macs show."""

ADOBE_RGB = ColourSpace(
    "adobe-rgb",
    "Adobe RGB (1998) compatible",
    ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)),
    _D65,
    ToneCurve(563 / 256),
)
"""Adobe RGB (1998) Color Image Encoding, version 2005-05. The name of the profile is not Adobe's to the
letter because the profile is not Adobe's."""

PROPHOTO = ColourSpace(
    "prophoto",
    "ProPhoto RGB compatible",
    ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)),
    (0.3457, 0.3585),
    ToneCurve(1.8),
)
"""ISO 22028-2 (ROMM RGB), without the straight part below 1/32 of its curve: the profiles in use, Kodak's and
Adobe's, leave it out too."""

SPACES = {space.key: space for space in (SRGB, DISPLAY_P3, ADOBE_RGB, PROPHOTO)}
"""What pictures can be converted to, by key."""

_SPELLINGS = {
    "srgb": {"srgb", "srgbiec6196621"},
    "p3": {"p3", "displayp3", "p3d65"},
    "adobe-rgb": {"adobergb", "adobergb1998", "adobe", "argb"},
    "prophoto": {"prophoto", "prophotorgb", "romm", "rommrgb"},
}
