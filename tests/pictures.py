"""Small pictures with texture and their files, for tests of reading and writing."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageCms

ICC = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()


def picture(height: int = 24, width: int = 36, dtype: Any = np.uint8) -> np.ndarray:
    rng = np.random.default_rng(5)
    rough = rng.integers(0, 256, (height, width, 3)).astype(np.float64)
    smooth = np.add.outer(np.linspace(0, 90, height), np.linspace(0, 120, width))[..., None]
    return ((smooth + rough * 0.15) * (np.iinfo(dtype).max / 255)).astype(dtype)


def jpeg_bytes(mode: str = "RGB", **keywords: Any) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.fromarray(picture(64, 96)).convert(mode).save(buffer, "jpeg", quality=95, **keywords)
    return buffer.getvalue()
