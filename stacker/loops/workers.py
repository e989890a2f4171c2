"""Shares rows of a picture out to threads."""

from __future__ import annotations

import importlib.util
import logging
import math
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from stacker.frames import Image

if TYPE_CHECKING:  # the plain stages share rows out as well, and need no compiler
    from stacker.loops.jit import Loop, Room

__all__ = ["by_loops", "in_samples", "over_rows", "run_rows"]

_FEWEST_ROWS = 16
"""Below that, handing work over costs more than it saves."""

_FEWEST_CELLS = 100_000
"""Numbers of the largest array that make a range worth it: a tenth of a millisecond, twice what it takes to
hand a range over. The coarse bands of a picture are small, and there are many of them."""

_ours = threading.local()
_log = logging.getLogger(__name__)


def by_loops(asked: bool | None = None) -> bool:
    """Whether to use compiled loops: where numba is installed and works, or as asked."""
    return _loops_work() if asked is None else asked


@lru_cache(maxsize=1)
def _loops_work() -> bool:
    """Try a compiled loop, once a process; a numba that is installed but of no use is told of."""
    if importlib.util.find_spec("numba") is None:
        return False
    try:
        from stacker.loops.jit import try_out

        try_out()
    except Exception as error:  # noqa: BLE001 - an import can fail in any way
        _log.warning("numba is installed but cannot be used, so stacking takes longer: %s", error)
        return False
    return True


def run_rows(
    loop: Loop, rows: int, *arguments: Any, room: int = 0, rows_together: int = _FEWEST_ROWS
) -> None:
    """Run a compiled loop over all rows, on OpenCV's number of threads.

    Parameters
    ----------
    loop : Loop
        Works on a range of rows.
    rows : int
        How many there are.
    arguments
        Of the loop, but for the last three.
    room : int
        Numbers that it needs room for.
    rows_together : int
        Ranges are multiples of that.
    """
    bound = loop.bound(*arguments)
    largest = max(argument.size for argument in arguments if isinstance(argument, np.ndarray))
    worth_it = _FEWEST_CELLS * rows // max(1, largest)
    rows_together *= max(1, math.ceil(worth_it / rows_together))

    def run(first: int, behind: int) -> None:
        bound(_room(room), first, behind)

    over_rows(run, rows, rows_together=rows_together)


def over_rows(
    loop: Callable[..., Any], rows: int, *arguments: Any, rows_together: int = _FEWEST_ROWS
) -> None:
    """Call ``loop(*arguments, first row, row behind the last)`` for all rows, on OpenCV's number of threads.

    The loop has to let go of the interpreter. One that is called by another one has no threads but its own.
    When a range fails, the others are done before that is raised.

    Parameters
    ----------
    loop : callable
        Works on a range of rows.
    rows : int
        How many there are.
    rows_together : int
        Ranges are multiples of that.
    """
    threads = max(1, cv2.getNumThreads())
    blocks = max(1, math.ceil(rows / rows_together))
    # A few ranges for each thread: one that is held up by other work leaves the rest to the others.
    parts = min(blocks, 4 * threads) if threads > 1 else 1
    edges = [min(rows, blocks * part // parts * rows_together) for part in range(parts + 1)]
    edges[-1] = rows
    if parts == 1 or getattr(_ours, "working", False):
        loop(*arguments, 0, rows)
        return
    pool = _pool(threads)
    waiting = [pool.submit(loop, *arguments, *edge) for edge in pairwise(edges)]
    wait(waiting)
    for part in waiting:
        part.result()


def in_samples(picture: Image) -> Image:
    """A picture (H, W, 3) as rows of samples (H, 3 W), which are the same memory."""
    assert picture.flags.c_contiguous, "a copy would be changed in its place"
    return picture.reshape(len(picture), -1)


def _room(size: int) -> Room:
    """Memory of the thread that asks: fresh pages would cost more than what is put there."""
    room: Room | None = getattr(_ours, "room", None)
    if room is None or room.size < size:
        room = _ours.room = np.empty(max(size, 1), np.float32)
    return room


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "stacker-rows", _begin_to_work)


def _begin_to_work() -> None:
    _ours.working = True


# Threads do not outlive a fork: a child that handed work to its parent's pool would wait for ever.
os.register_at_fork(after_in_child=_pool.cache_clear)
