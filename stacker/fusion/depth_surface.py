"""Turns what was measured about depth cell by cell into a surface with a confidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np

from stacker.frames import Image
from stacker.loops.workers import by_loops, over_rows, run_rows

__all__ = [
    "LOCAL",
    "by_strips",
    "confidence_and_roughness",
    "confidence_of",
    "filled",
    "focus_length",
    "focus_lengths",
    "roughness",
    "strips_with_halo",
]

LOCAL = 5
"""Window in cells in which the index of a surface lies on a plane."""

_CLEAR = 2.5
"""Logarithm of energy over noise from which more light up nothing: the peak stands out."""

_MEASURED = (3.3, -1.1, -1.35, -7.9)
_REGULARISED = (4.62, -0.65, -2.03, -13.06)
"""Coefficients of the peak, of the spread and of the roughness, and the constant, of logistic regressions:
for the index as it was measured and for that of the surface. Fitted to whether it is within one slice of the
truth in the six stacks of ``benchmarks.stacks`` (750 px, seed 1), so that confidence is about that
probability. (The second with the weights of the peak and of the spread held where no stack suffers.)"""

_Coefficients = tuple[float, float, float, float]

_SPREAD_FLOOR, _ROUGHNESS_FLOOR = 0.1, 0.05
"""In focus widths: differences below these say nothing."""

_SURFACE_VARIANCE = 0.25
"""Variance (slices squared) in a window that counts as noise of one surface rather than as its shape."""

_GUIDE_RADIUS = 8
_GUIDE_VARIANCE = 25.0
"""Of the guided filter: window in cells, and the variance of luma (0 to 255) below which nothing is an
edge."""

_COARSE = 2
"""Surroundings are looked at in blocks of so many cells: what fills is smooth."""

_SAMPLE = 4
"""One cell of so many along both sides is enough for a median."""

_STRIP_CELLS = 65536
"""Handled at a time by each thread, so that intermediate values stay in the processor's cache."""

_SUPPORT = 0.1
"""Confidence in a window from which the guide is believed; below, wider surroundings fill."""


def focus_length(peak: Image, variance: Image) -> float:
    """For how many slices things stay sharp: less than 1 where slices are thicker than the depth of field.

    Parameters
    ----------
    peak : ndarray, shape (h, w)
        Logarithm of the largest energy over noise.
    variance : ndarray, shape (h, w)
        Of the index, in slices squared.
    """
    return focus_lengths(peak, variance, 0.0)[0]


def focus_lengths(peak: Image, variance: Image, *least_peaks: float) -> list[float]:
    """The same of the cells alone whose peak is not below some: in a picture without much detail the better
    half is noise, which spreads over all slices."""
    some, spread = (np.ascontiguousarray(plane[::_SAMPLE, ::_SAMPLE]) for plane in (peak, variance))
    middle = _median(some)
    known: dict[float, float] = {}
    for least in {max(middle, least) for least in least_peaks}:
        seen = spread[some >= least]
        known[least] = float(np.sqrt(_median(seen))) if seen.size else 1.0
    return [known[max(middle, least)] for least in least_peaks]


def _median(values: Image) -> float:
    """As `numpy.median`, which takes ten times as long: it looks for NaN and for two places at once."""
    half = values.size // 2
    parted = np.partition(values, half, axis=None)
    return float(parted[half] if values.size % 2 else (parted[:half].max() + parted[half]) / np.float32(2))


def confidence_of(
    index: Image,
    variance: Image,
    peak: Image,
    *,
    length: float | None = None,
    regularised: bool = False,
    compiled: bool | None = None,
) -> Image:
    """Probability that the index is within one slice (or focus width) of the truth.

    Detail must stand out of the noise, in one short run of frames, at an index that the cells around share:
    lie on a plane with. The last keeps noise and defocused highlights (whose discs pass over a place one
    frame after the other) from being believed.

    Parameters
    ----------
    index, variance, peak : ndarray of float32, shape (h, w)
        What `stacker.fusion.depth.DepthTracker` measures.
    length : float, optional
        `focus_length` of these, where that is known already.
    regularised : bool
        The index is that of the surface: `filled`.
    compiled : bool, optional
        Whether to use the compiled loop; where numba is installed by default.

    Returns
    -------
    ndarray of float32, shape (h, w)
        0 to 1.
    """
    length = focus_length(peak, variance) if length is None else length
    coefficients = at_peak, at_spread, at_roughness, at_nothing = _REGULARISED if regularised else _MEASURED
    if by_loops(compiled):
        return _confidence_by_loop(index, variance, peak, length, coefficients, np.empty((0, 0), np.float32))
    per_width = 1 / max(1.0, length)

    def strip(index: Image, variance: Image, peak: Image) -> Image:
        odds = np.minimum(peak, np.float32(_CLEAR))
        odds *= np.float32(at_peak)
        odds += np.float32(at_nothing)
        for coefficient, floor, slices in (
            (at_spread, _SPREAD_FLOOR, cv2.sqrt(variance)),
            (at_roughness, _ROUGHNESS_FLOOR, roughness(index, compiled=False)),
        ):
            widths = cv2.addWeighted(slices, per_width, slices, 0.0, floor, slices)
            cv2.scaleAdd(cv2.log(widths, widths), coefficient, odds, odds)
        np.clip(odds, -20, 20, out=odds)
        np.negative(odds, out=odds)
        cv2.exp(odds, odds)
        odds += np.float32(1)
        return np.asarray(np.divide(np.float32(1), odds, out=odds))

    return by_strips(strip, LOCAL, index, variance, peak)


