"""The protocol that every camera speaks to the runner, and the data that passes through it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

__all__ = [
    "Camera",
    "CameraInfo",
    "CapturedFile",
    "LockReport",
    "LockRequest",
    "SettingReport",
    "SettingVerdict",
    "Shot",
]


@dataclass(frozen=True)
class CameraInfo:
    """What is connected."""

    manufacturer: str
    model: str
    serial: str
    port: str
    lens: str | None = None
    battery: str | None = None
    simulated: bool = False


@dataclass(frozen=True)
class LockRequest:
    """The settings that must not change between frames. ``None`` means: keep what is set, but fixed.

    ``aperture`` is the marked f-number; None also stands for a lens without electronic aperture.
    ``white_balance`` is a name as the body offers it (``"Daylight"``) or ``"5200 K"``.
    """

    shutter_s: float | None = None
    aperture: float | None = None
    iso: int | None = None
    white_balance: str | None = None
    image_format: str | None = None


class SettingVerdict(Enum):
    """What became of one setting in preflight."""

    OK = "ok"
    SET = "set"
    REFUSED = "refused"
    ASK = "ask the operator"


@dataclass(frozen=True)
class SettingReport:
    """One setting: what was wanted, what was found, what is set now, and the verdict."""

    name: str
    wanted: str | None
    before: str | None
    after: str | None
    verdict: SettingVerdict
    message: str = ""


@dataclass(frozen=True)
class LockReport:
    """Everything that preflight looked at, and the exposure that is now in force."""

    settings: tuple[SettingReport, ...]
    shutter_s: float | None
    aperture: float | None
    iso: int | None
    white_balance: str | None

    @property
    def refused(self) -> tuple[SettingReport, ...]:
        """The settings that make a stack impossible."""
        return tuple(s for s in self.settings if s.verdict is SettingVerdict.REFUSED)

    @property
    def to_ask(self) -> tuple[SettingReport, ...]:
        """What only the operator can confirm."""
        return tuple(s for s in self.settings if s.verdict is SettingVerdict.ASK)


@dataclass(frozen=True)
class Shot:
    """A fired exposure whose files have not been fetched yet."""

    number: int
    fired_at_s: float
    """Bench time at which the release was sent."""
    fired_wall: str
    """The same moment as ISO 8601 local time with offset."""


@dataclass(frozen=True)
class CapturedFile:
    """One file of a shot, on disk under a temporary name, flushed."""

    path: Path
    camera_name: str
    size_bytes: int
    sha256: str
    fields: dict[str, str] = field(default_factory=dict)


class Camera(Protocol):
    """A camera that is locked once and then fired frame by frame.

    Every method raises `rig.errors.CameraError` when the body fails and has a deadline of its own.
    """

    def describe(self) -> CameraInfo:
        """Who is connected."""
        ...

    def lock(self, request: LockRequest) -> LockReport:
        """Make everything manual and fixed; set, read back past the library's cache, report."""
        ...

    def fire(self) -> Shot:
        """Release the shutter without autofocus; return when the exposure is surely over."""
        ...

    def collect(self, shot: Shot, directory: Path) -> tuple[CapturedFile, ...]:
        """Wait for the files of that shot and write them, flushed, under temporary names."""
        ...

    def restore(self) -> None:
        """Put back the settings that `lock` changed."""
        ...

    def close(self) -> None:
        """Let go of the body; may be called twice. Does not restore."""
        ...
