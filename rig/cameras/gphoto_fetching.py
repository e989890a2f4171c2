"""Gets the files of a shot over a connection that may break meanwhile; runs in the rig's process."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from rig.cameras.base import Shot
from rig.cameras.bodies import BodyProfile
from rig.cameras.camera_process import CallFailedError
from rig.cameras.judging import SETTLE_S, FrameJudge
from rig.cameras.locking import Locker
from rig.cameras.messages import LinkLostError
from rig.cameras.protocol import Fetched, FetchOrder
from rig.cameras.settings import CameraSettings
from rig.errors import CameraError, RigError

__all__ = ["ShotFetcher"]

_AFTER_RECONNECT_S = 5.0
"""A picture that survived a broken connection is there at once; one that did not never comes."""


class _Call(Protocol):
    def __call__(self, doing: str, method: str, order: FetchOrder, /, *, deadline_s: float) -> Fetched: ...


class ShotFetcher:
    """Fetches the files of one body's shots.

    Parameters
    ----------
    settings : CameraSettings
        How long files may take.
    profile, locker : BodyProfile, Locker
        Know how many files a release makes, and what is to be read straight after it.
    judge : FrameJudge
        Knows which files are of earlier releases, and is told of those that never came.
    call : callable
        `rig.cameras.gphoto_connection.GPhotoConnection.call`.
    reconnect : callable
        Makes a new connection after a failure, to a body that is as locked again.
    """

    def __init__(
        self,
        settings: CameraSettings,
        profile: BodyProfile,
        locker: Locker,
        judge: FrameJudge,
        call: _Call,
        reconnect: Callable[[Exception], None],
    ) -> None:
        self._settings, self._profile = settings, profile
        self._locker, self._judge = locker, judge
        self._call, self._reconnect = call, reconnect

    def fetch(self, shot: Shot, directory: Path, *, doubtful: bool) -> Fetched:
        """Wait for a shot's files and have them written under temporary names; a lost link is replaced once.

        Parameters
        ----------
        shot : Shot
            The one that was fired last.
        directory : Path
            Where the files go.
        doubtful : bool
            Whether it may have been fired twice, so that a surplus file has to be waited for.

        Raises
        ------
        CameraError
            When no whole files of this shot came.
        DataError
            When they could not be written.
        """
        wait_s = self._settings.image_wait_s
        try:
            return self._fetch_once(shot, directory, wait_s, doubtful=doubtful)
        except LinkLostError as err:
            self._reconnect(err)
            try:
                return self._fetch_once(shot, directory, min(wait_s, _AFTER_RECONNECT_S), doubtful=doubtful)
            except CameraError as again:
                self._judge.sequence.lost()
                raise CameraError(f"shot {shot.number} is lost: {err}; connected again, but {again}") from err

    def _fetch_once(self, shot: Shot, directory: Path, wait_s: float, *, doubtful: bool) -> Fetched:
        profile = self._profile
        order = FetchOrder(
            directory=str(directory),
            stem=f"shot-{shot.number:05d}-{time.time_ns():x}",
            files=profile.files_per_shot(self._locker.image_format),
            deadline_s=wait_s,
            quiet_s=max(self._judge.quiet_s, SETTLE_S if doubtful else 0.0),
            old_numbers=self._judge.sequence.old_numbers,
            watched=(*self._locker.held, profile.battery, profile.shots_left),
        )
        deadline_s = wait_s + order.quiet_s + self._settings.transfer_s
        try:
            return self._call(f"fetching shot {shot.number}", "fetch", order, deadline_s=deadline_s)
        except RigError as err:
            kind = err.__cause__.trouble.kind if isinstance(err.__cause__, CallFailedError) else ""
            if kind == "missing":
                self._judge.sequence.lost()
            elif kind == "surplus":
                self._judge.start_anew()  # both have come: nothing is late any more
            raise
