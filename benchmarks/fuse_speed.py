"""How long the stacker takes: ``python -m benchmarks.fuse_speed [--megapixels 2 6 24] [--frames 8]
[--folder DIR]``.

Prints CPU and wall seconds of ``add``, ``preview`` and ``finish``, beside the floor: decoding each JPEG and
warping it once with OpenCV's cubic warp in the source's type. Wall times mean little on a machine that does
other things.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from stacker import Stacker, list_frames, read_frame, write_image


@contextmanager
def timed(totals: dict[str, tuple[float, float]], name: str) -> Iterator[None]:
    """Add CPU and wall seconds of the block to a total."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    before = totals.get(name, (0.0, 0.0))
    totals[name] = before[0] + time.process_time() - cpu, before[1] + time.perf_counter() - wall


def moving_texture(megapixels: float, count: int, folder: Path) -> list[Path]:
    """Write frames of a texture that grows and is sharp in a band that moves down."""
    width = round((megapixels * 1e6 * 1.5) ** 0.5 / 2) * 2
    height = round(width / 1.5)
    rng = np.random.default_rng(0)
    small = cv2.GaussianBlur(rng.integers(0, 255, (height, width, 3), np.uint8), (0, 0), 0.8)
    blurred = cv2.GaussianBlur(small, (0, 0), 5)
    paths = []
    for index in range(count):
        sharp = np.zeros((height, 1, 1), np.float32)
        sharp[height * index // count : height * (index + 1) // count] = 1
        picture = small * sharp + blurred * (1 - sharp)
        scale = 1 - 0.002 * index
        matrix = np.array([[scale, 0, (1 - scale) * width / 2], [0, scale, (1 - scale) * height / 2]])
        moved = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
        paths.append(folder / f"{index}.jpg")
        write_image(paths[-1], np.clip(moved, 0, 255).astype(np.uint8))
    return paths


def floor(paths: list[Path]) -> None:
    """Decode and warp, nothing else."""
    matrix = np.array([[1.001, 0.0001, -3.3], [-0.0001, 1.001, 2.7]])
    for path in paths:
        pixels = read_frame(path).pixels
        size = (pixels.shape[1], pixels.shape[0])
        cv2.warpAffine(pixels, matrix, size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)


def stack(paths: list[Path], totals: dict[str, tuple[float, float]]) -> None:
    """Fuse in order, as during a run."""
    stacker = Stacker()
    for path in paths:
        with timed(totals, "add (with decoding)"):
            stacker.add(path)
    with timed(totals, "preview"):
        stacker.preview(900)
    with timed(totals, "finish"):
        stacker.finish()


def report(title: str, paths: list[Path], say: Callable[[str], object] = print) -> None:
    """Measure one set of files."""
    frame = read_frame(paths[0])
    say(f"{title}: {len(paths)} frames of {frame.width} × {frame.height} px")
    totals: dict[str, tuple[float, float]] = {}
    with timed(totals, "floor: decode and warp"):
        floor(paths)
    stack(paths, totals)
    for name, (cpu, wall) in totals.items():
        count = len(paths) if name.startswith(("add", "floor")) else 1
        each = " a frame" if count > 1 else ""
        say(f"  {name:24} {cpu / count:6.3f} s CPU  {wall / count:6.3f} s wall{each}")
    unit = 1 if sys.platform == "darwin" else 1024
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    say(f"  peak memory of the process {peak_mb:.0f} MB")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megapixels", type=float, nargs="*", default=[2.16, 6.0, 24.0])
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--folder", type=Path, nargs="*", default=[])
    arguments = parser.parse_args()
    for folder in arguments.folder:
        report(folder.name, list_frames([folder]))
    for megapixels in arguments.megapixels:
        with tempfile.TemporaryDirectory() as folder:
            report(f"{megapixels:g} MP", moving_texture(megapixels, arguments.frames, Path(folder)))


if __name__ == "__main__":
    main()
