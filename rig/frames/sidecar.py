"""The XMP sidecar of a RAW frame: where it was taken, for the stacker and for whoever else asks."""

from __future__ import annotations

from pathlib import Path

from rig import __version__
from rig.cameras.sequence import is_raw_name
from rig.errors import DataError

__all__ = ["write_sidecar"]


def write_sidecar(
    frame: Path,
    number: int,
    session: str,
    *,
    simulated: bool,
    shot: str = "",
    position_mm: float | None = None,
    position_units: int | None = None,
) -> None:
    """Write ``beetle_0001.xmp`` for ``beetle_0001.arw``, before that has its name; none for other pictures.

    One that is there already stays: a photographer's programs keep their work in it.

    Parameters
    ----------
    frame : Path
        Its final name.
    number : int
        Of the position, from 1.
    session : str
        Its name.
    simulated : bool
        No real camera took it.
    shot : str
        Which of several at a position.
    position_mm, position_units : float and int, optional
        Where on the rail, or in steps of the lens's drive.

    Raises
    ------
    DataError
        When it cannot be written.
    """
    path = frame.with_suffix(".xmp")
    if not is_raw_name(frame.name) or path.exists():
        return
    from stacker import StackerError, write_frame_sidecar

    facts: dict[str, str | float | bool] = {
        "Software": f"focusrig {__version__}",
        "Session": session,
        "FrameNumber": number,
        "Simulated": simulated,
    }
    if shot:
        facts["Shot"] = shot
    if position_mm is not None:
        facts["RailPositionMm"] = float(position_mm)
    if position_units is not None:
        facts["FocusDriveUnits"] = position_units
    try:
        write_frame_sidecar(path, facts)
    except StackerError as err:
        raise DataError(str(err)) from err
