"""What a GRBL controller's `$` settings must be and should be. No I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping

from rig.axes.base import AxisLimits
from rig.axes.registry import RailSettings
from rig.errors import HardwareError

__all__ = ["advice", "check", "guarded", "has_homing", "proposed"]

_RELATIVE = 1e-4
"""Three decimals of 3200 steps per mm are far finer."""


def has_homing(controller: Mapping[int, float]) -> bool:
    """Whether homing is enabled: ``$22`` is 1 on GRBL, and the lowest of several bits on grblHAL."""
    return bool(int(controller.get(22, 0.0)) & 1)


def proposed(rail: RailSettings, controller: Mapping[int, float]) -> dict[int, float]:
    """What should be set for a rail: pitch, motor, microsteps, speed, ramp and travel as configured.

    Of ``$10`` only the bit that has machine positions reported is asked for; what else is, is left.
    ``$130`` reaches from the controller's home to the limit at the other end, as its soft limits count from
    there; without a home it is the span of the limits.
    """
    travel_mm = rail.high_mm - rail.low_mm
    if (ends := _from_home(rail, controller)) is not None:
        switch_mm, other_mm = ends
        travel_mm = abs(other_mm - switch_mm)
    return {
        1: 255.0,
        10: float(int(controller.get(10, 0.0)) | 1),
        13: 0.0,
        32: 0.0,
        100: rail.steps_per_mm,
        110: rail.speed_mm_s * 60.0,
        120: rail.acceleration_mm_s2,
        130: travel_mm,
    }


def _from_home(rail: RailSettings, controller: Mapping[int, float]) -> tuple[float, float] | None:
    """Positions of the homing switch and of the limit at the other end; None without a configured home.

    After homing GRBL stands the pull-off (``$27``) before the switch, towards positive X unless ``$23`` says
    otherwise; its soft limits reach from the switch over ``$130``.
    """
    if rail.home_mm is None or not has_homing(controller):
        return None
    positive = not int(controller.get(23, 0.0)) & 1
    at_high_end = positive == (rail.sign > 0)
    pull_off_mm = controller.get(27, 1.0)
    if at_high_end:
        return rail.home_mm + pull_off_mm, rail.low_mm
    return rail.home_mm - pull_off_mm, rail.high_mm


def guarded(rail: RailSettings, controller: Mapping[int, float]) -> AxisLimits | None:
    """Where the controller's soft limits let the rail go once it is homed; None when that is not known."""
    ends = _from_home(rail, controller)
    if ends is None:
        return None
    switch_mm, other_mm = ends
    far_mm = switch_mm + math.copysign(controller.get(130, 0.0), other_mm - switch_mm)
    return AxisLimits(min(switch_mm, far_mm), max(switch_mm, far_mm))


def check(controller: Mapping[int, float], rail: RailSettings, name: str) -> None:
    """Refuse settings with which moves would be wrong.

    Raises
    ------
    HardwareError
        Saying which, and what to send.
    """
    missing = [f"${n}" for n in (100, 110, 120) if not controller.get(n)]
    if missing:
        raise HardwareError(f"the {name} did not tell its settings {', '.join(missing)}")
    shutter = rail.shutter
    if shutter is not None and shutter.output == "spindle" and controller.get(32):
        raise HardwareError(
            f"the {name} is in laser mode ($32=1), where the spindle output stays off at rest; "
            "send $32=0, or use the coolant output"
        )
    if controller.get(13):
        raise HardwareError(f"the {name} reports in inches ($13=1); rig rail setup writes $13=0")
    steps = controller[100]
    if not math.isclose(steps, rail.steps_per_mm, rel_tol=_RELATIVE):
        raise HardwareError(
            f"the {name} counts {steps:g} steps/mm ($100), the configuration says "
            f"{rail.steps_per_mm:g} (full steps × microsteps ÷ pitch): correct the configuration, or have "
            "rig rail setup set the controller"
        )


def advice(controller: Mapping[int, float], rail: RailSettings) -> tuple[str, ...]:
    """What works but should be changed, in whole sentences."""
    hold, rate, ramp = controller.get(1, 255.0), controller[110] / 60.0, controller[120]
    found = []
    if hold != 255:
        found.append(f"$1={hold:g}: the motor is released between moves and may lose microsteps; send $1=255")
    if rate < rail.speed_mm_s * (1 - 1e-6):
        found.append(
            f"the controller allows {rate:g} mm/s ($110), less than the configured {rail.speed_mm_s:g} mm/s"
        )
    if not math.isclose(ramp, rail.acceleration_mm_s2, rel_tol=1e-3):
        found.append(
            f"the controller accelerates by {ramp:g} mm/s² ($120), the configuration says "
            f"{rail.acceleration_mm_s2:g} mm/s²"
        )
    return (*found, *_soft_limits_advice(controller, rail))


def _soft_limits_advice(controller: Mapping[int, float], rail: RailSettings) -> list[str]:
    """What the controller's own soft limits refuse of the configured ones."""
    if not controller.get(20):
        return []
    inside, span_mm = guarded(rail, controller), rail.high_mm - rail.low_mm
    travel_mm, off_mm = controller.get(130, 0.0), span_mm * _RELATIVE
    if inside is None and travel_mm < span_mm - off_mm:
        reach = f"span {travel_mm:g} mm ($130), the configured ones {span_mm:g} mm"
    elif inside is not None and (inside.low > rail.low_mm + off_mm or inside.high < rail.high_mm - off_mm):
        reach = (
            f"reach from {inside.low:g} mm to {inside.high:g} mm ($130={travel_mm:g} from its home), the "
            f"configured ones from {rail.low_mm:g} mm to {rail.high_mm:g} mm"
        )
    else:
        return []
    return [f"the controller's own soft limits ($20=1) {reach}: it will refuse a part of them"]
