"""Run the simulated bench: an order on standard input, the ports on standard output.

The process that ordered the bench holds the other end of its standard input. However that process ends, the
input closes, and so the bench never outlives it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from types import FrameType
from typing import Any


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def main() -> int:
    """Host one bench; returns the exit code."""
    signal.signal(signal.SIGTERM, _terminated)
    os.nice(10)  # a real camera takes no time from the computer: what is tested goes first
    import cv2

    from hardware_sims.bench import Bench, Order, OrderError

    cv2.setNumThreads(1)  # the renderer spreads its parts over the cores itself

    try:
        bench = Bench(Order.read(json.loads(sys.stdin.readline() or "{}")))
    except (OrderError, json.JSONDecodeError) as err:
        _say({"ready": False, "error": str(err)})
        return 2
    try:
        _say(bench.ports())
        while sys.stdin.readline():
            pass  # nothing more is said to a bench; the end of the input is the end of the bench
        _say(bench.report())
    except BrokenPipeError:  # the rig is gone, and so is who would read the report
        pass
    finally:
        bench.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
