"""Bodies that another program tethers, or none: frames appear in a folder, or are collected later.

Nothing in the watched folder is ever moved, changed or deleted; frames are copied out of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rig.atomic import copy_flushed
from rig.cameras.arrivals import LOOK_EVERY_S, ArrivedFrame, FolderWatch
from rig.cameras.base import (
    CameraHealth,
    CameraInfo,
    CapturedFile,
    Firing,
    LockReport,
    LockRequest,
    SettingReport,
    SettingVerdict,
    Shot,
)
from rig.cameras.bodies.values import same_shutter
from rig.cameras.body_clock import BodyClock, exposure_fields, read_frame_exif
from rig.cameras.frame_exif import FrameExif, differences
from rig.cameras.sequence import FileSequence
from rig.cameras.settings import CameraSettings
from rig.clock import Clock
from rig.errors import CameraError, Interrupted, UserError

__all__ = ["FolderCamera", "UncollectedCamera"]

_SURPLUS_S = 0.5
"""After a frame is complete it is looked that long whether a second one belongs to the same release."""


_AFTER_NOW_S = 1.0
"""A clock that counts whole seconds may be that much ahead of a time."""


class UncollectedCamera:
    """A body that is fired and not heard of again: its frames are matched afterwards (``driver = "none"``).

    Parameters
    ----------
    settings : CameraSettings
    clock : Clock
    firing : Firing
        Its `press`, or a person who is asked.

    Raises
    ------
    UserError
        When nothing and nobody can fire the body.
    """

    def __init__(self, settings: CameraSettings, clock: Clock, firing: Firing) -> None:
        if firing.press is None and firing.ask is None:
            raise UserError(
                "nobody can fire the camera: configure the rail's shutter output ([rail.shutter]), or run "
                "this in a terminal"
            )
        self._settings, self._clock, self._firing = settings, clock, firing
        self._shutter_s = 0.0
        self._shots = 0

    def describe(self) -> CameraInfo:
        """What the configuration calls it."""
        return CameraInfo("", self._settings.model or "a camera without a tether", "", "none")

    def lock(self, request: LockRequest) -> LockReport:
        """Nothing can be set: the person is asked."""
        self._shutter_s = request.shutter_s or 0.0
        return _by_hand(request)

    def expose_for(self, shutter_s: float) -> None:
        """Nothing can be set from here: refused unless it is what was agreed."""
        _same_by_hand(self._shutter_s, shutter_s)

    def health(self) -> CameraHealth:
        """Nothing is known of it."""
        return CameraHealth()

    def fire(self) -> Shot:
        """Press the release, or have it pressed, and wait until the exposure is surely over."""
        self._shots += 1
        shot = Shot(
            self._shots, self._clock.now(), datetime.now().astimezone().isoformat("T", "milliseconds")
        )
        if self._firing.press is not None:
            self._firing.press()
            self._clock.sleep(self._settings.shutter_lag_s + self._shutter_s + self._settings.readout_s)
        elif self._firing.ask is not None:
            self._firing.ask("fire the camera; when the exposure is over")
        return shot

    def collect(self, shot: Shot, directory: Path) -> tuple[CapturedFile, ...]:  # noqa: ARG002  (a Camera)
        """No file comes; the frame counts as taken."""
        return ()

    def restore(self) -> None:
        """Nothing was changed."""

    def close(self) -> None:
        """Nothing is held."""


_Read = tuple[ArrivedFrame, FrameExif]
"""A complete frame, and what its EXIF says."""


@dataclass(frozen=True)
class _Release:
    """A release that a frame is waited for: wall time, s since the epoch."""

    fired_s: float
    shot: Shot


class FolderCamera:
    """A body whose frames another program puts into a folder (`rig.cameras.base.Camera`).

    A frame counts for the release after which it was taken: by its coming, and, where it carries EXIF, by the
    body's own clock, whose distance from ours is narrowed down frame by frame, and by the body's numbering.
    A frame that was taken before the release is left alone. Two frames for one release are both refused.

    Parameters
    ----------
    settings : CameraSettings
        `watch` names the folder.
    clock : Clock
    firing : Firing
        Without `press` a person or another program fires, and `fire` waits until the frame is here: only then
        is the exposure surely over.

    Raises
    ------
    UserError
        When the folder is not there.
    """

    def __init__(self, settings: CameraSettings, clock: Clock, firing: Firing) -> None:
        if settings.watch is None:
            raise UserError(
                'camera.watch is missing: write watch = "/path/of/the/folder" where the other program saves'
            )
        self._settings, self._clock, self._firing = settings, clock, firing
        self._watch = FolderWatch(
            settings.watch, settings.files_per_frame, subfolders=settings.watch_subfolders
        )
        if self._watch.old:
            firing.tell(
                f"{_pictures(self._watch.old)} in {self._watch.folder} already: left alone, only new ones "
                "count"
            )
        self._request = LockRequest()
        self._first: FrameExif | None = None
        self._body_clock = BodyClock()
        self._sequence = FileSequence()
        self._shots = 0
        self._release: _Release | None = None
        self._arrived: _Read | None = None

    def describe(self) -> CameraInfo:
        """The body as the frames name it, once there is one."""
        body = self._first.body if self._first else None
        return CameraInfo(
            "", body or self._settings.model or "another program's camera", "", str(self._watch.folder)
        )

    def lock(self, request: LockRequest) -> LockReport:
        """Nothing can be set from here: the person is asked, and every frame's EXIF is compared."""
        self._request = request
        return _by_hand(request)

    def expose_for(self, shutter_s: float) -> None:
        """Nothing can be set from here: refused unless it is what was agreed."""
        _same_by_hand(self._request.shutter_s, shutter_s)

    def health(self) -> CameraHealth:
        """Nothing is known of it."""
        return CameraHealth()

    def restore(self) -> None:
        """Nothing was changed."""

    def close(self) -> None:
        """Nothing is held."""

    # --- one frame ------------------------------------------------------------------------------------

    def fire(self) -> Shot:
        """Press the release; without one say that it is time, and wait for the frame."""
        self._leave_alone(self._settled())
        self._shots += 1
        wall = datetime.now().astimezone()
        shot = Shot(self._shots, self._clock.now(), wall.isoformat("T", "milliseconds"))
        self._release, self._arrived = _Release(wall.timestamp(), shot), None
        if self._firing.press is not None:
            self._firing.press()
            shutter_s = self._request.shutter_s or 0.0
            self._clock.sleep(self._settings.shutter_lag_s + shutter_s + self._settings.readout_s)
        else:
            self._firing.tell(f"fire the camera now: a new picture in {self._watch.folder} is waited for")
            self._arrived = self._await(self._release)
        return shot

    def collect(self, shot: Shot, directory: Path) -> tuple[CapturedFile, ...]:
        """Copy the frame's files out of the folder, flushed.

        Raises
        ------
        CameraError
            When the frame of that shot did not come, or cannot be read.
        DataError, UserError
            When it cannot be written.
        """
        if self._release is None or self._release.shot != shot:
            raise CameraError(
                f"release {shot.number} was not the last one; its frame cannot be told any more"
            )
        frame, record = self._arrived or self._await(self._release)
        self._arrived = None
        captured = tuple(self._copy(path, directory, record) for path in frame.files)
        self._sequence.taken(frame.name)
        self._watch.take(frame)
        return captured

    def _copy(self, source: Path, directory: Path, record: FrameExif) -> CapturedFile:
        part = directory / f"shot_{self._shots}_{source.name}"
        try:  # a full disk of ours is told as such: taking the frame again would be of no use
            size, digest = copy_flushed(source, part)
        except OSError as err:
            raise CameraError(f"{source.name} cannot be read: {err.strerror or err}") from err
        return CapturedFile(part, source.name, size, digest, exposure_fields(record))

    def _settled(self) -> list[ArrivedFrame]:
        """What has come unasked; files that are still being written are waited for."""
        frames = self._watch.look()
        deadline = time.monotonic() + self._settings.image_wait_s
        while self._watch.pending and time.monotonic() < deadline:
            self._pause()
            frames = self._watch.look()
            for broken in self._watch.broken():
                self._firing.tell(f"{broken}; it is given up on")
        return frames

    def _leave_alone(self, frames: Iterable[ArrivedFrame]) -> None:
        for frame in frames:
            self._watch.take(frame)
            self._sequence.taken(frame.name)
            self._firing.tell(f"{frame.name} came unasked, before the release: it is left alone")

    def _await(self, release: _Release) -> _Read:
        """The one frame of a release."""
        deadline = time.monotonic() + self._settings.image_wait_s
        while True:
            frame = self._only(release) if self._mine(release) else None
            if frame is not None:
                return frame
            for stray in self._watch.strays():
                self._firing.tell(
                    f"{stray} belongs to a frame that was taken without it: write files_per_frame = 2 in "
                    "[camera] when RAW and JPEG come in pairs"
                )
            if time.monotonic() > deadline:
                raise CameraError(self._nothing_came())
            self._pause()

    def _mine(self, release: _Release) -> list[_Read]:
        """The complete frames that can be a release's."""
        try:
            read = [(frame, read_frame_exif(frame.files[0])) for frame in self._watch.look()]
        except OSError:  # renamed just now, or the network share is away: looked at again
            return []
        return [(frame, record) for frame, record in read if self._belongs(frame, record, release)]

    def _only(self, release: _Release) -> _Read | None:
        """Make sure that no second frame belongs to the release, and that the first was exposed as agreed.

        None when the first is being written again, as by a program that adds to its EXIF.
        """
        arrived_s = time.time()
        until = time.monotonic() + _SURPLUS_S
        mine: list[_Read] = []
        while time.monotonic() < until:
            self._pause()
            mine = self._mine(release)
        if not mine:
            return None
        if len(mine) > 1:
            for frame, _ in mine:
                self._watch.take(frame)
            raise CameraError(
                f"{len(mine)} pictures came for one release ({', '.join(f.name for f, _ in mine)}): none is "
                "used. Set the body to single shots without bracketing, and see that no other program writes "
                "there"
            )
        frame, record = mine[0]
        trouble = self._changed(record)
        if trouble:
            self._watch.take(frame)
            raise CameraError(f"{frame.name} is not as agreed: {trouble}. Set it back on the body")
        self._first = self._first or record
        self._body_clock.learn(record, release.fired_s, arrived_s)
        return frame, record

    def _belongs(self, frame: ArrivedFrame, record: FrameExif, release: _Release) -> bool:
        """Whether a frame can be this release's; one that cannot is left alone, and said."""
        why = None
        if self._first and record.body and self._first.body and record.body != self._first.body:
            why = f"was taken by another body ({record.body})"
        window = self._body_clock.window(record)
        if why is None and window is not None:
            earliest_s, latest_s = window
            if latest_s < release.fired_s:
                why = f"was taken {release.fired_s - latest_s:.1f} s or more before the release, by its EXIF"
            elif earliest_s > time.time() + _AFTER_NOW_S:
                why = "carries a time after now: the body's clock was changed"
        if why is None:
            return True
        self._watch.take(frame)
        self._firing.tell(f"{frame.name} {why}: it is left alone")
        return False

    def _changed(self, record: FrameExif) -> str:
        """What of the exposure is not as agreed, or, where nothing was agreed, not as in the first frame."""
        first, wanted = self._first or FrameExif(), self._request
        agreed = LockReport(
            (),
            wanted.shutter_s or first.shutter_s,
            wanted.aperture or first.f_number,
            wanted.iso or first.iso,
            wanted.white_balance,
        )
        return ", ".join(differences(record, agreed))

    def _nothing_came(self) -> str:
        waited = f"no new picture came into {self._watch.folder} within {self._settings.image_wait_s:g} s"
        if self._watch.trouble:
            return f"{waited}: {self._watch.trouble}"
        unfinished = self._watch.unfinished
        if unfinished:
            return f"{waited} that is complete; there are {'; '.join(unfinished)}"
        return (
            f"{waited}: did the camera fire, and does the other program save there? A body that takes longer "
            "needs a longer image_wait in [camera]"
        )

    def _pause(self) -> None:
        if self._firing.stopped():
            raise Interrupted()
        time.sleep(LOOK_EVERY_S)


def _pictures(number: int) -> str:
    return "1 picture is" if number == 1 else f"{number} pictures are"


def _same_by_hand(agreed_s: float | None, wanted_s: float) -> None:
    if agreed_s and not same_shutter(agreed_s, wanted_s):
        raise CameraError(
            f"the shutter of this body cannot be set from here to {wanted_s:g} s; {agreed_s:g} s was agreed"
        )


def _by_hand(request: LockRequest) -> LockReport:
    """The report of a body on which everything is set by hand."""
    parts = ["exposure mode M"]
    if request.shutter_s:
        parts.append(f"{request.shutter_s:g} s")
    if request.aperture:
        parts.append(f"f/{request.aperture:g}")
    if request.iso:
        parts.append(f"ISO {request.iso}")
    parts += ["a fixed white balance", "manual focus", "single shots"]
    message = f"set it by hand to {', '.join(parts)}"
    setting = SettingReport("settings", None, None, None, SettingVerdict.ASK, message)
    return LockReport((setting,), request.shutter_s, request.aperture, request.iso, request.white_balance)
