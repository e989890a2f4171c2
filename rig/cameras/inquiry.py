"""Asking one body: what it is, whether it is ready for a stack, and setting a single value with proof."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace

from rig.cameras.base import (
    BATTERY_WARN_PERCENT,
    CameraHealth,
    CameraInfo,
    LockReport,
    LockRequest,
    SettingReport,
    SettingVerdict,
)
from rig.cameras.bodies import BodyProfile
from rig.cameras.bodies.profile import ReleaseKind, SettingState
from rig.cameras.gphoto import GPhotoCamera
from rig.cameras.held_entries import Configuration
from rig.cameras.locking import Locker
from rig.cameras.protocol import StorageSpace
from rig.errors import CameraError, UserError

__all__ = ["CameraFacts", "Capability", "check", "inquire", "set_value"]

_LOW_CARD_BYTES = 2_000_000_000
"""Room on a card under which the operator is asked: some twenty frames of RAW and JPEG."""

_MOST_CHOICES = 60
"""So many choices are named in a message; beyond that a list of shutter times hides the rest."""

_FIRMWARE = ("deviceversion", "cameraversion", "firmwareversion")


@dataclass(frozen=True)
class Capability:
    """Something that a body can or cannot be told from here; ``detail`` says by which entry, or why not."""

    name: str
    available: bool
    detail: str = ""


@dataclass(frozen=True)
class CameraFacts:
    """What a body says of itself."""

    info: CameraInfo
    profile: str
    firmware: str | None
    storages: tuple[StorageSpace, ...]
    capabilities: tuple[Capability, ...]
    settings: tuple[SettingState, ...]


def inquire(camera: GPhotoCamera) -> CameraFacts:
    """Ask a body what it is and what it can be told; changes nothing.

    Raises
    ------
    CameraError
        When it does not answer.
    """
    states, profile = camera.read_all(), camera.profile
    firmware = next((states[n].value for n in _FIRMWARE if n in states and states[n].value), None)
    return CameraFacts(
        camera.describe(),
        profile.make or "generic",
        firmware,
        _storages(camera),
        _capabilities(states, profile, camera.ask("asking what it can do", "operations")),
        tuple(sorted(states.values(), key=lambda state: state.name)),
    )


def _storages(camera: GPhotoCamera) -> tuple[StorageSpace, ...]:
    spaces: tuple[StorageSpace, ...] = camera.ask("asking for its card", "storages")
    return spaces


def _capabilities(
    states: dict[str, SettingState], profile: BodyProfile, operations: tuple[str, ...]
) -> tuple[Capability, ...]:
    def by_entry(name: str, entries: tuple[str, ...]) -> Capability:
        state = next((states[entry] for entry in entries if entry in states), None)
        if state is None:
            return Capability(name, available=False, detail="the body has no such setting")
        if state.read_only:
            return Capability(name, available=False, detail=f"{state.name} can be read only")
        if state.value is None:
            return Capability(name, available=False, detail=f"{state.name} has no value now")
        return Capability(name, available=True, detail=state.name)

    live = "live view" in operations
    tried = "libgphoto2 can ask for it; `rig camera preview` tries" if live else ""
    return (
        by_entry("exposure mode", profile.exposure_mode.names),
        by_entry("shutter", profile.shutter),
        by_entry("aperture", profile.aperture),
        by_entry("ISO", profile.iso),
        by_entry("white balance", profile.white_balance),
        by_entry("image format", profile.image_format),
        by_entry("focus mode", profile.focus_mode.names),
        by_entry("focus drive", ("manualfocusdrive", "manualfocus")),
        by_entry("capture target", ("capturetarget",)),
        _release(states, profile),
        Capability("live view", live, tried),
    )


def _release(states: dict[str, SettingState], profile: BodyProfile) -> Capability:
    name, how = "release without autofocus", profile.release
    if how.kind is ReleaseKind.TRIGGER:
        return Capability(name, available=True, detail="trigger, with focus on manual")
    entry = states.get(how.name)
    if entry is None or how.choose(entry.choices) is None:
        offered = ", ".join(entry.choices) if entry else "nothing"
        return Capability(name, available=False, detail=f"{how.name} offers {offered}")
    return Capability(name, available=True, detail=how.name)


class _AsIf:
    """A body's entries, with what would be set kept aside: nothing reaches the body."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._would_be: dict[str, str] = {}
        self._states: dict[str, SettingState] = {}

    def read_all(self) -> dict[str, SettingState]:
        """Every entry as it would be."""
        if not self._states:
            self._states = self._configuration.read_all()
        return {name: self._as_if(state) for name, state in self._states.items()}

    def read(self, name: str) -> SettingState | None:
        """One entry as it would be."""
        return self.read_all().get(name)

    def write(self, name: str, value: str) -> str | None:
        """Keep what would be set."""
        self._would_be[name] = value
        return None

    def _as_if(self, state: SettingState) -> SettingState:
        return replace(state, value=self._would_be.get(state.name, state.value))


