"""Work offsets of a controller and how it prints positions and reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hardware_sims.rails.gcode import Block
from hardware_sims.rails.settings import GrblSettings

__all__ = ["Coordinates", "Reporter"]

_WCO_EVERY = {False: 10, True: 30}
_OVERRIDES_EVERY = {False: 10, True: 20}
"""Reports between two that carry the field, idle and busy, as in the firmware."""
_MM_PER_INCH = 25.4
_HAL_SPEED, _HAL_OFFSET, _HAL_OVERRIDES = 8, 32, 64
"""Bits of grblHAL's ``$10`` beside those that GRBL has."""


class Coordinates:
    """G54…G59, G28 and G30 (in the EEPROM), and G92 (lost by a reset)."""

    def __init__(self) -> None:
        self.systems = [[0.0] * 3 for _ in range(6)]
        self.saved: dict[int, list[float]] = {28: [0.0] * 3, 30: [0.0] * 3}
        self.shift = [0.0] * 3

    def offset(self, system: int) -> list[float]:
        """Machine position of the work zero."""
        return [a + b for a, b in zip(self.systems[system], self.shift, strict=True)]

    def set_system(self, block: Block, here: Sequence[float]) -> None:
        """G10 L2 and L20."""
        kind, which = block.coordinate
        system = block.modal.system if which == 0 else which - 1
        for axis, value in block.axes.items():
            self.systems[system][axis] = value if kind == 2 else here[axis] - self.shift[axis] - value

    def set_shift(self, block: Block, here: Sequence[float]) -> None:
        """G92 and G92.1."""
        if block.action == 921:
            self.shift = [0.0] * 3
        for axis, value in block.axes.items():
            self.shift[axis] = here[axis] - self.systems[block.modal.system][axis] - value

    def target(self, block: Block, here: Sequence[float]) -> list[float]:
        """Machine position that the axis words of a block mean."""
        target = list(here)
        offset = self.offset(block.modal.system)
        for axis, value in block.axes.items():
            if block.machine:
                target[axis] = value
            elif block.modal.incremental:
                target[axis] += value
            else:
                target[axis] = value + offset[axis]
        return target


class Reporter:
    """Prints positions and status reports in the units and fields that the settings ask for."""

    def __init__(self, settings: GrblSettings, *, hal: bool = False) -> None:
        self._settings, self._hal = settings, hal
        self._first = True
        self._unlocked = False
        self._to_wco = self._to_overrides = 0

    def wco_changed(self) -> None:
        """The next report carries the work offset."""
        self._to_wco = 0

    def was_unlocked(self) -> None:
        """grblHAL's first report says whether it is homed, once somebody has asked to unlock it."""
        self._unlocked = True

    def _hal_extras(self, mask: int, offset: Sequence[float]) -> list[str]:
        first, self._first = self._first, False
        if first:
            homed = ["H:0"] if self._unlocked else []
            return [*(["Ov:100,100,100"] if mask & _HAL_OVERRIDES else []), "A:", *homed, "TLR:0"]
        if not mask & _HAL_OFFSET:
            return []
        self._to_wco -= 1
        if self._to_wco > 0:
            return []
        self._to_wco = _WCO_EVERY[True]
        return ["WCO:" + self.vector(offset)]

    def vector(self, values: Sequence[float]) -> str:
        """Three coordinates."""
        inches = bool(self._settings[13])
        scale, decimals = (_MM_PER_INCH, 4) if inches else (1.0, 3)
        return ",".join(f"{value / scale + 0.0:.{decimals}f}" for value in values)

    def status(
        self,
        name: str,
        *,
        position: Sequence[float],
        offset: Sequence[float],
        speed_mm_s: float,
        spindle: float,
        free: tuple[int, int],
        busy: bool,
    ) -> str:
        """The answer to ``?``; `free` is planner blocks and receive bytes."""
        mask = int(self._settings[10])
        if mask & 1:
            fields = [name, "MPos:" + self.vector(position)]
        else:
            work = [p - o for p, o in zip(position, offset, strict=True)]
            fields = [name, "WPos:" + self.vector(work)]
        if mask & 2:
            fields.append(f"Bf:{free[0]},{free[1]}")
        rate = speed_mm_s * 60 / (_MM_PER_INCH if self._settings[13] else 1.0)
        if not self._hal or mask & _HAL_SPEED:
            fields.append(f"FS:{rate:.0f},{spindle:.0f}")
        if self._hal:
            return "<" + "|".join([*fields, *self._hal_extras(mask, offset)]) + ">"
        if self._to_wco > 0:
            self._to_wco -= 1
        else:
            self._to_wco = _WCO_EVERY[busy] - 1
            self._to_overrides = max(self._to_overrides, 1)
            fields.append("WCO:" + self.vector(offset))
        if self._to_overrides > 0:
            self._to_overrides -= 1
        else:
            self._to_overrides = _OVERRIDES_EVERY[busy] - 1
            fields.append("Ov:100,100,100")
        return "<" + "|".join(fields) + ">"

    def parameters(
        self, systems: Sequence[Sequence[float]], saved: Mapping[int, Sequence[float]], shift: Sequence[float]
    ) -> list[str]:
        """What ``$#`` prints."""
        lines = [f"[G{54 + number}:{self.vector(values)}]" for number, values in enumerate(systems)]
        lines += [f"[G{number}:{self.vector(values)}]" for number, values in saved.items()]
        return [*lines, f"[G92:{self.vector(shift)}]", "[TLO:0.000]", f"[PRB:{self.vector([0.0] * 3)}:0]"]
