"""What goes over the wire to each simulated controller: ``python -m benchmarks.rail_transcripts``.

The production driver connects, is told where it stands, moves forth and back, is stopped in a move, and lets
go. Every byte of both directions is printed with the time it went by, for whoever debugs a real rail; what
is repeated while a move is followed is shown once, with how often.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

from hardware_sims.rails.tap import Heard, Tap

from benchmarks.simulated_rails import KINDS, LOW_MM, Rail, add_rails
from rig.axes.base import FocusAxis, HasShutterOutput
from rig.axes.registry import ByHand, ShutterSettings, open_axis
from rig.cli.terminal import Terminal
from rig.errors import HardwareError

__all__ = ["main", "transcript"]

_FRAMES = {"wemacro": {">": 12, "<": 3}, "mjkzz": {">": 8, "<": 8}, "trinamic": {">": 9, "<": 9}}
"""Bytes of a frame each way; the others speak in lines."""
_WEMACRO = {
    0x04: "press the release",
    0x20: "stop",
    0x40: "forward {}",
    0x41: "backward {}",
    0x80: "configure, speed {}",
    0xF0: "switched on",
    0xF5: "forward ended",
    0xF6: "backward ended",
    0xF7: "release let go of",
}
_MJKZZ = {"v": "version", "x": "stop", "p": "position", "P": "go to", "s": "speed"}
_TMCL = {3: "MST stop", 4: "MVP ABS", 6: "GAP", 13: "RFS"}
_TMCL_KINDS = {(6, 1): "position", (6, 3): "speed", (13, 1): "stop", (4, 0): "", (3, 0): ""}


def _wemacro(way: str, data: bytes) -> str:
    if way == "<":
        return _WEMACRO.get(data[2], "?")
    value = data[3] if data[2] == 0x80 else int.from_bytes(data[6:10], "big")
    return _WEMACRO.get(data[2], "?").format(value)


def _mjkzz(way: str, data: bytes) -> str:
    letter = chr(data[1] & 0x7F)
    value = int.from_bytes(data[3:7], "big", signed=True)
    told = f" {value}" if way == "<" or letter.isupper() else ""
    return f"{letter} ({_MJKZZ.get(letter, '?')}){told}"


def _tmcl(way: str, data: bytes) -> str:
    value = int.from_bytes(data[4:8], "big", signed=True)
    if way == "<":
        return f"status {data[2]}, {value}"
    kind = _TMCL_KINDS.get((data[1], data[2]), str(data[2]))
    told = str(value) if data[1] == 4 else ""
    return " ".join(word for word in (_TMCL.get(data[1], "?"), kind, told) if word)


_MEANING: dict[str, Callable[[str, bytes], str]] = {"wemacro": _wemacro, "mjkzz": _mjkzz, "trinamic": _tmcl}


def _frames(driver: str, piece: Heard) -> Iterator[tuple[str, bytes]]:
    """The frames or lines in what went by in one piece."""
    size = _FRAMES.get(driver, {}).get(piece.way)
    if size:
        yield from ((piece.way, piece.data[at : at + size]) for at in range(0, len(piece.data), size))
    else:
        yield from ((piece.way, line) for line in piece.data.splitlines(keepends=True))


def _line(driver: str, way: str, data: bytes) -> str:
    if driver in _MEANING:
        return f"{way} {data.hex(' '):<36} {_MEANING[driver](way, data)}"
    return f"{way} {data.decode('latin-1').encode('unicode_escape').decode()}"


def _told(driver: str, heard: list[Heard]) -> Iterator[str]:
    """A text line for every frame; pairs that are the same but for their numbers are told once."""
    lines = [(piece.at_s, _line(driver, *frame)) for piece in heard for frame in _frames(driver, piece)]
    settings = [line for line in lines if line[1].startswith("< $")]
    lines = [line for line in lines if line not in settings[2:]]  # GRBL's are a page
    at = 0
    while at < len(lines):
        (when, text), pairs = lines[at], 1
        kind = _same(text)
        while at + 2 * pairs < len(lines) and _same(lines[at + 2 * pairs][1]) == kind and text[0] == ">":
            pairs += 1
        if pairs > 3:
            yield f"{when:7.3f} {text}"
            yield f"        {lines[at + 1][1]}"
            yield f"          … {pairs - 2} times more …"
            at += 2 * (pairs - 1)
        else:
            yield f"{when:7.3f} {text}"
            at += 1


def _same(text: str) -> str:
    """What two requests have in common that ask the same: without a Zaber's message number and checksum."""
    words = text.split(":", maxsplit=1)[0].split()
    return " ".join(words[:3] + words[4:]) if words[1:2] == ["/1"] else text


def transcript(name: str) -> Iterator[str]:
    """Drive a rail, and yield what went over its wire.

    Parameters
    ----------
    name : str
        One of `KINDS`.
    """
    kind = KINDS[name]
    rail = Rail(kind, 1.0, LOW_MM + 1.0)
    with Tap(rail.sim.tcp_url) as tap:
        settings = replace(rail.settings(), port=tap.url)
        if kind.driver == "wemacro":
            settings = replace(settings, shutter=ShutterSettings("camera", 0.3, 0.1))
        axis = open_axis(settings, rail.rig_clock, ByHand(Terminal(yes=True), rail.memory))
        try:
            for what, action in _session(axis):
                yield f"# {what}"
                with suppress(HardwareError):  # the move that is stopped says so
                    action()
                yield from _told(kind.driver, tap.take())
        finally:
            axis.close()
            rail.close()


def _session(rail: FocusAxis) -> Iterator[tuple[str, Callable[[], object]]]:
    yield "connecting", lambda: None
    yield "it stands at 1 mm", lambda: rail.set_reference(LOW_MM + 1.0)
    yield "to 1.5 mm", lambda: rail.move_to(LOW_MM + 1.5)
    yield "back to 1.25 mm", lambda: rail.move_to(LOW_MM + 1.25)
    if isinstance(rail, HasShutterOutput) and "WeMacro" in rail.name:
        yield "press the release", rail.press_shutter

    def stopped() -> None:
        threading.Timer(0.3, rail.stop).start()
        rail.move_to(LOW_MM + 3.0)

    yield "towards 3 mm, and a stop after 0.3 s", stopped


def main() -> int:
    """Print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_rails(parser)
    for name in parser.parse_args().rail or ("grbl", "grblhal", "wemacro", "mjkzz", "trinamic", "zaber"):
        print(f"\n## {name}\n\n```text")
        for line in transcript(name):
            print(line)
        print("```")
        time.sleep(0.1)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
