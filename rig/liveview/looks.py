"""One frame of live view, from the body's JPEG to what is shown: decoded once, measured, drawn into."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from rig.errors import CameraError
from rig.liveview import overlay
from rig.liveview.overlay import COLOURS, Magnify, Picture
from rig.liveview.peaking import Gradients, in_focus, measure, sharpness

__all__ = ["Looks", "Shown"]

_QUALITY = 88
"""Of the JPEG that is shown: drawn lines stay clean, and it is no larger than what the body sent."""


@dataclass(frozen=True)
class Shown:
    """A frame as it is shown, and what was measured on it before anything was drawn.

    ``sharpness`` is in % a px (`rig.liveview.peaking.sharpness`), of the magnified part if there is one;
    ``peaked``, ``clipped_white`` and ``clipped_black`` are shares of the frame, the first None without
    peaking.
    """

    jpeg: bytes
    width_px: int
    height_px: int
    mean: float
    sharpness: float
    peaked: float | None
    clipped_white: float
    clipped_black: float


@dataclass(frozen=True)
class Looks:
    """What is drawn into frames.

    Parameters
    ----------
    peaking : str, optional
        A name of `COLOURS`: edges in focus are drawn in it.
    magnify : Magnify, optional
        The part that is shown larger.
    histogram : bool
        Histogram, and stripes where light or shadow is lost.
    simulated : bool
        Say so.
    """

    peaking: str | None = None
    magnify: Magnify | None = None
    histogram: bool = False
    simulated: bool = False

    @property
    def draws(self) -> bool:
        """Whether frames are changed at all; otherwise the body's own bytes are shown."""
        return bool(self.peaking or self.magnify or self.histogram or self.simulated)

    def show(self, jpeg: bytes) -> Shown:
        """Make a frame ready to be shown.

        Raises
        ------
        CameraError
            When the body's bytes are no picture.
        """
        decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) if jpeg else None
        if decoded is None:
            raise CameraError(f"the camera sent {len(jpeg)} bytes of live view that are no picture")
        picture = np.asarray(decoded, np.uint8)
        seen = measure(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8))
        window = None if self.magnify is None else self.magnify.window(picture.shape)
        clipped = overlay.clipping(picture)
        peaked = self._draw(picture, seen, clipped)
        rows, columns = picture.shape[:2]
        return Shown(
            _encoded(picture) if self.draws else jpeg,
            columns,
            rows,
            seen.mean,
            sharpness(seen, window),
            peaked,
            clipped.over_share,
            clipped.under_share,
        )

    def _draw(self, picture: Picture, seen: Gradients, clipped: overlay.Clipping) -> float | None:
        """Draw into the picture, in place; returns the share that is peaked."""
        shares = overlay.histograms(picture) if self.histogram else None
        peaked = None
        if self.histogram:
            overlay.draw_stripes(picture, clipped)
        if self.peaking is not None:
            mask = in_focus(seen)
            peaked = cv2.countNonZero(mask) / mask.size
            overlay.paint(picture, mask, COLOURS[self.peaking])
        if self.magnify is not None:
            overlay.draw_inset(picture, self.magnify)
        if shares is not None:
            overlay.draw_histogram(picture, shares, clipped)
        if self.simulated:
            overlay.draw_simulated(picture)
        return peaked


def _encoded(picture: Picture) -> bytes:
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise CameraError(
            f"a frame of live view of {picture.shape[1]} × {picture.shape[0]} px was not encoded"
        )
    return bytes(data.tobytes())
