"""A finished stack as a layered file: one registered frame a layer, with a mask that shows where it is used.

The bottom layer comes first. With weights w that add up to one, layer i gets the mask wᵢ / Σⱼ≤ᵢ wⱼ: painting
layers over one another with these (Porter and Duff, "Compositing digital images", 1984) gives Σ wᵢ Iᵢ.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from stacker.colour.convert import convert_depth
from stacker.colour.spaces import ColourSpace
from stacker.errors import UserError
from stacker.frames import Image, full_scale
from stacker.fusion.window import Window
from stacker.io.atomic import replace_atomically, require_folder
from stacker.io.stored import in_space
from stacker.io.thumbnail import thumbnail_of
from stacker.loops.scratch import Scratch
from stacker.outputs.layered import Document, LayerHead, LayerSink
from stacker.outputs.partition import Partition, never_used, partition_of
from stacker.outputs.registered import RegisteredFrames, picture_window
from stacker.result import Stack

__all__ = ["LAYER_SUFFIXES", "FusedLayer", "LayersWritten", "blend", "layer_name", "write_layers"]

LAYER_SUFFIXES = (".psd", ".psb", ".tif", ".tiff", ".ora")
"""What layers can be written as."""

_BLEND_ROWS = 16
"""Rows that are blended at once: they stay in the processor's cache."""


class FusedLayer(Enum):
    """What becomes of the fused picture."""

    HIDDEN = "hidden"
    """The top layer, its eye closed: the picture is made of the frames."""
    SHOWN = "shown"
    """The top layer, its eye open: masked away where a frame is to show."""
    NONE = "none"
    """Left out."""


@dataclass(frozen=True)
class LayersWritten:
    """What came of it.

    Attributes
    ----------
    path : Path
        The file; another name than was asked for when that format cannot hold it.
    layers : tuple of str
        Names, the bottom one first.
    unused : tuple of str
        Names of stacked frames that make nothing of the picture.
    notes : tuple of str
        What a person should know.
    """

    path: Path
    layers: tuple[str, ...]
    unused: tuple[str, ...]
    notes: tuple[str, ...]


