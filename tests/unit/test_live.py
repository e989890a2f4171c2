"""What the stacker's process is told of the frames before they come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rig.live import LiveGeometry, _stacker


@pytest.mark.parametrize(
    ("geometry", "positions_mm", "near_end"),
    [
        (LiveGeometry((), None, 3, near_first=True), (None, None, None), 1),
        (LiveGeometry((), None, 3, near_first=False), (None, None, None), -1),
        (LiveGeometry((), None), (None, None, None), 0),
        (LiveGeometry((0.0, 1.0, 2.0), 300.0, 3), (0.0, 1.0, 2.0), 1),
    ],
)
def test_the_stacker_knows_which_end_is_near_and_how_many_frames_come(
    geometry: LiveGeometry, positions_mm: tuple[float | None, ...], near_end: int, tmp_path: Path
) -> None:
    """The lens's drive tells it as well as rail positions; pixels where things cross depend on it."""
    stacker = _stacker(geometry, tmp_path)
    frame = np.random.default_rng(1).integers(0, 255, (96, 144, 3), np.uint8)
    for position_mm in positions_mm:
        stacker.add(frame, position_mm=position_mm)
    assert stacker._near_end() == near_end
    assert stacker._frames == geometry.frames
