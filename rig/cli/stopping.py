"""What stops a command that moves or waits: Ctrl-C, a closed terminal, a polite kill."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rig.runs.stopping import Stopper

__all__ = ["stopping"]


@contextmanager
def stopping() -> Iterator[Stopper]:
    """Ctrl-C, a closed terminal and a polite kill all stop the run: axis held, frame kept, devices let go."""
    from rig.runs.stopping import Stopper

    stopper = Stopper()

    def handle(_signal: int, _frame: FrameType | None) -> None:
        stopper.stop()

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    # What is ignored stays ignored: under nohup, a closed terminal is no reason to stop.
    minded = [number for number in signals if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in minded}
    try:
        yield stopper
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
