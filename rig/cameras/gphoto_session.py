"""libgphoto2 as one camera needs it; runs in the process that owns the camera, `gphoto_worker`."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import gphoto2 as gp

from rig.cameras import gphoto_asking as asking
from rig.cameras.bodies import recognise
from rig.cameras.bodies.profile import Release, ReleaseKind, SettingState
from rig.cameras.gphoto_guards import keep_descriptor_0, peek_text, use_only_network_ports
from rig.cameras.protocol import Connected, FetchedFile, FetchOrder, StorageSpace
from rig.cameras.sequence import file_number
from rig.cameras.verify import BrokenImageError, check_image

__all__ = ["GPhotoSession", "StorageError", "UnusableFileError"]

_TEXTS = (gp.GP_WIDGET_TEXT, gp.GP_WIDGET_RADIO, gp.GP_WIDGET_MENU)
_SECTIONS = (gp.GP_WIDGET_WINDOW, gp.GP_WIDGET_SECTION)
_OTHER = "other"
"""The section that repeats the body's properties by number."""

_IN_MEMORY = "/"
"""The folder of pictures that were never on a card: libgphoto2 has fetched them when it tells of them."""

_POLL_MS = 1
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.001, 0.005
"""Between polls for a file: short, since half of it is a frame's overhead; longer when it takes its time."""

_FOLLOW_PAUSE_S = 0.03
"""Between polls for a file that a person's finger will bring some time: three hundredths are not felt."""

_BUSY_FIRST_S, _BUSY_LONGEST_S, _BUSY_GIVE_UP_S = 0.02, 0.5, 10.0
"""A busy body is asked again after these pauses; writing a burst to a slow card takes seconds, not more."""

_RETRY = gp.GP_ERROR_CAMERA_BUSY


