"""How the subject moves over the sensor between the frames in which dust is looked for."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from stacker.frames import Image
from stacker.io.grey import encoded_light
from stacker.io.sensor.dust_light import LightPlane
from stacker.registration.chain import Chain
from stacker.registration.model import MotionModel

__all__ = ["motions_of"]

_WIDTH = 1000
"""Of what is registered: as for the picture itself."""


def motions_of(planes: Sequence[LightPlane]) -> list[Image | None]:
    """Where the subject lies.

    Parameters
    ----------
    planes : sequence of LightPlane
        In the order of the stack, all of one size.

    Returns
    -------
    list of (ndarray, shape (3, 3)) or None
        Of each frame, from cells of it to cells of the first; None where that cannot be told.
    """
    chain = Chain(exposure=False, model=MotionModel.SIMILARITY)
    found: list[Image | None] = []
    for plane in planes:
        height, width = plane.log.shape
        shrink = min(1.0, _WIDTH / width)
        size = round(width * shrink), round(height * shrink)
        log = cv2.resize(plane.log, size, interpolation=cv2.INTER_AREA)
        codes = np.rint(np.clip(encoded_light(np.exp(log)), 0, 1) * 255).astype(np.uint8)
        registered = chain.add(np.repeat(codes[..., None], 3, axis=2))
        # Middles of cells, which are half a cell from their corners.
        to_small = np.diag([size[0] / width, size[1] / height, 1.0])
        to_small[:2, 2] = (np.diag(to_small)[:2] - 1) / 2
        to_view = np.linalg.solve(to_small, registered.transform @ to_small)
        found.append(to_view if registered.registered else None)
    return found
