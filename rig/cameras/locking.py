"""Makes a camera manual and fixed through its configuration entries, reads back, remembers, puts back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from rig.cameras.base import LockReport, LockRequest, SettingReport, SettingVerdict
from rig.cameras.bodies import BodyProfile
from rig.cameras.bodies.profile import AbsentMeans, FixedSetting, SettingState, image_kind
from rig.cameras.bodies.values import nearest, parse_kelvin, same_f_number, same_iso, same_shutter
from rig.cameras.held_entries import Configuration, HeldEntries
from rig.cameras.protocol import StorageSpace
from rig.formatting import format_shutter

__all__ = ["Locker", "card_report"]

_OK, _SET, _REFUSED, _ASK = (
    SettingVerdict.OK,
    SettingVerdict.SET,
    SettingVerdict.REFUSED,
    SettingVerdict.ASK,
)
_VERDICTS = {AbsentMeans.ASK: _ASK, AbsentMeans.REFUSE: _REFUSED, AbsentMeans.NOTHING: _OK}
_NO_APERTURE = "no electronic aperture"
_KINDS = ("JPEG", "RAW", "RAW+JPEG")


@dataclass(frozen=True)
class _Exposure:
    """One of the three settings of exposure: where it is, and how its values are read and written."""

    title: str
    names: tuple[str, ...]
    parse: Callable[[str | None], float | None]
    same: Callable[[float, float], bool]
    text: Callable[[float], str]
    example: str


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
        self._entries, self._profile = HeldEntries(configuration), profile
        self._exposures = (
            _Exposure("ISO", profile.iso, profile.iso_speed, same_iso, "ISO {:g}".format, "iso = 100"),
            _Exposure(
                "shutter",
                profile.shutter,
                profile.shutter_s,
                same_shutter,
                format_shutter,
                'shutter = "1/8s"',
            ),
            _Exposure(
                "aperture",
                profile.aperture,
                profile.f_number,
                same_f_number,
                "f/{:g}".format,
                'aperture = "f/5.6"',
            ),
        )

    def lock(self, request: LockRequest) -> LockReport:
        """Bring every setting to what a stack needs; the report tells of a body that would not."""
        self._entries.begin()
        profile = self._profile
        reports = [self._fix(profile.exposure_mode)]
        self._entries.look()  # what may be set depends on the mode
        fixed = (profile.focus_mode, *profile.fixed, *(profile.with_flash if request.flash else ()))
        reports += [self._fix(setting) for setting in fixed]
        reports.append(self._target(request))
        reports += [self._fix(profile.mirror_up)] if request.mirror_up and profile.mirror_up else []
        reports.append(self._image_format(request.image_format))
        wanted = (request.iso, request.shutter_s, request.aperture)
        reports += [self._expose(what, value) for what, value in zip(self._exposures, wanted, strict=True)]
        reports += self._white_balance(request.white_balance)
        reports += [self._bracket(time_s) for time_s in request.bracket_s]
        shutter_s, aperture, iso = self._exposure_in_force()
        bulb = shutter_s is None and self._held_by_bulb()
        if bulb:
            shutter_s = request.shutter_s
        reports.append(_flash_sync(request, shutter_s))
        longest_s = max(shutter_s or 0.0, *request.bracket_s, 0.0)
        reports += [
            SettingReport(told.title, "off", None, None, _ASK, told.advice)
            for told in profile.untold
            if longest_s >= told.from_shutter_s
        ]
        state = self._entries.find(profile.white_balance)
        return LockReport(
            tuple(report for report in reports if report is not None),
            shutter_s,
            aperture,
            None if iso is None else int(iso),
            state.value if state else None,
            bulb,
        )

    def expose_for(self, shutter_s: float) -> tuple[SettingReport, float, bool]:
        """Change the shutter time of a locked body; everything else stays.

        Returns
        -------
        report : SettingReport
            What became of it.
        shutter_s : float
            The time in force.
        bulb : bool
            Whether it is exposed by holding the button.
        """
        report = self._expose(self._exposures[1], shutter_s)
        now_s = self._exposure_in_force()[0]
        bulb = now_s is None and self._held_by_bulb()
        return report, shutter_s if now_s is None else now_s, bulb

    def _bracket(self, shutter_s: float) -> SettingReport:
        """Whether a time is there that a bracket is going to ask for; nothing is set."""
        what = self._exposures[1]
        state, wanted = self._entries.find(what.names), what.text(shutter_s)
        title = f"bracket {wanted}"
        if state is None or state.read_only:
            message = "the shutter cannot be set from here: leave out the brackets"
            return SettingReport(title, wanted, None, None, _REFUSED, message)
        choice = nearest(shutter_s, state.choices, what.parse, what.same)
        choice = choice or self._bulb_for(what, shutter_s, state)
        if choice is None:
            return _not_offered(title, wanted, state)
        return SettingReport(title, wanted, choice, choice, _OK)

    def _target(self, request: LockRequest) -> SettingReport | None:
        """Where frames go: to the computer, to both, or to the card alone."""
        profile = self._profile
        if request.card_only and profile.target_card_only is None:
            message = (
                "this body tells the computer nothing of frames that are on its card alone: write "
                "keep_on_card = true instead, which has them in both places"
            )
            state = self._entries.find(("capturetarget",))
            now = state.value if state else None
            return SettingReport("capture target", "card only", now, now, _REFUSED, message)
        if request.card_only:
            target = profile.target_card_only
        else:
            target = profile.target_card if request.keep_on_card else profile.target_computer
        return self._fix(target) if target else None

    def _held_by_bulb(self) -> bool:
        state = self._entries.find(self._profile.shutter)
        return state is not None and self._entries.held.get(state.name, "").lower() == "bulb"

    @property
    def held(self) -> dict[str, str]:
        """What is locked: values by the names of their entries."""
        return self._entries.held

    def hold_again(self) -> tuple[str, ...]:
        """Bring a body back to the locked state; returns what could not be, as sentences."""
        return self._entries.hold_again()

    def put_back(self) -> tuple[str, ...]:
        """Undo what was changed; returns what could not be, as sentences."""
        return self._entries.put_back()

    @property
    def image_format(self) -> str | None:
        """The image format in force, as the body writes it."""
        state = self._entries.find(self._profile.image_format)
        return state.value if state else None

    def _state_to_fix(self, setting: FixedSetting) -> SettingState | None:
        """The entry to look at: one that can be made right before one that is only told, else the first.

        Nikon bodies have two focus modes, of which one, by body, may be set.
        """
        states = self._entries.all_of(setting.names)
        first = states[0] if states else None
        if first is None or first.value in setting.values:
            return first
        settable = (s for s in states if not s.read_only and set(setting.values) & set(s.choices))
        return next(settable, first)

    def _fix(self, setting: FixedSetting) -> SettingReport | None:
        state = self._state_to_fix(setting)
        wanted = setting.values[0]
        if state is None:
            if setting.absent is AbsentMeans.NOTHING:
                return None
            verdict = _VERDICTS[setting.absent]
            return SettingReport(
                setting.title, wanted, None, None, verdict, f"cannot be read: {setting.advice}"
            )
        right = state.value if state.value in setting.values else None
        offered = right or next((value for value in setting.values if value in state.choices), None)
        if offered is None and not state.read_only:
            message = f"{wanted!r} is not offered: {setting.advice or 'set it on the body'}"
            verdict = _VERDICTS[setting.otherwise]
            return SettingReport(setting.title, wanted, state.value, state.value, verdict, message)
        report = self._entries.bring_to(setting.title, state, offered or wanted, wanted, setting.advice)
        if report.verdict is _REFUSED and setting.otherwise is not AbsentMeans.REFUSE:
            verdict = _VERDICTS[setting.otherwise]
            return replace(report, verdict=verdict)
        meaning = setting.meaning.get(report.after or "")
        return replace(report, message=f"that is {meaning}") if meaning and not report.message else report

    def _image_format(self, wanted: str | None) -> SettingReport | None:
        state = self._entries.find(self._profile.image_format)
        if state is None:
            return None
        if wanted is None:
            return self._entries.bring_to("image format", state, state.value or "", "as it is", "")
        kind = image_kind(wanted)
        if (
            wanted.strip().upper().replace("JPG", "JPEG") in _KINDS
        ):  # bodies name sizes and qualities: "RAW + L"
            same = [choice for choice in state.choices if image_kind(choice) == kind]
            choice = state.value if state.value in same else next(iter(same), None)
        else:
            choice = _matching(wanted, state.choices)
        if choice is None:
            return _not_offered("image format", wanted, state)
        return self._entries.bring_to("image format", state, choice, wanted, "")

    def _expose(self, what: _Exposure, wanted: float | None) -> SettingReport:
        state = self._entries.find(what.names)
        now = what.parse(state.value) if state else None
        if what.title == "aperture" and now is None:
            return self._mechanical_aperture(state, wanted)
        if state is None:
            message = "cannot be read: set it on the body"
            return SettingReport(what.title, str(wanted), None, None, _ASK, message)
        if wanted is None:
            if now is None:
                message = (
                    f"it is {state.value!r}, which changes from frame to frame: choose a fixed value, "
                    f"e.g. {what.example} in [capture]"
                )
                return SettingReport(what.title, "fixed", state.value, state.value, _REFUSED, message)
            return self._entries.bring_to(what.title, state, state.value or "", "as it is", "")
        if now is not None and what.same(now, wanted):
            best = nearest(wanted, (*state.choices, state.value or ""), what.parse, what.same)
        else:
            best = nearest(wanted, state.choices, what.parse, what.same)
        if best is None:
            best = self._bulb_for(what, wanted, state)
        if best is None:
            return _not_offered(what.title, what.text(wanted), state)
        return self._entries.bring_to(what.title, state, best, what.text(wanted), "")

    def _bulb_for(self, what: _Exposure, wanted: float, state: SettingState) -> str | None:
        """Bulb, when it is offered and the time is longer than any that the body times itself."""
        if what.title != "shutter":
            return None
        longest_s = max((what.parse(choice) or 0.0 for choice in state.choices), default=0.0)
        bulb = next((choice for choice in state.choices if choice.lower() == "bulb"), None)
        return bulb if wanted > longest_s else None

    @staticmethod
    def _mechanical_aperture(state: SettingState | None, wanted: float | None) -> SettingReport:
        """A manual or reversed lens has no f-number that the body knows of, which is a legal state."""
        value = state.value if state else None
        if wanted is None:
            return SettingReport("aperture", "as it is", value, value, _OK, _NO_APERTURE)
        message = f"{_NO_APERTURE}: set f/{wanted:g} on the lens"
        return SettingReport("aperture", f"f/{wanted:g}", value, value, _ASK, message)

    def _white_balance(self, wanted: str | None) -> list[SettingReport]:
        state = self._entries.find(self._profile.white_balance)
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
            message = (
                "automatic white balance changes from frame to frame: name a fixed one, "
                'e.g. white_balance = "Daylight" in [capture]'
            )
            return [SettingReport(title, wanted or "fixed", state.value, state.value, _REFUSED, message)]
        return [self._entries.bring_to(title, state, choice or "", wanted or "as it is", "")]

    def _color_temperature(self, state: SettingState, kelvin: int) -> list[SettingReport]:
        wanted = f"{kelvin} K"
        mode = next((c for c in self._profile.kelvin_white_balance if c in state.choices), None)
        if mode is None:
            return [_not_offered("white balance", wanted, state)]
        reports = [self._entries.bring_to("white balance", state, mode, wanted, "")]
        temperature = self._entries.find(self._profile.color_temperature)
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
        return [*reports, self._entries.bring_to("colour temperature", temperature, str(value), wanted, "")]

    def _exposure_in_force(self) -> tuple[float | None, float | None, float | None]:
        iso, shutter, aperture = (
            what.parse(state.value) if (state := self._entries.find(what.names)) else None
            for what in self._exposures
        )
        return shutter, aperture, iso


def card_report(cards: tuple[StorageSpace, ...]) -> SettingReport:
    """Whether frames can go to the card."""
    free = sum(card.free_bytes or 0 for card in cards)
    if not cards or all(card.capacity_bytes == 0 for card in cards):
        message = "there is no card in the camera, or it cannot be read: put one in, or format it there"
        return SettingReport("card", "room", None, "none", _REFUSED, message)
    if all(card.free_bytes == 0 for card in cards):
        message = "the card is full: change it, or empty it"
        return SettingReport("card", "room", "full", "full", _REFUSED, message)
    told = f"{free / 1e9:.1f} GB free" if free else None
    return SettingReport("card", "room", told, told, _OK)


def _flash_sync(request: LockRequest, shutter_s: float | None) -> SettingReport | None:
    """Refuse a time in which the shutter is never fully open, so that a flash lights a part of the frame."""
    if not request.flash or shutter_s is None or same_shutter(shutter_s, request.flash_sync_s):
        return None
    if shutter_s > request.flash_sync_s:
        return None
    sync, now = format_shutter(request.flash_sync_s), format_shutter(shutter_s)
    message = f"a flash lights only a part of a frame at {now}: take {sync} or longer"
    return SettingReport("flash sync", sync, now, now, _REFUSED, message)


def _matching(wanted: str, choices: tuple[str, ...]) -> str | None:
    """The choice that a person means: the same letters, or the beginning of one."""
    folded = wanted.strip().lower()
    exact = next((choice for choice in choices if choice.lower() == folded), None)
    return exact or next((choice for choice in choices if choice.lower().startswith(folded)), None)


def _not_offered(title: str, wanted: str, state: SettingState) -> SettingReport:
    message = f"{wanted} is not offered; there is: {', '.join(state.choices) or 'nothing to choose from'}"
    return SettingReport(title, wanted, state.value, state.value, _REFUSED, message)