def write_layers(
    stack: Stack,
    path: Path | str,
    *,
    bit_depth: int | None = None,
    colour_space: ColourSpace | None = None,
    fused: FusedLayer = FusedLayer.HIDDEN,
    keep_unused: bool = False,
    retouches: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> LayersWritten:
    """Write a layered file, complete or not at all; its frames are read once more.

    Parameters
    ----------
    stack : Stack
        With a depth index; its frames are files.
    path : Path or str
        Ends in ``.psd``, ``.psb``, ``.tif`` or ``.ora``. A PSD that would be too large becomes a PSB.
    bit_depth : int, optional
        8 or 16; the frames' own by default, and 16 for floats.
    colour_space : ColourSpace, optional
        All layers are converted to; they stay as they are by default.
    fused : FusedLayer
        What becomes of the fused picture.
    keep_unused : bool
        Write frames that make nothing of the picture too, with a black mask.
    retouches : int
        How many are in the stack's picture: its layer is named so. See `stacker.retouched`.
    progress : callable, optional
        Told of every layer.

    Returns
    -------
    LayersWritten
        What is in the file, and what is not.

    Raises
    ------
    UserError
        When the format is unknown, the depth is not known, or frames were arrays.
    DataError
        When a frame is gone or has changed, or the disk is full.
    """
    path = Path(path)
    require_folder(path, LAYER_SUFFIXES)
    partition = partition_of(stack, keep_unused)
    frames = RegisteredFrames(stack, partition.places)
    document = _document(stack, frames, bit_depth, fused, retouches)
    path, notes = _fitting(path, document)
    painter = _Painter(document, colour_space)
    if colour_space is not None:
        icc = colour_space.icc_grey if document.grey else colour_space.icc
        document = replace(document, metadata=replace(document.metadata, icc=icc))

    def fill(temporary: Path) -> None:
        sink = _sink(temporary, path.suffix.lower(), document)
        try:
            _fill(sink, stack, frames, partition, document, painter, fused, progress)
        finally:
            sink.close()

    replace_atomically(path, fill)
    return LayersWritten(
        path,
        tuple(layer.name for layer in document.layers),
        tuple(stack.reports[place].name for place in never_used(stack, partition)),
        (*notes, *painter.notes),
    )


class _Painter:
    """Brings planes into the depth and colour space of a document.

    Parameters
    ----------
    document : Document
        With the profile of the frames.
    space : ColourSpace or None
        Where to convert to; None leaves colours as they are.
    """

    def __init__(self, document: Document, space: ColourSpace | None) -> None:
        self._document, self._space = document, space
        self.notes: tuple[str, ...] = ()

    def planes(self, planes: Image) -> Image:
        """Shape (3, h, w) to (channels, h, w); `notes` tells of the last ones."""
        grey, bits = self._document.grey, self._document.dtype.itemsize * 8
        if self._space is None:
            return np.ascontiguousarray(convert_depth(planes[1:2] if grey else planes, bits))
        picture = planes[1] if grey else np.moveaxis(planes, 0, -1)
        stored = in_space(picture, self._document.metadata, self._space, bits)
        self.notes = stored.notes
        return np.ascontiguousarray(np.atleast_3d(stored.samples).transpose(2, 0, 1))


def layer_name(stack: Stack, place: int) -> str:
    """Number of the frame from 1, its file and where on the rail it was taken, as far as that is known."""
    report = stack.reports[place]
    position = "" if report.position_mm is None else f" {report.position_mm:+.3f} mm"
    return f"{report.index + 1:03d} {report.name}{position}"


def _document(
    stack: Stack, frames: RegisteredFrames, bits: int | None, fused: FusedLayer, retouches: int
) -> Document:
    canvas = picture_window(stack)
    heads = []
    for place in frames.places:
        window = frames.window(place)
        on_canvas = Window(window.x - canvas.x, window.y - canvas.y, window.width, window.height)
        heads.append(LayerHead(layer_name(stack, place), on_canvas))
    if fused is not FusedLayer.NONE:
        repairs = f", {retouches} retouch{'es' if retouches != 1 else ''}" if retouches else ""
        name = f"fused ({stack.method}){repairs}"
        whole = Window(0, 0, canvas.width, canvas.height)
        heads.append(LayerHead(name, whole, fused is FusedLayer.SHOWN))
    deep = (bits or stack.image.dtype.itemsize * 8) > 8
    return Document(
        canvas.width,
        canvas.height,
        np.dtype(np.uint16 if deep else np.uint8),
        stack.metadata.grey,
        tuple(heads),
        stack.metadata,
        thumbnail_of(stack.image[..., 1] if stack.metadata.grey else stack.image, stack.metadata.icc),
    )


def _fitting(path: Path, document: Document) -> tuple[Path, tuple[str, ...]]:
    """The name under which a document can be written, and why that is not the one asked for."""
    from stacker.outputs.layered_psd import needs_psb
    from stacker.outputs.layered_tiff import MOST_TIFF_BYTES

    suffix = path.suffix.lower()
    if suffix == ".psd" and (why := needs_psb(document)):
        larger = path.with_suffix(".psb")
        return larger, (f"written as {larger.name} instead of {path.name}: {why}",)
    if suffix in {".tif", ".tiff"} and document.largest_bytes > MOST_TIFF_BYTES:
        size = document.largest_bytes / 1e9
        raise UserError(
            f"The layers may need {size:.1f} GB, and a TIFF with layers has 4 at most: name a .psb"
        )
    return path, ()


def _sink(path: Path, suffix: str, document: Document) -> LayerSink:
    if suffix == ".ora":
        from stacker.outputs.layered_ora import OraSink

        return OraSink(path, document)
    if suffix in {".tif", ".tiff"}:
        from stacker.outputs.layered_tiff import TiffSink

        return TiffSink(path, document)
    from stacker.outputs.layered_psd import PsdSink

    return PsdSink(path, document, large=suffix == ".psb")


def _fill(
    sink: LayerSink,
    stack: Stack,
    frames: RegisteredFrames,
    partition: Partition,
    document: Document,
    painter: _Painter,
    fused: FusedLayer,
    progress: Callable[[int, int, str], None] | None,
) -> None:
    shape = document.height, document.width
    merged = np.zeros((document.channels, *shape), np.float32)
    scratch = Scratch()
    below = np.zeros(partition.lower.shape, np.float32)
    with closing(frames.laid()) as laid_frames:
        for number, laid in enumerate(laid_frames):
            window = document.layers[number].window
            planes = painter.planes(laid.planes)
            mask = scratch.array("mask", window.height, window.width, dtype=document.dtype)
            partition.mask(number, below, window, mask)
            blend(merged, planes, mask, window)
            sink.add(planes, mask)
            if progress is not None:
                progress(number + 1, len(document.layers), stack.reports[laid.place].name)
    top = None
    if fused is not FusedLayer.NONE:
        top = painter.planes(np.moveaxis(stack.image, -1, 0))
        sink.add(top, None)
        if progress is not None:
            progress(len(document.layers), len(document.layers), "fused picture")
    sink.finish(top if top is not None and fused is FusedLayer.SHOWN else _rounded(merged, document.dtype))


def _rounded(values: Image, dtype: np.dtype[Any]) -> Image:
    found = np.empty(values.shape, dtype)
    for plane, out in zip(values, found, strict=True):
        for top in range(0, len(plane), _BLEND_ROWS):
            rows = slice(top, top + _BLEND_ROWS)
            out[rows] = np.clip(np.rint(plane[rows]), 0, full_scale(dtype))
    return found


def blend(merged: Image, planes: Image, mask: Image, window: Window) -> None:
    """Paint a layer over what is there, through its mask, as a program does that shows the file.

    Parameters
    ----------
    merged : ndarray of float32, shape (channels, H, W)
        Is painted on.
    planes, mask : ndarray, shape (channels, h, w), (h, w)
        The layer.
    window : Window
        Where it lies.
    """
    scale = np.float32(1 / full_scale(mask.dtype))
    for top in range(0, window.height, _BLEND_ROWS):
        rows = mask[top : top + _BLEND_ROWS]
        columns = np.flatnonzero(rows.any(axis=0))
        if not columns.size:
            continue
        across = slice(int(columns[0]), int(columns[-1]) + 1)
        share = rows[:, across] * scale
        y, x = window.y + top, window.x + across.start
        for plane, under in zip(planes, merged, strict=True):
            part = under[y : y + rows.shape[0], x : x + share.shape[1]]
            part += share * (plane[top : top + _BLEND_ROWS, across] - part)
