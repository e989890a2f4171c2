"""The test's end of `bare.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["BareError", "BareLibrary"]


class BareError(Exception):
    """libgphoto2 reported an error; `code` is its number."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"[{code}] {text}")
        self.code = code


class BareLibrary:
    """libgphoto2 in a process of its own.

    Parameters
    ----------
    private : Path
        A folder of that process's own.
    environment
        Variables that it is to have besides.
    """

    def __init__(self, private: Path, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).with_name("bare.py")), str(private)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **environment},
        )
        self.pid = self._process.pid
        self.is_connected = False

    def connect(self, port: str | None) -> Any:
        """Connect to a body."""
        found = self("connect", port)
        self.is_connected = True
        return found

    def leave(self) -> None:
        """Disconnect, politely if that is still possible."""
        if self.is_connected:
            self.is_connected = False
            try:
                self("leave")
            except BareError:
                return  # the body is gone

    def __call__(self, name: str, *arguments: Any) -> Any:
        """A call of `bare.Library`; raises BareError."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, arguments]) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "code" in answer:
            raise BareError(answer["code"], answer["text"])
        return answer["value"]

    def close(self) -> None:
        """End the process."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
