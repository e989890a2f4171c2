"""Makes a camera manual and fixed through its configuration entries, reads back, remembers, puts back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from rig.cameras.base import LockReport, LockRequest, SettingReport, SettingVerdict
from rig.cameras.bodies import BodyProfile
from rig.cameras.bodies.profile import AbsentMeans, FixedSetting, SettingState
from rig.cameras.bodies.values import nearest, parse_kelvin, same_f_number, same_iso, same_shutter

__all__ = ["Configuration", "Locker"]

_OK, _SET, _REFUSED, _ASK = (
    SettingVerdict.OK,
    SettingVerdict.SET,
    SettingVerdict.REFUSED,
    SettingVerdict.ASK,
)
_VERDICTS = {AbsentMeans.ASK: _ASK, AbsentMeans.REFUSE: _REFUSED, AbsentMeans.NOTHING: _OK}
_NO_APERTURE = "no electronic aperture"


class Configuration(Protocol):
    """What is needed of a camera to lock it."""

    def read_all(self) -> dict[str, SettingState]:
        """Every entry, as the body has it now."""
        ...

    def read(self, name: str) -> SettingState | None:
        """One entry, as the body has it now."""
        ...

    def write(self, name: str, value: str) -> str | None:
        """Set an entry; returns why the body refused at once, or None. Reading back tells what happened."""
        ...


@dataclass(frozen=True)
class _Exposure:
    """One of the three settings of exposure: where it is, and how its values are read."""

    title: str
    names: tuple[str, ...]
    parse: Callable[[str | None], float | None]
    same: Callable[[float, float], bool]
    pattern: str

    def text(self, value: float) -> str:
        if self.title == "shutter" and value < 0.3:
            return f"1/{round(1 / value)} s"
        return self.pattern.format(value)


class Locker:
    """Locks one body for a stack.

    Parameters
    ----------
    configuration : Configuration
        The body's entries.
    profile : BodyProfile
        What they are called, and what they have to be.
    """

    def __init__(self, configuration: Configuration, profile: BodyProfile) -> None:
        self._configuration, self._profile = configuration, profile
        self._states: dict[str, SettingState] = {}
        self._before: dict[str, str] = {}
        self._held: dict[str, str] = {}
        self._exposures = (
            _Exposure("ISO", profile.iso, profile.iso_speed, same_iso, "ISO {:g}"),
            _Exposure("shutter", profile.shutter, profile.shutter_s, same_shutter, "{:g} s"),
            _Exposure("aperture", profile.aperture, profile.f_number, same_f_number, "f/{:g}"),
        )

    def lock(self, request: LockRequest) -> LockReport:
        """Bring every setting to what a stack needs; the report tells of a body that would not."""
        self._states = self._configuration.read_all()
        self._held.clear()
        reports = [self._fix(self._profile.exposure_mode)]
        self._states = self._configuration.read_all()  # what may be set depends on the mode
        reports += [self._fix(setting) for setting in (self._profile.focus_mode, *self._profile.fixed)]
        reports.append(self._image_format(request.image_format))
        wanted = (request.iso, request.shutter_s, request.aperture)
        reports += [self._expose(what, value) for what, value in zip(self._exposures, wanted, strict=True)]
        reports += self._white_balance(request.white_balance)
        shutter_s, aperture, iso = self._exposure_in_force()
        state = self._find(self._profile.white_balance)
        return LockReport(
            tuple(report for report in reports if report is not None),
            shutter_s,
            aperture,
            None if iso is None else int(iso),
            state.value if state else None,
        )

    @property
    def image_format(self) -> str | None:
        """The image format in force, as the body writes it."""
        state = self._find(self._profile.image_format)
        return state.value if state else None

    def hold_again(self) -> tuple[str, ...]:
        """Bring a body that was away back to the locked state; returns what could not be, as sentences."""
        lost = []
        for name, value in self._held.items():
            state = self._configuration.read(name)
            if state is not None and state.value != value:
                self._configuration.write(name, value)
                state = self._configuration.read(name)
            found = state.value if state else None
            if found != value:
                lost.append(f"{name} is {found!r} and not {value!r}")
        return tuple(lost)

    def put_back(self) -> tuple[str, ...]:
        """Undo what was changed, last change first; returns what could not be, as sentences."""
        left = []
        for name, value in reversed(list(self._before.items())):
            self._configuration.write(name, value)
            state = self._configuration.read(name)
            if state is None or state.value != value:
                left.append(f"{name} should be {value!r} again")
            else:
                del self._before[name]
        return tuple(left)

    def _find(self, names: tuple[str, ...]) -> SettingState | None:
        return next((self._states[name] for name in names if name in self._states), None)

    def _bring_to(self, title: str, state: SettingState, value: str, wanted: str, hint: str) -> SettingReport:
        """Have an entry at a value: as it is, or set and read back."""
        if state.value == value:
            self._held[state.name] = value
            return SettingReport(title, wanted, state.value, state.value, _OK)
        if state.read_only:
            message = f"{value!r} is needed and cannot be set from here: {hint or 'set it on the body'}"
            return SettingReport(title, wanted, state.value, state.value, _REFUSED, message)
        if state.value is not None:
            self._before.setdefault(state.name, state.value)
        why = self._configuration.write(state.name, value)
        after = self._configuration.read(state.name)
        if after is not None:
            self._states[state.name] = after
        found = after.value if after else None
        if found == value:
            self._held[state.name] = value
            return SettingReport(title, wanted, state.value, found, _SET)
        message = f"{value!r} was set, but the body stayed at {found!r}"
        message += f" ({why})" if why else ""
        message += f": {hint}" if hint else ""
        return SettingReport(title, wanted, state.value, found, _REFUSED, message)

    def _fix(self, setting: FixedSetting) -> SettingReport | None:
        state = self._find(setting.names)
        wanted = setting.values[0]
        if state is None:
            if setting.absent is AbsentMeans.NOTHING:
                return None
            verdict = _VERDICTS[setting.absent]
            return SettingReport(
                setting.title, wanted, None, None, verdict, f"cannot be read: {setting.advice}"
            )
        if state.value in setting.values:
            return self._bring_to(setting.title, state, state.value or "", wanted, setting.advice)
        offered = next((value for value in setting.values if value in state.choices), None)
        if offered is None and not state.read_only:
            message = f"{wanted!r} is not offered: {setting.advice or 'set it on the body'}"
            verdict = _VERDICTS[setting.otherwise]
            return SettingReport(setting.title, wanted, state.value, state.value, verdict, message)
        report = self._bring_to(setting.title, state, offered or wanted, wanted, setting.advice)
        if report.verdict is _REFUSED and setting.otherwise is not AbsentMeans.REFUSE:
            verdict = _VERDICTS[setting.otherwise]
            return SettingReport(
                report.name, report.wanted, report.before, report.after, verdict, report.message
            )
        return report

    def _image_format(self, wanted: str | None) -> SettingReport | None:
        state = self._find(self._profile.image_format)
        if state is None:
            return None
        if wanted is None:
            return self._bring_to("image format", state, state.value or "", "as it is", "")
        choice = _matching(wanted, state.choices)
        if choice is None and wanted.upper() in ("JPEG", "JPG"):  # some bodies name only sizes: "L", "Fine"
            choice = next((c for c in state.choices if "raw" not in c.lower()), None)
        if choice is None:
            return _not_offered("image format", wanted, state)
        return self._bring_to("image format", state, choice, wanted, "")

    def _expose(self, what: _Exposure, wanted: float | None) -> SettingReport:
        state = self._find(what.names)
        now = what.parse(state.value) if state else None
        if what.title == "aperture" and now is None:
            return self._mechanical_aperture(state, wanted)
        if state is None:
            message = "cannot be read: set it on the body"
            return SettingReport(what.title, str(wanted), None, None, _ASK, message)
        if wanted is None:
            if now is None:
                message = f"it is {state.value!r}, which changes from frame to frame: choose a fixed value"
                return SettingReport(what.title, "fixed", state.value, state.value, _REFUSED, message)
            return self._bring_to(what.title, state, state.value or "", "as it is", "")
        if now is not None and what.same(now, wanted):
            best = nearest(wanted, (*state.choices, state.value or ""), what.parse, what.same)
        else:
            best = nearest(wanted, state.choices, what.parse, what.same)
        if best is None:
            return _not_offered(what.title, what.text(wanted), state)
        return self._bring_to(what.title, state, best, what.text(wanted), "")

    @staticmethod
    def _mechanical_aperture(state: SettingState | None, wanted: float | None) -> SettingReport:
        """A manual or reversed lens has no f-number that the body knows of, which is a legal state."""
        value = state.value if state else None
        if wanted is None:
            return SettingReport("aperture", "as it is", value, value, _OK, _NO_APERTURE)
        message = f"{_NO_APERTURE}: set f/{wanted:g} on the lens"
        return SettingReport("aperture", f"f/{wanted:g}", value, value, _ASK, message)

    def _white_balance(self, wanted: str | None) -> list[SettingReport]:
        state = self._find(self._profile.white_balance)
        title = "white balance"
        if state is None:
            return [SettingReport(title, wanted, None, None, _ASK, "cannot be read: set it on the body")]
        kelvin = parse_kelvin(wanted) if wanted else None
        if kelvin is not None:
            return self._color_temperature(state, kelvin)
        choice = state.value if wanted is None else _matching(wanted, state.choices)
        if wanted is not None and choice is None:
            return [_not_offered(title, wanted, state)]
        if self._profile.is_automatic_white_balance(choice) and not self._profile.is_raw_only(
            self.image_format
        ):
            message = "automatic white balance changes from frame to frame: name a fixed one, e.g. Daylight"
            return [SettingReport(title, wanted or "fixed", state.value, state.value, _REFUSED, message)]
        return [self._bring_to(title, state, choice or "", wanted or "as it is", "")]

    def _color_temperature(self, state: SettingState, kelvin: int) -> list[SettingReport]:
        wanted = f"{kelvin} K"
        mode = next((c for c in self._profile.kelvin_white_balance if c in state.choices), None)
        if mode is None:
            return [_not_offered("white balance", wanted, state)]
        reports = [self._bring_to("white balance", state, mode, wanted, "")]
        temperature = self._find(self._profile.color_temperature)
        if temperature is None:
            message = f"cannot be set from here: set {wanted} on the body"
            return [*reports, SettingReport("colour temperature", wanted, None, None, _ASK, message)]
        value = kelvin
        if temperature.limits is not None:
            low, high, step = temperature.limits
            if not low <= kelvin <= high:
                message = f"the body takes {low:g} K to {high:g} K"
                now = temperature.value
                return [*reports, SettingReport("colour temperature", wanted, now, now, _REFUSED, message)]
            value = round(low + round((kelvin - low) / (step or 1)) * (step or 1))
        return [*reports, self._bring_to("colour temperature", temperature, str(value), wanted, "")]

    def _exposure_in_force(self) -> tuple[float | None, float | None, float | None]:
        iso, shutter, aperture = (
            what.parse(state.value) if (state := self._find(what.names)) else None for what in self._exposures
        )
        return shutter, aperture, iso


def _matching(wanted: str, choices: tuple[str, ...]) -> str | None:
    """The choice that a person means: the same letters, or the beginning of one."""
    folded = wanted.strip().lower()
    exact = next((choice for choice in choices if choice.lower() == folded), None)
    return exact or next((choice for choice in choices if choice.lower().startswith(folded)), None)


def _not_offered(title: str, wanted: str, state: SettingState) -> SettingReport:
    message = f"{wanted} is not offered; there is: {', '.join(state.choices) or 'nothing to choose from'}"
    return SettingReport(title, wanted, state.value, state.value, _REFUSED, message)
