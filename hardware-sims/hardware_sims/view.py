"""What is seen from where: perspective between the sensor's grid and the sheets of a scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from hardware_sims.optics import BlurLadder, SimLens
from hardware_sims.sampled import CELL_PX, SampledSheet
from hardware_sims.scene import Array

__all__ = ["CELL_MARGIN", "Frame", "Region", "Shot", "View", "Viewpoint", "cell_region", "located", "view_of"]

CELL_MARGIN = 32
"""Cells around the frame from which the widest blur may reach in."""

_CELL_LEVEL = 3
_SOLVER_STEPS = 4  # each divides the error by about v/(u·slope), above 5: from 2 mm to 3 µm; one more follows


@dataclass(frozen=True, slots=True)
class Frame:
    """The sensor's grid as the renderer sees it.

    Parameters
    ----------
    width_px, height_px : int
        Pixels.
    pitch_mm : float
        Pixel size on the sensor.
    shift_px : tuple of float
        How far the grid's middle lies right of and below the axis.
    """

    width_px: int
    height_px: int
    pitch_mm: float
    shift_px: tuple[float, float] = (0.0, 0.0)


class Viewpoint(NamedTuple):
    """Where the camera looks from.

    Parameters
    ----------
    carriage_mm : float
        Position towards the subject.
    lateral_mm : tuple of float
        Sideways and downward shift of the whole camera.
    """

    carriage_mm: float
    lateral_mm: tuple[float, float] = (0.0, 0.0)


class Region(NamedTuple):
    """Rows and columns of a level's grid; may reach outside the frame."""

    top: int
    bottom: int
    left: int
    right: int

    def grown(self, by: int) -> Region:
        """Larger on all sides."""
        return Region(self.top - by, self.bottom + by, self.left - by, self.right + by)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.bottom - self.top, self.right - self.left


@dataclass(frozen=True, slots=True)
class View:
    """One sheet seen from one viewpoint: perspective solved on the cells, and what lies where."""

    sheet: SampledSheet
    scale: Array  # (cells) lateral distance in the scene over distance in the plane of focus
    covered: Array  # (cells) bool
    least_blur: Array  # (cells) px, squared
    most_blur: Array


@dataclass(frozen=True, slots=True)
class Shot:
    """What is fixed during one rendering."""

    frame: Frame
    lens: SimLens
    viewpoint: Viewpoint
    ladder: BlurLadder
    gain_px: float  # blur in px is gain·|dz|/(v+dz)
    reach_mm: tuple[float, float] | None = None  # depths in focus together; the plane of focus alone if None

    @property
    def pixel_mm(self) -> float:
        """A sensor pixel in the plane of focus."""
        return self.frame.pitch_mm / self.lens.magnification

    @property
    def in_focus_mm(self) -> tuple[float, float]:
        """Nearest and farthest depth without blur."""
        return self.reach_mm or (self.viewpoint.carriage_mm, self.viewpoint.carriage_mm)

    def places(self, level: int, region: Region) -> tuple[Array, Array]:
        """Distances from the axis in the plane of focus, in mm: (columns,), (rows, 1)."""
        step = self.pixel_mm * 2**level
        half_w = self.frame.width_px / 2.0 - self.frame.shift_px[0]
        half_h = self.frame.height_px / 2.0 - self.frame.shift_px[1]
        x = (np.arange(region.left, region.right) + 0.5) * step - half_w * self.pixel_mm
        y = (np.arange(region.top, region.bottom) + 0.5) * step - half_h * self.pixel_mm
        return x.astype(np.float32), y.astype(np.float32)[:, None]

    def scale_of(self, depth: Array) -> Array:
        """Perspective: (v+z−x)/v."""
        v = self.lens.pupil_distance_mm
        return (depth + np.float32(v - self.viewpoint.carriage_mm)) * np.float32(1.0 / v)

    def blur_squared(self, depth: Array) -> Array:
        """Squared blur diameter in px² at a depth, seen from the nearest position that has it sharpest."""
        low, high = self.in_focus_mm
        dz = depth - (np.float32(low) if low == high else np.clip(depth, np.float32(low), np.float32(high)))
        blur = dz * np.float32(self.gain_px) / (dz + np.float32(self.lens.pupil_distance_mm))
        return np.asarray(blur * blur)

    def scene_places(self, level: int, region: Region, scale: Array) -> tuple[Array, Array]:
        """Places in the scene seen at the pixels of a region, (rows, columns) each."""
        x, y = self.places(level, region)
        dx, dy = self.viewpoint.lateral_mm
        return x * scale + np.float32(dx), y * scale + np.float32(dy)


def view_of(shot: Shot, sheet: SampledSheet) -> View:
    """Solve X = u·(v+Z(X)−x)/v on the cells, and note cover and blur there."""
    region = cell_region(shot.frame)
    scale = shot.scale_of(np.full(region.shape, sheet.levels[-1].depth_mm.mean(), np.float32))
    for _ in range(_SOLVER_STEPS):
        scale = shot.scale_of(
            sheet.sample_depth(_CELL_LEVEL, *_texels(shot, sheet, _CELL_LEVEL, region, scale))
        )
    cover, near, far = sheet.sample_cells(*shot.scene_places(_CELL_LEVEL, region, scale))
    at_near, at_far = shot.blur_squared(near), shot.blur_squared(far)
    low, high = shot.in_focus_mm
    least = np.where((near <= high) & (far >= low), 0.0, np.minimum(at_near, at_far))
    return View(sheet, scale, cover > 0.0, least, np.maximum(at_near, at_far))


def cell_region(frame: Frame) -> Region:
    """Cells of a frame and of the margin around it."""
    rows, columns = -(-frame.height_px // CELL_PX), -(-frame.width_px // CELL_PX)
    return Region(0, rows, 0, columns).grown(CELL_MARGIN)


def _texels(shot: Shot, sheet: SampledSheet, level: int, region: Region, scale: Array) -> tuple[Array, Array]:
    """Texel coordinates of what is seen at the pixels of a region, with two passes over them."""
    x, y = shot.places(level, region)
    texel_mm = sheet.levels[level].texel_mm
    origin_x, origin_y = sheet.texel_of(level, *shot.viewpoint.lateral_mm)
    map_x, map_y = (x / np.float32(texel_mm)) * scale, (y / np.float32(texel_mm)) * scale
    map_x += np.float32(origin_x)
    map_y += np.float32(origin_y)
    return map_x, map_y


def located(shot: Shot, view: View, level: int, region: Region) -> tuple[Array, Array, Array]:
    """Depth and texel coordinates of every pixel of a region of a level."""
    ratio = 2.0 ** (level - _CELL_LEVEL)
    rows, columns = region.shape
    to_cells = np.array(
        [
            [ratio, 0.0, (region.left + 0.5) * ratio - 0.5 + CELL_MARGIN],
            [0.0, ratio, (region.top + 0.5) * ratio - 0.5 + CELL_MARGIN],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    scale = cv2.warpAffine(
        view.scale, to_cells, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    sheet = view.sheet
    depth = sheet.sample_depth(level, *_texels(shot, sheet, level, region, scale))
    map_x, map_y = _texels(shot, sheet, level, region, shot.scale_of(depth))
    return depth, map_x, map_y
