"""How much detail there is around each place of a frame: the focus measure behind the depth index."""

from __future__ import annotations

import cv2
import numpy as np

from stacker.focus.noise import CALM_PERCENTILE, FEWEST_BLOCKS, NOT_BLACK, NOT_CLIPPED
from stacker.frames import Image, full_scale
from stacker.loops.kernels import half_kernel
from stacker.loops.scratch import Scratch

__all__ = [
    "BLOCK",
    "CELL_PX",
    "DETAIL_GAIN",
    "LUMA",
    "FocusMeasure",
    "half_luma",
    "half_luma_of_samples",
    "half_of_samples",
]

LUMA = np.array([[0.25, 0.5, 0.25]], np.float32)
"""Shares of red, green and blue in brightness and in the energy of bands, as `cv2.transform` takes them."""

CELL_PX = 2
"""Side of a cell. Detail is measured at half size, so how sharp frames are, how deep a place lies and what
weights follow from that is known for cells."""

_DETAIL_SIGMA = 1.0
"""Of the 5 x 5 Gaussian that leaves detail behind, in cells of 2 px: a band between the two finest of the
pyramid. Measured on rendered stacks: finer is lost in noise (twice the outliers), coarser is less sure where
between two frames the focus lies."""

DETAIL_GAIN = 0.7566748261451721
"""Energy of the detail of white noise of deviation 1, as measured on 256 x 256 cells."""

_NARROW_SIGMA = 1.5
"""Of the window that energy is averaged over, in cells."""

BLOCK = 4
"""Cells along a side of the blocks that wider surroundings are looked at in."""

_WIDE = ((1, 0.1), (4, 0.03))
"""Wider windows (blocks), and their share: they decide where the narrow one sees noise alone."""

_SPILL = 4.0
"""Power of brightness that energy is divided by. Blur keeps the mean brightness around a place, except where
a highlight nearby spills light in, and the hard edge of its disc would pass for detail."""

_DARK = 8.0
"""Added to the brightness (0 to 255), so that its noise in the shadows does not decide."""

_CALM_CELLS, _CALM_STRIPS = 8, 8
"""Side of the blocks whose energy is compared, and how many rows of them are looked at."""

_NOT_PAINTED, _INSIDE = 1e-3, 0.999
"""Energy over that of noise and share that the frame reaches from which a block counts. What has less than a
thirtieth of the noise is a backdrop that was painted, or flattened by compression, and tells nothing of the
rest."""


def half_luma(picture: Image) -> Image:
    """Luma of a picture at half its size.

    Parameters
    ----------
    picture : ndarray, shape (2h, 2w, 3)
        RGB, float32 with white at 255.

    Returns
    -------
    ndarray of float32, shape (h, w)
        Mean over blocks of 2 x 2 of (R + 2 G + B) / 4. The plain mean keeps more of the finest detail than
        the reduction of a pyramid does.
    """
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.transform(small, LUMA))


def half_luma_of_samples(picture: Image) -> Image:
    """The same of a picture in any of the frames' types, whose sides may be odd: white comes to be at 255."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    factors = LUMA * np.float32(255.0 / full_scale(picture.dtype))
    return np.asarray(cv2.transform(small.astype(np.float32), factors))


def half_of_samples(picture: Image) -> Image:
    """A picture in any of the frames' types at half its size, float32, white at 255; its sides may be odd."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return np.multiply(small, np.float32(255.0 / full_scale(picture.dtype)), dtype=np.float32)


