"""The process that owns a rail's port: ``python -m rig.axes.portkeeper PORT BAUD STOP_HEX [quietly]``.

``quietly`` keeps DTR and RTS low, and lets them stay as they are when the port is closed.

It relays bytes between the port and its standard input and output. When its input ends without a farewell,
because the process that started it crashed or was killed, it sends the protocol's stop bytes to the port.
It runs in a session of its own, so that Ctrl-C does not reach it. On SIGUSR1, from ``rig rail stop`` in
another terminal, it sends the stop bytes at once, whatever the process that started it is doing.

Frames on the pipes: one letter, two bytes of length (big-endian), payload. Towards the port ``D`` data,
``S`` other stop bytes from now on, and ``B`` goodbye (end without stopping); from the port ``R`` ready, ``D``
data, ``H`` the stop bytes are about to be sent for somebody else, and ``E`` an error in words.
"""

from __future__ import annotations

import os
import signal
import sys
import termios
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    import serial

__all__ = ["BYE", "DATA", "ERROR", "HEADER", "HELD", "QUIETLY", "READY", "STOP", "frame", "main"]

DATA, STOP, BYE, READY, ERROR, HELD = b"D", b"S", b"B", b"R", b"E", b"H"
HEADER = 3
QUIETLY = "quietly"
_WRITE_S = 2.0
"""A port that takes no bytes for so long is broken; a line of 80 bytes at 9600 baud takes 0.1 s."""
_READ_S = 0.5
_LINGER_S = 0.05
"""A network socket cannot be drained: after the stop bytes it stays open for so long."""


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    """One frame for the pipe; payloads stay under 4 kB so that a frame is written in one piece."""
    return kind + len(payload).to_bytes(2, "big") + payload


def _send(kind: bytes, payload: bytes = b"") -> None:
    try:
        os.write(1, frame(kind, payload))
    except OSError:  # nobody listens any more; the end of the input tells the rest
        return


def _read_exactly(size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = os.read(0, size - len(data))
        if not chunk:
            return b""
        data += chunk
    return data


def _open(port: str, baud: int, *, quietly: bool) -> serial.Serial:
    import serial

    device = serial.serial_for_url(port, do_not_open=True, exclusive=True)
    device.baudrate, device.timeout, device.write_timeout = baud, _READ_S, _WRITE_S
    if quietly:
        device.dtr = device.rts = False
    device.open()
    if quietly and "://" not in port:
        _keep_lines_after_closing(device.fileno())
    return device


def _keep_lines_after_closing(fd: int) -> None:
    """Without this the system drops DTR when the port is closed, and raises it when it is opened again."""
    attributes = termios.tcgetattr(fd)
    attributes[2] &= ~termios.HUPCL
    termios.tcsetattr(fd, termios.TCSANOW, attributes)


def _explain(port: str, err: Exception) -> str:
    """Why the port could not be opened, and which ports there are."""
    reason = str(err)
    if isinstance(err, OSError) and err.errno is not None:
        reason = os.strerror(err.errno)
        if err.errno == 13:
            reason += " (on Linux your user must be in the group dialout)"
        elif err.errno == 11:
            reason = "another program is using it" + _users(port)
    text = f"cannot open the port {port}: {reason}"
    if "://" in port:
        return text
    from serial.tools import list_ports  # slow, and needed only here

    ports = [f"{p.device} ({p.description})" for p in list_ports.comports()]
    return f"{text}; ports here: {', '.join(ports) if ports else 'none'}"


def _users(port: str) -> str:
    """Which of this user's programs have a port open, as far as Linux tells; text to go into brackets."""
    device, found = os.path.realpath(port), []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.path.realpath(fd) == device for fd in (folder / "fd").iterdir()):
                found.append(f"{(folder / 'comm').read_text().strip()}, process {folder.name}")
        except OSError:  # somebody else's, or it has just ended
            continue
    return f" ({'; '.join(found)})" if found else ""


def _relay_up(device: serial.Serial, stop: bytearray) -> None:
    """Port to pipe, in a thread, until the port fails.

    A port that cannot be read may take bytes still, as one that another program reads, too: what moves is
    stopped before anybody is told, since nobody can follow it any more.
    """
    while True:
        try:
            data = device.read(1)
            waiting = min(device.in_waiting, 2048) if data else 0
            data += device.read(waiting) if waiting else b""
        except Exception as err:  # noqa: BLE001  (whatever pyserial's handlers raise, the port is gone)
            with suppress(Exception):
                device.write(bytes(stop))
            _send(ERROR, f"the port failed: {err}".encode()[:2000])
            os._exit(1)
        if data:
            _send(DATA, data)


def _relay_down(device: serial.Serial, stop: bytearray) -> bool:
    """Pipe to port; returns whether a farewell ended it. Replaces `stop` as it is told."""
    while True:
        header = _read_exactly(HEADER)
        if not header:
            return False
        size = int.from_bytes(header[1:], "big")
        payload = _read_exactly(size) if size else b""
        if header[:1] == BYE:
            return True
        if header[:1] == STOP:
            stop[:] = payload
            continue
        device.write(payload)


def _stop(device: serial.Serial, stop: bytearray) -> None:
    device.write(bytes(stop))
    device.flush()
    time.sleep(_LINGER_S)


def _hold(device: serial.Serial, stop: bytearray) -> None:
    """Stop for somebody else. Told first: some controllers answer a stop as they answer an arrival."""
    _send(HELD)
    device.write(bytes(stop))


def _terminated(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(1)


def main(argv: list[str]) -> int:
    """Own the port until the input ends."""
    port, baud, stop = argv[0], int(argv[1]), bytearray.fromhex(argv[2])
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(ignored, signal.SIG_IGN)
    try:
        device = _open(port, baud, quietly=QUIETLY in argv[3:])
    except Exception as err:  # noqa: BLE001  (every reason not to open is reported in words)
        _send(ERROR, _explain(port, err).encode()[:2000])
        return 1
    _send(READY)
    signal.signal(signal.SIGTERM, _terminated)
    # Between two frames, as this thread writes them all: what is told to stop is never cut in two.
    signal.signal(signal.SIGUSR1, lambda _number, _frame: _hold(device, stop))
    threading.Thread(target=_relay_up, args=(device, stop), daemon=True).start()
    farewell = False
    try:
        farewell = _relay_down(device, stop)
    finally:
        for over in (signal.SIGTERM, signal.SIGUSR1):
            signal.signal(over, signal.SIG_IGN)
        if not farewell:
            _stop(device, stop)
    return 0


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except SystemExit:
        code = 1
    except Exception as failure:  # noqa: BLE001  (the last word goes up the pipe, not to a terminal)
        _send(ERROR, f"the port failed: {failure}".encode()[:2000])
        code = 1
    os._exit(code)  # the relay thread may sit in a read
