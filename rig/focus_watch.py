"""Whether the lens has moved, seen in live view: what focusing changes in a picture, told from noise.

Two frames of one subject differ by noise, by brightness, by a shake; and when the focus has moved, by size
(focus breathing) and by blur. All of these, but the noise, are small changes of known form: an offset, a
factor, the picture's two derivatives for a shift, its derivative along the radius for a size, its Laplacian
for blur. A least-squares fit of the difference by these six says how much of each there is, and how certain.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from rig.errors import CameraError, MotionError

__all__ = ["FocusChange", "LiveWatch", "focus_change", "grey_frame"]

Array: TypeAlias = npt.NDArray[Any]

_WIDTH_PX = 512
"""Noise is averaged away in a smaller picture; live view is not sharp enough to lose by it. Smaller pictures
are left alone: noise that is spread over several pixels would count as many times as evidence."""
_SURE = 30.0
"""Of `FocusChange.evidence`, χ² with two degrees of freedom: by chance once in three million. Still frames of
the bench reach 12 (JPEG artefacts are no white noise); its smallest step, 10 µm at f/2.8, gives 40."""
_OTHER_PICTURE = 1.5
"""Ratio of what is left of the difference to the noise of still frames, above which it is another picture."""
_REST_S = 10.0
"""Real seconds within which a picture has to come to rest: the slowest motors cross their travel in 3."""
_LOOKS = 2
"""Frames that are averaged into what is remembered."""
_LEAST_NOISE = 1 / 12
"""Grey levels squared: what rounding to whole levels alone makes."""
_NEW_FRAME_S = 1.0
"""Real seconds to wait for a frame that is another: the slowest live view has 5 a second."""
_AGAIN_S = 0.01
_FAINT = 4.0
"""Grey levels, 8 bits: with less contrast than that there is nothing to see motion by."""


@dataclass(frozen=True)
class FocusChange:
    """How two frames differ.

    Attributes
    ----------
    evidence : float
        Wald statistic of size and blur together: χ² with two degrees of freedom when nothing moved.
    rest : float
        Mean square of the difference that brightness and shift do not explain, grey levels squared.
    growth_px : float
        Change of size, px at half a width from the middle; up to a third too large where detail is finest,
        whose derivatives are taken from whole pixels. Negative for larger.
    """

    evidence: float
    rest: float
    growth_px: float


def grey_frame(jpeg: bytes) -> Array:
    """Decode a frame of live view, in grey, reduced.

    Returns
    -------
    ndarray, shape (H, W), float32, W at most 512
        Levels 0 to 255.

    Raises
    ------
    CameraError
        When it is no picture.
    """
    grey = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE) if jpeg else None
    if grey is None:
        raise CameraError("a frame of live view cannot be decoded")
    width = min(_WIDTH_PX, grey.shape[1])
    height = max(8, round(grey.shape[0] * width / grey.shape[1]))
    return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def focus_change(before: Array, after: Array) -> FocusChange:
    """Compare two frames of one size.

    Parameters
    ----------
    before, after : ndarray, shape (H, W), float32
        Grey levels.
    """
    mean = (before + after) / 2
    height, width = mean.shape
    along_x = cv2.Sobel(mean, cv2.CV_32F, 1, 0, ksize=1, scale=1 / 2)
    along_y = cv2.Sobel(mean, cv2.CV_32F, 0, 1, ksize=1, scale=1 / 2)
    x = np.linspace(-1.0, 1.0, width, dtype=np.float32)[None, :]
    y = np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None] * (height / width)
    blur = cv2.Laplacian(cv2.GaussianBlur(mean, (0, 0), 1.0), cv2.CV_32F)
    # Mean level apart, so that offset and factor are not almost the same column.
    columns = (np.ones_like(mean), mean - mean.mean(), along_x, along_y, x * along_x + y * along_y, blur)
    forms = np.stack([column.ravel() for column in columns])
    difference = (after - before).ravel()
    # A little on the diagonal: an empty picture has columns of zeros.
    normal = (forms @ forms.T).astype(np.float64) + np.eye(len(forms)) * 1e-3
    right = (forms @ difference).astype(np.float64)
    parts = np.linalg.solve(normal, right)
    total = float(difference @ difference)
    unexplained = max(total - float(parts @ right), 1e-9) / difference.size
    plain = np.linalg.solve(normal[:4, :4], right[:4])
    rest = max(total - float(plain @ right[:4]), 1e-9) / difference.size
    covariance = np.linalg.inv(normal)[4:, 4:] * max(unexplained, 1e-3)
    evidence = float(parts[4:] @ np.linalg.solve(covariance, parts[4:]))
    return FocusChange(evidence, rest, float(parts[4]))


class LiveWatch:
    """Sees in live view whether the focus has moved (`rig.axes.base.FocusWatch`).

    Parameters
    ----------
    next_frame : callable
        The next frame of live view, JPEG.
    """

    def __init__(self, next_frame: Callable[[], bytes]) -> None:
        self._next_frame = next_frame
        self._known: Array | None = None
        self._last: Array | None = None
        self._data = b""
        self._noise: float | None = None

    @property
    def picture(self) -> Array | None:
        """What is remembered; shape (H, W), grey levels 0 to 255."""
        return self._known

    def settle(self) -> None:
        """Wait until the picture stands still, and remember it.

        Raises
        ------
        MotionError
            When it does not, or shows nothing.
        """
        self._known = self._still()

    def has_moved(self) -> bool:
        """Wait until the picture stands still: is it another than the one remembered? Remembers the new."""
        before, now = self._known, self._still()
        self._known = now
        return before is not None and self._differ(before, now, _LOOKS, _LOOKS)

    def motion_s(self, within_s: float) -> float | None:
        """Look on for so long: real seconds until the picture changed for the last time; None for never.

        What is remembered stays what it was.
        """
        began = time.monotonic()
        last = None
        before = self._last if self._last is not None else self._frame()
        while time.monotonic() - began < within_s:
            now = self._frame()
            if self._differ(before, now, 1, 1):
                last = time.monotonic() - began
            before = now
        return last

    def same_as(self, picture: Array) -> bool:
        """Whether what is remembered shows what was remembered earlier, focused as it was."""
        if self._known is None or self._known.shape != picture.shape:
            return False
        return not self._differ(picture, self._known, _LOOKS, _LOOKS)

    def _frame(self) -> Array:
        """The next frame: one that is told twice is no second look, and would make noise seem nothing."""
        until = time.monotonic() + _NEW_FRAME_S
        data = self._next_frame()
        while data == self._data and time.monotonic() < until:
            time.sleep(_AGAIN_S)
            data = self._next_frame()
        self._data = data
        self._last = grey_frame(data)
        return self._last

    def _still(self) -> Array:
        until = time.monotonic() + _REST_S
        before = self._frame()
        while True:
            now = self._frame()
            if not self._differ(before, now, 1, 1):
                both = np.asarray((before + now) / 2)
                if float(both.std()) < _FAINT:
                    raise MotionError(
                        "live view shows next to nothing (lens cap, no light, or an even surface), so nobody "
                        "can see whether the focus moves"
                    )
                return both
            if time.monotonic() > until:
                raise MotionError(
                    f"the picture in live view has not come to rest within {_REST_S:.0f} s: does something "
                    "move, or does the light change?"
                )
            before = now

    def _differ(self, before: Array, after: Array, frames_before: int, frames_after: int) -> bool:
        """Whether the focus moved between two pictures, each the mean of so many frames."""
        change = focus_change(before, after)
        noise = change.rest / (1 / frames_before + 1 / frames_after)  # of a single frame
        if change.evidence > _SURE:
            return True
        if self._noise is not None and noise > _OTHER_PICTURE * self._noise:
            return True
        # The quietest pair seen is two still frames.
        quiet = noise if self._noise is None else min(self._noise, noise)
        self._noise = max(quiet, _LEAST_NOISE)
        return False
