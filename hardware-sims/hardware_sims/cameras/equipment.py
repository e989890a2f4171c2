"""What is put into and onto a simulated body: battery, card, lens."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from hardware_sims.clock import SimClock
from hardware_sims.focus_drive import FocusDrive, Travelled

__all__ = ["Battery", "Card", "Equipment", "MountedLens"]

_HUNT_UNITS = (4, 40)
"""How far autofocus comes to rest from where it was, on a subject that did not move."""


@dataclass
class Battery:
    """A battery that drains with time and with every frame.

    Parameters
    ----------
    percent : float
        Charge when the body is switched on; 0 and the body is off.
    per_hour : float
        Percent that an hour of bench time costs: nothing unless asked for, so that time-scaled runs last.
    per_frame : float
        Percent that a release costs: a full charge is good for some thousand frames.
    """

    percent: float = 88.0
    per_hour: float = 0.0
    per_frame: float = 0.002
    clock: SimClock | None = None
    _since_s: float = 0.0

    def level(self) -> float:
        """What is left, percent, 0 to 100."""
        if self.clock is not None:
            now_s = self.clock.now()
            self.percent -= self.per_hour * (now_s - self._since_s) / 3600.0
            self._since_s = now_s
        self.percent = min(max(self.percent, 0.0), 100.0)
        return self.percent

    def spend_frame(self) -> None:
        """Pay for a release."""
        self.percent -= self.per_frame

    @property
    def shown(self) -> int:
        """What a display says: rounded up, so that 0 is a body that is off."""
        return math.ceil(self.level())


@dataclass
class Card:
    """A memory card.

    Parameters
    ----------
    capacity_bytes : int
        Its size; 0 when there is none in the slot.
    used_bytes : int
        What is on it that this bench did not write.
    """

    capacity_bytes: int = 64 << 30
    used_bytes: int = 4 << 30

    @property
    def free_bytes(self) -> int:
        """Room left."""
        return max(0, self.capacity_bytes - self.used_bytes)

    def shots_left(self, bytes_per_shot: int) -> int:
        """How many more frames fit, as a body shows it: 9999 at the most."""
        return min(9999, self.free_bytes // max(1, bytes_per_shot))

    def write(self, size_bytes: int) -> None:
        """Take a file; the room was looked at before the release."""
        self.used_bytes += size_bytes

    def forget(self, size_bytes: int) -> None:
        """Give the room of a deleted file back."""
        self.used_bytes = max(0, self.used_bytes - size_bytes)

    def fill(self) -> None:
        """Leave no room."""
        self.used_bytes = max(self.used_bytes, self.capacity_bytes)

    def empty(self) -> None:
        """Put another card of that size in."""
        self.used_bytes = 0


@dataclass
class MountedLens:
    """The lens on the body.

    Parameters
    ----------
    name : str, optional
        What it tells the body; the personality's own choice when not given.
    switch : {"AF", "MF"}
        The switch on its barrel: on MF the motor is out of reach.
    drive : FocusDrive, optional
        Its motor; a lens without one cannot be driven.
    steps : tuple of int
        Motor units of the body's steps from small to large: three on Canon, seven on Sony.
    """

    name: str | None = None
    switch: str = "AF"
    drive: FocusDrive | None = None
    steps: tuple[int, ...] = ()
    _hunt: random.Random = field(default_factory=lambda: random.Random(0), init=False, repr=False)

    def turn(self, units: int) -> Travelled | None:
        """Drive the focus, positive is nearer; None when nothing can turn."""
        if self.drive is None or self.switch != "AF":
            return None
        return self.drive.drive(units)

    def autofocus(self) -> None:
        """Find focus, somewhere near: what a stack must not let happen between its frames."""
        self.turn(self._hunt.choice((-1, 1)) * self._hunt.randint(*_HUNT_UNITS))

    def units_of(self, size: int, standard: tuple[int, ...]) -> int:
        """Motor units of a step size, 1 being the smallest; `standard` is the personality's own."""
        steps = self.steps or standard
        return steps[min(size, len(steps)) - 1]


@dataclass
class Equipment:
    """Everything that is put into and onto a body, and how it shows live view.

    Parameters
    ----------
    live_fps : float
        Frames of live view offered in a real second.
    widest_f_number : float
        Aperture at which live view looks.
    """

    battery: Battery = field(default_factory=Battery)
    card: Card = field(default_factory=Card)
    lens: MountedLens = field(default_factory=MountedLens)
    live_fps: float = 20.0
    widest_f_number: float = 2.8
