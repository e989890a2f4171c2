"""Frames that came without us firing: copied into a session under its names, and journaled."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from typing import Any

from rig.atomic import storage_error
from rig.cameras.arrivals import ArrivedFrame
from rig.cameras.exif import ExposureRecord, read_exposure
from rig.journal import Entry
from rig.session import Session

__all__ = ["TimedFrame", "file_frame", "timed"]


class TimedFrame:
    """A frame with the time at which it was taken.

    Attributes
    ----------
    frame : ArrivedFrame
    record : ExposureRecord
        What its EXIF says.
    time_s : float
        The body's clock, or, without EXIF, when the file was last written; only differences mean something.
    by_exif : bool
        Which of the two.
    """

    def __init__(self, frame: ArrivedFrame) -> None:
        self.frame, self.record = frame, read_exposure(frame.files[0])
        self.by_exif = self.record.taken_s is not None
        self.time_s = (
            self.record.taken_s if self.record.taken_s is not None else frame.files[0].stat().st_mtime
        )


def timed(frames: list[ArrivedFrame]) -> list[TimedFrame]:
    """Frames in the order in which they were taken; of one second, in the natural order of their names."""
    return sorted(map(TimedFrame, frames), key=lambda f: f.time_s)


def file_frame(
    session: Session, frame: ArrivedFrame, record: ExposureRecord, *, index: int, **fields: Any
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
        When the disk is full, or a frame of that name is there already.
    """
    moment = record.taken_s
    if moment is None:
        moment = frame.files[0].stat().st_mtime
        taken = datetime.fromtimestamp(moment).astimezone()
    else:
        taken = datetime.fromtimestamp(moment, UTC)  # the body's own wall clock, whatever its zone
    entries = []
    for path in frame.files:
        part = session.incoming / path.name
        try:
            data = path.read_bytes()
            with part.open("wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
        except OSError as err:
            raise storage_error(err, part) from err
        name = session.frame_name(index, fields["position_mm"] or 0.0, path.suffix, taken.isoformat())
        final = session.publish(part, name)
        entries.append(session.file_entry(final, len(data), hashlib.sha256(data).hexdigest()))
    return session.journal.append(
        "frame_saved",
        index=index,
        files=entries,
        camera_names=[path.name for path in frame.files],
        settings=record.settings,
        taken=taken.isoformat() if record.taken_s is None else taken.replace(tzinfo=None).isoformat(),
        **fields,
    )
