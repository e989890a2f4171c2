"""Rows shared out to threads: all are done once, also by calls within calls and beside one that fails."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from stacker.fusion.workers import over_rows


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
