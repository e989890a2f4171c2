"""How good a result is: the truth laid on it, brightness fitted, and errors told by place.

All errors are on a scale of 0 to 255 in sRGB, whatever the bits.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import cv2
import numpy as np

from benchmarks.geometry import Placement, locate
from benchmarks.stacks import Array, RenderedStack, View

__all__ = ["Places", "Scores", "frame_noise", "places_of", "score"]

# Shares of the frame's width, so that the same places count at any size.
_EDGE_BLUR = 0.004  # a step in depth is an edge when one side blurs the other by this much: 6 px of 1500
_BAND = 0.006  # reach of the band beside an edge: 9 px of 1500
_HAIR = 0.009  # what is thinner than this and nearer than its surroundings is a hair: 13 px of 1500
_FLAT_LEVEL = 0.7  # of 255: a place is flat when the truth varies less within its window
_FLAT_WINDOW_PX = 15
_LEAST_PART = 0.003  # of the field; on fewer pixels a figure means nothing
_RIM_PX = 6  # beside the result's rim and its transparent parts, where warps read from outside


@dataclass(frozen=True)
class Scores:
    """Figures of one result; nan where a scene has no such place.

    Parameters
    ----------
    psnr_db : float
        Over the common field, white at 255.
    ssim : float
        Mean structural similarity of grey (Wang and others, 2004).
    edge_rmse, hair_rmse, rest_rmse : float
        Root mean square error beside edges in depth, on hairs, and away from both.
    colour_error : float
        Mean over flat places and channels of how far local means are off.
    flat_noise : float
        Standard deviation about local means in flat places.
    gain, offset : float
        Fitted: gain · result + offset is like the truth.
    residual_px : float
        See `Placement`.
    view : str
        See `Placement`.
    field : float
        Part of the truth's view that was scored.
    """

    psnr_db: float
    ssim: float
    edge_rmse: float
    hair_rmse: float
    rest_rmse: float
    colour_error: float
    flat_noise: float
    gain: float
    offset: float
    residual_px: float
    view: str
    field: float

    def as_json(self) -> dict[str, float | str | None]:
        """The figures by name, None for nan."""
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True)
class Places:
    """Where what is measured; (h, w) bool in a view of the truth."""

    field: Array
    edges: Array
    hairs: Array
    flats: Array


def places_of(stack: RenderedStack, view: View) -> Places:
    """Common field, band beside edges in depth, hairs and flats of a stack."""
    width = stack.size_px[0]
    recipe = stack.recipe
    # Sensor blur of a plane dz off focus is m²/Ne·dz; in pixels of a frame:
    px_per_mm = recipe.magnification / recipe.effective_f_number * width / recipe.width_mm
    jump_mm = _EDGE_BLUR * width / px_per_mm
    depth = stack.depth_mm(view)
    around = np.ones((3, 3), np.uint8)
    edge = cv2.dilate(depth, around) - cv2.erode(depth, around) > jump_mm
    edges = cv2.dilate(edge.astype(np.uint8), _disc(_BAND * width)) > 0
    closed = cv2.morphologyEx(depth, cv2.MORPH_CLOSE, _disc(_HAIR * width / 2.0))
    hairs = closed - depth > jump_mm
    field = np.zeros(depth.shape, bool)
    field[stack.common(view)] = True
    grey = (stack.truth(view).mean(axis=2) * 255.0).astype(np.float32)
    spread = np.sqrt(np.maximum(_mean(grey * grey) - _mean(grey) ** 2, 0.0))
    flats = (spread < _FLAT_LEVEL) & ~edges
    return Places(field, edges, hairs, flats)


def score(result: Array, stack: RenderedStack, placement: Placement | None = None) -> Scores:
    """Score a result against the truth of its stack.

    Parameters
    ----------
    result : Array
        (h, w, 3 or 4) uint8 or uint16, RGB, the fourth channel being what is valid; any crop or scale.
    stack : RenderedStack
        What it was made of.
    placement : Placement, optional
        Where it lies, when that is known.

    Raises
    ------
    NotLocated
        When the result is not recognised in the truth.
    """
    picture = _unit(result[..., :3])
    inside = _inside(result)
    placement = placement or locate(picture, stack, inside)
    places = places_of(stack, placement.view)
    truth = placement.laid_truth(stack) * np.float32(255.0)
    scored = _laid_mask(placement, places.field) & inside
    goal, have = truth[scored].astype(np.float64), 255.0 * picture[scored].astype(np.float64)
    gain, offset = _fitted(have.ravel(), goal.ravel())
    error = (np.float32(255.0 * gain) * picture + np.float32(offset) - truth).astype(np.float32)
    edges, hairs, flats = (_laid_mask(placement, m) for m in (places.edges, places.hairs, places.flats))
    mean_square = float(np.mean(np.square(error[scored], dtype=np.float64)))
    drift, noise = _in_flats(error, scored & flats)
    return Scores(
        psnr_db=math.inf if mean_square == 0 else 10.0 * math.log10(255.0**2 / mean_square),
        ssim=float(_ssim(truth + error, truth)[scored].mean()),
        edge_rmse=_rmse(error, scored & edges, scored),
        hair_rmse=_rmse(error, scored & hairs, scored),
        rest_rmse=_rmse(error, scored & ~edges & ~hairs, scored),
        colour_error=drift,
        flat_noise=noise,
        gain=gain,
        offset=offset,
        residual_px=placement.residual_px,
        view=placement.view,
        field=float(scored.sum()) * placement.scale**2 / places.field.size,
    )


def frame_noise(stack: RenderedStack) -> float:
    """Noise of the middle frame in flat places, as `Scores.flat_noise`; blur does not change what is flat."""
    for index, frame in enumerate(stack.frames()):
        if index == stack.reference:
            error = _unit(frame) * np.float32(255.0) - stack.truth() * np.float32(255.0)
            places = places_of(stack, "middle")
            return _in_flats(error, places.flats & places.field)[1]
    raise AssertionError("a stack has a middle frame")


def _in_flats(error: Array, where: Array) -> tuple[float, float]:
    """Mean drift of local means, and deviation about them."""
    # A window counts when it is flat all over.
    inner = cv2.erode(where.astype(np.uint8), np.ones((_FLAT_WINDOW_PX, _FLAT_WINDOW_PX), np.uint8)) > 0
    if inner.mean() < _LEAST_PART:
        return math.nan, math.nan
    local = _mean(error)
    return float(np.abs(local[inner]).mean()), float(np.std((error - local)[inner]))


def _rmse(error: Array, where: Array, field: Array) -> float:
    if where.sum() < _LEAST_PART * field.sum():
        return math.nan
    return math.sqrt(float(np.mean(np.square(error[where], dtype=np.float64))))


def _fitted(have: Array, goal: Array) -> tuple[float, float]:
    """Gain and offset, one pair for all channels, so that a shift of colour counts as an error."""
    spread = float(have.var())
    gain = float(np.mean((have - have.mean()) * (goal - goal.mean()))) / spread if spread else 1.0
    return gain, float(goal.mean() - gain * have.mean())


def _inside(result: Array) -> Array:
    """Pixels well within what is valid of a result."""
    valid = np.ones(result.shape[:2], np.uint8)
    if result.shape[2] == 4:
        valid = (result[..., 3] > 0).astype(np.uint8)
    size = 2 * _RIM_PX + 1
    return np.asarray(
        cv2.erode(valid, np.ones((size, size), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
    )


def _laid_mask(placement: Placement, mask: Array) -> Array:
    laid = cv2.remap(
        mask.astype(np.uint8),
        placement.map_xy,
        None,  # type: ignore[call-overload]
        cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return np.asarray(laid > 0)


def _ssim(first: Array, second: Array) -> Array:
    """Structural similarity of grey at each pixel: windows of σ = 1.5 px, constants for white at 255."""
    a, b = (picture.mean(axis=2, dtype=np.float32) for picture in (first, second))
    blurred = [cv2.GaussianBlur(x, (11, 11), 1.5) for x in (a, b, a * a, b * b, a * b)]
    mean_a, mean_b, aa, bb, ab = blurred
    c1, c2 = (0.01 * 255.0) ** 2, (0.03 * 255.0) ** 2
    top = (2.0 * mean_a * mean_b + c1) * (2.0 * (ab - mean_a * mean_b) + c2)
    below = (mean_a**2 + mean_b**2 + c1) * (aa - mean_a**2 + bb - mean_b**2 + c2)
    return np.asarray(top / below)


def _mean(picture: Array) -> Array:
    return np.asarray(cv2.blur(picture, (_FLAT_WINDOW_PX, _FLAT_WINDOW_PX)))


def _disc(radius: float) -> Array:
    size = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))


def _unit(picture: Array) -> Array:
    return np.asarray(picture.astype(np.float32) / np.float32(np.iinfo(picture.dtype).max))
