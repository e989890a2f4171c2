"""What a layered file is made of, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from stacker.frames import FrameMetadata, Image
from stacker.fusion.window import Window
from stacker.io.thumbnail import Thumbnail

__all__ = ["Document", "LayerHead", "LayerSink"]


@dataclass(frozen=True)
class LayerHead:
    """What is said of a layer before its pixels come.

    Attributes
    ----------
    name : str
        For people.
    window : Window
        Where it lies, in pixels of the document.
    visible : bool
        Whether its eye is open.
    """

    name: str
    window: Window
    visible: bool = True


@dataclass(frozen=True)
class Document:
    """A layered picture without its pixels.

    Attributes
    ----------
    width, height : int
        In pixels.
    dtype : dtype
        uint8 or uint16.
    grey : bool
        One channel instead of three.
    layers : tuple of LayerHead
        The bottom one first.
    metadata : FrameMetadata
        Profile, EXIF and XMP.
    thumbnail : Thumbnail or None
        The fused picture, for formats whose thumbnail comes before all layers.
    """

    width: int
    height: int
    dtype: np.dtype[Any]
    grey: bool
    layers: tuple[LayerHead, ...]
    metadata: FrameMetadata
    thumbnail: Thumbnail | None = None

    @property
    def channels(self) -> int:
        """Of colour: 3, or 1 for grey."""
        return 1 if self.grey else 3

    @property
    def profile(self) -> bytes | None:
        """The frames' ICC profile, if it is of the document's colour model."""
        icc = self.metadata.icc
        return None if icc is None or (icc[16:20] == b"GRAY") != self.grey else icc

    @property
    def largest_bytes(self) -> int:
        """Size of a file in which nothing can be made smaller, masks included."""
        areas = sum(layer.window.width * layer.window.height for layer in self.layers)
        samples = areas * (self.channels + 1) + self.width * self.height * self.channels
        return int(samples * self.dtype.itemsize)


class LayerSink(Protocol):
    """A layered file that is being written, layer by layer: nothing is kept in memory."""

    path: Path

    def add(self, planes: Image, mask: Image | None) -> None:
        """Write the next layer.

        Parameters
        ----------
        planes : ndarray, shape (channels, h, w)
            In the document's type, as large as its window.
        mask : ndarray or None, shape (h, w)
            In the document's type; None for white.
        """

    def finish(self, merged: Image) -> None:
        """Write what all visible layers show together, shape (channels, H, W), and close the file."""

    def close(self) -> None:
        """Let go of a file that is or is not finished."""
