"""The ``stacker`` command. A face only: what it does is in `stacker.batch.files`."""

from __future__ import annotations

import atexit
import gc
import os
import sys

from stacker.cli.exits import INTERRUPTED, end_tidily, told_of

__all__ = ["main"]

_NEW_OBJECTS = 300_000
"""After so many new containers Python looks for rings of them that nobody needs, instead of after 700:
loading the program makes 112,000 and twelve frames 1,000, and looking through them takes 0.05 s, to find
next to nothing. Frames and pictures are in no rings."""

_QUIET_LIBRARIES = {
    "OPENBLAS_NUM_THREADS": "1",
    "OPENCV_THREAD_POOL_ACTIVE_WAIT_MAIN": "0",
    "OPENCV_THREAD_POOL_ACTIVE_WAIT_WORKER": "0",
}
"""Threads of NumPy's and OpenCV's libraries that have nothing to do look for work for a while before they
sleep, and take the time of those that have some: 0.04 s of loading NumPy alone. What NumPy multiplies here is
small, and OpenCV's threads find work as well when they are woken."""


def main() -> None:
    """Run ``stacker`` and end the process with its exit code.

    0 done · 1 a fault of the program · 2 the user's mistake · 4 data that cannot be read or written ·
    130 interrupted · 143 and 129 ended by SIGTERM and SIGHUP.
    """
    end_tidily()
    for name, value in _QUIET_LIBRARIES.items():
        os.environ.setdefault(name, value)
    gc.set_threshold(_NEW_OBJECTS)
    atexit.register(gc.freeze)  # what is left goes with the process: nothing is to be looked for once more
    try:
        from stacker.cli.app import build_app  # in here, so that Ctrl-C while it loads is Ctrl-C
        from stacker.errors import StackerError

        try:
            build_app()(prog_name="stacker")
        except StackerError as error:
            sys.stderr.write(f"stacker: {error}\n")
            sys.exit(error.exit_code)
    except KeyboardInterrupt as interrupt:
        sys.stderr.write(f"{told_of(interrupt)}\n")
        sys.exit(INTERRUPTED)