def confidence_and_roughness(
    index: Image, variance: Image, peak: Image, length: float, width: float
) -> tuple[Image, Image]:
    """`confidence_of` the regularised index of a surface, and its `roughness` in such widths.

    Both look at the same surroundings, and the loop does both at once.
    """
    if not by_loops():
        confidence = confidence_of(index, variance, peak, length=length, regularised=True)
        return confidence, roughness(index) / np.float32(width)
    rough = np.empty(index.shape, np.float32)
    return _confidence_by_loop(index, variance, peak, length, _REGULARISED, rough, width), rough


def _confidence_by_loop(
    index: Image,
    variance: Image,
    peak: Image,
    length: float,
    coefficients: _Coefficients,
    rough: Image,
    width: float = 1.0,
) -> Image:
    """See `confidence_of`; ``rough`` is filled with the roughness, and of no size if that is not wanted."""
    from stacker.fusion.compiled_surface import confidence_rows

    numbers = 1 / max(1.0, length), *coefficients, _CLEAR, _SPREAD_FLOOR, _ROUGHNESS_FLOOR, 1 / width
    planes = [np.ascontiguousarray(plane) for plane in (index, variance, peak)]
    found = np.empty(index.shape, np.float32)
    settings = np.array(numbers, np.float32)
    run_rows(confidence_rows, len(index), *planes, settings, rough, found, room=_room(index))
    return found


def filled(
    index: Image,
    confidence: Image,
    guide: Image | None,
    limits: tuple[float, float],
    compiled: bool | None = None,
) -> Image:
    """Smooth confident cells over their surface, and fill the others from them.

    Parameters
    ----------
    index, confidence : ndarray of float32, shape (h, w)
        What was measured, and how far to believe it.
    guide : ndarray of float32, shape (h, w), optional
        Luma of the fused picture, white at 255: where it has edges, what is filled may jump.
    limits : tuple of float
        The least and the greatest index that there is.
    compiled : bool, optional
        Whether to use the compiled loops; where numba is installed by default.
    """
    height, width = index.shape
    # Blocks of cells have to go up in the plane for the loops; the canvas of a pyramid is so.
    loops = by_loops(compiled) and not height % _COARSE and not width % _COARSE
    smooth, level, trust = (_smooth_by_loop if loops else _smooth_plainly)(index, confidence)
    level /= np.maximum(trust, np.float32(1e-9))
    coarse = _from_afar(level, trust, loops)
    if loops and guide is None:
        from stacker.fusion.compiled_surface import settle_rows

        believed, bounds = np.ascontiguousarray(confidence), np.array(limits, np.float32)
        run_rows(settle_rows, height, coarse, believed, bounds, smooth, room=_room(index))
        return smooth
    far = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    if guide is not None:
        small = cv2.resize(guide, level.shape[::-1], interpolation=cv2.INTER_AREA)
        fitted = cv2.resize(_fit(level, trust, small), (width, height), interpolation=cv2.INTER_LINEAR)
        slope, offset, support = cv2.split(fitted)
        near = cv2.add(cv2.multiply(slope, guide), offset)
        far = far + (near - far) * (support / (support + np.float32(_SUPPORT**2)))
    smooth -= far
    smooth *= confidence
    smooth += far
    return np.asarray(np.clip(smooth, *limits, out=smooth))


def _smooth_by_loop(index: Image, confidence: Image) -> tuple[Image, Image, Image]:
    """The index smoothed over its surface; in blocks its sum by the squares of confidence, and their sum."""
    from stacker.fusion.compiled_surface import smooth_rows

    planes = np.ascontiguousarray(index), np.ascontiguousarray(confidence)
    height, width = index.shape[0] // _COARSE, index.shape[1] // _COARSE
    smooth = np.empty(index.shape, np.float32)
    level, trust = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    variance = np.float32(_SURFACE_VARIANCE)
    run_rows(smooth_rows, height, *planes, variance, smooth, trust, level, room=_room(index))
    return smooth, level, trust


