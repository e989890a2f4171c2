"""libgphoto2 as one camera needs it; runs in the process that owns the camera, `gphoto_worker`."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import gphoto2 as gp

from rig.cameras import gphoto_asking as asking
from rig.cameras.bodies import recognise
from rig.cameras.bodies.profile import Release, ReleaseKind, SettingState
from rig.cameras.gphoto_entries import entry, every_entry
from rig.cameras.gphoto_events import FileEvents, FilePath
from rig.cameras.gphoto_files import FilesInHand, UnusableFileError, write_checked
from rig.cameras.gphoto_guards import keep_descriptor_0, use_only_network_ports
from rig.cameras.protocol import (
    Connected,
    Fetched,
    FetchedFile,
    FetchOrder,
    Fired,
    ReleaseOrder,
    StorageSpace,
)
from rig.cameras.sequence import ShotFiles, file_number, is_raw_name

__all__ = ["GPhotoSession"]

_CONVERTS: dict[int, Callable[[str], str | float]] = {gp.GP_WIDGET_RANGE: float, gp.GP_WIDGET_TOGGLE: int}

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.001, 0.005
"""Between polls for a file: short, since half of it is a frame's overhead; longer when it takes its time."""

_FOLLOW_PAUSE_S = 0.03
"""Between polls for a file that a person's finger will bring some time: three hundredths are not felt."""

_BUSY_FIRST_S, _BUSY_LONGEST_S, _BUSY_GIVE_UP_S = 0.02, 0.5, 10.0
"""A busy body is asked again after these pauses; writing a burst to a slow card takes seconds, not more."""

_OFFERED_S = 1.0
"""From the end of an exposure until a body offers its file, when nothing else keeps it busy."""

_AWAKE_S = 1.0
"""Between looks at the events while the shutter is open: bodies hang up after some ten seconds' silence."""

_RETRY = gp.GP_ERROR_CAMERA_BUSY

_OUT_OF_FOCUS = -113
"""GP_ERROR_OUT_OF_FOCUS: Nikon bodies at an end of travel, and for a step that is too small for the motor."""


