"""DNGs for tests, with whatever a body may write into them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile

BLACK, WHITE = 512, 16383
NEUTRAL = (0.5, 1.0, 0.65)
SRGB_FROM_XYZ = np.array(
    [
        [3.2404542, -1.5371385, -0.4985314],
        [-0.9692660, 1.8760108, 0.0415560],
        [0.0556434, -0.2040259, 1.0572252],
    ]
)
_RGGB = (0, 1, 1, 2)


def mosaic(light: Any, noise: float = 0.0, seed: int = 0, neutral: Any = NEUTRAL) -> Any:
    """What a Bayer sensor counts of linear sRGB light, (h, w, 3), 0 to 1."""
    counts = np.empty(light.shape[:2])
    for at, colour in enumerate(_RGGB):
        y, x = divmod(at, 2)
        counts[y::2, x::2] = light[y::2, x::2, colour] * neutral[colour]
    counts = BLACK + counts * (WHITE - BLACK)
    counts += np.random.default_rng(seed).normal(0.0, noise, counts.shape) if noise else 0.0
    return np.clip(np.rint(counts), 0, WHITE).astype(np.uint16)


def write_dng(path: Path, counts: Any, **tags: Any) -> Path:
    """Write what a sensor counted.

    ``black`` (one or four), ``white``, ``neutral``, ``orientation``, ``crop`` (x, y, w, h), ``model``;
    ``wb`` is what the body was set to, None for nothing; ``colours=False`` leaves the matrix out, as for a
    body that nobody knows.
    """
    black = np.atleast_1d(tags.get("black", BLACK))
    neutral = tags.get("neutral", NEUTRAL)
    extra: list[tuple[Any, ...]] = [
        (50706, 1, 4, bytes((1, 4, 0, 0)), True),
        (50708, 2, 0, tags.get("model", "TEST body"), True),
        (271, 2, 0, "TEST", True),
        (272, 2, 0, tags.get("model", "TEST body"), True),
        (274, 3, 1, tags.get("orientation", 1), True),
        (33421, 3, 2, (2, 2), True),
        (33422, 1, 4, bytes(_RGGB), True),
        (50714, 3, len(black), tuple(int(b) for b in black), True),
        (50717, 3, 1, tags.get("white", WHITE), True),
    ]
    if len(black) > 1:
        extra.append((50713, 3, 2, (2, 2), True))
    if tags.get("colours", True):
        matrix = np.diag(neutral) @ SRGB_FROM_XYZ
        extra.append((50721, 10, 9, _rationals(matrix), True))
        if tags.get("wb", neutral) is not None:
            extra.append((50728, 5, 3, _rationals(np.array(tags.get("wb", neutral))), True))
        extra.append((50778, 3, 1, 21, True))
    if "crop" in tags:
        x, y, width, height = tags["crop"]
        extra += [(50719, 4, 2, (x, y), True), (50720, 4, 2, (width, height), True)]
    tifffile.imwrite(
        path, counts, photometric=32803, subfiletype=0, metadata=None, software=False, extratags=extra
    )
    return path


def _rationals(values: Any) -> tuple[int, ...]:
    return tuple(int(part) for value in values.ravel() for part in (round(10_000 * float(value)), 10_000))
