"""Keys that move a rail, for ``rig rail jog`` and ``rig live``."""

from __future__ import annotations

from rig.axes.base import AxisLimits, JogReport, PositionTrust
from rig.formatting import format_length
from rig.rails.jogging import Jogger

__all__ = ["HELP", "handle", "status"]

HELP = """\
  → ←    a step towards the subject, a step back      space  stop
  ↑ ↓    larger, smaller steps (or 1 2 3)"""


def handle(jogger: Jogger, key: str) -> tuple[bool, str | None]:
    """Do what a key says; whether it was one of ours, and what is to be said."""
    match key:
        case "right" | "left":
            return True, jogger.nudge(1 if key == "right" else -1)
        case "up" | "down":
            jogger.coarser(1 if key == "up" else -1)
        case "1" | "2" | "3":
            jogger.choose(int(key) - 1)
        case "space":
            jogger.stop()
        case _:
            return False, None
    return True, None


def status(report: JogReport, jogger: Jogger, limits: AxisLimits) -> str:
    """One line: where it is, the step, the limits."""
    position = report.position
    known = position.trust is not PositionTrust.UNKNOWN
    where = f"{position.value:9.4f} mm" if known else "not known"
    moving = "moving" if report.moving else "at rest"
    step = format_length(jogger.step_mm)
    return f"{where}  {moving:7}  step {step}  limits {limits.low:g} to {limits.high:g} mm"
