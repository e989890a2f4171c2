"""Rendering of the stacks of `benchmarks.stacks`: frames, truth and depth, through the bench's optics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from hardware_sims.optics import SimLens
from hardware_sims.render import Frame, Renderer, Viewpoint
from hardware_sims.scenes import make_scene
from hardware_sims.sensor import Sensor, srgb_encode

from benchmarks.depth_scenes import SHEETS, depth_scene
from benchmarks.recipes import Recipe

__all__ = ["Array", "Studio", "read", "write"]

Array = np.ndarray[Any, np.dtype[Any]]

_STOP = 5.6  # nominal; only its ratio to the effective f-number matters here


class Studio:
    """Renders one stack.

    Parameters
    ----------
    recipe : Recipe
        How it is shot.
    seed : int
        Of the scene, its noise, flicker and drift.
    bits : int
        Of the frames, 8 or 16.
    width_px : int
        Of the frames, which are 3:2.
    """

    def __init__(self, recipe: Recipe, seed: int, bits: int, width_px: int) -> None:
        self._recipe, self._seed, self._bits = recipe, seed, bits
        self._size = (width_px, round(width_px / 1.5))
        pitch_mm = recipe.width_mm * recipe.magnification / width_px
        self._pixel_mm = recipe.width_mm / width_px
        self._sensor = Sensor(*self._size, pitch_mm * 1000.0)
        make = depth_scene if recipe.name in SHEETS else make_scene
        scene = make(recipe.name, width_mm=recipe.width_mm, depth_mm=recipe.depth_mm, seed=seed)
        lens = SimLens(recipe.magnification, recipe.effective_f_number, _STOP, recipe.pupil_distance_mm)
        self._renderer = Renderer(scene, lens, Frame(*self._size, pitch_mm))

    def shoot(self, folder: Path) -> None:
        """Write frames and truth."""
        recipe = self._recipe
        (folder / "frames").mkdir(parents=True)
        positions = recipe.positions_mm
        count, middle = len(positions), len(positions) // 2
        gains, lateral_px = self._drawn()
        for index in range(count):
            write(folder / "frames" / f"{index:03d}.tif", self.photograph(index))
        for name, index in (("first", 0), ("middle", middle), ("last", count - 1)):
            self._truth(folder, name, self._viewpoint(positions[index], lateral_px[index]))
        self.close()
        known = {
            "name": recipe.name,
            "seed": self._seed,
            "bits": self._bits,
            "positions_mm": positions,
            "gains": gains.tolist(),
            "pupil_distance_mm": recipe.pupil_distance_mm,
            "lateral_px": lateral_px.tolist(),
            "width_px": self._size[0],
            "height_px": self._size[1],
        }
        (folder / "stack.json").write_text(json.dumps(known))

    def photograph(self, index: int, factor: float = 1.0) -> Array:
        """A frame, exposed so many times longer than it should be."""
        light = self._light(index) * np.float32(factor)
        seed = self._seed, index
        return np.asarray(self._sensor.develop(light, self._recipe.iso, seed, self._renderer.run, self._bits))

    def mosaic(self, index: int) -> Array:
        """A frame as the sensor counts it."""
        seed = self._seed, index
        return np.asarray(self._sensor.mosaic(self._light(index), self._recipe.iso, seed, self._renderer.run))

    def _light(self, index: int) -> Array:
        gains, lateral_px = self._drawn()
        view = self._viewpoint(self._recipe.positions_mm[index], lateral_px[index])
        return np.asarray(self._renderer.render(view, _STOP) * np.float32(gains[index]))

    def close(self) -> None:
        """End the renderer's threads."""
        self._renderer.close()

    def _drawn(self) -> tuple[Array, Array]:
        """Brightness of each frame, (n,), and where the camera stands sideways, (n, 2) px."""
        rng = np.random.default_rng((self._seed, 77))
        count = self._recipe.frames
        gains = 1.0 + rng.uniform(-self._recipe.flicker, self._recipe.flicker, count)
        gains[count // 2] = 1.0
        return gains, self._wander(rng, count)

    def _wander(self, rng: np.random.Generator, count: int) -> Array:
        """Where the camera stands sideways, (n, 2) px: the rail is not quite along the axis, and shakes."""
        size = self._recipe.drift_px * self._size[0] / 1500.0
        along = np.linspace(-0.5, 0.5, count)[:, None]
        angle = rng.uniform(0, 2 * np.pi)
        wander = along * size * np.array([np.cos(angle), np.sin(angle)])
        return np.asarray(wander + rng.normal(0.0, 0.1 * size, (count, 2)))

    def _viewpoint(self, position_mm: float, lateral_px: Array) -> Viewpoint:
        return Viewpoint(
            position_mm, (float(lateral_px[0]) * self._pixel_mm, float(lateral_px[1]) * self._pixel_mm)
        )

    def fine_truth(self, index: int, phases: int) -> Array:
        """The truth in a frame's view, read so many times per pixel each way; (h·n, w·n, 3) uint16.

        Each sample is what a whole pixel of the frame's size would have there: pixel integration is that of
        the frame, and every n-th sample is a pixel of the truth itself, to the bit.
        """
        width, height = self._size
        fine = np.empty((height * phases, width * phases, 3), np.uint16)
        viewpoint = self._viewpoint(self._recipe.positions_mm[index], self._drawn()[1][index])
        for down, right in np.ndindex(phases, phases):
            fine[down::phases, right::phases] = self._sharp(viewpoint, (right / phases, down / phases))
        return fine

    def _sharp(self, viewpoint: Viewpoint, shift_px: tuple[float, float] = (0.0, 0.0)) -> Array:
        positions = self._recipe.positions_mm
        reach = positions[0], positions[-1]
        sharp = srgb_encode(self._renderer.render_reached(viewpoint, _STOP, reach, shift_px))
        return np.asarray(np.round(sharp * 65535.0).astype(np.uint16))

    def _truth(self, folder: Path, name: str, viewpoint: Viewpoint) -> None:
        write(folder / f"truth_{name}.png", self._sharp(viewpoint))
        depth = self._renderer.depth_mm(viewpoint, _STOP)
        shared = np.zeros(depth.shape, bool)
        for cover in self._renderer.covers(viewpoint, _STOP)[1:]:
            shared |= (cover > 0.05) & (cover < 0.95)
        np.savez(folder / f"depth_{name}.npz", depth_mm=depth, translucent=shared)


def read(path: Path) -> Array:
    """A picture as RGB, of the bits it has."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise FileNotFoundError(f"{path} is not there or cannot be read")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))


def write(path: Path, picture: Array) -> None:
    """Keep an RGB picture, uint8 or uint16, by what its name says it is."""
    # Not compressed: what a stacker needs for decoding should not hide what it needs for stacking.
    flags = [cv2.IMWRITE_TIFF_COMPRESSION, 1] if path.suffix == ".tif" else []
    if not cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), flags):
        raise OSError(f"{path} could not be written")
