"""The protocol that every camera speaks to the runner, and the data that passes through it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

__all__ = [
    "BATTERY_WARN_PERCENT",
    "Camera",
    "CameraHealth",
    "CameraInfo",
    "CapturedFile",
    "Firing",
    "LockReport",
    "LockRequest",
    "SettingReport",
    "SettingVerdict",
    "Shot",
]


BATTERY_WARN_PERCENT = 25.0
"""From here on the operator is told: a quarter is the last step that coarse displays show before "low"."""

_LOW_PERCENT = 5.0
"""What "Low" stands for: bodies blink then, and switch off within minutes."""


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
class CameraHealth:
    """What runs out in a body.

    Parameters
    ----------
    battery : str or None
        As the body writes it, e.g. ``"88%"`` or ``"Low"``; None when it does not say.
    battery_percent : float or None
        The number in it; a body that says "Low" has a few percent.
    shots_left : int or None
        Frames that fit on the card; bodies tell it while they write there.
    """

    battery: str | None = None
    battery_percent: float | None = None
    shots_left: int | None = None

    @classmethod
    def told(cls, battery: str | None, shots_left: str | None) -> CameraHealth:
        """From what the body's entries say."""
        text = (battery or "").strip().lower()
        number = text.removesuffix("%").strip()
        percent = _LOW_PERCENT if text == "low" else float(number) if number.isdigit() else None
        left = (shots_left or "").strip()
        return cls(battery or None, percent, int(left) if left.isdigit() else None)


@dataclass(frozen=True)
class LockRequest:
    """The settings that must not change between frames. ``None`` means: keep what is set, but fixed.

    ``aperture`` is the marked f-number; None also stands for a lens without electronic aperture.
    ``shutter_s`` beyond the body's longest time is exposed by bulb. ``bracket_s`` are shutter times that
    `Camera.expose_for` is going to ask for: whether the body has them is looked at beforehand.
    ``white_balance`` is a name as the body offers it (``"Daylight"``) or ``"5200 K"``.
    ``mirror_up`` has the mirror out of the way before each release, ``keep_on_card`` the frames on the body's
    card too. With ``card_only`` they go through the card and not through the body's memory, and are taken off
    it once they are here, unless they are kept. ``flash`` says that a flash lights the frames: a silent
    shutter and times under ``flash_sync_s`` are refused then.
    """

    shutter_s: float | None = None
    aperture: float | None = None
    iso: int | None = None
    white_balance: str | None = None
    image_format: str | None = None
    keep_on_card: bool = False
    card_only: bool = False
    mirror_up: bool = False
    flash: bool = False
    flash_sync_s: float = 1 / 160  # the slowest sync time of current full-frame bodies
    bracket_s: tuple[float, ...] = ()

    @property
    def to_card(self) -> bool:
        """Whether frames are written to the card at all."""
        return self.keep_on_card or self.card_only


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
    """Everything that preflight looked at, and the exposure that is now in force.

    ``bulb`` says that the shutter is held open for ``shutter_s`` by us and not timed by the body.
    """

    settings: tuple[SettingReport, ...]
    shutter_s: float | None
    aperture: float | None
    iso: int | None
    white_balance: str | None
    bulb: bool = False

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


def _say_nothing(_text: str) -> None:
    """Nobody listens."""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Firing:
    """How a body without a tether is fired, and how a wait for it ends.

    Parameters
    ----------
    press : callable, optional
        Presses the release through something else, such as a rail's shutter output, and returns when it is
        pressed; None when a person fires.
    tell : callable
        Takes a sentence for the person at the rig.
    ask : callable, optional
        Takes a question and returns when the person has answered; None when nobody can be asked.
    stopped : callable
        Whether the run is being stopped.
    """

    press: Callable[[], None] | None = None
    tell: Callable[[str], None] = _say_nothing
    ask: Callable[[str], None] | None = None
    stopped: Callable[[], bool] = _never


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

    def expose_for(self, shutter_s: float) -> None:
        """Change the shutter time of a locked body, for the releases to come; read back."""
        ...

    def health(self) -> CameraHealth:
        """What is left of battery and card, as last seen; asks nothing of the body."""
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
