"""Beyond what all frames reach: the blurred rim of something whose sharp frame ends before."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from stacker.frames import Image
from stacker.fusion.methods import FusionSetup, Method, make_fusion
from stacker.fusion.outlines import missed
from stacker.fusion.scoring import FusionParameters
from stacker.fusion.window import Window, corners_in_reference
from stacker.registration.exposure import Levels

SIZE = WIDTH, HEIGHT = 320, 224
DARK, BRIGHT = 50.0, 200.0
FRAMES = 10


def test_only_frames_beside_the_index_are_missed() -> None:
    extent = Window(-8, 4, 160, 96)
    whole = np.array([[-8, 4], [151, 4], [151, 99], [-8, 99]], float)
    left = np.array([[-8, 4], [71, 4], [71, 99], [-8, 99]], float)
    outlines = {0: left, 1: whole, 20: whole}
    index = np.full((12, 20), 1.0, np.float32)
    index[6:] = 19.0
    share = missed(index, 1.0, outlines, extent, 8)
    assert share[:3, 13:].min() > 0.95
    assert share[:, :7].max() < 0.05  # frame 0 reaches
    assert share[9:].max() < 0.05  # and is far from what is sharp
    assert missed(index, 6.0, outlines, extent, 8)[9:, 13:].min() > 0.95
    assert not missed(index, 1.0, {0: whole, 1: whole}, extent, 8).any()


def enlarged(index: int) -> np.ndarray:
    """Frame to reference view: what is near is seen in a smaller field."""
    scale = 1 - 0.012 * (FRAMES - 1 - index)
    return np.array([[scale, 0, (1 - scale) * WIDTH / 2], [0, scale, (1 - scale) * HEIGHT / 2], [0, 0, 1]])


def disc(index: int) -> Image:
    """A bright textured disc that is in focus in the first frames, and has its rim just below their edge."""
    rng = np.random.default_rng(0)
    scene = np.full((HEIGHT, WIDTH, 3), DARK, np.float32)
    face = cv2.GaussianBlur(rng.normal(0, 1, (HEIGHT, WIDTH)).astype(np.float32), (0, 0), 1.0)
    inside = np.hypot(*np.meshgrid(np.arange(WIDTH) - WIDTH / 2, np.arange(HEIGHT) - 182)) < 165
    scene[inside] = (BRIGHT + 120 * face[inside])[:, None]
    blurred = cv2.GaussianBlur(scene, (0, 0), 0.6 + 2.0 * max(0, index - 1))
    frame = cv2.warpAffine(blurred, enlarged(index)[:2], SIZE, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
    noisy = frame + np.random.default_rng(index + 1).normal(0, 1, frame.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def test_no_blurred_rim_hangs_where_the_sharp_frames_end(tmp_path: Path) -> None:
    pictures = {}
    for method in (Method.PYRAMID, Method.AUTO):
        setup = FusionSetup(SIZE, np.dtype(np.uint8), 1.0, FusionParameters(), disc, scratch_dir=tmp_path)
        fusion = make_fusion(method, setup)
        for index in range(FRAMES):
            fusion.add(disc(index), enlarged(index), Levels.same(), index)
        fused = fusion.finish()
        pictures[method] = fused.image[-fused.extent.y :, -fused.extent.x :][:HEIGHT, :WIDTH]
    top = int(np.ceil(corners_in_reference(enlarged(0), SIZE)[0, 1]))
    above = (slice(3, top - 2), slice(WIDTH // 2 - 30, WIDTH // 2 + 30))
    glow = {method: float(picture[above].mean()) - DARK for method, picture in pictures.items()}
    assert glow[Method.PYRAMID] > 10
    assert glow[Method.AUTO] < 0.7 * glow[Method.PYRAMID]
