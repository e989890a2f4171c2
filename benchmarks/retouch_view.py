"""How quickly a view under retouches is shown: ``python -m benchmarks.retouch_view [--megapixels 24]``.

Twelve made-up frames (or a stack folder), five polygons and a brush stroke of 900 px, each from another
frame, or a mask; views of a megapixel at full size, at half, and of all, each for the first time and after
that. Printed is processor time of all threads; the target is 100 ms in every case, once frames are read
(`Retoucher.prepare`).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from stacker import (
    FromFrame,
    MaskFile,
    Polygon,
    Retouch,
    Retoucher,
    Strokes,
    fuse_files,
    load_stack,
    write_image,
)
from stacker.result import Stack

TARGET_MS = 100.0
_FRAMES = 12
_SIDE_PX = 900


def stack_of(folder: Path, megapixels: float, dtype: str) -> Stack:
    """A stack folder of textured frames, each a little turned, larger and darker than the one before."""
    width = int(np.sqrt(megapixels * 1.5e6)) // 2 * 2
    height = width * 2 // 3
    rng = np.random.default_rng(1)
    white = np.iinfo(dtype).max
    scene = cv2.resize(rng.random((height // 8, width // 8, 3), np.float32), (width, height))
    paths = []
    for number in range(_FRAMES):
        paths.append(folder / f"f{number + 1:02d}.tif")
        write_image(paths[-1], (scene * np.float32(white * (0.6 + 0.03 * number))).astype(dtype))
    fuse_files(paths).stack.save_folder(folder / "a.stack")
    return load_stack(folder / "a.stack")


def retouches_at(x: float, y: float, feather_px: float, names: list[str]) -> list[Retouch]:
    """Five polygons and a stroke around a place, all of them within a view of a megapixel."""
    s = _SIDE_PX / 2
    found = []
    for turn, name in enumerate(names[:5]):
        angles = np.linspace(0, 2 * np.pi, 7)[:-1] + turn
        corners = tuple((float(x + s * np.cos(a)), float(y + s * np.sin(a))) for a in angles)
        found.append(
            Retouch(region=Polygon(points_px=corners), source=FromFrame(name=name), feather_px=feather_px)
        )
    line = tuple((float(x - s + t), float(y + 60 * np.sin(t / 40))) for t in range(0, _SIDE_PX, 10))
    stroke = Strokes(lines_px=(line,), radius_px=40)
    return [*found, Retouch(region=stroke, source=FromFrame(name=names[5]), feather_px=feather_px)]


def spent_ms(work: Callable[[], Any]) -> float:
    """Processor time of a piece of work, all threads."""
    started = time.process_time()
    work()
    return 1e3 * (time.process_time() - started)


def measure(stack: Stack, folder: Path, times: int) -> float:
    """Print the figures of a stack; the largest of them."""
    names = [report.name for report in stack.reports if report.used]
    height, width = stack.image.shape[:2]
    x, y = width // 2, height // 2
    origin = stack.origin_px
    views = {
        "full size": (x - 500, y - 500, 1000, 1000),
        "half size": (x - 1000, y - 1000, 2000, 2000),
        "the whole picture": (0, 0, width, height),
    }
    mask = np.zeros((height, width), np.uint8)
    cv2.circle(mask, (x, y), min(x, y) - 1, 255, -1)
    write_image(folder / "mask.png", np.broadcast_to(mask[..., None], (height, width, 3)))
    cases = {
        f"feather {feather_px} px": retouches_at(x + origin[0], y + origin[1], feather_px, names)
        for feather_px in (4, 40, 400)
    }
    painted = MaskFile(file="mask.png", at_px=origin)
    cases["a mask of all of it"] = [Retouch(region=painted, source=FromFrame(name=names[3]), feather_px=20)]
    most = 0.0
    for what, retouches in cases.items():
        retoucher = Retoucher(stack, folder)
        prepared = spent_ms(partial(retoucher.prepare, retouches))
        print(f"{what}: {prepared:.0f} ms to read {len(retouches)} frames and lay them on the picture")
        for name, view in views.items():
            spent = [spent_ms(partial(retoucher.preview, view, retouches)) for _ in range(times + 1)]
            print(
                f"  {name:20} first {spent[0]:4.0f} ms, then {min(spent[1:]):.0f} to {max(spent[1:]):.0f} ms"
            )
            most = max(most, *spent)
    return most


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stack", type=Path, nargs="?", help="a stack folder, instead of made-up frames")
    parser.add_argument("--megapixels", type=float, default=24.0)
    parser.add_argument("--dtype", choices=("uint8", "uint16"), default="uint8")
    parser.add_argument("--times", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        stack = load_stack(args.stack) if args.stack else stack_of(home, args.megapixels, args.dtype)
        most = measure(stack, home, args.times)
    print(f"at most {most:.0f} ms; the target is {TARGET_MS:.0f} ms")
    return 1 if most > TARGET_MS else 0


if __name__ == "__main__":
    sys.exit(main())
