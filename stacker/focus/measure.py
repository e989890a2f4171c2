"""How much detail there is around each place: the focus measure behind the depth index."""

from __future__ import annotations

import cv2
import numpy as np

from stacker.frames import Image
from stacker.fusion.scratch import Scratch

__all__ = ["FocusMeasure", "half_luma"]

_LUMA = np.array([[0.25, 0.5, 0.25]], np.float32)


def half_luma(picture: Image) -> Image:
    """Luma of a picture at half its size.

    Parameters
    ----------
    picture : ndarray, shape (2h, 2w, 3)
        RGB, float32 with white at 255.

    Returns
    -------
    ndarray of float32, shape (h, w)
        Mean over blocks of 2 x 2 of (R + 2 G + B) / 4: the plain mean keeps more of the finest detail than
        the reduction of a pyramid.
    """
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.transform(small, _LUMA))


class FocusMeasure:
    """Local energy of fine detail, summed over windows of several sizes.

    What a small Gaussian takes away is squared and averaged over a narrow window, with a little of wider
    windows added: where the narrow one sees nothing but noise, detail nearby decides.

    Parameters
    ----------
    noise_sigma : float
        Standard deviation of the frames' noise in each channel, in units of 1/255 of white.
    """

    _DETAIL = (5, 1.0)
    """Size and sigma in cells of the Gaussian that separates detail."""

    _NARROW_CELLS = 3
    _WIDE = ((4, 0.3), (16, 0.1))
    """Wider windows: block size in cells, and share."""

    def __init__(self, noise_sigma: float) -> None:
        self._scratch = Scratch()
        self._per_variance = np.float32(1.0 / self._noise_energy(noise_sigma))

    def log_energy(self, luma: Image) -> Image:
        """Natural logarithm of the energy around each cell, in units of that of noise alone.

        Parameters
        ----------
        luma : ndarray of float32, shape (h, w)
            From `half_luma`.

        Returns
        -------
        ndarray of float32, shape (h, w)
            Logarithm of 1 + energy; about 0.7 for noise alone. Overwritten by the next call.
        """
        height, width = luma.shape
        energy = self._energy(luma)
        total = cv2.blur(energy, (3, 3), self._scratch.array("total", height, width))
        for block, share in self._WIDE:
            if min(height, width) < 2 * block:
                continue
            wide = cv2.resize(energy, (width // block, height // block), interpolation=cv2.INTER_AREA)
            wide = cv2.GaussianBlur(wide, (3, 3), 0.8)
            spread = self._scratch.array("spread", height, width)
            cv2.resize(wide, (width, height), spread, interpolation=cv2.INTER_LINEAR)
            cv2.scaleAdd(spread, share, total, total)
        norm = 1.0 + sum(share for _, share in self._WIDE)
        cv2.addWeighted(total, float(self._per_variance) / norm, total, 0.0, 1.0, total)
        return np.asarray(cv2.log(total, total))

    def _energy(self, luma: Image) -> Image:
        size, sigma = self._DETAIL
        detail = self._scratch.array("detail", *luma.shape)
        cv2.GaussianBlur(luma, (size, size), sigma, detail)
        cv2.subtract(luma, detail, detail)
        return np.asarray(cv2.multiply(detail, detail, detail))

    def _noise_energy(self, noise_sigma: float) -> float:
        """Energy that white noise of that deviation leaves in the detail of half-size luma."""
        noise = np.random.default_rng(0).standard_normal((256, 256)).astype(np.float32)
        gain = float(self._energy(noise).mean())
        channels = float(np.square(_LUMA).sum()) / 4.0  # of independent channels, over 4 pixels
        return max(gain * channels * noise_sigma**2, 1e-6)
