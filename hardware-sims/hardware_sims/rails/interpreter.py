"""What the main loop does with a line. A line that has to wait is a generator that says for what."""

from __future__ import annotations

import math

from hardware_sims.rails.gcode import Block, Modal, parse_block
from hardware_sims.rails.machine import Job, Machine, State
from hardware_sims.rails.settings import GrblError, read_number

__all__ = ["Interpreter"]

_DWELL_TICK_S = 0.05
"""Both firmwares dwell in whole ticks (``DWELL_TIME_STEP`` of their configuration), rounded up."""
_SEARCH_FACTOR = 1.5  # GRBL seeks a limit switch over that multiple of the travel
_HELP = "[HLP:$$ $# $G $I $N $x=val $Nx=line $J=line $SLP $C $X $H ~ ! ? ctrl-x]"


class Interpreter:
    """Carries out lines on a machine.

    Parameters
    ----------
    machine : Machine
        The controller.
    travel_mm : (float, float)
        Where the rail mechanically ends, mm towards the subject.
    """

    def __init__(self, machine: Machine, travel_mm: tuple[float, float]) -> None:
        self._m = machine
        self._travel_mm = travel_mm

    def run(self, raw: bytes) -> Job:
        """Carry out one line and answer it."""
        text, m = _clean(raw), self._m
        if m.dialect.answer_s:
            at_s = m.now + m.dialect.answer_s
            m.wake_s = at_s
            yield lambda: m.now >= at_s
        try:
            if len(text) > m.dialect.line_chars:
                raise GrblError(11)
            if text.startswith("$"):
                yield from self._system(text)
            elif text:
                if self._m.state in {State.ALARM, State.JOG}:
                    raise GrblError(9)
                yield from self._gcode(parse_block(text, self._m.modal))
        except GrblError as err:
            self._m.say(f"error:{err.code}")
        else:
            self._m.say("ok")

    def _system(self, text: str) -> Job:
        if text.startswith("$J"):
            yield from self._jog(text)
        elif text == "$":
            self._m.say(_HELP)
        elif text[1] in "$GX":
            if len(text) > 2:
                raise GrblError(3)
            self._query(text[1])
        elif self._m.state not in {State.IDLE, State.ALARM} and not self._m.dialect.queries_while_running:
            raise GrblError(8)
        elif text == "$H":
            yield from self._home()
        elif text == "$#":
            c = self._m.coordinates
            self._m.say_all(self._m.reporter.parameters(c.systems, c.saved, c.shift))
        elif text == "$I":
            self._m.say(*self._m.dialect.build)
        else:
            self._set(text)

    def _query(self, command: str) -> None:
        if command == "G":
            self._m.say(self._m.modal.line(self._m.dialect.modal_extra))
        elif command == "$":
            running = self._m.state in {State.RUN, State.HOLD}
            if running and not self._m.dialect.queries_while_running:
                raise GrblError(8)
            self._m.say_all(self._m.settings.lines())
        else:
            self._m.reporter.was_unlocked()
            if self._m.state is State.ALARM:
                self._m.say("[MSG:Caution: Unlocked]")
                self._m.state = State.IDLE

    def _set(self, text: str) -> None:
        number, end = read_number(text, 1)
        if text[end : end + 1] != "=":
            raise GrblError(3)
        value, end = read_number(text, end + 1)
        too_large = number > 255 and not self._m.dialect.hal
        if end != len(text) or too_large or number != int(number):
            raise GrblError(3)
        self._m.settings.store(int(number), value)

    def _gcode(self, block: Block) -> Job:
        m = self._m
        if (block.modal.spindle, block.modal.coolant) != (m.modal.spindle, m.modal.coolant):
            yield m.until_idle()  # the firmware empties the planner before it switches
        m.modal = block.modal
        m.switch()
        started_s = m.now
        if block.action is not None:
            yield m.until_idle()
        if block.action == 40:
            ticks = math.ceil(block.dwell_s / _DWELL_TICK_S - 1e-9)
            end_s = max(started_s, m.idle_since) + ticks * _DWELL_TICK_S
            m.wake_s = end_s
            yield lambda: m.now >= end_s
        elif block.action == 100:
            m.coordinates.set_system(block, m.motion.target_mm)
            m.reporter.wco_changed()
        elif block.action in {920, 921}:
            m.coordinates.set_shift(block, m.motion.target_mm)
            m.reporter.wco_changed()
        elif block.action in {281, 301}:
            m.coordinates.saved[block.action // 10] = list(m.motion.target_mm)
        elif block.action in {280, 300}:
            if block.axes:
                yield from self._move(self._target(block), None)
            yield from self._move(m.coordinates.saved[block.action // 10], None)
        elif block.moves:
            yield from self._move(self._target(block), block.modal.feed if block.modal.motion == 1 else None)
        if block.ends:
            yield m.until_idle()
            m.modal = Modal(inches=m.modal.inches, feed=m.modal.feed, tool=m.modal.tool)
            m.switch()
            m.say("[MSG:Pgm End]")

    def _target(self, block: Block) -> list[float]:
        return self._m.coordinates.target(block, self._m.motion.target_mm)

    def _move(self, target: list[float], feed_mm_min: float | None) -> Job:
        m = self._m
        if m.outside(target):
            if m.motion.planned:
                m.stopping, m.hold_complete, m.state = True, False, State.HOLD
                m.motion.hold(m.now)
                m.follow_motion()
            else:
                m.soft_limit_alarm()
            yield lambda: False  # until the reset
        while m.motion.planned >= m.dialect.blocks:
            yield lambda: m.motion.planned < m.dialect.blocks
        m.drive.plan(target, feed_mm_min, m.now)
        if m.motion.planned and m.state is State.IDLE:
            m.state = State.RUN

    def _jog(self, text: str) -> Job:
        m = self._m
        if m.state not in {State.IDLE, State.JOG} or m.cancelling:
            raise GrblError(8)
        if text[2:3] != "=":
            raise GrblError(3)
        block = parse_block(text[3:], m.modal, jog=True)
        target = self._target(block)
        if m.outside(target):
            raise GrblError(15)
        while m.motion.planned >= m.dialect.blocks:
            yield lambda: m.motion.planned < m.dialect.blocks
        m.drive.plan(target, block.modal.feed, m.now)
        if m.motion.planned and m.state is State.IDLE:
            m.state = State.JOG

    def _home(self) -> Job:
        """Seek the end, back off, find it again slowly, back off: GRBL's cycle, on X only."""
        m = self._m
        if not m.settings[22]:
            raise GrblError(5)
        m.state = State.HOME
        towards = -1 if int(m.settings[23]) & 1 else 1
        x_of_ends = sorted(m.drive.x_of(end_mm) for end_mm in self._travel_mm)
        end = x_of_ends[1 if towards > 0 else 0]
        seek, locate, off = m.settings[25], m.settings[24], m.settings[27]
        travel_mm = m.settings.travel_mm(0)
        if abs(end - m.motion.target_mm[0]) > _SEARCH_FACTOR * travel_mm:
            m.say("ALARM:9")  # no switch found on the way
            m.state = State.ALARM
            return
        back = end - towards * off
        for x, feed in ((end, seek), (back, seek), (end, locate), (back, seek)):
            m.drive.plan([x, *m.motion.target_mm[1:]], feed, m.now)
            yield m.until_idle()
        home_x = -off if towards > 0 else off - travel_mm
        m.drive.renumber(m.drive.on_grid((home_x, *m.motion.target_mm[1:])))
        m.state, m.homed = State.IDLE, True


def _clean(raw: bytes) -> str:
    """Upper case, without spaces, control characters, comments and block-delete marks."""
    text, comment = [], False
    for char in raw.decode("latin-1"):
        if char == "(":
            comment = True
        elif char == ")":
            comment = False
        elif char == ";":
            break
        elif not comment and char > " " and char != "/":
            text.append(char.upper())
    return "".join(text)
