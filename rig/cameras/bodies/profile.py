"""How a make of bodies is described: the names of its settings, the values that a stack needs, its quirks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING

from rig.cameras.bodies.values import parse_f_number, parse_iso, parse_shutter_s

if TYPE_CHECKING:
    from rig.cameras.bodies.focus_drive import DriveEntry

__all__ = [
    "AbsentMeans",
    "BodyProfile",
    "Detour",
    "FixedSetting",
    "ImageKind",
    "Release",
    "ReleaseKind",
    "SettingState",
    "Untold",
    "image_kind",
]


@dataclass(frozen=True)
class SettingState:
    """A configuration entry of libgphoto2 as it is now.

    ``value`` is None where the body leaves it unset, as an aperture without electronic lens. ``choices`` is
    empty where any text or number within ``limits`` may be set.
    """

    name: str
    label: str
    value: str | None
    choices: tuple[str, ...] = ()
    read_only: bool = False
    limits: tuple[float, float, float] | None = None


class AbsentMeans(Enum):
    """What follows when a body does not offer a setting, or not the value needed."""

    NOTHING = "nothing"
    ASK = "ask"
    REFUSE = "refuse"


@dataclass(frozen=True)
class FixedSetting:
    """A setting that a stack needs at a certain value, whatever the configuration says.

    Parameters
    ----------
    title : str
        What people call it.
    names : tuple of str
        Names of the configuration entry; the first that the body has is used.
    values : tuple of str
        The values that do, best first.
    otherwise : AbsentMeans
        What follows when the entry is there but can be brought to none of the values.
    absent : AbsentMeans
        What follows when the body has no such entry at all.
    advice : str
        What the operator should do about it.
    meaning : mapping of str to str
        What values stand for that tell nobody anything, e.g. ``{"x3": "off"}``.
    """

    title: str
    names: tuple[str, ...]
    values: tuple[str, ...]
    otherwise: AbsentMeans = AbsentMeans.REFUSE
    absent: AbsentMeans = AbsentMeans.NOTHING
    advice: str = ""
    meaning: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Untold:
    """What a body cannot tell of and the operator is asked.

    Parameters
    ----------
    title, advice : str
        What it is called, and what to do about it.
    from_shutter_s : float
        It matters from this exposure time on, s.
    """

    title: str
    advice: str
    from_shutter_s: float = 0.0


class ImageKind(Enum):
    """Which files a release gives."""

    JPEG = "JPEG"
    RAW = "RAW"
    BOTH = "RAW+JPEG"


_RAW_WORD = re.compile(r"\b[cms]?raw|\bnef\b|\barw\b|\bdng\b", re.IGNORECASE)


def image_kind(image_format: str | None) -> ImageKind:
    """What an image format gives, by what bodies call it.

    Examples
    --------
    >>> [image_kind(f).value for f in ("RAW + L", "cRAW", "NEF+Fine", "NEF (Raw)", "Large Fine JPEG")]
    ['RAW+JPEG', 'RAW', 'RAW+JPEG', 'RAW', 'JPEG']
    """
    text = image_format or ""
    if not _RAW_WORD.search(text):
        return ImageKind.JPEG
    return ImageKind.BOTH if "+" in text else ImageKind.RAW


@dataclass(frozen=True)
class Detour:
    """Another entry through which a value can be set where libgphoto2 fails to set it by name.

    Parameters
    ----------
    name : str
        The other entry.
    values : mapping of str to str
        What the other entry calls each value.
    """

    name: str
    values: Mapping[str, str]


class ReleaseKind(Enum):
    """How the shutter is fired."""

    TRIGGER = "trigger"
    WIDGET = "widget"


@dataclass(frozen=True)
class Release:
    """How the shutter is fired without autofocus.

    Parameters
    ----------
    kind : ReleaseKind
        By libgphoto2's trigger, or by setting an entry to one value after another.
    name : str
        The entry.
    steps : tuple of tuple of str
        For each step the values that do it, best first: names change between releases of libgphoto2, so they
        are chosen by what is offered and never by index.
    """

    kind: ReleaseKind = ReleaseKind.TRIGGER
    name: str = ""
    steps: tuple[tuple[str, ...], ...] = ()

    def choose(self, offered: tuple[str, ...]) -> tuple[str, ...] | None:
        """The values to set, one a step; None when a step cannot be done with what is offered."""
        chosen = []
        for step in self.steps:
            found = next((value for value in step if value in offered), None)
            if found is None:
                return None
            chosen.append(found)
        return tuple(chosen)


@dataclass(frozen=True)
class BodyProfile:
    """A make of bodies.

    ``mirror_up`` takes the mirror out of the way, on bodies that have one. ``with_flash`` is fixed besides
    when a flash is used, ``target_computer``, ``target_card`` and ``target_card_only`` are where frames go:
    to the computer, also to the card, or to the card alone and from there to the computer. ``untold`` is what
    only the operator knows. ``battery`` and ``shots_left`` are entries that say what runs out. ``detours``
    are other ways to set an entry, by its name. ``settle_after_connect_s`` is how long a body needs from
    connection to its first release, ``read_cache_s`` how long libgphoto2 answers from memory when no event of
    the body's tells it better;
    both in real seconds.
    """

    make: str
    exposure_mode: FixedSetting
    focus_mode: FixedSetting
    fixed: tuple[FixedSetting, ...]
    target_computer: FixedSetting | None = None
    target_card: FixedSetting | None = None
    target_card_only: FixedSetting | None = None
    mirror_up: FixedSetting | None = None
    with_flash: tuple[FixedSetting, ...] = ()
    untold: tuple[Untold, ...] = ()
    iso: tuple[str, ...] = ("iso",)
    shutter: tuple[str, ...] = ("shutterspeed",)
    aperture: tuple[str, ...] = ("f-number", "aperture")
    white_balance: tuple[str, ...] = ("whitebalance",)
    automatic_white_balance: tuple[str, ...] = ("Auto", "Automatic")
    kelvin_white_balance: tuple[str, ...] = ()
    color_temperature: tuple[str, ...] = ("colortemperature",)
    image_format: tuple[str, ...] = ("imagequality", "imageformat")
    lens: tuple[str, ...] = ("lensname",)
    battery: str = "batterylevel"
    shots_left: str = "availableshots"
    release: Release = field(default_factory=Release)
    detours: Mapping[str, Detour] = field(default_factory=dict)
    settle_after_connect_s: float = 0.0
    read_cache_s: float = 0.0
    focus_drive: DriveEntry | None = None

    def driven(self) -> BodyProfile:
        """The same with the focus modes that a lens needs to be driven by the rig."""
        drive = self.focus_drive
        if drive is None:
            return self
        return replace(self, focus_mode=drive.focus_mode, fixed=(*self.fixed, *drive.also))

    def is_automatic_white_balance(self, value: str | None) -> bool:
        """Whether a white balance would change from frame to frame."""
        text = (value or "").lower()
        return any(text.startswith(word.lower()) for word in self.automatic_white_balance)

    @staticmethod
    def shutter_s(value: str | None) -> float | None:
        """The shutter time that a value stands for, s; None when it is no fixed time."""
        return parse_shutter_s(value)

    @staticmethod
    def f_number(value: str | None) -> float | None:
        """The f-number that a value stands for; None without electronic aperture."""
        return parse_f_number(value)

    @staticmethod
    def iso_speed(value: str | None) -> int | None:
        """The ISO speed that a value stands for; None when automatic."""
        return parse_iso(value)

    @staticmethod
    def files_per_shot(image_format: str | None) -> int:
        """How many files one release gives with this image format: two for RAW and JPEG together."""
        return 2 if image_kind(image_format) is ImageKind.BOTH else 1

    @staticmethod
    def is_raw_only(image_format: str | None) -> bool:
        """Whether no JPEG is made, so that white balance can be chosen afterwards."""
        return image_kind(image_format) is ImageKind.RAW
