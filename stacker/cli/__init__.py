"""The ``stacker`` command. A face only: what it does is in `stacker.batch.files`."""

from __future__ import annotations

import sys

from stacker.cli.exits import INTERRUPTED

__all__ = ["main"]


def main() -> None:
    """Run ``stacker`` and end the process with its exit code.

    0 done · 1 a fault of the program · 2 the user's mistake · 4 data that cannot be read or written ·
    130 interrupted.
    """
    try:
        from stacker.cli.app import build_app  # in here, so that Ctrl-C while it loads is Ctrl-C
        from stacker.errors import StackerError

        try:
            build_app()(prog_name="stacker")
        except StackerError as error:
            sys.stderr.write(f"stacker: {error}\n")
            sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("stacker: interrupted, nothing written\n")
        sys.exit(INTERRUPTED)
