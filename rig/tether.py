"""A camera alone, without rail and session: connecting to it, one frame, frames that are fired by hand."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rig.atomic import make_folder, publish_file
from rig.cameras.base import CapturedFile, LockReport, LockRequest
from rig.cameras.gphoto import GPhotoCamera
from rig.cameras.grey import Region
from rig.cameras.protocol import FetchedFile, FetchOrder
from rig.cameras.settings import CameraSettings
from rig.clock import ScaledClock
from rig.config import LoadedConfig, RigConfig, load_config, rehearse
from rig.errors import CameraError, DataError, OperatorNeededError, UserError
from rig.grey import GreyBalance, GreyStore, measure_balance, with_grey
from rig.inspect import FrameLevels, frame_levels
from rig.planning.shots import shot_series
from rig.simulate import Bench, bench_order, one_frame

__all__ = [
    "FiledFrame",
    "Tether",
    "Tethered",
    "follow",
    "keep_grey",
    "lock_request",
    "measured_request",
    "shoot_one",
]

_LISTEN_S = 1.0
"""Real seconds between looks at whether to stop."""
_CHOSEN = ("shutter_s", "aperture", "iso", "white_balance", "image_format")
"""What may be given instead of what the configuration says."""
_PICTURES = (".jpg", ".jpeg")
"""What is measured at once; a RAW file takes seconds."""


@dataclass(frozen=True)
class Tether:
    """Which camera is meant.

    Parameters
    ----------
    loaded : LoadedConfig
        The configuration.
    simulated : bool
        The body of the simulated bench.
    port : str, optional
        Overrides the configured one.
    here_is_mm : float
        Where the carriage of a simulated bench stands.
    """

    loaded: LoadedConfig
    simulated: bool
    port: str | None = None
    here_is_mm: float = 0.0

    @classmethod
    def find(
        cls,
        config: Path | None,
        port: str | None,
        *,
        simulate: bool = False,
        time_scale: float | None = None,
        here_is_mm: float | None = None,
    ) -> Tether:
        """Decide which camera is meant.

        A configuration that nobody named does not make the camera a simulated one: whoever has plugged a body
        in and asks for it means that body.

        Raises
        ------
        UserError
            When the arguments contradict each other.
        """
        loaded = load_config(config)
        if simulate:
            if port is not None:
                raise UserError(f"--simulate plays a body of its own; leave out --port {port}")
            return cls(rehearse(loaded, time_scale=time_scale), True, here_is_mm=here_is_mm or 0.0)
        simulated = loaded.named and loaded.config.simulated and port is None
        if simulated and time_scale is not None:
            loaded = rehearse(loaded, time_scale=time_scale)
        elif time_scale is not None:
            raise UserError("--time-scale: real hardware takes its time; add --simulate for a rehearsal")
        if here_is_mm is not None and not simulated:
            raise UserError("--here-is: only the carriage of a simulated bench can be put somewhere")
        return cls(loaded, simulated, port, here_is_mm or 0.0)

    @property
    def config(self) -> RigConfig:
        """The configuration's tables."""
        return self.loaded.config

    @property
    def capture_known(self) -> bool:
        """Whether the exposure of the configuration is meant for this camera."""
        return self.loaded.named or self.simulated

    @property
    def clock(self) -> ScaledClock:
        """Of the devices."""
        return ScaledClock(self.config.time_scale if self.simulated else 1.0)

    @contextmanager
    def bench(self, *, pictures: bool = True, target: str | None = None) -> Iterator[str | None]:
        """The port of the body: of a bench that runs meanwhile, or the one meant; None for USB.

        Without `pictures` the bench does not paint its scene first, which takes it longer than all the rest.
        """
        if not self.simulated:
            yield self.settings().port
            return
        order = bench_order(self.config, one_frame(self.loaded), self.here_is_mm)
        if target is not None:
            order["simulator"]["target"] = target
        with Bench({**order, "pictures": pictures}) as bench:
            yield bench.camera_port

    def settings(self) -> CameraSettings:
        """What the driver of a real body needs."""
        configured = self.config.camera
        if not self.loaded.named:
            return CameraSettings(port=self.port)
        settings = configured.settings()
        return replace(settings, port=self.port, model=None) if self.port else settings

    @contextmanager
    def connect(self, *, pictures: bool = True, target: str | None = None) -> Iterator[Tethered]:
        """Connect, and let go at the end; nothing is put back that was not locked.

        `pictures` is whether any are to be taken or looked at, `target` what stands before the lens of a
        simulated bench instead of its scene.

        Raises
        ------
        CameraError
            When the body is not there.
        UserError
            When the configured driver is none that talks to a body.
        """
        driver = self.config.camera.driver
        if driver != "gphoto2" and self.capture_known:
            raise UserError(f'the camera driver "{driver}" has no body to talk to; these commands need one')
        with self.bench(pictures=pictures, target=target) as port:
            settings = self.config.camera.settings(port) if self.simulated else self.settings()
            camera = GPhotoCamera(settings, self.clock)
            try:
                yield Tethered(camera, self.simulated)
            finally:
                camera.close()


