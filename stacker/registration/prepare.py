"""What registration needs of a frame, made from that frame alone: it can be done on another thread."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from stacker.focus.sharpness import sharpness_of_grey
from stacker.frames import Image, full_scale
from stacker.registration.exposure import Tones, tones
from stacker.registration.match import MatchPyramid

__all__ = ["Prepared", "linear_light", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """A frame reduced for registration.

    Attributes
    ----------
    size_px : tuple of int
        Width and height of the frame.
    factor : float
        Width of the pictures that are matched over that of the frame, at most 1.
    pyramid : MatchPyramid
        What is matched.
    tones : Tones
        What brightness is compared by.
    sharpness : float
        `stacker.sharpness` of the frame.
    """

    size_px: tuple[int, int]
    factor: float
    pyramid: MatchPyramid
    tones: Tones
    sharpness: float


def prepare(pixels: Image, width_px: int = 1000) -> Prepared:
    """Reduce a frame for `Chain.add`; knows nothing of other frames, and may run on any thread.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3)
        RGB; uint8, uint16, or float32 from 0 to 1. Not kept.
    width_px : int
        Matching happens on frames reduced to this width at most.
    """
    width, height = pixels.shape[1], pixels.shape[0]
    factor = min(1.0, width_px / max(width, 1))
    small = pixels
    if factor < 1:
        size = (round(width * factor), max(1, round(height * factor)))
        small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey *= np.float32(255.0 / full_scale(pixels.dtype))
    return Prepared(
        (width, height), factor, MatchPyramid(linear_light(grey)), tones(small), sharpness_of_grey(grey)
    )


def linear_light(grey: Image) -> Image:
    """Undo the tone curve of sRGB (IEC 61966-2-1), white at 255 in both.

    Frames that hold linear light already are bent by it, all in the same way.
    """
    # The curve's straight foot, below 4 % of white, is left out: it is within 1e-3 of white of the power.
    share = (grey + np.float32(0.055 * 255.0)) * np.float32(1 / (1.055 * 255.0))
    return np.asarray(cv2.pow(share, 2.4) * np.float32(255.0))
