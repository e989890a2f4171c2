"""How sharp each part of a frame is in one band of frequencies, and where along a sweep it is sharpest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rig.calibrate.images import Array

__all__ = ["FocusCurve", "band_energy", "curve_of", "tile_size"]

_FEWEST_TILES_ACROSS = 8
_TILES = (256, 128, 64, 32)


def tile_size(width_px: int) -> int:
    """Side of the tiles of a frame, px: some ten across, so that a tilted subject is measured in parts.

    Examples
    --------
    >>> tile_size(600), tile_size(1800), tile_size(9504)
    (64, 128, 256)
    """
    return next((t for t in _TILES if width_px // t >= _FEWEST_TILES_ACROSS), _TILES[-1])


def _ring(tile: int, frequency: float) -> Array:
    """Weights of a tile's half spectrum: the octave around a frequency, each pair counted once.

    They rise with frequency, so that all frequencies of the octave count alike in a natural texture, whose
    amplitude falls as 1/f; without that the soft end would rule, and the depth of field come out 3 % larger.
    """
    fy, fx = np.fft.fftfreq(tile)[:, None], np.fft.rfftfreq(tile)[None, :]
    relative = np.hypot(fy, fx) / frequency
    inside = relative * (np.abs(np.log2(np.maximum(relative, 1e-9))) <= 0.5)
    # Columns 0 and the last stand for themselves, the others for their mirror image too.
    twice = np.where((fx > 0) & (fx < 0.5), 2.0, 1.0)
    return np.asarray(inside * twice)


def band_energy(light: Array, frequency: float, tile: int) -> Array:
    """Return the energy of one octave around a frequency in every tile, relative to the tile's brightness.

    Parameters
    ----------
    light : ndarray, shape (H, W)
        Linear light.
    frequency : float
        Cycles per pixel, 0 to 0.35 (the octave must end below 0.5).
    tile : int
        Side of the tiles, px; a rest at the right and lower edge is left out.

    Returns
    -------
    ndarray, shape (H // tile, W // tile), float64
        Squared contrast. Brightness that changes from frame to frame does not change it.
    """
    rows, columns = light.shape[0] // tile, light.shape[1] // tile
    tiles = light[: rows * tile, : columns * tile].reshape(rows, tile, columns, tile).swapaxes(1, 2)
    mean = tiles.mean(axis=(2, 3), dtype=np.float64)
    hann = np.hanning(tile + 1)[:tile].astype(np.float32)
    window = hann[:, None] * hann[None, :]
    ring = _ring(tile, frequency)
    energy = np.empty((rows, columns))
    for row in range(rows):  # a row of tiles at a time keeps the spectra of a large frame small
        spectra = np.fft.rfft2((tiles[row] - mean[row, :, None, None]) * window)
        power = spectra.real**2 + spectra.imag**2
        energy[row] = (power * ring).sum(axis=(1, 2))
    energy /= tile**2 * float((window.astype(np.float64) ** 2).sum())
    return np.asarray(energy / np.maximum(mean, 1e-4) ** 2)


@dataclass(frozen=True)
class FocusCurve:
    """One peak of sharpness along a sweep.

    Attributes
    ----------
    peak_mm : float
        Position of best focus.
    peak : float
        Contrast there, noise floor subtracted.
    floor : float
        Noise floor, as energy.
    low_mm, high_mm : float
        Where the contrast has fallen to the level asked for; NaN where the sweep ends before.
    """

    peak_mm: float
    peak: float
    floor: float
    low_mm: float
    high_mm: float

    @property
    def width_mm(self) -> float:
        """From side to side."""
        return self.high_mm - self.low_mm


_FLOOR_FRAMES = 3
_TOP = 0.85  # of the largest contrast: the points that make the peak


def curve_of(positions_mm: Array, energy: Array, level: float, floor: float | None = None) -> FocusCurve:
    """Measure the peak of a focus curve.

    Parameters
    ----------
    positions_mm : ndarray, shape (n,)
        Rising.
    energy : ndarray, shape (n,)
        Of the frames.
    level : float
        Share of the peak's contrast (not energy) at which the width is taken.
    floor : float, optional
        Energy of the noise; the mean of the lowest three frames when not given.
    """
    if floor is None:
        floor = float(np.sort(energy)[:_FLOOR_FRAMES].mean())
    contrast = np.sqrt(np.maximum(energy - floor, 0.0))
    top = int(contrast.argmax())
    peak_mm, peak = _peak(positions_mm, contrast, top)
    low = _crossing(positions_mm[top::-1], contrast[top::-1], level * peak)
    high = _crossing(positions_mm[top:], contrast[top:], level * peak)
    return FocusCurve(peak_mm, peak, floor, low, high)


def _peak(x: Array, contrast: Array, top: int) -> tuple[float, float]:
    """Place and height of a peak: a parabola through the points near it."""
    near = contrast >= _TOP * contrast[top]
    first = last = top
    while first > 0 and near[first - 1]:
        first -= 1
    while last + 1 < len(x) and near[last + 1]:
        last += 1
    first, last = min(first, max(0, top - 1)), max(last, min(len(x) - 1, top + 1))
    if last - first < 2:
        return float(x[top]), float(contrast[top])
    at = x[first : last + 1] - x[top]
    a, b, c = np.polyfit(at, contrast[first : last + 1], 2)
    if a >= 0:
        return float(x[top]), float(contrast[top])
    place = float(np.clip(-b / (2 * a), at[0], at[-1]))
    return float(x[top]) + place, float(c + b * place + a * place**2)


def _crossing(x: Array, contrast: Array, level: float) -> float:
    """First place, going on from the peak, where the contrast falls below a level; NaN for none."""
    below = np.flatnonzero(contrast < level)
    if not len(below):
        return float("nan")
    k = int(below[0])
    if k == 0:
        return float(x[0])
    share = (contrast[k - 1] - level) / (contrast[k - 1] - contrast[k])
    return float(x[k - 1] + share * (x[k] - x[k - 1]))
