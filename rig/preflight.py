"""Before the first frame: is all manual and locked, is there room, is the test frame rightly exposed."""

from __future__ import annotations

import shutil
from pathlib import Path

from rig.axes.base import AxisLimits
from rig.cameras.base import Camera, LockReport, LockRequest
from rig.errors import CameraError, DataError, LimitError
from rig.inspect import FrameLevels

__all__ = ["CLIPPING_LIMIT", "check_levels", "check_room", "check_travel", "lock_exposure"]

CLIPPING_LIMIT = 0.005
"""Share of clipped pixels above which a test frame is refused: larger highlights bloom into the stack."""

BLACK_LEVEL = 3.0
"""Mean of 255 under which a test frame counts as black: lens cap on, flash silent, no light."""

_OUTPUTS_BYTES_PER_PX = 8
"""Room for what the stacker writes: a 16-bit TIFF and a preview."""


def lock_exposure(camera: Camera, request: LockRequest) -> LockReport:
    """Make the camera manual and fixed.

    Raises
    ------
    CameraError
        When a setting that would change between frames cannot be fixed.
    """
    report = camera.lock(request)
    if report.refused:
        lines = "; ".join(f"{s.name} is {s.after or s.before!r}: {s.message}" for s in report.refused)
        raise CameraError(f"the camera is not ready for a stack: {lines}")
    return report


def check_travel(envelope: AxisLimits, limits: AxisLimits) -> None:
    """Refuse a plan whose travel, run-up included, leaves the limits.

    Raises
    ------
    LimitError
        Naming the end that lies outside.
    """
    for position_mm in (envelope.low, envelope.high):
        if not limits.contains(position_mm):
            raise LimitError(position_mm, limits.low, limits.high, "with its run-up, the plan reaches")


def check_levels(levels: FrameLevels, *, accept_clipping: bool) -> None:
    """Refuse a test frame that is black or clipped.

    Raises
    ------
    CameraError
        Saying what was measured and what to change.
    """
    if levels.mean < BLACK_LEVEL:
        raise CameraError(
            f"the test frame is black (mean {levels.mean:.1f} of 255): lens cap, flash, or exposure? "
            "Nothing has been shot."
        )
    if levels.clipped_fraction > CLIPPING_LIMIT and not accept_clipping:
        raise CameraError(
            f"{levels.clipped_fraction:.1%} of the test frame is clipped (limit {CLIPPING_LIMIT:.1%}): "
            "shorten the exposure or dim the light, or pass --accept-clipping"
        )


def check_room(folder: Path, frames: int, frame_bytes: int, frame_px: int) -> None:
    """Refuse a run whose frames do not fit on the disk.

    Parameters
    ----------
    frames, frame_bytes, frame_px : int
        How many frames are still to come, the size of the test frame's files, and its pixels.

    Raises
    ------
    DataError
        With the room needed and the room there.
    """
    margin = 1.25  # sharper frames compress worse than the test frame
    need = int(frames * frame_bytes * margin) + frame_px * _OUTPUTS_BYTES_PER_PX
    free = shutil.disk_usage(folder).free
    if need > free:
        raise DataError(
            f"{frames} frames of {frame_bytes / 1e6:.1f} MB and the stacked image need {need / 1e9:.2f} GB, "
            f"but only {free / 1e9:.2f} GB are free in {folder}"
        )
