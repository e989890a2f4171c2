"""GRBL's G-code: one line to one block, with the firmware's error numbers. No motion, no I/O.

Arcs, probing, tool offsets and canned cycles are left out (``error:20``): a focus rail has one axis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hardware_sims.rails.settings import AXES, GrblError, read_number

__all__ = ["Block", "Modal", "parse_block"]

_MM_PER_INCH = 25.4
_VALUE_LETTERS = frozenset("FIJKLNPRSTXYZ")
_NEVER_NEGATIVE = frozenset("FNPST")

# G numbers in tenths → modal group; groups as NIST RS274/NGC numbers them
_GROUP_OF_G = {
    code: group
    for group, codes in {
        0: (40, 100, 280, 281, 300, 301, 530, 920, 921),
        1: (0, 10, 800),
        2: (170, 180, 190),
        3: (900, 910),
        4: (911,),
        5: (930, 940),
        6: (200, 210),
        7: (400,),
        8: (490,),
        12: (540, 550, 560, 570, 580, 590),
        13: (610,),
    }.items()
    for code in codes
}
_NEEDS_AXES = frozenset({100, 280, 281, 300, 301, 920})  # the non-modal codes that claim the axis words
_GROUP_OF_M = {0: 14, 1: 14, 2: 14, 30: 14, 3: 17, 4: 17, 5: 17, 7: 18, 8: 18, 9: 18}


@dataclass(frozen=True)
class Modal:
    """What the parser remembers from line to line, as after a reset. `feed` is mm/min."""

    motion: int = 0
    """0 rapid, 1 linear, 80 none."""
    plane: int = 17
    inches: bool = False
    incremental: bool = False
    inverse_time: bool = False
    system: int = 0
    """Work coordinate system, 0 for G54."""
    spindle: int = 5
    coolant: int = 9
    tool: int = 0
    feed: float = 0.0
    speed: float = 0.0

    def line(self, extra: str = "") -> str:
        """What ``$G`` prints; `extra` are the modes that grblHAL has besides."""
        units, distance = 20 if self.inches else 21, 91 if self.incremental else 90
        feed_mode = 93 if self.inverse_time else 94
        feed = self.feed / _MM_PER_INCH if self.inches else self.feed
        end = "." if extra else ""
        return (
            f"[GC:G{self.motion} G{54 + self.system} G{self.plane} G{units} G{distance} G{feed_mode}{extra} "
            f"M{self.spindle} M{self.coolant} T{self.tool} F{feed:.0f} S{self.speed:.0f}{end}]"
        )


@dataclass(frozen=True)
class Block:
    """A line, understood. Lengths in mm, times in seconds."""

    modal: Modal
    """The modal state after the line."""
    action: int | None = None
    """Non-modal code in tenths of a G number (40 = G4), None when there is none."""
    moves: bool = False
    machine: bool = False
    """G53: the target is in machine coordinates."""
    axes: dict[int, float] = field(default_factory=dict)
    dwell_s: float = 0.0
    coordinate: tuple[int, int] = (0, 0)
    """L and P of G10."""
    ends: bool = False
    """M2 or M30."""


@dataclass
class _Words:
    """The words of a line, sorted."""

    groups: dict[int, int] = field(default_factory=dict)
    action: int | None = None
    machine: bool = False
    values: dict[str, float] = field(default_factory=dict)

    @property
    def axes(self) -> set[str]:
        return set(AXES) & self.values.keys()


def parse_block(line: str, modal: Modal, *, jog: bool = False) -> Block:
    """Understand one line (upper case, no spaces) in the light of the modal state.

    Raises
    ------
    GrblError
        With the number that GRBL 1.1 answers.
    """
    words = _read_words(line)
    if jog:
        _check_jog(words)
    after = _new_modal(words, modal, jog)
    block = _act(words, after, jog)
    unused = words.values.keys() - {"F", "N", "S", "T"} - (words.axes if block.axes else set())
    used = {40: {"P"}, 100: {"P", "L"}}.get(words.action or 0, set())
    if unused - used:
        raise GrblError(36)
    return block


def _read_words(line: str) -> _Words:
    words = _Words()
    at = 0
    while at < len(line):
        letter = line[at]
        if not "A" <= letter <= "Z":
            raise GrblError(1)
        value, at = read_number(line, at + 1)
        if letter in {"G", "M"}:
            _command(words, letter, value)
        elif letter not in _VALUE_LETTERS:
            raise GrblError(20)
        elif letter in words.values:
            raise GrblError(25)
        elif value < 0 and letter in _NEVER_NEGATIVE:
            raise GrblError(4)
        else:
            words.values[letter] = value
    return words


def _command(words: _Words, letter: str, value: float) -> None:
    tenths = round(value * 10)
    if letter == "M":
        if value != int(value):
            raise GrblError(23)
        group, code = _GROUP_OF_M.get(int(value)), int(value)
    else:
        if abs(value * 10 - tenths) > 1e-3:
            raise GrblError(20)
        group, code = _GROUP_OF_G.get(tenths), tenths
    if group is None:
        raise GrblError(20)
    if group in words.groups:
        raise GrblError(21)
    if code in _NEEDS_AXES and letter == "G" and 1 in words.groups:
        raise GrblError(24)
    words.groups[group] = code
    if group == 0:
        words.machine = code == 530
        words.action = None if words.machine else code


def _check_jog(words: _Words) -> None:
    if words.groups.keys() - {0, 3, 6} or words.action is not None:
        raise GrblError(16)
    if not words.axes:
        raise GrblError(26)
    if not words.values.get("F"):
        raise GrblError(22)


def _new_modal(words: _Words, modal: Modal, jog: bool) -> Modal:
    readers: dict[int, tuple[str, Callable[[int], object]]] = {
        1: ("motion", lambda code: code // 10),
        2: ("plane", lambda code: code // 10),
        3: ("incremental", lambda code: code == 910),
        5: ("inverse_time", lambda code: code == 930),
        6: ("inches", lambda code: code == 200),
        12: ("system", lambda code: code // 10 - 54),
        17: ("spindle", int),
        18: ("coolant", int),
    }
    changes: dict[str, object] = {}
    for group, code in words.groups.items():
        if group in readers:
            name, read = readers[group]
            changes[name] = read(code)
    if jog:
        changes["motion"] = 1
    after = replace(modal, **changes)  # type: ignore[arg-type]
    per_unit = _MM_PER_INCH if after.inches else 1.0
    if "F" in words.values:
        after = replace(after, feed=words.values["F"] * per_unit)
    if "S" in words.values:
        after = replace(after, speed=words.values["S"])
    if "T" in words.values:
        after = replace(after, tool=int(words.values["T"]))
    return after


def _act(words: _Words, after: Modal, jog: bool) -> Block:
    per_unit = _MM_PER_INCH if after.inches else 1.0
    axes = {AXES.index(a): words.values[a] * per_unit for a in sorted(words.axes)}
    ends = words.groups.get(14) in {2, 30}
    if words.action == 40:
        if "P" not in words.values:
            raise GrblError(28)
        if axes:
            raise GrblError(36 if 1 not in words.groups else 24)
        return Block(after, action=40, dwell_s=words.values["P"], ends=ends)
    if words.action == 100:
        return Block(after, action=100, axes=axes, coordinate=_coordinate(words), ends=ends)
    if words.action == 920 and not axes:
        raise GrblError(26)
    if words.action is not None:
        return Block(after, action=words.action, axes=axes, ends=ends)
    if words.machine and after.motion == 80:
        raise GrblError(30)
    if not jog and after.motion == 80 and axes:
        raise GrblError(31)
    if after.motion == 1 and not after.feed and (axes or 1 in words.groups):
        raise GrblError(22)
    return Block(after, moves=bool(axes), machine=words.machine, axes=axes, ends=ends)


def _coordinate(words: _Words) -> tuple[int, int]:
    if not words.axes:
        raise GrblError(26)
    if "P" not in words.values or "L" not in words.values:
        raise GrblError(28)
    kind, which = int(words.values["L"]), int(words.values["P"])
    if which > 6:
        raise GrblError(29)
    if kind not in {2, 20}:
        raise GrblError(20)
    return kind, which
