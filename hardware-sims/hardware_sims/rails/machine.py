"""What the two halves of the firmware share: the interrupt side and the line interpreter."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from enum import Enum

from hardware_sims.rails.coordinates import Coordinates, Reporter
from hardware_sims.rails.dialect import Dialect
from hardware_sims.rails.drive import Drive
from hardware_sims.rails.gcode import Modal
from hardware_sims.rails.settings import GrblSettings

__all__ = ["Job", "Machine", "State", "Wait"]

Wait = Callable[[], bool]
Job = Generator[Wait, None, None]


class State(Enum):
    """What a status report calls the controller."""

    IDLE = "Idle"
    RUN = "Run"
    HOLD = "Hold"
    JOG = "Jog"
    HOME = "Home"
    ALARM = "Alarm"


class Machine:
    """The controller's memory and its motors. Everything public is for the firmware's own modules."""

    def __init__(self, settings: GrblSettings, drive: Drive, dialect: Dialect) -> None:
        self.settings, self.drive, self.dialect = settings, drive, dialect
        self.homed = False
        self.motion = drive.motion
        self.coordinates = Coordinates()
        self.state = State.IDLE
        self.out = bytearray()
        self.now = 0.0
        self.idle_since = 0.0
        """When the last motion ended."""
        self.contact: Callable[[bool], None] | None = None
        """Told when coolant or spindle, to which a release may be wired, is switched on or off."""
        self._on = False
        self.pending: tuple[float, Callable[[], None]] | None = None
        """Deaf until that time, then do this."""
        self.clear()

    def clear(self) -> None:
        """What every reset clears."""
        self.modal = Modal()
        self.switch()
        self.coordinates.shift = [0.0] * 3
        self.reporter = Reporter(self.settings, hal=self.dialect.hal)
        self.hold_complete = False
        self.cancelling = False
        """A jog brakes, to be forgotten."""
        self.stopping = False
        """Braking for a soft-limit alarm."""
        self.deaf = False
        """Until a reset."""
        self.asked = False
        """A report was asked for that could not be given."""
        self.wake_s: float | None = None
        """When a dwell ends."""

    def switch(self) -> None:
        """Let the outputs follow the modal state."""
        on = self.modal.spindle != 5 or self.modal.coolant != 9
        if on != self._on:
            self._on = on
            if self.contact is not None:
                self.contact(on)

    def say(self, *lines: str) -> None:
        """Send these lines."""
        for line in lines:
            self.out += line.encode("ascii") + b"\r\n"

    def say_all(self, lines: Iterable[str]) -> None:
        """Send these lines."""
        self.say(*lines)

    def until_idle(self) -> Wait:
        """Ready when every queued move has ended."""
        return lambda: not self.motion.planned

    def follow_motion(self) -> None:
        """State changes that the end of a motion brings."""
        motion = self.motion
        if motion.held:
            if not motion.moving(self.now) and not self.hold_complete:
                self._end_of_braking()
            return
        ends_s = motion.next_change_s()
        motion.settle(self.now)
        if not motion.planned:
            if ends_s is not None:
                self.idle_since = ends_s
            if self.state in {State.RUN, State.JOG}:
                self.state = State.IDLE

    def _end_of_braking(self) -> None:
        if self.cancelling:
            self.cancelling = False
            self.drive.rest(self.now)
            self.state, self.idle_since = State.IDLE, self.now
        elif self.stopping:
            self.stopping = False
            self.soft_limit_alarm()
        else:
            self.hold_complete = True

    def outside(self, target: list[float]) -> bool:
        """Whether the controller's own soft limits refuse that."""
        heeds = self.homed or not self.dialect.limits_need_homing
        return bool(self.settings[20]) and heeds and self.drive.outside(target)

    def soft_limit_alarm(self) -> None:
        """ALARM:2; deaf until a reset, and for the pause even to that."""
        self.drive.rest(self.now)
        self.state, self.hold_complete = State.ALARM, False
        self.say("ALARM:2")

        def close_ears() -> None:
            self.say("[MSG:Reset to continue]")
            self.deaf = True

        self.pending = (self.now + self.dialect.alarm_pause_s, close_ears)
