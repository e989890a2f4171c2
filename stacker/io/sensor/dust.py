"""Which specks of dust the frames of a stack are mended of."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from stacker.errors import StackerError, UserError
from stacker.frames import Image
from stacker.io.decode import check_image, is_raw_file, read_frame
from stacker.io.development import SensorLevels
from stacker.io.sensor.counts import counted
from stacker.io.sensor.dust_flat import specks_in_flat
from stacker.io.sensor.dust_light import LightPlane, light_of_counts, light_of_file
from stacker.io.sensor.dust_motion import motions_of
from stacker.io.sensor.dust_search import FEWEST_FRAMES, specks_in_frames
from stacker.io.sensor.specks import Dust

__all__ = ["dust_of_flat", "dust_of_frames"]

_TYPICAL_PX = 20.0
"""Width of a speck: where the subject nowhere moves by its radius, dust cannot be looked for."""


def dust_of_frames(
    planes: Sequence[LightPlane], defects: Sequence[int], *, raw: bool
) -> tuple[Dust | None, str | None]:
    """Specks that frames of a stack show themselves.

    Parameters
    ----------
    planes : sequence of LightPlane
        Of some frames spread over the stack, in its order; those of another size than the first are left out.
    defects : sequence of int
        Wrong pixels of a RAW sensor, which are no dust.
    raw : bool
        Whether these are RAW frames.

    Returns
    -------
    tuple of (Dust or None) and (str or None)
        None where nothing can be told; and why.
    """
    planes = [plane for plane in planes if plane.size_px == planes[0].size_px]
    if len(planes) < FEWEST_FRAMES:
        return None, f"dust is not looked for in fewer than {FEWEST_FRAMES} frames: --flat FILE tells it"
    for plane in planes:
        _without_defects(plane, defects)
    motions = motions_of(planes)
    trouble = None
    if not _moves(planes[0], motions):
        trouble = (
            "dust cannot be told from the subject, which hardly moves over the sensor from frame to frame: "
            "--flat FILE tells it"
        )
    return Dust(planes[0].size_px, raw, specks_in_frames(planes, motions)), trouble


def _without_defects(plane: LightPlane, defects: Sequence[int]) -> None:
    """Give the cells of wrong pixels what is beside them; written to."""
    if not defects:
        return
    rows, columns = (
        part // plane.step_px for part in np.divmod(np.asarray(defects, np.int64), plane.size_px[0])
    )
    inside = (rows < plane.log.shape[0]) & (columns < plane.log.shape[1])
    rows, columns = rows[inside], columns[inside]
    plane.log[rows, columns] = cv2.medianBlur(plane.log, 3)[rows, columns]


def _moves(plane: LightPlane, motions: Sequence[Image | None]) -> bool:
    """Whether the subject moves by the radius of a speck in some corner of the frame."""
    height, width = plane.log.shape
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], float).T
    known = np.stack([motion for motion in motions if motion is not None])
    seen = np.linalg.solve(known, np.broadcast_to(corners, (len(known), 3, 4)))[:, :2]
    return bool(np.hypot(*seen.std(axis=0)).max() * plane.step_px > _TYPICAL_PX / 2)


def dust_of_flat(flat: Path, frames: Sequence[Path], levels: SensorLevels | None) -> Dust:
    """Specks that a flat frame shows.

    Parameters
    ----------
    flat : Path
        The flat frame.
    frames : sequence of Path
        Of the stack, or the first of them.
    levels : SensorLevels or None
        Of RAW frames; None for a stack of others.

    Raises
    ------
    UserError
        When it is not there, no flat frame, or not of the kind and the size of the frames.
    DataError
        When it cannot be decoded.
    """
    if not flat.is_file():
        raise UserError(f"There is no flat frame {flat}")
    if is_raw_file(flat) is not (levels is not None):
        kinds = ("RAW files", "no RAW file") if levels is not None else ("no RAW files", "one")
        raise UserError(
            f"The frames are {kinds[0]} and the flat frame {flat} is {kinds[1]}: bodies crop and correct the "
            "two kinds in different ways, so it has to be of the frames' kind"
        )
    plane = _light_of_developed(flat, frames) if levels is None else _light_of_raw(flat, levels)
    return Dust(plane.size_px, levels is not None, specks_in_flat(plane, str(flat)))


def _light_of_raw(flat: Path, levels: SensorLevels) -> LightPlane:
    for counts, colours in counted([flat], levels, strict=True):
        return light_of_counts(counts, colours, levels)
    raise UserError(
        f"{flat} is not of the body that took the frames: {levels.camera}, "
        f"{levels.size_px[0]} × {levels.size_px[1]} px"
    )


def _light_of_developed(flat: Path, frames: Sequence[Path]) -> LightPlane:
    check_image(flat)  # luma alone is decoded of damaged JPEGs, too, with grey bars that look like dust
    plane = light_of_file(flat)
    size = next(filter(None, map(_stored_size, frames)), plane.size_px)
    if plane.size_px == size:
        return plane
    told = "{} × {} px".format
    turned = (
        " (it was turned when it was saved: save it as the frames are)" if plane.size_px == size[::-1] else ""
    )
    raise UserError(
        f"The flat frame {flat} has {told(*plane.size_px)} and the frames {told(*size)}: it has to be of the "
        f"same camera and size{turned}"
    )


def _stored_size(path: Path) -> tuple[int, int] | None:
    """Width and height as stored; None of a frame that cannot be read, which is told in its turn."""
    with suppress(StackerError):
        frame = read_frame(path, orientation=1)
        return frame.width, frame.height
    return None
