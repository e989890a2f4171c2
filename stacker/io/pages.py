"""Memory for the pixels of frames, which is used again once nobody looks at a frame any more."""

from __future__ import annotations

import math
import weakref
from collections import deque

import numpy as np

from stacker.frames import Image
from stacker.loops.scratch import blank

__all__ = ["Pages"]

_KEPT = 2
"""As many frames are in memory while one is read and another is fused."""


class Pages:
    """Lends arrays, and takes their memory back when they and all views of them are gone.

    Fresh memory has to be cleared by the system page by page. For 24 megapixels that takes a tenth of the
    time of decoding a JPEG into it, and much more where a virtual machine's host has to find it first.
    """

    def __init__(self) -> None:
        self._free: deque[Image] = deque(maxlen=_KEPT)  # which may be used by several threads at a time
        self._released = False

    def array(self, *shape: int) -> Image:
        """An array of bytes of that shape with undefined content."""
        size = math.prod(shape)
        memory = self._taken(size)
        lent = np.frombuffer(memory.data, np.uint8, size)
        # Views know the array that they are of: it lives as long as they do.
        weakref.finalize(lent, self._back, memory).atexit = False
        return lent.reshape(shape)

    def release(self) -> None:
        """Give the memory back to the system; what is lent now goes there as well."""
        self._released = True
        self._free.clear()

    def _back(self, memory: Image) -> None:
        if not self._released:
            self._free.append(memory)

    def _taken(self, size: int) -> Image:
        while self._free:
            try:
                memory = self._free.pop()
            except IndexError:  # another thread was quicker
                break
            if memory.size == size:
                return memory
        return blank((size,), np.dtype(np.uint8))
