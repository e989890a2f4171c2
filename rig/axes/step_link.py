"""Conversations with controllers that count steps: the port, the waits, and a move followed by its count."""

from __future__ import annotations

import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from rig.axes.following import Follower, Interruption, StoppedError
from rig.axes.port import Port
from rig.axes.registry import RailSettings, usual_baud
from rig.clock import Clock
from rig.errors import HardwareError, MotionError, UserError

__all__ = ["CountedLink", "StepLink"]

_POLL_S = 0.005
_REST_S = 2.0
"""Real seconds to come to rest after a stop or an arrival."""


class StepLink(ABC):
    """The conversation with one controller over a port, in microsteps of its own counting and sign.

    Every method raises `rig.errors.HardwareError` when the port or the controller is gone. Waits end with
    `rig.axes.following.StoppedError` when a stop was asked for.

    Parameters
    ----------
    settings : RailSettings
        The rail.
    clock : Clock
        Its scale shortens the time-outs of motion on a simulated bench.
    interrupted : callable
        Asked during waits: whether a stop was asked for.

    Raises
    ------
    HardwareError
        When the port cannot be opened.
    """

    maker: ClassVar[str]
    """What its rails are called by in messages."""
    stop: ClassVar[bytes]
    """What stops it."""
    before_stop: ClassVar[bytes]
    """Sent before the stop when a rig dies, as half a message that it left behind would swallow the first."""
    reports_position: ClassVar[bool]
    """Whether the controller can be asked for its count."""
    can_home: ClassVar[bool] = False
    """Whether the controller finds a reference by itself."""

    def __init__(self, settings: RailSettings, clock: Clock, interrupted: Callable[[], bool]) -> None:
        self._settings, self._clock = settings, clock
        self.name = f"{self.maker} rail on {settings.port}"
        self._port = Port(
            settings.port,
            settings.baud,
            self.before_stop + self.stop,
            binary=True,
            raise_dtr=settings.reset_on_open,
        )
        self._opened = contextlib.ExitStack()
        self._opened.callback(self._port.close)
        self._interrupted = Interruption(self._port, interrupted)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the person at the rig should know, in whole sentences."""
        return ()

    @abstractmethod
    def take_fault(self) -> str | None:
        """What it did unasked since this was last asked, after which its count means nothing."""

    @abstractmethod
    def ready(self) -> None:
        """See that it is at rest and listens, before somebody says where it stands."""

    @abstractmethod
    def where(self) -> int:
        """Its count now; HardwareError of one that cannot be asked."""

    @abstractmethod
    def travel(self, start: int, target: int) -> None:
        """Move from one count to another, and return when the motion has really ended.

        Raises MotionError when it has not, or when that cannot be told.
        """

    @abstractmethod
    def travel_time_s(self, steps: int) -> float:
        """Shortest time for so many steps, bench seconds."""

    @abstractmethod
    def halt(self) -> int | None:
        """Stop, and return at rest: with the count there, None when it is not known."""

    def home(self) -> None:
        """Find the reference, and return at rest there; UserError of one that has none."""
        raise UserError(f"the {self.name} has no homing")

    def send_stop(self) -> None:
        """Send a stop and do not wait; past a maker's library, so that it may come from any thread."""
        self._port.write(self.stop)

    def close(self) -> None:
        """Let go of the port. May be called twice."""
        self._opened.close()

    def _unanswered(self, what: str) -> HardwareError:
        """What to raise when nothing sensible was heard; `what` says it of a rail that sent something."""
        tail = self._port.tail
        if not tail:
            return HardwareError(
                f"nothing answers on {self._port.name}: is the controller powered, and is this its port?"
            )
        return HardwareError(
            f"the {self.name} {what}; it last sent {tail[-24:].hex(' ')}. Check the baud rate ([rail] baud, "
            f"usually {usual_baud(self._settings.driver)}) and that this is the rail's port"
        )


class CountedLink(StepLink):
    """A link whose controller tells its count and nothing by itself: a move is followed by asking.

    Speed and ramp are left as they are set on the controller. Parameters and errors as of `StepLink`.
    """

    reports_position = True

    def __init__(self, settings: RailSettings, clock: Clock, interrupted: Callable[[], bool]) -> None:
        super().__init__(settings, clock, interrupted)
        self._follower = Follower(self.name, settings, clock, self.where, self._interrupted)

    @abstractmethod
    def _send_move(self, target: int) -> None:
        """Send it to a count, once."""

    def _is_moving(self) -> bool:
        """Whether it says that it still moves; False of one that says nothing of that."""
        return False

    def ready(self) -> None:
        """See that it is at rest."""
        self.halt()

    def take_fault(self) -> str | None:
        """Nothing: it says nothing by itself, and its count is looked at before every move."""
        return None

    def travel_time_s(self, steps: int) -> float:
        """Bench seconds, by the configured speed and ramp."""
        return self._follower.time_s(steps)

    def travel(self, start: int, target: int) -> None:
        """Move, and ask until the count is the target and stays there."""
        self._interrupted.begin()
        sent_s = time.monotonic()
        self._send_move(target)
        self._follower.follow(start, target, sent_s)
        self._wait_to_rest()

    def _wait_to_rest(self) -> None:
        self._wait_while(self._is_moving, _REST_S, "does not come to rest")

    def _wait_while(
        self, busy: Callable[[], object], real_s: float, trouble: str, *, stoppable: bool = False
    ) -> None:
        """Ask until it is not; MotionError when that takes too long, StoppedError after a stop."""
        deadline = time.monotonic() + real_s
        while busy():
            if stoppable and self._interrupted():
                raise StoppedError(self.name)
            if time.monotonic() > deadline:
                raise MotionError(f"the {self.name} {trouble}")
            time.sleep(_POLL_S)
