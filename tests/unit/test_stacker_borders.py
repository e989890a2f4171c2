"""Which part of the canvas becomes the picture."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stacker import Border, Options, ReferenceView, Stacker, UserError
from stacker.fusion.borders import CommonField
from stacker.fusion.window import Window, corners_in_reference
from stacker.registration.similarity import Similarity

SIZE = (120, 80)
CENTRE = (59.5, 39.5)


def field_of(*motions: Similarity) -> Window | None:
    field = CommonField()
    for motion in motions:
        field.add(motion.matrix(CENTRE), SIZE)
    return field.window()


def test_frames_that_do_not_move_have_all_in_common() -> None:
    assert field_of(Similarity(), Similarity()) == Window(0, 0, 120, 80)


def test_shifted_frames_share_what_overlaps() -> None:
    found = field_of(Similarity(), Similarity(shift_px=(10.0, -4.0)), Similarity(shift_px=(-3.0, 2.0)))
    assert found == Window(10, 2, 107, 74)


def test_the_smallest_frame_bounds_the_rest() -> None:
    found = field_of(Similarity(), Similarity(scale=0.5))
    assert found is not None
    assert (found.width, found.height) == (60, 40)


@pytest.mark.parametrize("degrees", [1.0, -3.0, 20.0])
def test_a_rectangle_in_turned_frames_lies_inside_them_and_is_large(degrees: float) -> None:
    motions = Similarity(), Similarity(rotation_rad=math.radians(degrees))
    found = field_of(*motions)
    assert found is not None
    for motion in motions:
        back = np.linalg.inv(motion.matrix(CENTRE))
        corners = corners_in_reference(back, (found.width, found.height))
        offset = back[:2, :2] @ np.array([found.x, found.y])
        corners = corners + offset
        assert corners.min() > -0.02
        assert corners[:, 0].max() < SIZE[0] - 1 + 0.02
        assert corners[:, 1].max() < SIZE[1] - 1 + 0.02
    # The largest upright rectangle in the turned frame: w·cos + h·sin ≤ W, w·sin + h·cos ≤ H.
    cos, sin = math.cos(math.radians(degrees)), abs(math.sin(math.radians(degrees)))
    widths = np.arange(1, 120)
    heights = np.minimum((119 - widths * cos) / max(sin, 1e-9), (79 - widths * sin) / cos)
    best = float((widths * np.minimum(heights, 79)).max())
    assert found.width * found.height > 0.95 * best


def test_nothing_in_common() -> None:
    assert field_of(Similarity(), Similarity(shift_px=(200.0, 0.0))) is None


def shifted_stack(border: Border) -> Stacker:
    scene = np.random.default_rng(4).integers(0, 255, (100, 160, 3), np.uint8)
    run = Stacker(Options(border=border))
    for left in (10, 0, 25):
        run.add(np.ascontiguousarray(scene[10:90, left : left + 120]))
    return run


def test_fill_shows_all_that_any_frame_reaches_and_common_what_all_reach() -> None:
    filled = shifted_stack(Border.FILL).finish()
    assert (filled.image.shape[1], filled.origin_px) == (145, (-10, 0))
    common = shifted_stack(Border.COMMON)
    result = common.finish()
    assert result.image.shape[:2] == result.valid.shape
    # frames are registered to some hundredths of a pixel, so a line may be missing
    assert result.image.shape[1] == pytest.approx(95, abs=1)
    assert result.origin_px[0] == pytest.approx(15, abs=1)
    assert result.valid.all()
    assert 40 <= common.preview(48).shape[1] <= 48


def test_no_common_field_is_said() -> None:
    run = Stacker(Options(border=Border.COMMON, align=False, reference=ReferenceView.first_frame()))
    run.add(np.zeros((20, 30, 3), np.uint8))
    assert run.finish().image.shape == (20, 30, 3)
    far = Stacker(Options(border=Border.COMMON))
    far.add(np.zeros((20, 30, 3), np.uint8))
    far._common.add(Similarity(shift_px=(90.0, 0.0)).matrix((14.5, 9.5)), (30, 20))
    with pytest.raises(UserError, match="No pixel is reached by all frames"):
        far.finish()
