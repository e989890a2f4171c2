"""Memory for large arrays: pages of their own, and buffers that are used again for every frame."""

from __future__ import annotations

import math
import mmap
from contextlib import suppress
from typing import Any

import numpy as np

from stacker.frames import Image

__all__ = ["Scratch", "blank", "uniform"]

_FLOAT = np.dtype(np.float32)

_OWN_PAGES_FROM = 1 << 20
"""Bytes. Arrays of some 4 to 32 MB would otherwise share the C library's heap with what OpenCV puts down for
a moment, and the holes between them stay with the process: 250 MB in a stack of twelve frames of 24 MP."""

_MORE = 8
"""Buffers are larger by an eighth than asked for: frames reach farther one by one, and what is never touched
takes no memory."""


def blank(shape: tuple[int, ...], dtype: np.dtype[Any] = _FLOAT) -> Image:
    """An array of zeros; large ones are given back to the system as soon as nobody needs them.

    Their pages are taken when they are first touched.
    """
    size = math.prod(shape)
    if size * dtype.itemsize < _OWN_PAGES_FROM or not hasattr(mmap, "MAP_ANONYMOUS"):
        return np.zeros(shape, dtype)
    pages = mmap.mmap(-1, size * dtype.itemsize, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # of kernels without them
            pages.madvise(mmap.MADV_HUGEPAGE)  # as NumPy does for its own: a fault for 2 MB instead of 512
    return np.frombuffer(pages, dtype, size).reshape(shape)


def uniform(shape: tuple[int, ...], value: float, dtype: np.dtype[Any] = _FLOAT) -> Image:
    """The same of another value."""
    array = blank(shape, dtype)
    if value:
        array.fill(value)
    return array


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
            self._buffers.pop(name, None)  # before the larger one is there
            buffer = self._buffers[name] = blank((size + size // _MORE,), np.dtype(dtype))
        return buffer[:size].reshape(shape)

    def release(self) -> None:
        """Give all memory back."""
        self._buffers.clear()
