"""Configuration entries brought to values: set, read back, remembered, held, put back.

What they have to be is not decided here (`rig.cameras.locking`).
"""

from __future__ import annotations

import time
from typing import Protocol

from rig.cameras.base import SettingReport, SettingVerdict
from rig.cameras.bodies.profile import SettingState

__all__ = ["Configuration", "HeldEntries"]

_ATTEMPTS = 3
"""Bodies sometimes accept a setting and do not make it; what is refused three times is refused for good."""
_PAUSE_S = 0.1


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


class HeldEntries:
    """The entries of one body.

    Parameters
    ----------
    configuration : Configuration
        The body's.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._states: dict[str, SettingState] = {}
        self._before: dict[str, str] = {}
        self._held: dict[str, str] = {}

    def look(self) -> None:
        """Read every entry: what may be set depends on what is."""
        self._states = self._configuration.read_all()

    def begin(self) -> None:
        """Look, and hold nothing yet; what was changed before is still to be put back."""
        self.look()
        self._held.clear()

    @property
    def held(self) -> dict[str, str]:
        """What is locked: values by the names of their entries."""
        return dict(self._held)

    def hold_again(self) -> tuple[str, ...]:
        """Bring a body back to the locked state; returns what could not be, as sentences.

        The mode comes first, as when locking: what else may be set depends on it.
        """
        lost = self._bring_all(self._held)
        return tuple(f"{name} is {found!r} and not {self._held[name]!r}" for name, found in lost.items())

    def put_back(self) -> tuple[str, ...]:
        """Undo what was changed, last change first; returns what could not be, as sentences."""
        if not self._before:
            return ()
        left = self._bring_all(dict(reversed(self._before.items())))
        self._before = {name: value for name, value in self._before.items() if name in left}
        return tuple(f"{name} should be {self._before[name]!r} again" for name in left)

    def _bring_all(self, wanted: dict[str, str]) -> dict[str, str | None]:
        """Set every entry that is not at its value, in order; returns those that would not."""
        strayed = self._strayed(wanted)
        for _ in range(_ATTEMPTS):
            if not strayed:
                break
            for name in strayed:
                self._configuration.write(name, wanted[name])
            strayed = self._strayed(wanted)
        return strayed

    def _strayed(self, wanted: dict[str, str]) -> dict[str, str | None]:
        """Entries that are not at these values, and what they are at, in the same order."""
        states = self._configuration.read_all()
        found = {name: states[name].value if name in states else None for name in wanted}
        return {name: value for name, value in found.items() if value != wanted[name]}

    def find(self, names: tuple[str, ...]) -> SettingState | None:
        """The first of these entries that the body has."""
        return next((self._states[name] for name in names if name in self._states), None)

    def all_of(self, names: tuple[str, ...]) -> list[SettingState]:
        """Those of these entries that the body has, in that order."""
        return [self._states[name] for name in names if name in self._states]

    def bring_to(self, title: str, state: SettingState, value: str, wanted: str, hint: str) -> SettingReport:
        """Have an entry at a value: as it is, or set and read back."""
        if state.value == value:
            self._held[state.name] = value
            return SettingReport(title, wanted, state.value, state.value, SettingVerdict.OK)
        if state.read_only:
            message = f"{value!r} is needed and cannot be set from here: {hint or 'set it on the body'}"
            return SettingReport(title, wanted, state.value, state.value, SettingVerdict.REFUSED, message)
        if state.value is not None:
            self._before.setdefault(state.name, state.value)
        why, found = self._set(state.name, value)
        if found == value:
            self._held[state.name] = value
            return SettingReport(title, wanted, state.value, found, SettingVerdict.SET)
        message = f"{value!r} was set, but the body stayed at {found!r}"
        message += f" ({why})" if why else ""
        message += f": {hint}" if hint else ""
        return SettingReport(title, wanted, state.value, found, SettingVerdict.REFUSED, message)

    def _set(self, name: str, value: str) -> tuple[str | None, str | None]:
        """Set an entry; returns why the body refused, and what it is at now."""
        for attempt in range(_ATTEMPTS):
            time.sleep(_PAUSE_S if attempt else 0.0)
            why = self._configuration.write(name, value)
            after = self._configuration.read(name)
            if after is not None:
                self._states[name] = after
            found = after.value if after else None
            if found == value or why is not None:
                break
        return why, found
