"""Memory of frames that is used again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stacker import read_frame, write_image
from stacker.io.pages import Pages


def test_memory_comes_back_when_the_last_view_of_a_frame_is_gone() -> None:
    pages = Pages()
    frame = pages.array(40, 30, 3)
    where, part = frame.ctypes.data, frame[5:, :, 1]
    del frame
    other = pages.array(40, 30, 3)
    assert other.ctypes.data != where  # a view is still looked at
    part[:] = 7
    other[:] = 9
    assert (part == 7).all()
    del part
    assert pages.array(40, 30, 3).ctypes.data == where


def test_frames_of_another_size_get_memory_of_their_own() -> None:
    pages = Pages()
    small = pages.array(10, 10)
    del small
    large = pages.array(20, 20)
    large[:] = 1
    assert large.shape == (20, 20)


def test_released_memory_is_not_kept() -> None:
    pages = Pages()
    lent = pages.array(10, 10)
    idle = pages.array(10, 10)
    del idle
    pages.release()
    del lent
    assert not pages._free


def test_frames_that_are_decoded_into_it_are_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = [tmp_path / f"{number}.jpg" for number in range(3)]
    for name in names:
        write_image(name, rng.integers(0, 255, (61, 83, 3), np.uint8))
    pages, places = Pages(), set()
    for name in names:
        found = read_frame(name, pages=pages).pixels
        places.add(found.ctypes.data)
        np.testing.assert_array_equal(found, read_frame(name).pixels)
        del found
    assert len(places) == 1
