"""The pictures of a page: the result, crops of it, frames, which frames reach where, and depth."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import imagecodecs
import matplotlib as mpl
import numpy as np
import PIL.Image

from stacker.errors import StackerError
from stacker.frames import FrameSource, Image
from stacker.fusion.window import Spans, Window
from stacker.io.decode import read_again
from stacker.io.grey import balanced
from stacker.io.sensor.dust_mending import mend_dust
from stacker.io.thumbnail import small_srgb
from stacker.outputs.registered import picture_window
from stacker.report.page import Bar, Picture
from stacker.result import Stack

__all__ = ["along_depth", "coverage", "crops", "depth_picture", "overlay_picture", "result_picture", "stamps"]

RESULT_PX, MAP_PX, STAMP_PX = 1600, 900, 320
"""Longer sides: a page's width on a dense screen; half of it; a card's width on a dense screen."""

CROP_PX = (600, 400)
_CROPS = 3
_QUALITY = 82
"""Of JPEGs: 300 kB for the result, some MB for a page of a hundred frames."""

_THREADS = 4
_LEGEND_COLOURS = 9
_UNSURE = 0.6
"""How much of a colour gives way to grey where nothing is known of the depth."""

_GREY = np.float32(128)


def result_picture(stack: Stack, alt: str) -> Picture:
    """The stacked picture, reduced."""
    small = small_srgb(stack.image, stack.metadata.icc, RESULT_PX)
    height, width = stack.image.shape[:2]
    shown = f"{small.shape[1] / width:.0%} of its size" if small.shape[1] < width else "at full size"
    return _jpeg(small, alt, f"The picture, {width} × {height} px, {shown}.")


def crops(stack: Stack) -> list[Picture]:
    """The places with the most detail, pixel by pixel, apart from one another."""
    height, width = stack.image.shape[:2]
    columns, rows = min(CROP_PX[0], width), min(CROP_PX[1], height)
    if columns * rows * _CROPS > height * width:
        return []  # the picture itself is hardly larger
    green = stack.image[::2, ::2, 1].astype(np.float32)
    detail = cv2.boxFilter(np.abs(cv2.Laplacian(green, cv2.CV_32F)), -1, (columns // 2, rows // 2))
    detail[~stack.valid[::2, ::2]] = 0
    found = []
    for _ in range(_CROPS):
        y, x = np.unravel_index(int(np.argmax(detail)), detail.shape)
        left = int(np.clip(2 * x - columns // 2, 0, width - columns))
        top = int(np.clip(2 * y - rows // 2, 0, height - rows))
        part = stack.image[top : top + rows, left : left + columns]
        small = small_srgb(np.ascontiguousarray(part), stack.metadata.icc, max(CROP_PX))
        where = f"100 %, from {left}, {top} px."
        found.append(_jpeg(small, f"A part of the picture, {where}", where))
        detail[max(0, y - rows // 2) : y + rows // 2, max(0, x - columns // 2) : x + columns // 2] = 0
    return found


def stamps(sources: Sequence[FrameSource | None]) -> list[Picture | None]:
    """Frames as small pictures, developed as the stack's; None where a file is gone or cannot be read."""
    with warnings.catch_warnings(), ThreadPoolExecutor(_THREADS, "stacker-stamps") as pool:
        # Pillow is wary of more than 89 megapixels, which are a photographer's own here.
        warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
        return list(pool.map(_stamp, sources))


def _stamp(source: FrameSource | None) -> Picture | None:
    if source is None:
        return None
    try:
        pixels, icc = _drafted(source) or _whole(source)
    except (StackerError, OSError, ValueError):
        return None
    return _jpeg(small_srgb(pixels, icc, STAMP_PX), f"Frame {source.path.name}", "")


def _drafted(source: FrameSource) -> tuple[Image, bytes | None] | None:
    """A JPEG as its decoder reduces it on the way: a fifth of the time."""
    if source.orientation != 1 or source.path.suffix.lower() not in {".jpg", ".jpeg"}:
        return None
    try:
        with PIL.Image.open(source.path) as opened:
            opened.draft("RGB", (2 * STAMP_PX, 2 * STAMP_PX))
            pixels, icc = np.asarray(opened.convert("RGB")), opened.info.get("icc_profile")
    except PIL.Image.DecompressionBombError:  # twice as many, which our own decoder takes
        return None
    if source.recipe is None:
        return pixels, icc
    mended = mend_dust(pixels, source.orientation, source.recipe)
    return balanced(mended, source.recipe.gains), icc


