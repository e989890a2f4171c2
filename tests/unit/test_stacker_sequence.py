"""The order of planes of focus, told by what frames show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stacker.registration.sequence import order_of_focus

_PLANES = 12


def shown(plane: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Detail that has its peak in one plane at each place."""
    peaks = np.linspace(0, _PLANES, 96, dtype=np.float32).reshape(8, 12)
    fine = np.exp(-(((peaks - plane) / 2) ** 2) / 2)
    return np.stack([fine, np.sqrt(fine)])


TO_AND_FRO = [*range(_PLANES), *range(_PLANES - 2, 0, -1)]


@pytest.mark.parametrize(
    "planes",
    [range(_PLANES), range(_PLANES - 1, -1, -1), TO_AND_FRO, TO_AND_FRO * 5, [*range(_PLANES)] * 4],
    ids=["forward", "backward", "to and fro", "five times", "over and over"],
)
def test_frames_that_follow_one_another_stay_as_they_are(planes: list[int]) -> None:
    assert order_of_focus([shown(plane) for plane in planes]) is None


def test_shuffled_frames_are_put_in_order() -> None:
    planes = np.random.default_rng(4).permutation(_PLANES)
    order = order_of_focus([shown(int(plane)) for plane in planes])
    assert order is not None
    assert sorted(planes) in (planes[order].tolist(), planes[order][::-1].tolist())