def check(camera: GPhotoCamera, request: LockRequest, *, fix: bool) -> LockReport:
    """Look at everything that preflight looks at.

    Parameters
    ----------
    camera : GPhotoCamera
        The body.
    request : LockRequest
        The exposure that is wanted.
    fix : bool
        Set what can be set, and leave it so. Otherwise nothing is changed, and a verdict of SET means that it
        would be.

    Returns
    -------
    LockReport
        With battery, card and release beside the settings.

    Raises
    ------
    CameraError
        When the body does not answer.
    """
    locked = camera.lock(request) if fix else Locker(_AsIf(camera), camera.profile).lock(request)
    settings = locked.settings
    if not fix:
        settings = tuple(replace(s, after=s.before, message=_would(s, camera.profile)) for s in settings)
    states = camera.read_all()
    camera.describe()  # looks at the battery
    more = [_release_verdict(states, camera.profile), _battery(camera.health()), *_cards(_storages(camera))]
    return replace(locked, settings=(*settings, *more))


def _would(setting: SettingReport, profile: BodyProfile) -> str:
    if setting.verdict is not SettingVerdict.SET:
        return setting.message
    mode = profile.exposure_mode
    meaning = f" ({setting.message})" if setting.message else ""
    # Many bodies tell only when they are set that the mode is a dial.
    dial = f"; if the body refuses, {mode.advice}" if setting.name == mode.title else ""
    return f"would be set to {setting.after!r}{meaning}{dial}"


def _release_verdict(states: dict[str, SettingState], profile: BodyProfile) -> SettingReport:
    found = _release(states, profile)
    verdict = SettingVerdict.OK if found.available else SettingVerdict.REFUSED
    wanted = "without autofocus"
    message = found.detail if found.available else f"the body cannot be fired {wanted}: {found.detail}"
    now = wanted if found.available else None
    return SettingReport("release", wanted, now, now, verdict, message)


def _battery(health: CameraHealth) -> SettingReport:
    """As `rig.runs.supplies.SupplyWatch` judges it during a run."""
    percent, told, message = health.battery_percent, health.battery, ""
    if told is None:
        message = "cannot be read: is it charged?"
    elif percent is not None and percent <= BATTERY_WARN_PERCENT:
        message = f"{told} will not last a deep stack: charge it, or put in a mains adapter"
    verdict = SettingVerdict.ASK if message else SettingVerdict.OK
    return SettingReport("battery", None, told, told, verdict, message)


def _cards(spaces: tuple[StorageSpace, ...]) -> list[SettingReport]:
    reports = []
    for space in spaces:
        if space.free_bytes is None:
            continue
        free = f"{space.free_bytes / 1e9:.1f} GB free"
        low = space.free_bytes < _LOW_CARD_BYTES
        message = f"{free} only: empty it if frames are to go there" if low else ""
        verdict = SettingVerdict.ASK if low else SettingVerdict.OK
        reports.append(SettingReport(f"card {space.label}".strip(), None, free, free, verdict, message))
    return reports


def set_value(camera: GPhotoCamera, name: str, text: str) -> SettingReport:
    """Set one entry and prove it by reading back past libgphoto2's cache; it stays so.

    Parameters
    ----------
    name : str
        An entry's name as `inquire` lists them (``"iso"``).
    text : str
        A value as the body writes it; upper and lower case do not matter.

    Raises
    ------
    UserError
        When there is no such entry, it cannot be set, or the value is none of its choices.
    CameraError
        When the body did not take the value.
    """
    state = camera.read(name)
    if state is None:
        near = difflib.get_close_matches(name, camera.read_all(), 3, 0.4)
        guess = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UserError(f"the camera has no setting {name!r}{guess} `rig camera info --settings` lists them")
    value = _chosen(state, text)
    if state.value == value:
        return SettingReport(name, value, state.value, value, SettingVerdict.OK)
    if state.read_only:
        raise UserError(f"{name} is {state.value!r} and cannot be set from here: set it on the body")
    why = camera.write(name, value)
    after = camera.read(name)
    found = after.value if after else None
    if not _same(found, value):
        because = f" ({why})" if why else ""
        raise CameraError(f"{name}: {value!r} was set, but the body stayed at {found!r}{because}")
    return SettingReport(name, value, state.value, found, SettingVerdict.SET)


def _chosen(state: SettingState, text: str) -> str:
    """The value that a text means, as the body writes it."""
    if state.limits is not None:
        return _within(state, text)
    if not state.choices or text in state.choices:
        return text
    folded = [choice for choice in state.choices if choice.lower() == text.strip().lower()]
    if len(folded) == 1:
        return folded[0]
    shown = ", ".join(state.choices[:_MOST_CHOICES])
    more = len(state.choices) - _MOST_CHOICES
    raise UserError(
        f"{state.name} cannot be {text!r}; there is: {shown}{f' and {more} more' if more > 0 else ''}"
    )


def _within(state: SettingState, text: str) -> str:
    assert state.limits is not None
    low, high, step = state.limits
    steps = f" in steps of {step:g}" if step else ""
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not low <= number <= high:
        raise UserError(f"{state.name} cannot be {text!r}; it takes {low:g} to {high:g}{steps}")
    return f"{number:g}"


def _same(found: str | None, wanted: str) -> bool:
    if found == wanted:
        return True
    try:
        return found is not None and float(found) == float(wanted)
    except ValueError:
        return False
