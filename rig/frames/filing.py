"""Frames that came without us firing: copied into a session under its names, and journaled."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rig.atomic import copy_flushed
from rig.cameras.arrivals import ArrivedFrame
from rig.cameras.body_clock import exposure_fields, read_frame_exif, taken_s
from rig.cameras.frame_exif import FrameExif
from rig.errors import DataError
from rig.journal import Entry
from rig.session import Session

__all__ = ["TimedFrame", "file_frame", "timed"]


class TimedFrame:
    """A frame with the time at which it was taken.

    Attributes
    ----------
    frame : ArrivedFrame
    record : FrameExif
        What its EXIF says.
    time_s : float
        The body's clock, or, without EXIF, when the file was last written; only differences mean something.
    by_exif : bool
        Which of the two.
    """

    def __init__(self, frame: ArrivedFrame) -> None:
        self.frame, self.record = frame, read_frame_exif(frame.files[0])
        own_s = taken_s(self.record)
        self.by_exif = own_s is not None
        self.time_s = frame.files[0].stat().st_mtime if own_s is None else own_s


def timed(frames: list[ArrivedFrame]) -> list[TimedFrame]:
    """Frames in the order in which they were taken; of one second, in the natural order of their names."""
    return sorted(map(TimedFrame, frames), key=lambda f: f.time_s)


def file_frame(
    session: Session, frame: ArrivedFrame, record: FrameExif, /, *, index: int, **fields: Any
) -> Entry:
    """Copy the files of a frame into a session; they stay where they are, too.

    Parameters
    ----------
    index : int
        The frame's place, from 0.
    fields
        For its journal line, ``position_mm`` among them (None when nobody knows).

    Raises
    ------
    DataError
        When a file cannot be read, the disk is full, or a frame of that name is there already.
    """
    # The body's own wall clock, whatever its zone; without EXIF, when the file was written.
    taken = record.taken_at or datetime.fromtimestamp(frame.files[0].stat().st_mtime).astimezone()
    entries = []
    for path in frame.files:
        part = session.incoming / path.name
        try:
            size, digest = copy_flushed(path, part)
        except OSError as err:
            raise DataError(f"{path} cannot be read: {err.strerror or err}") from err
        name = session.frame_name(index, fields["position_mm"] or 0.0, path.suffix, taken.isoformat())
        final = session.publish_frame(part, name, index, position_mm=fields["position_mm"])
        entries.append(session.file_entry(final, size, digest))
    return session.journal.append(
        "frame_saved",
        index=index,
        files=entries,
        camera_names=[path.name for path in frame.files],
        settings=exposure_fields(record),
        taken=taken.isoformat(),
        **fields,
    )
