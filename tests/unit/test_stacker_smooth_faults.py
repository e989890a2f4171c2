"""Which of two pictures is wrong where they differ by something smooth: wisps and holes."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from stacker.fusion.blending import Blocks, compare, preference
from stacker.fusion.depth import Surface
from stacker.fusion.highlights import lost_highlights
from stacker.fusion.smooth_faults import Signs, holes, jumble, wisps, without_jumps
from stacker.fusion.softening import veiled
from stacker.fusion.window import Window

CANVAS = Window(0, 0, 160, 120)
INNER = np.array([[0.0, 40], [159, 40], [159, 119], [0, 119]])
WHOLE = np.array([[0.0, 0], [159, 0], [159, 119], [0, 119]])
CELLS = 60, 80


def surface(peak: float = 1.0) -> Surface:
    ramp = np.tile(np.linspace(9, 4, CELLS[0], dtype=np.float32)[:, None], (1, CELLS[1]))
    return Surface(ramp, np.ones(CELLS, np.float32), np.full(CELLS, peak, np.float32), 1.0)


def jumping(depth: Surface) -> Surface:
    """The same with an index that means nothing."""
    index = depth.index.copy()
    index[::3, ::3] += 4
    return replace(depth, index=index)


def found(bands: np.ndarray, depth: Surface, outlines: list[np.ndarray]) -> tuple[float, float]:
    """Mean share above and below the edge of the frame that is missing above."""
    dark = np.full((120, 160, 3), 30, np.uint8)
    blocks = compare(bands, dark)
    share = wisps(blocks, Signs.of(blocks, 1.5, depth, CANVAS, CANVAS), outlines, CANVAS)
    rows = 40 // blocks.side_px
    return float(share[2 : rows - 5].mean()), float(share[rows + 5 :].mean())


def test_a_pale_wisp_in_the_margin_is_one() -> None:
    pale = np.full((120, 160, 3), 60, np.uint8)
    above, below = found(pale, surface(), [INNER, WHOLE])
    assert above > 0.9
    assert below == 0
    assert found(pale, surface(), [WHOLE, WHOLE]) == (0, 0)


def test_detail_in_the_margin_is_none() -> None:
    detail = np.random.default_rng(0).integers(0, 60, (120, 160, 3), np.uint8)
    assert found(detail, surface(), [INNER, WHOLE])[0] < 0.1


@pytest.mark.parametrize("why", ["a frame has detail there", "the depth jumps about"])
def test_what_may_be_right_stays(why: str) -> None:
    known = surface(8.0) if why == "a frame has detail there" else surface()
    if why == "the depth jumps about":
        known = jumping(known)
    assert found(np.full((120, 160, 3), 60, np.uint8), known, [INNER, WHOLE]) == (0, 0)


def test_a_dull_hole_in_white_print_is_one_and_only_where_the_depth_jumps_about() -> None:
    white, dull = np.full((120, 160, 3), 230, np.uint8), np.full((120, 160, 3), 230, np.uint8)
    dull[40:80, 40:120] = 170
    blocks = compare(white, dull)
    inner = (
        slice(48 // blocks.side_px, 72 // blocks.side_px),
        slice(56 // blocks.side_px, 104 // blocks.side_px),
    )

    def share(depth: Surface, these: Blocks = blocks) -> np.ndarray:
        return holes(these, Signs.of(these, 1.5, depth, CANVAS, CANVAS))

    hole = share(jumping(surface()))
    assert hole[inner].min() > 0.9
    assert hole[: 24 // blocks.side_px].max() < 0.01
    assert share(surface()).max() == 0
    assert share(jumping(surface(8.0))).max() == 0, "detail is sharp there"
    assert share(jumping(surface()), compare(dull, white)).max() == 0, "a disc's light is the pyramid's fault"


def test_a_dull_spot_in_a_bright_dot_is_a_hole_though_the_depth_is_smooth_there() -> None:
    dot = np.full((120, 160, 3), 30, np.uint8)
    cv2.circle(dot, (80, 60), 16, (230, 230, 230), -1)
    dull = dot.copy()
    cv2.circle(dull, (84, 60), 6, (205, 205, 205), -1)
    blocks = compare(dot, dull)
    assert holes(blocks, Signs.of(blocks, 1.5, surface(), CANVAS, CANVAS))[30, 42] > 0.9
    ground = compare(np.full_like(dot, 55), np.full_like(dot, 30))
    assert holes(ground, Signs.of(ground, 1.5, surface(), CANVAS, CANVAS)).max() == 0, "a glow"


def test_a_highlight_that_is_dull_in_the_depth_map_is_lost_and_the_disc_of_one_is_not() -> None:
    glint, dull, point = (np.full((120, 160, 3), 40, np.uint8) for _ in range(3))
    for picture, level, radius in ((glint, 250, 5), (dull, 140, 5), (point, 250, 2)):
        cv2.circle(picture, (80, 60), radius, (level,) * 3, -1)

    def lost(other: np.ndarray, confidence: float = 1.0, smooth: float = 1.0) -> np.ndarray:
        blocks = compare(glint, other)
        assert blocks.side_px == 2
        shape = blocks.luma.shape
        return lost_highlights(blocks, *(np.full(shape, x, np.float32) for x in (confidence, smooth)))

    found = lost(dull)
    assert found[29:32, 39:42].min() > 0.9
    assert found[:20].max() == found[:, 50:].max() == 0
    assert lost(point).max() == lost(glint).max() == 0
    assert lost(dull, smooth=0.0).max() == 0, "beside an edge of depth it may be hidden"
    assert lost(dull, confidence=0.9).max() == 0, "where the index is not sure, too"


def test_what_glitters_is_the_depth_maps_where_its_discs_are_and_the_pyramids_where_both_are_alike() -> None:
    def share(bright: int, discs: int, depth: Surface) -> float:
        picture = np.full((120, 160, 3), 30, np.uint8)
        picture[::12] = picture[:, ::12] = bright
        with_discs = cv2.add(picture, cv2.dilate(picture, np.ones((5, 5), np.uint8)) // 255 * discs)
        blocks = compare(with_discs, picture)
        signs = Signs.of(blocks, 1.5, depth, CANVAS, CANVAS)
        confidence = np.full(blocks.luma.shape, 0.9, np.float32)
        return float(preference(blocks, confidence, signs.peak, signs.smooth, 1.5).mean())

    assert share(255, 30, surface(7.0)) > 0.9
    assert share(255, 0, surface(7.0)) < 0.3
    assert share(110, 30, jumping(surface(7.0))) < 0.3


def test_detail_is_veiled_where_the_index_jumps_about_and_nowhere_else() -> None:
    assert jumble(surface()) < 0.05
    assert veiled(jumble(surface())) == 0
    assert jumble(jumping(surface())) > 0.9
    assert veiled(jumble(jumping(surface()))) == veiled(1.0) > 0.3


def print_with(inside: float, rim: float) -> tuple[Surface, np.ndarray]:
    """A white bar of 20 cells at index 2, whose rims are sharp there; inside it, blur has the index of 8."""
    index, peak = np.full(CELLS, 2, np.float32), np.full(CELLS, rim, np.float32)
    index[:, 32:48], peak[:, 32:48] = 5, inside
    index[:, 34:46] = 8
    guide = np.full(CELLS, 60, np.float32)
    guide[:, 30:50] = 230
    return Surface(index, np.ones(CELLS, np.float32), peak, 1.0), guide


def test_the_inside_of_print_has_the_depth_of_its_rims() -> None:
    known, guide = print_with(inside=3.5, rim=8.0)
    mended = without_jumps(known, known.index, np.ones(CELLS, np.float32), guide)
    assert np.abs(mended.index[5:-5, 36:44] - 2).max() < 0.3


@pytest.mark.parametrize(("inside", "rim"), [(7.0, 8.0), (3.5, 3.5)], ids=["detail inside", "no crisp rim"])
def test_what_has_detail_of_its_own_or_no_rim_keeps_its_depth(inside: float, rim: float) -> None:
    known, guide = print_with(inside, rim)
    mended = without_jumps(known, known.index, np.ones(CELLS, np.float32), guide)
    np.testing.assert_array_equal(mended.index, known.index)