def _smooth_plainly(index: Image, confidence: Image) -> tuple[Image, Image, Image]:
    smooth = by_strips(_on_surface, LOCAL, index, confidence)
    size = max(1, index.shape[1] // _COARSE), max(1, index.shape[0] // _COARSE)
    squared = confidence * confidence
    trust = cv2.resize(squared, size, interpolation=cv2.INTER_AREA)
    level = cv2.resize(smooth * squared, size, interpolation=cv2.INTER_AREA)
    return smooth, level, trust


def _room(index: Image) -> int:
    """Numbers that a compiled loop needs room for: four lines with their surroundings, and one more."""
    return 5 * int(index.shape[1]) + 16


def by_strips(function: Callable[..., Image], halo: int, *planes: Image) -> Image:
    """Apply a function of planes that looks ``halo`` cells far, some rows at a time, on all threads."""
    result = np.empty(planes[0].shape[:2], np.float32)

    def strips(first: int, behind: int) -> None:
        for rows, around, inner in strips_with_halo(first, behind, result.shape, halo):
            result[rows] = function(*(plane[around] for plane in planes))[inner]

    over_rows(strips, len(result), rows_together=_together(result.shape[1], halo))
    return result


def strips_with_halo(
    first: int, behind: int, shape: tuple[int, ...], halo: int
) -> Iterator[tuple[slice, slice, slice]]:
    """Rows to be handled at a time, these with ``halo`` more at both ends, and where they are in those."""
    together = _together(shape[1], halo)
    for top in range(first, behind, together):
        bottom = min(behind, top + together)
        above, below = max(0, top - halo), min(shape[0], bottom + halo)
        yield slice(top, bottom), slice(above, below), slice(top - above, bottom - above)


def _together(width: int, halo: int) -> int:
    return max(1, 4 * halo, _STRIP_CELLS // width)


def _box(picture: Image, size: int) -> Image:
    return np.asarray(cv2.blur(picture, (size, size)))


def roughness(index: Image, compiled: bool | None = None) -> Image:
    """Standard deviation of the index around a plane, in slices."""
    if by_loops(compiled):
        from stacker.fusion.compiled_surface import roughness_rows

        found = np.empty(index.shape, np.float32)
        run_rows(roughness_rows, len(index), np.ascontiguousarray(index), found, room=_room(index))
        return found
    mean = _box(index, LOCAL)
    variance = _box(index * index, LOCAL) - mean * mean
    half = LOCAL // 2
    # The slope of the plane by least squares: weights x / sum of x squared.
    ramp = np.arange(-half, half + 1, dtype=np.float32)
    weight, flat = ramp / float(np.square(ramp).sum()), np.full(LOCAL, 1 / LOCAL, np.float32)
    right = cv2.sepFilter2D(index, cv2.CV_32F, weight, flat)
    down = cv2.sepFilter2D(index, cv2.CV_32F, flat, weight)
    variance -= np.float32(np.square(ramp).mean()) * (right * right + down * down)
    return np.asarray(np.sqrt(np.maximum(variance, 0)))


def _on_surface(index: Image, confidence: Image) -> Image:
    """Guided filter (He, Sun and Tang, 2010) of the index by itself, confident cells counting more."""
    weight = _box(confidence, LOCAL) + np.float32(1e-6)
    mean = _box(confidence * index, LOCAL) / weight
    variance = np.maximum(_box(confidence * index * index, LOCAL) / weight - mean * mean, 0)
    shape = variance / (variance + np.float32(_SURFACE_VARIANCE))
    # A cell that is not believed itself takes the mean of its neighbours.
    return np.asarray(mean + shape * confidence * (index - mean))


def _from_afar(index: Image, trust: Image, loops: bool) -> Image:
    """Weighted means over ever wider surroundings, until there is something to trust (push-pull)."""
    sums, weights = [index * trust], [trust]
    while min(weights[-1].shape) > 2:
        sums.append(cv2.pyrDown(sums[-1]))
        weights.append(cv2.pyrDown(weights[-1]))
    result: Image = sums[-1] / np.maximum(weights[-1], np.float32(1e-9))
    for total, weight in zip(sums[-2::-1], weights[-2::-1], strict=True):
        result = cv2.pyrUp(result, dstsize=(total.shape[1], total.shape[0]))
        if loops:
            _take_nearer(total, weight, result)
            continue
        own = total / np.maximum(weight, np.float32(1e-9))
        result = result + (own - result) * (weight / (weight + np.float32(_SUPPORT**2)))
    return np.asarray(result)


def _take_nearer(total: Image, weight: Image, far: Image) -> None:
    from stacker.fusion.compiled_surface import nearer_rows

    run_rows(nearer_rows, len(far), total, weight, np.float32(_SUPPORT**2), far)


def _fit(index: Image, trust: Image, guide: Image) -> Image:
    """Locally linear function of the guide that fits trusted cells (guided filter): slope, offset, trust."""
    size = 2 * (_GUIDE_RADIUS // _COARSE) + 1
    support = _box(trust, size)
    weight = support + np.float32(1e-6)
    luma, level = _box(trust * guide, size) / weight, _box(trust * index, size) / weight
    spread = _box(trust * guide * guide, size) / weight - luma * luma
    common = _box(trust * guide * index, size) / weight - luma * level
    slope = common / (np.maximum(spread, 0) + np.float32(_GUIDE_VARIANCE))
    offset = level - slope * luma
    around = _box(weight, size)
    return np.asarray(
        cv2.merge([_box(slope * weight, size) / around, _box(offset * weight, size) / around, support])
    )
