"""A simulated GRBL or grblHAL rail on a pty and on TCP."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping
from typing import Literal

from hardware_sims.carriage import Carriage
from hardware_sims.clock import SimClock
from hardware_sims.rails.dialect import GRBL, Dialect, settings_of
from hardware_sims.rails.faults import RailMisbehaviour
from hardware_sims.rails.firmware import GrblFirmware
from hardware_sims.rails.shell import LOG_MESSAGES, QuietDevice, RailSimulator

__all__ = ["GarbageSimulator", "GrblSimulator"]

_BOOT_REAL_S = 0.05
"""Real s from opening the port to the banner or a greeting: a client flushes its input just after opening."""


class _Board:
    """The firmware on a board whose DTR line may be wired to reset."""

    def __init__(self, firmware: GrblFirmware, clock: SimClock, dtr_reset: Mapping[str, bool]) -> None:
        self.firmware = firmware
        self._clock, self._dtr_reset = clock, dtr_reset
        self.received: deque[str] = deque(maxlen=LOG_MESSAGES)
        self._partial = ""
        self._greets_s: float | None = None

    def opened(self, now: float, kind: str) -> None:
        if self._dtr_reset[kind]:
            self.power_on(now)
        elif kind == "tcp":
            self._greets_s = now + _BOOT_REAL_S * self._clock.scale

    def reset(self, now: float) -> None:
        """The reset pin: steps that were under way are lost, and X is 0 where the carriage is."""
        self.power_on(now)

    def power_off(self, now: float) -> None:
        self.firmware.power_off(now)

    def power_on(self, now: float) -> None:
        self.firmware.power_on(now, _BOOT_REAL_S * self._clock.scale)

    def receive(self, data: bytes, now: float) -> None:
        for byte in data:
            if byte in b"?!~\x18" or byte >= 0x80:
                self.received.append(chr(byte))
            elif byte in b"\r\n":
                self.received.append(self._partial)
                self._partial = ""
            else:
                self._partial += chr(byte)
        self.firmware.receive(data, now)

    def take_output(self) -> bytes:
        return self.firmware.take_output()

    def advance(self, now: float) -> None:
        self.firmware.advance(now)
        if self._greets_s is not None and self._greets_s <= now:
            self._greets_s = None
            self.firmware.greet()

    def next_event_s(self) -> float | None:
        due = [t for t in (self._greets_s, self.firmware.next_event_s()) if t is not None]
        return min(due) if due else None


class GrblSimulator(RailSimulator[_Board]):
    """A GRBL 1.1h controller that drives a carriage.

    Parameters
    ----------
    carriage : Carriage
        What the motor moves; it stands at `start_mm`.
    clock : SimClock
        Bench time.
    steps_per_mm, max_speed_mm_s, acceleration_mm_s2 : float
        Of the X axis: ``$100``, ``$110`` and ``$120``.
    towards_subject : {"+", "-"}
        The sign of X that moves towards the subject.
    travel_mm : (float, float)
        The mechanical ends of the rail, mm towards the subject, as homing finds them.
    start_mm : float
        Where the carriage stands, mm towards the subject.
    settings : mapping of int to float, optional
        Other `$` settings; they win over the arguments above.
    dtr_reset, tcp_reset : bool
        Whether opening the pty, or a TCP connection, resets the board.
    contact : callable, optional
        Told whenever coolant or spindle is switched on or off: a camera's release may be wired to it.
    misbehaviour : RailMisbehaviour, optional
        What goes wrong, and when.
    dialect : Dialect
        GRBL 1.1h or grblHAL.

    Attributes
    ----------
    schedule : RailSchedule
        What has gone wrong.

    Raises
    ------
    ValueError
        When the rail cannot suffer what is planned.
    """

    def __init__(
        self,
        carriage: Carriage,
        clock: SimClock,
        *,
        steps_per_mm: float = 3200.0,
        max_speed_mm_s: float = 2.0,
        acceleration_mm_s2: float = 50.0,
        towards_subject: Literal["+", "-"] = "+",
        travel_mm: tuple[float, float] = (-20.0, 120.0),
        start_mm: float = 0.0,
        settings: Mapping[int, float] | None = None,
        dtr_reset: bool = True,
        tcp_reset: bool = False,
        contact: Callable[[bool], None] | None = None,
        misbehaviour: RailMisbehaviour | None = None,
        dialect: Dialect = GRBL,
    ) -> None:
        eeprom = settings_of(
            dialect,
            {
                1: 255,
                100: steps_per_mm,
                110: max_speed_mm_s * 60.0,
                120: acceleration_mm_s2,
                **(settings or {}),
            },
        )
        firmware = GrblFirmware(
            carriage,
            eeprom,
            sign=1 if towards_subject == "+" else -1,
            start_mm=start_mm,
            travel_mm=travel_mm,
            contact=contact,
            dialect=dialect,
        )
        board = _Board(firmware, clock, {"pty": dtr_reset, "tcp": tcp_reset})
        firmware.power_on(clock.now())
        firmware.take_output()
        super().__init__(board, carriage, clock, misbehaviour)

    def received(self) -> list[str]:
        """Lines and real-time characters that came in, in order (the last 20,000)."""
        return self._server.call(lambda: list(self._device.received))

    def power_cycle(self) -> None:
        """Take the power away and give it back: the position report starts at 0 again."""
        self._server.call(lambda: self._device.firmware.power_on(self._clock.now()))


class _Garbage(QuietDevice):
    """Answers every byte with seeded noise, as a port at the wrong baud rate does."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)

    def opened(self, now: float, kind: str) -> None:  # noqa: ARG002  (a Device)
        self._out += self._random.randbytes(24)

    def receive(self, data: bytes, now: float) -> None:  # noqa: ARG002  (a Device)
        self._out += self._random.randbytes(3 * len(data))


class GarbageSimulator(RailSimulator[_Garbage]):
    """A port on which something talks, but not GRBL; nothing is moved."""

    def __init__(self, clock: SimClock, seed: int = 0) -> None:
        super().__init__(_Garbage(seed), Carriage(), clock)