def _whole(source: FrameSource) -> tuple[Image, bytes | None]:
    frame = read_again(source)
    return frame.pixels, frame.metadata.icc


def coverage(stack: Stack) -> tuple[Picture, float]:
    """How many frames reach each place, and the share of the picture that all of them do."""
    canvas, used = picture_window(stack), [report for report in stack.reports if report.used]
    step = max(1, -(-max(canvas.width, canvas.height) // MAP_PX))
    wide = Window(canvas.x, canvas.y, canvas.width // step * step, canvas.height // step * step)
    count = np.zeros((wide.height // step, wide.width // step), np.float32)
    for report in used:
        count += Spans.of_frame(report.matrix, stack.frame_size, wide, -0.5, step).mask(count.shape[1]) > 0
    total = len(used)
    pixels = _coloured(count / np.float32(max(1, total)), "cividis")
    bar = Bar(_legend("cividis"), ("0", f"{total} frames"))
    everywhere = float((count == total).mean())
    alt = f"Map of how many frames reach each place; {everywhere:.0%} of the picture is reached by all."
    return _jpeg(pixels, alt, "How many frames reach each place.", bar), everywhere


def along_depth(stack: Stack, index: float) -> str:
    """A depth in millimetres of the rail, or as a frame's number where positions are not known."""
    known = [report for report in stack.reports if report.position_mm is not None]
    if len(known) < len(stack.reports):
        return f"frame {index + 1:g}"
    ordered = sorted(known, key=lambda report: report.index)
    positions = [report.position_mm or 0.0 for report in ordered]
    return f"{float(np.interp(index, [report.index for report in ordered], positions)):.3f} mm"


def depth_picture(stack: Stack) -> Picture | None:
    """Depth by colour, greyer the less is known; None when the method does not tell."""
    if stack.depth is None:
        return None
    height, width = stack.image.shape[:2]
    step = max(1, -(-max(height, width) // MAP_PX))
    index = np.ascontiguousarray(stack.depth.index[::step, ::step])
    confidence = np.ascontiguousarray(stack.depth.confidence[::step, ::step])
    used = [report.index for report in stack.reports if report.used]
    low, high = min(used), max(used)
    share = np.nan_to_num((index - np.float32(low)) / np.float32(max(1, high - low)))
    faded = np.float32(_UNSURE) * (1 - np.clip(confidence, 0, 1))[..., None]
    pixels = _coloured(share, "viridis").astype(np.float32)
    pixels = np.where(np.isnan(index)[..., None], _GREY, pixels * (1 - faded) + _GREY * faded)
    marks = [along_depth(stack, at) for at in (low, (low + high) / 2, high)]
    alt = f"Depth map: colours from {marks[0]} to {marks[-1]} show which frame is the sharpest."
    return _jpeg(
        pixels.astype(np.uint8),
        alt,
        "Where each place is sharpest, on the rail, towards the subject; greyer where that is less sure."
        if "mm" in marks[0]
        else "Which frame is the sharpest; greyer where that is less sure.",
        Bar(_legend("viridis"), tuple(marks)),
    )


def _coloured(share: Image, name: str) -> Image:
    table = (mpl.colormaps[name](np.linspace(0, 1, 256))[:, :3] * 255).astype(np.uint8)
    return np.asarray(table[(np.clip(share, 0, 1) * 255).astype(np.uint8)])


def _legend(name: str) -> tuple[str, ...]:
    return tuple(mpl.colors.to_hex(mpl.colormaps[name](x)) for x in np.linspace(0, 1, _LEGEND_COLOURS))


def _jpeg(pixels: Image, alt: str, caption: str, bar: Bar | None = None) -> Picture:
    data = bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(pixels), level=_QUALITY))
    return Picture(data, alt, caption, (pixels.shape[1], pixels.shape[0]), bar)


def overlay_picture(pixels: Image, alt: str, caption: str) -> Picture:
    """A picture that is sRGB already, reduced."""
    return _jpeg(small_srgb(pixels, None, RESULT_PX), alt, caption)
