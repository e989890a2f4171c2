"""GRBL 1.1h as a state machine without I/O: bytes in, bytes out, time as an argument.

It follows the firmware's structure: an interrupt picks real-time characters out of the stream and puts the
rest into a 128-byte ring (what does not fit is lost); a main loop reads lines from the ring and may block in
one (planner full, ``G4``, homing, feed hold), while real-time characters are still served.

Not simulated: overrides, safety door, probing, arcs, check mode, limit switches other than for homing,
start-up lines. Spindle and coolant are one contact, on or off. A move ends at rest (see `planner`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from hardware_sims.carriage import Carriage
from hardware_sims.rails.dialect import GRBL, Dialect
from hardware_sims.rails.drive import Drive
from hardware_sims.rails.interpreter import Interpreter
from hardware_sims.rails.machine import Job, Machine, State, Wait
from hardware_sims.rails.settings import GrblSettings

__all__ = ["GrblFirmware"]

LINE_TAKES_BYTES = 10
"""A line keeps the main loop busy about as long as ten bytes take at 115200 baud: a ``?`` that follows in the
same write is answered before the line is carried out."""
_RESET, _JOG_CANCEL = 0x18, 0x85


class GrblFirmware:
    """The controller of a rail: its X axis drives a carriage.

    Parameters
    ----------
    carriage : Carriage
        What the X motor moves.
    settings : GrblSettings
        The EEPROM.
    sign : int
        +1 when positive X is towards the subject, else -1.
    start_mm : float
        Where the carriage's motor stands at power-up, mm towards the subject; X is 0 there.
    travel_mm : (float, float)
        Where the rail mechanically ends, mm towards the subject: homing finds these ends.
    contact : callable, optional
        Told whenever coolant or spindle is switched on or off.
    dialect : Dialect
        GRBL or grblHAL.
    """

    def __init__(
        self,
        carriage: Carriage,
        settings: GrblSettings,
        *,
        sign: int = 1,
        start_mm: float = 0.0,
        travel_mm: tuple[float, float] = (-20.0, 120.0),
        contact: Callable[[bool], None] | None = None,
        dialect: Dialect = GRBL,
    ) -> None:
        self._m = Machine(settings, Drive(carriage, settings, sign, start_mm), dialect)
        self._m.contact = contact
        self._interpreter = Interpreter(self._m, travel_mm)
        self._ring: deque[int] = deque()
        self._line = bytearray()
        self._job: Job | None = None
        self._ready: Wait = _now

    @property
    def state(self) -> State:
        """The state a report would give."""
        return self._m.state

    def power_on(self, now: float, boot_s: float = 0.0) -> None:
        """Start as after power-up or a DTR reset: X is 0 wherever the carriage is; the EEPROM stays."""
        m = self._m
        m.now = max(m.now, now)
        m.drive.stop_dead(m.now)
        m.drive.renumber((0.0, 0.0, 0.0))
        m.out.clear()
        m.homed = False
        m.state = State.ALARM if m.settings[22] else State.IDLE  # with homing enabled it wants to be homed
        m.pending = (m.now + boot_s, self._start)
        self.advance(now)

    def greet(self) -> None:
        """Somebody has connected over a network: what a firmware says that greets."""
        if self._m.dialect.greets and self._m.pending is None:
            self._m.say("", self._m.dialect.banner)

    def power_off(self, now: float) -> None:
        """Motors and controller stop dead; `power_on` follows."""
        m = self._m
        m.now = max(m.now, now)
        m.drive.stop_dead(m.now)
        m.out.clear()
        m.pending, m.wake_s, self._job = None, None, None

    def receive(self, data: bytes, now: float) -> None:
        """Bytes arrived at bench time `now`."""
        self.advance(now)
        since_line = 0
        for byte in data:
            since_line += 1
            if byte == _RESET:
                self._reset()
            elif self._m.pending is not None or self._m.deaf:
                continue  # the reset that must follow clears whatever came
            elif byte in b"?!~" or byte >= 0x80:
                self._real_time(byte)
            elif len(self._ring) < self._m.dialect.rx_bytes:
                self._ring.append(byte)
            if since_line == LINE_TAKES_BYTES:
                self._pump()
            if byte in b"\r\n":
                since_line = 0
        self._pump()

    def take_output(self) -> bytes:
        """What the controller has said since the last call."""
        out = bytes(self._m.out)
        self._m.out.clear()
        return out

    def advance(self, now: float) -> None:
        """Let time pass, doing everything due at its own time."""
        m = self._m
        while (due := self.next_event_s()) is not None and due <= now:
            m.now = max(m.now, due)
            if m.pending is not None and m.pending[0] <= m.now:
                then, m.pending = m.pending[1], None
                then()
            if m.wake_s is not None and m.wake_s <= m.now:
                m.wake_s = None
            m.follow_motion()
            self._pump()
        m.now = max(m.now, now)
        self._pump()

    def next_event_s(self) -> float | None:
        """When something happens by itself, bench seconds; None when only a byte can change anything."""
        m = self._m
        motion_s = None if m.motion.held and m.hold_complete else m.motion.next_change_s()
        due = [t for t in (motion_s, m.wake_s, m.pending and m.pending[0]) if t is not None]
        return min(due) if due else None

    def _start(self) -> None:
        """The beginning of the firmware's main loop, after power-up and after a reset."""
        self._ring.clear()
        self._line.clear()
        self._job = None
        self._m.clear()
        self._m.say("", self._m.dialect.banner)
        if self._m.state is State.ALARM:
            self._m.say("[MSG:'$H'|'$X' to unlock]")
        else:
            self._m.state = State.IDLE

    # --- real-time characters -------------------------------------------------------------------------

    def _real_time(self, byte: int) -> None:
        self._m.follow_motion()
        if byte == ord("?"):
            if self._m.state is State.HOME and not self._m.dialect.hal:
                self._m.asked = True  # GRBL does not look at it before the cycle has ended
            else:
                self._m.say(self._report())
        elif byte == ord("!"):
            self._feed_hold()
        elif byte == ord("~"):
            self._cycle_start()
        elif byte == _JOG_CANCEL and self._m.state is State.JOG:
            self._brake(cancel=True)

    def _feed_hold(self) -> None:
        m = self._m
        if m.state is State.JOG:
            self._brake(cancel=True)
        elif m.state is State.RUN:
            m.state = State.HOLD
            self._brake(cancel=False)
        elif m.state is State.IDLE:
            m.state, m.hold_complete = State.HOLD, True

    def _brake(self, *, cancel: bool) -> None:
        self._m.cancelling, self._m.hold_complete = cancel, False
        self._m.motion.hold(self._m.now)
        self._m.follow_motion()

    def _cycle_start(self) -> None:
        m = self._m
        if m.state is not State.HOLD or not m.hold_complete:
            return
        m.hold_complete = False
        m.say(*m.dialect.resumed)
        m.motion.resume(m.now)
        m.idle_since = m.now
        m.state = State.RUN if m.motion.planned else State.IDLE
        self._pump()

    def _reset(self) -> None:
        """Ctrl-X. In the pause after an alarm line the firmware does not even hear this."""
        m = self._m
        if m.pending is not None:
            return
        m.follow_motion()
        homing = m.state is State.HOME
        steps_lost = homing or m.motion.moving(m.now)
        m.drive.stop_dead(m.now)
        stale, self._job = self._job is not None, None

        def start_over() -> None:
            if stale:
                m.say("ok")  # the line in hand ends with the answer it would have had
            self._start()

        if steps_lost:
            m.state = State.ALARM
            m.say("ALARM:6" if homing else "ALARM:3")
            m.pending = (m.now + m.dialect.alarm_pause_s, start_over)
        else:
            start_over()

    def _report(self) -> str:
        m = self._m
        position, speed_mm_s = m.motion.state(m.now)
        name = m.state.value
        if m.state is State.HOLD:
            name += ":0" if m.hold_complete else ":1"
        return m.reporter.status(
            name,
            position=m.drive.on_grid(position),
            offset=m.coordinates.offset(m.modal.system),
            speed_mm_s=speed_mm_s,
            spindle=m.modal.speed,
            free=(m.dialect.blocks - m.motion.planned, m.dialect.rx_bytes - len(self._ring)),
            busy=m.state in {State.RUN, State.HOLD, State.JOG, State.HOME},
        )

    # --- the main loop --------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Read and carry out lines until one has to wait."""
        self._work()
        if self._m.asked and self._m.state is not State.HOME:
            self._m.asked = False
            self._m.say(self._report())

    def _work(self) -> None:
        m = self._m
        while m.pending is None and not m.deaf:
            m.follow_motion()
            if m.state is State.HOLD:
                return  # suspended: nothing is read, nothing is finished
            if self._job is None:
                line = self._read_line()
                if line is None:
                    return
                self._job, self._ready = self._interpreter.run(line), _now
            if not self._ready():
                return
            try:
                self._ready = next(self._job)
            except StopIteration:
                self._job = None

    def _read_line(self) -> bytes | None:
        while self._ring:
            byte = self._ring.popleft()
            if byte in b"\r\n":
                line = bytes(self._line)
                self._line.clear()
                return line
            self._line.append(byte)
        return None


def _now() -> bool:
    return True
