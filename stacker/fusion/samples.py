"""Arithmetic on pictures in the type of their frames, in place."""

from __future__ import annotations

import cv2

from stacker.frames import Image

__all__ = ["OPENCV_TYPES", "move_towards"]

OPENCV_TYPES = {"B": cv2.CV_8U, "H": cv2.CV_16U, "f": cv2.CV_32F}
"""OpenCV's names of the frames' types, by numpy's characters; it rounds and saturates."""


def move_towards(picture: Image, other: Image, share: Image) -> None:
    """Move a picture towards another one by a share of the way, in place.

    Parameters
    ----------
    picture, other : ndarray, shape (h, w, 3)
        uint8, uint16 or float32, of one type.
    share : ndarray of float32, shape (h, w)
        0 to 1.

    Notes
    -----
    Needs floats for two pictures: large ones are better moved in strips, which stay in the cache.
    """
    way = cv2.subtract(other, picture, dtype=cv2.CV_32F)
    cv2.multiply(way, cv2.merge([share] * 3), way)
    picture[...] = cv2.add(picture, way, dtype=OPENCV_TYPES[picture.dtype.char])
