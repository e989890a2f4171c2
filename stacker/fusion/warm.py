"""Compiles the loops of the fusion ahead, so that the first stack need not wait.

To be run as ``python -m stacker.fusion.warm``, after installing.
"""

from __future__ import annotations

import numpy as np

from stacker.options import Options
from stacker.stack import Stacker

__all__ = ["warm"]


def warm() -> None:
    """Fuse two tiny frames of every type; what is compiled for them is kept on the disk."""
    rng = np.random.default_rng(0)
    noise = rng.random((64, 96, 3), np.float32)
    for frame in ((noise * 255).astype(np.uint8), (noise * 65535).astype(np.uint16), noise):
        stacker = Stacker(Options(align=False))
        for _ in range(2):
            stacker.add(frame)
        stacker.preview(32)
        stacker.finish()


if __name__ == "__main__":
    warm()
