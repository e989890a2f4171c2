"""Which specks of dust the frames of a stack are mended of."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from stacker.errors import StackerError, UserError
from stacker.io.decode import is_raw_file, read_frame
from stacker.io.development import SensorLevels
from stacker.io.dust_flat import specks_in_flat
from stacker.io.dust_light import LightPlane, light_of_counts, light_of_file
from stacker.io.mosaics import mosaics
from stacker.io.specks import Dust

__all__ = ["dust_of_flat"]


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
    for counts, colours in mosaics([flat], levels, strict=True):
        return light_of_counts(counts, colours, levels)
    raise UserError(
        f"{flat} is not of the body that took the frames: {levels.camera}, "
        f"{levels.size_px[0]} × {levels.size_px[1]} px"
    )


def _light_of_developed(flat: Path, frames: Sequence[Path]) -> LightPlane:
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
