"""How the subject moves over the sensor between the frames in which dust is looked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stacker.frames import Image
from stacker.io.dust_light import LightPlane
from stacker.io.grey import encoded_light
from stacker.registration.chain import Chain

__all__ = ["motions_of"]


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
    chain = Chain(exposure=False)
    found: list[Image | None] = []
    for plane in planes:
        codes = np.rint(np.clip(encoded_light(np.exp(plane.log)), 0, 1) * 255).astype(np.uint8)
        registered = chain.add(np.repeat(codes[..., None], 3, axis=2))
        found.append(registered.transform if registered.registered else None)
    return found
