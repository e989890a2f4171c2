"""Blurred rims of what only other frames have sharp are known from detail where some frame does not reach."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stacker.fusion.blending import compare
from stacker.fusion.depth import Surface
from stacker.fusion.margins import wisps
from stacker.fusion.window import Window

CANVAS = Window(0, 0, 160, 120)
INNER = np.array([[0.0, 40], [159, 40], [159, 119], [0, 119]])
WHOLE = np.array([[0.0, 0], [159, 0], [159, 119], [0, 119]])
CELLS = 60, 80


def surface(peak: float = 1.0) -> Surface:
    ramp = np.tile(np.linspace(9, 4, CELLS[0], dtype=np.float32)[:, None], (1, CELLS[1]))
    return Surface(ramp, np.ones(CELLS, np.float32), np.full(CELLS, peak, np.float32), 1.0)


def found(bands: np.ndarray, depth: Surface, outlines: list[np.ndarray]) -> tuple[float, float]:
    """Mean share above and below the edge of the frame that is missing above."""
    dark = np.full((120, 160, 3), 30, np.uint8)
    blocks = compare(bands, dark)
    share = wisps(blocks, depth, outlines, CANVAS, CANVAS, 1.5)
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
        jumps = known.index.copy()
        jumps[::3, ::3] += 4
        known = replace(known, index=jumps)
    assert found(np.full((120, 160, 3), 60, np.uint8), known, [INNER, WHOLE]) == (0, 0)