class GPhotoSession:
    """One connection to one camera.

    Parameters
    ----------
    private : Path
        A folder of this process's own.

    Notes
    -----
    Every method may raise ``gphoto2.GPhoto2Error``.
    """

    def __init__(self, private: Path) -> None:
        self._private = private
        self._camera: Any = None
        self._events: FileEvents
        self._fetched: list[FilePath] = []
        self._ready_at = 0.0

    def connect(self, port: str | None, model: str | None) -> Connected:
        """Open a port, or the first camera on USB whose model contains `model`."""
        if port is not None and port.startswith("ptpip:"):
            use_only_network_ports(self._private)
            abilities_name = "PTP/IP Camera"
        else:
            abilities_name, port = self._find(port, model)
        ports = gp.PortInfoList()
        ports.load()
        abilities = gp.CameraAbilitiesList()
        abilities.load()
        camera = gp.Camera()
        camera.set_abilities(abilities[abilities.lookup_model(abilities_name)])
        camera.set_port_info(ports[ports.lookup_path(port)])
        try:
            camera.init()
        finally:
            keep_descriptor_0()
        self._camera, self._events = camera, FileEvents(camera)
        found = self.read_all()
        manufacturer, name = _said(found, "manufacturer"), _said(found, "cameramodel") or abilities_name
        if "canon" in manufacturer.lower():
            self._events.guard()
        self._ready_at = time.monotonic() + recognise(manufacturer, name).settle_after_connect_s
        return Connected(manufacturer, name, _said(found, "eosserialnumber", "serialnumber"), port)

    @staticmethod
    def on_usb() -> tuple[tuple[str, str], ...]:
        """Name and port of every camera on USB; needs no connection."""
        return asking.on_usb()

    def operations(self) -> tuple[str, ...]:
        """What libgphoto2's driver would try with this camera."""
        return asking.operations(self._camera)

    def storages(self) -> tuple[StorageSpace, ...]:
        """The cards in the body."""
        return asking.storages(self._camera)

    def live_frame(self, patience_s: float = 0.0) -> bytes:
        """The next frame of live view, JPEG; the first call begins live view."""
        return asking.live_frame(self._camera, patience_s)

    @staticmethod
    def _find(port: str | None, model: str | None) -> tuple[str, str]:
        cameras = [(name, where) for name, where in gp.Camera.autodetect()]
        for name, where in cameras:
            if port in (None, "usb:", where) and (model is None or model.lower() in name.lower()):
                return name, where
        raise gp.GPhoto2Error(gp.GP_ERROR_MODEL_NOT_FOUND)

    def read_all(self) -> dict[str, SettingState]:
        """Every configuration entry that has a name and a meaning, by name."""
        return every_entry(self._camera)

    def read(self, names: tuple[str, ...]) -> dict[str, SettingState]:
        """Single entries; those that the body does not have are left out."""
        found: dict[str, SettingState] = {}
        for name in names:
            try:
                state = entry(self._camera.get_single_config(name))
            except gp.GPhoto2Error as err:
                if err.code == gp.GP_ERROR_BAD_PARAMETERS:
                    continue
                raise
            if state is not None:
                found[name] = state  # not by its own name: libgphoto2 gives some entries none
        return found

    def write(self, name: str, value: str) -> None:
        """Set one entry; whether the body took it only a read-back after `refresh` can tell."""
        self._patiently(partial(self._choose, name, value), self._events.drain)

    def drive_focus(self, name: str, value: str) -> bool:
        """Give one command to the lens's motor; whether the body took it, and not told of an end of travel.

        A body may take it and not drive: only the picture can tell.
        """
        try:
            self.write(name, value)
        except gp.GPhoto2Error as err:
            if err.code == _OUT_OF_FOCUS:
                return False
            raise
        return True

    def refresh(self, cache_s: float) -> None:
        """Make the next read come from the body: by draining a body's events, or by waiting for its cache."""
        time.sleep(cache_s)
        self._events.drain()

    def release(self, order: ReleaseOrder) -> Fired:
        """Fire; what lies about from earlier releases is put aside.

        Raises
        ------
        UnusableFileError
            When the card is full, or the body offers no release without autofocus.
        GPhoto2Error
            When the body does not answer as it should; an I/O error where the shutter may be open.
        """
        self._events.drain_for(order.settle_s)
        time.sleep(max(0.0, self._ready_at - time.monotonic()))
        self._events.clear()
        try:
            triggered = order.how.kind is ReleaseKind.TRIGGER and not order.hold_s
            return self._trigger(order) if triggered else self._press(order)
        except gp.GPhoto2Error as err:
            if order.to_card and self._card_is_full():
                raise UnusableFileError("card", "the card is full") from err
            if order.hold_s:
                # Whatever it means, the shutter may be open: only a new connection closes it surely.
                raise gp.GPhoto2Error(gp.GP_ERROR_IO) from err
            raise

    def _card_is_full(self) -> bool:
        """Whether every card is full; a body that does not tell has room."""
        try:
            free = [card.free_bytes for card in asking.storages(self._camera)]
        except gp.GPhoto2Error:
            return False
        return bool(free) and all(room == 0 for room in free)

    def _steps(self, how: Release) -> tuple[tuple[str, str], ...]:
        """Entries and values that press the button and let go of it."""
        if how.kind is ReleaseKind.TRIGGER:
            return ("bulb", "1"), ("bulb", "0")
        offered = tuple(self._camera.get_single_config(how.name).get_choices())
        steps = how.choose(offered)
        if steps is None:
            raise UnusableFileError(
                "release", f"{how.name} offers no release without autofocus, only {', '.join(offered)}"
            )
        return tuple((how.name, value) for value in steps)

    def _press(self, order: ReleaseOrder) -> Fired:
        """Press and let go, each asked for again by itself while the body is busy."""
        between = self._events.clear
        for number, (name, value) in enumerate(self._steps(order.how)):
            step = partial(self._choose, name, value)
            if number and order.hold_s:
                self._hold(order.hold_s, step)
            else:
                self._patiently(step, between)
            if not number:
                fired = Fired(time.time())
            between = self._events.drain  # from the first step on, what comes is this release's
        return fired

    def _hold(self, seconds: float, let_go: Callable[[], object]) -> None:
        """Keep the shutter open for so long, and the connection awake, and close it."""
        until = time.monotonic() + seconds
        while (left_s := until - time.monotonic()) > _AWAKE_S:
            time.sleep(min(_AWAKE_S, left_s - _AWAKE_S))
            self._events.drain()
        time.sleep(max(0.0, until - time.monotonic()))
        self._patiently(let_go, self._events.drain)

    def let_go(self, how: Release) -> None:
        """Close a shutter that a lost connection has left open; a body that is not exposing refuses."""
        self._choose(*self._steps(how)[-1])

    def _trigger(self, order: ReleaseOrder) -> Fired:
        doubts = 0

        def fire() -> None:
            # A body may be busy for the press of the button or for letting go of it: then it has fired.
            if not (doubts and self._events.any_within(order.exposure_s + _OFFERED_S)):
                self._camera.trigger_capture()

        def doubt() -> None:
            nonlocal doubts
            doubts += 1

        at_s = time.time()
        self._patiently(fire, doubt)
        return Fired(at_s, doubtful=doubts > 0)

    def _choose(self, name: str, value: str) -> None:
        """Set an entry through a fresh widget: setting the same value twice on one does nothing."""
        widget = self._camera.get_single_config(name)
        convert = _CONVERTS.get(widget.get_type(), str)
        widget.set_value(convert(value))
        self._camera.set_single_config(name, widget)

    def fetch(self, order: FetchOrder) -> Fetched:
        """Wait for the files of a release, check them, write them; nothing is left of an incomplete set."""
        shot = ShotFiles(order.files)
        self._fetched.clear()
        with FilesInHand(order) as in_hand:
            self._gather(order, shot, in_hand)
            self._refuse_surplus(order, shot)
            watched = self._watch(order.watched)
            files = in_hand.results()
        return Fetched(tuple(sorted(files, key=lambda file: is_raw_name(file.camera_name))), watched)

    def _gather(self, order: FetchOrder, shot: ShotFiles, in_hand: FilesInHand) -> None:
        deadline, pause_s = time.monotonic() + order.deadline_s, _FIRST_PAUSE_S
        while not shot.complete:
            path = self._events.next()
            if path is None:
                if time.monotonic() > deadline:
                    came = f"only {shot.names[0]} of {order.files} files" if shot.names else "no file"
                    raise UnusableFileError(
                        "missing", f"{came} came from the camera within {order.deadline_s:.0f} s"
                    )
                time.sleep(pause_s)
                pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
            elif path[1] in shot.names:
                self._events.forget(path)  # some bodies announce a file twice
            elif not self._is_old(path, order):
                if not shot.fits(path[1]):
                    self._events.forget(path)
                    raise UnusableFileError(
                        "surplus",
                        f"{path[1]} came besides {shot.names[0]}: one of them is of an earlier release",
                    )
                shot.names.append(path[1])
                in_hand.add(*self._events.take(path))
                self._fetched.append(path)

    def discard(self) -> None:
        """Take the files that were fetched last off the card."""
        for path in self._fetched:
            self._events.delete(path)
        self._fetched.clear()

    def _watch(self, names: tuple[str, ...]) -> dict[str, str | None]:
        """What these entries are now; nothing over a broken link: a new one is looked at anyway."""
        try:
            self._events.drain()
            return {name: state.value for name, state in self.read(names).items()}
        except gp.GPhoto2Error:
            return {}

    def follow(self, order: FetchOrder) -> FetchedFile | None:
        """The next file that the body tells of, whoever fired; None when none comes within the deadline."""
        deadline = time.monotonic() + order.deadline_s
        while True:
            path = self._events.next()
            if path is not None:
                return write_checked(*self._events.take(path), order, 0)
            if time.monotonic() > deadline:
                return None
            time.sleep(_FOLLOW_PAUSE_S)

    def leave(self) -> None:
        """Let go of the camera."""
        camera, self._camera = self._camera, None
        if camera is not None:
            del self._events  # it holds the camera, too
            try:
                with suppress(gp.GPhoto2Error):  # a dead link cannot be left politely
                    camera.exit()
            finally:
                keep_descriptor_0()

    @staticmethod
    def _patiently(action: Callable[[], object], between: Callable[[], None]) -> None:
        """Do something that a busy body may refuse for a while, and something else `between` the attempts."""
        give_up, pause_s = time.monotonic() + _BUSY_GIVE_UP_S, _BUSY_FIRST_S
        while True:
            try:
                action()
            except gp.GPhoto2Error as err:
                if err.code != _RETRY or time.monotonic() > give_up:
                    raise
                between()
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, _BUSY_LONGEST_S)
            else:
                return

    def _is_old(self, path: FilePath, order: FetchOrder) -> bool:
        number = file_number(path[1])
        if number is None or number not in order.old_numbers:
            return False
        self._events.forget(path)
        return True

    def _refuse_surplus(self, order: FetchOrder, shot: ShotFiles) -> None:
        """After a lost release, a file too many means that one of them is not this release's."""
        until = time.monotonic() + order.quiet_s
        while time.monotonic() < until:
            path = self._events.next()  # it may have come while the button was let go of
            if path is not None:
                self._events.forget(path)
                if path[1] in shot.names:
                    continue  # some bodies announce a file twice
                raise UnusableFileError(
                    "surplus",
                    f"{path[1]} came besides {shot.names[0]}: one of them is of an earlier release",
                )
            time.sleep(_LONGEST_PAUSE_S)


def _said(found: dict[str, SettingState], *names: str) -> str:
    """The value of the first of these entries that has one."""
    return next((found[name].value or "" for name in names if name in found and found[name].value), "")
