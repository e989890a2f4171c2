"""Gives frames the light back that dust has taken: divided by what it lets through, in linear light.

That keeps all detail; noise grows by as much as light is missing. Where hardly any came through there is
nothing to divide, and the surroundings are carried on.
"""

from __future__ import annotations

import cv2
import numpy as np

from stacker.frames import Image, full_scale
from stacker.io.development import Recipe, SensorLevels
from stacker.io.grey import decoded_light, encoded_light
from stacker.io.sensor.mosaic import Mosaic
from stacker.io.sensor.specks import Dust, Speck

__all__ = ["as_stored", "mend_dust", "mend_dust_in_counts"]

_OPAQUE, _SEEN_THROUGH = 0.12, 0.25
"""Light that comes through: below the first nothing is left but noise and black level, which divided by it
would be worse than a guess; from the second on all of it is used. Between them the two are mixed."""

_BURNT = 0.995
"""Of white: what is clipped in spite of the speck is white."""

_AROUND = 0.5
"""Of a speck's size: how much of the surroundings is looked at for what is carried on."""

_WIDEST, _NARROWEST_PX, _SURE = 0.25, 0.7, 0.25
"""Deviations of the means that are carried on, from that share of the part down; a mean is believed in full
where a quarter of what it is made of is known."""


def mend_dust(pixels: Image, orientation: int, recipe: Recipe | None) -> Image:
    """Mend a frame that came developed; its curve is taken for that of sRGB.

    Parameters
    ----------
    pixels : ndarray, shape (h, w, 3)
        uint8, uint16 or float32, upright; may be reduced. Written to where that is possible.
    orientation : int
        EXIF orientation (1 to 8) that was applied to it.
    recipe : Recipe or None
        Of its stack.

    Returns
    -------
    ndarray
        The same pixels, or a copy where they could not be written to.
    """
    dust = None if recipe is None else recipe.dust
    if dust is None or dust.raw or not dust.specks:
        return pixels
    if not pixels.flags.writeable:
        pixels = pixels.copy()
    stored = as_stored(pixels, orientation)
    height, width = stored.shape[:2]
    scale = width / dust.size_px[0]
    if scale > 1 or abs(dust.size_px[1] * scale - height) > 1:  # reduced pictures are rounded up
        return pixels
    white = full_scale(pixels.dtype)
    for speck in dust.specks:
        rows, columns, let_through = _shadow(speck, scale, (width, height))
        if not let_through.size:
            continue
        part = stored[rows, columns].astype(np.float32) / np.float32(white)
        burnt = part >= _BURNT
        mended = encoded_light(_mended(decoded_light(part), let_through))
        mended = np.where(burnt, part, mended)
        if pixels.dtype.kind != "f":
            mended = np.rint(np.clip(mended, 0, 1) * np.float32(white))
        stored[rows, columns] = np.where(let_through[..., None] < 1, mended, stored[rows, columns])
    return pixels


def mend_dust_in_counts(counts: Image, colours: Image, levels: SensorLevels, dust: Dust) -> None:
    """Mend what a sensor counted, before its mosaic is interpolated.

    Parameters
    ----------
    counts : ndarray of uint16, shape (h, w)
        Written to.
    colours : ndarray, shape (h, w)
        LibRaw's colour of each pixel.
    levels : SensorLevels
        Of the body.
    dust : Dust
        Of RAW frames of that size.
    """
    mosaic = Mosaic.of(colours)
    period = 1 if mosaic is None else mosaic.period
    black = np.array(levels.black, np.float32)
    for speck in dust.specks:
        rows, columns, let_through = _shadow(speck, 1.0, levels.size_px)
        part = counts[rows, columns]
        own_black = black[np.minimum(colours[rows, columns], black.size - 1)]
        light = part.astype(np.float32) - own_black
        mended = np.empty_like(light)
        for y in range(period):  # what is carried on has to be of the same colour
            for x in range(period):
                some = np.s_[y::period, x::period]
                mended[some] = _mended(light[some][..., None], let_through[some])[..., 0]
        mended = np.clip(np.rint(mended + own_black), 0, max(levels.white, int(part.max(initial=0))))
        keep = (part >= _BURNT * levels.white) | (let_through >= 1)
        counts[rows, columns] = np.where(keep, part, mended.astype(counts.dtype))


def as_stored(pixels: Image, orientation: int) -> Image:
    """The view of an upright picture that lies as its file has it: undoes `stacker.io.decode.upright`."""
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    return np.swapaxes(pixels, 0, 1) if orientation in {5, 6, 7, 8} else pixels


def _shadow(speck: Speck, scale: float, size_px: tuple[int, int]) -> tuple[slice, slice, Image]:
    """Rows and columns of a speck and of some of what is around it, and what it lets through, there."""
    losses = speck.losses
    rows, down = _tents(speck.top_px, speck.step_px, losses.shape[0], scale, size_px[1])
    columns, along = _tents(speck.left_px, speck.step_px, losses.shape[1], scale, size_px[0])
    return rows, columns, np.asarray(1 - down @ losses @ along.T, np.float32)


def _tents(first_px: int, step_px: int, count: int, scale: float, size_px: int) -> tuple[slice, Image]:
    """Along one side: the pixels, and by how much each takes part of each cell; shape (pixels, cells)."""
    around = max(2.0 * step_px, _AROUND * count * step_px) if count else 0.0
    start = max(0, int((first_px - around) * scale))
    stop = max(start, min(size_px, int(np.ceil((first_px + count * step_px + around) * scale))))
    at = ((np.arange(start, stop) + 0.5) / scale - first_px) / step_px - 0.5
    weights = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(count)))
    return slice(start, stop), weights.astype(np.float32)


def _mended(light: Image, let_through: Image) -> Image:
    """Light (h, w, n) without the shadow (h, w)."""
    through = let_through[..., None]
    whole = light / np.maximum(through, np.float32(_OPAQUE))
    if not through.size or through.min() >= _SEEN_THROUGH:
        return np.asarray(whole)
    share = np.clip((through - _OPAQUE) / (_SEEN_THROUGH - _OPAQUE), 0, 1)
    return np.asarray(share * whole + (1 - share) * _carried_on(whole, share[..., 0]))


def _carried_on(values: Image, known: Image) -> Image:
    """Of every place the mean of what is known around it, from as near as there is enough."""
    mean = values.reshape(-1, values.shape[2]).mean(axis=0)
    filled = np.broadcast_to(mean, values.shape).astype(np.float32)
    sigma = max(values.shape[:2]) * _WIDEST
    while sigma >= _NARROWEST_PX:
        weight = cv2.GaussianBlur(known, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)[..., None]
        near = cv2.GaussianBlur(values * known[..., None], (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        sure = np.clip(weight / _SURE, 0, 1)
        filled = sure * near.reshape(values.shape) / np.maximum(weight, 1e-6) + (1 - sure) * filled
        sigma /= 2
    return np.asarray(filled, np.float32)
