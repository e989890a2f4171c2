"""Conversion between spaces of ours by tables and one matrix: quicker than by little CMS, and more exact.

Little CMS evaluates curves sample by sample. Samples of 8 and 16 bits have few values, so their light is
looked up; the way back is looked up by the root of the light, whose steps of 1/65535 are about as fine as
those of the curves in use.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import cv2
import numpy as np

from stacker.colour.spaces import SPACES, ColourSpace
from stacker.frames import Image

__all__ = ["Shaper", "shaper_of"]

_STEPS = 65535


@dataclass(frozen=True)
class Shaper:
    """Curve, matrix, curve.

    Attributes
    ----------
    source, target : ColourSpace
        From and to.
    """

    source: ColourSpace
    target: ColourSpace

    def light(self, samples: Image) -> Image:
        """Light in the target's primaries, below 0 and above 1 where it has no such colour.

        Parameters
        ----------
        samples : ndarray, shape (H, W, 3)
            uint8 or uint16.

        Returns
        -------
        ndarray of float32, shape (H, W, 3)
        """
        looked_up = _decoded(self.source, samples.dtype.itemsize * 8)[samples]
        return np.asarray(cv2.transform(looked_up, self._matrix))

    def outside(self, light: Image, tolerance: float) -> Image:
        """Where light is off by more than that, as a sample of the target; shape (H, W), bool."""
        curve = self.target.curve
        lowest, highest = (float(curve.decode(np.array(value))) for value in (tolerance, 1 + tolerance))
        if light.min() >= -lowest and light.max() <= highest:
            return np.zeros(light.shape[:2], bool)
        return np.asarray(((light < -lowest) | (light > highest)).any(axis=-1))

    def encode(self, light: Image, out: Image) -> None:
        """Samples of light, clipped; ``out`` is uint8 or uint16, and the light is spoiled."""
        np.clip(light, 0, 1, out=light)
        if self.target.curve.linear:
            light *= np.float32(np.iinfo(out.dtype).max)
            np.rint(light, out=light)
            np.copyto(out, light, casting="unsafe")
            return
        np.sqrt(light, out=light)
        light *= np.float32(_STEPS)
        np.rint(light, out=light)
        np.take(_encoded(self.target, out.dtype.itemsize * 8), light.astype(np.uint16), out=out, mode="clip")

    @cached_property
    def _matrix(self) -> Image:
        return np.asarray(np.linalg.solve(self.target.to_xyz_d50, self.source.to_xyz_d50), np.float32)


def shaper_of(source: bytes, target: bytes) -> Shaper | None:
    """The shaper between two profiles; None when one of them is not of ours, of three channels."""
    spaces = _spaces_by_profile()
    if source not in spaces or target not in spaces:
        return None
    return Shaper(spaces[source], spaces[target])


@lru_cache(maxsize=1)
def _spaces_by_profile() -> dict[bytes, ColourSpace]:
    return {form.icc: form for space in SPACES.values() for form in (space, space.linear)}


@lru_cache(maxsize=8)
def _decoded(space: ColourSpace, bits: int) -> Image:
    """Light of every sample, float32."""
    values = np.arange(1 << bits)
    return np.asarray(space.curve.decode(values / values[-1]).astype(np.float32))


@lru_cache(maxsize=8)
def _encoded(space: ColourSpace, bits: int) -> Image:
    """Samples of every light whose root is a whole number of steps."""
    dtype = np.uint8 if bits == 8 else np.uint16
    light = np.square(np.arange(_STEPS + 1) / _STEPS)
    return np.asarray(np.rint(space.curve.encode(light) * np.iinfo(dtype).max).astype(dtype))
