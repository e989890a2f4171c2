"""Before the first frame: is all manual and locked, is there room, is the test frame rightly exposed."""

from __future__ import annotations

import shutil
from pathlib import Path

from rig.atomic import storage_error
from rig.axes.base import AxisLimits
from rig.cameras.base import Camera, LockReport, LockRequest
from rig.errors import CameraError, DataError, UserError
from rig.inspect import FrameLevels
from rig.planning.limits import Room
from rig.sizes import format_bytes

__all__ = [
    "CLIPPING_LIMIT",
    "check_frame_size",
    "check_levels",
    "check_room",
    "check_travel",
    "free_room",
    "lock_exposure",
]

CLIPPING_LIMIT = 0.005
"""Share of clipped pixels above which a test frame is refused: larger highlights bloom into the stack."""

BLACK_LEVEL = 3.0
"""Mean of 255 under which a test frame counts as black: lens cap on, flash silent, no light."""

_SAME_WIDTH = 0.01
"""Relative: published pixel pitches disagree by that, and so little changes a depth of field by 1 or 2 %."""

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
        limits.check(position_mm, "with its run-up, the plan reaches")


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


def check_frame_size(
    frame_px: tuple[int, int], configured_px: tuple[int, int], sensor_width_mm: float | None
) -> str | None:
    """Refuse a frame that is not as wide, in pixels, as configured: the plan was made for other pixels then.

    Parameters
    ----------
    frame_px, configured_px : tuple of int
        Width and height of the test frame, and of the configured sensor. Portrait or landscape is the same.
    sensor_width_mm : float or None
        Of the configured sensor.

    Returns
    -------
    str or None
        What to tell the operator of a frame that differs in height only, and so does not change the plan.

    Raises
    ------
    UserError
        With both sizes and what to write instead.
    """
    wide, high = max(frame_px), min(frame_px)
    expected, expected_high = max(configured_px), min(configured_px)
    sizes = f"the test frame has {wide} × {high} px, the configured camera {expected} × {expected_high}"
    if abs(wide / expected - 1) <= _SAME_WIDTH:
        if abs(high / expected_high - 1) <= _SAME_WIDTH:
            return None
        return f"{sizes}: the camera crops its height. The plan stays right, its pixels are as wide"
    crop = f"pixels = [{wide}, {high}]"
    if sensor_width_mm is not None:
        used_mm = sensor_width_mm * wide / expected
        pitch_um = sensor_width_mm / expected * 1000
        sizes += f" on {sensor_width_mm:g} mm, {pitch_um:.3g} µm each"
        crop += f' and sensor_width = "{used_mm:.4g} mm", the part in use'
    raise UserError(
        f"{sizes}: the plan was made for other pixels. If the camera crops (APS-C mode, 1:1), let it use the "
        f"whole sensor, or write {crop}. If it saves smaller pictures (size M or S), set it to L, or write "
        f"pixels = [{wide}, {high}] alone. If the sensor is another one, write its width and pixels"
    )


def free_room(folder: Path) -> Room:
    """Measure the room on the disk on which a folder is, or will be.

    Raises
    ------
    DataError
        When it cannot be asked.
    """
    nearest = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    try:
        return Room(shutil.disk_usage(nearest).free, str(folder))
    except OSError as err:
        raise storage_error(err, folder) from err


def check_room(folder: Path, frames: int, frame_bytes: int, frame_px: int) -> None:
    """Refuse a run whose frames do not fit on the disk.

    Parameters
    ----------
    frames, frame_bytes, frame_px : int
        How many frames are still to come, the size of the test frame's files, and its pixels.

    Raises
    ------
    DataError
        With the room needed and the room there; when the room cannot be asked.
    """
    margin = 1.25  # sharper frames compress worse than the test frame
    need = int(frames * frame_bytes * margin) + frame_px * _OUTPUTS_BYTES_PER_PX
    free = free_room(folder).free_bytes
    if need > free:
        raise DataError(
            f"{frames} frames of {format_bytes(frame_bytes)} and the stacked image need "
            f"{format_bytes(need)}, but only {format_bytes(free)} are free in {folder}"
        )