@dataclass(frozen=True)
class Tethered:
    """A connected body."""

    camera: GPhotoCamera
    simulated: bool

    @property
    def prefix(self) -> str:
        """What names of files begin with."""
        return "SIMULATED_" if self.simulated else ""


@dataclass(frozen=True)
class FiledFrame:
    """A file of a frame, under its final name; or one that was refused, and why.

    ``levels`` are measured on JPEG files, None for others.
    """

    frame: int
    path: Path | None
    camera_name: str
    size_bytes: int
    sha256: str
    levels: FrameLevels | None = None
    refused: str = ""


def lock_request(tether: Tether, given: LockRequest) -> LockRequest:
    """The exposure to ask of a body: what is given, else what the configuration says, else what is set."""
    if not tether.capture_known:
        return given
    chosen = {name: value for name in _CHOSEN if (value := getattr(given, name)) is not None}
    request = replace(tether.config.lock_request(), **chosen)
    capture = tether.config.capture
    series = shot_series(capture.brackets, capture.shots_per_position, request.shutter_s, flash=capture.flash)
    return replace(request, bracket_s=series.times_s)


def shoot_one(
    tethered: Tethered, request: LockRequest, folder: Path
) -> tuple[LockReport, tuple[FiledFrame, ...]]:
    """Lock, take one frame, check it, file it, and put the body back as it was.

    A setting that would vary from frame to frame is no reason not to take a single one: it is in the report.

    Returns
    -------
    LockReport, tuple of FiledFrame
        What was set, and the files: two for RAW and JPEG.

    Raises
    ------
    CameraError
        When no whole frame came.
    DataError, UserError
        When it cannot be written.
    """
    make_folder(folder)
    camera = tethered.camera
    try:
        report = camera.lock(measured_request(request, tethered))
        files = camera.collect(camera.fire(), folder)
        number = _next_number(folder, tethered.prefix)
        frames = tuple(_file(f, folder, tethered.prefix, number) for f in files)
    finally:
        camera.restore()
    return report, frames


def keep_grey(tethered: Tethered, request: LockRequest, region: Region) -> GreyBalance:
    """Measure the white balance on a grey card before the lens, and keep it for this body.

    Raises
    ------
    CameraError
        When the frames show no even grey card.
    DataError, UserError
        When it cannot be kept.
    """
    balance = measure_balance(tethered.camera, replace(request, white_balance=None), region)
    GreyStore().keep(balance, tethered.camera.describe())
    return balance