class UnusableFileError(Exception):
    """No file came, or none that can be this release's, or a broken one: `kind` of `Trouble` says which."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class StorageError(Exception):
    """A file could not be written."""

    def __init__(self, cause: OSError, path: str, needed_bytes: int) -> None:
        super().__init__(f"{path}: {cause.strerror or cause}")
        self.errno, self.needed_bytes = cause.errno or 0, needed_bytes


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
        self._arrived: list[tuple[str, str]] = []
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
        self._camera = camera
        found = self.read_all()
        manufacturer, name = _said(found, "manufacturer"), _said(found, "cameramodel") or abilities_name
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

    def live_frame(self) -> bytes:
        """The next frame of live view, JPEG; the first call begins live view."""
        return asking.live_frame(self._camera)

    @staticmethod
    def _find(port: str | None, model: str | None) -> tuple[str, str]:
        cameras = [(name, where) for name, where in gp.Camera.autodetect()]
        for name, where in cameras:
            if port in (None, "usb:", where) and (model is None or model.lower() in name.lower()):
                return name, where
        raise gp.GPhoto2Error(gp.GP_ERROR_MODEL_NOT_FOUND)

    def read_all(self) -> dict[str, SettingState]:
        """Every configuration entry that has a name and a meaning, by name."""
        found: dict[str, SettingState] = {}
        self._walk(self._camera.get_config(), found)
        return found

    def _walk(self, widget: Any, found: dict[str, SettingState]) -> None:
        if widget.get_type() in _SECTIONS:
            if widget.get_name() != _OTHER:
                for child in widget.get_children():
                    self._walk(child, found)
            return
        state = self._state(widget)
        if state is not None:
            found.setdefault(state.name, state)

    @staticmethod
    def _state(widget: Any) -> SettingState | None:
        kind = widget.get_type()
        name, label, read_only = widget.get_name(), widget.get_label(), bool(widget.get_readonly())
        if kind in _TEXTS:
            choices = () if kind == gp.GP_WIDGET_TEXT else tuple(widget.get_choices())
            return SettingState(name, label, peek_text(widget), choices, read_only)
        if kind == gp.GP_WIDGET_RANGE:
            limits = tuple(widget.get_range())
            return SettingState(name, label, f"{widget.get_value():g}", (), read_only, limits)
        if kind == gp.GP_WIDGET_TOGGLE:
            return SettingState(name, label, str(widget.get_value()), ("0", "1"), read_only)
        return None

    def read(self, names: tuple[str, ...]) -> dict[str, SettingState]:
        """Single entries; those that the body does not have are left out."""
        found: dict[str, SettingState] = {}
        for name in names:
            try:
                state = self._state(self._camera.get_single_config(name))
            except gp.GPhoto2Error as err:
                if err.code == gp.GP_ERROR_BAD_PARAMETERS:
                    continue
                raise
            if state is not None:
                found[name] = state
        return found

    def write(self, name: str, value: str) -> None:
        """Set one entry; whether the body took it only a read-back after `refresh` can tell."""
        widget = self._camera.get_single_config(
            name
        )  # a fresh one: setting the same value twice does nothing
        kind = widget.get_type()
        if kind == gp.GP_WIDGET_RANGE:
            widget.set_value(float(value))
        elif kind == gp.GP_WIDGET_TOGGLE:
            widget.set_value(int(value))
        else:
            widget.set_value(value)
        self._patiently(lambda: self._camera.set_single_config(name, widget), self._drain)

    def refresh(self, cache_s: float) -> None:
        """Make the next read come from the body: by draining a body's events, or by waiting for its cache."""
        time.sleep(cache_s)
        self._drain()

    def release(self, how: Release) -> list[str]:
        """Fire; returns the names of files that lay about from earlier releases and were put aside."""
        time.sleep(max(0.0, self._ready_at - time.monotonic()))
        discarded: list[str] = []

        def clear() -> None:
            self._drain()
            discarded.extend(name for _, name in self._arrived)
            for path in self._arrived:
                self._forget(path)
            self._arrived.clear()

        clear()
        if how.kind is ReleaseKind.TRIGGER:
            self._patiently(self._camera.trigger_capture, clear)
            return discarded
        offered = tuple(self._camera.get_single_config(how.name).get_choices())
        steps = how.choose(offered)
        if steps is None:
            raise UnusableFileError(
                "release", f"{how.name} offers no release without autofocus, only {', '.join(offered)}"
            )
        between = clear
        for value in steps:
            widget = self._camera.get_single_config(how.name)
            widget.set_value(value)
            self._patiently(partial(self._camera.set_single_config, how.name, widget), between)
            between = self._drain  # from the first step on, what comes is this release's
        return discarded

    def fetch(self, order: FetchOrder) -> list[FetchedFile]:
        """Wait for the files of a release, check them, write them."""
        files: list[FetchedFile] = []
        deadline, pause_s = time.monotonic() + order.deadline_s, _FIRST_PAUSE_S
        while len(files) < order.files:
            path = self._arrived.pop(0) if self._arrived else self._poll_file()
            if path is not None and not self._is_late(path, order):
                files.append(self._take(path, order, len(files)))
            elif path is None:
                if time.monotonic() > deadline:
                    came = f"only {len(files)} of {order.files} files" if files else "no file"
                    raise UnusableFileError(
                        "missing", f"{came} came from the camera within {order.deadline_s:.0f} s"
                    )
                time.sleep(pause_s)
                pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
        self._refuse_surplus(order, files)
        return files

    def follow(self, order: FetchOrder) -> FetchedFile | None:
        """The next file that the body tells of, whoever fired; None when none comes within the deadline."""
        deadline = time.monotonic() + order.deadline_s
        while True:
            path = self._arrived.pop(0) if self._arrived else self._poll_file()
            if path is not None:
                return self._take(path, order, 0)
            if time.monotonic() > deadline:
                return None
            time.sleep(_FOLLOW_PAUSE_S)

    def leave(self) -> None:
        """Let go of the camera."""
        camera, self._camera = self._camera, None
        if camera is not None:
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

    def _poll_file(self) -> tuple[str, str] | None:
        """The next file that the body tells of; None when it has nothing to tell."""
        while True:
            kind, data = self._camera.wait_for_event(_POLL_MS)
            if kind == gp.GP_EVENT_FILE_ADDED:
                return data.folder, data.name
            if kind == gp.GP_EVENT_TIMEOUT:
                return None

    def _drain(self) -> None:
        """Read the body's events until there are none; files among them wait for whoever wants them."""
        while (path := self._poll_file()) is not None:
            self._arrived.append(path)

    def _forget(self, path: tuple[str, str]) -> None:
        """Drop libgphoto2's copy of a picture that was never on a card; it would stay in memory otherwise."""
        if path[0] == _IN_MEMORY:
            with suppress(gp.GPhoto2Error):  # it is a copy only: nothing is lost when it stays
                self._camera.file_delete(*path)

    def _is_late(self, path: tuple[str, str], order: FetchOrder) -> bool:
        number = file_number(path[1])
        if number is None or number not in order.late_numbers:
            return False
        self._forget(path)
        return True

    def _take(self, path: tuple[str, str], order: FetchOrder, index: int) -> FetchedFile:
        try:
            announced = self._announced(path)
            # The CameraFile is kept while its bytes are used: they die with it.
            file = self._camera.file_get(*path, gp.GP_FILE_TYPE_NORMAL)
            data = memoryview(file.get_data_and_size())
            try:
                return _write(bytes(data), announced, path[1], order, index)
            finally:
                data.release()
        finally:
            self._forget(path)

    def _announced(self, path: tuple[str, str]) -> int | None:
        """The size that the body named; None for a Nikon's memory, of which no record is kept."""
        try:
            size: int = self._camera.file_get_info(*path).file.size
        except gp.GPhoto2Error as err:
            if path[0] != _IN_MEMORY or err.code != gp.GP_ERROR:
                raise
            return None
        return size

    def _refuse_surplus(self, order: FetchOrder, files: list[FetchedFile]) -> None:
        """After a lost release, a file too many means that one of them is not this release's."""
        until = time.monotonic() + order.quiet_s
        while time.monotonic() < until:
            path = self._poll_file()
            if path is not None:
                self._forget(path)
                for file in files:
                    Path(file.path).unlink(missing_ok=True)
                raise UnusableFileError(
                    "surplus",
                    f"{path[1]} came besides {files[0].camera_name}: one of them is of an earlier release",
                )
            time.sleep(_LONGEST_PAUSE_S)


def _said(found: dict[str, SettingState], *names: str) -> str:
    """The value of the first of these entries that has one."""
    return next((found[name].value or "" for name in names if name in found and found[name].value), "")


def _write(data: bytes, announced: int | None, name: str, order: FetchOrder, index: int) -> FetchedFile:
    """Check a file and put it on the disk, flushed; nothing half-written stays."""
    suffix = Path(name).suffix
    path = Path(order.directory) / f"{order.stem}{f'-{index}' if index else ''}{suffix}.part"
    try:
        # The disk flushes while the processor decodes.
        with ThreadPoolExecutor(1) as disk:
            written = disk.submit(_write_flushed, path, data)
            check_image(data, announced)
            digest = hashlib.sha256(data).hexdigest()
            written.result()
    except BrokenImageError as err:
        path.unlink(missing_ok=True)
        raise UnusableFileError("broken", f"{name}: {err}") from err
    except OSError as err:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise StorageError(err, str(path), len(data)) from err
    return FetchedFile(str(path), name, len(data), digest)


def _write_flushed(path: Path, data: bytes) -> None:
    with path.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
