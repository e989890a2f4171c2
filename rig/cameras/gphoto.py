"""A camera through libgphoto2, which lives in a process of its own with a deadline on every call."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from rig.cameras.base import (
    CameraHealth,
    CameraInfo,
    CapturedFile,
    LockReport,
    LockRequest,
    SettingVerdict,
    Shot,
)
from rig.cameras.bodies import BodyProfile, recognise
from rig.cameras.bodies.profile import SettingState
from rig.cameras.bodies.values import same_shutter
from rig.cameras.gphoto_connection import GPhotoConnection
from rig.cameras.gphoto_fetching import ShotFetcher
from rig.cameras.judging import FrameJudge, strayed
from rig.cameras.locking import Locker, card_report
from rig.cameras.messages import LinkLostError
from rig.cameras.protocol import Fetched, Fired, ReleaseOrder
from rig.cameras.settings import CameraSettings
from rig.clock import Clock
from rig.errors import CameraError, OperatorNeededError

__all__ = ["GPhotoCamera"]

_CALL_S = 60.0
"""A read or a set; bodies that step a shutter time through its range take seconds a step."""
_RELEASE_S = 45.0


class GPhotoCamera:
    """A body on USB or on the network.

    Parameters
    ----------
    settings : CameraSettings
        Where it is and how long it takes.
    clock : Clock
        For the time between release and the end of the exposure; time-outs are in real seconds.

    Raises
    ------
    CameraError
        When it is not there.
    """

    def __init__(self, settings: CameraSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._link = GPhotoConnection(settings)
        self._connected = self._link.found
        self._profile = recognise(self._connected.manufacturer, self._connected.model)
        if settings.drives_lens:
            self._profile = self._profile.driven()
        self._locker = Locker(self, self._profile)
        self._report: LockReport | None = None
        self._judge = FrameJudge()
        self._fetcher = ShotFetcher(
            settings, self._profile, self._locker, self._judge, self._link.call, self._reconnect
        )
        self._health = CameraHealth()
        self._to_card, self._discards = False, False
        self._pending: Shot | None = None
        self._doubtful = False
        self._shots = 0
        self._closed = False

    @property
    def profile(self) -> BodyProfile:
        """What this body calls things."""
        return self._profile

    @property
    def process_id(self) -> int:
        """The process that owns the body."""
        return self._link.process_id

    @property
    def model(self) -> str:
        """What the body calls itself."""
        return self._connected.model

    @property
    def transfer_s(self) -> float:
        """Real seconds that a shot's files may take to come over."""
        return self._settings.transfer_s

    def describe(self) -> CameraInfo:
        """Who is connected."""
        states = self._guarded("reading its configuration", "read_all")
        # By its label: in the whole tree libgphoto2 gives a Sony's entry no name.
        battery = next((s.value for s in states.values() if s.label == "Battery Level"), None)
        shots = states.get(self._profile.shots_left)
        self._health = CameraHealth.told(battery, shots.value if shots else None)
        lens = next((states[name].value for name in self._profile.lens if name in states), None)
        found = self._connected
        return CameraInfo(
            manufacturer=found.manufacturer,
            model=found.model,
            serial=found.serial,
            port=found.port,
            lens=lens or None,
            battery=self._health.battery,
            simulated=found.serial.startswith("SIM"),
        )

    def lock(self, request: LockRequest) -> LockReport:
        """Make everything manual and fixed; set, read back past the library's cache, report."""
        try:
            self._report = self._locker.lock(request)
        except LinkLostError as err:
            self._replace_link(err)
            self._report = self._locker.lock(request)
        self._judge.forget()
        if self._pending is not None:  # a run ended before its frame was asked for: its disk was full, say
            self._pending = None
            self._judge.sequence.lost()
        self._to_card = request.to_card
        self._discards = request.card_only and not request.keep_on_card
        if request.to_card:
            card = card_report(self.ask("asking for its card", "storages"))
            self._report = replace(self._report, settings=(*self._report.settings, card))
        return self._report

    def expose_for(self, shutter_s: float) -> None:
        """Change the shutter time of the locked body, for the releases to come; read back.

        From then on every frame is held against that time. A time that is in force already costs nothing.

        Raises
        ------
        CameraError
            When the body is not locked, or does not take it.
        """
        if self._report is None:
            raise CameraError("the camera is not locked: its shutter time alone says nothing of an exposure")
        if self._report.shutter_s is not None and same_shutter(self._report.shutter_s, shutter_s):
            return
        try:
            setting, now_s, bulb = self._locker.expose_for(shutter_s)
        except LinkLostError as err:
            self._reconnect(err)
            setting, now_s, bulb = self._locker.expose_for(shutter_s)
        if setting.verdict is SettingVerdict.REFUSED:
            raise CameraError(f"the shutter could not be set: {setting.message}")
        self._report = replace(self._report, shutter_s=now_s, bulb=bulb)

    def health(self) -> CameraHealth:
        """What is left of battery and card, as last seen: when described, and with every frame."""
        return self._health

    def fire(self) -> Shot:
        """Release the shutter without autofocus; return when the exposure is surely over.

        Raises
        ------
        CameraError
            When the body did not fire, or it is not known whether it did; it is connected and locked again if
            that was possible, and the next release can be tried.
        """
        shutter_s = self._report.shutter_s if self._report else None
        if shutter_s is None:
            raise CameraError(
                "the camera is not locked to a shutter time, so the end of an exposure is unknown"
            )
        if self._pending is not None:
            raise CameraError(
                f"shot {self._pending.number} was not collected: bodies drop pending files at a release"
            )
        bulb = self._report is not None and self._report.bulb
        exposure_s = shutter_s / self._clock.scale
        hold_s = exposure_s if bulb else 0.0
        order = ReleaseOrder(self._profile.release, exposure_s, hold_s, self._to_card, self._judge.settle_s)
        try:
            fired: Fired = self._call("firing", "release", order, deadline_s=_RELEASE_S + 2 * exposure_s)
        except LinkLostError as err:
            self._judge.sequence.lost()  # it may have fired all the same
            self._reconnect(err, let_go=bulb)
            raise CameraError(f"{err}; connected again, but this frame was not taken") from err
        except CameraError:
            self._judge.sequence.lost()  # one that stays busy may have fired for any of its answers
            raise
        self._shots += 1
        self._doubtful = fired.doubtful
        wall = datetime.fromtimestamp(fired.at_s).astimezone().isoformat(timespec="milliseconds")
        self._pending = Shot(self._shots, self._clock.now() - (shutter_s if bulb else 0.0), wall)
        exposing_s = 0.0 if bulb else shutter_s
        self._clock.sleep(self._settings.shutter_lag_s + exposing_s + self._settings.readout_s)
        return self._pending

    def collect(self, shot: Shot, directory: Path) -> tuple[CapturedFile, ...]:
        """Wait for the files of that shot and write them, flushed, under temporary names.

        Raises
        ------
        CameraError
            When no whole file of this shot came.
        DataError
            When it could not be written.
        """
        if self._pending != shot:
            raise CameraError(f"shot {shot.number} is not the one that waits to be collected")
        try:
            fetched = self._fetcher.fetch(shot, directory, doubtful=self._doubtful)
            with ExitStack() as unless_right:
                for file in fetched.files:
                    unless_right.callback(Path(file.path).unlink, missing_ok=True)
                self._check(shot, fetched)
                unless_right.pop_all()
        finally:
            self._pending = None
        if self._discards:
            with suppress(CameraError):  # it is here; on the card it is only in the way
                self._call("taking a frame off the card", "discard", deadline_s=_CALL_S)
        fields = self._fields()
        taken_at = fetched.files[0].exif.taken_at
        if taken_at is not None:
            fields["taken_at"] = taken_at.isoformat(timespec="milliseconds")
        return tuple(
            CapturedFile(Path(f.path), f.camera_name, f.size_bytes, f.sha256, fields) for f in fetched.files
        )

    def _check(self, shot: Shot, fetched: Fetched) -> None:
        """Refuse a frame that is not this release's, or was not taken as locked.

        Raises
        ------
        CameraError
            When it has to be shot again, on a body that is as locked again.
        OperatorNeededError
            When the body cannot be brought back from here.
        """
        self._judge.identify(shot, fetched)
        profile, watched = self._profile, fetched.watched
        if profile.battery in watched or profile.shots_left in watched:
            self._health = CameraHealth.told(watched.get(profile.battery), watched.get(profile.shots_left))
        if self._report is None:
            return
        raw_only = profile.is_raw_only(self._locker.image_format)
        wrong = strayed(
            fetched, self._report, self._locker.held, raw_only=raw_only, time_scale=self._clock.scale
        )
        if not wrong:
            self._judge.lit(fetched)
            return
        told = f"{fetched.files[0].camera_name} was not taken as locked: {'; '.join(wrong)}"
        left = self._locker.hold_again()
        if left:
            raise OperatorNeededError(
                f"{told}. It cannot be set from here ({'; '.join(left)}): set it on the camera, then go on"
            )
        raise CameraError(f"{told}. The camera is as locked again, and the frame has to be shot again")

    def restore(self) -> None:
        """Put back the settings that `lock` changed.

        Raises
        ------
        CameraError
            Naming what could not be put back.
        """
        try:
            left = self._locker.put_back()
        except LinkLostError as err:
            self._replace_link(err)
            left = self._locker.put_back()
        if left:
            raise CameraError(f"not everything could be put back on the camera: {'; '.join(left)}")

    def close(self) -> None:
        """Let go of the body; may be called twice. Does not restore."""
        if self._closed:
            return
        self._closed = True
        self._link.close()

    # --- Live view and the lens's motor ---

    def live_frame(self) -> bytes:
        """The next frame of live view, as JPEG; the first call begins live view.

        Raises
        ------
        CameraError
            When the body shows none.
        """
        data: bytes = self._call("reading live view", "live_frame", deadline_s=_CALL_S)
        return data

    def drive_focus(self, value: str) -> bool:
        """Give the lens's motor one command of the profile's; False when the body tells of an end of travel.

        Raises
        ------
        CameraError
            When the body refuses, or has no such drive. It is not repeated: it may have driven all the same.
        """
        entry = self._profile.focus_drive
        if entry is None:
            raise CameraError(f"no way is known to drive the lens on a {self._connected.model}")
        doing = f"driving the focus, {entry.name} {value!r}"
        return bool(self._call(doing, "drive_focus", entry.name, value, deadline_s=_CALL_S))

    # --- Configuration, for the locker ---

    def read_all(self) -> dict[str, SettingState]:
        """Every configuration entry, as the body has it now."""
        self._call("refreshing", "refresh", self._profile.read_cache_s, deadline_s=_CALL_S)
        states: dict[str, SettingState] = self._call("reading", "read_all", deadline_s=_CALL_S)
        return states

    def read(self, name: str) -> SettingState | None:
        """One configuration entry, as the body has it now."""
        self._call("refreshing", "refresh", self._profile.read_cache_s, deadline_s=_CALL_S)
        found: dict[str, SettingState] = self._call("reading", "read", (name,), deadline_s=_CALL_S)
        return found.get(name)

    def write(self, name: str, value: str) -> str | None:
        """Set a configuration entry; returns why the body refused at once, or None."""
        why = self._write_once(name, value)
        detour = self._profile.detours.get(name)
        if why is not None and detour is not None and value in detour.values:
            why = self._write_once(detour.name, detour.values[value])
        return why

    def _write_once(self, name: str, value: str) -> str | None:
        try:
            self._call(f"setting {name} to {value!r}", "write", name, value, deadline_s=_CALL_S)
        except LinkLostError:  # a body that refuses and a broken link look alike: the read-back tells
            return "the body refused"
        except CameraError as err:
            return str(err)
        return None

    def ask(self, doing: str, method: str, *arguments: Any, deadline_s: float = _CALL_S) -> Any:
        """Have the process that owns the body do something that may be repeated after a new connection.

        Parameters
        ----------
        doing : str
            For the message, as in "while reading its card".
        method : str
            A method of `rig.cameras.gphoto_session.GPhotoSession`.

        Raises
        ------
        CameraError
            When it fails, the second time too.
        """
        return self._guarded(doing, method, *arguments, deadline_s=deadline_s)

    # --- the process ---

    def _call(self, doing: str, method: str, *arguments: Any, deadline_s: float) -> Any:
        return self._link.call(doing, method, *arguments, deadline_s=deadline_s)

    def _guarded(self, doing: str, method: str, *arguments: Any, deadline_s: float = _CALL_S) -> Any:
        """A call that may be repeated: once more after a new connection."""
        try:
            return self._call(doing, method, *arguments, deadline_s=deadline_s)
        except LinkLostError as err:
            self._reconnect(err)
            return self._call(doing, method, *arguments, deadline_s=deadline_s)

    def _replace_link(self, cause: Exception) -> None:
        charge = f" Its battery was last at {self._health.battery}." if self._health.battery else ""
        self._link.replace(cause, charge)

    def _reconnect(self, cause: Exception, *, let_go: bool = False) -> None:
        """Connect again and bring the body back to the locked state; `let_go` closes a shutter held open."""
        self._replace_link(cause)
        if let_go:
            with suppress(CameraError):  # it may have closed by itself
                self._call("letting go of the button", "let_go", self._profile.release, deadline_s=_CALL_S)
        changed = self._locker.hold_again()
        if changed:
            raise OperatorNeededError(f"{cause}; after connecting again {'; '.join(changed)}") from cause

    def _fields(self) -> dict[str, str]:
        """The exposure in force, for the journal."""
        if self._report is None:
            return {}
        fields = asdict(self._report)
        names = ("shutter_s", "aperture", "iso", "white_balance")
        return {name: str(fields[name]) for name in names if fields[name] is not None}