def follow(
    tethered: Tethered,
    folder: Path,
    *,
    stopped: Callable[[], bool],
    frames: int | None = None,
) -> Iterator[FiledFrame]:
    """File the frames of a body on which the operator fires.

    Parameters
    ----------
    folder : Path
        Where they go; numbers go on after those that are there.
    stopped : callable
        Whether to end.
    frames : int, optional
        End after so many.

    Yields
    ------
    FiledFrame
        Every file as soon as it is on disk, and every one that was refused.

    Raises
    ------
    CameraError
        When the body is lost for good.
    """
    make_folder(folder)
    shots = _Shots(_next_number(folder, tethered.prefix), _files_per_shot(tethered.camera))
    while not stopped() and not shots.complete(frames):
        order = FetchOrder(str(folder), f"hand-{time.time_ns():x}", 1, _LISTEN_S)
        try:
            found: FetchedFile | None = tethered.camera.ask(
                "waiting for a frame", "follow", order, deadline_s=_LISTEN_S + tethered.camera.transfer_s
            )
        except OperatorNeededError:
            raise  # it says what is to be done, and a body that is gone for good would not answer again
        except CameraError as err:
            tethered.camera.read_all()  # raises when it is not only this file that is lost
            yield FiledFrame(shots.number, None, "", 0, "", refused=str(err))
            continue
        if found is None:
            continue
        file = CapturedFile(Path(found.path), found.camera_name, found.size_bytes, found.sha256)
        if shots.has(file):
            file.path.unlink(missing_ok=True)
            again = "the camera told of this file twice; it is kept once"
            yield FiledFrame(shots.number, None, file.camera_name, file.size_bytes, file.sha256, None, again)
            continue
        yield _file(file, folder, tethered.prefix, shots.frame_of(file))


def measured_request(request: LockRequest, tethered: Tethered) -> LockRequest:
    """The same with the measured white balance, where that is asked for."""
    return with_grey(request, tethered.camera.describe())[0] if request.white_balance else request


class _Shots:
    """Which frame a file belongs to: RAW and JPEG of one release share a number."""

    def __init__(self, number: int, files_per_shot: int) -> None:
        self._first = self.number = number
        self._files_per_shot = files_per_shot
        self._endings: set[str] = set()
        self._hashes: set[str] = set()

    def complete(self, frames: int | None) -> bool:
        """Whether so many frames have come with all their files."""
        if frames is None:
            return False
        whole = len(self._endings) >= self._files_per_shot
        return self.number - self._first + whole >= frames

    def has(self, file: CapturedFile) -> bool:
        """Whether the very same bytes came before."""
        return file.sha256 in self._hashes

    def frame_of(self, file: CapturedFile) -> int:
        """The frame's number."""
        ending = Path(file.camera_name).suffix.lower()
        if ending in self._endings or len(self._endings) >= self._files_per_shot:
            self.number += 1
            self._endings.clear()
        self._endings.add(ending)
        self._hashes.add(file.sha256)
        return self.number


def _files_per_shot(camera: GPhotoCamera) -> int:
    states = camera.read_all()
    formats = (states[name].value for name in camera.profile.image_format if name in states)
    return camera.profile.files_per_shot(next(formats, None))


def _next_number(folder: Path, prefix: str) -> int:
    pattern = re.compile(re.escape(prefix) + r"frame_(\d+)\.\w+$")
    numbers = [int(match[1]) for path in folder.iterdir() if (match := pattern.match(path.name))]
    return max(numbers, default=0) + 1


def _file(file: CapturedFile, folder: Path, prefix: str, number: int) -> FiledFrame:
    path = folder / f"{prefix}frame_{number:04d}{Path(file.camera_name).suffix.lower()}"
    publish_file(file.path, path)
    levels = None
    if path.suffix in _PICTURES:
        try:
            levels = frame_levels(path)
        except DataError as err:
            return FiledFrame(number, path, file.camera_name, file.size_bytes, file.sha256, None, str(err))
    return FiledFrame(number, path, file.camera_name, file.size_bytes, file.sha256, levels)
