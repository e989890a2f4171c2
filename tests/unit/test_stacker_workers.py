"""Rows shared out to threads: all are done once, also by calls within calls and beside one that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from stacker.loops.workers import over_rows, run_rows


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """Whatever another test of this process has told OpenCV."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    yield
    cv2.setNumThreads(before)


def test_calls_within_calls_do_all_rows_once() -> None:
    done = np.zeros((40, 50), np.int64)

    def inner(row: int, first: int, behind: int) -> None:
        done[row, first:behind] += 1

    def outer(first: int, behind: int) -> None:
        for row in range(first, behind):
            over_rows(lambda a, b, row=row: inner(row, a, b), 50, rows_together=4)

    over_rows(outer, 40, rows_together=1)
    assert (done == 1).all()


def test_the_others_are_done_before_a_failure_is_told() -> None:
    done = np.zeros(40, np.bool_)

    def loop(first: int, behind: int) -> None:
        if first == 0:
            raise OSError("gone")
        done[first:behind] = True

    with pytest.raises(OSError, match="gone"):
        over_rows(loop, 40, rows_together=1)
    assert done[-1]
    assert (done[np.flatnonzero(done)[0] :]).all()


class Told:
    """In place of a compiled loop: tells which ranges it was given."""

    def __init__(self) -> None:
        self.ranges: list[tuple[int, int]] = []

    def bound(self, *_: Any) -> Callable[[np.ndarray, int, int], None]:
        return lambda _, first, behind: self.ranges.append((first, behind))


def test_ranges_that_are_worth_it_are_multiples_of_what_was_asked() -> None:
    told = Told()
    run_rows(told, 1000, np.zeros((1000, 3400)), rows_together=4)  # a tenth of a million numbers is 29 rows
    ranges = sorted(told.ranges)
    assert len(ranges) > 1
    assert [first for first, _ in ranges] == [0, *(behind for _, behind in ranges[:-1])]
    assert all(behind % 4 == 0 and behind - first >= 29 for first, behind in ranges[:-1])
    assert ranges[-1][1] == 1000
