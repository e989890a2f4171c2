"""The focus motor of a lens, and who sees whether it moved: of these `rig.axes.lens` makes an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["FocusDrive", "FocusWatch", "SeenMotion"]


class FocusDrive(Protocol):
    """The focus motor of a lens, as a camera offers it: relative steps, direction only."""

    @property
    def units_per_command(self) -> int:
        """How many units one command drives at most."""
        ...

    @property
    def name(self) -> str:
        """What to call it in messages."""
        ...

    @property
    def refuses_small_steps(self) -> bool:
        """Whether a report of an end may as well mean that the step was too small for the motor."""
        ...

    def drive_focus(self, steps: int) -> bool:
        """Give one command: by that many drive units, positive towards the subject's far side.

        False when the body says that the lens is at the end of its travel. True says nothing: a body may
        take a command and not drive.
        """
        ...

    def at_end(self, direction: int) -> bool | None:
        """Whether the lens says that it stands at its far (1) or near (-1) end; None when it says nothing."""
        ...


@dataclass(frozen=True)
class SeenMotion:
    """What pictures tell of a move.

    ``moved`` is whether they changed, ``clearly`` whether so much that half of it would have been seen too.
    ``amount`` is how much they changed, in a unit of its own that grows with the motion.
    """

    moved: bool
    clearly: bool = False
    amount: float = 0.0


class FocusWatch(Protocol):
    """Sees by pictures whether a lens has moved."""

    def settle(self) -> None:
        """Wait until the picture stands still, and remember it; raises MotionError when it never does."""
        ...

    def has_moved(self) -> SeenMotion:
        """Wait until the picture stands still: is it another than the one remembered? Remembers it if so."""
        ...

    def motion_s(self, within_s: float) -> float | None:
        """Look on for so long: real seconds until the picture changed for the last time; None for never."""
        ...
