"""Memory for intermediate pictures, used again for every frame."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stacker.frames import Image

__all__ = ["Scratch"]

_FLOAT = np.dtype(np.float32)


class Scratch:
    """Named buffers that only ever grow.

    Fresh pages from the operating system cost more than most of the arithmetic done on them, so the results
    of a frame are written where those of the last one were.
    """

    def __init__(self) -> None:
        self._buffers: dict[str, Image] = {}

    def array(self, name: str, *shape: int, dtype: np.dtype[Any] = _FLOAT) -> Image:
        """An array of that shape with undefined content; overwritten by the next use of the same name.

        A name always has the same type.
        """
        size = math.prod(shape)
        buffer = self._buffers.get(name)
        if buffer is None or buffer.size < size:
            buffer = self._buffers[name] = np.empty(size, dtype)
        return buffer[:size].reshape(shape)

    def release(self) -> None:
        """Give all memory back."""
        self._buffers.clear()
