"""Soft limits of a rail as they are asked for: shown, set, set where the rail stands, cleared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rig.axes.base import AxisLimits
from rig.config import LoadedConfig
from rig.config.rail import RailConfig
from rig.errors import UserError
from rig.rails.state import RailState
from rig.state import PositionCount, RigLock
from rig.units import parse_length_mm

__all__ = ["LimitsFound", "LimitsOrder"]

_WRITE = "write rig rail limits set 0 60mm, set here near, set here far, or clear"


@dataclass(frozen=True)
class LimitsFound:
    """The limits of a rail: those in force, the configuration's, and when soft ones were set, if any were.

    ``zero_mm`` is by how much all positions have grown since they were counted as in the configuration.
    """

    in_force: AxisLimits
    configured: AxisLimits
    set_at: datetime | None
    simulated: bool
    zero_mm: float = 0.0


@dataclass(frozen=True)
class LimitsOrder:
    """What is to be done: nothing, ``low_mm`` and ``high_mm``, one of them `here`, or `clear`."""

    low_mm: float | None = None
    high_mm: float | None = None
    here: Literal["near", "far"] | None = None
    clear: bool = False

    @classmethod
    def from_words(cls, words: Sequence[str]) -> LimitsOrder:
        """Read ``set LOW HIGH``, ``set here near|far`` or ``clear``; no words show.

        Raises
        ------
        UserError
            When it is something else, or the limits are reversed.
        """
        match list(words):
            case []:
                return cls()
            case ["clear"]:
                return cls(clear=True)
            case ["set", "here", ("near" | "far") as end]:
                return cls(here="near" if end == "near" else "far")
            case ["set", low, high] if low != "here":
                low_mm = parse_length_mm(low, "LOW", bare="accept")
                high_mm = parse_length_mm(high, "HIGH", bare="accept")
                if not low_mm < high_mm:
                    raise UserError(
                        f"{low_mm:g} mm is not below {high_mm:g} mm: the near limit comes first, positions "
                        f"grow towards the subject; {_WRITE}"
                    )
                return cls(low_mm, high_mm)
            case _:
                raise UserError(f'"{" ".join(words)}" cannot be read: {_WRITE}')

    def carry_out(self, loaded: LoadedConfig, here_mm: float | None = None) -> LimitsFound:
        """Do it, and return what is in force then.

        Parameters
        ----------
        here_mm : float, optional
            Where the rail stands, for `here`.

        Raises
        ------
        UserError
            When they are outside the configuration's, or the rig is simulated and something is to be set.
        """
        rail = loaded.config.rail
        configured = AxisLimits(*rail.limits_mm)
        if loaded.config.simulated:
            if self != LimitsOrder():
                raise UserError(
                    "soft limits are kept for real rails: a simulated bench begins anew with every command. "
                    "Write limits into [rail]"
                )
            return LimitsFound(configured, configured, None, simulated=True)
        if not rail.by_hand and rail.port is None:
            raise UserError('rail.port is missing: write for instance port = "/dev/ttyUSB0"')
        state = RailState.of(rail)
        if self.clear:
            with RigLock(state.name, "rig rail limits"):  # nobody counts from the zero that is given up
                _clear(rail, state)
        elif self.here is not None:
            near = self.here == "near"
            state.set_limits(rail, **{"low_mm" if near else "high_mm": here_mm})
        elif self.low_mm is not None:
            state.set_limits(rail, low_mm=self.low_mm, high_mm=self.high_mm)
        memory = state.read()
        return LimitsFound(
            AxisLimits(*state.limits_mm(rail)),
            AxisLimits(*state.outer_mm(rail)),
            None if memory.limits is None else memory.limits.at,
            simulated=False,
            zero_mm=memory.zero_mm,
        )


def _clear(rail: RailConfig, state: RailState) -> None:
    """Forget soft limits and zero, in the count that is kept of a rail that cannot be asked, too."""
    zero_mm = state.read().zero_mm
    state.clear_limits()
    if zero_mm and rail.counted:
        tally = PositionCount(rail.name)
        counted = tally.read()
        if counted is not None and counted.holds:
            tally.at(counted.position_mm - zero_mm)
