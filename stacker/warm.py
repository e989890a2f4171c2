"""Compiles ahead what is compiled when it is first used, so that the first stack need not wait.

To be run as ``python -m stacker.warm``, after installing.
"""

from __future__ import annotations

import compileall
from pathlib import Path

import numpy as np

from stacker.frames import Image
from stacker.fusion.patch_tiles import lay, look
from stacker.fusion.sharpening import sharpen
from stacker.fusion.tiles import TILE_PX
from stacker.options import Options
from stacker.registration.levels import MatchPyramid
from stacker.registration.match import match
from stacker.registration.prepare import prepare
from stacker.registration.similarity import Similarity
from stacker.stack import Stacker

__all__ = ["warm"]

_SIZE = 256, 384
"""Rows and columns: large enough for a pyramid of more than two levels, whose loops differ."""


def warm() -> None:
    """Fuse two small frames of every type; what is compiled for them is kept on the disk.

    So is Python's own code, which is otherwise not where PYTHONDONTWRITEBYTECODE is set: every start would
    read it again (0.13 s of CPU).
    """
    compileall.compile_dir(Path(__file__).parent, quiet=2)
    rng = np.random.default_rng(0)
    noise = rng.random((*_SIZE, 3), np.float32)
    picture = MatchPyramid(noise[..., 0] * np.float32(255))
    match(picture, picture, Similarity())
    for frame in ((noise * 255).astype(np.uint8), (noise * 65535).astype(np.uint16), noise):
        stacker = Stacker(Options(align=False))
        for _ in range(2):
            stacker.add(frame)
        stacker.preview(32)
        depth = stacker.finish().depth
        assert depth is None or depth.confidence.size  # made when it is looked at
        sharpen(frame.copy(), 0.1)  # which frames that need not be interpolated do without
        prepare(frame, _SIZE[1] // 2)  # as frames wider than what is matched are
        _lay_a_tile(frame)  # which takes things that lie over each other


def _lay_a_tile(frame: Image) -> None:
    tile, place = np.zeros((1, 3, TILE_PX, TILE_PX), frame.dtype), np.ones((1, 2), np.int64)
    plane = np.zeros((TILE_PX + 2, TILE_PX + 2), np.float32)
    look(tile, place, 1, plane)
    lay(tile, place, 1, plane, (0, 0), 0.1, frame.copy())


if __name__ == "__main__":
    warm()