class FocusMeasure:
    """Local energy of fine detail, relative to noise.

    Parameters
    ----------
    noise_sigma : float
        Standard deviation of the frames' noise in each channel, in units of 1/255 of white.

    Attributes
    ----------
    norm : float
        What energy is multiplied by.
    fine, narrow : ndarray of float32, shape (3,) and (4,)
        The middle and one side of the kernels that leave detail behind and that energy is averaged by.
    """

    def __init__(self, noise_sigma: float) -> None:
        self._scratch = Scratch()
        self.norm = 1.0 / self._noise_energy(noise_sigma) / (1.0 + sum(share for _, share in _WIDE))
        self.fine, self.narrow = half_kernel(2, _DETAIL_SIGMA), half_kernel(3, _NARROW_SIGMA)

    def measure(self, luma: Image) -> tuple[Image, Image]:
        """Logarithms of energy and of spilled light around each cell.

        Parameters
        ----------
        luma : ndarray of float32, shape (h, w)
            From `half_luma`.

        Returns
        -------
        energy : ndarray of float32, shape (h, w)
            Logarithm of 1 + energy / energy of noise; some 0.7 for noise alone.
        spill : ndarray of float32, shape (h, w)
            What to subtract from it when frames are compared at a place. Both are overwritten by the next
            call.
        """
        energy = self._energy(luma, self._scratch.array("detail", *luma.shape))
        total = self._scratch.array("total", *luma.shape)
        cv2.GaussianBlur(energy, (7, 7), _NARROW_SIGMA, total)
        wide, bright = self.surroundings(_blocks(energy), _blocks(luma))
        cv2.addWeighted(total, self.norm, _spread(wide, luma.shape), self.norm, 1.0, total)
        return cv2.log(total, total), _spread(bright, luma.shape)

    def surroundings(self, energy: Image, light: Image) -> tuple[Image, Image]:
        """What a cell's wider surroundings add to its energy, and their spill.

        Parameters
        ----------
        energy, light : ndarray of float32, shape (h, w)
            Means over blocks of cells: of the squared detail, and of the luma. Both are overwritten.

        Returns
        -------
        tuple of ndarray of float32, shape (h, w)
            The energy in the units of ``energy``, and the logarithm of the spilled light, in place of
            ``light``.
        """
        cv2.blur(light, (3, 3), light)
        np.maximum(light, 0, out=light)
        light += np.float32(_DARK)
        cv2.log(light, light)
        light *= np.float32(_SPILL)
        return self._wide(energy), light

    def raw(self, luma: Image) -> Image:
        """Energy over that of noise, cell by cell, averaged over no window; float32, of the shape of
        ``luma``. May be called while another thread measures."""
        energy = self._energy(luma, np.empty_like(luma))
        energy *= np.float32(self.norm * (1.0 + sum(share for _, share in _WIDE)))
        return energy

    def calm(self, luma: Image, reached: Image | None = None) -> float:
        """Energy over that of noise where a frame is calmest; below 1 where there is less noise than was
        assumed.

        Parameters
        ----------
        luma : ndarray of float32, shape (h, w)
            From `half_luma`.
        reached : ndarray of uint8, shape (h, w), optional
            0 where the frame does not reach.
        """
        height, width = luma.shape
        found = []
        for top in np.unique(np.linspace(0, max(0, height - _CALM_CELLS), _CALM_STRIPS).astype(int)):
            rows = slice(top, top + _CALM_CELLS)
            light, size = luma[rows], (max(1, width // _CALM_CELLS), 1)
            energy, level = (
                cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (self.raw(light), light)
            )
            usable = (level > NOT_BLACK) & (level < NOT_CLIPPED) & (energy > _NOT_PAINTED)
            if reached is not None:
                inside = (reached[rows] > 0).astype(np.float32)
                usable &= cv2.resize(inside, size, interpolation=cv2.INTER_AREA) > _INSIDE
            found.append(energy[usable])
        some = np.concatenate(found)
        return float(np.percentile(some, CALM_PERCENTILE)) if some.size >= FEWEST_BLOCKS else 1.0

    def release(self) -> None:
        """Give the memory of intermediate pictures back until the next frame."""
        self._scratch.release()

    def _wide(self, energy: Image) -> Image:
        """Weighted sum of the wider windows, at the resolution of the first of them."""
        height, width = energy.shape
        (_, share), (block, other) = _WIDE
        size = (max(1, width // block), max(1, height // block))
        wider = cv2.GaussianBlur(cv2.resize(energy, size, interpolation=cv2.INTER_AREA), (3, 3), 0.8)
        wider = cv2.resize(wider, (width, height), interpolation=cv2.INTER_LINEAR)
        cv2.GaussianBlur(energy, (3, 3), 0.8, energy)
        return np.asarray(cv2.addWeighted(energy, share, wider, other, 0.0, wider))

    @staticmethod
    def _energy(luma: Image, detail: Image) -> Image:
        """Squared detail, in place of ``detail``."""
        cv2.GaussianBlur(luma, (5, 5), _DETAIL_SIGMA, detail)
        cv2.subtract(luma, detail, detail)
        return np.asarray(cv2.multiply(detail, detail, detail))

    def _noise_energy(self, noise_sigma: float) -> float:
        """Energy that white noise of that deviation leaves in the detail of half-size luma."""
        channels = float(np.square(LUMA).sum()) / 4.0  # three independent channels, over 4 pixels
        return max(DETAIL_GAIN * channels * noise_sigma**2, 1e-6)


def _blocks(plane: Image) -> Image:
    """Means over blocks; beyond the edges the last cells are repeated."""
    height, width = plane.shape
    below, right = -height % BLOCK, -width % BLOCK
    if below or right:
        plane = cv2.copyMakeBorder(plane, 0, below, 0, right, cv2.BORDER_REPLICATE)
    size = (plane.shape[1] // BLOCK, plane.shape[0] // BLOCK)
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA))


def _spread(blocks: Image, shape: tuple[int, ...]) -> Image:
    """Cell by cell what is known of blocks, bilinear."""
    size = (BLOCK * blocks.shape[1], BLOCK * blocks.shape[0])
    return np.asarray(cv2.resize(blocks, size, interpolation=cv2.INTER_LINEAR)[: shape[0], : shape[1]])
