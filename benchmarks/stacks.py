"""Rendered stacks with known truth, made once and kept: ``python -m benchmarks.stacks [NAME…]``.

Six scenes and three further ones, each hard for fusion in one way, seen through the bench's optics: physical
defocus, occlusion, the change of perspective as the camera moves, diffraction, photon noise, clipping,
flicker. `load` renders what is not in the cache yet and returns a `RenderedStack`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from benchmarks.recipes import EVERY, RECIPES, Recipe
from benchmarks.studio import Array, Studio, read, write

__all__ = [
    "FINE",
    "VIEWS",
    "Array",
    "RenderedStack",
    "View",
    "cache_folder",
    "exposed",
    "load",
    "mosaics",
]

View = Literal["first", "middle", "last"]
VIEWS: tuple[View, ...] = ("first", "middle", "last")
"""Frames whose perspective the truth is rendered in: stackers take one of these for reference."""

FINE = 3
"""Samples of the fine truth per pixel each way. What lies between them is off by 39 to 61 dB (eight scenes at
750 px, halfway between all four); of two samples it is 36 to 59, of one 25 to 47."""

_VERSION = 2  # of what is rendered; a change makes the cache stale


def cache_folder() -> Path:
    """Where stacks are kept unless told otherwise: ``FOCUSRIG_BENCH_CACHE`` or a system temporary folder."""
    return Path(
        os.environ.get("FOCUSRIG_BENCH_CACHE") or Path(tempfile.gettempdir()) / "focusrig-bench-stacks"
    )


@dataclass(frozen=True)
class RenderedStack:
    """A stack on disk with all that is known about it.

    Parameters
    ----------
    name, seed, bits
        As asked for.
    folder : Path
        ``frames/`` holds nothing but the frames; the rest lies beside it.
    paths : tuple of Path
        TIFF files, near end first.
    positions_mm : tuple of float
        True carriage positions.
    gains : tuple of float
        Brightness of each frame beside the scene's; 1 for the middle one.
    pupil_distance_mm : float
        Of the lens.
    lateral_px : tuple of (float, float)
        Sideways place of the camera at each frame, in pixels of the plane of focus.
    size_px : tuple of int
        Width and height.
    recipe : Recipe
        How it was shot.
    """

    name: str
    seed: int
    bits: int
    folder: Path
    paths: tuple[Path, ...]
    positions_mm: tuple[float, ...]
    gains: tuple[float, ...]
    pupil_distance_mm: float
    lateral_px: tuple[tuple[float, float], ...]
    size_px: tuple[int, int]
    recipe: Recipe

    @property
    def reference(self) -> int:
        """Index of the middle frame, whose view `stacker fuse` takes by default."""
        return len(self.paths) // 2

    def index_of(self, view: View) -> int:
        """Frame that has a view."""
        return {"first": 0, "middle": self.reference, "last": len(self.paths) - 1}[view]

    def frames(self) -> Iterator[Array]:
        """The frames, (h, w, 3) uint8 or uint16 RGB."""
        for path in self.paths:
            yield read(path)

    def truth(self, view: View = "middle") -> Array:
        """All in focus without noise, clipped, sRGB; (h, w, 3) float32 RGB, 0 to 1.

        What lies behind the last plane of focus is blurred as in the last frame: no stack has it sharper.
        """
        return np.asarray(read(self.folder / f"truth_{view}.png").astype(np.float32) / np.float32(65535.0))

    def fine_truth(self, view: View = "middle") -> Array:
        """The truth read `FINE` times per pixel each way; (FINE·h, FINE·w, 3) uint16 RGB.

        Sample FINE·x, FINE·y is pixel x, y of the truth; the others are what pixels in between would have
        been. A result that falls between the truth's pixels is held against these, since interpolating the
        truth itself would blur it. All views are rendered when one is asked for first, and kept.
        """
        path = self.folder / f"truth_{view}_x{FINE}.png"
        if not path.exists():
            studio = Studio(self.recipe, self.seed, self.bits, self.size_px[0])
            # Made aside and put in place whole, as stacks are.
            with tempfile.TemporaryDirectory(dir=self.folder, prefix=".making-") as aside:
                for name in VIEWS:
                    made = Path(aside) / f"truth_{name}_x{FINE}.png"
                    write(made, studio.fine_truth(self.index_of(name), FINE))
                    made.replace(self.folder / made.name)
            studio.close()
        return read(path)

    def depth_mm(self, view: View = "middle") -> Array:
        """Depth of the nearest surface that covers at least half of each pixel; (h, w) float32.

        A plane at depth z is in focus from carriage position z.
        """
        with np.load(self.folder / f"depth_{view}.npz") as stored:
            return np.asarray(stored["depth_mm"])

    def depth_index(self, view: View = "middle") -> Array:
        """The same in frames: 0 where the first is in focus; may lie outside 0 to n − 1."""
        first, last = self.positions_mm[0], self.positions_mm[-1]
        return np.asarray(
            (self.depth_mm(view) - first) * ((len(self.paths) - 1) / (last - first)), np.float32
        )

    def translucent(self, view: View = "middle") -> Array:
        """Where two depths share a pixel (covers between 5 and 95 %), so that no one index is right; bool."""
        with np.load(self.folder / f"depth_{view}.npz") as stored:
            return np.asarray(stored["translucent"])

    def transforms(self, view: View = "middle") -> Array:
        """For each frame, pixels of what it has in focus to pixels of the view; (n, 3, 3) float64."""
        at = self.index_of(view)
        centre = (np.array(self.size_px) - 1) / 2.0
        matrices = np.tile(np.eye(3), (len(self.paths), 1, 1))
        for matrix, position, lateral in zip(matrices, self.positions_mm, self.lateral_px, strict=True):
            scale = self.pupil_distance_mm / (self.pupil_distance_mm + position - self.positions_mm[at])
            moved = np.array(lateral) - np.array(self.lateral_px[at])
            matrix[:2, :2] *= scale
            matrix[:2, 2] = centre + scale * (moved - centre)
        return matrices

    def common(self, view: View = "middle") -> tuple[slice, slice]:
        """Rows and columns of a view that every frame covers, two pixels inside."""
        width, height = self.size_px
        corners = np.array([[0, 0, 1], [width - 1, height - 1, 1]], float).T
        low, high = np.zeros(2), np.array([width - 1.0, height - 1.0])
        for matrix in self.transforms(view):
            ends = (matrix @ corners)[:2]
            low, high = np.maximum(low, ends[:, 0]), np.minimum(high, ends[:, 1])
        (left, top), (right, bottom) = np.ceil(low).astype(int) + 2, np.floor(high).astype(int) - 2
        return slice(int(top), int(bottom) + 1), slice(int(left), int(right) + 1)

    @cached_property
    def megapixels(self) -> float:
        """Of a frame."""
        return self.size_px[0] * self.size_px[1] / 1e6


def load(
    name: str | Recipe, seed: int = 1, bits: int = 8, width_px: int = 1500, cache: Path | None = None
) -> RenderedStack:
    """A stack from the cache, rendered first if need be.

    Parameters
    ----------
    name : str or Recipe
        One of `benchmarks.recipes`, or how a scene of one of their names is shot otherwise.
    seed : int
        Of the scene, its noise, flicker and drift.
    bits : int
        Of the frames, 8 or 16.
    width_px : int
        Frames are 3:2. 1500 is what the recipes were made for; 750 halves blur and detail.
    cache : Path, optional
        See `cache_folder`.
    """
    recipe = EVERY[name] if isinstance(name, str) else name
    made_of = json.dumps([_VERSION, asdict(recipe), seed, bits, width_px])
    key = hashlib.sha256(made_of.encode()).hexdigest()[:8]
    folder = (cache or cache_folder()) / f"{recipe.name}-s{seed}-{bits}bit-{width_px}px-{key}"
    if not (folder / "stack.json").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Made aside and put in place whole: two processes may want the same stack at once.
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as aside:
            made = Path(aside) / "stack"
            Studio(recipe, seed, bits, width_px).shoot(made)
            try:
                made.rename(folder)
            except OSError:
                if not (folder / "stack.json").exists():
                    raise
    return _opened(folder, recipe)


def exposed(stack: RenderedStack, index: int, factor: float) -> Array:
    """A frame of a stack as it were had it been exposed so many times longer; (h, w, 3) RGB.

    What becomes brighter than white is clipped by the sensor, and the noise is that of more light.
    """
    studio = Studio(stack.recipe, stack.seed, stack.bits, stack.size_px[0])
    try:
        return studio.photograph(index, factor)
    finally:
        studio.close()


def mosaics(
    recipe: Recipe | str, seed: int, width_px: int, indexes: Sequence[int] | None = None
) -> Iterator[Array]:
    """What the sensor counts before anything is developed, frame by frame; (h, w) uint16, RGGB."""
    recipe = RECIPES[recipe] if isinstance(recipe, str) else recipe
    studio = Studio(recipe, seed, 16, width_px)
    try:
        for index in range(recipe.frames) if indexes is None else indexes:
            yield studio.mosaic(index)
    finally:
        studio.close()


def _opened(folder: Path, recipe: Recipe) -> RenderedStack:
    known = json.loads((folder / "stack.json").read_text())
    return RenderedStack(
        name=known["name"],
        seed=known["seed"],
        bits=known["bits"],
        folder=folder,
        paths=tuple(sorted((folder / "frames").iterdir())),
        positions_mm=tuple(known["positions_mm"]),
        gains=tuple(known["gains"]),
        pupil_distance_mm=known["pupil_distance_mm"],
        lateral_px=tuple((x, y) for x, y in known["lateral_px"]),
        size_px=(known["width_px"], known["height_px"]),
        recipe=recipe,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Render stacks into the cache and print their folders."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = ", ".join(EVERY)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {names}; the first six by default")
    parser.add_argument("--seeds", type=int, nargs="*", default=[1])
    parser.add_argument("--bits", type=int, nargs="*", default=[8], choices=[8, 16])
    parser.add_argument("--width", type=int, default=1500)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--sheet", type=Path, help="a picture to make of what the scenes look like")
    args = parser.parse_args(arguments)
    os.nice(10)
    made = []
    for name in args.names or RECIPES:
        for seed in args.seeds:
            for bits in args.bits:
                made.append(load(name, seed, bits, args.width, args.cache))
                print(made[-1].folder)
    if args.sheet:
        _sheet(args.sheet, made)


def _sheet(path: Path, stacks: Sequence[RenderedStack], width_px: int = 320) -> None:
    """Of each stack the truth and, to its right, the middle frame; two stacks a row."""
    tiles = []
    for stack in stacks:
        frame = read(stack.paths[stack.reference])
        pair = np.hstack([stack.truth(), frame.astype(np.float32) / np.iinfo(frame.dtype).max])
        size = (2 * width_px, width_px * 2 // 3)
        tiles.append(cv2.resize(pair, size, interpolation=cv2.INTER_AREA))
    tiles += [np.ones_like(tiles[0])] * (len(tiles) % 2)
    rows = [np.hstack(tiles[k : k + 2]) for k in range(0, len(tiles), 2)]
    picture = np.rint(np.vstack(rows) * 255.0).astype(np.uint8)
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 68])


if __name__ == "__main__":
    main()
