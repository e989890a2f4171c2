"""Whole runs on the simulated bench: the installed commands, as a user would call them."""

from __future__ import annotations

import fcntl
import importlib
import io
import json
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import psutil
import pytest

_BIN = Path(sys.executable).parent

FAST = """\
[rail]
driver = "grbl"
pitch = "1 mm"
speed = "2 mm/s"
acceleration = "50 mm/s^2"
limits = ["-2 mm", "60 mm"]
backlash = "0.05 mm"
towards_subject = "+"

[camera]
driver = "gphoto2"
model = "{model}"
sensor_width = "36 mm"
pixels = {pixels}

[lens]
magnification = 1.0
focal_length = "150 mm"
pupil_ratio = 1.0
pupil_distance = "300 mm"
unit_focus = true

[capture]
aperture = "f/5.6"
shutter = "1/8 s"
iso = 100
white_balance = "Daylight"
settle = "1 s"

[simulator]
scene = "{scene}"
pixels = {pixels}
time_scale = {time_scale}
{extra}
"""


class Workshop:
    """A folder to work in, a fast configuration, and the commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen[str]] = []

    def config(
        self,
        *,
        scene: str = "statue",
        pixels: tuple[int, int] = (300, 200),
        model: str = "ILCE-7RM5",
        time_scale: float = 20,
        extra: str = "",
    ) -> Path:
        """A rig on the bench. The scene is the one that is painted soonest: most tests do not look at it."""
        path = self.folder / "fast.toml"
        text = FAST.format(scene=scene, pixels=list(pixels), model=model, time_scale=time_scale, extra=extra)
        path.write_text(text)
        return path

    def start(
        self,
        command: str,
        *args: object,
        covered: bool = True,
        terminal: int | None = None,
        env_extra: dict[str, str] | None = None,
        **options: Any,
    ) -> subprocess.Popen[str]:
        """Start a command; `covered` is false where the measuring itself would get in the way.

        What rigs remember of positions stays in this folder.
        """
        env = {k: v for k, v in os.environ.items() if covered or not k.startswith("COV")}
        env |= {"XDG_STATE_HOME": str(self.folder / "state"), **(env_extra or {})}
        process = subprocess.Popen(
            [str(_BIN / command), *map(str, args)],
            cwd=self.folder,
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            stdout=subprocess.PIPE if terminal is None else terminal,
            stderr=subprocess.PIPE if terminal is None else terminal,
            text=True,
            env=env | ({"COLUMNS": "200"} if terminal is None else {}),
            **options,
        )
        self.started.append(process)
        return process

    @contextmanager
    def terminal(self, command: str, *args: object, **options: Any) -> Iterator[Terminal]:
        """A command on a terminal of its own, with somebody at the keyboard."""
        terminal = Terminal(self, command, *args, **options)
        try:
            yield terminal
        finally:
            terminal.close()

    def run(self, command: str, *args: object, timeout: float = 100, **options: Any) -> Done:
        process = self.start(command, *args, **options)
        out, err = process.communicate(timeout=timeout)
        return Done(process.returncode, out, err)

    def call(self, command: str, *args: object) -> Done:
        """Run a command that starts nothing and waits for nothing, in this process: that saves its start."""
        program = importlib.import_module(f"{command}.cli").main
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(self.folder)
            patch.setenv("XDG_STATE_HOME", str(self.folder / "state"))
            patch.setenv("COLUMNS", "200")
            patch.setattr(sys, "argv", [command, *map(str, args)])
            with pytest.raises(SystemExit) as ended:
                program()
        code = ended.value.code or 0
        assert isinstance(code, int), code
        return Done(code, out.getvalue(), err.getvalue())

    @contextmanager
    def bench(
        self,
        *,
        shutter_s: float = 0.008,
        time_scale: float = 1,
        rail: dict[str, Any] | None = None,
        known: bool = True,
        pictures: bool = True,
        **simulator: Any,
    ) -> Iterator[dict[str, Any]]:
        """A bench that no rig has started: to a rig, its ports are real hardware.

        Unless it is not `known`, somebody has seen that its rail goes the right way, and said how far the
        subject is from an unnamed lens. Without `pictures` nothing is painted, and it is there at once.
        """
        process = subprocess.Popen(
            [sys.executable, "-m", "hardware_sims"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        order = {
            "simulator": {"scene": "statue", "pixels": [300, 200], "time_scale": time_scale} | simulator,
            "rail": rail or {},
            "exposure": {"shutter_s": shutter_s, "iso": 100},
            "lens": {"f_number": 5.6},
            "pictures": pictures,
        }
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
            ports = json.loads(process.stdout.readline())
            if known:
                self._remember(ports, (rail or {}).get("towards_subject", "+"))
            yield ports
        finally:
            process.communicate()

    def _remember(self, ports: dict[str, Any], sign: str) -> None:
        at = "2026-01-31T12:00:00+00:00"
        direction = {"direction": {"towards_subject": sign, "at": at}}
        distances = [
            {"magnification": m, "working_distance_mm": 150.0, "at": at} for m in (None, 0.5, 1.0, 2.0)
        ]
        kept = {
            f"rails/{re.sub(r'[^A-Za-z0-9.-]+', '_', ports[name]).strip('_')}.json": direction
            for name in ("rail_pty", "rail_tcp")
        }
        for name, fields in {**kept, "lenses/unnamed_lens.json": {"distances": distances}}.items():
            path = self.folder / "state" / "focusrig" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"format_version": 1, **fields}))

    def family(self, process: subprocess.Popen[str]) -> list[psutil.Process]:
        """All descendants of a command, alive now."""
        return psutil.Process(process.pid).children(recursive=True)

    def survivors(self, processes: list[psutil.Process], *, seconds: float = 10) -> list[psutil.Process]:
        """Those that are still alive after that long."""
        _, alive = psutil.wait_procs(processes, timeout=seconds)
        return [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]

    def session(self) -> Path:
        (session,) = (self.folder / "sessions").iterdir()
        return session

    def journal(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.session() / "journal.jsonl").read_text().splitlines()]

    def wait_for_frames(self, frames: int, *, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            lines = list((self.folder / "sessions").glob("*/journal.jsonl"))
            if lines and lines[0].read_text().count('"frame_saved"') >= frames:
                return
            time.sleep(0.02)
        raise AssertionError(f"not {frames} frames within {seconds} s")


class Terminal:
    """A pseudo-terminal with a command on it: its controlling terminal, so that ^C and ^D mean what they do.

    Attributes
    ----------
    text : str
        All that came on the screen.
    """

    def __init__(self, workshop: Workshop, command: str, *args: object, **options: Any) -> None:
        self._master, slave = pty.openpty()
        self.resize(40, 200)
        self.process = workshop.start(
            command, *args, terminal=slave, start_new_session=True, env_extra={"TERM": "xterm"},
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0), **options,
        )  # fmt: skip
        os.close(slave)
        self.text = ""
        self._seen = 0

    def expect(self, *words: str, seconds: float = 110) -> str:
        """Wait until each of these has come on the screen since the last expectation; returns what came."""
        deadline = time.monotonic() + seconds
        while True:
            fresh = self.text[self._seen :]
            at = 0
            for word in words:
                found = fresh.find(word, at)
                if found < 0:
                    break
                at = found + len(word)
            else:
                self._seen += at
                return fresh[:at]
            if not self._read(max(0.0, deadline - time.monotonic())):
                raise AssertionError(f"{words} did not come; after what was expected so far: {fresh}")

    def _read(self, seconds: float) -> bool:
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux says so when the last process has left the terminal
            return False
        self.text += data.decode(errors="replace")
        return bool(data)

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait(self, *, seconds: float = 110) -> int:
        """Read to the end; returns the exit code."""
        deadline = time.monotonic() + seconds
        while self._read(max(0.0, deadline - time.monotonic())):
            continue
        try:
            return self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end: {self.text[-600:]}") from None

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)


class Done:
    """A finished command."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    def __repr__(self) -> str:
        return f"exit {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    bench = Workshop(tmp_path)
    yield bench
    for process in bench.started:
        if process.poll() is None:
            process.kill()
        process.communicate()
    shutil.rmtree(tmp_path / "sessions", ignore_errors=True)
