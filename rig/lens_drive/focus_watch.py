"""Whether the lens has moved, seen in live view: frames are averaged until it is certain.

One frame shows a large motion, many show a small one. So it is looked on until the evidence suffices
(`rig.lens_drive.focus_change`), or so many frames have been averaged that whatever moved is too little to be
seen.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from rig.axes.drive import SeenMotion
from rig.errors import MotionError
from rig.lens_drive.focus_change import FocusChange, Look, end_of_motion, focus_change, grey_frame

__all__ = ["LiveWatch"]

Array: TypeAlias = npt.NDArray[Any]

_SURE = 24.0
"""Of `FocusChange.evidence`, χ² with two degrees of freedom: by chance once in 160,000. Of 1200 pairs of
looks at still frames of the bench the highest gave 13.2; `benchmarks/lens_drive.py` shows what steps give."""
_OTHER_PICTURE = 1.0
"""What neither light nor shift explains of the difference, as a share of the variance of a frame's noise,
above which it is quite another picture. Between still pictures of the bench it is below 0.15."""
_REMEMBERED = 16
"""Frames that are averaged into what is remembered: a second or less of live view."""
_MOST_FRAMES = 32
"""What is looked at before it is said that nothing moved; more would not help: the older look is noisier."""
_LOOKS = (4, 8, 16, _MOST_FRAMES)
"""So many frames at each judgement. Doubled each time: there are few chances to be wrong by chance."""
_STALE = 2
"""Frames that are thrown away before a look: bodies hand out what was taken before they were asked."""
_CLEAR_FRAMES = 8
"""A motion that is seen in so many frames is seen in four times as many when it is half as large."""
_LOOK_S = 6.0
"""Real seconds for one look: live view of 5 frames a second has its 32 in that time. What came until then
has to do."""
_REST_S = 10.0
"""Real seconds within which a picture has to come to rest: the slowest motors cross their travel in 3."""
_NEW_FRAME_S = 1.0
"""Real seconds to wait for a frame that is another: the slowest live view has 5 a second."""
_AGAIN_S = 0.01
_FAINT = 4.0
"""Grey levels, 8 bits: with less contrast than that there is nothing to see motion by."""


class LiveWatch:
    """Sees in live view whether the focus has moved (`rig.axes.drive.FocusWatch`).

    Parameters
    ----------
    next_frame : callable
        The next frame of live view, JPEG.
    """

    def __init__(self, next_frame: Callable[[], bytes]) -> None:
        self._next_frame = next_frame
        self._known: Look | None = None
        self._rest: list[Array] = []
        self._last: Array | None = None
        self._data = b""

    @property
    def look(self) -> Look | None:
        """What is remembered."""
        return self._known

    def settle(self) -> None:
        """Wait until the picture stands still, and remember it.

        Raises
        ------
        MotionError
            When it does not, or shows nothing.
        """
        self._rest = self._still([], _REMEMBERED)
        self._known = Look.of(self._rest)

    def has_moved(self) -> SeenMotion:
        """Wait until the picture stands still: is it another than the one remembered? Remembers it if so.

        Raises
        ------
        MotionError
            When it does not come to rest.
        """
        frames = list[Array]()
        began = time.monotonic()
        for count in _LOOKS:
            frames = self._still(frames, count)
            if self._known is None:
                break
            now = Look.of(frames)
            change = focus_change(self._known, now)
            if _is_motion(change, max(self._known.noise, now.noise)):
                self._known = now
                return SeenMotion(True, count <= _CLEAR_FRAMES, math.sqrt(max(change.changed, 0.0)))
            if time.monotonic() - began > _LOOK_S:
                break
        return SeenMotion(False)

    def motion_s(self, within_s: float) -> float | None:
        """Look on for so long: real seconds until the picture changed for the last time; None for never.

        What is remembered stays what it was.
        """
        began = time.monotonic()
        seen, at_s = list[Array](), list[float]()
        while time.monotonic() - began < within_s or len(seen) < 2 * _LOOKS[0]:
            seen.append(self._frame())
            at_s.append(time.monotonic() - began)
        tail = max(len(seen) // 3, _LOOKS[0])
        before, after = self._rest, seen[-tail:]
        self._rest = after
        if len(before) < 2 or not _differ(Look.of(before), Look.of(after)):
            return None
        ended = end_of_motion(Look.of(before), Look.of(after), seen)
        return at_s[min(ended, len(at_s) - 1)]

    def same_as(self, look: Look) -> bool:
        """Whether what is remembered shows what was remembered earlier, focused as it was."""
        if self._known is None or self._known.halves.shape != look.halves.shape:
            return False
        return not _differ(look, self._known)

    def _frame(self) -> Array:
        """The next frame: one that is told twice is no second look, and would make noise seem nothing."""
        until = time.monotonic() + _NEW_FRAME_S
        while True:
            data = self._next_frame()
            if data != self._data:
                self._data, before, self._last = data, self._last, grey_frame(data)
                if before is None or not np.array_equal(before, self._last):
                    return self._last
            if time.monotonic() > until:
                return grey_frame(data)
            time.sleep(_AGAIN_S)

    def _still(self, frames: list[Array], count: int) -> list[Array]:
        """That many frames, or what comes in time, between whose older and newer half nothing moved."""
        began = time.monotonic()
        if not frames:
            for _ in range(_STALE):
                self._frame()
        while True:
            missing = count - len(frames)
            while missing > 0 and (len(frames) < _LOOKS[0] or time.monotonic() - began < _LOOK_S):
                frames, missing = [*frames, self._frame()], missing - 1
            if float(np.mean(frames[: _LOOKS[0]], axis=0).std()) < _FAINT:
                raise MotionError(
                    "live view shows next to nothing (lens cap, no light, or an even surface), so nobody can "
                    "see whether the focus moves"
                )
            half = len(frames) // 2
            if not _differ(Look.of(frames[:half]), Look.of(frames[half:])):
                return frames
            if time.monotonic() - began > _REST_S:
                raise MotionError(
                    f"the picture in live view has not come to rest within {_REST_S:.0f} s: does something "
                    "move, or does the light change?"
                )
            frames = frames[half:]


def _differ(before: Look, after: Look) -> bool:
    """Whether the focus moved between two looks."""
    return _is_motion(focus_change(before, after), max(before.noise, after.noise))


def _is_motion(change: FocusChange, noise: float) -> bool:
    return change.evidence > _SURE or change.changed > _OTHER_PICTURE * noise
